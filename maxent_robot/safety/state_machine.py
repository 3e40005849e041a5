"""States of the supervisor and the transitions between them, as data."""

from __future__ import annotations

from enum import Enum

from maxent_robot.errors import MaxentRobotError


class State(Enum):
    """What the supervisor is doing. FAULT is latched and leaves only by a reset with the cause gone."""

    UNCONFIGURED = "UNCONFIGURED"
    INACTIVE = "INACTIVE"
    ARMED = "ARMED"
    RAMPING = "RAMPING"
    RUNNING = "RUNNING"
    DEGRADED = "DEGRADED"
    STOPPING = "STOPPING"
    HOLD = "HOLD"
    FAULT = "FAULT"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.UNCONFIGURED: frozenset({State.INACTIVE}),
    State.INACTIVE: frozenset({State.ARMED, State.UNCONFIGURED}),
    State.ARMED: frozenset({State.RAMPING, State.STOPPING, State.INACTIVE}),
    State.RAMPING: frozenset({State.RUNNING, State.STOPPING, State.INACTIVE}),
    State.RUNNING: frozenset({State.DEGRADED, State.ARMED, State.STOPPING, State.INACTIVE}),
    State.DEGRADED: frozenset({State.RUNNING, State.STOPPING, State.INACTIVE}),
    State.STOPPING: frozenset({State.HOLD, State.FAULT, State.INACTIVE}),
    State.HOLD: frozenset({State.ARMED, State.FAULT, State.INACTIVE}),
    State.FAULT: frozenset({State.INACTIVE}),
}
"""From each state, the states that may follow. ARMED after RUNNING is the end of a move; INACTIVE from any state but
FAULT is the deactivation of the node, from FAULT also the reset."""

MOVING = frozenset({State.RAMPING, State.RUNNING, State.DEGRADED})
"""The target follows a policy or a move."""

MOVING_NAMES = frozenset(state.value for state in MOVING)
"""The same as messages name them."""

STOPPED_NAMES = frozenset(state.value for state in (State.STOPPING, State.HOLD, State.FAULT))
"""Those in which the arm was stopped, or is being stopped, and does not go on by itself."""

COMMANDING = MOVING | {State.ARMED, State.STOPPING, State.HOLD, State.FAULT}
"""A target is sent to the arm."""


class IllegalTransition(MaxentRobotError):  # noqa: N818  reads as what it is
    """A transition that the table does not have."""


class StateMachine:
    """The current state; refuses any transition that the table does not have."""

    def __init__(self) -> None:
        self._state = State.UNCONFIGURED

    @property
    def state(self) -> State:
        return self._state

    def to(self, state: State) -> None:
        """Go to `state`.

        Raises:
            IllegalTransition: it does not follow from the current state.
        """
        if state not in TRANSITIONS[self._state]:
            allowed = ", ".join(sorted(follower.value for follower in TRANSITIONS[self._state]))
            raise IllegalTransition(f"{state.value} does not follow {self._state.value}; allowed: {allowed}")
        self._state = state
