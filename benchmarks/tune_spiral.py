"""Tune the spiral search, so that skills are compared with a baseline at its best.

    python benchmarks/tune_spiral.py --connector two_pin --candidates 48 --json benchmarks/results/spiral_two_pin.json

Random search with successive halving: every candidate plays the same episodes, the best third of each round goes on
with twice as many. The score is the success rate; the median time breaks ties of less than a point. Episodes of seed 1
are for tuning only; figures that are quoted come from other seeds.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from maxent_robot.config import config_from_mapping
from sim.evaluation import run_episodes
from sim.plug.config import PlugConfig
from sim.plug.connectors import CONNECTOR_NAMES
from sim.plug.spiral import SPIRAL, SpiralConfig

TUNING_SEED = 1


def draw(generator: np.random.Generator, start: SpiralConfig) -> SpiralConfig:
    """A candidate from ranges that a practitioner would try."""
    return replace(
        start,
        approach_speed_m_s=float(generator.uniform(0.015, 0.04)),
        press_force_n=float(generator.uniform(2.0, 10.0)),
        push_force_n=float(generator.uniform(5.0, 12.0)),
        pitch_m=float(np.exp(generator.uniform(np.log(0.0003), np.log(0.002)))),
        speed_m_s=float(np.exp(generator.uniform(np.log(0.006), np.log(0.03)))),
        radius_m=float(generator.uniform(0.003, 0.005)),
        drop_m=float(generator.uniform(0.0005, 0.0025)),
        wiggle_m=float(generator.uniform(0.0, 0.004)),
        wiggle_hz=float(generator.uniform(0.5, 3.0)),
        turn_deg=float(generator.uniform(0.0, 3.0)),
    )


def score(config: PlugConfig, candidate: SpiralConfig, episodes: int) -> tuple[float, float, float]:
    """Success rate, median time to success [s] and 95th percentile of peak force [N]."""
    table = run_episodes(config, "spiral", episodes, TUNING_SEED, spiral=candidate)
    median = float(np.median(table.time_s[table.success])) if table.success.any() else config.time_limit_s
    return float(table.success.mean()), median, float(np.percentile(table.peak_force_n, 95))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--connector", choices=CONNECTOR_NAMES, default="two_pin")
    parser.add_argument("--candidates", type=int, default=48)
    parser.add_argument("--episodes", type=int, default=48, help="in the first round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    config = config_from_mapping({"connector": arguments.connector, "timestep_s": 0.002}, PlugConfig)
    generator = np.random.default_rng(arguments.seed)
    start = SPIRAL[arguments.connector]
    candidates = [start] + [draw(generator, start) for _ in range(arguments.candidates - 1)]
    episodes, began = arguments.episodes, time.monotonic()
    while True:
        scored = []
        for number, candidate in enumerate(candidates):
            figures = score(config, candidate, episodes)
            scored.append((figures, candidate))
            print(
                f"{number + 1}/{len(candidates)} of {episodes} episodes: success {figures[0]:.3f}, "
                f"median {figures[1]:.2f} s, force p95 {figures[2]:.1f} N",
                flush=True,
            )
        scored.sort(key=lambda entry: (-round(entry[0][0], 2), entry[0][1]))
        if len(scored) <= 3:
            break
        candidates = [candidate for _, candidate in scored[: max(3, len(scored) // 3)]]
        episodes *= 2
    (success, median, force), best = scored[0]
    result = {
        "command": f"python benchmarks/tune_spiral.py --connector {arguments.connector} "
        f"--candidates {arguments.candidates} --episodes {arguments.episodes} --seed {arguments.seed}",
        "connector": arguments.connector,
        "tuning_seed": TUNING_SEED,
        "episodes": episodes,
        "success": success,
        "time_s_median": median,
        "peak_force_n_p95": force,
        "wall_s": time.monotonic() - began,
        "best": asdict(best),
    }
    print(json.dumps(result, indent=2))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
