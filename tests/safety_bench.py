"""A supervisor with an arm that follows its commands perfectly: no ROS, and time that the test makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maxent_robot.config import config_from_mapping, to_mapping
from maxent_robot.control.kinematics import InverseKinematicsError
from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.safety.arrival import Arrival
from maxent_robot.safety.command import Command
from maxent_robot.safety.limits import SupervisorLimits, load_limits
from maxent_robot.safety.policy_report import ExpectedPolicy, PolicyReport
from maxent_robot.safety.supervisor import Supervisor
from maxent_robot.safety.wrench import tool_weight

ROBOT = load_robot("sim")
CHAIN = ROBOT.chain()
HOME = CHAIN.forward(np.array(ROBOT.home))
STEP_S = 0.005
POLICY_PERIOD_S = 0.05
ANY_POLICY = ExpectedPolicy(ROBOT.fingerprint(), POLICY_PERIOD_S)
WALL_S = 1.7e9
"""Stamps are on another clock than the steady one."""

Array = NDArray[np.float64]


def limits(**changes: object) -> SupervisorLimits:
    """The limits of the simulated arm, with sections changed; this arm has no inertia and may accelerate more."""
    mapping = to_mapping(load_limits("sim"))
    mapping["joints"] = {**mapping["joints"], "acceleration_fraction": 4.0}
    for section, change in changes.items():
        mapping[section] = {**mapping[section], **change} if isinstance(change, dict) else change
    return config_from_mapping(mapping, SupervisorLimits)


class SafetyBench:
    """Feeds joint states and wrenches every step, and lets the joints follow the target when `follows`."""

    def __init__(
        self,
        supervisor_limits: SupervisorLimits | None = None,
        follows: bool = True,
        expected: ExpectedPolicy | None = None,
    ) -> None:
        self.limits = supervisor_limits or limits()
        self.supervisor = Supervisor(ROBOT, self.limits, expected or ANY_POLICY)
        self.supervisor.configure()
        self.now_s = 100.0
        self.q: Array = np.array(ROBOT.home)
        self.qd: Array = np.zeros(len(self.q))
        self.contact = np.zeros(6)
        self.follows = follows
        self.stiction_m = 0.0
        """The arm lags behind the target by this much, as friction makes a compliant one."""
        self.joint_states = self.wrenches = True
        self.twist: Array | None = None
        self.policy_lives = True
        self.report: PolicyReport | None = None
        """What the policy says of itself in every cycle, if anything."""
        self.commands: list[Command] = []

    @property
    def measured(self) -> Pose:
        return CHAIN.forward(self.q)

    @property
    def last(self) -> Command:
        return self.commands[-1]

    @property
    def fault_names(self) -> set[str]:
        return {violation.fault.value for violation in self.last.faults}

    def arrival(self, stamp_offset_s: float = 0.0, age_s: float = 0.0) -> Arrival:
        return Arrival(WALL_S + self.now_s + stamp_offset_s, age_s, self.now_s)

    def send_joint_state(self, q: Sequence[float] | Array | None = None, **changes: object) -> None:
        names = changes.get("names", ROBOT.joint_names)
        arrival = changes.get("arrival", self.arrival())
        velocities = changes.get("velocities", self.qd)
        self.supervisor.on_joint_state(names, self.q if q is None else q, velocities, arrival)  # type: ignore[arg-type]

    def send_wrench(self, wrench: Array | None = None, stamp_offset_s: float = 0.0) -> None:
        weight = tool_weight(ROBOT.tool.mass, ROBOT.tool.center_of_mass, self.measured.quaternion)
        self.supervisor.on_wrench(
            weight + self.contact if wrench is None else wrench, ROBOT.ft_frame, self.arrival(stamp_offset_s)
        )

    def send_twist(self, twist: Sequence[float] | Array, frame_id: str = ROBOT.base_frame, **changes: float) -> None:
        self.supervisor.on_twist(twist, frame_id, self.arrival(**changes))

    def silence(self, alive: bool) -> None:
        """The policy sends no more twists; its process lives, or it does not."""
        self.twist, self.policy_lives = None, alive
        self.report = self.report if alive else None

    def step(self, count: int = 1) -> Command:
        """Advance by `count` cycles of 5 ms: measurements, the policy's twist if one is set, a tick, the arm."""
        for _ in range(count):
            self.now_s += STEP_S
            if self.joint_states:
                self.send_joint_state()
            if self.wrenches:
                self.send_wrench()
            if self.twist is not None:
                self.send_twist(self.twist)
            if self.report is not None:
                self.supervisor.on_report(self.report, self.now_s)
            elif self.policy_lives:
                self.supervisor.on_heartbeat(self.now_s)
            self.commands.append(self.supervisor.tick(self.now_s))
            self._follow()
        return self.commands[-1]

    def run(self, seconds: float) -> Command:
        return self.step(max(1, round(seconds / STEP_S)))

    def arm(self) -> None:
        self.run(0.1)
        assert self.supervisor.request_arm(self.now_s) == (True, "armed: holding the measured pose, wrench tared")

    def start(self, twist: Sequence[float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)) -> None:
        """Arm, start and run until the ramp is over, with a twist every cycle."""
        self.arm()
        assert self.supervisor.request_start(self.now_s) == (True, "started")
        self.twist = np.array(twist)
        self.run(self.limits.ramp_s + 2 * STEP_S)
        assert self.last.state.value == "RUNNING"

    def _follow(self) -> None:
        target = self.last.target
        self.qd = np.zeros(len(self.q))
        if target is None or not self.follows:
            return
        offset = target.position - self.measured.position
        reach = max(0.0, 1.0 - self.stiction_m / max(float(np.linalg.norm(offset)), 1e-12))
        goal = Pose(self.measured.position + reach * offset, target.quaternion)
        try:
            q = CHAIN.inverse(goal, self.q, tolerance_m=1e-9, tolerance_rad=1e-9)
        except InverseKinematicsError:
            return
        self.qd, self.q = (q - self.q) / STEP_S, q
