"""From a finished training run to a skill bundle."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from maxent_robot.errors import ConfigError
from maxent_robot.learning.export import export_networks
from maxent_robot.learning.run_directory import load_finished_run, run_revision
from maxent_robot.learning.tasks import INSERTION, insertion_config, manifest_assumptions
from maxent_robot.skill.bundle import SkillBundle, write_bundle
from maxent_robot.skill.manifest import SCHEMA_VERSION, SkillManifest, TrainingRecord


def export_run(run: Path, output: Path, evaluation: Path | None) -> SkillBundle:
    """Write the best policy of a run as a skill bundle; the last part of `output` is the skill's name.

    Args:
        evaluation: a file written by `maxent-robot evaluate --json` for this very actor, to be kept in the manifest;
            without one, the figures of the last evaluation in training are.

    Raises:
        ConfigError: no finished run, observations that no robot gives, or the evaluation is of another actor.
        ExportError: a graph does not compute what the network computes.
        BundleError: the bundle can't be written.
    """
    finished = load_finished_run(run)
    config, result = finished.config, finished.result
    if config.task == INSERTION and insertion_config(config.environment, "environment").obstacle.present:
        raise ConfigError(
            "environment.obstacle.present is true: no layout of observations has both a history and an obstacle, so it "
            "makes no skill; compose one with the skill avoid of maxent-robot family plug"
        )
    assumptions = manifest_assumptions(config.task, config.environment)
    networks = export_networks(finished.actor, finished.critic, config.seed)
    manifest = SkillManifest(
        schema_version=SCHEMA_VERSION,
        name=output.resolve().name,
        **assumptions,
        gamma=config.learner.discount,
        alpha=result["temperature"],
        target_entropy=result["target_entropy"],
        training=TrainingRecord(
            seed=config.seed,
            commit=run_revision(run),
            command=result["command"],
            steps=result["steps"],
            wall_s=result["wall_s"],
        ),
        evaluation=(
            {"in_training": dict(result["best"])}
            if evaluation is None
            else read_evaluation(evaluation, hashlib.sha256(networks.actor_onnx).hexdigest())
        ),
        files={},
        parity_error=networks.parity_error,
    )
    return write_bundle(output, manifest, networks.actor_onnx, networks.critic_onnx)


def read_evaluation(path: Path, actor_sha256: str) -> dict[str, Any]:
    """Figures of `maxent-robot evaluate --json`, if they belong to the actor with this hash.

    Raises:
        ConfigError: the file can't be read, or belongs to another actor.
    """
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = figures["actor_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a file written by maxent-robot evaluate --json: {error}") from error
    if found != actor_sha256:
        raise ConfigError(f"{path}: is about the actor {found}, this run exports {actor_sha256}")
    return figures
