"""Settings of a training run: `config/train/<task>.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maxent_robot.config import setting

CONTINUOUS_ALGORITHMS = ("ddpg", "td3", "sac", "crossq")
DISCRETE_ALGORITHMS = ("dqn", "soft_q", "discrete_sac")
ALGORITHM_NAMES = CONTINUOUS_ALGORITHMS + DISCRETE_ALGORITHMS


@dataclass(frozen=True)
class LearnerConfig:
    """Networks and update rule; what only some algorithms read says so."""

    algorithm: str = setting("sac", choices=ALGORITHM_NAMES, doc="update rule, see docs/learning.md")
    hidden_sizes: tuple[int, ...] = setting((128, 128), minimum=1, doc="widths of the hidden layers, actor and critics")
    critic_heads: int = setting(
        2, minimum=1, doc="Q functions; the least of them is used (ddpg, dqn and soft_q have one)"
    )
    layer_norm: bool = setting(True, doc="LayerNorm in each hidden layer of the critics; not crossq")
    privileged_critic: bool = setting(
        True, doc="the critics see the privileged vector, which no robot has; false: what the actor sees"
    )
    normalise_observation: bool = setting(
        False, doc="subtract the running mean of the observations and divide by their deviation; else by fixed scales"
    )
    discount: float = setting(0.98, minimum=0.0, maximum=1.0, doc="gamma, for one policy period")
    n_step: int = setting(3, minimum=1, doc="steps of reward summed before bootstrapping")
    batch_size: int = setting(256, minimum=1, doc="transitions in an update")
    replay_capacity: int = setting(500_000, minimum=1, doc="transitions kept")
    actor_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, actor")
    critic_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, critics")
    momentum: float = setting(0.9, minimum=0.0, maximum=0.999, doc="Adam, beta 1, networks")
    target_rate: float = setting(
        0.005, minimum=0.0, maximum=1.0, doc="share of the critics mixed into their targets, and of a target actor"
    )
    actor_average_rate: float = setting(
        0.0005,
        minimum=0.0,
        maximum=1.0,
        doc="sac, crossq, discrete_sac: share of the actor mixed into its running average, which is judged",
    )
    initial_temperature: float = setting(0.1, minimum=1e-8, doc="sac, crossq, discrete_sac, soft_q: alpha at the start")
    automatic_temperature: bool = setting(
        True, doc="sac, crossq, discrete_sac: alpha by dual ascent on the entropy constraint; false: alpha stays"
    )
    temperature_learning_rate: float = setting(3e-4, minimum=0.0, doc="Adam, log temperature")
    target_entropy_per_action: float = setting(
        -1.0, unit="nat", doc="sac, crossq: entropy sought for each action axis in [-1, 1]"
    )
    target_entropy_share: float = setting(
        0.5,
        minimum=0.0,
        maximum=1.0,
        doc="discrete_sac: entropy sought, as a share of log(number of actions)",
    )
    log_std_minimum: float = setting(-5.0, doc="sac, crossq: lower bound of the log standard deviation before tanh")
    log_std_maximum: float = setting(2.0, doc="sac, crossq: upper bound of the log standard deviation before tanh")
    log_std_initial: float = setting(-1.5, doc="sac, crossq: log standard deviation at the start, between these bounds")
    exploration_noise: float = setting(
        0.1, minimum=0.0, doc="ddpg, td3: standard deviation of the noise added to actions in training"
    )
    target_noise: float = setting(0.2, minimum=0.0, doc="td3: standard deviation of the noise on the target's action")
    target_noise_bound: float = setting(0.5, minimum=0.0, doc="td3: bound of that noise")
    policy_delay: int = setting(
        2, minimum=1, doc="td3, crossq: critic updates for each update of the actor and of the averages"
    )
    exploration_rate: float = setting(0.1, minimum=0.0, maximum=1.0, doc="dqn: share of random actions in training")
    fast_update: bool = setting(
        True, doc="sac: gradients by hand; false: by autograd, which is the reference and slower"
    )


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
    threads: int = setting(1, minimum=1, doc="threads of an update; two help where a second core is free")
    steps: int = setting(1_000_000, minimum=1, doc="environment steps, over all environments")
    wall_minutes: float = setting(
        17.0, unit="min", minimum=0.0, doc="time for training and its evaluations; 0 is no limit"
    )
    warmup_steps: int = setting(
        5_000, minimum=1, doc="environment steps with uniform random actions, before any update"
    )
    demonstrations: float = setting(
        0.0, minimum=0.0, maximum=1.0, doc="share of the environments that the task's script steers in these steps"
    )
    update_ratio: float = setting(0.25, minimum=0.0, doc="updates for each environment step")
    success_window: int = setting(200, minimum=1, doc="hard episodes over which recent success is taken")
    log_interval_steps: int = setting(2_000, minimum=1, doc="environment steps between two rows of scalars")
    checkpoint_interval_s: float = setting(60.0, unit="s", minimum=0.0, doc="time between checkpoints")
    evaluation_interval_steps: int = setting(50_000, minimum=1, doc="environment steps between evaluations")
    evaluation_episodes: int = setting(200, minimum=1, doc="held-out episodes of an evaluation, all hard")
    evaluation_envs: int = setting(16, minimum=1, doc="environments stepped together in an evaluation")
    evaluation_threads: int = setting(1, minimum=1, doc="threads of its physics, while the learner rests")
    target_success: float = setting(
        1.0, minimum=0.0, doc="stop at this evaluated success with the two bounds below met; over 1 is never"
    )
    target_time_s: float = setting(0.0, unit="s", minimum=0.0, doc="bound on the median time of a success; 0 is none")
    target_force_n: float = setting(
        0.0, unit="N", minimum=0.0, doc="bound on the 95th percentile of peak force; 0 is none"
    )
    best_by: str = setting(
        "success",
        choices=("success", "return"),
        doc="what the best policy is chosen by; the mean return counts what a failure costs too",
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
    learner: LearnerConfig = setting(LearnerConfig(), doc="networks and update rule")
    trainer: TrainerConfig = setting(TrainerConfig(), doc="the loop around it")
