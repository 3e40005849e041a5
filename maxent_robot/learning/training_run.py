"""A training run from its first step, or from its checkpoint, to a finished policy on disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from maxent_robot.learning.algorithms.maximum_entropy import make_actor
from maxent_robot.learning.config import TrainConfig
from maxent_robot.learning.deployable_critic import train_deployable_critic
from maxent_robot.learning.environment import VectorEnvironment
from maxent_robot.learning.networks import CriticEnsemble, SquashedGaussianActor
from maxent_robot.learning.progress import ProgressLog
from maxent_robot.learning.run_directory import run_command, save_networks, save_policy, save_result
from maxent_robot.learning.trainer import Trainer, configure_torch


def carry_out(
    config: TrainConfig,
    directory: Path,
    environment: VectorEnvironment,
    evaluation_environment: VectorEnvironment,
    stopped: Callable[[], bool],
    quiet: bool = False,
) -> dict[str, Any] | None:
    """Train in the run directory `directory` to the end, from its checkpoint if there is one.

    Args:
        stopped: asked once a step; when true, training ends with a checkpoint.
        quiet: draw no progress bar.

    Returns:
        The figures written to `result.json`; None if training was stopped.
    """
    configure_torch()
    trainer = Trainer(config, environment, evaluation_environment, directory)
    if trainer.store.exists():
        trainer.resume()
    with ProgressLog(directory / "tensorboard", config.trainer.steps, trainer.steps, quiet) as log:
        if not trainer.run(log, stopped):
            return None
        log.say(f"training ends: {trainer.finished}")
    assert trainer.best is not None, "training ends with an evaluation"
    result = {
        "command": run_command(directory),
        "seed": config.seed,
        "steps": trainer.steps,
        "updates": trainer.updates,
        "wall_s": round(trainer.elapsed_s, 1),
        "pace": {"steps": config.trainer.num_envs * trainer.pace.count, "wall_s": round(trainer.pace.wall_s, 3)},
        "ended": trainer.finished,
        "best": trainer.best["evaluation"],
        "evaluations": trainer.evaluations,
    }
    if trainer.makes_skill:
        result.update(_finish_skill(trainer, directory, quiet))
    else:
        save_policy(directory, trainer.best["policy"])
    save_result(directory, result)
    return result


def _finish_skill(trainer: Trainer, directory: Path, quiet: bool) -> dict[str, Any]:
    """Train the critic that goes into the bundle, save both networks, and return what the manifest needs of them."""
    began = time.monotonic()
    actor, critic, loss = _best_policy(trainer, quiet)
    save_networks(directory, actor, critic)
    assert trainer.best is not None
    assert trainer.learner.temperature is not None
    return {
        "wall_s": round(trainer.elapsed_s + time.monotonic() - began, 1),
        "temperature": trainer.best["temperature"],
        "target_entropy": trainer.learner.temperature.target_entropy,
        "cost_weight": trainer.best["cost_weight"],
        "deployable_critic_loss": loss,
    }


def _best_policy(trainer: Trainer, quiet: bool) -> tuple[SquashedGaussianActor, CriticEnsemble, float]:
    """The best actor by evaluation, a critic of it that sees what the robot sees, and that critic's loss."""
    config, spaces, best = trainer.config, trainer.environment.spaces, trainer.best
    assert best is not None
    actor = make_actor(config.learner, spaces.observation_scale, spaces.action_size)
    actor.load_state_dict(best["policy"])
    updates = config.trainer.deployable_critic_updates
    with tqdm(total=updates, desc="deployable critic", unit="update", disable=quiet, dynamic_ncols=True) as bar:
        critic, loss = train_deployable_critic(
            config.learner,
            actor,
            trainer.replay,
            best["temperature"],
            best["cost_weight"],
            updates,
            trainer.critic_seed,
            bar.update,
        )
    return actor, critic, loss
