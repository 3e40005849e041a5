"""Actor, critics and sampler: densities that integrate to one, seeds that repeat, errors that name the value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skill_bundles import actor_onnx, critic_onnx, make_bundle, manifest

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import ImpedanceSetting, PoseSetting, load_robot
from maxent_robot.errors import ContractError
from maxent_robot.inference import (
    EntropyAwareSampler,
    InferenceError,
    OnnxActor,
    OnnxCritic,
    SkillChooser,
    SkillRunner,
)
from maxent_robot.inference.squashed_gaussian import log_tanh_derivative, squashed_entropy, squashed_log_prob
from maxent_robot.skill import ACTION_SIZE, FRAME_SIZE, OBSERVATION_SIZE, action_to_twist
from maxent_robot.skill.contract import check_allowed_force, check_contract

DISTRIBUTIONS = [(0.0, -1.0), (0.7, -0.3), (-2.0, 0.5), (0.1, -4.0), (3.0, 1.0)]


def batch(values: object) -> np.ndarray:
    return np.atleast_2d(np.asarray(values, dtype=np.float64))


@pytest.mark.parametrize(("mean", "log_std"), DISTRIBUTIONS)
def test_the_density_of_the_action_integrates_to_one(mean: float, log_std: float) -> None:
    # Over a in (-1, 1); the substitution a = tanh(u) makes the grid dense where the density may diverge.
    u = np.linspace(mean - 12 * np.exp(log_std), mean + 12 * np.exp(log_std), 200_001)
    density = np.exp(squashed_log_prob(u[:, None], np.full((u.size, 1), mean), np.full((u.size, 1), log_std)))
    assert np.trapezoid(density * (1 - np.tanh(u) ** 2), u) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("mean", "log_std"), DISTRIBUTIONS)
def test_the_entropy_is_minus_the_mean_of_the_log_density(mean: float, log_std: float) -> None:
    u = np.linspace(mean - 12 * np.exp(log_std), mean + 12 * np.exp(log_std), 200_001)
    log_prob = squashed_log_prob(u[:, None], np.full((u.size, 1), mean), np.full((u.size, 1), log_std))
    numerical = -np.trapezoid(np.exp(log_prob) * log_prob * (1 - np.tanh(u) ** 2), u)
    assert squashed_entropy([mean], [log_std]) == pytest.approx(numerical, abs=1e-4)


def test_the_entropy_agrees_with_samples_of_six_axes() -> None:
    mean, log_std = np.linspace(-1, 1, 6), np.linspace(-2, 0, 6)
    chosen = EntropyAwareSampler("sample", seed=1)(np.tile(mean, (200_000, 1)), np.tile(log_std, (200_000, 1)))
    assert -chosen.log_prob.mean() == pytest.approx(float(squashed_entropy(mean, log_std)), abs=0.02)


def test_the_correction_is_the_log_derivative_of_tanh() -> None:
    u = np.linspace(-5, 5, 101)
    assert log_tanh_derivative(u) == pytest.approx(np.log(1 - np.tanh(u) ** 2), abs=1e-9)
    assert log_tanh_derivative(np.array([400.0, -400.0])) == pytest.approx(2 * np.log(2) - 800.0)


def test_mode_mean_is_the_tanh_of_the_mean_every_time() -> None:
    sampler = EntropyAwareSampler("mean")
    mean, log_std = batch([0.3, -2.0, 0.0]), batch([-1.0, 0.0, 1.0])
    first, second = sampler(mean, log_std), sampler(mean, log_std)
    assert first.action == pytest.approx(np.tanh(mean))
    np.testing.assert_array_equal(first.action, second.action)
    assert first.temperature[0] == 0.0


def test_tempered_at_zero_is_mean_and_at_one_is_sample() -> None:
    mean, log_std = np.random.default_rng(0).normal(size=(2, 50, 6))
    for temperature, mode in ((0.0, "mean"), (1.0, "sample")):
        tempered = EntropyAwareSampler("tempered", temperature, seed=5)(mean, log_std)
        plain = EntropyAwareSampler(mode, seed=5)(mean, log_std)
        np.testing.assert_array_equal(tempered.action, plain.action)
        np.testing.assert_array_equal(tempered.log_prob, plain.log_prob)
        np.testing.assert_array_equal(tempered.entropy, plain.entropy)


def test_temperature_scales_the_spread() -> None:
    mean, log_std = np.zeros((20_000, 1)), np.full((20_000, 1), -1.0)
    spread = [
        np.arctanh(EntropyAwareSampler("tempered", temperature, seed=3)(mean, log_std).action).std()
        for temperature in (0.5, 1.0)
    ]
    assert spread[0] / spread[1] == pytest.approx(0.5, rel=1e-6)


def test_a_seed_repeats_the_sequence_and_another_does_not() -> None:
    mean, log_std = np.zeros((3, 6)), np.zeros((3, 6))

    def sequence(seed: int | None) -> np.ndarray:
        sampler = EntropyAwareSampler("sample", seed=seed)
        return np.array([sampler(mean, log_std).action for _ in range(4)])

    np.testing.assert_array_equal(sequence(7), sequence(7))
    assert not np.array_equal(sequence(7), sequence(8))


def test_a_drawn_seed_is_reported_and_repeats_the_run() -> None:
    drawn = EntropyAwareSampler("sample")
    assert drawn.seed != EntropyAwareSampler("sample").seed
    again = EntropyAwareSampler("sample", seed=drawn.seed)
    np.testing.assert_array_equal(
        drawn(np.zeros((1, 6)), np.zeros((1, 6))).action, again(np.zeros((1, 6)), np.zeros((1, 6))).action
    )


@settings(max_examples=200, deadline=None)
@given(
    mean=hnp.arrays(np.float32, (2, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    log_std=hnp.arrays(np.float32, (2, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
    mode=st.sampled_from(["mean", "sample", "tempered"]),
)
def test_every_finite_input_gives_finite_bounded_results(mean: np.ndarray, log_std: np.ndarray, mode: str) -> None:
    chosen = EntropyAwareSampler(mode, 0.5, seed=0)(mean, log_std)
    assert (np.abs(chosen.action) <= 1.0).all()
    assert np.isfinite(chosen.log_prob).all()
    assert np.isfinite(chosen.entropy).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_an_error_that_shows_it(bad: float) -> None:
    mean = np.zeros((1, 6))
    mean[0, 4] = bad
    with pytest.raises(InferenceError, match=rf"mean: element \(0, 4\) is {bad}"):
        EntropyAwareSampler()(mean, np.zeros((1, 6)))
    observation = np.zeros((2, OBSERVATION_SIZE))
    observation[1, 3] = bad
    with pytest.raises(InferenceError, match=rf"'observation': element \(1, 3\) is {bad}"):
        OnnxActor(actor_onnx())(observation)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("loud",), "mode is 'loud', must be one of mean, sample, tempered, gated, retry"),
        (("tempered", -0.1), r"temperature is -0.1, must be in \[0, 2"),
        (("sample", 1.0, -3), "seed is -3"),
    ],
)
def test_a_sampler_that_makes_no_sense_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        EntropyAwareSampler(*arguments)


def test_actor_and_critic_take_a_bundle_a_path_or_bytes_and_any_batch(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    observation = np.random.default_rng(1).normal(size=(5, OBSERVATION_SIZE)).astype(np.float32)
    actors = [OnnxActor(source) for source in (bundle, bundle.actor_path, bundle.actor_onnx)]
    mean, log_std = actors[0](observation)
    assert mean.shape == log_std.shape == (5, ACTION_SIZE)
    for other in actors[1:]:
        np.testing.assert_array_equal(other(observation)[0], mean)
    np.testing.assert_allclose(actors[0](observation[2:3])[0], mean[2:3], rtol=1e-5, atol=1e-6)
    critic = OnnxCritic(bundle)
    assert critic(observation, np.tanh(mean)).shape == (5, 2)
    assert (critic.observation_size, critic.action_size) == (OBSERVATION_SIZE, ACTION_SIZE)


def test_a_graph_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InferenceError, match=r"inputs are .*expected"):
        OnnxActor(critic_onnx())
    with pytest.raises(InferenceError, match="can't load it"):
        OnnxActor(b"not a graph")
    with pytest.raises(InferenceError, match="no such file"):
        OnnxActor(tmp_path / "actor.onnx")
    with pytest.raises(
        InferenceError, match=rf"shape \(1, {OBSERVATION_SIZE - 1}\), expected \(n, {OBSERVATION_SIZE}\)"
    ):
        OnnxActor(actor_onnx())(np.zeros((1, OBSERVATION_SIZE - 1)))


def test_the_runner_feeds_back_its_action_and_forgets_it_on_reset(tmp_path: Path) -> None:
    runner = SkillRunner(bundle := make_bundle(tmp_path), SkillChooser(bundle, EntropyAwareSampler("mean")))
    socket = Pose.from_rotvec([0.5, 0.0, 0.2], [np.pi, 0.0, 0.3])
    tcp = socket @ Pose.of([0.001, 0.0, -0.02])

    def step() -> np.ndarray:
        result = runner.step(tcp, tcp, socket, np.zeros(6), 15.0)
        np.testing.assert_allclose(result.twist, action_to_twist(result.action, socket))
        return result.observation

    first, second = step(), step()
    np.testing.assert_array_equal(first, np.tile(first[:FRAME_SIZE], OBSERVATION_SIZE // FRAME_SIZE))
    assert not np.array_equal(second[-FRAME_SIZE:], first[-FRAME_SIZE:])  # the previous action is part of the frame
    np.testing.assert_array_equal(second[:-FRAME_SIZE], first[:-FRAME_SIZE])
    runner.reset()
    np.testing.assert_array_equal(step(), first)


def test_a_force_that_the_skill_never_heard_of_is_refused_with_the_range() -> None:
    told = manifest(randomisation={"allowed_force_n": [12.0, 20.0]})
    check_allowed_force(told, 20.0)
    with pytest.raises(ContractError, match=r"allowed_force_n is 25 N.*12 to 20 N"):
        check_allowed_force(told, 25.0)


def test_the_contract_names_the_first_difference() -> None:
    robot = load_robot("sim")
    check_contract(manifest(), robot, "two_pin")
    check_contract(manifest(robot="fr3"), robot)
    for changes, message in (
        ({"impedance": ImpedanceSetting(stiffness_translation=600.0)}, "impedance.stiffness_translation 600.0.*800.0"),
        ({"impedance": ImpedanceSetting(force_max=(12.0, 12.0, 13.0))}, "impedance.force_max .*13.0"),
        ({"T_flange_tcp": PoseSetting((0.0, 0.0, 0.2), robot.T_flange_tcp.quaternion)}, r"T_flange_tcp.position .*0.2"),
        ({"T_flange_tcp": PoseSetting(robot.T_flange_tcp.position)}, "T_flange_tcp.quaternion"),
        ({"robot": "ur5e"}, "model ur5e, robot 'sim' has fr3"),
        ({"robot": "nowhere"}, "robot 'nowhere', which is not known here"),
        ({"connector": "usb_a"}, "connector usb_a, robot 'sim' has two_pin"),
    ):
        with pytest.raises(ContractError, match=f"CONTRACT_MISMATCH: skill 'random_skill' assumes .*{message}"):
            check_contract(manifest(**changes), robot, "two_pin")
    x, y, z, w = robot.T_flange_tcp.quaternion
    turned = PoseSetting(robot.T_flange_tcp.position, (-x, -y, -z, -w))
    check_contract(manifest(T_flange_tcp=turned), robot)
