"""Any Gymnasium environment by id: its spaces, its episodes, going back to a state, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from conftest import ExpectMistake

from maxent_robot.cli.main import main
from maxent_robot.errors import ConfigError
from maxent_robot.learning.checkpoint import read_torch
from maxent_robot.learning.environment import StepResult
from maxent_robot.learning.gymnasium_environment import GymnasiumConfig, GymnasiumEnvironment, ReplayMismatchError
from maxent_robot.learning.run_directory import gymnasium_config
from maxent_robot.yaml_file import read_yaml


def make(name: str, num_envs: int = 1, **settings: Any) -> GymnasiumEnvironment:
    return GymnasiumEnvironment(GymnasiumConfig(id=name, **settings), num_envs)


def step(environment: GymnasiumEnvironment, action: np.ndarray) -> StepResult:
    environment.step_begin(action)
    return environment.step_end()


def actions(environment: GymnasiumEnvironment, generator: np.random.Generator) -> np.ndarray:
    shape = (environment.num_envs, environment.spaces.action_size)
    if environment.spaces.action_count:
        return generator.integers(environment.spaces.action_count, size=shape).astype(np.float32)
    return generator.uniform(-1.0, 1.0, shape).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "sizes", "count"),
    [("HalfCheetah-v5", (17, 0, 6), 0), ("Pendulum-v1", (3, 0, 1), 0), ("CartPole-v1", (4, 0, 1), 2),
     ("FrozenLake-v1", (16, 0, 1), 4)],
)  # fmt: skip
def test_spaces_are_those_of_the_environment(name: str, sizes: tuple[int, int, int], count: int) -> None:
    environment = make(name, 2)
    assert (environment.spaces.sizes, environment.spaces.action_count) == (sizes, count)
    observation, privileged = environment.reset(3)
    assert observation.shape == (2, sizes[0])
    assert observation.dtype == np.float32
    assert privileged.shape == (2, 0)
    assert not np.array_equal(observation[0], observation[1]) or name == "FrozenLake-v1"
    environment.close()


def test_actions_are_rescaled_and_steps_are_those_of_gymnasium() -> None:
    environment, plain = make("Pendulum-v1"), gymnasium.make("Pendulum-v1")
    first, _ = environment.reset(1)
    word = int(np.random.SeedSequence((1, 0, 0)).generate_state(1)[0])
    np.testing.assert_array_equal(plain.reset(seed=word)[0], first[0])
    generator = np.random.default_rng(0)
    for number in range(200):
        action = generator.uniform(-1.0, 1.0, 1).astype(np.float32)
        result = step(environment, action[None])
        observation, reward, terminated, truncated, _ = plain.step(2.0 * action)
        assert result.reward[0] == pytest.approx(float(reward), rel=1e-6)
        assert (result.terminated[0], result.truncated[0]) == (terminated, truncated)
        np.testing.assert_array_equal(result.final_observation[0], observation)
        assert len(result.episodes) == (number == 199)
    assert result.truncated[0], "cut by time"
    assert not np.array_equal(result.observation, result.final_observation), "the next episode has begun"
    assert result.episodes[0].length == 200
    assert result.episodes[0].success is None


@pytest.mark.parametrize("name", ["HalfCheetah-v5", "CartPole-v1", "Acrobot-v1"])
def test_going_back_to_a_state_goes_on_bit_for_bit(name: str) -> None:
    first, second = make(name, 2), make(name, 2)
    first.reset(5)
    generator = np.random.default_rng(1)
    for _ in range(120):
        step(first, actions(first, generator))
    second.load_state_dict(first.state_dict())
    for _ in range(60):
        action = actions(first, generator)
        one, two = step(first, action), step(second, action)
        np.testing.assert_array_equal(two.observation, one.observation)
        np.testing.assert_array_equal(two.reward, one.reward)
        assert two.episodes == one.episodes


class Moody(gymnasium.Env[np.ndarray, Any]):
    """Its observations depend on something that a seed does not reach."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)
    calls = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        Moody.calls += 1
        return np.array([np.sin(Moody.calls)]), 0.0, False, False, {}


class Many(Moody):
    """Actions of a kind that no algorithm here takes."""

    action_space = gymnasium.spaces.MultiDiscrete([2, 3])  # type: ignore[assignment]


gymnasium.register("Many-v0", entry_point=lambda **_: Many())


def test_an_environment_that_its_seed_does_not_determine_is_found_out() -> None:
    gymnasium.register("Moody-v0", entry_point=lambda **_: Moody())
    first, second = make("Moody-v0"), make("Moody-v0")
    first.reset(0)
    step(first, np.zeros((1, 1), np.float32))
    with pytest.raises(ReplayMismatchError, match="Moody-v0: the same seed and the same 1 actions"):
        second.load_state_dict(first.state_dict())


def test_frames_are_stacked_with_the_newest_last() -> None:
    one, four = make("Pendulum-v1"), make("Pendulum-v1", frames=4)
    assert four.spaces.sizes == (12, 0, 1)
    newest = [one.reset(2)[0][0]]
    four.reset(2)
    for _ in range(3):
        newest.append(step(one, np.full((1, 1), 0.5, np.float32)).observation[0])
        stacked = step(four, np.full((1, 1), 0.5, np.float32)).observation[0]
    np.testing.assert_array_equal(stacked, np.concatenate(newest))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HalfChetah-v5", "environment.id is 'HalfChetah-v5': .*HalfChetah"),
        ("no_such_module:Thing-v0", "no_such_module"),
    ],
)
def test_unknown_environment_is_one_clear_error(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(name)
    with pytest.raises(ConfigError, match=r"Many-v0: actions are MultiDiscrete.*must be a bounded vector or discrete"):
        make("Many-v0")
    with pytest.raises(ConfigError, match=r"arguments|unexpected"):
        make("Pendulum-v1", arguments={"gravitation": 1.0})


SMALL = [
    "--quiet", "--set", "learner.hidden_sizes=[16, 16]", "--set", "learner.batch_size=16", "--set",
    "trainer.evaluation_episodes=2", "--set", "trainer.evaluation_interval_steps=150",
]  # fmt: skip


def train(directory: Path, *extra: str) -> int:
    return main(["train", "--env", "Pendulum-v1", "--steps", "300", "--output", str(directory), *SMALL, *extra])


def test_a_run_by_id_gives_returns_and_resumes_bit_for_bit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "whole", "--algo", "td3", "--seed", "2", "--json", str(tmp_path / "whole.json")) == 0
    assert "mean return" in capsys.readouterr().out
    result = json.loads((tmp_path / "whole.json").read_text())
    assert [record["step"] for record in result["evaluations"]] == [150, 300]
    for record in result["evaluations"]:
        assert record["mean_return"] == pytest.approx(np.mean(record["returns"]))
        assert len(record["returns"]) == 2
        assert 0.0 < record["training_s"] <= record["wall_s"]
        assert record["cpu_s"] > 0.0
    assert 0 < result["pace"]["steps"] <= 200
    assert result["pace"]["wall_s"] > 0.0
    assert train(tmp_path / "parts", "--algo", "td3", "--seed", "2", "--steps", "170") == 0
    assert main(["train", "--resume", str(tmp_path / "parts"), "--steps", "300", "--quiet"]) == 0
    whole, parts = (read_torch(tmp_path / run / "policy.pt")["policy"] for run in ("whole", "parts"))
    again = json.loads((tmp_path / "parts" / "result.json").read_text())
    assert again["evaluations"][-1]["returns"] == result["evaluations"][-1]["returns"]
    if again["best"]["step"] == result["best"]["step"]:
        for name, value in whole.items():
            np.testing.assert_array_equal(parts[name].numpy(), value.numpy())


def test_an_algorithm_with_settings_of_its_own_gets_them(tmp_path: Path) -> None:
    assert train(tmp_path / "crossq", "--algo", "crossq") == 0
    learner = read_yaml(tmp_path / "crossq" / "config.yaml")["learner"]
    assert (learner["algorithm"], learner["momentum"], learner["policy_delay"]) == ("crossq", 0.5, 3)
    assert gymnasium_config("crossq") == "gymnasium_crossq"
    assert gymnasium_config("td3") == gymnasium_config(None) == "gymnasium"


def test_a_run_of_an_environment_is_not_a_skill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(tmp_path / "run") == 0
    capsys.readouterr()
    assert main(["export", str(tmp_path / "run"), "--output", str(tmp_path / "skill")]) == 2
    assert "makes no skill" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "give the name of a training configuration, or --env"),
        (["train", "--env", "Pendulumm-v1"], "environment.id is 'Pendulumm-v1'"),
        (["train", "--env", "Pendulum-v1", "--algo", "dqn"], "'dqn', for continuous actions it must be one of"),
        (["train", "--env", "CartPole-v1", "--algo", "sac"], "'sac', for 2 discrete actions it must be one of"),
        (["train", "plug_insertion", "--algo", "td3", "--set", "environment.id=x"], "id"),
    ],
)
def test_mistake_is_one_line(words: list[str], message: str, expect_mistake: ExpectMistake) -> None:
    expect_mistake(words, message)
