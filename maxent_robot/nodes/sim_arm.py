"""The node `sim_arm`: the simulated arm in real time, behind the same topics as the real arm's driver and controller.

1 kHz physics, five steps a 200 Hz cycle, paced by the monotonic clock. When a cycle comes late it catches up by a few
and drops the rest: it never runs after lost time for longer than that. With `use_sim_time` it publishes `/clock` too.

The parameters `disturbance.*` (see `sim.disturbance`) take effect at once, so that a rehearsal can meet what a real arm
meets.
"""

from __future__ import annotations

import copy
import time
from array import array
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import WrenchStamped
from numpy.typing import NDArray
from rclpy.timer import Timer
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.errors import ConfigError, MaxentRobotError
from maxent_robot.nodes.arm_commands import ArmCommands
from maxent_robot.nodes.arm_scenes import MalletScene, PlugScene, declare_plug_parameters
from maxent_robot.nodes.disturbance_parameters import DisturbanceParameters
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import stamp_from_ns
from maxent_robot.nodes.pacer import RealTimePacer
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import RELIABLE, SENSOR
from maxent_robot.nodes.realtime_status import realtime_status
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s

if TYPE_CHECKING:
    from sim.arm_driver import ArmDriver, ArmReading
    from sim.disturbance import Disturbance

DIAGNOSTICS_PERIOD_S = 1.0
WARN_PERIOD_S = 2.0


class ArmError(MaxentRobotError):
    """The simulation can't go on."""


class SimArmNode(ManagedNode):
    """See the module. With a plug, `connector` and `scenario_seed` are read by `sim_arm/new_scenario` too."""

    def __init__(self) -> None:
        super().__init__("sim_arm")
        declare(self, "robot", "sim", "name or path of an FR3 description")
        declare(self, "tool", "plug", "what the arm holds: plug or mallet")
        declare_plug_parameters(self)
        declare(self, "controller", "", "crisp or jtc; empty: the robot's backend")
        declare(self, "publish_truth", False, "true joint states and contact on sim_arm/truth, for a judge")
        self._disturbances = DisturbanceParameters(self, self._disturb)
        self._robot: RobotConfig
        self._driver: ArmDriver
        self._pacer: RealTimePacer
        self._timer: Timer | None = None
        self._delayed: deque[tuple[float, JointState]] = deque()
        self._warned_s: dict[str, float] = {}

    def configure(self) -> None:
        self._robot = load_robot(self.get_parameter("robot").value)
        controller = self.get_parameter("controller").value or self._robot.backend
        self._scene = self._make_scene(str(self.get_parameter("tool").value), controller)
        self._driver = self._scene.driver
        topics = self._robot.topics
        self._joint_publisher = self.make_publisher(JointState, topics.joint_states, SENSOR)
        self._wrench_publisher = self.make_publisher(WrenchStamped, topics.wrench, SENSOR)
        self._diagnostics_publisher = self.make_publisher(DiagnosticStatus, "sim_arm/diagnostics", RELIABLE)
        self._truth = (
            (
                self.make_publisher(JointState, "sim_arm/truth/joint_states", RELIABLE),
                self.make_publisher(WrenchStamped, "sim_arm/truth/contact", RELIABLE),
            )
            if self.get_parameter("publish_truth").value
            else None
        )
        self._clock_publisher = self.make_publisher(Clock, "/clock", RELIABLE) if self._uses_sim_time() else None
        self._commands = ArmCommands(self, self._robot, self._driver, lambda text: self._warn("command", text))
        self.own(partial(self._commands.listen, False))
        self._joint_message = JointState(name=list(self._robot.joint_names))
        self._joint_message.header.frame_id = self._robot.base_frame
        self._wrench_message = WrenchStamped()
        self._wrench_message.header.frame_id = self._robot.ft_frame
        self._meet(self._disturbances.read())
        self.get_logger().info(f"{controller} controller, {self._scene.name}")

    def activate(self) -> None:
        self._commands.heed()  # what came before is refused
        self._driver.hold()
        self._origin_ns = time.time_ns()
        self._pacer = RealTimePacer(self._driver.period_s, steady_now_s())
        self._diagnosed_s = steady_now_s()
        self._scene.begin()
        self._timer = self.create_timer(self._driver.period_s, self._on_cycle, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def cleanup(self) -> None:
        self.deactivate()
        self.disown()

    def _make_scene(self, tool: str, controller: str) -> PlugScene | MalletScene:
        if tool == "mallet":
            return MalletScene(self._robot, int(self.get_parameter("scenario_seed").value), controller)
        if tool == "plug":
            return PlugScene(self, self._robot, controller)
        raise ConfigError(f"tool is '{tool}', must be plug or mallet")

    def _uses_sim_time(self) -> bool:
        return bool(self.get_parameter("use_sim_time").value)

    def _disturb(self, disturbance: Disturbance) -> None:
        """Let the arm meet a disturbance; before `configure` there is none yet."""
        if self.is_configured:
            self._meet(disturbance)

    def _meet(self, disturbance: Disturbance) -> None:
        self._driver.disturb(disturbance)
        self._commands.listen(not disturbance.controller_inactive)

    # One cycle

    def _on_cycle(self) -> None:
        for _ in range(self._pacer.due(steady_now_s())):
            self._commands.heed()
            reading = self._driver.cycle()
            self._pacer.run += 1
            if not self._driver.finite:
                raise ArmError(f"the physics diverged at {reading.time_s:.3f} s ({self._scene.name})")
            self._publish(reading)
        now_s = steady_now_s()
        if now_s - self._diagnosed_s >= DIAGNOSTICS_PERIOD_S:
            self._diagnosed_s = now_s
            self._publish_diagnostics(now_s)

    def _stamp(self) -> Time:
        since_s = self._driver.time_s if self._uses_sim_time() else self._pacer.scheduled_s
        return stamp_from_ns(self._origin_ns + round(since_s * 1e9))

    def _publish(self, reading: ArmReading) -> None:
        stamp = self._stamp()
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=stamp))
        joints = self._joint_message
        joints.header.stamp = stamp
        joints.position = array("d", reading.joint_positions)
        joints.velocity = array("d", reading.joint_velocities)
        joints.effort = array("d", reading.joint_efforts)
        self._publish_joints(joints)
        if not self._driver.disturbance.wrench_dropout:
            self._publish_wrench(self._wrench_publisher, stamp, reading.wrench_ft * self._robot.wrench_sign)
        if self._truth is not None:
            self._truth[0].publish(joints)
            self._publish_wrench(self._truth[1], stamp, np.append(reading.contact_n, np.zeros(3)))
        self._scene.publish(stamp, reading)

    def _publish_joints(self, joints: JointState) -> None:
        """Publish the joint states, as late as the disturbance makes them."""
        disturbance = self._driver.disturbance
        if disturbance.joint_state_dropout:
            self._delayed.clear()
            return
        if not disturbance.joint_state_delay_s and not self._delayed:
            self._joint_publisher.publish(joints)
            return
        now_s = steady_now_s()
        self._delayed.append((now_s + disturbance.joint_state_delay_s, copy.deepcopy(joints)))
        while self._delayed and self._delayed[0][0] <= now_s:
            self._joint_publisher.publish(self._delayed.popleft()[1])

    def _publish_wrench(self, publisher: Any, stamp: Time, wrench: NDArray[np.float64]) -> None:
        message = self._wrench_message
        message.header.stamp = stamp
        force, torque = message.wrench.force, message.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = wrench.tolist()
        publisher.publish(message)

    def _publish_diagnostics(self, now_s: float) -> None:
        values = {"controller": self._driver.controller, **self._scene.values()}
        status = realtime_status(self.get_name(), self._pacer, now_s, values)
        self._diagnostics_publisher.publish(status)
        if status.level == DiagnosticStatus.WARN:
            self._warn("late", f"{status.message}, {self._pacer.dropped} cycles dropped")

    def _warn(self, topic: str, text: str) -> None:
        now_s = steady_now_s()
        if now_s - self._warned_s.get(topic, -WARN_PERIOD_S) >= WARN_PERIOD_S:
            self._warned_s[topic] = now_s
            self.get_logger().warning(text)


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    raise SystemExit(run_node(SimArmNode))


if __name__ == "__main__":
    main()
