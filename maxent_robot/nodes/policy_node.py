"""The node `policy`: measurements in, candidate twists out, at the skill's period.

It never talks to the arm: the supervisor takes the twist or leaves it. It publishes only when active and when every
input is there and fresh; otherwise it says which one is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TwistStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.timer import Timer
from std_msgs.msg import Float32MultiArray, MultiArrayDimension

from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.errors import MaxentRobotError
from maxent_robot.inference import (
    ActionChooser,
    EntropyAwareSampler,
    PolicyStep,
    SkillChooser,
    TemperatureControl,
)
from maxent_robot.inference.noise import ColouredNoise
from maxent_robot.nodes.composition_parameters import CompositionParameters
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import diagnostic_status, diagnostic_values
from maxent_robot.nodes.policy_duties import HockeyDuty, InsertionDuty, PolicyDuty
from maxent_robot.nodes.policy_parameters import LIVE, declare_policy_parameters
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.qos import LATCHED, RELIABLE
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s
from maxent_robot.nodes.topics import (
    CANDIDATE_TWIST,
    POLICY_OBSERVATION,
    POLICY_TELEMETRY,
    SUPERVISOR_STATE,
)
from maxent_robot.paths import find_skill
from maxent_robot.safety.state_machine import MOVING_NAMES, State
from maxent_robot.skill.bundle import SkillBundle, load_bundle
from maxent_robot.skill.contract import check_allowed_force, check_contract
from maxent_robot.skill.manifest import SkillManifest

REPORT_PERIOD_S = 10.0
"""Least time between two lines of the log about the same topic."""

HEARTBEAT_PERIOD_S = 0.1
"""Time between two telemetry messages while there is no action; they are the node's sign of life."""

REPORT_CHANGE_S = 0.5
"""Least time between two lines of any kind."""


class PolicyNode(ManagedNode):
    """See the module; parameters are read on every `configure`, so a skill can be changed without a new process.

    Mode and temperature of the sampler, and what `CompositionParameters` says, take effect when they are set.

    What it needs and does for an insertion and for hockey: `policy_duties`.
    """

    def __init__(self) -> None:
        super().__init__("policy")
        declare_policy_parameters(self)
        self._composition = CompositionParameters(self)
        self.add_on_set_parameters_callback(self._check_control)
        self.add_post_set_parameters_callback(self._set_control)
        self._robot: RobotConfig
        self._chosen_by: ActionChooser | None = None
        self._duty: PolicyDuty
        self._manifest: SkillManifest
        self._polled: list[tuple[PolledSubscription, Callable[[Any, float], None]]] = []
        self._timer: Timer | None = None
        self._supervisor_runs = self._degraded = False
        self._step = 0
        self._reported, self._reported_s, self._lived_s = "", -REPORT_PERIOD_S, 0.0

    def configure(self) -> None:
        parameter = {name: self.get_parameter(name).value for name in ("robot", "skill", "connector")}
        self._robot = load_robot(parameter["robot"])
        bundle = load_bundle(find_skill(parameter["skill"]))
        check_contract(bundle.manifest, self._robot, parameter["connector"])
        self._degraded_calm = float(self.get_parameter("degraded_calm").value)
        self._chosen_by = chooser = self._chooser(bundle)
        self._manifest, self._duty = bundle.manifest, self._make_duty(bundle, chooser)
        self._identity = {
            "actor_sha256": hashlib.sha256(bundle.actor_onnx).hexdigest(),
            "robot": self._robot.fingerprint(),
            "period_s": bundle.manifest.policy_period_s,
        }
        self._supervisor_runs = self._degraded = False
        self._twist_publisher = self.create_lifecycle_publisher(TwistStamped, CANDIDATE_TWIST, RELIABLE)
        self._telemetry_publisher = self.create_lifecycle_publisher(DiagnosticStatus, POLICY_TELEMETRY, RELIABLE)
        self._observation_publisher = self.create_lifecycle_publisher(Float32MultiArray, POLICY_OBSERVATION, RELIABLE)
        for publisher in (self._twist_publisher, self._telemetry_publisher, self._observation_publisher):
            self.own(partial(self.destroy_lifecycle_publisher, publisher))
        for topic, take in self._duty.latched.items():
            self.make_subscription(PoseStamped, topic, take, LATCHED)
        self.make_subscription(DiagnosticStatus, SUPERVISOR_STATE, self._on_supervisor_state, LATCHED)
        self._polled = [(self.make_polled(one.kind, one.topic, one.qos), one.take) for one in self._duty.inputs]
        self.get_logger().info(
            f"skill {bundle.manifest.name} ({bundle.manifest.connector or bundle.manifest.task}) on {self._robot.name}"
            f"{', composed with ' + ', '.join(self._composition.skills) if self._composition.skills else ''}, "
            f"mode {chooser.control.mode}, seed {chooser.seed}"
        )

    def _chooser(self, bundle: SkillBundle) -> ActionChooser:
        names = ("mode", "temperature", "seed", "noise", "correlation_steps")
        mode, temperature, seed, noise, correlation_steps = (self.get_parameter(name).value for name in names)
        seed = None if seed < 0 else seed
        if self._composition.skills:
            return self._composition.chooser(bundle, TemperatureControl(mode, temperature), seed)
        return SkillChooser(
            bundle, EntropyAwareSampler(mode, temperature, seed, ColouredNoise(noise, correlation_steps))
        )

    def _control(self, parameters: Sequence[Parameter[Any]]) -> TemperatureControl | None:
        """Of the sampler, with these parameters and the others as they are; None where none of them is its own."""
        changed = {parameter.name: parameter.value for parameter in parameters if parameter.name in LIVE}
        if not changed:
            return None
        values = {name: self.get_parameter(name).value for name in LIVE} | changed
        return TemperatureControl(str(values["mode"]), float(values["temperature"]))

    def _check_control(self, parameters: list[Parameter[Any]]) -> SetParametersResult:
        try:
            control = self._control(parameters)
            if control is not None and self._chosen_by is not None:
                self._duty.check_mode(control.mode)
        except MaxentRobotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _set_control(self, parameters: list[Parameter[Any]]) -> None:
        control = self._control(parameters)
        if control is not None and self._chosen_by is not None:
            self._chosen_by.control = control
            self.get_logger().info(f"sampler: mode {control.mode}, temperature {control.temperature:g}")

    def _make_duty(self, bundle: SkillBundle, chooser: ActionChooser) -> PolicyDuty:
        if not bundle.manifest.layout.inserts:
            return HockeyDuty(self._robot, bundle, chooser, lambda: 1e-9 * self.get_clock().now().nanoseconds)
        allowed_force_n = float(self.get_parameter("allowed_force_n").value)
        check_allowed_force(bundle.manifest, allowed_force_n)
        return InsertionDuty(self._robot, bundle, chooser, allowed_force_n)

    def activate(self) -> None:
        self._poll()
        self._duty.activate()
        self._step = 0
        self._reported = ""
        self._timer = self.create_timer(self._manifest.policy_period_s, self._on_period, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def cleanup(self) -> None:
        self.deactivate()
        self._composition.forget()
        if self._chosen_by is not None:
            self._chosen_by.close()
            self._chosen_by = None
        self._polled = []
        self.disown()

    def _on_supervisor_state(self, message: DiagnosticStatus) -> None:
        source = diagnostic_values(message).get("source", "policy")
        runs = message.message in MOVING_NAMES and source == "policy"
        if runs and not self._supervisor_runs:
            self._poll()
            self._duty.started()
            self._step = 0
        self._supervisor_runs = runs
        self._degraded = message.message == State.DEGRADED.value

    def _poll(self) -> None:
        for subscription, take in self._polled:
            for received in subscription.take():
                take(received.message, received.age_s)

    def _on_period(self) -> None:
        started_s = steady_now_s()
        self._poll()
        try:
            step, joint_stamp_s = self._duty.step(self._degraded_calm if self._degraded else 1.0)
        except MaxentRobotError as error:
            self._report(str(error))
            return
        self._reported = ""
        self._publish(step, joint_stamp_s, 1e3 * (steady_now_s() - started_s))

    def _report(self, problem: str) -> None:
        """Say why there is no action: as telemetry (WARN) always, in the log when the cause changes, else rarely."""
        topic = problem.split(":", 1)[0]
        now_s = steady_now_s()
        if now_s - self._lived_s >= HEARTBEAT_PERIOD_S:
            self._lived_s = now_s
            self._telemetry_publisher.publish(
                diagnostic_status(DiagnosticStatus.WARN, self.get_name(), problem, {"step": self._step})
            )
        age_s = now_s - self._reported_s
        if age_s < (REPORT_PERIOD_S if topic == self._reported else REPORT_CHANGE_S):
            return
        self._reported, self._reported_s = topic, now_s
        self.get_logger().warning(f"no action: {problem}")

    def _publish(self, step: PolicyStep, joint_stamp_s: float, inference_ms: float) -> None:
        now = self.get_clock().now()
        twist = TwistStamped()
        twist.header.stamp = now.to_msg()
        twist.header.frame_id = self._robot.base_frame
        linear, angular = twist.twist.linear, twist.twist.angular
        linear.x, linear.y, linear.z, angular.x, angular.y, angular.z = (float(value) for value in step.twist)
        self._twist_publisher.publish(twist)
        size = step.observation.size
        observation = Float32MultiArray(data=step.observation)
        observation.layout.dim = [MultiArrayDimension(label="observation", size=size, stride=size)]
        self._observation_publisher.publish(observation)
        choice, chooser = step.choice, self._chosen_by
        assert chooser is not None  # there is one whenever there is a timer
        self._telemetry_publisher.publish(
            diagnostic_status(
                DiagnosticStatus.OK,
                self.get_name(),
                self._manifest.name,
                {
                    "entropy": choice.entropy,
                    "temperature": choice.temperature,
                    "mode": chooser.control.mode,
                    "seed": chooser.seed,
                    **choice.report,
                    "step": self._step,
                    "latency_ms": 1e-6 * now.nanoseconds - 1e3 * joint_stamp_s,
                    "inference_ms": inference_ms,
                    "novelty": step.novelty,
                    "strangest": step.strangest,
                    **self._identity,
                },
            )
        )
        self._step += 1


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    raise SystemExit(run_node(PolicyNode))


if __name__ == "__main__":
    main()
