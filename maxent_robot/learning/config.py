"""Settings of a training run: `config/train/<task>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maxent_robot.config import setting


@dataclass(frozen=True)
class SacConfig:
    """Soft Actor-Critic."""

    hidden_sizes: tuple[int, ...] = setting((128, 128), minimum=1, doc="widths of the hidden layers, actor and critics")
    critic_heads: int = setting(2, minimum=1, doc="Q functions; the least of them is used")
    discount: float = setting(0.98, minimum=0.0, maximum=1.0, doc="gamma, for one policy period")
    n_step: int = setting(3, minimum=1, doc="steps of reward summed before bootstrapping")
    batch_size: int = setting(256, minimum=1, doc="transitions in an update")
    actor_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, actor")
    critic_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, critics")
    temperature_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, log temperature")
    initial_temperature: float = setting(0.1, minimum=1e-8, doc="alpha at the start")
    target_entropy_per_action: float = setting(-1.0, unit="nat", doc="entropy sought for each action axis in [-1, 1]")
    target_rate: float = setting(0.005, minimum=0.0, maximum=1.0, doc="share of the critics mixed into their targets")
    actor_average_rate: float = setting(
        0.0005, minimum=0.0, maximum=1.0, doc="share of the actor mixed into its running average, which is evaluated"
    )
    log_std_minimum: float = setting(-5.0, doc="lower bound of the log standard deviation before tanh")
    log_std_maximum: float = setting(2.0, doc="upper bound of the log standard deviation before tanh")
    fast_update: bool = setting(True, doc="gradients by hand; false: by autograd, which is the reference and slower")
    replay_capacity: int = setting(500_000, minimum=1, doc="transitions kept")


@dataclass(frozen=True)
class CostRampConfig:
    """Weight of the force cost as a function of success."""

    maximum: float = setting(1.0, minimum=0.0, doc="weight of the force cost at full success")
    success_from: float = setting(0.5, minimum=0.0, maximum=1.0, doc="recent success at which the weight leaves 0")
    success_to: float = setting(0.9, minimum=0.0, maximum=1.0, doc="recent success at which the weight is full")
    rise_steps: int = setting(50_000, minimum=1, doc="environment steps that a change from 0 to full takes at least")


@dataclass(frozen=True)
class TrainerConfig:
    """The loop around the learner."""

    num_envs: int = setting(16, minimum=1, doc="environments stepped together")
    steps: int = setting(1_000_000, minimum=1, doc="environment steps, over all environments")
    wall_minutes: float = setting(
        17.0, unit="min", minimum=0.0, doc="time for training and its evaluations; 0 is no limit"
    )
    warmup_steps: int = setting(
        5_000, minimum=1, doc="environment steps with uniform random actions, before any update"
    )
    update_ratio: float = setting(0.25, minimum=0.0, doc="updates for each environment step")
    success_window: int = setting(200, minimum=1, doc="hard episodes over which recent success is taken")
    log_interval_steps: int = setting(2_000, minimum=1, doc="environment steps between two rows of scalars")
    checkpoint_interval_s: float = setting(60.0, unit="s", minimum=0.0, doc="time between checkpoints")
    evaluation_interval_steps: int = setting(50_000, minimum=1, doc="environment steps between evaluations")
    evaluation_episodes: int = setting(200, minimum=1, doc="held-out episodes of an evaluation, all hard")
    target_success: float = setting(
        1.0, minimum=0.0, doc="stop at this evaluated success with the two bounds below met; over 1 is never"
    )
    target_time_s: float = setting(0.0, unit="s", minimum=0.0, doc="bound on the median time of a success; 0 is none")
    target_force_n: float = setting(
        0.0, unit="N", minimum=0.0, doc="bound on the 95th percentile of peak force; 0 is none"
    )
    minimum_steps: int = setting(0, minimum=0, doc="environment steps before training may stop early")
    deployable_critic_updates: int = setting(5_000, minimum=1, doc="updates of the critic that goes into the bundle")
    cost_ramp: CostRampConfig = setting(CostRampConfig(), doc="weight of the force cost")


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    task: str = setting(doc="name of the task, see maxent_robot.learning.tasks")
    seed: int = setting(0, minimum=0, doc="everything random follows from it")
    environment: Mapping[str, Any] = setting({}, doc="settings of the task's environment in training")
    evaluation_environment: Mapping[str, Any] = setting({}, doc="settings of it in evaluation: what the skill promises")
    sac: SacConfig = setting(SacConfig(), doc="the learner")
    trainer: TrainerConfig = setting(TrainerConfig(), doc="the loop around it")
