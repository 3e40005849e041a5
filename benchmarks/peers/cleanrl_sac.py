"""SAC with the structure of CleanRL's sac_continuous_action.py, timed and evaluated. Runs in the peers' environment.

benchmarks/peers/.venv/bin/python benchmarks/peers/cleanrl_sac.py --env HalfCheetah-v5 --seed 1 --steps 10000 \
    --json cheetah.json

CleanRL is a file to copy and not a package to install, so its logic is written anew here: two separate critics, one
Adam for both, `torch.distributions`, two updates of the actor and of the temperature at every second step, targets that
follow at every step, a vector of one environment, and the replay of Stable-Baselines3. Different from the original:
every learning rate is that of the actor (the original gives the critics and the temperature 1e-3), nothing is logged,
and the vector of environments is told to reset in the step that ends an episode, which was the rule before gymnasium 1.
"""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

import gymnasium
import numpy as np
import torch
from measurement import Measurement, limit_threads, parse_arguments
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor, nn
from torch.nn import functional

DEFAULT_LEARNING_STARTS = 5000
PACKAGES = ("stable-baselines3", "torch", "gymnasium", "mujoco", "numpy")
HIDDEN_SIZE = 256
LOG_STD_RANGE = (-5.0, 2.0)
SETTINGS: dict[str, Any] = {
    "hidden_sizes": [HIDDEN_SIZE, HIDDEN_SIZE],
    "learning_rate": 3e-4,
    "batch_size": 256,
    "discount": 0.99,
    "tau": 0.005,
    "replay_capacity": 1_000_000,
    "update_ratio": 1,
    "policy_frequency": 2,
    "temperature": "auto",
}


class Critic(nn.Module):
    """Q of an observation and an action, as a column."""

    def __init__(self, observation_size: int, action_size: int) -> None:
        super().__init__()
        self.first = nn.Linear(observation_size + action_size, HIDDEN_SIZE)
        self.second = nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.value = nn.Linear(HIDDEN_SIZE, 1)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        hidden = functional.relu(self.first(torch.cat([observation, action], 1)))
        value: Tensor = self.value(functional.relu(self.second(hidden)))
        return value


class Actor(nn.Module):
    """A squashed Gaussian over the actions of a box."""

    scale: Tensor
    centre: Tensor

    def __init__(self, observation_size: int, space: gymnasium.spaces.Box) -> None:
        super().__init__()
        action_size = int(np.prod(space.shape))
        self.first = nn.Linear(observation_size, HIDDEN_SIZE)
        self.second = nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE)
        self.mean = nn.Linear(HIDDEN_SIZE, action_size)
        self.log_std = nn.Linear(HIDDEN_SIZE, action_size)
        self.register_buffer("scale", torch.tensor((space.high - space.low) / 2, dtype=torch.float32))
        self.register_buffer("centre", torch.tensor((space.high + space.low) / 2, dtype=torch.float32))

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        hidden = functional.relu(self.second(functional.relu(self.first(observation))))
        low, high = LOG_STD_RANGE
        return self.mean(hidden), low + (high - low) * (torch.tanh(self.log_std(hidden)) + 1) / 2

    def sample(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """An action, its log-probability as a column, and the action of the mean."""
        mean, log_std = self(observation)
        gaussian = torch.distributions.Normal(mean, log_std.exp())
        raw = gaussian.rsample()
        squashed = torch.tanh(raw)
        log_prob = gaussian.log_prob(raw) - torch.log(self.scale * (1 - squashed.pow(2)) + 1e-6)
        return (
            squashed * self.scale + self.centre,
            log_prob.sum(1, keepdim=True),
            torch.tanh(mean) * self.scale + self.centre,
        )


def make_environments(env: str, seed: int) -> gymnasium.vector.SyncVectorEnv:
    """A vector of one environment that counts its episodes and begins anew in the step that ends one."""

    def make() -> gymnasium.Env[Any, Any]:
        environment = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make(env))
        environment.action_space.seed(seed)
        return environment

    return gymnasium.vector.SyncVectorEnv([make], autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP)


def train(arguments: argparse.Namespace, measurement: Measurement) -> float:
    """Train for the steps of the arguments and return the target entropy."""
    random.seed(arguments.seed)
    np.random.seed(arguments.seed)  # noqa: NPY002 - the replay draws from it
    torch.manual_seed(arguments.seed)
    environments = make_environments(arguments.env, arguments.seed)
    space = environments.single_action_space
    shape = environments.single_observation_space.shape
    if not isinstance(space, gymnasium.spaces.Box) or shape is None:
        raise SystemExit(f"{arguments.env}: its action space is {space}; allowed is a Box")
    observation_size, action_size = int(np.prod(shape)), int(np.prod(space.shape))
    actor = Actor(observation_size, space)
    critics = [Critic(observation_size, action_size) for _ in range(2)]
    targets = [Critic(observation_size, action_size) for _ in range(2)]
    for critic, target in zip(critics, targets, strict=True):
        target.load_state_dict(critic.state_dict())
    rate = SETTINGS["learning_rate"]
    critic_optimizer = torch.optim.Adam([weight for critic in critics for weight in critic.parameters()], lr=rate)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=rate)
    target_entropy = -float(action_size)
    log_alpha = torch.zeros(1, requires_grad=True)
    alpha = log_alpha.exp().item()
    alpha_optimizer = torch.optim.Adam([log_alpha], lr=rate)
    replay = ReplayBuffer(
        SETTINGS["replay_capacity"],
        gymnasium.spaces.Box(-np.inf, np.inf, shape, np.float32),
        space,
        torch.device("cpu"),
        handle_timeout_termination=False,
    )

    def act(observation: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            mean, _ = actor(torch.Tensor(observation)[None])
            action = torch.tanh(mean[0]) * actor.scale + actor.centre
        return np.asarray(action.numpy())

    updates = 0
    observations, _ = environments.reset(seed=arguments.seed)
    measurement.start()
    for step in range(arguments.steps):
        if step < arguments.learning_starts:
            actions = np.array([space.sample()])
        else:
            sampled, _, _ = actor.sample(torch.Tensor(observations))
            actions = sampled.detach().numpy()
        next_observations, rewards, terminations, truncations, infos = environments.step(actions)
        # Where an episode has ended, `next_observations` already belongs to the next one.
        reached = next_observations.copy()
        for index in np.flatnonzero(terminations | truncations):
            reached[index] = infos["final_obs"][index]
        replay.add(observations, reached, actions, rewards, terminations, [infos])
        observations = next_observations
        if step > arguments.learning_starts:
            batch = replay.sample(SETTINGS["batch_size"])
            with torch.no_grad():
                next_actions, next_log_prob, _ = actor.sample(batch.next_observations)
                first, second = (target(batch.next_observations, next_actions) for target in targets)
                soft_value = torch.min(first, second) - alpha * next_log_prob
                future = (1 - batch.dones.flatten()) * soft_value.view(-1)
                goal = batch.rewards.flatten() + SETTINGS["discount"] * future
            values = [critic(batch.observations, batch.actions).view(-1) for critic in critics]
            critic_loss = functional.mse_loss(values[0], goal) + functional.mse_loss(values[1], goal)
            critic_optimizer.zero_grad()
            critic_loss.backward()
            critic_optimizer.step()
            if step % SETTINGS["policy_frequency"] == 0:
                for _ in range(SETTINGS["policy_frequency"]):
                    proposed, log_prob, _ = actor.sample(batch.observations)
                    first, second = (critic(batch.observations, proposed) for critic in critics)
                    actor_loss = (alpha * log_prob - torch.min(first, second)).mean()
                    actor_optimizer.zero_grad()
                    actor_loss.backward()
                    actor_optimizer.step()
                    with torch.no_grad():
                        _, log_prob, _ = actor.sample(batch.observations)
                    alpha_loss = (-log_alpha.exp() * (log_prob + target_entropy)).mean()
                    alpha_optimizer.zero_grad()
                    alpha_loss.backward()
                    alpha_optimizer.step()
                    alpha = log_alpha.exp().item()
            for critic, target in zip(critics, targets, strict=True):
                for weight, slow in zip(critic.parameters(), target.parameters(), strict=True):
                    slow.data.copy_(SETTINGS["tau"] * weight.data + (1 - SETTINGS["tau"]) * slow.data)
            updates += 1
        measurement.after_step(step + 1, updates, act)
    environments.close()
    return target_entropy


def main() -> int:
    arguments = parse_arguments("train SAC as CleanRL does", DEFAULT_LEARNING_STARTS)
    limit_threads(arguments.threads)
    measurement = Measurement(arguments)
    target_entropy = train(arguments, measurement)
    settings = {**SETTINGS, "learning_starts": arguments.learning_starts, "target_entropy": target_entropy}
    measurement.write("cleanrl", PACKAGES, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
