"""The node `console`: a web page from which an operator watches the arm and asks things of the graph.

It is outside the loop: it publishes nothing, and whatever it asks for is granted or refused by the node that it asks.

Parameters: `robot`; `host` and `port` of the page; `token`: what a browser has to know, and what a host that other
machines can reach needs.
"""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.timer import Timer
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger

from maxent_robot.console.gate import EVERYWHERE, LOOPBACK, PORT, Gate
from maxent_robot.console.page import ConsolePage
from maxent_robot.console.server import open_server
from maxent_robot.console.twin import ArmTwin
from maxent_robot.console.view import ANSWERS, REQUESTS, STOP, TRIALS_STOP, ConsoleView
from maxent_robot.control.robot import load_robot
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.console_messages import policy_status, supervisor_status
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import joint_positions, pose_from_msg
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.nodes.sampler_client import SamplerClient
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s
from maxent_robot.nodes.topics import COMMANDED_POSE, POLICY_TELEMETRY, SOCKET_POSE, SUPERVISOR_STATE, TRIALS_STATE
from maxent_robot.nodes.trials_messages import trials_status

SHOW_PERIOD_S, PARAMETER_PERIOD_S = 0.1, 1.0
SILENT_S = 1.0
"""After which what speaks at 10 Hz counts as not heard."""

ANSWER = "trials/answer"


class ConsoleNode(ManagedNode):
    """See the module. viser calls from threads of its own, so what is pressed goes through a queue to the executor."""

    def __init__(self) -> None:
        super().__init__("console")
        declare(self, "robot", "sim", "name or path of the robot description")
        declare(self, "host", LOOPBACK, "address to serve the page on")
        declare(self, "port", PORT, "to serve the page on", (1, 65535))
        declare(self, "token", "", "what a browser has to know; empty: browsers of this machine only")
        self._orders: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._timers: list[Timer] = []

    def configure(self) -> None:
        host, port, token = (self.get_parameter(name).value for name in ("host", "port", "token"))
        self._robot = load_robot(str(self.get_parameter("robot").value))
        server = open_server(host, port, Gate(host, port, token))
        self.own(server.stop)
        self._view = ConsoleView()
        self._heard_s: dict[str, float] = {}
        self._joints_s = steady_now_s()
        self._twin = ArmTwin(server.scene, self._robot.chain())
        server.initial_camera.position, server.initial_camera.look_at = (1.05, 0.7, 0.6), (0.28, 0.0, 0.27)
        title = f"{self._robot.name} {self.get_namespace().strip('/')}".strip()
        self._wake = self.create_guard_condition(self._on_orders)
        self.own(partial(self.destroy_guard_condition, self._wake))
        self._page = ConsolePage(server, title, partial(self._order, "request"), self._order)
        self._sampler = SamplerClient(self, "policy", self._on_refused)
        self._triggers: dict[str, Any] = {
            name: self.create_client(Trigger, name) for name in REQUESTS if name not in ANSWERS
        }
        self._answer_client: Any = self.create_client(SetBool, ANSWER)
        for client in (*self._triggers.values(), self._answer_client):
            self.own(partial(self.destroy_client, client))
        self.make_subscription(DiagnosticStatus, SUPERVISOR_STATE, self._on_supervisor, LATCHED)
        self.make_subscription(DiagnosticStatus, TRIALS_STATE, self._on_trials, LATCHED)
        self.make_subscription(PoseStamped, SOCKET_POSE, self._on_socket, LATCHED)
        self._polled = {
            self._on_joints: self.make_polled(JointState, self._robot.topics.joint_states, SENSOR),
            self._on_target: self.make_polled(PoseStamped, COMMANDED_POSE, RELIABLE),
            self._on_policy: self.make_polled(DiagnosticStatus, POLICY_TELEMETRY, RELIABLE),
        }
        query = f"?token={token}" if token else ""
        name = socket.gethostname() if host in EVERYWHERE else host
        self.get_logger().info(f"console of {title}: http://{name}:{port}/{query}")

    def activate(self) -> None:
        self._timers = [
            self.create_timer(SHOW_PERIOD_S, self._show, clock=STEADY_CLOCK),
            self.create_timer(PARAMETER_PERIOD_S, self._sampler.poll, clock=STEADY_CLOCK),
        ]

    def deactivate(self) -> None:
        while self._timers:
            self.destroy_timer(self._timers.pop())

    def cleanup(self) -> None:
        self.disown()

    # What is heard

    def _on_supervisor(self, message: DiagnosticStatus) -> None:
        self._heard_s["supervisor"] = steady_now_s()
        self._view = replace(self._view, supervisor=supervisor_status(message))

    def _on_policy(self, message: DiagnosticStatus) -> None:
        self._heard_s["policy"] = steady_now_s()
        self._view = replace(self._view, policy=policy_status(message))

    def _on_trials(self, message: DiagnosticStatus) -> None:
        self._view = replace(self._view, trials=trials_status(message))

    def _on_joints(self, message: JointState) -> None:
        self._twin.show_joints(joint_positions(message, self._robot.joint_names))
        self._joints_s = steady_now_s()

    def _on_target(self, message: PoseStamped) -> None:
        self._twin.show_target(pose_from_msg(message.pose))

    def _on_socket(self, message: PoseStamped) -> None:
        self._twin.show_socket(pose_from_msg(message.pose))

    def _take(self, take: Callable[[Any], None], message: Any) -> None:
        try:
            take(message)
        except MaxentRobotError as error:
            self._say(str(error))

    def _show(self) -> None:
        for take, subscription in self._polled.items():
            for received in subscription.take():
                self._take(take, received.message)
        now_s = steady_now_s()
        if now_s - self._joints_s > SILENT_S:
            self._twin.hide()
        lost = {name: None for name, heard_s in self._heard_s.items() if now_s - heard_s > SILENT_S}
        if not self.count_publishers(TRIALS_STATE):
            lost["trials"] = None
        self._view = replace(self._view, **lost)  # type: ignore[arg-type]
        if self._sampler.is_settled or self._sampler.settings is None:
            self._view = replace(self._view, sampler=self._sampler.settings)
        self._page.show(self._view, now_s)

    # What is asked

    def _order(self, kind: str, value: Any) -> None:
        """From a thread of the server."""
        self._orders.put((kind, value))
        self._wake.trigger()

    def _on_orders(self) -> None:
        while not self._orders.empty():
            kind, value = self._orders.get()
            if not self.is_active:
                continue
            if kind != "request":
                self._change(kind, value)
                continue
            self._ask(value)
            if value == STOP and self._view.has_experiment:  # in every phase: what is shown may be late
                self._call(TRIALS_STOP)

    def _change(self, name: str, value: Any) -> None:
        if self._view.sampler_is_free:
            self._sampler.want(name, value)
        else:
            self._on_refused("an experiment has the sampler" if self._view.experiment_moves else "no policy answers")

    def _ask(self, request: str) -> None:
        if not self._view.allows(request):
            self._say(f"{request}: not in this state")
        else:
            self._call(request)

    def _call(self, request: str) -> None:
        if request in ANSWERS:
            client, message = self._answer_client, SetBool.Request(data=ANSWERS[request])
        else:
            client, message = self._triggers[request], Trigger.Request()
        if not client.service_is_ready():
            self._say(f"{request}: nobody offers this service")
            return
        client.call_async(message).add_done_callback(partial(self._on_answer, request))

    def _on_answer(self, request: str, future: Any) -> None:
        answer = future.result()
        self._say(
            f"{request}: {'done' if answer.success else 'refused'}{f', {answer.message}' if answer.message else ''}"
        )

    def _on_refused(self, reason: str) -> None:
        self._page.show_refused()
        self._say(reason)

    def _say(self, text: str) -> None:
        self._view = replace(self._view, said=f"{time.strftime('%H:%M:%S')} {text}")


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    raise SystemExit(run_node(ConsoleNode))


if __name__ == "__main__":
    main()
