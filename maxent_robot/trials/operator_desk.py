"""Between the operator and the runner of an experiment: what the one asks for and what the other tells. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from maxent_robot.errors import MaxentRobotError
from maxent_robot.trials.outcome import NOT_INSERTED, OPERATOR, SUCCESS

WAITING, PAUSED, PREPARING, RUNNING = "waiting", "paused", "preparing", "running"
ACKNOWLEDGE, ASKING, CLEARING, FINISHED, FAILED = "acknowledge", "asking", "clearing", "finished", "failed"
PHASES = (WAITING, PAUSED, PREPARING, RUNNING, ACKNOWLEDGE, ASKING, CLEARING, FINISHED, FAILED)

_ENDED = "the experiment is ended from outside"


class ExperimentEnded(Exception):  # noqa: N818  no error, so what handles errors lets it through
    """The node that runs the experiment is to stop."""


class OperatorStopError(MaxentRobotError):
    """The operator stops what is going on between two trials."""


@dataclass(frozen=True)
class Told:
    """What the runner tells.

    Attributes:
        phase: one of `PHASES`.
        trial, attempt: under way, or the last one.
        done, total: trials with an outcome, and all that are planned.
        label: what the operator may know of the condition.
        prompt: what the operator is asked to do; empty: nothing.
        outcome: of the last trial.
        time_s, depth_m, force_n: of the trial under way.
        counts: by label, (inserted, tried).
        reason: why the experiment has ended, or failed.
        blinded: whether the operator is not to know the condition.
        judges: whether it is the operator who says that a plug is in.
        pauses: whether no further trial begins before the next start.
    """

    phase: str = WAITING
    trial: int = 0
    attempt: int = 0
    done: int = 0
    total: int = 0
    label: str = ""
    prompt: str = ""
    outcome: str = ""
    time_s: float = 0.0
    depth_m: float = 0.0
    force_n: float = 0.0
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    reason: str = ""
    blinded: bool = False
    judges: bool = True
    pauses: bool = False

    @property
    def at_rest(self) -> bool:
        """Whether the experiment leaves the arm to the operator."""
        return self.phase in (WAITING, PAUSED, FINISHED, FAILED)


class OperatorDesk:
    """Requests are refused with a reason where they make no sense; whoever waits for one is woken by it."""

    def __init__(self, begin: bool = False, judges: bool = True) -> None:
        """
        Args:
            begin: without waiting for `start`.
            judges: whether it is the operator who says that a plug is in.
        """
        self._condition = threading.Condition()
        self._goes_on, self._quits = begin, False
        self._acknowledged, self._stopped, self._halted = False, False, False
        self._answer: bool | None = None
        self._told = Told(judges=judges)

    # The operator

    def start(self) -> tuple[bool, str]:
        """Begin, or go on after a pause."""
        with self._condition:
            if self._told.phase in (FINISHED, FAILED):
                return False, f"the experiment has {self._told.phase}: {self._told.reason}"
            if self._goes_on:
                return False, "it runs already"
            self._goes_on = True
            self._condition.notify_all()
            return True, "the experiment goes on"

    def pause(self) -> tuple[bool, str]:
        """Wait before the next trial."""
        with self._condition:
            if not self._goes_on:
                return False, "it does not run"
            self._goes_on = False
            return True, "no further trial begins before the next start"

    def stop(self) -> tuple[bool, str]:
        """Break off the trial under way, or what leads to it or from it, and wait before the next one."""
        with self._condition:
            self._goes_on = False
            if self._told.phase == RUNNING:
                self._stopped = True
                return True, "the trial is broken off"
            if self._told.phase in (PREPARING, CLEARING):
                self._halted = True
                return True, "the arm is stopped; the trial is attempted again at the next start"
            if self._told.phase == ASKING:
                self._halted = True
                return True, "the arm stays where it is after the answer, until the next start"
            return True, "no trial is under way; none begins before the next start"

    def acknowledge(self) -> tuple[bool, str]:
        """The cause of a fault is gone, and the arm may move."""
        with self._condition:
            if self._told.phase != ACKNOWLEDGE:
                return False, f"nothing is to be acknowledged: the phase is {self._told.phase}"
            self._acknowledged = True
            self._condition.notify_all()
            return True, "acknowledged"

    def answer(self, inserted: bool) -> tuple[bool, str]:
        """Whether the plug is in, where the operator is the judge."""
        with self._condition:
            if not self._told.judges:
                return False, "the operator is not the judge of this experiment: its protocol says who is"
            if self._told.phase not in (RUNNING, ASKING):
                return False, f"nothing is to be judged: the phase is {self._told.phase}"
            self._answer = inserted
            self._condition.notify_all()
            return True, SUCCESS if inserted else NOT_INSERTED

    # The runner

    @property
    def told(self) -> Told:
        """What was told last."""
        with self._condition:
            return replace(self._told, pauses=not self._goes_on)

    def tell(self, **changes: Any) -> None:
        """Change what is told."""
        with self._condition:
            self._told = replace(self._told, **changes)

    def begin_trial(self) -> None:
        """Forget what was asked for in the last one."""
        with self._condition:
            self._answer, self._stopped, self._acknowledged = None, False, False

    def decided(self) -> str | None:
        """The outcome that the operator has decided on; None while there is none."""
        with self._condition:
            if self._stopped:
                return OPERATOR
            return None if self._answer is None else SUCCESS if self._answer else NOT_INSERTED

    def wait_to_begin(self) -> None:
        """Wait for `start`, after a pause."""
        with self._condition:
            while not self._goes_on and not self._quits:
                phase = WAITING if not self._told.done and not self._told.attempt else PAUSED
                self._told = replace(self._told, phase=phase, prompt="start the next trial")
                self._condition.wait()
            self._told = replace(self._told, prompt="")
            self._halted = False  # nothing is under way that a stop was for
        self.check()

    def wait_for_acknowledgement(self, prompt: str) -> None:
        """Wait for `acknowledge`."""
        with self._condition:
            self._acknowledged = False
            self._told = replace(self._told, phase=ACKNOWLEDGE, prompt=prompt)
            while not self._acknowledged and not self._quits:
                self._condition.wait()
            self._told = replace(self._told, prompt="")
        self.check()

    def wait_for_answer(self, prompt: str) -> bool:
        """Wait for `answer`; whether the plug is in. The answer counts; a stop meanwhile is for the next `check`."""
        with self._condition:
            self._told = replace(self._told, phase=ASKING, prompt=prompt)
            while self._answer is None and not self._quits:
                self._condition.wait()
            self._told = replace(self._told, prompt="")
            if self._quits:
                raise ExperimentEnded(_ENDED)
            return bool(self._answer)

    def quit(self) -> None:
        """Have the runner end: whoever waits, and whoever checks, gets an `ExperimentEnded`."""
        with self._condition:
            self._quits = True
            self._condition.notify_all()

    def check(self) -> None:
        """Raise ExperimentEnded if the runner is to end, OperatorStopError, once, if the operator stopped it."""
        with self._condition:
            if self._quits:
                raise ExperimentEnded(_ENDED)
            halted, self._halted = self._halted, False
        if halted:
            raise OperatorStopError("stopped by the operator")
