"""The node `hockey_referee`: keeps the score of a game on `hockey_table`, by the rules of the simulated one.

`hockey_referee/start` begins a game. After a goal, a fault or a puck out of reach it has the puck served anew.
`hockey/score` (diagnostic_msgs/DiagnosticStatus, latched) has the score as its message; `phase` is waiting, playing or
over, `rallies` how many were served, `ended` how many have ended, and `last` how the last of these did.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy.client import Client
from rclpy.task import Future
from std_srvs.srv import Trigger

from maxent_robot.nodes.hockey_table import PERIOD_S, PICTURE_CYCLES
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import diagnostic_status
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED, RELIABLE
from maxent_robot.nodes.steady_clock import steady_now_s
from maxent_robot.nodes.topics import HOCKEY_PUCK, HOCKEY_SCORE
from maxent_robot.trials.game import PLAYERS

WAITING, PLAYING, OVER = "waiting", "playing", "over"
PAUSE_S = 0.6
"""Between the end of a rally and the next service."""

ASK_AGAIN_S = 1.0

TELL_AFTER = round(1.0 / (PERIOD_S * PICTURE_CYCLES))
"""Pictures of a second: how often the score is told while nothing happens, for the time of play."""


class HockeyRefereeNode(ManagedNode):
    """See the module."""

    def __init__(self) -> None:
        super().__init__("hockey_referee")
        declare(self, "robot", "sim_hockey", "name or path of the description of both arms; not read")
        declare(self, "goals_to_win", 5, "of a game", (1, 100))
        declare(self, "time_limit_s", 900.0, "of a game [s]; then whoever is ahead has won", (10.0, 7200.0))
        declare(self, "seed", 1, "of the draw who begins", (0, 2**31 - 1))
        self._phase = WAITING

    def configure(self) -> None:
        from sim.hockey.config import Rules, TableConfig
        from sim.hockey.match import Scoreboard
        from sim.hockey.rules import Referee
        from sim.hockey.state import TableState

        self._config = TableConfig(control_period_s=PERIOD_S * PICTURE_CYCLES)
        self._rules = Referee(Rules(), self._config, 1)
        self._new_board = lambda: Scoreboard(self._rules.rules, 1)
        self._board, self._state = self._new_board(), TableState.at_rest(1, self._config)
        self._generator = np.random.default_rng(int(self.get_parameter("seed").value))
        self._goals_to_win = int(self.get_parameter("goals_to_win").value)
        self._time_limit_s = float(self.get_parameter("time_limit_s").value)
        self._phase, self._rallies, self._ended, self._played, self._last = WAITING, 0, 0, 0, ""
        self._score = self.make_publisher(DiagnosticStatus, HOCKEY_SCORE, LATCHED)
        self.make_subscription(Odometry, HOCKEY_PUCK, self._on_puck, RELIABLE)
        self._clients_of: dict[int, Client[Any, Any]] = {
            side: self.create_client(Trigger, f"hockey_table/serve_{one}")
            for one, side in zip(PLAYERS, (1, -1), strict=True)
        }
        for client in self._clients_of.values():
            self.own(partial(self.destroy_client, client))
        self.make_service(Trigger, "hockey_referee/start", self._on_start)
        self._serving: int | None = None
        self._asked: Future[Any] | None = None
        self._serve_at_s = 0.0

    def activate(self) -> None:
        self._publish()

    def deactivate(self) -> None:
        self._phase = WAITING

    def cleanup(self) -> None:
        self.disown()

    def _on_start(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if not self.is_active:
            response.success, response.message = False, f"node {self.get_name()} is not active"
            return response
        self._board = self._new_board()
        self._rallies, self._ended, self._played, self._phase, self._last = 0, 0, 0, PLAYING, ""
        self._serve_next(np.zeros(1, dtype=np.int8), np.zeros(1, dtype=np.int8), 0.0)
        self._publish()
        response.success, response.message = True, f"a game to {self._goals_to_win} goals"
        return response

    def _on_puck(self, message: Odometry) -> None:
        """50 Hz: serve where that is due, else watch."""
        if self._phase != PLAYING or not self.is_active:
            return
        if self._serving is not None:
            self._try_to_serve()
            return
        self._played += 1
        at, rate = message.pose.pose.position, message.twist.twist.linear
        self._state.puck[0], self._state.puck_velocity[0] = (at.x, at.y), (rate.x, rate.y)
        beyond = abs(at.x) > 0.5 * self._config.length_m
        goal = np.array([np.sign(at.x) if beyond else 0], dtype=np.int8)
        call = self._rules.watch(self._state)
        if not (beyond or call.fault.any() or call.stuck.any()):
            if self._time_s >= self._time_limit_s:
                self._end()
            elif self._played % TELL_AFTER == 0:
                self._publish()
            return
        fault = np.zeros_like(call.fault) if beyond else call.fault
        self._board.count(goal, fault, np.ones(1, dtype=bool))
        self._ended += 1
        self._last = self._describe(int(goal[0]), int(fault[0]))
        self.get_logger().info(f"{self._last}; {self._score_text}")
        if self._board.goals.max() >= self._goals_to_win:
            self._end()
            return
        self._serve_next(goal, fault, PAUSE_S)
        self._publish()

    def _serve_next(self, goal: Any, fault: Any, pause_s: float) -> None:
        from sim.hockey.match import next_to_serve

        self._serving = int(next_to_serve(goal, fault, self._generator)[0])
        self._serve_at_s, self._asked = steady_now_s() + pause_s, None

    def _try_to_serve(self) -> None:
        if self._serving is None or steady_now_s() < self._serve_at_s:
            return
        if self._asked is not None and self._asked.done():
            answer = self._asked.result()
            self._asked = None
            if answer is not None and answer.success:
                self._serving = None
                self._rallies += 1
                self._rules.begin(np.arange(1))
                self._publish()
                return
        client = self._clients_of[self._serving]
        if client.service_is_ready() and self._asked is None:
            self._asked = client.call_async(Trigger.Request())
            self._serve_at_s = steady_now_s()
        elif steady_now_s() - self._serve_at_s > ASK_AGAIN_S:
            self._asked, self._serve_at_s = None, steady_now_s()  # an answer was lost; a second service does no harm

    def _end(self) -> None:
        self._phase = OVER
        self._publish()
        self.get_logger().info(f"over: {self._score_text} after {self._time_s:.0f} s")

    @property
    def _time_s(self) -> float:
        return self._played * PERIOD_S * PICTURE_CYCLES

    @property
    def _score_text(self) -> str:
        home, away = self._board.goals[0]
        return f"{home}:{away}"

    def _describe(self, goal: int, fault: int) -> str:
        if goal:
            return f"goal of {PLAYERS[0] if goal > 0 else PLAYERS[1]}"
        if fault:
            return f"fault of {PLAYERS[0] if fault > 0 else PLAYERS[1]}"
        return "puck out of reach"

    def _publish(self) -> None:
        goals, faults = self._board.goals[0], self._board.faults[0]
        values = {
            "phase": self._phase,
            "last": self._last,
            "rallies": self._rallies,
            "ended": self._ended,
            "time_s": self._time_s,
            **{f"goals_{one}": int(goals[k]) for k, one in enumerate(PLAYERS)},
            **{f"faults_{one}": int(faults[k]) for k, one in enumerate(PLAYERS)},
        }
        self._score.publish(diagnostic_status(DiagnosticStatus.OK, self.get_name(), self._score_text, values))


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    sys.exit(run_node(HockeyRefereeNode, sys.argv))


if __name__ == "__main__":
    main()
