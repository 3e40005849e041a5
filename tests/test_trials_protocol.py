"""Plans of trials and start poses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError
from maxent_robot.trials.protocol import (
    ProtocolError,
    StartRange,
    insertion_coordinates,
    plan_trials,
    pose_error,
    retreat,
    sample_start,
)

SKILLS = [("plug_insertion", "two_pin"), ("usb_insertion", "usb_a")]
SOCKET = Pose.from_rotvec([0.5, 0.1, 0.2], [math.pi * 0.98, 0.1, 0.05])


def test_trials_are_shared_out_in_blocks_and_numbered_from_one() -> None:
    plans = plan_trials(7, SKILLS, seed=3)
    assert [p.number for p in plans] == list(range(1, 8))
    assert [p.connector for p in plans] == ["two_pin"] * 4 + ["usb_a"] * 3


def test_seeds_differ_between_trials_and_series_and_repeat_with_the_seed() -> None:
    first, again, other = (plan_trials(40, SKILLS, seed) for seed in (1, 1, 2))
    assert first == again
    assert len({p.seed for p in first + other}) == 80
    assert all(0 <= p.seed < 2**31 for p in first)


@pytest.mark.parametrize(("count", "skills", "seed"), [(0, SKILLS, 0), (5, [], 0), (5, SKILLS, -1)])
def test_series_that_cannot_be_run_are_refused(count: int, skills: list[tuple[str, str]], seed: int) -> None:
    with pytest.raises(ProtocolError):
        plan_trials(count, skills, seed)


@given(st.integers(0, 2**31 - 1))
def test_starts_lie_in_their_range_around_the_estimate(seed: int) -> None:
    start = sample_start(seed, SOCKET)
    relative = SOCKET.inverse() @ start
    depth, lateral, tilt = insertion_coordinates(relative)
    assert -0.030 - 1e-12 <= depth <= -0.015 + 1e-12
    assert lateral <= 0.010 + 1e-12
    assert tilt <= math.radians(3.0) + 1e-9
    assert np.linalg.norm(relative.rotvec()) <= math.radians(3.0) * math.sqrt(2) + 1e-9
    np.testing.assert_array_equal(start.position, sample_start(seed, SOCKET).position)


def test_starts_fill_their_range() -> None:
    samples = np.array([insertion_coordinates(SOCKET.inverse() @ sample_start(seed, SOCKET)) for seed in range(2000)])
    assert samples[:, 0].min() < -0.0295
    assert samples[:, 0].max() > -0.0155
    assert np.median(samples[:, 1]) == pytest.approx(0.010 / math.sqrt(2), rel=0.05)
    assert samples[:, 2].max() > math.radians(2.9)


def test_a_start_range_upside_down_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"height_min_m is 0\.05 m, must be at most height_max_m, 0\.01 m"):
        StartRange(height_min_m=0.05, height_max_m=0.01)


def test_retreat_goes_out_along_the_socket_axis_with_the_orientation_kept() -> None:
    tcp = SOCKET @ Pose.from_rotvec([0.001, -0.002, 0.015], [0.02, 0.01, 0.0])
    away = retreat(tcp, SOCKET, 0.04)
    before, after = SOCKET.inverse() @ tcp, SOCKET.inverse() @ away
    np.testing.assert_allclose(after.position - before.position, [0.0, 0.0, -0.04], atol=1e-12)
    np.testing.assert_array_equal(away.quaternion, tcp.quaternion)


def test_coordinates_and_error_of_a_known_pose() -> None:
    pose = Pose.from_rotvec([0.003, -0.004, 0.012], [0.0, 0.05, 0.0])
    assert insertion_coordinates(pose) == pytest.approx((0.012, 0.005, 0.05))
    assert pose_error(Pose.identity(), pose) == pytest.approx((0.013, 0.05))
    flipped = Pose(pose.position, -pose.quaternion)
    assert pose_error(pose, flipped) == pytest.approx((0.0, 0.0), abs=1e-7)
