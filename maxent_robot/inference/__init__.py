"""Running a trained skill: ONNX actor and critics, and the sampler that chooses the action. Neither torch nor rclpy."""

from __future__ import annotations

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.chooser import ActionChooser, ComposedChooser, SkillChooser
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.runner import PolicyStep, SkillRunner
from maxent_robot.inference.sampler import EntropyAwareSampler, SampledAction
from maxent_robot.inference.session import InferenceError
from maxent_robot.inference.temperature import SAMPLER_MODES, TemperatureControl

__all__ = [
    "SAMPLER_MODES",
    "ActionChooser",
    "ComposedChooser",
    "EntropyAwareSampler",
    "InferenceError",
    "OnnxActor",
    "OnnxCritic",
    "PolicyStep",
    "SampledAction",
    "SkillChooser",
    "SkillRunner",
    "TemperatureControl",
]
