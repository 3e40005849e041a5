"""Composition of skills at run time: operators, candidates and composer beside what is known exactly; refusals."""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.integrate import quad

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import composition_exact
from composition_cases import OBSERVATION, Case, KnownSkill, cases, hill
from skill_bundles import make_bundle

from maxent_robot import exact
from maxent_robot.errors import ContractError
from maxent_robot.inference import InferenceError
from maxent_robot.inference.composition import (
    BoundedComposer,
    ComposableSkill,
    Composer,
    Composition,
    Correction,
    check_composable,
    energies,
)
from maxent_robot.inference.composition.candidates import Noise, Proposal
from maxent_robot.inference.composition.experts import divergence, product_gaussian

NEAR, FAR = KnownSkill.of(hill(-0.1, 0.3)), KnownSkill.of(hill(0.6, 0.2))
PAIR = [NEAR.composable("near", 0.05), FAR.composable("far", 0.2)]
MEAN = np.array([[0.3, -1.0], [-0.4, 0.5], [0.0, 2.0]])
LOG_STD = np.array([[-0.5, -1.0], [-1.5, 0.2], [0.1, -2.0]])
WEIGHTS = np.array([0.5, 0.2, 0.3])


def test_the_product_of_the_actors_is_that_of_the_exact_module() -> None:
    mean, log_std = product_gaussian(MEAN, LOG_STD, WEIGHTS)
    covariances = np.array([np.diag(np.exp(2.0 * row)) for row in LOG_STD])
    expected_mean, expected_covariance = exact.product_gaussian(MEAN, covariances, WEIGHTS)
    np.testing.assert_allclose(mean, expected_mean)
    np.testing.assert_allclose(np.exp(2.0 * log_std), np.diag(expected_covariance))


def apart(mean: np.ndarray, log_std: np.ndarray, weights: np.ndarray) -> float:
    """The divergence of some actors."""
    return divergence(mean, log_std, weights, product_gaussian(mean, log_std, weights))


def test_the_divergence_is_the_mass_that_the_product_of_the_actors_has_lost() -> None:
    for axis in range(2):

        def product(u: float, axis: int = axis) -> float:
            std = np.exp(LOG_STD[:, axis])
            density = np.exp(-0.5 * ((u - MEAN[:, axis]) / std) ** 2) / (std * math.sqrt(2.0 * math.pi))
            return float(np.prod(density**WEIGHTS))

        mass = quad(product, -20.0, 20.0, limit=500)[0]
        found = apart(MEAN[:, [axis]], LOG_STD[:, [axis]], WEIGHTS)
        assert found == pytest.approx(-math.log(mass), rel=1e-6)
    parts = [apart(MEAN[:, [axis]], LOG_STD[:, [axis]], WEIGHTS) for axis in range(2)]
    assert apart(MEAN, LOG_STD, WEIGHTS) == pytest.approx(sum(parts))
    assert apart(MEAN[[0, 0]], LOG_STD[[0, 0]], np.array([0.4, 0.6])) == pytest.approx(0.0, abs=1e-12)


def test_operators_by_hand() -> None:
    q = np.array([[1.0, 800.0], [3.0, -800.0], [9.0, 9.0]])
    weights = np.array([0.25, 0.75, 0.0])
    np.testing.assert_allclose(energies.weighted_mean(q, weights), [2.5, -400.0])
    np.testing.assert_allclose(energies.greatest(q, weights), [3.0, 800.0])
    np.testing.assert_allclose(
        energies.disjunction(q, weights),
        [math.log(0.25 * math.exp(1.0) + 0.75 * math.exp(3.0)), 800.0 + math.log(0.25)],
    )
    np.testing.assert_allclose(energies.hybrid(q, weights, 0, np.array([-1.0, -2.0])), [8.0, -2402.0])
    assert weights.tolist() == [0.25, 0.75, 0.0]


@pytest.mark.parametrize(("counts", "broad"), [((3, 1), 2), ((3, 0), 1), ((2, 2), 0)])
def test_a_proposal_has_a_mass_of_one(counts: tuple[int, ...], broad: int) -> None:
    proposal = Proposal(MEAN[:2, :1], LOG_STD[:2, :1], np.array(counts), broad)

    def density(u: float) -> float:
        return float(np.exp(proposal.log_density(np.array([[u]])))[0])

    assert quad(density, -30.0, 30.0, limit=500)[0] == pytest.approx(1.0, abs=1e-8)


def test_candidates_come_in_their_counts_and_the_broad_ones_are_uniform() -> None:
    proposal = Proposal(MEAN[:2], LOG_STD[:2] - 5.0, np.array([3, 1]), 4000)
    u = proposal.draw(Noise(np.random.default_rng(1), 4004, 2))
    assert u.shape == (4004, 2)
    np.testing.assert_allclose(u[:3], MEAN[[0, 0, 0]], atol=0.05)
    np.testing.assert_allclose(u[3], MEAN[1], atol=0.05)
    counts, _ = np.histogram(np.tanh(u[4:]), bins=10, range=(-1.0, 1.0))
    assert np.abs(counts - 800).max() < 5 * math.sqrt(800)


@pytest.mark.parametrize("operator", ["mean", "hybrid", "or", "max", "product"])
@pytest.mark.parametrize("name", ["conflict, 2 axes", "three skills, 6 axes"])
def test_actions_have_the_composed_density(name: str, operator: str) -> None:
    case = next(case for case in cases() if case.name == name and case.composition.operator == operator)
    composer = Composer(case.composable(), case.composition, seed=3)
    actions = np.array([composer(OBSERVATION).action for _ in range(1000)])
    found = composition_exact.energy_distance(actions, case.exact(1000, np.random.default_rng(4)))
    assert found <= composition_exact.WANTED_ENERGY


def test_bound_and_correction_hold_on_a_table() -> None:
    found = composition_exact.on_tables(3)
    assert max(found["above"], found["below"], found["corrected_error"]) <= 1e-9
    assert found["bound"] > found["lost"] > 1e-3


def test_entropy_and_value_of_a_composition_are_estimated() -> None:
    composer = Composer(PAIR, Composition((0.5, 0.5), candidates=1024), seed=1)
    a = np.linspace(-1.0, 1.0, 100_001)[1:-1]
    logs = 0.5 * NEAR.values[0](a) + 0.5 * FAR.values[0](a)
    density = np.exp(logs - logs.max())
    density /= density.sum() * (a[1] - a[0])
    entropy = -float((density * np.log(density)).sum() * (a[1] - a[0]))
    assert np.mean([composer(OBSERVATION).entropy for _ in range(20)]) == pytest.approx(entropy, abs=0.01)


def test_without_temperature_it_takes_the_mean_and_with_a_small_one_nearly() -> None:
    composer = Composer(PAIR, Composition((1.0, 1.0), candidates=1024), seed=1)
    precision = np.array([0.3, 0.2]) ** -2.0
    middle = float(precision @ [-0.1, 0.6] / precision.sum())
    spread = math.sqrt(2.0 / precision.sum())
    drawn = {t: np.array([composer(OBSERVATION, t).action[0] for _ in range(400)]) for t in (0.0, 0.3, 1.0)}
    assert drawn[0.0].mean() == pytest.approx(middle, abs=0.003)
    assert drawn[0.0].std() < 0.1 * spread
    assert drawn[0.3].mean() == pytest.approx(middle, abs=0.02)
    assert drawn[0.3].std() == pytest.approx(0.3 * spread, rel=0.15)
    assert drawn[1.0].std() == pytest.approx(spread, rel=0.15)


def test_weights_are_ratios_and_take_effect_at_the_next_step() -> None:
    composer = Composer(PAIR, Composition((1.0, 0.0)), seed=1)
    mostly = {}
    for weights in ((1.0, 0.0), (0.0, 1e308), (1e-308, 1e-308), (3.0, 3.0)):
        composer.composition = replace(composer.composition, weights=weights)
        mostly[weights] = float(np.mean([composer(OBSERVATION).action[0] for _ in range(200)]))
    assert mostly[1.0, 0.0] == pytest.approx(-0.1, abs=0.08)
    assert mostly[0.0, 1e308] == pytest.approx(0.6, abs=0.08)
    assert mostly[1e-308, 1e-308] == pytest.approx(mostly[3.0, 3.0], abs=0.08)


def test_a_seed_fixes_the_sequence_and_held_noise_the_action() -> None:
    def actions(**changes: Any) -> list[float]:
        composer = Composer(PAIR, Composition((1.0, 1.0), **changes), seed=7)
        return [float(composer(OBSERVATION).action[0]) for _ in range(9)]

    assert actions() == actions()
    assert len(set(actions())) == 9
    held = actions(hold_steps=3)
    assert held == [held[0]] * 3 + [held[3]] * 3 + [held[6]] * 3
    assert len(set(held)) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": (1.0, math.nan)}, r"weights are \(1\.0, nan\), must be finite and not negative"),
        ({"weights": (1.0, -0.1)}, r"weights are \(1\.0, -0\.1\), must be finite and not negative"),
        ({"weights": (math.inf, 0.1)}, "must be finite"),
        ({"weights": (0.0, 0.0)}, r"weights are \(0\.0, 0\.0\), at least one must be positive"),
        ({"operator": "sum"}, "operator is 'sum', must be one of mean, max, or, hybrid, corrected, product"),
        ({"operator": "hybrid", "weights": (0.0, 1.0)}, "'hybrid' needs a positive one of the primary skill"),
        ({"primary": 2}, "primary is 2, must be the index of one of 2 skills"),
        ({"primary": -1}, "primary is -1"),
        ({"candidates": 8}, "candidates is 8, must be 16 to 1024"),
        ({"candidates": 2000}, "candidates is 2000"),
        ({"hold_steps": 0}, "hold_steps is 0, must be at least 1"),
        ({"max_divergence": math.nan}, "max_divergence is nan, must be positive"),
    ],
)
def test_a_composition_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        replace(Composition((1.0, 1.0)), **changes)


def test_weights_of_another_number_of_skills_are_refused_and_the_old_ones_stay() -> None:
    composer = Composer(PAIR, Composition((1.0, 2.0)))
    with pytest.raises(InferenceError, match=r"must be one for each skill: near, far"):
        composer.composition = Composition((1.0,))
    assert composer.composition.weights == (1.0, 2.0)
    with pytest.raises(InferenceError, match="must be one for each skill: none"):
        Composer([], Composition((1.0,)))
    for temperature in (-0.1, math.nan, 2.1):
        with pytest.raises(InferenceError, match=r"temperature is .*, must be in \[0, 2"):
            composer(OBSERVATION, temperature)


def test_skills_that_disagree_too_much_leave_it_to_the_primary() -> None:
    composer = Composer(PAIR, Composition((1.0, 1.0), primary=1, max_divergence=10.0), seed=1)
    disagreement = composer(OBSERVATION).divergence
    assert composer(OBSERVATION).fallback == ""
    composer.composition = replace(composer.composition, max_divergence=0.5 * disagreement)
    alone = composer(OBSERVATION, 0.0)
    assert alone.fallback == f"the skills disagree by {disagreement:.3g} nat, allowed is {0.5 * disagreement:g}"
    assert alone.action == pytest.approx(np.tanh(FAR.mean))
    assert (alone.divergence, alone.rounds) == (disagreement, 0)


@pytest.mark.parametrize("actor_fails", [False, True])
def test_a_network_that_fails_leaves_it_to_the_primary(actor_fails: bool) -> None:
    def fails(*_: ArrayLike) -> Any:
        raise InferenceError("critic.onnx: output 'q': element (0, 0) is nan, must be finite")

    broken = replace(PAIR[1], actor=fails) if actor_fails else replace(PAIR[1], critic=fails)
    step = Composer([PAIR[0], broken], Composition((1.0, 1.0)), seed=1)(OBSERVATION, 0.0)
    assert "is nan" in step.fallback
    assert step.action == pytest.approx(np.tanh(NEAR.mean))
    if actor_fails:
        with pytest.raises(InferenceError, match="is nan"):
            Composer([broken, PAIR[0]], Composition((1.0, 1.0)), seed=1)(OBSERVATION)


def test_late_compositions_leave_it_to_the_primary_until_they_are_done() -> None:
    release = threading.Event()

    def slow(observation: ArrayLike, actions: ArrayLike) -> Any:
        release.wait(10.0)
        return PAIR[1].critic(observation, actions)

    composer = Composer([PAIR[0], replace(PAIR[1], critic=slow)], Composition((1.0, 1.0)), seed=1)
    with closing(BoundedComposer(composer, 0.05)) as bounded:
        assert bounded(OBSERVATION, 0.0).fallback == "no composition within 50 ms"
        busy = bounded(OBSERVATION, 0.0)
        assert busy.fallback == "the composition before is still going on"
        assert busy.action == pytest.approx(np.tanh(NEAR.mean))
        release.set()
        deadline_s = time.monotonic() + 10.0
        while bounded(OBSERVATION).fallback:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
    with pytest.raises(InferenceError, match=r"budget is 0\.0 s, must be more than"):
        BoundedComposer(composer, 0.0)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=4, max_size=4), st.integers(0, 99))
def test_whatever_the_networks_say_the_action_is_one(values: list[float], seed: int) -> None:
    mean, log_std = np.array(values[:2]), np.array(values[2:])

    def critic(observation: ArrayLike, actions: ArrayLike) -> np.ndarray:
        return np.asarray(actions) @ np.outer(mean, [1.0, 2.0])

    wild = ComposableSkill("wild", 0.1, lambda _: (mean[None], log_std[None]), critic)
    tame = Case("", (KnownSkill.of(hill(0.0, 0.5), hill(0.0, 0.5)),), Composition((1.0,))).composable()[0]
    for operator in ("mean", "max", "or", "hybrid", "product"):
        step = Composer([tame, wild], Composition((1.0, 1.0), operator, candidates=16), seed)(OBSERVATION)
        assert np.isfinite(step.action).all()
        assert np.abs(step.action).max() <= 1.0


def calibration(**changes: float) -> dict[str, Any]:
    """The evaluation of a skill of alpha 0.02 whose log pi follows its Q, with some of it changed."""
    good = {"slope": 50.0, "r2": 0.9, "r2_policy": 0.8, "disagreement": 0.1, "states": 10}
    return {"calibration": good | changes}


def test_bundles_are_composed_when_they_agree(tmp_path: Path) -> None:
    one, two = (make_bundle(tmp_path, name, seed, evaluation=calibration()) for seed, name in enumerate(("one", "two")))
    check_composable([one, two])
    composer = Composer([ComposableSkill.of(one), ComposableSkill.of(two)], Composition((1.0, 1.0)), seed=1)
    step = composer(np.zeros(150))
    assert step.action.shape == (6,)
    assert step.fallback == ""
    assert composer.skills == ("one", "two")


@pytest.mark.parametrize(
    ("evaluation", "reason"),
    [
        ({}, "skill poor does not say whether log pi follows its Q"),
        (calibration(r2=0.59), "the Q of skill poor explains 59 % of its log pi, must be at least 60 %"),
        (calibration(slope=12.0), "the slope of log pi on the Q of skill poor is 0.24 of 1 / alpha, must be 0.25 to 4"),
        (calibration(slope=210.0), "the slope of log pi on the Q of skill poor is 4.2 of 1 / alpha"),
    ],
)
def test_a_q_that_is_not_calibrated_counts_only_where_it_is_not_used(
    tmp_path: Path, evaluation: dict[str, Any], reason: str
) -> None:
    poor = ComposableSkill.of(make_bundle(tmp_path, "poor", 1, evaluation=evaluation))
    good = ComposableSkill.of(make_bundle(tmp_path, "good", 2, evaluation=calibration()))
    for operator in ("mean", "max", "or"):
        with pytest.raises(InferenceError, match=f"operator '{operator}': {reason}"):
            Composer([poor, good], Composition((1.0, 1.0), operator))
    with pytest.raises(InferenceError, match=reason):
        Composer([poor, good], Composition((1.0, 1.0), "hybrid", primary=1))
    composer = Composer([poor, good], Composition((1.0, 1.0), "hybrid"))
    for allowed in (Composition((1.0, 1.0), "product"), Composition((0.0, 1.0), "mean")):
        composer.composition = allowed
    with pytest.raises(InferenceError, match=reason):
        composer.composition = Composition((1.0, 1.0), "mean")
    assert composer.composition is allowed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": 0.5}, r"skills one and two can't be composed: gamma is 0\.\d+ and 0\.5, must agree"),
        ({"policy_period_s": 0.02}, "policy_period_s is .* and 0.02, must agree"),
    ],
)
def test_bundles_that_do_not_agree_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        check_composable([make_bundle(tmp_path, "one"), make_bundle(tmp_path, "two", **changes)])
    with pytest.raises(ContractError, match="one, one: each may be there once"):
        check_composable([make_bundle(tmp_path, "one")] * 2)
    with pytest.raises(ContractError, match="skill none: alpha is 0, must be positive"):
        ComposableSkill.of(make_bundle(tmp_path, "none", alpha=0.0))


def test_the_correction_is_taken_off_the_mean_and_only_at_its_weights() -> None:
    """A correction that is the second skill's own share of the mean leaves the first one's."""
    near, far = PAIR

    def of_the_second(observation: ArrayLike, actions: ArrayLike) -> np.ndarray:
        at = np.asarray(observation, dtype=np.float64)[0]
        return 0.5 * far.values(at, np.asarray(actions, dtype=np.float64))[:, None]

    correction = Correction((2.0, 2.0), of_the_second)
    composer = Composer(PAIR, Composition((1.0, 1.0), "corrected", candidates=1024), seed=3, correction=correction)
    half = Composer([near], Composition((1.0,), "mean", candidates=1024), seed=3)
    corrected = np.array([composer(OBSERVATION).action for _ in range(400)])
    alone = np.array([half(OBSERVATION, math.sqrt(2.0)).action for _ in range(400)])  # exp(Q / (2 alpha))
    assert composition_exact.energy_distance(corrected, alone) < 0.01
    uncorrected = Composer(PAIR, Composition((1.0, 1.0), "mean", candidates=1024), seed=3)
    mean = np.array([uncorrected(OBSERVATION).action for _ in range(400)])
    assert composition_exact.energy_distance(mean, alone) > 0.05
    with pytest.raises(InferenceError, match=r"weights are \(1.0, 3.0\), the correction was learned for \(2.0, 2.0\)"):
        composer.composition = Composition((1.0, 3.0), "corrected")
    with pytest.raises(InferenceError, match="no divergence correction is there for these skills"):
        uncorrected.composition = Composition((1.0, 1.0), "corrected")
