"""Trainings behind `hockey_exploitability.py`: strikers that shoot penalties at a keeper that learns, and their shots.

A run is trained in parts; after each part of its second half its policy, as it is then, shoots a few times, and at the
end many times. In a league each striker is trained anew, against the keeper's equilibrium with all before it (double
oracle, McMahan et al. 2003). `shots.npz` in the directory of a run says that it has come to its end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from maxent_robot.exact import matrix_game_equilibrium
from maxent_robot.learning.algorithms.maximum_entropy import MaximumEntropyLearner
from maxent_robot.learning.checkpoint import write_atomically
from maxent_robot.learning.progress import ProgressLog
from maxent_robot.learning.run_directory import train_config
from maxent_robot.learning.tasks import hockey_config
from maxent_robot.learning.trainer import Trainer, configure_torch
from sim.hockey.config import HockeyConfig
from sim.hockey.penalty import PenaltyConfig, guard_places
from sim.hockey.shootout import PenaltyTask
from sim.hockey.shots import played_past
from sim.hockey.vector import VectorHockey

METHODS: dict[str, tuple[str, ...]] = {
    "auto": (),
    "alpha_0.003": ("learner.automatic_temperature=false", "learner.initial_temperature=0.003"),
    "alpha_0.001": ("learner.automatic_temperature=false", "learner.initial_temperature=0.001"),
    "td3": ("learner.algorithm=td3",),
}
"""What is set beside `config/train/hockey_penalty.yaml`."""

LEAGUE = "league"
STEPS, PARTS = 300_000, 24
LEAGUE_STEPS, LEAGUE_SIZE = 200_000, 8
SHOTS, SHOTS_OF_A_PART = 384, 32
TABLES = 32
FIELDS = ("puck", "puck_velocity", "spin")

Bank = dict[str, NDArray[np.float64]]
"""Shots on their way, n each: `FIELDS` of a `TableState`."""

Act = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True)
class Shootout:
    """One training.

    Attributes:
        method: of `METHODS`.
        seed: of it.
        runs: directory of all.
    """

    method: str
    seed: int
    runs: Path

    @property
    def shots(self) -> Path:
        """The file of its shots."""
        return self.runs / f"{self.method}_seed_{self.seed}" / "shots.npz"


def train(shootouts: Sequence[Shootout], jobs: int) -> None:
    """Bring all to their end, `jobs` at a time; what was interrupted goes on from its last part."""
    due = [one for one in shootouts if not one.shots.is_file()]
    # The trainings share the cores: one thread each.
    with get_context("spawn").Pool(jobs) as pool, tqdm(total=len(due), unit="run", disable=None) as bar:
        for _ in pool.imap_unordered(train_one, due):
            bar.update()


def train_one(shootout: Shootout) -> None:
    """Train one striker, or one league, and let it shoot."""
    configure_torch()
    if shootout.method == LEAGUE:
        train_league(shootout)
    else:
        train_striker(shootout)


def train_league(shootout: Shootout) -> None:
    """Strikers one after the other, each the answer to the keeper's equilibrium with those before it."""
    guards = guard_places(HockeyConfig().table, PenaltyConfig())
    mix, payoff = np.full(len(guards), 1.0 / len(guards)), np.zeros((0, len(guards)))
    strikers = []
    for number in range(LEAGUE_SIZE):
        directory = shootout.shots.parent / f"striker_{number}"
        path = directory / "shots.npz"
        if not path.is_file():
            _train_answer(shootout.seed, number, mix, directory)
        strikers.append(load(path))
        payoff = np.vstack([payoff, payoffs(strikers[-1]["sample"], guards).mean(axis=0)])
        solution = matrix_game_equilibrium(payoff)
        mix = solution.column
    generator = np.random.default_rng(shootout.seed)
    chosen = generator.choice(LEAGUE_SIZE, size=SHOTS, p=solution.row)
    rows = generator.integers(SHOTS, size=SHOTS)
    fresh = {
        field: np.array([strikers[one]["fresh"][field][row] for one, row in zip(chosen, rows, strict=True)])
        for field in FIELDS
    }
    keep(shootout.shots, _by_name({"average": fresh}))


def _train_answer(seed: int, number: int, mix: NDArray[np.float64], directory: Path) -> None:
    changes = [f"seed={1000 * seed + number}", f"trainer.steps={LEAGUE_STEPS}"]
    trainer, table = _begin(changes, directory, mix)
    with ProgressLog(directory / "tensorboard", LEAGUE_STEPS, trainer.steps, quiet=True) as log:
        trainer.run(log, lambda: False)
    act = functools.partial(_sampled, trainer)
    banks = {"sample": shoot(table, act, SHOTS, 101), "fresh": shoot(table, act, SHOTS, 102)}
    keep(directory / "shots.npz", _by_name(banks))


def _begin(
    changes: Sequence[str], directory: Path, mix: NDArray[np.float64] | None = None
) -> tuple[Trainer, PenaltyTask]:
    """A training, as it was left where it was interrupted, and tables to shoot at.

    Args:
        changes: of the settings.
        directory: of the run.
        mix: of a keeper that learns nothing, in training; None for one that learns.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = train_config("hockey_penalty", changes)
    training = hockey_config(config.environment, str(directory))
    judging = hockey_config(config.evaluation_environment, str(directory))
    environment = VectorHockey(PenaltyTask(training, config.trainer.num_envs, mix))
    evaluation = VectorHockey(PenaltyTask(judging, config.trainer.evaluation_envs, mix))
    trainer = Trainer(config, environment, evaluation, directory)
    if trainer.store.exists():
        trainer.resume()
    return trainer, PenaltyTask(judging, TABLES)


def _by_name(banks: dict[str, Bank]) -> dict[str, Any]:
    return {f"{name}_{field}": value for name, bank in banks.items() for field, value in bank.items()}


def train_striker(shootout: Shootout) -> None:
    """One striker, against a keeper that learns."""
    directory = shootout.shots.parent
    trainer, table = _begin([*METHODS[shootout.method], f"seed={shootout.seed}"], directory)
    mean = trainer.learner.policy()
    stochastic = isinstance(trainer.learner, MaximumEntropyLearner)
    last = functools.partial(_sampled, trainer) if stochastic else mean
    with ProgressLog(directory / "tensorboard", STEPS, trainer.steps, quiet=True) as log:
        for part in range(PARTS):
            until = STEPS * (part + 1) // PARTS
            if trainer.steps < until:
                trainer.run(log, functools.partial(_reached, trainer, until))
            path = directory / f"part_{part}.npz"
            if part >= PARTS // 2 and not path.is_file():
                keep(path, shoot(table, last, SHOTS_OF_A_PART, part))
    banks = {"mean": shoot(table, mean, SHOTS, 100)}
    if stochastic:
        banks["sample"] = shoot(table, last, SHOTS, 101)
    parts = [np.load(directory / f"part_{part}.npz") for part in range(PARTS // 2, PARTS)]
    banks["average"] = {field: np.concatenate([one[field] for one in parts]) for field in FIELDS}
    keep(shootout.shots, _by_name(banks))


def payoffs(bank: Bank, guards: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which shots of a bank go in past a mallet at rest at each of the places, (n, C), played on the table."""
    return played_past(bank["puck"], bank["puck_velocity"], bank["spin"], guards, HockeyConfig().table)


def _sampled(trainer: Trainer, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    return trainer.learner.act(observation)[0]


def _reached(trainer: Trainer, steps: int) -> bool:
    return trainer.steps >= steps


def shoot(task: PenaltyTask, act: Act, shots: int, seed: int) -> Bank:
    """What becomes of `shots` penalties: puck (n, 2), velocity (n, 2) and spin (n,) as it comes over the middle.

    The velocity of one that does not come there is 0. Each table has its quota, or fast shots would count more.
    """
    environment, quota = VectorHockey(task), shots // task.n
    bank = {"puck": np.zeros((shots, 2)), "puck_velocity": np.zeros((shots, 2)), "spin": np.zeros(shots)}
    done, number = np.zeros(task.n, dtype=int), 0
    observation, _ = environment.reset(seed)
    while (done < quota).any():
        environment.step_begin(act(observation).astype(np.float32))
        result = environment.step_end()
        observation = result.observation
        for place in np.flatnonzero(result.terminated | result.truncated):
            if done[place] < quota:
                came = task.shot == place
                if came.any():
                    for field, values in bank.items():
                        values[number] = getattr(task.shots, field)[came][0]
                number += 1
            done[place] += 1
    return bank


def keep(path: Path, arrays: dict[str, Any]) -> None:
    """Write a file of arrays, whole or not at all."""
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load(path: Path) -> dict[str, Bank]:
    """The banks of `shots.npz` by name."""
    with np.load(path) as arrays:
        names = dict.fromkeys(name.split("_", 1)[0] for name in arrays.files)
        return {name: {field: arrays[f"{name}_{field}"] for field in FIELDS} for name in names}
