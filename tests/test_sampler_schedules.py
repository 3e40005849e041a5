"""How random to be: coloured noise with an unchanged law at each step, and temperatures that follow the insertion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import signal, stats

from maxent_robot.inference import EntropyAwareSampler, InferenceError
from maxent_robot.inference.noise import COLOURS, ColouredNoise
from maxent_robot.inference.schedule import RETREAT_ACTION, GatedSchedule, GatedSettings, RetrySchedule
from maxent_robot.skill import FRAME_SIZE
from maxent_robot.skill.observation import OBSERVATION_FIELDS, frame_field

GATED = GatedSettings()
ONE = np.zeros((1, 6))


def frame(depth_m: float = -0.01, force_n: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    made = np.zeros((1, FRAME_SIZE))
    frame_field(made, "tcp_position")[..., 2] = depth_m
    frame_field(made, "force")[...] = force_n
    frame_field(made, "allowed_force")[...] = 15.0
    return made


def test_the_fields_of_a_frame_lie_side_by_side() -> None:
    numbered = np.arange(FRAME_SIZE)
    np.testing.assert_array_equal(
        np.concatenate([frame_field(numbered, field.name) for field in OBSERVATION_FIELDS]), numbered
    )


# -- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("step", [0, 1, 37])
def test_at_every_step_noise_of_any_colour_is_standard_normal(colour: str, step: int) -> None:
    generator, noise = np.random.default_rng(step), ColouredNoise(colour, 16.0)
    for _ in range(step + 1):
        drawn = noise.draw(generator, (20_000, 2))
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.03


def series(colour: str, correlation_steps: float, steps: int = 512, rows: int = 400) -> np.ndarray:
    generator, noise = np.random.default_rng(3), ColouredNoise(colour, correlation_steps)
    return np.array([noise.draw(generator, (rows, 1))[:, 0] for _ in range(steps)])


@pytest.mark.parametrize(("colour", "expected"), [("white", 0.0), ("ar1", np.exp(-1 / 8))])
def test_the_next_number_remembers_as_the_colour_says(colour: str, expected: float) -> None:
    drawn = series(colour, 8.0)
    assert np.mean(drawn[1:] * drawn[:-1]) == pytest.approx(expected, abs=0.01)


def test_the_power_of_pink_noise_falls_as_one_over_the_frequency() -> None:
    frequency, power = signal.periodogram(series("pink", 128.0, 1024), axis=0)
    between = (frequency > 1 / 400) & (frequency < 0.2)
    slope = np.polyfit(np.log(frequency[between]), np.log(power.mean(axis=1)[between]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)


def test_another_batch_begins_anew_and_a_seed_repeats_it() -> None:
    def drawn() -> list[np.ndarray]:
        generator, noise = np.random.default_rng(5), ColouredNoise("pink", 8.0)
        return [noise.draw(generator, shape) for shape in ((3, 2), (3, 2), (4, 2))]

    for first, second in zip(drawn(), drawn(), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("brown",), "noise is 'brown', must be one of white, ar1, pink"),
        (("ar1", 0.5), r"correlation_steps is 0.5, must be in \[1, 1024\]"),
        (("ar1", float("nan")), "correlation_steps is nan"),
    ],
)
def test_noise_that_makes_no_sense_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InferenceError, match=message):
        ColouredNoise(*arguments)


# -- gated -----------------------------------------------------------------------------------------------------------


def temperatures(schedule: GatedSchedule | RetrySchedule, *frames: np.ndarray) -> list[float]:
    return [float(schedule(one).temperature[0]) for one in frames]


def test_gated_is_random_in_free_search_and_on_the_face() -> None:
    assert temperatures(GatedSchedule(), frame(-0.02), frame(-0.001, (1.0, 0.0, -4.0))) == [1.0, 1.0]


def test_gated_is_deterministic_once_the_plug_is_below_the_face_that_it_felt() -> None:
    face = frame(-0.002, (0.0, 0.0, -4.0))
    inside, barely = frame(-0.002 + 1.01 * GATED.engaged_depth_m), frame(-0.002 + 0.9 * GATED.engaged_depth_m)
    assert temperatures(GatedSchedule(), face, barely, inside, barely) == [1.0, 1.0, 0.0, 0.0]


def test_gated_searches_again_when_the_plug_is_back_at_the_face() -> None:
    face, inside = frame(-0.002, (0.0, 0.0, -4.0)), frame(0.004)
    assert temperatures(GatedSchedule(), face, inside, frame(-0.002)) == [1.0, 0.0, 1.0]


def test_gated_needs_no_face_where_the_plug_is_deeper_than_the_estimate_can_be_wrong() -> None:
    above, below = (frame(GATED.certain_depth_m + offset) for offset in (-1e-4, 1e-4))
    assert temperatures(GatedSchedule(), above, below) == [1.0, 0.0]


def test_gated_takes_a_force_beyond_friction_for_a_wall() -> None:
    face = GATED.friction * 2.0 + GATED.contact_force_n
    free, wall = (frame(0.0, (share * face, 0.0, -2.0)) for share in (0.99, 1.01))
    assert temperatures(GatedSchedule(), free, wall) == [1.0, 0.0]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 1.0), (0.6, 1.0), (0.8, 0.5), (1.0, 0.0), (3.0, 0.0)])
def test_gated_is_less_random_as_the_force_nears_what_is_allowed(share: float, expected: float) -> None:
    assert temperatures(GatedSchedule(), frame(-0.001, (0.0, 0.0, -15.0 * share))) == [pytest.approx(expected)]


def test_critics_that_disagree_make_the_arm_hold_and_then_retreat() -> None:
    sampler = EntropyAwareSampler("gated", seed=1)
    mean = np.ones((1, 6))
    usual, doubt = np.array([0.9]), np.array([1.1])
    assert sampler(mean, ONE, frame(), disagreement=usual).action.any()
    for _ in range(GATED.hold_steps):
        np.testing.assert_array_equal(sampler(mean, ONE, frame(), disagreement=doubt).action[0], np.zeros(6))
    np.testing.assert_array_equal(sampler(mean, ONE, frame(), disagreement=doubt).action[0], RETREAT_ACTION)
    again = sampler(mean, ONE, frame(), disagreement=usual).action[0]
    assert again.any()
    assert not np.array_equal(again, RETREAT_ACTION)


# -- retry -----------------------------------------------------------------------------------------------------------


def test_retry_is_random_only_while_the_plug_gets_no_deeper() -> None:
    schedule = RetrySchedule()
    stalled = schedule._settings.stalled_steps
    assert temperatures(schedule, *[frame(0.0)] * (stalled + 2)) == [0.0] * stalled + [1.0] * 2
    assert temperatures(schedule, frame(0.0005), frame(0.002), frame(0.002)) == [1.0, 0.0, 0.0]


def test_rows_have_a_state_of_their_own_and_forget_it_at_a_reset() -> None:
    schedule = RetrySchedule()
    for _ in range(schedule._settings.stalled_steps + 1):
        guidance = schedule(np.vstack([frame(0.0)] * 3))
    np.testing.assert_array_equal(guidance.temperature, 1.0)
    schedule.reset([1])
    np.testing.assert_array_equal(schedule(np.vstack([frame(0.0)] * 3)).temperature, [1.0, 0.0, 1.0])


# -- the sampler with them ---------------------------------------------------------------------------------------------


def test_the_sequence_of_draws_does_not_depend_on_the_schedule() -> None:
    gated, plain = EntropyAwareSampler("gated", seed=4), EntropyAwareSampler("sample", seed=4)
    np.testing.assert_array_equal(gated(ONE, ONE, frame(0.01)).action, np.tanh(ONE))
    plain(ONE, ONE)
    gated.reset()
    np.testing.assert_array_equal(gated(ONE, ONE, frame()).action, plain(ONE, ONE).action)


def test_a_mode_that_follows_the_insertion_needs_to_see_it() -> None:
    for mode in ("gated", "retry"):
        with pytest.raises(InferenceError, match=f"mode '{mode}' needs the newest frame of each of 1 observations"):
            EntropyAwareSampler(mode)(ONE, ONE)


@settings(max_examples=100, deadline=None)
@given(
    frames=hnp.arrays(np.float64, (2, FRAME_SIZE), elements=st.floats(allow_nan=False, allow_infinity=False, width=32)),
    disagreement=hnp.arrays(np.float64, 2, elements=st.floats(0.0, 1e9)),
    mode=st.sampled_from(["gated", "retry"]),
    colour=st.sampled_from(COLOURS),
)
def test_every_finite_frame_gives_a_bounded_action(
    frames: np.ndarray, disagreement: np.ndarray, mode: str, colour: str
) -> None:
    sampler = EntropyAwareSampler(mode, 2.0, seed=0, noise=ColouredNoise(colour))
    for _ in range(3):
        chosen = sampler(np.ones((2, 6)), np.ones((2, 6)), frames, disagreement=disagreement)
        assert (np.abs(chosen.action) <= 1.0).all()
        assert ((chosen.temperature >= 0.0) & (chosen.temperature <= 2.0)).all()
