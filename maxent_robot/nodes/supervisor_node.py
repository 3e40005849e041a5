"""The supervisor as a ROS 2 lifecycle node: as long as it lives, only it commands the arm. Not safety-rated.

Parameters: `robot` and `limits` (shipped name or path; `limits` empty means those of the robot's name), `skill` (the
one that alone may run), `policy_period_s`, `dry_run` (everything is computed and published, but nothing is sent to the
controller), `autostart`. They are read by `configure` and can't be set again before `cleanup`.
Topics and services: docs/architecture.md. Faults and reactions: docs/safety.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from rclpy.timer import Timer
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from maxent_robot.control.backends import Backend, JointLimitReached, UnreachableTarget, make_backend
from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.nodes.fault_announcer import FaultAnnouncer
from maxent_robot.nodes.graph_watch import GraphWatch
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import pose_from_msg, pose_stamped, stamp_to_s
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED, RELIABLE
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s
from maxent_robot.nodes.supervisor_inputs import SupervisorInputs
from maxent_robot.nodes.supervisor_messages import controller_message, state_message
from maxent_robot.nodes.supervisor_telemetry import NOT_SAFETY_RATED, SupervisorTelemetry
from maxent_robot.nodes.topics import (
    CANDIDATE_TWIST,
    COMMANDED_POSE,
    MOVE_TARGET,
    SUPERVISOR_FAULT,
    SUPERVISOR_STATE,
)
from maxent_robot.safety.command import Command
from maxent_robot.safety.expected_skill import expected_policy
from maxent_robot.safety.faults import Fault, Violation
from maxent_robot.safety.limits import load_limits
from maxent_robot.safety.state_machine import MOVING
from maxent_robot.safety.supervisor import Reply, Supervisor

STATUS_PERIOD_S, DIAGNOSTICS_PERIOD_S = 0.1, 1.0

FIXED_PARAMETERS = ("robot", "limits", "skill", "policy_period_s", "dry_run", "use_sim_time")


class SupervisorNode(ManagedNode):
    """Messages in, `Supervisor` in between, messages out.

    A twist is acted on at once. What else comes is taken, in the order in which it came, before each cycle and request.
    """

    def __init__(self) -> None:
        super().__init__("supervisor")
        declare(self, "robot", "sim", "robot description: shipped name or path of a YAML file")
        declare(self, "limits", "", "limits: shipped name or path of a YAML file; empty: those of the robot's name")
        declare(self, "skill", "", "bundle that alone may run: shipped name or path; empty: any skill may")
        declare(self, "policy_period_s", 0.05, "period of the policy [s]; a twist expires after two", (0.002, 1.0))
        declare(self, "dry_run", False, "send nothing to the controller")
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._core: Supervisor | None = None
        self._timer: Timer | None = None

    def configure(self) -> None:
        self._robot: RobotConfig = load_robot(str(self.get_parameter("robot").value))
        limits = load_limits(str(self.get_parameter("limits").value) or self._robot.name)
        policy_period_s = float(self.get_parameter("policy_period_s").value)
        skill = str(self.get_parameter("skill").value)
        self._dry_run = bool(self.get_parameter("dry_run").value)
        self._backend: Backend = make_backend(self._robot)
        self._telemetry = SupervisorTelemetry(self._robot, self._dry_run)
        self._shown: tuple[object, ...] = ()
        core = Supervisor(self._robot, limits, expected_policy(self._robot, policy_period_s, skill))
        core.configure()
        self._core = core
        self._create_outputs(core)
        self._create_inputs(core)
        self.get_logger().warning(NOT_SAFETY_RATED)
        self._show(core.tick(steady_now_s()))

    def activate(self) -> None:
        period_s = 1.0 / self._robot.control_rate_hz
        self._timer = self.create_timer(period_s, self._cycle, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        if self._core is not None:
            final = self._core.deactivate(steady_now_s())
            self._send(self._core, final)
            self._show(final)
            self._backend.reset()
            if self._controller is not None:
                self._controller.wait_for_all_acked(Duration(seconds=0.2))

    def cleanup(self) -> None:
        self._core = None
        self.disown()

    def _on_set_parameters(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        """Refuse whatever would seem to change a limit that is in force."""
        fixed = [parameter.name for parameter in parameters if parameter.name in FIXED_PARAMETERS]
        if self._core is None or not fixed:
            return SetParametersResult(successful=True)
        reason = f"{', '.join(fixed)}: fixed in {self._core.state.value}; read by configure, so cleanup first"
        return SetParametersResult(successful=False, reason=reason)

    def _create_outputs(self, core: Supervisor) -> None:
        self._state_publisher = self.make_publisher(DiagnosticStatus, SUPERVISOR_STATE, LATCHED)
        faults = self.make_publisher(DiagnosticStatus, SUPERVISOR_FAULT, LATCHED)
        self._announcer = FaultAnnouncer(self.get_logger(), faults, core.reaction)
        self._diagnostics = self.make_publisher(DiagnosticArray, "/diagnostics", RELIABLE)
        self._commanded = self.make_publisher(PoseStamped, COMMANDED_POSE, RELIABLE)
        topics = self._robot.topics
        kind: type[Any] = PoseStamped if self._robot.backend == "crisp" else JointTrajectory
        topic = topics.target_pose if self._robot.backend == "crisp" else topics.joint_trajectory
        self._controller = None if self._dry_run else self.make_publisher(kind, topic, RELIABLE)

    def _create_inputs(self, core: Supervisor) -> None:
        self._twists = self.make_subscription(TwistStamped, CANDIDATE_TWIST, self._on_twist, RELIABLE)
        self._inputs = SupervisorInputs(self, self._robot)
        inputs = [
            *self._inputs.subscriptions,
            self._twists,
            self.make_subscription(PoseStamped, MOVE_TARGET, self._on_move_target, RELIABLE),
        ]
        self._graph = GraphWatch(self, self._robot, self._twists, inputs, self._controller, core.report)
        self.own(self._graph.destroy)
        requests = {
            "arm": core.request_arm,
            "start": core.request_start,
            "stop": core.request_stop,
            "reset": core.request_reset,
        }
        for name, request in requests.items():
            self.make_service(Trigger, f"supervisor/{name}", self._answer(name, request))
        status_timer = self.create_timer(STATUS_PERIOD_S, self._on_status, clock=STEADY_CLOCK)
        diagnostics_timer = self.create_timer(DIAGNOSTICS_PERIOD_S, self._on_diagnostics, clock=STEADY_CLOCK)
        for timer in (status_timer, diagnostics_timer):
            self.own(partial(self.destroy_timer, timer))

    def _on_twist(self, message: TwistStamped) -> None:
        """Take a candidate and act on it at once, instead of at the next cycle; none while a second one publishes."""
        if self._core is None:
            return
        if self._twists.get_publisher_count() > 1:
            self._core.report(Fault.SECOND_PUBLISHER, self._graph.second_publisher())
            return
        linear, angular = message.twist.linear, message.twist.angular
        twist = (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z)
        self._core.on_twist(twist, message.header.frame_id, self._inputs.arrival(message.header))
        if self._timer is not None and self._core.state in MOVING:
            self._cycle()
            self._telemetry.latency(self._ros_now_s() - stamp_to_s(message.header.stamp))

    def _on_move_target(self, message: PoseStamped) -> None:
        if self._core is None:
            return
        self._inputs.take(self._core)
        done, text = self._core.on_move_target(pose_from_msg(message.pose), message.header.frame_id, steady_now_s())
        if not done:
            self.get_logger().warning(text)
        if self._timer is not None:
            self._cycle()

    def _answer(
        self, name: str, request: Callable[[float], Reply]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            if self._timer is None or self._core is None:
                response.success, response.message = False, f"{name} refused: node {self.get_name()} is not active"
            else:
                self._inputs.take(self._core)
                response.success, response.message = request(steady_now_s())
                self._cycle()
            if response.success:
                self.get_logger().info(response.message)
            else:
                self.get_logger().warning(response.message)
            return response

        return answer

    def _cycle(self) -> None:
        """Tick the core, send its target, show what changed."""
        if self._core is None:
            return
        began_s = time.perf_counter()
        self._inputs.take(self._core)
        command = self._core.tick(steady_now_s())
        self._send(self._core, command)
        self._show(command)
        self._telemetry.cycle(time.perf_counter() - began_s)

    def _send(self, core: Supervisor, command: Command) -> None:
        if command.target is None:
            self._backend.reset()
            return
        stamp = self.get_clock().now().to_msg()
        try:
            sent = self._backend.command(command.target, core.arm.q, 1.0 / self._robot.control_rate_hz)
        except (UnreachableTarget, JointLimitReached) as error:
            fault = Fault.WORKSPACE if isinstance(error, UnreachableTarget) else Fault.JOINT_POSITION
            core.report(fault, Violation(fault, "target", f"refused by the backend ({error})", "one that it can reach"))
            return
        core.report(Fault.WORKSPACE, None)
        core.report(Fault.JOINT_POSITION, None)
        self._commanded.publish(pose_stamped(command.target, self._robot.base_frame, stamp))
        if self._controller is not None:
            self._controller.publish(controller_message(sent, stamp))

    def _on_status(self) -> None:
        """10 Hz: what the graph looks like, and the state, changed or not."""
        if self._core is None:
            return
        self._inputs.take(self._core)
        self._graph.check()
        self._shown = ()
        self._show(self._core.command())

    def _on_diagnostics(self) -> None:
        """1 Hz: the state, for whoever watches `/diagnostics`."""
        if self._core is not None:
            message = DiagnosticArray(status=[self._state(self._core, self._core.command())])
            message.header.stamp = self.get_clock().now().to_msg()
            self._diagnostics.publish(message)

    def _state(self, core: Supervisor, command: Command) -> DiagnosticStatus:
        problem = "" if self._timer is not None else f"node {self.get_name()} is not active"
        problem = problem or core.problem(steady_now_s())
        return state_message(command.state, self._telemetry.values(command, core.arm.contact(), problem))

    def _show(self, command: Command) -> None:
        """Publish the state when it changed, and new faults."""
        if self._core is None:
            return
        self._announcer.show(command)
        noticed = self._announcer.noticed
        shown = (command.state, command.source, command.move, command.move_count, command.faults, noticed)
        if shown == self._shown:
            return
        self._shown = shown
        self._state_publisher.publish(self._state(self._core, command))

    def _ros_now_s(self) -> float:
        return 1e-9 * self.get_clock().now().nanoseconds


def main() -> None:
    sys.exit(run_node(SupervisorNode, sys.argv))


if __name__ == "__main__":
    main()
