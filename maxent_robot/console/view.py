"""What the console shows at one moment, and which requests make sense then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maxent_robot.safety.state_machine import MOVING_NAMES
from maxent_robot.trials.operator_desk import (
    ACKNOWLEDGE,
    ASKING,
    CLEARING,
    FAILED,
    FINISHED,
    PAUSED,
    PREPARING,
    RUNNING,
    WAITING,
    Told,
)

ARM, START, STOP, RESET = "supervisor/arm", "supervisor/start", "supervisor/stop", "supervisor/reset"
TRIALS_START, TRIALS_PAUSE, TRIALS_STOP = "trials/start", "trials/pause", "trials/stop"
TRIALS_ACKNOWLEDGE, INSERTED, NOT_INSERTED = "trials/acknowledge", "trials/answer yes", "trials/answer no"

_SUPERVISOR_REQUESTS = {
    ARM: ("INACTIVE", "ARMED"),
    START: ("ARMED",),
    RESET: ("HOLD", "FAULT"),
}
_TRIALS_REQUESTS = {
    TRIALS_START: (WAITING, PAUSED),
    TRIALS_PAUSE: (PREPARING, RUNNING, CLEARING, ASKING),
    TRIALS_STOP: (PREPARING, RUNNING, CLEARING),
    TRIALS_ACKNOWLEDGE: (ACKNOWLEDGE,),
    INSERTED: (RUNNING, ASKING),
    NOT_INSERTED: (RUNNING, ASKING),
}
REQUESTS = (STOP, *_SUPERVISOR_REQUESTS, *_TRIALS_REQUESTS)
ANSWERS = {INSERTED: True, NOT_INSERTED: False}
"""Those that say whether the plug is in; the others are asked for as they are called."""


@dataclass(frozen=True)
class SupervisorStatus:
    """Of `supervisor/state`.

    Attributes:
        state: as in docs/safety.md.
        source: whose motion it is: `policy`, `move` or none.
        fault: the first that is latched, in words; empty: none.
        problem: what stands in the way now; empty: nothing.
        force_n, torque_nm: contact at the TCP, tared.
        dry_run: whether the arm is sent nothing.
    """

    state: str
    source: str = ""
    fault: str = ""
    problem: str = ""
    force_n: float = 0.0
    torque_nm: float = 0.0
    dry_run: bool = False


@dataclass(frozen=True)
class PolicyStatus:
    """Of `policy/telemetry`; `problem` is why there is no action, and the rest is then of no meaning.

    Attributes:
        skill: that runs.
        entropy_nat: of the policy at this observation.
        temperature: factor on the standard deviation, after mode and schedule.
        latency_ms: from the joint state to the twist.
        novelty: of the observation, where 1 is the strangest of the skill's evaluation; NaN where it is not known.
    """

    skill: str = ""
    problem: str = ""
    entropy_nat: float = 0.0
    temperature: float = 0.0
    latency_ms: float = 0.0
    novelty: float = 0.0


@dataclass(frozen=True)
class SamplerSettings:
    """The policy's parameters as it has them.

    Attributes:
        mode: of the sampler.
        temperature: as set, before the schedule.
        skills: names, the first one leads; several are composed.
        weights: of the skills, one each.
    """

    mode: str
    temperature: float
    skills: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class ConsoleView:
    """Everything; None for what is not heard."""

    supervisor: SupervisorStatus | None = None
    policy: PolicyStatus | None = None
    sampler: SamplerSettings | None = None
    trials: Told | None = None
    said: str = ""

    @property
    def experiment_moves(self) -> bool:
        """Whether an experiment has the arm, so that the operator stops, pauses, acknowledges and answers only."""
        return self.trials is not None and not self.trials.at_rest

    @property
    def has_experiment(self) -> bool:
        """Whether there is an experiment that a stop has to hold back, whatever it is doing."""
        return self.trials is not None and self.trials.phase not in (FINISHED, FAILED)

    @property
    def shows_sampler(self) -> bool:
        """Whether the sampler may be seen: not where it would tell a blinded operator which condition it is."""
        is_blinded = self.has_experiment and self.trials is not None and self.trials.blinded
        return self.sampler is not None and not is_blinded

    @property
    def sampler_is_free(self) -> bool:
        """Whether the operator may change the sampler: never while an experiment has set it."""
        return self.sampler is not None and not self.experiment_moves

    def allows(self, request: str) -> bool:
        """Whether a request makes sense now; whoever it goes to has the last word. A stop always does."""
        if request == STOP:
            return True
        if request in ANSWERS and not (self.trials is not None and self.trials.judges):
            return False
        if request in _TRIALS_REQUESTS:
            return self.trials is not None and self.trials.phase in _TRIALS_REQUESTS[request]
        state = "" if self.supervisor is None else self.supervisor.state
        return state in _SUPERVISOR_REQUESTS[request] and not self.experiment_moves

    @property
    def headline(self) -> str:
        """The state in a word or a few."""
        if self.supervisor is None:
            return "No supervisor is heard"
        return self.supervisor.state + (" (dry run)" if self.supervisor.dry_run else "")

    @property
    def is_bad(self) -> bool:
        """Whether the operator has to look."""
        return self.supervisor is None or self.supervisor.state == "FAULT"

    @property
    def details(self) -> Sequence[str]:
        """What there is to say about the state, a line each."""
        if self.supervisor is None:
            return ("Is the graph up? maxent-robot up, or ros2 launch",)
        lines = [self.supervisor.fault, self.supervisor.problem]
        if self.supervisor.state in MOVING_NAMES and self.supervisor.source:
            lines.append(f"moved by the {'operator or runner' if self.supervisor.source == 'move' else 'policy'}")
        if self.policy is not None and self.policy.problem:
            lines.append(f"policy: {self.policy.problem}")
        return [line for line in lines if line]
