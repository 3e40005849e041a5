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
from maxent_robot.learning.checkpoint import write_atomically
from maxent_robot.learning.progress import ProgressLog
from maxent_robot.learning.run_directory import train_config
from maxent_robot.learning.tasks import hockey_config, make_environment
from maxent_robot.learning.trainer import Trainer, configure_torch
from sim.hockey.config import HockeyConfig
from sim.hockey.penalty import PenaltyConfig, guard_places
from sim.hockey.planar import PlanarTable
from sim.hockey.shootout import VectorShootout
from sim.hockey.state import AWAY, HOME, TableState

METHODS: dict[str, tuple[str, ...]] = {
    "auto": (),
    "alpha_0.003": ("learner.automatic_temperature=false", "learner.initial_temperature=0.003"),
    "alpha_0.001": ("learner.automatic_temperature=false", "learner.initial_temperature=0.001"),
    "td3": ("learner.algorithm=td3",),
}
"""What is set beside `config/train/hockey_penalty.yaml`."""

EXECUTIONS = {"auto": ("sample", "mean"), "alpha_0.003": ("sample", "mean"), "alpha_0.001": ("sample", "mean")}
"""How the last policy shoots; `td3` has its mean alone."""

LEAGUE = "league"
STEPS, PARTS = 300_000, 24
LEAGUE_STEPS, LEAGUE_SIZE = 200_000, 8
SHOTS, SHOTS_OF_A_PART = 384, 32
TABLES = 32
FLIGHT_S = 5.0
"""For which shots are followed."""

FIELDS = ("puck", "puck_velocity", "spin")

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
    directory.mkdir(parents=True, exist_ok=True)
    config = train_config("hockey_penalty", [f"seed={1000 * seed + number}", f"trainer.steps={LEAGUE_STEPS}"])
    settings = [hockey_config(one, str(directory)) for one in (config.environment, config.evaluation_environment)]
    training, evaluation = (VectorShootout(one, config.trainer.num_envs, mix) for one in settings)
    trainer = Trainer(config, training, evaluation, directory)
    if trainer.store.exists():
        trainer.resume()
    with ProgressLog(directory / "tensorboard", LEAGUE_STEPS, trainer.steps, quiet=True) as log:
        trainer.run(log, lambda: False)
    table, act = VectorShootout(settings[1], TABLES), functools.partial(_sampled, trainer)
    banks = {"sample": shoot(table, act, SHOTS, 101), "fresh": shoot(table, act, SHOTS, 102)}
    keep(directory / "shots.npz", _by_name(banks))


def _by_name(banks: dict[str, dict[str, NDArray[np.float64]]]) -> dict[str, Any]:
    return {f"{name}_{field}": value for name, bank in banks.items() for field, value in bank.items()}


def train_striker(shootout: Shootout) -> None:
    """One striker, against a keeper that learns."""
    config = train_config("hockey_penalty", [*METHODS[shootout.method], f"seed={shootout.seed}"])
    directory = shootout.shots.parent
    directory.mkdir(parents=True, exist_ok=True)
    make = [
        make_environment(config.task, settings, n, str(directory))
        for settings, n in (
            (config.environment, config.trainer.num_envs),
            (config.evaluation_environment, config.trainer.evaluation_envs),
        )
    ]
    trainer = Trainer(config, make[0], make[1], directory)
    if trainer.store.exists():
        trainer.resume()
    table = VectorShootout(hockey_config(config.evaluation_environment, str(directory)), TABLES)
    stochastic = "sample" in EXECUTIONS.get(shootout.method, ())
    last = functools.partial(_sampled, trainer) if stochastic else trainer.learner.policy()
    with ProgressLog(directory / "tensorboard", STEPS, trainer.steps, quiet=True) as log:
        for part in range(PARTS):
            until = STEPS * (part + 1) // PARTS
            if trainer.steps < until:
                trainer.run(log, functools.partial(_reached, trainer, until))
            path = directory / f"part_{part}.npz"
            if part >= PARTS // 2 and not path.is_file():
                keep(path, shoot(table, last, SHOTS_OF_A_PART, part))
    banks = {"mean": shoot(table, trainer.learner.policy(), SHOTS, 100)}
    if stochastic:
        banks["sample"] = shoot(table, last, SHOTS, 101)
    parts = [np.load(directory / f"part_{part}.npz") for part in range(PARTS // 2, PARTS)]
    banks["average"] = {field: np.concatenate([one[field] for one in parts]) for field in FIELDS}
    keep(shootout.shots, _by_name(banks))


def _sampled(trainer: Trainer, observation: NDArray[np.float32]) -> NDArray[np.float32]:
    return trainer.learner.act(observation)[0]


def _reached(trainer: Trainer, steps: int) -> bool:
    return trainer.steps >= steps


def payoffs(bank: dict[str, NDArray[np.float64]], guards: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which shots of a bank go in past a mallet at rest at each of the places, (n, C), played on the table.

    A shot is over once the mallet has touched it or it comes back.
    """
    table, count = HockeyConfig().table, len(guards)
    found = []
    for first in range(0, len(bank["spin"]), 64):
        part = {field: values[first : first + 64] for field, values in bank.items()}
        state = TableState.at_rest(len(part["spin"]) * count, table)
        for field, values in part.items():
            getattr(state, field)[...] = np.repeat(values, count, axis=0)
        state.mallets[:, HOME] = table.mallet.zone_x_m[0], table.mallet.zone_y_m[0]
        state.mallets[:, AWAY] = np.tile(guards, (len(part["spin"]), 1))
        state.targets[...] = state.mallets
        played = PlanarTable(table, len(state.spin))
        played.place(state)
        goal = np.zeros(len(state.spin), dtype=bool)
        over = state.puck_velocity[:, 0] <= 0.0
        for _ in range(round(FLIGHT_S / table.control_period_s)):
            happened = played.step(np.zeros((len(over), 2, 2)))
            goal |= (happened.goal == 1) & ~over
            over |= (happened.goal != 0) | happened.touched[:, AWAY] | (played.state.puck_velocity[:, 0] <= 0.0)
            if over.all():
                break
        found.append(goal.reshape(-1, count))
    return np.concatenate(found)


def shoot(environment: VectorShootout, act: Act, shots: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """What becomes of `shots` penalties: puck (n, 2), velocity (n, 2) and spin (n,) as it comes over the middle.

    The velocity of one that does not come there is 0. Each table has its quota, or fast shots would count more.
    """
    n = environment.num_envs
    quota = shots // n
    found: dict[str, list[Any]] = {field: [] for field in FIELDS}
    done = np.zeros(n, dtype=int)
    observation, _ = environment.reset(seed)
    while (done < quota).any():
        environment.step_begin(act(observation).astype(np.float32))
        result = environment.step_end()
        observation = result.observation
        ended = np.flatnonzero(result.terminated | result.truncated)
        came = environment.shot
        for place in ended:
            if done[place] < quota:
                row = np.flatnonzero(came == place)
                for field in FIELDS:
                    values = getattr(environment.shots, field)[row[0]] if row.size else None
                    found[field].append(values if values is not None else _nothing(field))
            done[place] += 1
    return {field: np.array(rows) for field, rows in found.items()}


def _nothing(field: str) -> Any:
    return 0.0 if field == "spin" else np.zeros(2)


def keep(path: Path, arrays: dict[str, Any]) -> None:
    """Write a file of arrays, whole or not at all."""
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load(path: Path) -> dict[str, dict[str, NDArray[np.float64]]]:
    """The banks of `shots.npz` by name."""
    with np.load(path) as arrays:
        names = dict.fromkeys(name.split("_", 1)[0] for name in arrays.files)
        return {name: {field: arrays[f"{name}_{field}"] for field in FIELDS} for name in names}
