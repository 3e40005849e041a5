"""What acts before the first update."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest
from point_reach import PointReach, Weave

from maxent_robot.errors import ConfigError
from maxent_robot.learning.environment import Spaces, VectorEnvironment
from maxent_robot.learning.gymnasium_environment import GymnasiumConfig, GymnasiumEnvironment
from maxent_robot.learning.warm_up import WarmUp
from sim.plug.config import PlugConfig
from sim.vector import VectorPlugInsertion

OBSERVATION = np.random.default_rng(0).uniform(-1.0, 1.0, (8, 4)).astype(np.float32)


def test_noise_is_uniform_and_has_the_surprisal_of_it() -> None:
    warm_up = WarmUp(PointReach(2000), 0.0, seed=1)
    action, surprisal = warm_up.act(np.zeros((2000, 4), np.float32))
    assert action.dtype == np.float32
    assert action.min() < -0.99
    assert action.max() > 0.99
    np.testing.assert_allclose(action.mean(axis=0), 0.0, atol=0.05)
    np.testing.assert_allclose(surprisal, 2.0 * math.log(2.0))


def test_noise_of_discrete_actions() -> None:
    class Levers(PointReach):
        spaces = Spaces(np.ones(4, np.float32), np.ones(0, np.float32), 1, action_count=3)

    action, surprisal = WarmUp(Levers(600), 0.0, seed=1).act(np.zeros((600, 4), np.float32))
    assert np.bincount(action[:, 0].astype(int)).min() > 150
    np.testing.assert_allclose(surprisal, math.log(3.0))


def test_a_share_of_the_environments_is_steered_by_the_script() -> None:
    warm_up, noise, script = WarmUp(PointReach(8), 0.4, seed=1), WarmUp(PointReach(8), 0.0, seed=1), Weave(8)
    for step in range(4):
        action, surprisal = warm_up.act(OBSERVATION)
        np.testing.assert_array_equal(action[:3], script(OBSERVATION)[:3])
        np.testing.assert_array_equal(action[3:], noise.act(OBSERVATION)[0][3:])
        np.testing.assert_allclose(surprisal, 2.0 * math.log(2.0) * (np.arange(8) >= 3))
        ended = np.arange(8) == step
        warm_up.end_episodes(ended)
        script.reset(np.flatnonzero(ended))


def test_its_state_is_restored() -> None:
    first, second = WarmUp(PointReach(8), 0.5, seed=1), WarmUp(PointReach(8), 0.5, seed=2)
    first.act(OBSERVATION)
    second.load_state_dict(first.state_dict())
    for one, two in zip(first.act(OBSERVATION), second.act(OBSERVATION), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_task_without_a_script_gives_no_demonstrations() -> None:
    environment = cast(VectorEnvironment, GymnasiumEnvironment(GymnasiumConfig(id="Pendulum-v1"), 2))
    WarmUp(environment, 0.0, seed=1)
    with pytest.raises(ConfigError, match=r"demonstrations is 0\.5, must be 0: this task has no script"):
        WarmUp(environment, 0.5, seed=1)
    environment.close()


def test_the_script_of_the_plug_is_the_spiral_and_its_state_is_restored() -> None:
    environment = VectorPlugInsertion(PlugConfig(), 2)
    observation, _ = environment.reset(0)

    def advance(script: Any, steps: int) -> list[np.ndarray]:
        nonlocal observation
        actions = []
        for _ in range(steps):
            actions.append(script(observation))
            environment.step_begin(actions[-1])
            observation = environment.step_end().observation
        return actions

    script = environment.script()
    advance(script, 50)
    state, physics, seen = script.state_dict(), environment.state_dict(), observation
    expected = advance(script, 10)
    environment.load_state_dict(physics)
    observation, again = seen, environment.script()
    again.load_state_dict(state)
    np.testing.assert_array_equal(advance(again, 10), expected)
    assert state["angle"].any(), "the searches have to be on their way"
    environment.close()
