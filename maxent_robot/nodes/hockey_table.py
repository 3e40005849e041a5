"""The node `hockey_table`: the air-hockey table between two arms, in real time.

It moves the puck; the mallets are where the joint states of `home` and `away` say. To each player it shows what a
camera above the table would, late, noisy and not always (`sim.hockey.sensing`), in the base frame of that player's arm.
The truth is on `hockey/puck` and `hockey/mallets`, for the referee and for whoever watches.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseArray, PoseStamped
from nav_msgs.msg import Odometry
from rclpy.timer import Timer
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import RobotConfig, load_robot
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.managed_node import ManagedNode, run_node
from maxent_robot.nodes.messages import joint_positions, joint_velocities, pose_stamped, pose_to_msg, stamp_from_ns
from maxent_robot.nodes.pacer import RealTimePacer
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.polled_subscription import PolledSubscription
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.nodes.realtime_status import realtime_status
from maxent_robot.nodes.steady_clock import STEADY_CLOCK, steady_now_s
from maxent_robot.nodes.topics import HOCKEY_MALLETS, HOCKEY_PICTURE, HOCKEY_PUCK, HOCKEY_TABLE_POSE
from maxent_robot.trials.game import PLAYERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERIOD_S = 0.01
PICTURE_CYCLES = 2
LOOK_AHEAD_S = 0.03
"""Age of a joint state up to which the mallet is taken to have gone on as it went."""

DIAGNOSTICS_PERIOD_S = 1.0
_UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])


class HockeyTableNode(ManagedNode):
    """See the module. Services: `hockey_table/serve_home` and `serve_away` put the puck before a player."""

    def __init__(self) -> None:
        super().__init__("hockey_table")
        declare(self, "robot", "sim_hockey", "name or path of the description of both arms")
        declare(self, "seed", 1, "of the camera's noise and of where the puck is put", (0, 2**31 - 1))
        self._robot: RobotConfig
        self._timer: Timer | None = None
        self._joints: dict[str, PolledSubscription] = {}

    def configure(self) -> None:
        from sim.hockey.arm_driver import T_BASE_PLAYER
        from sim.hockey.config import Sensing, TableConfig
        from sim.hockey.driven import DrivenTable
        from sim.hockey.sensing import Camera
        from sim.hockey.state import SIDES

        self._sides = SIDES
        self._robot = load_robot(str(self.get_parameter("robot").value))
        self._chain = self._robot.chain()
        self._generator = np.random.default_rng(int(self.get_parameter("seed").value))
        self._config = TableConfig(control_period_s=PERIOD_S, target_period_s=PERIOD_S)
        self._table = DrivenTable(self._config, 1)
        self._still: NDArray[np.float64] = np.zeros((1, 2, 2))
        self._mallets = self._table.state.mallets[0].copy()
        self._rates, self._moved_s = np.zeros((2, 2)), np.zeros(2)
        self._camera = Camera(Sensing(), 1, PERIOD_S * PICTURE_CYCLES)
        self._T_base_player = T_BASE_PLAYER
        self._poses = [self.make_publisher(PoseStamped, f"{one}/{HOCKEY_TABLE_POSE}", LATCHED) for one in PLAYERS]
        self._pictures = [self.make_publisher(PoseArray, f"{one}/{HOCKEY_PICTURE}", SENSOR) for one in PLAYERS]
        self._puck = self.make_publisher(Odometry, HOCKEY_PUCK, RELIABLE)
        self._mallet_publisher = self.make_publisher(PoseArray, HOCKEY_MALLETS, RELIABLE)
        self._diagnostics = self.make_publisher(DiagnosticStatus, "hockey_table/diagnostics", RELIABLE)
        topic = self._robot.topics.joint_states
        self._joints = {one: self.make_polled(JointState, f"{one}/{topic}", SENSOR) for one in PLAYERS}
        for one, side in zip(PLAYERS, (1, -1), strict=True):
            self.make_service(Trigger, f"hockey_table/serve_{one}", partial(self._on_serve, side))

    def activate(self) -> None:
        self._camera.begin(self._table.state, np.arange(1), self._generator)
        self._pacer = RealTimePacer(PERIOD_S, steady_now_s())
        self._origin_ns = self.get_clock().now().nanoseconds
        self._diagnosed_s = steady_now_s()
        stamp = self.get_clock().now().to_msg()
        for publisher in self._poses:
            publisher.publish(pose_stamped(self._T_base_player, self._robot.base_frame, stamp))
        self._timer = self.create_timer(PERIOD_S, self._on_cycle, clock=STEADY_CLOCK)

    def deactivate(self) -> None:
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None

    def cleanup(self) -> None:
        self.deactivate()
        self._joints = {}
        self.disown()

    def _on_cycle(self) -> None:
        due = self._pacer.due(steady_now_s())
        for cycle in range(due):
            self._read_mallets(later_s=(due - 1 - cycle) * PERIOD_S)
            self._table.step(self._still)
            self._pacer.run += 1
            if self._pacer.run % PICTURE_CYCLES == 0:
                self._show()
        now_s = steady_now_s()
        if now_s - self._diagnosed_s >= DIAGNOSTICS_PERIOD_S:
            self._diagnosed_s = now_s
            self._diagnostics.publish(realtime_status(self.get_name(), self._pacer, now_s))

    def _read_mallets(self, later_s: float) -> None:
        """Lead the table's mallets to where the arms are, or were `later_s` ago."""
        now_s = steady_now_s()
        for k, one in enumerate(PLAYERS):
            for received in self._joints[one].take():
                try:
                    q = joint_positions(received.message, self._robot.joint_names)
                    qd = joint_velocities(received.message, self._robot.joint_names)
                except MaxentRobotError as error:
                    self.get_logger().warning(f"{one}: {error}", throttle_duration_sec=2.0)
                    continue
                side = self._sides[k]
                tcp = self._T_base_player.inverse().transform(self._chain.forward(q).position)[:2]
                rate = np.zeros(2) if qd is None else (self._chain.jacobian(q) @ qd)[:2]
                self._mallets[k], self._rates[k] = side * tcp, side * rate
                self._moved_s[k] = now_s - received.age_s
        age_s = np.clip(now_s - later_s - self._moved_s, 0.0, LOOK_AHEAD_S)
        self._table.lead((self._mallets + age_s[:, None] * self._rates)[None])

    def _show(self) -> None:
        """Publish the truth, and a picture where the camera has one."""
        now_ns = self._origin_ns + round(1e9 * self._pacer.scheduled_s)
        state, camera = self._table.state, self._camera
        before_s = float(camera.puck_age_s[0])
        camera.look(state, self._generator)
        self._publish_truth(stamp_from_ns(now_ns))
        age_s = float(camera.puck_age_s[0])
        if age_s > before_s:
            return  # nothing has come
        stamp = stamp_from_ns(now_ns - round(1e9 * age_s))
        for k, publisher in enumerate(self._pictures):
            side = self._sides[k]
            message = PoseArray()
            message.header.stamp, message.header.frame_id = stamp, self._robot.base_frame
            for place in (camera.puck[0], camera.mallets[0, 1 - k]):
                at = self._T_base_player.transform(np.append(side * place, 0.0))
                message.poses.append(_pose(at))
            publisher.publish(message)

    def _publish_truth(self, stamp: Time) -> None:
        state = self._table.state
        puck = Odometry()
        puck.header.stamp = stamp
        puck.header.frame_id = puck.child_frame_id = "table"
        puck.pose.pose = _pose(np.append(state.puck[0], 0.0))
        twist = puck.twist.twist
        twist.linear.x, twist.linear.y = state.puck_velocity[0].tolist()
        twist.angular.z = float(state.spin[0])
        self._puck.publish(puck)
        mallets = PoseArray()
        mallets.header = puck.header
        mallets.poses = [_pose(np.append(place, 0.0)) for place in state.mallets[0]]
        self._mallet_publisher.publish(mallets)

    def _on_serve(self, side: int, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        from sim.hockey.launches import serve

        if self._timer is None:
            response.success, response.message = False, f"node {self.get_name()} is not active"
            return response
        self._table.place(serve(self._table.state, side, self._config, self._generator))
        x, y = self._table.state.puck[0]
        response.success, response.message = True, f"puck at {x:.3f}, {y:.3f} m"
        return response


def _pose(position: NDArray[np.float64]) -> PoseMessage:
    return pose_to_msg(Pose(position, _UPRIGHT))


def main() -> None:
    """Run the node until SIGINT or SIGTERM."""
    sys.exit(run_node(HockeyTableNode, sys.argv))


if __name__ == "__main__":
    main()
