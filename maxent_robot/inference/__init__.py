"""Running a trained skill: ONNX actor and critics, and the sampler that chooses the action. Neither torch nor rclpy."""

from __future__ import annotations

from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.runner import PolicyStep, SkillRunner
from maxent_robot.inference.sampler import SAMPLER_MODES, EntropyAwareSampler, SampledAction
from maxent_robot.inference.session import InferenceError

__all__ = [
    "SAMPLER_MODES",
    "EntropyAwareSampler",
    "InferenceError",
    "OnnxActor",
    "OnnxCritic",
    "PolicyStep",
    "SampledAction",
    "SkillRunner",
]
