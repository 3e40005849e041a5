"""A family of skills from its settings to its bundles: one world, one pool, a bundle for each skill that learned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from maxent_robot.config import config_from_mapping, setting, to_mapping
from maxent_robot.inference.actor import OnnxActor
from maxent_robot.inference.calibration import EVALUATION_KEY, calibrate
from maxent_robot.inference.critic import OnnxCritic
from maxent_robot.inference.sampler import within_limits
from maxent_robot.learning.export import export_networks
from maxent_robot.learning.pooled.environment import FamilyEnvironment, SkillView
from maxent_robot.learning.pooled.trainer import Behaviour, PooledConfig, PooledTrainer
from maxent_robot.learning.run_directory import revision
from maxent_robot.learning.tasks import manifest_assumptions
from maxent_robot.learning.trainer import configure_torch
from maxent_robot.paths import find_skill
from maxent_robot.skill.bundle import ACTOR_FILE, SkillBundle, load_bundle, write_bundle
from maxent_robot.skill.layout import INSERTION_LAYOUTS
from maxent_robot.skill.manifest import SCHEMA_VERSION, SkillManifest, TrainingRecord

FAMILIES = ("plug",)
SKILL_TASK = "plug_insertion"
"""Whose world the family `plug` lives in."""

HELD_OUT_STEPS, HELD_OUT_STATES = 200, 2000
"""Steps of all environments after training from which states for the calibration are drawn, and how many."""


@dataclass(frozen=True)
class FamilyConfig:
    """`config/family/<name>.yaml`."""

    family: str = setting(choices=FAMILIES, doc="world and skills")
    behaviours: tuple[str, ...] = setting((), doc="skills that act in turn with the learners, names or paths")
    num_envs: int = setting(32, minimum=1, doc="environments stepped together")
    threads: int = setting(1, minimum=1, doc="of their physics")
    environment: Mapping[str, Any] = setting({}, doc="settings of the task's environment")
    training: PooledConfig = setting(PooledConfig(), doc="networks, update rule and the loop around it")


def make_family(config: FamilyConfig, source: str) -> FamilyEnvironment:
    """The world of a family.

    Raises:
        ConfigError: a setting of the environment that is not allowed.
    """
    from sim.plug.config import PlugConfig
    from sim.plug.family import VectorPlugFamily

    environment = config_from_mapping(config.environment, PlugConfig, source=source)
    return VectorPlugFamily(environment, config.num_envs, config.threads)


def behaviour_of(bundle: SkillBundle) -> Behaviour:
    """A trained skill as one that acts in turn: a draw from its policy."""
    actor, columns = OnnxActor(bundle), bundle.manifest.layout.columns

    def act(observation: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        mean, log_std = within_limits(*actor(observation[:, columns]))
        drawn = mean + np.exp(log_std) * generator.standard_normal(mean.shape)
        return np.tanh(drawn).astype(np.float32)

    return act


def train_family(
    config: FamilyConfig,
    environment: FamilyEnvironment,
    directory: Path,
    command: str,
    stopped: Callable[[], bool],
    quiet: bool = False,
) -> dict[str, SkillBundle] | None:
    """Train in `directory`, from its checkpoint if there is one, and write a bundle of each skill to `skills` in it.

    Args:
        command: that made the run, for the manifests.
        stopped: asked once a step; when true, training ends with a checkpoint.

    Returns:
        The bundles by name; None if training was stopped.

    Raises:
        BundleError: a behaviour does not verify.
        TrainingError: training broke down; the last checkpoint is whole.
    """
    configure_torch()
    behaviours = [behaviour_of(load_bundle(find_skill(name))) for name in config.behaviours]
    trainer = PooledTrainer(config.training, environment, directory, behaviours)
    if trainer.store.exists():
        trainer.resume()
    with tqdm(
        total=config.training.steps, initial=trainer.steps, unit="step", disable=quiet, dynamic_ncols=True
    ) as bar:

        def show(steps: int, scalars: Mapping[str, float]) -> None:
            bar.set_postfix({name: f"{value:.2f}" for name, value in scalars.items() if name.endswith("entropy")})
            bar.update(steps - bar.n)

        if not trainer.run(show, stopped):
            return None
    states = _held_out_states(trainer)
    return {view.name: _bundle(config, trainer, view, directory, command, states) for view in environment.spaces.skills}


def _held_out_states(trainer: PooledTrainer) -> np.ndarray:
    """Observations of episodes that are not in the pool."""
    generator = np.random.default_rng(trainer.config.seed)
    met = np.concatenate([trainer.act() for _ in range(HELD_OUT_STEPS)])
    return met[generator.choice(len(met), size=min(HELD_OUT_STATES, len(met)), replace=False)]


def _bundle(
    config: FamilyConfig,
    trainer: PooledTrainer,
    view: SkillView,
    directory: Path,
    command: str,
    states: np.ndarray,
) -> SkillBundle:
    learner = trainer.learners[view.name]
    networks = export_networks(learner.judged, learner.critic.online, config.training.seed)
    seen = np.ascontiguousarray(states[:, view.columns])
    calibration = calibrate(
        OnnxActor(networks.actor_onnx), OnnxCritic(networks.critic_onnx), seen, config.training.seed
    )
    layout = next(layout for layout in INSERTION_LAYOUTS if np.array_equal(layout.columns, view.columns))
    assumed = manifest_assumptions(SKILL_TASK, config.environment)
    manifest = SkillManifest(
        schema_version=SCHEMA_VERSION,
        name=view.name,
        **{**assumed, "observation": layout.fields, "history_ages": layout.history_ages, "reward": {view.name: 1.0}},
        gamma=config.training.learner.discount,
        alpha=config.training.alpha,
        target_entropy=learner.temperature.target_entropy,
        training=TrainingRecord(
            seed=config.training.seed,
            commit=revision(),
            command=command,
            steps=trainer.steps,
            wall_s=round(trainer.elapsed_s, 1),
        ),
        evaluation={
            "actor_sha256": hashlib.sha256(networks.actor_onnx).hexdigest(),
            EVALUATION_KEY: asdict(calibration),
        },
        files={},
        parity_error=networks.parity_error,
    )
    bundle = write_bundle(directory / "skills" / view.name, manifest, networks.actor_onnx, networks.critic_onnx)
    assert bundle.manifest.files[ACTOR_FILE] == manifest.evaluation["actor_sha256"]
    return bundle


def with_choices(config: FamilyConfig, seed: int | None, steps: int | None) -> FamilyConfig:
    """The settings with another seed or number of steps, where one is given.

    Raises:
        ConfigError: one of them is not allowed.
    """
    training = config.training
    if seed is not None:
        training = replace(training, seed=seed)
    if steps is not None:
        training = replace(training, steps=steps)
    changed = to_mapping(replace(config, training=training))
    return config_from_mapping(changed, FamilyConfig, source="command line")
