"""Rotations and poses against identities and MuJoCo's own functions."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxent_robot.control import Pose, rotations

finite = st.floats(-3.0, 3.0, allow_nan=False)
rotvecs = arrays(np.float64, 3, elements=finite).filter(lambda r: np.linalg.norm(r) < 3.1)
vectors = arrays(np.float64, 3, elements=st.floats(-10, 10))


@given(rotvecs)
@settings(deadline=None)
def test_rotation_vector_round_trip(rotvec: np.ndarray) -> None:
    assert rotations.to_rotvec(rotations.from_rotvec(rotvec)) == pytest.approx(rotvec, abs=1e-9)


@given(rotvecs)
@settings(deadline=None)
def test_matrix_round_trip(rotvec: np.ndarray) -> None:
    quaternion = rotations.normalize(rotations.from_rotvec(rotvec))
    back = rotations.from_matrix(rotations.to_matrix(quaternion))
    assert abs(float(back @ quaternion)) == pytest.approx(1.0, abs=1e-12)


@given(rotvecs, rotvecs, vectors)
@settings(deadline=None)
def test_product_rotates_by_the_right_factor_first(a: np.ndarray, b: np.ndarray, vector: np.ndarray) -> None:
    p, q = rotations.from_rotvec(a), rotations.from_rotvec(b)
    once = rotations.rotate(rotations.multiply(p, q), vector)
    assert once == pytest.approx(rotations.rotate(p, rotations.rotate(q, vector)), abs=1e-9)


@given(rotvecs, rotvecs)
@settings(deadline=None)
def test_product_and_difference_agree_with_mujoco(a: np.ndarray, b: np.ndarray) -> None:
    p, q = rotations.from_rotvec(a), rotations.from_rotvec(b)
    product, turn = np.zeros(4), np.zeros(3)
    mujoco.mju_mulQuat(product, np.roll(p, 1), np.roll(q, 1))
    assert rotations.multiply(p, q) == pytest.approx(np.roll(product, -1), abs=1e-12)
    mujoco.mju_subQuat(turn, np.roll(p, 1), np.roll(q, 1))  # in q's own frame
    if np.linalg.norm(turn) < 3.1:
        assert rotations.difference(p, q) == pytest.approx(rotations.rotate(q, turn), abs=1e-7)


def test_small_and_half_turns_are_exact() -> None:
    assert rotations.to_rotvec(rotations.from_rotvec([1e-12, 0.0, 0.0])) == pytest.approx([1e-12, 0, 0], rel=1e-9)
    assert np.linalg.norm(rotations.to_rotvec([1.0, 0.0, 0.0, 0.0])) == pytest.approx(np.pi)


@given(vectors, rotvecs, vectors, rotvecs, vectors)
@settings(deadline=None)
def test_pose_composition_and_inverse(
    p1: np.ndarray, r1: np.ndarray, p2: np.ndarray, r2: np.ndarray, point: np.ndarray
) -> None:
    a, b = Pose.from_rotvec(p1, r1), Pose.from_rotvec(p2, r2)
    assert (a @ b).transform(point) == pytest.approx(a.transform(b.transform(point)), abs=1e-8)
    assert (a.inverse() @ a).position == pytest.approx(np.zeros(3), abs=1e-9)
    assert (a.inverse() @ a).rotvec() == pytest.approx(np.zeros(3), abs=1e-7)


def test_batches_equal_single_poses() -> None:
    generator = np.random.default_rng(0)
    a = Pose.from_rotvec(generator.normal(size=(5, 3)), generator.normal(size=(5, 3)))
    b = Pose.from_rotvec(generator.normal(size=(5, 3)), generator.normal(size=(5, 3)))
    product = a @ b
    for i in range(5):
        assert product[i].position == pytest.approx((a[i] @ b[i]).position, abs=1e-15)
        assert product[i].quaternion == pytest.approx((a[i] @ b[i]).quaternion, abs=1e-15)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-8, 1e-4, 1.0, np.pi - 1e-9, np.pi, 5.0])
def test_one_rotation_alone_is_the_same_as_in_a_batch(angle: float) -> None:
    generator = np.random.default_rng(8)
    for _ in range(20):
        axis, other = (v / np.linalg.norm(v) for v in generator.standard_normal((2, 3)))
        one = rotations.from_rotvec(angle * axis)
        np.testing.assert_allclose(rotations.from_rotvec(np.array([angle * axis, other]))[0], one, atol=1e-15)
        for quaternion in (one, -one):
            batch = rotations.to_rotvec(np.array([quaternion, quaternion]))
            np.testing.assert_allclose(rotations.to_rotvec(quaternion), batch[0], atol=1e-15)
        two = rotations.from_rotvec(other)
        for left, right in ((one, two[None]), (one[None], two), (one[None], two[None])):
            np.testing.assert_array_equal(rotations.multiply(left, right)[0], rotations.multiply(one, two))
        np.testing.assert_array_equal(rotations.cross(axis[None], other)[0], rotations.cross(axis, other))
