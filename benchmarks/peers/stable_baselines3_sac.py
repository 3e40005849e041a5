"""Stable-Baselines3's SAC with its own default settings, timed and evaluated. Runs in the peers' environment.

benchmarks/peers/.venv/bin/python benchmarks/peers/stable_baselines3_sac.py --env Hopper-v5 --seed 1 --steps 100000 \
    --json hopper.json
"""

from __future__ import annotations

import sys

import gymnasium
import numpy as np
from measurement import Measurement, limit_threads, parse_arguments
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback

DEFAULT_LEARNING_STARTS = 100
PACKAGES = ("stable-baselines3", "torch", "gymnasium", "mujoco", "numpy")


class Measure(BaseCallback):
    """Reports to a `Measurement` when a step and its update are both done, that is when the next rollout begins."""

    def __init__(self, measurement: Measurement) -> None:
        super().__init__()
        self._measurement = measurement

    def _on_training_start(self) -> None:
        self._measurement.start()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps > 0:
            self._report()

    def _on_training_end(self) -> None:
        self._report()

    def _report(self) -> None:
        self._measurement.after_step(self.model.num_timesteps, self.model._n_updates, self._act)

    def _act(self, observation: np.ndarray) -> np.ndarray:
        action, _ = self.model.predict(observation, deterministic=True)
        return np.asarray(action)


def main() -> int:
    arguments = parse_arguments("train Stable-Baselines3's SAC", DEFAULT_LEARNING_STARTS)
    limit_threads(arguments.threads)
    environment = gymnasium.make(arguments.env)
    model = SAC("MlpPolicy", environment, learning_starts=arguments.learning_starts, seed=arguments.seed, device="cpu")
    measurement = Measurement(arguments)
    model.learn(arguments.steps, callback=Measure(measurement))
    settings = {
        "hidden_sizes": [256, 256],
        "learning_rate": model.learning_rate,
        "batch_size": model.batch_size,
        "discount": model.gamma,
        "tau": model.tau,
        "replay_capacity": model.buffer_size,
        "learning_starts": model.learning_starts,
        "update_ratio": model.gradient_steps,
        "temperature": model.ent_coef,
        "target_entropy": model.target_entropy,
    }
    measurement.write("stable_baselines3", PACKAGES, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
