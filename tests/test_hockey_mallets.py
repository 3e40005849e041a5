"""How mallets move: the closed form against the differential equation, and against the arm that it stands for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

pytest.importorskip("mujoco")

from maxent_robot.control.robot import load_robot
from maxent_robot.errors import ConfigError
from maxent_robot.skill.hockey import hockey_velocity
from sim.hockey.arm_driver import T_BASE_PLAYER
from sim.hockey.config import HockeyConfig, Mallet, TableConfig
from sim.hockey.driven import ArmTable
from sim.hockey.launches import rest
from sim.hockey.mallets import SpringMotion
from sim.hockey.planar import PlanarTable
from sim.hockey.reference import MujocoTable
from sim.hockey.state import AWAY, HOME, SIDES, TableState

TABLE = TableConfig()
CRITICAL = 2.0 * np.sqrt(2000.0 * 4.8)


def pull(_: float, state: np.ndarray, mallet: Mallet, target: np.ndarray) -> np.ndarray:
    """Lagrange's equations in polar coordinates about the base: a point mass, and a rotor on its radius."""
    place, velocity = state[:2], state[2:]
    line = place + (mallet.base_m, 0.0)
    distance = np.linalg.norm(line)
    along = line / distance
    across = np.array([-along[1], along[0]])
    force = mallet.stiffness_n_m * (target - place) - mallet.damping_n_s_m * velocity
    force -= mallet.damping_along_n_s_m * (velocity @ along) * along
    radial = (force @ along - mallet.mass_along_kg * (velocity @ across) ** 2 / distance) / (
        mallet.mass_kg + mallet.mass_along_kg
    )
    return np.concatenate([velocity, radial * along + force @ across / mallet.mass_kg * across])


@pytest.mark.parametrize(
    "mallet", [Mallet(), Mallet(damping_n_s_m=600.0), Mallet(damping_n_s_m=CRITICAL, damping_along_n_s_m=0.0)]
)
def test_a_mallet_moves_by_the_equation_of_its_arm(mallet: Mallet) -> None:
    places, velocities = np.array([[[-0.7, 0.25], [0.6, -0.1]]]), np.array([[[0.4, -0.9], [-0.3, 0.8]]])
    targets = places + [[[0.03, -0.02], [-0.01, 0.04]]]
    spring = SpringMotion(mallet, 1, 0.001)
    spring.set(np.ones((1, 2, 2)))
    now, moving = places, velocities
    for _ in range(100):
        now, moving = spring(now, targets, moving)
    for player in (HOME, AWAY):
        # The other arm sees the same from its own end.
        begin = np.concatenate([SIDES[player] * places[0, player], SIDES[player] * velocities[0, player]])
        exact = solve_ivp(
            pull, (0.0, 0.1), begin, args=(mallet, SIDES[player] * targets[0, player]), rtol=1e-9, atol=1e-12
        ).y[:, -1]
        np.testing.assert_allclose(SIDES[player] * now[0, player], exact[:2], atol=2e-4)
        np.testing.assert_allclose(SIDES[player] * moving[0, player], exact[2:], atol=5e-3)


def test_the_planar_mallet_moves_as_the_arm_does() -> None:
    arms, planar = ArmTable(TABLE, 1, load_robot("sim_hockey")), PlanarTable(TABLE, 1)
    assert TABLE.mallet.base_m == T_BASE_PLAYER.position[0]
    generator, action = np.random.default_rng(1), np.zeros((1, 2, 2))
    away, apart = TableState.at_rest(1, TABLE), []
    away.puck[0] = 0.0, 0.45
    arms.place(away)
    for period in range(300):
        if period % 20 == 0:
            action = generator.choice([-1.0, 0.0, 1.0], size=(1, 2, 2)) * generator.uniform(0.3, 1.0, (1, 2, 2))
        if period % 10 == 0:  # from the truth again
            planar.place(arms.state)
        for table in (arms, planar):
            table.step(hockey_velocity(action, SIDES))
        apart.append(arms.state.mallets - planar.state.mallets)
    assert 0.0 < np.sqrt(np.mean(np.square(apart))) < 0.003


def test_an_arm_that_weighs_more_comes_later() -> None:
    mallets = []
    for factor in (0.7, 1.0, 1.4):
        table = PlanarTable(TABLE, 1)
        state = TableState.at_rest(1, TABLE)
        state.puck[0] = 0.0, 0.45
        state.arm_factors[..., 0] = factor
        table.place(state)
        for _ in range(4):
            table.step(hockey_velocity(np.ones((1, 2, 2)), SIDES))
        mallets.append(np.linalg.norm(table.state.mallets[0, HOME] - state.mallets[0, HOME]))
    assert (np.diff(mallets) < -5e-4).all(), mallets


def test_arms_differ_from_one_episode_to_the_next_where_they_are_to() -> None:
    heavier = replace(TABLE, mallet=replace(TABLE.mallet, spread=1.25))
    factors = np.array([rest(heavier, np.random.default_rng(seed)).arm_factors[0] for seed in range(200)])
    assert 0.8 <= factors.min() < 0.81
    assert 1.24 < factors.max() <= 1.25
    assert (rest(TABLE, np.random.default_rng(0)).arm_factors == 1.0).all()
    for physics in ("mujoco", "arms"):
        with pytest.raises(ConfigError, match=r"table\.mallet\.spread is 1\.25 and physics " + physics):
            HockeyConfig(table=heavier, physics=physics)


def test_the_mujoco_table_has_the_same_arms() -> None:
    one, other = PlanarTable(TABLE, 8), MujocoTable(TABLE, 8, 0.00025)
    state = TableState.at_rest(8, TABLE)
    state.puck[:] = 0.0, 0.45
    generator, velocity, apart = np.random.default_rng(0), np.zeros((8, 2, 2)), []
    for table in (one, other):
        table.place(state)
    for period in range(60):
        if period % 15 == 0:
            velocity = generator.uniform(-1.2, 1.2, (8, 2, 2))
        for table in (one, other):
            table.step(velocity)
        apart.append(one.state.mallets - other.state.mallets)
    assert np.sqrt(np.mean(np.square(apart))) < 5e-4
