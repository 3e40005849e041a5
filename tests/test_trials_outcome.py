"""The judge at the edges of its criterion."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from maxent_robot.errors import ContractError
from maxent_robot.trials.outcome import InsertionJudge, SuccessCriterion, TrialResult

FULL = 0.019
SEATED = FULL - 0.0005


def judge(**settings: float) -> InsertionJudge:
    return InsertionJudge(FULL, SuccessCriterion(**settings))


def feed(
    j: InsertionJudge,
    times: Iterable[float],
    depth: float = SEATED,
    lateral: float = 0.0,
    tilt: float = 0.0,
    force: float = 5.0,
) -> str | None:
    outcome = None
    for t in times:
        outcome = j.update(t, depth, lateral, tilt, force)
    return outcome


def ticks(start: float, stop: float) -> list[float]:
    return [start + 0.005 * i for i in range(round((stop - start) / 0.005) + 1)]


def test_seated_for_the_hold_time_is_success_and_not_a_sample_sooner() -> None:
    j = judge()
    assert feed(j, ticks(0.0, 1.0), depth=0.01) is None
    assert feed(j, ticks(1.005, 1.250)) is None
    assert feed(j, [1.255]) == "success"
    assert j.time_s == pytest.approx(1.255)


def test_depth_counts_from_the_tolerance_on() -> None:
    assert feed(judge(), ticks(0.0, 1.0), depth=FULL - 0.00101) is None
    assert feed(judge(), ticks(0.0, 1.0), depth=FULL - 0.00099) == "success"


def test_leaving_the_seat_starts_the_hold_again() -> None:
    j = judge()
    assert feed(j, ticks(0.0, 0.2)) is None
    assert feed(j, [0.205], depth=FULL - 0.002) is None
    assert feed(j, ticks(0.210, 0.455)) is None
    assert feed(j, [0.46]) == "success"


@pytest.mark.parametrize("beside", [{"lateral": 0.003}, {"tilt": 0.2}])
def test_depth_beside_the_socket_is_no_insertion(beside: dict[str, float]) -> None:
    assert feed(judge(), ticks(0.0, 9.9), **beside) is None


def test_force_over_the_limit_stops_even_when_seated_and_the_limit_itself_does_not() -> None:
    assert feed(judge(), ticks(0.0, 0.3), force=30.0) == "success"
    j = judge()
    assert feed(j, ticks(0.0, 0.2)) is None
    assert feed(j, [0.205], force=30.01) == "force_stop"
    assert j.peak_force_n == 30.01


def test_time_runs_out_at_the_timeout_unless_seated_at_that_very_moment() -> None:
    assert feed(judge(), ticks(0.0, 9.995), depth=0.0) is None
    assert feed(judge(), ticks(0.0, 10.0), depth=0.0) == "timeout"
    j = judge()
    feed(j, ticks(0.0, 9.745), depth=0.0)
    assert feed(j, ticks(9.75, 10.0)) == "success"


def test_the_first_decision_stands() -> None:
    j = judge()
    feed(j, ticks(0.0, 0.3))
    assert j.update(0.4, SEATED, 0.0, 0.0, 99.0) == "success"
    assert j.fault("WORKSPACE", 0.5) == "success"
    assert j.peak_force_n == 5.0


def test_a_fault_is_an_outcome_with_its_name() -> None:
    j = judge()
    feed(j, ticks(0.0, 0.1), depth=0.0)
    assert j.fault("STALE_WRENCH", 0.11) == "fault:STALE_WRENCH"
    result = TrialResult("s", "two_pin", 1, 0, "mean", str(j.outcome), j.time_s, j.peak_force_n, 0.0, FULL)
    assert result.fault == "STALE_WRENCH"
    assert not result.succeeded


def test_the_supervisors_force_limit_is_the_judges() -> None:
    assert judge().fault("FORCE", 1.0) == "force_stop"


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_sample_that_is_not_finite_is_refused(position: int, value: float) -> None:
    sample = [0.0, 0.0, 0.0, 0.0, 0.0]
    sample[position] = value
    with pytest.raises(ContractError, match="finite"):
        judge().update(*sample)


def test_time_that_runs_backwards_is_refused() -> None:
    j = judge()
    feed(j, [0.1])
    with pytest.raises(ContractError, match="backwards"):
        feed(j, [0.05])


@pytest.mark.parametrize("depth", [0.0, -0.01, math.nan])
def test_a_socket_without_depth_is_refused(depth: float) -> None:
    with pytest.raises(ContractError, match="full_depth_m"):
        InsertionJudge(depth)
