"""Everything that reaches the supervisor's core: true measurements, and what the attacker makes of them.

Every kind has a rate. Those that stop the arm are rare, so that it moves for most of the time; what can't stop it, as a
twist of any size, comes in every cycle.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.policy_report import PolicyReport
from maxent_robot.safety.supervisor import Supervisor
from sim.arm_driver import ArmDriver, ArmReading
from sim.disturbance import ALL_JOINTS, Disturbance

Array = NDArray[np.float64]

WALL_S = 1.7e9
"""Stamps are on another clock than the steady one."""
JOLT_S = 0.1
"""How long the jolt of a brake is felt that falls in within a millisecond."""
AFTERMATH_S = 1.5
"""How long the attacker's hand on the arm, or on its eyes, is felt after it has let go."""
WILD = (0.0, -0.0, 5e-324, 1e-12, 0.3, -2.0, 1e9, 1e300, -1.7e308, math.nan, math.inf, -math.inf)

_STOPPING_RATE = 1.0 / 250.0  # a cycle, all kinds that stop the arm together
_MEAN_LENGTH_S = 0.4


class Inputs:
    """Feeds one supervisor from one arm.

    Args:
        sent: counts what was forged, by kind.
    """

    def __init__(
        self,
        robot: RobotConfig,
        supervisor: Supervisor,
        driver: ArmDriver,
        generator: np.random.Generator,
        sent: Counter[str],
    ) -> None:
        self._robot, self._supervisor, self._driver = robot, supervisor, driver
        self._generator, self._sent = generator, sent
        self._twist = np.zeros(6)
        self._step_s = 0.0
        self._silent_until_s = self._handled_until_s = -math.inf
        self._delay_s = 0.0
        self._late: deque[tuple[float, ArmReading]] = deque()
        self._pending: list[tuple[float, Callable[[], object]]] = []
        self._reported: Fault | None = None
        self._kinds: dict[str, Callable[[float], None]] = {
            "bad twist": self._bad_twist,
            "burst of twists": self._burst,
            "silence": self._silence,
            "renamed joints": self._renamed,
            "jumped joints": self._jumped,
            "forged velocities": self._forged_velocities,
            "bad joints": self._bad_joints,
            "late joint states": self._late_joints,
            "bad wrench": self._bad_wrench,
            "move": self._move,
            "request": self._request,
            "outside condition": self._condition,
            "policy report": self._report,
            "physical": self._physical,
        }

    def handled(self, now_s: float) -> bool:
        """Whether the attacker pushes or loads the arm or lies about where it is, or did just now."""
        return now_s < self._handled_until_s

    def relent(self) -> None:
        """Take everything back that lasts, so that the operator has a chance."""
        self._driver.disturb(Disturbance())
        self._delay_s, self._step_s = 0.0, 0.0
        self._silent_until_s = -math.inf
        if self._reported is not None:
            self._supervisor.report(self._reported, None)
            self._reported = None
        self._pending.clear()

    def measure(self, reading: ArmReading, now_s: float) -> None:
        """Hand on what the arm measures, unless the attacker keeps it back."""
        while self._pending and self._pending[0][0] <= now_s:
            self._pending.pop(0)[1]()
        disturbance = self._driver.disturbance
        self._late.append((now_s, reading))
        while self._late and self._late[0][0] <= now_s - self._delay_s:
            at_s, late = self._late.popleft()
            if not disturbance.joint_state_dropout:
                self._joints(late.joint_positions, late.joint_velocities, now_s, at_s)
        if not disturbance.wrench_dropout:
            self._supervisor.on_wrench(reading.wrench_ft, self._robot.ft_frame, self._arrival(now_s, now_s))
        self._supervisor.on_heartbeat(now_s)
        self._q, self._qd = reading.joint_positions, reading.joint_velocities

    def forge(self, now_s: float, moving: bool) -> None:
        """The policy's twist of this cycle, of any size, and now and then something worse."""
        if now_s >= self._silent_until_s:
            self._send_twist(self._wandering(), now_s)
            self._sent["twist"] += 1
        if self._generator.random() < (_STOPPING_RATE if moving else 4 * _STOPPING_RATE):
            kind = str(self._generator.choice(list(self._kinds)))
            self._kinds[kind](now_s)
            self._sent[kind] += 1

    def _wandering(self) -> Array:
        """Mostly what a policy would want, one in ten of it a thousand times too large, or vanishing."""
        self._twist += self._generator.normal(0.0, [0.02, 0.02, 0.02, 0.1, 0.1, 0.1])
        self._twist = np.clip(self._twist, -0.4, 0.4)
        if self._generator.random() > 0.1:
            return self._twist
        return self._twist * float(self._generator.choice([1e-310, 1e-9, 1e3, 1e12, 1e300]))

    def _send_twist(self, twist: Any, now_s: float, frame: str | None = None, offset_s: float = 0.0) -> None:
        arrival = self._arrival(now_s, now_s + offset_s)
        with np.errstate(over="ignore", invalid="ignore"):
            self._supervisor.on_twist(twist, self._robot.base_frame if frame is None else frame, arrival)

    def _joints(self, q: Any, qd: Any, now_s: float, at_s: float, names: Any = None) -> None:
        self._supervisor.on_joint_state(
            self._robot.joint_names if names is None else names, q, qd, self._arrival(now_s, at_s)
        )

    def _arrival(self, now_s: float, at_s: float) -> Arrival:
        return Arrival(WALL_S + at_s + self._step_s, now_s - at_s - self._step_s, now_s)

    def _wild(self, count: int) -> list[float]:
        return [float(value) for value in self._generator.choice(WILD, count)]

    def _offset_s(self) -> float:
        return float(self._generator.choice([-3600.0, -1.0, -0.06, 1e-4, 0.2, 5.0, 1e9]))

    def _hand(self, now_s: float, length_s: float, aftermath_s: float = AFTERMATH_S) -> None:
        self._handled_until_s = max(self._handled_until_s, now_s + length_s + aftermath_s)

    def _length_s(self) -> float:
        return float(self._generator.exponential(_MEAN_LENGTH_S))

    # Kinds

    def _bad_twist(self, now_s: float) -> None:
        size = int(self._generator.choice([6, 6, 6, 0, 5, 7]))
        frame = str(self._generator.choice([self._robot.base_frame, self._robot.base_frame, "", "map"]))
        self._send_twist(self._wild(size), now_s, frame, self._offset_s())

    def _burst(self, now_s: float) -> None:
        for number in range(20):
            self._send_twist(self._twist, now_s, offset_s=1e-6 * number)

    def _silence(self, now_s: float) -> None:
        self._silent_until_s = now_s + self._length_s()

    def _renamed(self, now_s: float) -> None:
        names = list(self._robot.joint_names)
        order = self._generator.permutation(len(names))
        choice = self._generator.integers(3)
        if choice == 0:  # legal: joints are looked up by name
            self._joints(self._q[order], self._qd[order], now_s, now_s + 1e-6, [names[i] for i in order])
        elif choice == 1:
            self._joints(self._q, self._qd, now_s, now_s + 1e-6, ["elbow", *names[1:]])
        else:
            self._joints(self._q, self._qd, now_s, now_s + 1e-6, [names[0], names[0], *names[2:]])

    def _jumped(self, now_s: float) -> None:
        self._hand(now_s, 0.0)
        joint = int(self._generator.integers(len(self._q)))
        q = self._q.copy()
        q[joint] += float(self._generator.choice([-0.5, -0.05, 0.01, 0.03, 0.2, 2.0]))
        self._joints(q, self._qd, now_s, now_s + 1e-6)

    def _forged_velocities(self, now_s: float) -> None:
        self._hand(now_s, 0.0)
        self._joints(self._q, self._generator.normal(0.0, 3.0, len(self._q)), now_s, now_s + 1e-6)

    def _bad_joints(self, now_s: float) -> None:
        q = self._wild(int(self._generator.choice([7, 7, 7, 0, 6, 8])))
        self._joints(q, [] if self._generator.random() < 0.5 else self._wild(7), now_s, now_s + self._offset_s())

    def _late_joints(self, now_s: float) -> None:
        self._delay_s = float(self._generator.choice([0.02, 0.1, 0.3, 0.8]))
        self._hand(now_s, self._length_s())
        self._pending.append((self._handled_until_s - AFTERMATH_S, lambda: setattr(self, "_delay_s", 0.0)))
        self._pending.sort(key=lambda entry: entry[0])

    def _bad_wrench(self, now_s: float) -> None:
        wrench = self._wild(int(self._generator.choice([6, 6, 6, 0, 5])))
        frame = str(self._generator.choice([self._robot.ft_frame, self._robot.ft_frame, "nowhere"]))
        with np.errstate(over="ignore", invalid="ignore"):
            self._supervisor.on_wrench(wrench, frame, self._arrival(now_s, now_s + self._offset_s()))

    def _move(self, now_s: float) -> None:
        anywhere = np.array(self._wild(3)) if self._generator.random() < 0.5 else self._generator.uniform(-1.0, 1.0, 3)
        quaternion = np.array(self._wild(4)) if self._generator.random() < 0.3 else np.array([1.0, 0.0, 0.0, 0.0])
        with np.errstate(over="ignore", invalid="ignore"):
            self._supervisor.on_move_target(Pose(anywhere, quaternion), self._robot.base_frame, now_s)

    def _request(self, now_s: float) -> None:
        name = str(self._generator.choice(["arm", "start", "stop", "reset"]))
        getattr(self._supervisor, f"request_{name}")(now_s)

    def _condition(self, now_s: float) -> None:
        self._reported = list(Fault)[self._generator.integers(len(Fault))]
        self._supervisor.report(self._reported, Violation(self._reported, "told", 2.0, 1.0))

    def _report(self, now_s: float) -> None:
        keys = ("entropy", "novelty", "inference_ms", "period_s")
        texts = [*map(str, WILD), "", "nonsense"]
        values = {key: str(self._generator.choice(texts)) for key in keys if self._generator.random() < 0.5}
        self._supervisor.on_report(PolicyReport.of(values), now_s)

    def _physical(self, now_s: float) -> None:
        length_s = self._length_s()
        push = self._generator.normal(0.0, 30.0, 3)
        disturbance = self._generator.choice(
            np.array(
                [
                    Disturbance(payload_kg=2.0),
                    Disturbance(push_n=(push[0], push[1], push[2])),
                    Disturbance(push_n=(push[0], push[1], push[2]), push_link="link4"),
                    Disturbance(stuck_joint=ALL_JOINTS),
                    Disturbance(stuck_joint=self._robot.joint_names[int(self._generator.integers(7))]),
                    Disturbance(force_bias_n=(push[0], push[1], push[2])),
                    Disturbance(wrench_dropout=True),
                    Disturbance(joint_state_dropout=True),
                ],
                dtype=object,
            )
        )
        self._driver.disturb(disturbance)
        if disturbance.payload_kg or any(disturbance.push_n) or disturbance.joint_state_dropout:
            self._hand(now_s, length_s)
        if disturbance.stuck_joint:
            self._hand(now_s, 0.0, JOLT_S)
        self._pending.append((now_s + length_s, lambda: self._driver.disturb(Disturbance())))
        self._pending.sort(key=lambda entry: entry[0])
