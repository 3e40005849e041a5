"""Trainings behind `composition_plug.py` and `sampler_modes.py`: kinds of them, each with several seeds, resumable."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from contenders import ContenderError
from plug_seeds import maxent_robot
from tqdm import tqdm

from maxent_robot.config import load_config
from maxent_robot.inference import OnnxActor, OnnxCritic
from maxent_robot.inference.composition import ComposableSkill, Correction
from maxent_robot.learning.campaigns.executors import LocalExecutor
from maxent_robot.learning.checkpoint import write_atomically
from maxent_robot.learning.export import export_networks
from maxent_robot.learning.graphs.onnx_graph import critic_graph
from maxent_robot.learning.pooled.correction import DivergenceCorrection
from maxent_robot.learning.pooled.family import FamilyConfig, make_family
from maxent_robot.learning.pooled.trainer import PooledTrainer
from maxent_robot.learning.run_directory import load_finished_run
from maxent_robot.learning.run_files import CONFIG_FILE, RESULT_FILE
from maxent_robot.learning.trainer import configure_torch
from maxent_robot.skill import OBSERVATION_SIZE
from maxent_robot.skill.bundle import load_bundle
from maxent_robot.skill.experience import EVALUATION_KEY as EXPERIENCE_KEY

INSERT, EARLY, MEMORYLESS, FAMILY, SUM = "insert", "early", "memoryless", "family", "sum"
SHORTENED = ["--set", "trainer.wall_minutes=0", "--set", "trainer.minimum_steps=0", "--set", "trainer.target_success=2"]
COMMANDS = {
    INSERT: ["train", "plug_insertion"],
    EARLY: ["train", "plug_insertion", "--steps", "100000", *SHORTENED],
    MEMORYLESS: [
        *["train", "plug_insertion", "--steps", "300000", *SHORTENED],
        *["--set", "environment.history=false", "--set", "evaluation_environment.history=false"],
    ],
    FAMILY: ["family", "plug"],
    SUM: ["train", "plug_insertion_obstacle"],
}
"""What comes after `maxent-robot`. `EARLY` has not come to its end; `MEMORYLESS` sees the present alone."""

CORRECTION_UPDATES, CORRECTION_SIZES = 20_000, (64, 64)


@dataclass(frozen=True)
class Training:
    """One training of one seed.

    Attributes:
        kind: of `COMMANDS`.
        seed: of it.
        runs: directory of all.
    """

    kind: str
    seed: int
    runs: Path

    @property
    def directory(self) -> Path:
        """Of the run."""
        return self.runs / f"{self.kind}_seed_{self.seed}"

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        last = Path("skills", "gentle", "skill.yaml") if self.kind == FAMILY else Path(RESULT_FILE)
        return (self.directory / last).is_file()

    def words(self) -> list[str]:
        """What comes after `maxent-robot` to begin it, or to go on where it was interrupted."""
        command = COMMANDS[self.kind]
        if (self.directory / CONFIG_FILE).is_file():
            return [*command[:2], "--quiet", "--resume", str(self.directory)]
        return [*command, "--quiet", "--seed", str(self.seed), "--output", str(self.directory)]


def train(trainings: Sequence[Training], jobs: int) -> None:
    """Bring all to their end, `jobs` at a time.

    Raises:
        ContenderError: one of them failed; what has ended stays.
    """
    due = [training for training in trainings if not training.done]
    with LocalExecutor(jobs) as executor, tqdm(total=len(due), desc="trainings", unit="run", disable=None) as progress:
        futures: dict[Future[int | None], Training] = {}
        for training in due:
            training.runs.mkdir(parents=True, exist_ok=True)
            log = training.directory.with_suffix(".log")
            futures[executor.submit(training.words(), log)] = training
        for future in as_completed(futures):
            progress.update()
            if future.result() != 0:
                log = futures[future].directory.with_suffix(".log")
                raise ContenderError(f"a training ended with status {future.result()}: see {log}")


def evaluated_bundle(training: Training) -> Path:
    """The bundle of an insertion, that holds its evaluation as a shipped one does; made where it is not there yet.

    Raises:
        ContenderError: it could not be made.
    """
    path = training.directory / "skill"
    if not (path / "skill.yaml").is_file() or EXPERIENCE_KEY not in load_bundle(path).manifest.evaluation:
        maxent_robot(["export", str(training.directory), "--output", str(path)])
        maxent_robot(
            ["evaluate", str(path), "--seed", "2026", "--modes", "mean,sample", "--update-manifest", "--quiet"]
        )
    return path


def trained_policy(run: Path, name: str) -> ComposableSkill:
    """What a run of `maxent-robot train` ended with, as it would be deployed."""
    finished = load_finished_run(run)
    networks = export_networks(finished.actor, finished.critic, finished.config.seed)
    actor, critic = OnnxActor(networks.actor_onnx), OnnxCritic(networks.critic_onnx)
    sees = np.arange(actor.observation_size)
    return ComposableSkill(name, finished.result["temperature"], actor, critic, sees)


def pooled_skill(family: Path, name: str) -> ComposableSkill:
    """A skill of a family."""
    return ComposableSkill.of(load_bundle(family / "skills" / name))


def learn_correction(insert: Path, family: Path, name: str, weights: tuple[float, float], path: Path) -> None:
    """Learn what insertion and a skill of the family promise too much together, from the family's pool, into `path`."""
    configure_torch()
    config = load_config(family / CONFIG_FILE, FamilyConfig)
    environment = make_family(config, str(family))
    trainer = PooledTrainer(config.training, environment, family)
    trainer.resume()
    insertion = load_finished_run(insert).actor
    columns = {view.name: view.columns for view in environment.spaces.skills}[name]
    learned = DivergenceCorrection(
        [insertion, trainer.learners[name].judged],
        [np.arange(OBSERVATION_SIZE), columns],
        weights,
        config.training.learner.discount,
        environment.spaces.observation_scale,
        CORRECTION_SIZES,
        config.training.seed,
    )
    with tqdm(total=CORRECTION_UPDATES, desc="correction", unit="update", disable=None) as bar:
        learned.train(trainer.replay, CORRECTION_UPDATES, config.training.learner.batch_size, bar.update)
    environment.close()
    graph = critic_graph(learned.network, environment.spaces.action_size)
    write_atomically(path, lambda file: file.write(graph))


def read_correction(path: Path, weights: tuple[float, float]) -> Correction:
    """What `learn_correction` has written."""
    return Correction(weights, OnnxCritic(path.read_bytes()))
