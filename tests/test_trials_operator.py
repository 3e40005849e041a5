"""The operator's desk: requests where they make sense, a runner that waits, and outcomes that are the operator's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from maxent_robot.trials.operator_desk import (
    ACKNOWLEDGE,
    ASKING,
    CLEARING,
    FAILED,
    PAUSED,
    RUNNING,
    WAITING,
    ExperimentEnded,
    OperatorDesk,
    OperatorStopError,
)
from maxent_robot.trials.outcome import (
    FORCE_STOP,
    JAM,
    NOT_INSERTED,
    OPERATOR,
    SUCCESS,
    TIMEOUT,
    InsertionJudge,
    SuccessCriterion,
)


def meanwhile(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Start something that waits; what it returned, or raised, is in the list when it has ended."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, found


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_runner_waits_for_the_start_and_again_after_a_pause() -> None:
    desk = OperatorDesk()
    thread, _ = meanwhile(desk.wait_to_begin)
    until(lambda: desk.told.phase == WAITING and desk.told.prompt != "")
    assert desk.start() == (True, "the experiment goes on")
    thread.join(5.0)
    assert not thread.is_alive()
    assert desk.start()[0] is False
    assert desk.pause()[0]
    desk.tell(attempt=1, done=1)
    thread, _ = meanwhile(desk.wait_to_begin)
    until(lambda: desk.told.phase == PAUSED)
    desk.start()
    thread.join(5.0)
    assert desk.told.prompt == ""


def test_one_that_begins_at_once_does_not_wait() -> None:
    desk = OperatorDesk(begin=True)
    thread, found = meanwhile(desk.wait_to_begin)
    thread.join(5.0)
    assert found == [None]


def test_a_fault_waits_for_its_acknowledgement_and_an_old_one_does_not_count() -> None:
    desk = OperatorDesk(begin=True)
    assert desk.acknowledge() == (False, "nothing is to be acknowledged: the phase is waiting")
    for _ in range(2):
        thread, _ = meanwhile(lambda: desk.wait_for_acknowledgement("remove the cause"))
        until(lambda: desk.told.phase == ACKNOWLEDGE)
        assert desk.told.prompt == "remove the cause"
        time.sleep(0.05)
        assert thread.is_alive()
        assert desk.acknowledge() == (True, "acknowledged")
        thread.join(5.0)
        assert not thread.is_alive()
        desk.tell(phase=CLEARING)


@pytest.mark.parametrize(("inserted", "outcome"), [(True, SUCCESS), (False, NOT_INSERTED)])
def test_the_operator_may_judge_while_a_trial_runs_or_when_asked(inserted: bool, outcome: str) -> None:
    desk = OperatorDesk(begin=True)
    assert desk.answer(inserted)[0] is False
    desk.tell(phase=RUNNING)
    assert desk.decided() is None
    assert desk.answer(inserted) == (True, outcome)
    assert desk.decided() == outcome
    desk.begin_trial()
    assert desk.decided() is None
    thread, found = meanwhile(lambda: desk.wait_for_answer("is the plug in?"))
    until(lambda: desk.told.phase == ASKING)
    desk.answer(inserted)
    thread.join(5.0)
    assert found == [inserted]


def test_a_stop_breaks_off_a_trial_or_what_leads_to_it() -> None:
    desk = OperatorDesk(begin=True)
    desk.tell(phase=RUNNING)
    assert desk.stop() == (True, "the trial is broken off")
    assert desk.decided() == OPERATOR
    desk.check()
    desk.begin_trial()
    desk.tell(phase=CLEARING)
    assert desk.stop()[1].startswith("the arm is stopped")
    with pytest.raises(OperatorStopError):
        desk.check()
    desk.check()
    thread, _ = meanwhile(desk.wait_to_begin)
    time.sleep(0.05)
    assert thread.is_alive(), "a stop pauses too"
    desk.quit()
    thread.join(5.0)


def test_a_stop_while_the_operator_is_asked_keeps_the_answer_and_the_arm_where_it_is() -> None:
    desk = OperatorDesk(begin=True)
    thread, found = meanwhile(lambda: desk.wait_for_answer("is the plug in?"))
    until(lambda: desk.told.phase == ASKING)
    assert desk.stop() == (True, "the arm stays where it is after the answer, until the next start")
    desk.answer(True)
    thread.join(5.0)
    assert found == [True]
    with pytest.raises(OperatorStopError):
        desk.check()
    thread, _ = meanwhile(desk.wait_to_begin)
    until(lambda: desk.told.prompt == "start the next trial")
    desk.quit()
    thread.join(5.0)


def test_whoever_waits_is_woken_when_the_node_ends() -> None:
    desk = OperatorDesk()
    waits = (desk.wait_to_begin, lambda: desk.wait_for_acknowledgement("x"), lambda: desk.wait_for_answer("x"))
    running = [meanwhile(wait) for wait in waits]
    time.sleep(0.05)
    desk.quit()
    for thread, found in running:
        thread.join(5.0)
        assert isinstance(found[0], ExperimentEnded)
    desk.tell(phase=FAILED, reason="it broke")
    assert desk.start() == (False, "the experiment has failed: it broke")


def judged(samples: Callable[[float], tuple[float, float]], automatic: bool = True) -> InsertionJudge:
    """Judge depth and force over time, at 100 Hz, until there is an outcome."""
    judge = InsertionJudge(0.019, SuccessCriterion(timeout_s=4.0), automatic)
    for step in range(1000):
        t = 0.01 * step
        depth, force = samples(t)
        if judge.update(t, depth, 0.0, 0.0, force) is not None:
            break
    return judge


def test_a_plug_that_stands_in_the_hole_and_is_pressed_is_jammed() -> None:
    assert judged(lambda t: (0.006, 8.0)).outcome == JAM
    assert judged(lambda t: (0.006, 1.0)).outcome == TIMEOUT, "nothing presses it"
    assert judged(lambda t: (-0.0005, 8.0)).outcome == TIMEOUT, "it is not in the hole"
    assert judged(lambda t: (0.002 + 0.001 * t, 8.0)).outcome == TIMEOUT, "it moves on"
    assert judged(lambda t: (0.001 if t < 1.0 else 0.006, 8.0)).outcome == JAM, "the last two seconds count"


def test_success_is_the_operators_to_say_where_it_is_not_automatic() -> None:
    seated = lambda t: (0.019, 5.0)  # noqa: E731
    assert judged(seated).outcome == SUCCESS
    judge = judged(seated, automatic=False)
    assert judge.outcome == JAM, "nobody said anything, and it stood there"
    assert judge.decide(SUCCESS, 4.0) == JAM, "it was decided before"
    fresh = InsertionJudge(0.019)
    assert fresh.decide(NOT_INSERTED, 1.5) == fresh.outcome == NOT_INSERTED
    assert fresh.time_s == 1.5


def test_stops_that_are_asked_for_are_the_operators_and_force_is_force() -> None:
    assert InsertionJudge(0.019).fault("OPERATOR_STOP", 1.0) == OPERATOR
    assert InsertionJudge(0.019).fault("FORCE", 1.0) == FORCE_STOP
    assert InsertionJudge(0.019).fault("TILT", 1.0) == "fault:TILT"
