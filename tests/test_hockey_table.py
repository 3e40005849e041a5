"""The air-hockey tables: the law of impact, what is conserved, and NumPy against MuJoCo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from maxent_robot.errors import ConfigError
from sim.hockey.config import Mallet, Puck, TableConfig
from sim.hockey.launches import fixed_shots
from sim.hockey.paths import crossing
from sim.hockey.planar import PlanarTable
from sim.hockey.reference import MujocoTable
from sim.hockey.state import AWAY, HOME, Table, TableState

CONFIG = TableConfig()
TABLES: dict[str, Callable[[TableConfig, int], Table]] = {"numpy": PlanarTable, "mujoco": MujocoTable}
SPEEDS = np.array([0.3, 0.6, 1.0, 2.0, 3.0, 4.5, 6.0])


def still(n: int) -> np.ndarray:
    return np.zeros((n, 2, 2))


def aside(n: int, config: TableConfig = CONFIG) -> TableState:
    """Mallets in the corners of their zones, pucks in the middle."""
    state = TableState.at_rest(n, config)
    state.mallets[:, HOME] = config.mallet.zone_x_m[0], config.mallet.zone_y_m[0]
    state.mallets[:, AWAY] = -state.mallets[:, HOME]
    state.targets[...] = state.mallets
    return state


def goals(table: Table, state: TableState, periods: int = 75) -> np.ndarray:
    """Of shots from the home half, until they come back over the middle: bounces after that grow any difference."""
    table.place(state)
    n = len(state.puck)
    goal, beyond, back = (np.zeros(n, dtype=bool) for _ in range(3))
    for _ in range(periods):
        goal |= (table.step(still(n)).goal == 1) & ~back
        back |= beyond & (table.state.puck[:, 0] < 0.0)
        beyond |= table.state.puck[:, 0] > 0.0
    return goal


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("restitution", [0.4, 0.85, 1.0])
def test_rims_give_back_their_share_of_the_normal_velocity_at_any_speed(kind: str, restitution: float) -> None:
    config = TableConfig(restitution_rim=restitution, puck=Puck(drag_1_s=0.0))
    table = TABLES[kind](config, len(SPEEDS))
    for axis, limit in ((1, 0.5 * config.width_m), (0, -0.5 * config.length_m)):
        state = aside(len(SPEEDS), config)
        normal = np.sign(limit)
        # Just before the rim, beside the goal, so that it is hit within two periods at any speed.
        state.puck[:, axis] = limit - normal * (config.puck.radius_m + 1e-3)
        state.puck[:, 1 - axis] = 0.35 if axis == 0 else 0.0
        state.puck_velocity[:, axis] = normal * SPEEDS
        table.place(state)
        for _ in range(2):
            table.step(still(len(SPEEDS)))
        np.testing.assert_allclose(-table.state.puck_velocity[:, axis] / (normal * SPEEDS), restitution, atol=0.02)


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("restitution", [0.4, 0.8, 1.0])
def test_a_mallet_gives_back_its_share_and_takes_the_momentum(kind: str, restitution: float) -> None:
    """With a heavy puck and a spring too soft to matter within a period."""
    config = TableConfig(
        restitution_mallet=restitution,
        puck=Puck(drag_1_s=0.0, mass_kg=0.5),
        mallet=Mallet(
            mass_kg=20.0,
            mass_along_kg=0.0,
            stiffness_n_m=100.0,
            damping_n_s_m=9.0,
            damping_along_n_s_m=0.0,
            force_max_n=5.0,
        ),
    )
    mass, heavy = config.puck.mass_kg, config.mallet.mass_kg
    table = TABLES[kind](config, len(SPEEDS))
    state = aside(len(SPEEDS), config)
    state.mallets[:, HOME] = state.targets[:, HOME] = -0.6, 0.0
    state.puck[:, 0] = -0.6 + config.mallet.radius_m + config.puck.radius_m + 1e-3
    state.puck_velocity[:, 0] = -SPEEDS
    table.place(state)
    table.step(still(len(SPEEDS)))
    puck, mallet = table.state.puck_velocity[:, 0] / SPEEDS, table.state.mallet_velocities[:, HOME, 0] / SPEEDS
    np.testing.assert_allclose(puck, (heavy * restitution - mass) / (heavy + mass), atol=0.02)
    np.testing.assert_allclose(mass * puck + heavy * mallet, -mass, rtol=0.02)


@pytest.mark.parametrize("kind", TABLES)
def test_the_edge_of_the_puck_rolls_off_a_rim(kind: str) -> None:
    """A uniform disk keeps two thirds of its tangential velocity and leaves with the spin of rolling."""
    config = TableConfig(puck=Puck(drag_1_s=0.0, spin_drag_1_s=0.0))
    table = TABLES[kind](config, 1)
    state = aside(1, config)
    state.puck[0], state.puck_velocity[0] = (0.0, 0.45), (2.0, 2.0)
    table.place(state)
    for _ in range(3):
        table.step(still(1))
    (vx, vy), spin = table.state.puck_velocity[0], table.state.spin[0]
    np.testing.assert_allclose([vx, vy], [4.0 / 3.0, -2.0 * config.restitution_rim], rtol=0.01)
    np.testing.assert_allclose(spin * config.puck.radius_m, vx, rtol=0.02)


def test_a_slippery_edge_slides_by_coulombs_law() -> None:
    config = TableConfig(friction=0.1, puck=Puck(drag_1_s=0.0))
    table = PlanarTable(config, 1)
    state = aside(1, config)
    state.puck[0], state.puck_velocity[0] = (0.0, 0.45), (2.0, 2.0)
    table.place(state)
    table.step(still(1))
    lost = 0.1 * 2.0 * (1.0 + config.restitution_rim)
    np.testing.assert_allclose(table.state.puck_velocity[0], [2.0 - lost, -2.0 * config.restitution_rim], rtol=1e-9)


@pytest.mark.parametrize("kind", TABLES)
def test_drag_slows_a_free_puck_and_its_spin(kind: str) -> None:
    table = TABLES[kind](CONFIG, 1)
    state = aside(1)
    state.puck[0], state.puck_velocity[0], state.spin[0] = (-0.3, 0.0), (0.5, 0.0), 8.0
    table.place(state)
    for _ in range(25):
        table.step(still(1))
    np.testing.assert_allclose(table.state.puck_velocity[0, 0], 0.5 * np.exp(-0.5 * CONFIG.puck.drag_1_s), rtol=1e-3)
    np.testing.assert_allclose(table.state.spin[0], 8.0 * np.exp(-0.5 * CONFIG.puck.spin_drag_1_s), rtol=1e-3)


@pytest.mark.parametrize("kind", TABLES)
def test_a_puck_in_the_mouth_is_a_goal_for_the_other_side_once_and_lies_still(kind: str) -> None:
    table = TABLES[kind](CONFIG, 3)
    state = aside(3)
    state.puck_velocity[:, 0] = 4.0, -4.0, 4.0
    state.puck[:, 1] = 0.0, 0.05, 0.3  # the last one hits the rim beside the goal
    table.place(state)
    seen = np.array([table.step(still(3)).goal for _ in range(40)])
    assert seen.sum(axis=0).tolist() == [1, -1, 0]
    assert (np.abs(seen).sum(axis=0) <= 1).all()
    assert (table.state.puck_velocity[:2] == 0.0).all()
    assert abs(table.state.puck[2, 0]) < 0.5 * CONFIG.length_m


@pytest.mark.parametrize("kind", TABLES)
def test_a_puck_that_meets_the_corner_of_a_rim_bounces_off_it(kind: str) -> None:
    """With its centre within the mouth, so that the flat of the rim is not what it meets."""
    config = TableConfig(puck=Puck(drag_1_s=0.0))
    table = TABLES[kind](config, 1)
    state = aside(1, config)
    state.puck[0] = 0.5 * config.length_m - 0.05, 0.5 * config.goal_width_m - 0.5 * config.puck.radius_m
    state.puck_velocity[0] = 1.0, 0.0
    table.place(state)
    goal = [int(table.step(still(1)).goal[0]) for _ in range(3)]
    assert goal == [0, 0, 0]
    assert table.state.puck_velocity[0, 0] < 0.0, "it went on"
    assert table.state.puck_velocity[0, 1] < -0.3, "the corner gave it no push towards the middle of the goal"


def test_energy_never_grows_while_the_mallets_rest() -> None:
    config = replace(CONFIG, mallet=Mallet(stiffness_n_m=10000.0, mass_kg=20.0, mass_along_kg=0.0))
    table = PlanarTable(config, 200)
    state = fixed_shots(CONFIG, 200, 3)
    table.place(state)
    before = np.full(200, np.inf)
    for _ in range(100):
        goal = table.step(still(200)).goal
        now = table.state
        moving = (now.puck_velocity**2).sum(axis=1) + 0.5 * (config.puck.radius_m * now.spin) ** 2
        # What a mallet took of the puck's energy may come back to the puck.
        ratio = config.mallet.mass_kg / config.puck.mass_kg
        energy = moving + ratio * (now.mallet_velocities**2).sum(axis=(1, 2))
        spring = config.mallet.stiffness_n_m / config.puck.mass_kg
        energy += spring * ((now.mallets - now.targets) ** 2).sum(axis=(1, 2))
        assert (energy <= before * (1.0 + 1e-6) + 1e-9)[goal == 0].all()
        before = energy


@pytest.mark.parametrize("kind", TABLES)
def test_a_game_seen_in_a_mirror_or_from_the_other_side_is_the_same_game(kind: str) -> None:
    n, generator = 32, np.random.default_rng(5)
    original, mirrored, turned = (TABLES[kind](CONFIG, n) for _ in range(3))
    state = fixed_shots(CONFIG, n, 5)
    original.place(state)
    flip = np.array([1.0, -1.0])
    arrays = state.as_dict()
    arms = {"arm_factors": arrays.pop("arm_factors")}
    seen = {name: value * (flip if value.ndim > 1 else -1.0) for name, value in arrays.items()}
    mirrored.place(TableState.from_dict(seen | arms))
    seen = {name: value[:, ::-1] if value.ndim == 3 else value for name, value in arrays.items()}
    seen = {name: value * (1 if name == "spin" else -1) for name, value in seen.items()}
    turned.place(TableState.from_dict(seen | {"arm_factors": arms["arm_factors"][:, ::-1]}))
    # Few periods: what differs in the last digit grows from bounce to bounce.
    for _ in range(25):
        action = generator.uniform(-1.0, 1.0, (n, 2, 2))
        one, other, third = original.step(action), mirrored.step(action * flip), turned.step(-action[:, ::-1])
        np.testing.assert_array_equal(one.goal, other.goal)
        np.testing.assert_array_equal(one.goal, -third.goal)
        np.testing.assert_array_equal(one.touched, third.touched[:, ::-1])
    np.testing.assert_allclose(mirrored.state.puck, original.state.puck * flip, atol=1e-6)
    np.testing.assert_allclose(turned.state.puck, -original.state.puck, atol=1e-6)


@pytest.mark.parametrize("kind", TABLES)
def test_nothing_leaves_the_table_or_goes_through_anything_whatever_the_players_do(kind: str) -> None:
    n, generator = 64, np.random.default_rng(7)
    table = TABLES[kind](CONFIG, n)
    table.place(fixed_shots(CONFIG, n, 7))
    limit = np.array([0.5 * CONFIG.length_m, 0.5 * CONFIG.width_m])
    touch = CONFIG.puck.radius_m + CONFIG.mallet.radius_m
    deepest = 1e-6 if kind == "numpy" else 0.012  # MuJoCo sees an overlap a step late, at 8 m/s
    velocity = np.zeros((n, 2, 2))
    for period in range(300):
        if period % 10 == 0:
            velocity = generator.uniform(-1.5, 1.5, (n, 2, 2))
        table.step(velocity)
        state = table.state
        playing = np.abs(state.puck[:, 0]) < limit[0]
        inside = (np.abs(state.puck) <= limit - CONFIG.puck.radius_m + deepest) | (
            np.abs(state.puck[:, 1:]) < 0.5 * CONFIG.goal_width_m
        )
        assert inside[playing].all()
        assert np.isfinite(state.puck_velocity).all()
        assert (np.abs(state.mallets) <= limit - CONFIG.mallet.radius_m + 1e-3).all()
        apart = np.linalg.norm(state.puck[:, None] - state.mallets, axis=2)
        assert (apart[playing] > touch - deepest).all()


def test_a_puck_pressed_against_the_rim_holds_the_mallet() -> None:
    config = replace(CONFIG, mallet=Mallet(zone_y_m=(-0.45, 0.45)))
    table = PlanarTable(config, 1)
    state = aside(1, config)
    state.puck[0] = -0.6, 0.5 * config.width_m - config.puck.radius_m - 1e-4
    touch = config.puck.radius_m + config.mallet.radius_m
    state.mallets[0, HOME] = state.targets[0, HOME] = -0.6, state.puck[0, 1] - touch - 0.01
    table.place(state)
    velocity = still(1)
    velocity[0, HOME, 1] = 1.0
    for _ in range(50):
        table.step(velocity)
    assert table.state.puck[0, 1] <= 0.5 * config.width_m - config.puck.radius_m + 1e-9
    assert np.linalg.norm(table.state.puck[0] - table.state.mallets[0, HOME]) >= touch - 1e-9
    assert (np.abs(table.state.puck_velocity[0]) < 1.5).all()


def test_halving_a_step_changes_few_goals_and_numpy_agrees_with_mujoco() -> None:
    n = 200
    numpy_goals = goals(PlanarTable(CONFIG, n), fixed_shots(CONFIG, n, 0))
    finer = goals(PlanarTable(replace(CONFIG, target_period_s=0.0025), n), fixed_shots(CONFIG, n, 0))
    mujoco_goals = goals(MujocoTable(CONFIG, n), fixed_shots(CONFIG, n, 0))
    halved = goals(MujocoTable(CONFIG, n, 0.0005), fixed_shots(CONFIG, n, 0))
    assert (numpy_goals != 0).sum() > 10
    assert (numpy_goals != finer).mean() <= 0.02
    assert (mujoco_goals != halved).mean() <= 0.02
    assert (numpy_goals != mujoco_goals).mean() <= 0.05


def test_paths_in_closed_form_are_those_of_the_table() -> None:
    n, line = 500, -0.5
    state = aside(n)
    generator = np.random.default_rng(2)
    state.puck[...] = generator.uniform((0.1, -0.4), (0.6, 0.4), (n, 2))
    angle, speed = generator.uniform(-1.3, 1.3, n), generator.uniform(0.5, 5.0, n)
    state.puck_velocity[...] = -speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    state.spin[...] = generator.uniform(-20.0, 20.0, n)
    table = PlanarTable(CONFIG, n)
    table.place(state)
    path = crossing(state.puck, state.puck_velocity, state.spin, line, CONFIG)
    y, time_s = np.full(n, np.nan), np.full(n, np.inf)
    for period in range(150):
        before = table.state.puck.copy()
        table.step(still(n))
        new = np.isinf(time_s) & (table.state.puck[:, 0] <= line)
        share = (before[new, 0] - line) / (before[new, 0] - table.state.puck[new, 0])
        y[new] = before[new, 1] + share * (table.state.puck[new, 1] - before[new, 1])
        time_s[new] = (period + share) * CONFIG.control_period_s
    both = np.isfinite(path.time_s) & np.isfinite(time_s)
    assert both.mean() > 0.6
    assert np.isfinite(time_s[path.time_s < 2.5]).mean() > 0.98, "it says that more come than do"
    assert np.isfinite(path.time_s[time_s < 1.5]).mean() > 0.98, "it says that fewer come than do"
    assert np.percentile(np.abs(path.y - y)[both], 95) < 2e-3
    assert np.percentile(np.abs(path.time_s - time_s)[both], 95) < 0.01
    assert path.bounces[both].max() >= 2


def test_a_table_without_a_rim_beside_its_goal_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"goal_width_m is 1\.0"):
        TableConfig(goal_width_m=1.0)
    with pytest.raises(ConfigError, match=r"control_period_s is 0\.02"):
        TableConfig(target_period_s=0.003)
    with pytest.raises(ConfigError, match=r"target_period_s is 0\.0025 s; with physics mujoco it must .* 0\.001 s"):
        MujocoTable(TableConfig(target_period_s=0.0025), 1)
