"""Replay memory: a preallocated ring of transitions in one float32 matrix, a row a transition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class Batch(NamedTuple):
    """A minibatch of n-step transitions; tensors are views of one (batch, row) matrix."""

    observation: Tensor  # (batch, observation_size)
    privileged: Tensor  # (batch, privileged_size)
    action: Tensor  # (batch, action_size)
    next_observation: Tensor  # (batch, observation_size), k <= n steps later
    next_privileged: Tensor  # (batch, privileged_size)
    reward: Tensor  # (batch,), sum of gamma^i r_i over the k steps
    cost: Tensor  # (batch,), sum of gamma^i c_i over the k steps
    surprisal: Tensor  # (batch,), sum of gamma^i (-log pi(a_i|s_i)) over the k steps but the first
    discount: Tensor  # (batch,), gamma^k, or 0 where the episode terminated within the k steps


class TransitionRing:
    """The last `capacity` rows.

    Args:
        capacity: rows kept.
        width: numbers in a row.

    Attributes:
        rows: (capacity, width) float32, those of `len(self)` filled.
        inserted: rows ever added.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self.capacity = capacity
        self.rows = np.empty((capacity, width), dtype=np.float32)
        self.inserted = 0

    def __len__(self) -> int:
        return min(self.inserted, self.capacity)

    def add(self, rows: np.ndarray) -> None:
        """Append transitions, (k, width) float32 with k <= capacity, oldest first."""
        first = self.inserted % self.capacity
        head = min(len(rows), self.capacity - first)
        self.rows[first : first + head] = rows[:head]
        self.rows[: len(rows) - head] = rows[head:]
        self.inserted += len(rows)

    def slice(self, start: int, stop: int) -> np.ndarray:
        """Copy of the transitions inserted as numbers `start` to `stop` - 1, which must still be in the ring."""
        if not max(0, self.inserted - self.capacity) <= start <= stop <= self.inserted:
            raise IndexError(f"transitions {start} to {stop} are not in the ring ({self.inserted} inserted)")
        return self.rows[np.arange(start, stop) % self.capacity]

    def clear(self, inserted: int) -> None:
        """Empty the ring; the next transition gets the insertion number `inserted`."""
        self.inserted = inserted


class ReplayMemory(TransitionRing):
    """Ring of n-step transitions.

    Row order: observation, privileged, action, next observation, next privileged, reward, cost, surprisal,
    discount. Reward, force cost and surprisal keep their own columns, so the weight of the cost and the temperature may
    change while the data stay.

    Args:
        capacity: transitions kept.
        observation_size, privileged_size, action_size: sizes of the vectors.
    """

    def __init__(self, capacity: int, observation_size: int, privileged_size: int, action_size: int) -> None:
        state = [observation_size, privileged_size]
        self.sizes = [*state, action_size, *state, 1, 1, 1, 1]
        super().__init__(capacity, sum(self.sizes))
        self._drawn = np.empty((0, self.rows.shape[1]), dtype=np.float32)
        self._batches: list[Batch] = []

    def sample(self, batches: int, batch_size: int, generator: np.random.Generator) -> list[Batch]:
        """Draw `batches` minibatches uniformly with replacement, with one gather for all of them.

        They are views of one buffer, which the next call writes over: a new one each time would cost more than the
        gather.
        """
        index = generator.integers(0, len(self), size=batches * batch_size)
        if len(self._drawn) != len(index) or len(self._batches) != batches:
            self._drawn = np.empty((len(index), self.rows.shape[1]), dtype=np.float32)
            self._batches = [self._batch(part) for part in torch.from_numpy(self._drawn).split(batch_size)]
        np.take(self.rows, index, axis=0, out=self._drawn, mode="clip")  # "raise" would copy through another buffer
        return self._batches

    def _batch(self, rows: Tensor) -> Batch:
        observation, privileged, action, after, privileged_after, *scalars = torch.split(rows, self.sizes, dim=1)
        return Batch(observation, privileged, action, after, privileged_after, *(column[:, 0] for column in scalars))


class NStepAssembler:
    """Turns the single steps of a vector environment into n-step transitions, in a fixed order.

    The transition begun at step t is emitted as soon as n steps have passed or its episode ends. With k <= n steps:

    reward = sum_{i<k} gamma^i r_{t+i}, and the cost likewise;
    surprisal = sum_{0<i<k} gamma^i (-log pi(a_{t+i}|s_{t+i})), the entropy that a soft return is paid on the way (that
        of the first action is no part of Q);
    next observation = the one after step k;
    discount = gamma^k, or 0 if the episode *terminated*. A truncated episode keeps gamma^k and its true last
        observation, because being cut by the clock says nothing about the value of the state.
    """

    def __init__(self, num_envs: int, n_step: int, gamma: float, head_size: int) -> None:
        """`head_size` is the length of observation, privileged and action together."""
        self.n_step = n_step
        self.gamma = gamma
        self.head = np.zeros((n_step, num_envs, head_size), dtype=np.float32)
        self.reward = np.zeros((n_step, num_envs))
        self.cost = np.zeros((n_step, num_envs))
        self.surprisal = np.zeros((n_step, num_envs))
        self.age = np.zeros((n_step, num_envs), dtype=np.int64)  # steps summed so far; 0 is an empty slot
        self.steps = 0

    def push(
        self,
        head: np.ndarray,
        reward: np.ndarray,
        cost: np.ndarray,
        surprisal: np.ndarray,
        following: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> np.ndarray:
        """Take one step of all environments and return the transitions that it completes.

        Args:
            head: (n, head_size), observation, privileged and action of the step.
            reward, cost, surprisal: (n,).
            following: (n, k), next observation and next privileged; of a finished episode its true last ones.
            terminated, truncated: (n,) bool.

        Returns:
            (m, row) float32 in the row order of `ReplayMemory`.
        """
        if self.n_step == 1:
            self.steps += 1
            tail = np.stack([reward, cost, np.zeros_like(reward), np.where(terminated, 0.0, self.gamma)], axis=1)
            return np.concatenate([head, following, tail], axis=1, dtype=np.float32)
        newest = self.steps % self.n_step
        occupied = self.age > 0
        occupied[newest] = True
        self.head[newest] = head
        self.reward[newest] = 0.0
        self.cost[newest] = 0.0
        self.surprisal[newest] = 0.0
        weight = self.gamma**self.age
        self.reward += np.where(occupied, weight * reward, 0.0)
        self.cost += np.where(occupied, weight * cost, 0.0)
        self.surprisal += np.where(self.age > 0, weight * surprisal, 0.0)
        self.age += occupied
        self.steps += 1
        ended = terminated | truncated
        emitted = []
        for offset in range(self.n_step):
            slot = (self.steps + offset) % self.n_step  # oldest first
            index = np.flatnonzero((self.age[slot] == self.n_step) | (ended & (self.age[slot] > 0)))
            if len(index) == 0:
                continue
            discount = np.where(terminated[index], 0.0, self.gamma ** self.age[slot, index])
            sums = [part[slot, index] for part in (self.reward, self.cost, self.surprisal)]
            tail = np.stack([*sums, discount], axis=1)
            emitted.append(np.concatenate([self.head[slot, index], following[index], tail], axis=1, dtype=np.float32))
            self.age[slot, index] = 0
        width = self.head.shape[2] + following.shape[1] + 4
        return np.concatenate(emitted) if emitted else np.empty((0, width), dtype=np.float32)

    def state_dict(self) -> dict[str, Any]:
        """The transitions still being summed."""
        return {
            "head": self.head.copy(),
            "reward": self.reward.copy(),
            "cost": self.cost.copy(),
            "surprisal": self.surprisal.copy(),
            "age": self.age.copy(),
            "steps": self.steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.head[...] = state["head"]
        self.reward[...] = state["reward"]
        self.cost[...] = state["cost"]
        self.surprisal[...] = state["surprisal"]
        self.age[...] = state["age"]
        self.steps = int(state["steps"])
