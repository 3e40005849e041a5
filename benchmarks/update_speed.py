"""Time of one update of Soft Actor-Critic, by hand and by autograd, in turns on one thread.

    python benchmarks/update_speed.py --json benchmarks/results/update_speed.json

Medians over rounds; each round times both, the order changing from round to round, so that a machine that is busy for a
while slows both. The sizes are those of the plug insertion; the data are noise, which costs the same.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from tqdm import tqdm

from maxent_robot.learning.algorithms.sac import SoftActorCritic
from maxent_robot.learning.config import LearnerConfig
from maxent_robot.learning.environment import Spaces
from maxent_robot.learning.replay import Batch, ReplayMemory
from maxent_robot.learning.trainer import configure_torch
from maxent_robot.skill import ACTION_SIZE, OBSERVATION_SIZE
from sim.plug.privileged import PRIVILEGED_SIZE


def make_learner(fast: bool, width: int) -> SoftActorCritic:
    """A learner of the plug insertion with two hidden layers of `width`."""
    config = LearnerConfig(hidden_sizes=(width, width), fast_update=fast)
    ones = np.ones(OBSERVATION_SIZE, np.float32), np.ones(PRIVILEGED_SIZE, np.float32)
    return SoftActorCritic(config, Spaces(*ones, ACTION_SIZE), seed=0)


def make_batches(count: int, batch_size: int) -> list[Batch]:
    """Minibatches of noise."""
    generator = np.random.default_rng(0)
    memory = ReplayMemory(10_000, OBSERVATION_SIZE, PRIVILEGED_SIZE, ACTION_SIZE)
    memory.add(generator.standard_normal(memory.rows.shape).astype(np.float32))
    return memory.sample(count, batch_size, generator)


def milliseconds(learner: SoftActorCritic, batches: list[Batch]) -> float:
    """Mean time of an update over the batches."""
    began = time.perf_counter()
    for batch in batches:
        learner.update(batch, 1.0)
    return 1e3 * (time.perf_counter() - began) / len(batches)


def main() -> int:
    parser = argparse.ArgumentParser(description="time of an update, by hand and by autograd")
    parser.add_argument("--rounds", type=int, default=15, help="timings of each (default: %(default)s)")
    parser.add_argument("--updates", type=int, default=100, help="updates in a timing (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128, help="of the hidden layers (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="transitions in an update (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    configure_torch()
    batches = make_batches(arguments.updates, arguments.batch)
    learners = {"by_hand": make_learner(True, arguments.width), "autograd": make_learner(False, arguments.width)}
    times: dict[str, list[float]] = {name: [] for name in learners}
    for learner in learners.values():
        milliseconds(learner, batches)
    for number in tqdm(range(arguments.rounds), unit="round", leave=False):
        for name in list(learners)[:: 1 if number % 2 else -1]:
            times[name].append(milliseconds(learners[name], batches))
    ratios = [slow / fast for slow, fast in zip(times["autograd"], times["by_hand"], strict=True)]
    figures = {
        "command": " ".join(["python", "benchmarks/update_speed.py", *sys.argv[1:]]),
        "width": arguments.width,
        "batch": arguments.batch,
        "rounds": arguments.rounds,
        "median_ms": {name: round(median(values), 3) for name, values in times.items()},
        "autograd_over_by_hand": {
            "median": round(median(ratios), 3),
            "minimum": round(min(ratios), 3),
            "maximum": round(max(ratios), 3),
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
    }
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
