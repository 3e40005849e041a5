"""Past selves as opponents: who plays is who is hard to beat, and a run that goes on meets the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maxent_robot.cli.main import main
from maxent_robot.errors import ConfigError
from maxent_robot.learning.networks import DeterministicActor, SquashedGaussianActor
from maxent_robot.learning.past_selves import CAPACITY, PastSelves
from maxent_robot.learning.tasks import make_environment
from maxent_robot.skill.hockey import HOCKEY_OBSERVATION_SIZE, hockey_scale

N = 400


def actor(seed: int) -> SquashedGaussianActor:
    torch.manual_seed(seed)
    made = SquashedGaussianActor(hockey_scale(), 2, (16,), -5.0, 2.0, -4.9)
    torch.nn.init.normal_(made.head.weight[:2])
    return made


def seen() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, HOCKEY_OBSERVATION_SIZE)).astype(np.float32)


def test_a_past_self_plays_as_it_did_when_it_was_remembered() -> None:
    pool, policy = PastSelves(N, 1), actor(1)
    pool.remember(policy)
    pool.reset()
    with torch.no_grad():
        mean, log_std = policy(torch.from_numpy(seen()))
        expected = torch.tanh(mean).numpy()
        for parameter in policy.parameters():
            parameter.mul_(-3.0)
    assert np.abs(pool(seen()) - expected).max() < 6.0 * float(np.exp(log_std.max()))


def test_who_is_beaten_plays_less_and_is_the_first_to_be_forgotten() -> None:
    pool = PastSelves(N, 2)
    for seed in range(CAPACITY):
        pool.remember(actor(seed))
    weak, strong = 3, 5
    for number, points in ((weak, 1.0), (strong, 0.0)):
        pool.playing[:] = number
        pool.count(np.arange(200), np.full(200, points))
    assert pool.members[weak].beaten > 0.95
    assert pool.members[strong].beaten < 0.05
    pool.reset()
    games = np.bincount(pool.playing, minlength=CAPACITY)
    others = np.delete(games, [weak, strong])
    assert games[weak] < 0.1 * others.min()
    assert games[strong] > 2.0 * others.max()

    kept = [member for number, member in enumerate(pool.members) if number != weak]
    played_by_strong = pool.playing == strong
    pool.remember(actor(99))
    assert pool.members[:-1] == kept
    assert len(pool.members) == CAPACITY
    np.testing.assert_array_equal(pool.playing == strong - 1, played_by_strong)


def test_only_policies_that_are_stochastic_are_remembered() -> None:
    with pytest.raises(ConfigError, match=r"past_selves are policies of sac or crossq, not a DeterministicActor"):
        PastSelves(1, 0).remember(DeterministicActor(hockey_scale(), 2, (16,)))


def test_rallies_against_past_selves_are_counted_and_go_on_bit_for_bit() -> None:
    settings = {"task": "duel", "opponents": ["striker", "past_selves", "past_selves"], "time_limit_s": 0.5}
    one, other = (make_environment("hockey", settings, 16, "test", training=True) for _ in range(2))
    for environment in (one, other):
        environment.reset(4)
        environment.remember(actor(1))  # type: ignore[attr-defined]
    actions = np.random.default_rng(0).uniform(-1.0, 1.0, (90, 16, 2)).astype(np.float32)
    for number, action in enumerate(actions):
        one.step_begin(action)
        before = one.step_end()
        if number == 40:
            one.remember(actor(2))  # type: ignore[attr-defined]
        if number == 60:
            other.load_state_dict(one.state_dict())
        if number > 60:
            other.step_begin(action)
            np.testing.assert_array_equal(before.observation, other.step_end().observation)
    pool = next(player for player in one.task.opponent._players if isinstance(player, PastSelves))  # type: ignore[attr-defined]
    assert len(pool.members) == 2
    assert pool.members[0].games > 10.0
    assert pool.members[0].beaten == pytest.approx(0.5, abs=0.1), "cut by time, a draw, but for a chance goal"


def test_past_selves_play_in_training_only() -> None:
    with pytest.raises(ConfigError, match=r"opponents: past_selves play in training only"):
        make_environment("hockey", {"opponents": ["past_selves"]}, 1, "test")


def test_a_duellist_is_trained_by_self_play_and_judged_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        *["--steps", "1500", "--quiet", "--set", "trainer.warmup_steps=600", "--set", "trainer.evaluation_episodes=8"],
        *["--set", "trainer.deployable_critic_updates=50", "--set", "learner.hidden_sizes=[16,16]"],
        *["--set", "trainer.num_envs=8", "--set", "trainer.evaluation_envs=8"],
        *["--set", "evaluation_environment.time_limit_s=2.0", "--set", "trainer.evaluation_interval_steps=500"],
        *["--set", "environment.opponents=[past_selves]", "--set", "evaluation_environment.opponents=[keeper]"],
    ]
    assert main(["train", "hockey_duel", "--seed", "3", "--output", "run", *words]) == 0
    assert main(["export", "run", "--output", "skills/itself"]) == 0
    assert main(["evaluate", "skills/itself", "--episodes", "8", "--quiet", "--json", "out.json"]) == 0
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["environment"]["opponents"] == ["none"]
