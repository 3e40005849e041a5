"""The standby by itself: when it lets go, and when it keeps still."""

from __future__ import annotations

import numpy as np
import pytest

from maxent_robot.control.pose import Pose
from maxent_robot.safety.standby import MEASURED_S, RELEASING_S, Standby
from maxent_robot.safety.state_machine import COMMANDING, State

CYCLE_S = 0.005
SILENCE_S = 0.032


def commanded(state: State = State.RUNNING, dry_run: bool = False) -> Standby:
    """After half a second of commands, the last at 0.5 s."""
    standby = Standby(SILENCE_S)
    standby.on_state(state.value, dry_run)
    for cycle in range(101):
        standby.on_command(CYCLE_S * cycle)
        standby.on_measured(at(CYCLE_S * cycle), CYCLE_S * cycle)
        assert standby.tick(CYCLE_S * cycle) is None
    return standby


def at(now_s: float) -> Pose:
    """Where the arm is: it moves."""
    return Pose.of([0.1 * now_s, 0.0, 0.3], [1.0, 0.0, 0.0, 0.0])


def sent(standby: Standby, until_s: float, measured: bool = True) -> dict[float, Pose]:
    """What it sends from 0.5 s on, by the time."""
    found = {}
    for cycle in range(1, round((until_s - 0.5) / CYCLE_S) + 1):
        now_s = 0.5 + CYCLE_S * cycle
        if measured:
            standby.on_measured(at(now_s), now_s)
        pose = standby.tick(now_s)
        if pose is not None:
            found[now_s] = pose
    return found


@pytest.mark.parametrize("state", [state for state in State if state in COMMANDING])
def test_a_supervisor_that_falls_silent_while_it_commands_has_the_target_follow_the_arm(state: State) -> None:
    standby = commanded(state)
    found = sent(standby, 1.5)
    assert min(found) == pytest.approx(0.535)
    assert max(found) == pytest.approx(0.535 + RELEASING_S, abs=1.1 * CYCLE_S)
    assert len(found) == round((max(found) - min(found)) / CYCLE_S) + 1
    for now_s, pose in found.items():
        np.testing.assert_array_equal(pose.position, at(now_s).position)


@pytest.mark.parametrize("state", [state for state in State if state not in COMMANDING])
def test_it_keeps_still_where_the_supervisor_sends_nothing(state: State) -> None:
    assert sent(commanded(state), 1.5) == {}


def test_it_keeps_still_in_a_dry_run_and_without_a_state_or_a_command() -> None:
    assert sent(commanded(dry_run=True), 1.5) == {}
    assert sent(Standby(SILENCE_S), 1.5) == {}
    never = Standby(SILENCE_S)
    never.on_state("ARMED", False)
    assert sent(never, 1.5) == {}
    assert not never.watching(1.5)
    never.tick(2.0)  # held up, but there was no command that it could have missed
    for cycle in range(1, 41):
        now_s = 2.0 + CYCLE_S * cycle
        never.on_measured(at(now_s), now_s)
        assert never.tick(now_s) is None


def test_it_lets_go_no_more_once_the_supervisor_goes_on_and_again_when_it_is_silent_again() -> None:
    standby = commanded()
    assert sent(standby, 0.55)
    standby.on_command(0.55)
    assert standby.tick(0.555) is None
    assert not standby.silent(0.555)
    for cycle in range(1, 101):
        standby.tick(0.555 + CYCLE_S * cycle)
    standby.on_command(1.06)
    assert standby.tick(1.06) is None
    again = [standby.tick(1.06 + CYCLE_S * cycle) for cycle in range(1, 10)]
    assert again[-1] is None, "the measured pose is old"
    standby.on_measured(at(1.11), 1.11)
    assert standby.tick(1.11) is not None


def test_a_standby_that_was_held_up_itself_waits_anew() -> None:
    standby = commanded()
    standby.on_measured(at(0.7), 0.7)
    assert standby.tick(0.7) is None
    standby.on_measured(at(0.73), 0.73)
    times = [0.7 + CYCLE_S * cycle for cycle in range(1, 8)]
    assert [standby.tick(now_s) is None for now_s in times] == [True] * 6 + [False]
    standby.on_measured(at(0.76), 0.76)
    assert standby.tick(0.76) is not None, "it lets go already"


def test_a_supervisor_that_ends_in_order_says_so() -> None:
    standby = commanded()
    standby.on_state("INACTIVE", False)
    assert sent(standby, 1.5) == {}


def test_where_the_arm_was_is_no_place_to_send_it_to() -> None:
    standby = commanded()
    found = sent(standby, 1.5, measured=False)
    assert found
    assert max(found) <= 0.5 + MEASURED_S + 1e-9
