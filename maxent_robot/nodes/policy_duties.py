"""What a policy node does for the kind of skill that it runs: which messages it needs, and one step from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from geometry_msgs.msg import PoseArray, PoseStamped, WrenchStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState

from maxent_robot.control.robot import RobotConfig
from maxent_robot.errors import ContractError
from maxent_robot.inference import ActionChooser, PolicyStep, SkillRunner
from maxent_robot.inference.hockey_runner import HockeyRunner
from maxent_robot.inference.temperature import HISTORY_FREE_MODES
from maxent_robot.nodes.hockey_inputs import HockeyInputs
from maxent_robot.nodes.policy_inputs import PolicyInputs
from maxent_robot.nodes.qos import RELIABLE, SENSOR, STREAM
from maxent_robot.nodes.topics import COMMANDED_POSE, HOCKEY_PICTURE, HOCKEY_TABLE_POSE, OBSTACLE, SOCKET_POSE
from maxent_robot.skill.bundle import SkillBundle

Take: TypeAlias = Callable[[Any, float], None]
"""Takes a message, and the time [s] that it has waited since it arrived."""


@dataclass(frozen=True)
class Input:
    """A topic that a duty reads when it makes a step."""

    kind: type[Any]
    topic: str
    qos: QoSProfile
    take: Take


class PolicyDuty(ABC):
    """A skill at work.

    Attributes:
        latched: topics of geometry_msgs/PoseStamped that may be given once, and what takes them.
        inputs: topics that are read at every step.
    """

    latched: dict[str, Callable[[PoseStamped], None]]
    inputs: list[Input]

    def check_mode(self, mode: str) -> None:  # noqa: B027  most duties take all
        """
        Raises:
            ContractError: the sampler's mode is not for this duty.
        """

    @abstractmethod
    def activate(self) -> None:
        """The node begins to act."""

    @abstractmethod
    def started(self) -> None:
        """The supervisor lets the skill begin."""

    @abstractmethod
    def step(self, calm: float) -> tuple[PolicyStep, float]:
        """One policy step, and the stamp [s] of the joint state that it began from.

        Args:
            calm: factor on the sampler's temperature, in [0, 1].

        Raises:
            MaxentRobotError: an input is missing, stale or unusable, or the networks give no number.
        """


class InsertionDuty(PolicyDuty):
    """An insertion. The wrench is tared after activation, with the arm at rest, and again whenever the supervisor
    starts the skill with the arm at rest above the estimated mouth.

    Args:
        robot: that inserts.
        bundle: of the (primary) skill.
        chooser: of the action.
        allowed_force_n: contact force that the skill is told it may use.
    """

    def __init__(self, robot: RobotConfig, bundle: SkillBundle, chooser: ActionChooser, allowed_force_n: float) -> None:
        self._runner, self._allowed_force_n = SkillRunner(bundle, chooser), allowed_force_n
        self._inputs = inputs = PolicyInputs(robot, chooser.sees_obstacle)
        self.latched = {SOCKET_POSE: inputs.on_socket}
        self.inputs = [
            Input(JointState, robot.topics.joint_states, SENSOR, inputs.on_joint_state),
            Input(WrenchStamped, robot.topics.wrench, STREAM, inputs.on_wrench),  # the filter needs them in a row
            Input(PoseStamped, COMMANDED_POSE, RELIABLE, inputs.on_target),
        ]
        if chooser.sees_obstacle:
            self.inputs.append(Input(Odometry, OBSTACLE, SENSOR, inputs.on_obstacle))

    def activate(self) -> None:
        """See `PolicyDuty`."""
        self._runner.reset()
        self._inputs.forget_tare()

    def started(self) -> None:
        """See `PolicyDuty`."""
        self._runner.reset()
        self._inputs.tare_above_mouth()

    def step(self, calm: float) -> tuple[PolicyStep, float]:
        """See `PolicyDuty`."""
        now = self._inputs.measure()
        step = self._runner.step(
            now.tcp, now.target, now.socket, now.wrench_tcp, self._allowed_force_n, calm, now.obstacle
        )
        return step, now.joint_stamp_s


class HockeyDuty(PolicyDuty):
    """A game of hockey.

    Args:
        robot: that holds a mallet.
        bundle: of the skill.
        chooser: of the action.
        now_s: the time of message stamps.

    Raises:
        ContractError: the chooser's mode is one that reads the phases of an insertion.
    """

    def __init__(
        self, robot: RobotConfig, bundle: SkillBundle, chooser: ActionChooser, now_s: Callable[[], float]
    ) -> None:
        self._skill = bundle.manifest.name
        self.check_mode(chooser.control.mode)
        self._runner = HockeyRunner(bundle, chooser)
        self._inputs = inputs = HockeyInputs(robot, now_s)
        self.latched = {HOCKEY_TABLE_POSE: inputs.on_table}
        self.inputs = [
            Input(JointState, robot.topics.joint_states, SENSOR, inputs.on_joint_state),
            Input(PoseStamped, COMMANDED_POSE, RELIABLE, inputs.on_target),
            Input(PoseArray, HOCKEY_PICTURE, SENSOR, inputs.on_picture),
        ]

    def check_mode(self, mode: str) -> None:
        """See `PolicyDuty`: no mode that reads the phases of an insertion."""
        if mode not in HISTORY_FREE_MODES:
            raise ContractError(
                f"mode is '{mode}', which is for insertions; for hockey skill '{self._skill}' it must be one of "
                f"{', '.join(HISTORY_FREE_MODES)}"
            )

    def activate(self) -> None:
        """See `PolicyDuty`."""
        self._runner.reset()

    def started(self) -> None:
        """See `PolicyDuty`."""
        self._runner.reset()

    def step(self, calm: float) -> tuple[PolicyStep, float]:
        """See `PolicyDuty`."""
        now = self._inputs.measure()
        return self._runner.step(now.measurement, now.T_base_player, now.T_base_target, calm), now.joint_stamp_s
