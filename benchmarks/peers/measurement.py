"""What the peers' scripts share: arguments, a clock that leaves evaluations out, evaluation, and the JSON they write.

Runs in the peers' environment, so it imports nothing of maxent_robot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

EVALUATION_SEED = 10_000
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Policy = Callable[[np.ndarray], np.ndarray]
"""From an observation (float, shape of the space) to an action in the bounds of the environment."""


def parse_arguments(description: str, learning_starts: int) -> argparse.Namespace:
    """The command line that all peers have in common."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--env", required=True, metavar="ID", help="gymnasium environment, such as HalfCheetah-v5")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True, help="environment steps of the run")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default: %(default)s)")
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="write evaluations and pace here")
    parser.add_argument(
        "--learning-starts",
        type=int,
        default=learning_starts,
        metavar="STEPS",
        help="uniformly random steps before the first update (default: %(default)s)",
    )
    parser.add_argument(
        "--eval-interval", type=int, default=5000, metavar="STEPS", help="between evaluations (default: %(default)s)"
    )
    parser.add_argument("--eval-episodes", type=int, default=10, help="of an evaluation (default: %(default)s)")
    parser.add_argument("--no-eval", action="store_true", help="no evaluations, for timing only")
    return parser.parse_args()


def limit_threads(count: int) -> None:
    """Let torch, and every library loaded from now on, use `count` threads."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    torch.set_num_threads(count)


class Measurement:
    """Evaluates a run at every multiple of the interval and at its end, and times it without the evaluations.

    `start` begins the clock, `after_step` is called once an environment step and the update that follows it are done.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._environment = gymnasium.make(arguments.env)
        self._evaluations: list[dict[str, Any]] = []
        self._wall_s, self._cpu_s = 0.0, 0.0  # training before the clock was last resumed
        self._resumed = (0.0, 0.0)
        self._first_updated: tuple[int, float] | None = None  # step and time at which updating had begun
        self._last = (0, 0.0)

    def start(self) -> None:
        """Begin, or go on, to count time as training."""
        self._resumed = (time.perf_counter(), time.process_time())

    def after_step(self, step: int, updates: int, policy: Policy) -> None:
        """Note that `step` environment steps and `updates` updates are done, and evaluate where it is time to."""
        due = step % self._arguments.eval_interval == 0 or step == self._arguments.steps
        if updates and self._first_updated is None:
            self._first_updated = step, self._elapsed()[0]
        if step == self._arguments.steps:
            self._last = step, self._elapsed()[0]
        if due and not self._arguments.no_eval:
            self._wall_s, self._cpu_s = self._elapsed()
            returns = evaluate(self._environment, policy, self._arguments.eval_episodes)
            self._evaluations.append(
                {
                    "step": step,
                    "wall_s": round(self._wall_s, 3),
                    "cpu_s": round(self._cpu_s, 3),
                    "mean_return": float(np.mean(returns)),
                    "returns": returns,
                }
            )
            print(f"{step} steps, {self._wall_s:.0f} s: mean return {np.mean(returns):.1f}", flush=True)
            self.start()

    def write(self, algorithm: str, packages: Sequence[str], settings: dict[str, Any]) -> None:
        """Write what was measured, the versions of `packages`, and the settings of the algorithm."""
        arguments = self._arguments
        first, last = self._first_updated or self._last, self._last
        document = {
            "algorithm": algorithm,
            "env": arguments.env,
            "seed": arguments.seed,
            "steps": arguments.steps,
            "threads": arguments.threads,
            "evaluations": self._evaluations,
            "pace": {"steps": last[0] - first[0], "wall_s": round(last[1] - first[1], 4)},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
            "settings": settings,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }
        temporary = arguments.json.with_name(arguments.json.name + ".tmp")
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        temporary.replace(arguments.json)

    def _elapsed(self) -> tuple[float, float]:
        wall, cpu = self._resumed
        return self._wall_s + time.perf_counter() - wall, self._cpu_s + time.process_time() - cpu


def evaluate(environment: gymnasium.Env[Any, Any], policy: Policy, episodes: int) -> list[float]:
    """Returns of `episodes` whole episodes; they begin in the same states for every policy."""
    returns = []
    for number in range(episodes):
        observation, _ = environment.reset(seed=EVALUATION_SEED + number)
        total, ended = 0.0, False
        while not ended:
            observation, reward, terminated, truncated, _ = environment.step(policy(observation))
            total += float(reward)
            ended = terminated or truncated
        returns.append(total)
    return returns
