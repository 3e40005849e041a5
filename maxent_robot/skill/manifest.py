"""The manifest of a skill: everything that must agree before a trained policy may move an arm, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maxent_robot.config import setting
from maxent_robot.control.robot import ImpedanceSetting, PoseSetting
from maxent_robot.skill.action import ActionAxis, Leash
from maxent_robot.skill.layout import ObservationLayout, find_layout
from maxent_robot.skill.observation import ObservationField

__all__ = ["SCHEMA_VERSION", "SkillManifest", "TrainingRecord"]

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TrainingRecord:
    """What made the networks, so that anyone can make them again."""

    seed: int = setting(minimum=0, doc="seed of every random stream")
    commit: str = setting(doc="revision of this repository")
    command: str = setting(doc="command line")
    steps: int = setting(minimum=0, doc="environment steps")
    wall_s: float = setting(unit="s", minimum=0.0, doc="wall-clock duration")


@dataclass(frozen=True)
class SkillManifest:
    """`skill.yaml` of a bundle."""

    schema_version: int = setting(choices=(SCHEMA_VERSION,), doc="version of this schema")
    name: str = setting(doc="name of the skill and of its directory")
    task: str = setting(doc="task it was trained on")
    connector: str = setting(doc="connector that it inserts")
    robot: str = setting(doc="robot that it was trained with")
    observation: tuple[ObservationField, ...] = setting(doc="fields of one frame, in order")
    history_ages: tuple[int, ...] = setting(
        minimum=0, maximum=256, doc="ages of the stacked frames in policy periods, oldest first"
    )
    action: tuple[ActionAxis, ...] = setting(doc="axes of the action, in order")
    policy_period_s: float = setting(unit="s", minimum=0.001, maximum=1.0, doc="time between two actions")
    gamma: float = setting(minimum=0.0, maximum=1.0, doc="discount for each policy period")
    alpha: float = setting(minimum=0.0, doc="final entropy temperature, in units of reward")
    target_entropy: float = setting(unit="nat", doc="entropy that training held the policy to")
    reward: Mapping[str, float] = setting(doc="scale of each reward term")
    impedance: ImpedanceSetting = setting(doc="impedance and leash that the policy assumes")
    T_flange_tcp: PoseSetting = setting(doc="tip of the plug in the flange frame that the policy assumes")
    randomisation: Mapping[str, Any] = setting(doc="what was randomised in training, and how far")
    training: TrainingRecord = setting(doc="what made the networks")
    evaluation: Mapping[str, Any] = setting(doc="figures of `maxent-robot evaluate`")
    files: Mapping[str, str] = setting(doc="SHA-256 of each file of the bundle, in hexadecimal")
    parity_error: float = setting(minimum=0.0, doc="largest relative difference of PyTorch and ONNX Runtime at export")

    @property
    def observation_size(self) -> int:
        """Length of an observation: all fields of all frames."""
        return len(self.history_ages) * sum(field.size for field in self.observation)

    @property
    def action_size(self) -> int:
        """Length of an action."""
        return len(self.action)

    @property
    def layout(self) -> ObservationLayout:
        """What it sees of the full observation."""
        return find_layout(self.observation, self.history_ages)

    @property
    def leash(self) -> Leash:
        """The leash that goes with `impedance`."""
        return Leash.of(self.impedance)
