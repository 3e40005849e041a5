"""What `sim_arm` holds and shows: a plug over a socket, or a hockey mallet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from std_srvs.srv import Trigger

from maxent_robot.config import load_config
from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import MaxentRobotError
from maxent_robot.nodes.managed_node import ManagedNode
from maxent_robot.nodes.messages import pose_stamped, pose_to_msg
from maxent_robot.nodes.obstacle_publisher import ObstaclePublisher
from maxent_robot.nodes.parameters import declare
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.nodes.topics import OBSTACLE, SOCKET_POSE

if TYPE_CHECKING:
    from sim.arm_driver import ArmReading


def declare_plug_parameters(node: ManagedNode) -> None:
    """Declare what a scene of plug and socket is made by."""
    declare(node, "connector", "two_pin", "plug and socket: two_pin or usb_a")
    declare(node, "scenario_seed", 1, "of the scenario's draw", (0, 2**63 - 1))
    declare(node, "obstacle", False, "a moving obstacle on the way to the socket")
    declare(node, "scene", "", "path of a YAML file with settings of the plug task, such as its randomisation")


class PlugScene:
    """The arm with its plug, and the messages about them.

    Args:
        node: that has the parameters of `declare_plug_parameters`; `sim_arm/new_scenario` reads them again.
        robot: an FR3 description.
        controller: of the arm.

    Raises:
        ConfigError: unknown connector or controller.
    """

    def __init__(self, node: ManagedNode, robot: RobotConfig, controller: str) -> None:
        from sim.plug.arm_driver import PlugArmDriver
        from sim.plug.config import PlugConfig, Start
        from sim.plug.obstacle import START_HEIGHT_M, ObstacleSetting

        self._node, self._robot = node, robot
        with_obstacle = bool(node.get_parameter("obstacle").value)
        scene = str(node.get_parameter("scene").value)
        config = replace(
            load_config(scene, PlugConfig) if scene else PlugConfig(),
            start=Start(height_m=START_HEIGHT_M),
            obstacle=ObstacleSetting(present=with_obstacle),
        )
        self.driver = PlugArmDriver(robot, *self._parameters(), controller, config)
        self._obstacle = (
            ObstaclePublisher(node.make_publisher(Odometry, OBSTACLE, SENSOR), robot, config.obstacle.radius_m)
            if with_obstacle
            else None
        )
        self._insertion_publisher = node.make_publisher(PoseStamped, "sim_arm/insertion", RELIABLE)
        self._socket_publisher = node.make_publisher(PoseStamped, SOCKET_POSE, LATCHED)
        node.make_service(Trigger, "sim_arm/new_scenario", self._on_new_scenario)
        self._insertion_message = PoseStamped()
        self._insertion_message.header.frame_id = "socket"

    @property
    def name(self) -> str:
        """Connector and seed, for the log."""
        return f"connector {self.driver.connector}, scenario_seed {self.driver.seed}"

    def begin(self) -> None:
        """Tell where the socket is thought to be."""
        self._socket_publisher.publish(
            pose_stamped(self.driver.socket_estimate, self._robot.base_frame, self._node.get_clock().now().to_msg())
        )

    def publish(self, stamp: Time, reading: ArmReading) -> None:
        """Publish what a control cycle has brought."""
        insertion = self.driver.insertion()
        if self._obstacle is not None and insertion.obstacle is not None:
            self._obstacle.publish(stamp, insertion.obstacle, reading.joint_positions)
        message = self._insertion_message
        message.header.stamp = stamp
        message.pose = pose_to_msg(insertion.T_socket_tcp)
        self._insertion_publisher.publish(message)

    def values(self) -> dict[str, object]:
        """For the diagnostics."""
        values: dict[str, object] = {"connector": self.driver.connector, "scenario_seed": self.driver.seed}
        if self._obstacle is not None:
            values.update(obstacle_radius_m=self._obstacle.radius_m, obstacle_nearest_m=self._obstacle.nearest_m)
        return values

    def _parameters(self) -> tuple[str, int]:
        return self._node.get_parameter("connector").value, self._node.get_parameter("scenario_seed").value

    def _on_new_scenario(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self.driver.new_scenario(*self._parameters())
            if self._obstacle is not None:
                self._obstacle.forget()
        except MaxentRobotError as error:
            response.success, response.message = False, str(error)
            return response
        self.begin()
        response.success, response.message = True, self.name
        self._node.get_logger().info(response.message)
        return response


class MalletScene:
    """The arm with a hockey mallet; the table is a node of its own, so there is nothing to show.

    Args:
        robot: an FR3 description with a mallet.
        seed: of the sensor's noise.
        controller: of the arm.
    """

    name = "mallet"

    def __init__(self, robot: RobotConfig, seed: int, controller: str) -> None:
        from sim.hockey.arm_driver import MalletArmDriver

        self.driver = MalletArmDriver(robot, seed, controller)

    def begin(self) -> None:
        """See `PlugScene`."""

    def publish(self, stamp: Time, reading: ArmReading) -> None:
        """See `PlugScene`."""

    def values(self) -> dict[str, object]:
        """See `PlugScene`."""
        return {}
