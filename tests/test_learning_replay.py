"""n-step transitions against a naive loop, and the ring."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxent_robot.learning.replay import NStepAssembler, ReplayMemory

GAMMA = 0.9


def stream(steps: int, envs: int, seed: int, end: float) -> dict[str, np.ndarray]:
    """Steps of `envs` environments whose observations are running numbers, with random ends."""
    generator = np.random.default_rng(seed)
    number = np.arange(steps * envs, dtype=float).reshape(steps, envs)
    ends = generator.random((steps, envs)) < end
    kind = generator.random((steps, envs)) < 0.5
    return {
        "head": number,
        "following": number + 0.5,
        "reward": generator.standard_normal((steps, envs)),
        "cost": generator.random((steps, envs)),
        "surprisal": generator.standard_normal((steps, envs)),
        "terminated": ends & kind,
        "truncated": ends & ~kind,
    }


def push_step(assembler: NStepAssembler, data: dict[str, np.ndarray], t: int) -> np.ndarray:
    return assembler.push(
        data["head"][t, :, None],
        data["reward"][t],
        data["cost"][t],
        data["surprisal"][t],
        data["following"][t, :, None],
        data["terminated"][t],
        data["truncated"][t],
    )


def assemble(data: dict[str, np.ndarray], n_step: int) -> np.ndarray:
    steps, envs = data["head"].shape
    assembler = NStepAssembler(envs, n_step, GAMMA, head_size=1)
    return np.concatenate([push_step(assembler, data, t) for t in range(steps)])


def naive(data: dict[str, np.ndarray], n_step: int) -> list[tuple[float, ...]]:
    """Every transition whose n steps, or whose episode's end, lie within the data."""
    steps, envs = data["head"].shape
    rows: list[tuple[float, ...]] = []
    for i in range(envs):
        for start in range(steps):
            reward = cost = surprisal = 0.0
            for k in range(n_step):
                t = start + k
                if t >= steps:
                    break
                reward += GAMMA**k * data["reward"][t, i]
                cost += GAMMA**k * data["cost"][t, i]
                surprisal += GAMMA**k * data["surprisal"][t, i] if k else 0.0
                ended = data["terminated"][t, i] or data["truncated"][t, i]
                if ended or k == n_step - 1:
                    discount = 0.0 if data["terminated"][t, i] else GAMMA ** (k + 1)
                    sums = (reward, cost, surprisal)
                    rows.append((data["head"][start, i], data["following"][t, i], *sums, discount))
                    break
    return rows


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 25),
    envs=st.integers(1, 4),
    n_step=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    end=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_n_step_transitions_are_those_of_a_naive_loop(
    steps: int, envs: int, n_step: int, seed: int, end: float
) -> None:
    data = stream(steps, envs, seed, end)
    expected = np.array(sorted(naive(data, n_step))).reshape(-1, 6)
    found = assemble(data, n_step)
    np.testing.assert_allclose(found[np.argsort(found[:, 0])], expected, rtol=1e-5, atol=1e-6)


def one_episode(terminated: bool) -> np.ndarray:
    ends = np.array([[False], [True]])
    data = {
        "head": np.array([[0.0], [1.0]]),
        "following": np.array([[1.0], [2.0]]),
        "reward": np.ones((2, 1)),
        "cost": np.zeros((2, 1)),
        "surprisal": np.full((2, 1), 5.0),
        "terminated": ends & terminated,
        "truncated": ends & (not terminated),
    }
    return assemble(data, n_step=3)


def test_termination_has_no_bootstrap() -> None:
    rows = one_episode(terminated=True)
    np.testing.assert_allclose(rows[:, 5], [0.0, 0.0])
    np.testing.assert_allclose(rows[:, 2], [1.0 + GAMMA, 1.0])
    np.testing.assert_allclose(rows[:, 4], [5.0 * GAMMA, 0.0])


def test_truncation_bootstraps_from_the_true_last_observation() -> None:
    rows = one_episode(terminated=False)
    np.testing.assert_allclose(rows[:, 5], [GAMMA**2, GAMMA])
    np.testing.assert_allclose(rows[:, 1], [2.0, 2.0])


def test_state_of_half_summed_transitions_is_restored() -> None:
    data = stream(9, 2, seed=3, end=0.2)
    whole = assemble(data, n_step=3)
    first, second = NStepAssembler(2, 3, GAMMA, 1), NStepAssembler(2, 3, GAMMA, 1)

    rows = [push_step(first, data, t) for t in range(4)]
    second.load_state_dict(first.state_dict())
    rows += [push_step(second, data, t) for t in range(4, 9)]
    np.testing.assert_array_equal(np.concatenate(rows), whole)


def test_ring_keeps_the_last_transitions_and_samples_only_them() -> None:
    memory = ReplayMemory(capacity=10, observation_size=2, privileged_size=0, action_size=1)
    width = memory.rows.shape[1]
    for first in range(0, 28, 7):
        memory.add(np.arange(first, first + 7, dtype=np.float32)[:, None].repeat(width, axis=1))
    assert len(memory) == 10
    np.testing.assert_array_equal(memory.slice(18, 28)[:, 0], np.arange(18, 28))
    with pytest.raises(IndexError, match="17 to 20"):
        memory.slice(17, 20)
    batches = memory.sample(3, 50, np.random.default_rng(0))
    assert [batch.observation.shape for batch in batches] == [(50, 2)] * 3
    assert batches[0].privileged.shape == (50, 0)
    assert {float(x) for batch in batches for x in batch.reward} == set(map(float, range(18, 28)))


def test_columns_of_a_batch_are_where_they_were_put() -> None:
    memory = ReplayMemory(capacity=1, observation_size=2, privileged_size=3, action_size=1)
    memory.add(np.arange(15, dtype=np.float32)[None])
    (batch,) = memory.sample(1, 1, np.random.default_rng(0))
    assert [column.flatten().tolist() for column in batch] == [
        [0, 1], [2, 3, 4], [5], [6, 7], [8, 9, 10], [11], [12], [13], [14]
    ]  # fmt: skip
