"""The node `hockey_game`: what a session of games asks of the graph, and what it sees of them (see `waiting_node`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray
from nav_msgs.msg import Odometry
from rclpy.context import Context
from std_srvs.srv import Trigger

from maxent_robot.nodes.hockey_referee import OVER
from maxent_robot.nodes.messages import diagnostic_values, stamp_to_s
from maxent_robot.nodes.qos import EVENTS, LATCHED_EVENTS
from maxent_robot.nodes.supervisor_client import SupervisorClient, SupervisorView
from maxent_robot.nodes.topics import HOCKEY_MALLETS, HOCKEY_PUCK, HOCKEY_SCORE, POLICY_TELEMETRY, SUPERVISOR_STATE
from maxent_robot.nodes.waiting_node import POLL_PERIOD_S, TrialError, WaitingNode
from maxent_robot.safety.state_machine import MOVING_NAMES
from maxent_robot.trials.game import PLAYERS, GameResult, RallyLog

_SERVICES = {
    "hockey_referee/start": Trigger,
    **{f"{one}/supervisor/{name}": Trigger for one in PLAYERS for name in ("arm", "start", "stop", "reset")},
}

Progress = Callable[[float, str], None]
"""Called with the time of play [s] and the score."""


class HockeyGameNode(WaitingNode):
    """See the module.

    Args:
        context: of ROS.
        alive: raises when a process of the graph has ended.
    """

    def __init__(self, context: Context, alive: Callable[[], None]) -> None:
        super().__init__("hockey_game", context, alive, _SERVICES)
        self.supervisors = {one: SupervisorView() for one in PLAYERS}
        self._asks = {
            one: SupervisorClient(self, partial(self.supervisors.__getitem__, one), f"{one}/supervisor")
            for one in PLAYERS
        }
        self.score: dict[str, str] = {}
        self._score_text = ""
        self._log = RallyLog()
        self._mallets = np.full(4, np.nan)
        self._trace: list[np.ndarray] = []
        self._latencies_ms: dict[str, list[float]] = {one: [] for one in PLAYERS}
        self.read(DiagnosticStatus, HOCKEY_SCORE, LATCHED_EVENTS, self._on_score)
        self.read(PoseArray, HOCKEY_MALLETS, EVENTS, self._on_mallets)
        self.read(Odometry, HOCKEY_PUCK, EVENTS, self._on_puck)
        for one in PLAYERS:
            self.read(DiagnosticStatus, f"{one}/{SUPERVISOR_STATE}", LATCHED_EVENTS, partial(self._on_state, one))
            self.read(DiagnosticStatus, f"{one}/{POLICY_TELEMETRY}", EVENTS, partial(self._on_telemetry, one))

    def play(self, game: int, progress: Progress) -> GameResult:
        """Make both arms ready, have the referee begin, and watch until it is over or an arm stops.

        Raises:
            TrialError: a node does not answer, or an arm can't be made ready.
        """
        for client in self._asks.values():
            client.make_ready()
        before = {one: self.supervisors[one].interventions for one in PLAYERS}
        for client in self._asks.values():
            client.request("start")
        for one in PLAYERS:
            self.wait(partial(self._plays, one), f"{one}: start of the skill")
        self.wait(lambda: bool(np.isfinite(self._mallets).all()), f"{HOCKEY_MALLETS}: the first message")
        self._log, self._trace = RallyLog(), []
        self._latencies_ms = {one: [] for one in PLAYERS}
        done, reason = self.trigger("hockey_referee/start")
        if not done:
            raise TrialError(f"hockey_referee/start: {reason}")
        self.wait(lambda: self.score.get("phase") != OVER, "the game's beginning")
        stopped = ""
        while self.score.get("phase") != OVER and not stopped:
            self.poll()
            progress(float(self.score.get("time_s", 0.0)), self._score_text)
            stopped = next((self._why(one) for one in PLAYERS if not self._plays(one)), "")
            time.sleep(POLL_PERIOD_S)
        for one in PLAYERS:
            if self._plays(one):
                self._asks[one].request("stop")
        return self._result(game, before, stopped)

    def _plays(self, one: str) -> bool:
        return self.supervisors[one].state in MOVING_NAMES

    def _why(self, one: str) -> str:
        view = self.supervisors[one]
        return f"{one}: {view.fault or view.state}"

    def _result(self, game: int, before: Mapping[str, Mapping[str, int]], stopped: str) -> GameResult:
        score = self.score
        return GameResult(
            game=game,
            goals=(int(score.get("goals_home", 0)), int(score.get("goals_away", 0))),
            faults=(int(score.get("faults_home", 0)), int(score.get("faults_away", 0))),
            rallies=int(score.get("rallies", 0)),
            time_s=float(score.get("time_s", 0.0)),
            stopped=stopped,
            events=tuple(self._log.events),
            interventions={one: self.supervisors[one].increase(before[one]) for one in PLAYERS},
            latency_ms={
                one: tuple(np.percentile(values, (50, 95)).tolist())
                if (values := self._latencies_ms[one])
                else (0.0, 0.0)
                for one in PLAYERS
            },
            trace=np.array(self._trace).reshape(-1, 7),
        )

    def _on_score(self, message: DiagnosticStatus) -> None:
        self.score, self._score_text = diagnostic_values(message), message.message
        self._log.take(self.score, message.message)

    def _on_mallets(self, message: PoseArray) -> None:
        self._mallets = np.array([(pose.position.x, pose.position.y) for pose in message.poses]).ravel()

    def _on_puck(self, message: Odometry) -> None:
        at = message.pose.pose.position
        self._trace.append(np.concatenate([[stamp_to_s(message.header.stamp), at.x, at.y], self._mallets]))

    def _on_state(self, one: str, message: DiagnosticStatus) -> None:
        self.supervisors[one] = SupervisorView.of(message)

    def _on_telemetry(self, one: str, message: DiagnosticStatus) -> None:
        latency = diagnostic_values(message).get("latency_ms")
        if latency is not None:
            self._latencies_ms[one].append(float(latency))
