"""The standby: lets the arm go when the supervisor falls silent in the middle of its commands. Pure.

A pose controller goes on to the last pose that it was sent, and presses there. When the supervisor is dead or stuck,
the target follows the arm for a moment: the damping of the impedance brings it to rest, and nothing pulls any more.
"""

from __future__ import annotations

import math

from maxent_robot.control.pose import Pose
from maxent_robot.safety.state_machine import COMMANDING
from maxent_robot.safety.watchdog import Watchdog

COMMANDING_NAMES = frozenset(state.value for state in COMMANDING)

RELEASING_S = 0.1
"""How long the target follows the arm: the impedance's damping alone has stopped it by then."""

MEASURED_S = 0.05
"""Age over which a measured pose says nothing of where the arm is."""


class Standby:
    """`now_s` is the same steady clock everywhere, in seconds.

    Args:
        silence_s: time without a command after which a supervisor that commands is taken for dead or stuck.
    """

    def __init__(self, silence_s: float) -> None:
        self._command = Watchdog(silence_s)
        self._measured = Watchdog(MEASURED_S)
        self._pose: Pose | None = None
        self._commands = False
        self._since_s = math.nan
        self._ticked_s = math.nan

    def on_state(self, state: str, dry_run: bool) -> None:
        """Take the supervisor's state by its name; in a dry run it sends nothing to the controller."""
        self._commands = state in COMMANDING_NAMES and not dry_run

    def on_command(self, now_s: float) -> None:
        """The supervisor has sent a command."""
        self._command.feed(now_s)

    def on_measured(self, pose: Pose, now_s: float) -> None:
        """Take T_base_tcp of the measured joints."""
        self._pose = pose
        self._measured.feed(now_s)

    def watching(self, now_s: float) -> bool:
        """Whether the supervisor commands, and has sent something."""
        return self._commands and not math.isinf(self._command.age_s(now_s))

    def silent(self, now_s: float) -> bool:
        """Whether it is late with the next command."""
        return self.watching(now_s) and self._command.expired(now_s)

    def tick(self, now_s: float) -> Pose | None:
        """One cycle: the pose to send, which is the measured one, while the arm is being let go.

        A standby that was itself held up has missed what came meanwhile, and waits anew, unless it lets go already.
        """
        held_up = now_s - self._ticked_s > 0.5 * self._command.limit_s
        if held_up and math.isnan(self._since_s) and self.watching(now_s):
            self._command.feed(now_s)
        self._ticked_s = now_s
        if not self.silent(now_s):
            self._since_s = math.nan
            return None
        if math.isnan(self._since_s):
            self._since_s = now_s
        over = now_s - self._since_s > RELEASING_S
        return None if over or self._measured.expired(now_s) else self._pose
