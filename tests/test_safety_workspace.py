"""Box, keep-out boxes and orientation cone: what is allowed, and the nearest pose that is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from maxent_robot.config import config_from_mapping
from maxent_robot.control import rotations
from maxent_robot.control.pose import Pose
from maxent_robot.errors import ConfigError
from maxent_robot.safety.faults import Fault
from maxent_robot.safety.limits import WorkspaceLimits
from maxent_robot.safety.workspace import Workspace

DOWN = np.array([1.0, 0.0, 0.0, 0.0])
LIMITS: dict[str, Any] = {
    "minimum": [0.0, 0.0, 0.0],
    "maximum": [1.0, 1.0, 1.0],
    "tolerance_m": 0.02,
    "keep_out": {
        "fixture": {"minimum": [0.3, 0.3, 0.0], "maximum": [0.5, 0.5, 0.4]},
        "post": {"minimum": [0.45, 0.45, 0.2], "maximum": [0.6, 0.7, 0.9]},
    },
    "orientation": {"tilt_rad": 0.5, "turn_rad": 1.0, "tolerance_rad": 0.1},
}
points = st.tuples(*[st.floats(-0.2, 1.2)] * 3).map(np.array)
vectors = st.tuples(*[st.floats(-2.0, 2.0)] * 3).map(np.array)


def workspace(**changes: object) -> Workspace:
    return Workspace(config_from_mapping({**LIMITS, **changes}, WorkspaceLimits))


def pose(position: object, quaternion: np.ndarray = DOWN) -> Pose:
    return Pose.of(position, quaternion)  # type: ignore[arg-type]


def inside(position: np.ndarray, slack: float = 1e-12) -> list[str]:
    """Names of the keep-out boxes that a position is inside of."""
    return [
        name
        for name, box in LIMITS["keep_out"].items()
        if (position > np.array(box["minimum"]) + slack).all() and (position < np.array(box["maximum"]) - slack).all()
    ]


def leaning(tilt: float, turn: float, about: float = 0.3) -> np.ndarray:
    """An orientation tilted about a horizontal axis and turned about its own z."""
    axis = np.array([math.cos(about), math.sin(about), 0.0])
    local = rotations.multiply(rotations.from_rotvec(tilt * axis), rotations.from_rotvec([0.0, 0.0, turn]))
    return rotations.multiply(DOWN, local)


@pytest.mark.parametrize("side", [-1.0, 1.0])
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize(
    ("before_m", "wanted_m", "reached_m"),
    [(0.15, 0.05, 0.1), (0.15, 0.12, 0.12), (0.1, 0.05, 0.1), (0.08, 0.02, 0.08), (0.08, 0.09, 0.09)],
)
def test_a_target_comes_no_farther_than_a_face_and_no_deeper_below_it(
    axis: int, side: float, before_m: float, wanted_m: float, reached_m: float
) -> None:
    cube = workspace(keep_out={"cube": {"minimum": [0.4] * 3, "maximum": [0.6] * 3}})
    before, wanted, reached = (np.array([0.5, 0.51, 0.49]) for _ in range(3))
    before[axis] = 0.5 + side * before_m
    wanted[axis], reached[axis] = 0.5 + side * wanted_m, 0.5 + side * reached_m
    for moved in (wanted, reached):
        moved[(axis + 1) % 3] += 0.01
    np.testing.assert_allclose(cube.nearest(pose(before), pose(wanted)).position, reached, atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_a_position_that_is_no_number_is_outside(axis: int) -> None:
    position = np.full(3, 0.9)
    assert workspace(keep_out={}).violation(Pose(position, DOWN), "target") is None
    position[axis] = math.nan
    violation = workspace(keep_out={}).violation(Pose(position, DOWN), "target")
    assert violation is not None
    assert str(violation).startswith(f"WORKSPACE: {'xyz'[axis]} of the target is nan")


def test_what_is_outside_is_named_with_its_limit() -> None:
    space = workspace()
    assert space.violation(pose([0.1, 0.1, 0.1]), "target") is None
    assert space.violation(pose([1.0, 0.0, 0.5]), "target") is None
    found = space.violation(pose([0.1, 1.1, 0.1]), "target")
    assert str(found) == "WORKSPACE: y of the target is 1.1 m, allowed is 0 to 1 m"
    found = space.violation(pose([0.4, 0.4, 0.35]), "target")
    assert str(found) == "WORKSPACE: depth of the target in keep_out.fixture is 0.05 m, allowed is 0 m"
    found = space.violation(pose([0.1, 0.1, 0.1], leaning(0.6, 0.2)), "target")
    assert str(found) == "WORKSPACE: tilt of the target is 0.6 rad, allowed is 0.5 rad"
    found = space.violation(pose([0.1, 0.1, 0.1], leaning(0.4, -1.2)), "target")
    assert str(found) == "WORKSPACE: turn of the target is 1.2 rad, allowed is 1 rad"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_number_passes_that_is_not_finite(bad: float) -> None:
    found = workspace().violation(Pose(np.full(3, bad), DOWN), "x")
    assert found is not None
    assert found.fault is Fault.WORKSPACE


def test_a_measured_pose_has_a_tolerance() -> None:
    space = workspace()
    for near in (pose([1.01, 0.0, 0.5]), pose([0.4, 0.4, 0.39]), pose([0.1, 0.1, 0.1], leaning(0.55, 1.05))):
        assert space.violation(near, "measured TCP") is not None
        assert space.violation(near, "measured TCP", tolerant=True) is None
    for far in (pose([1.03, 0.0, 0.5]), pose([0.4, 0.4, 0.35]), pose([0.1, 0.1, 0.1], leaning(0.65, 0.0))):
        assert space.violation(far, "measured TCP", tolerant=True) is not None


@given(points, points)
def test_the_nearest_pose_is_allowed_and_the_way_to_it_is_free(before: np.ndarray, wanted: np.ndarray) -> None:
    before = np.clip(before, 0.0, 1.0)
    assume(not inside(before, -1e-9))
    space = workspace()
    found = space.nearest(pose(before), pose(wanted)).position
    assert ((found >= 0.0) & (found <= 1.0)).all()
    for share in np.linspace(0.0, 1.0, 101):
        assert not inside(before + share * (found - before), 1e-8)
    clipped = np.clip(wanted, 0.0, 1.0)
    if not any(inside(before + share * (clipped - before), -1e-6) for share in np.linspace(0.0, 1.0, 501)):
        assert np.linalg.norm(found - clipped) <= 0.02, "a free way is not changed, but where it grazes an edge"


def test_a_free_way_is_not_changed() -> None:
    space, draws = workspace(), np.random.default_rng(4)
    free = 0
    for before, wanted in draws.uniform(0.0, 1.0, (1000, 2, 3)):
        if not any(inside(before + share * (wanted - before), -1e-6) for share in np.linspace(0.0, 1.0, 101)):
            free += 1
            found = space.nearest(pose(before), pose(wanted)).position
            assert np.linalg.norm(found - wanted) <= 0.02, "but where it grazes an edge"
    assert free > 500


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([0.7, 0.4, 0.2], [0.9, 0.4, 0.2]),  # away from the fixture
        ([0.1, 0.4, 0.2], [0.29, 0.4, 0.2]),  # towards it
        ([0.1, 0.2, 0.2], [0.9, 0.2, 0.2]),  # past it
        ([0.1, 0.3, 0.2], [0.9, 0.3, 0.2]),  # along its face
        ([0.2, 0.4, 0.2], [0.2, 0.4, 0.2]),  # beside it
    ],
)
def test_a_box_matters_only_where_the_way_meets_it(before: list[float], wanted: list[float]) -> None:
    there = pose(wanted)
    fixture = {"fixture": LIMITS["keep_out"]["fixture"]}
    assert workspace(keep_out=fixture).nearest(pose(before), there) is there


@pytest.mark.parametrize(
    ("before", "wanted", "reached"),
    [
        ([0.1, 0.29, 0.2], [0.35, 0.34, 0.2], [0.35, 0.3, 0.2]),
        ([0.29, 0.1, 0.2], [0.34, 0.37, 0.2], [0.3, 0.37, 0.2]),
        ([0.1, 0.29, 0.2], [0.31, 0.37, 0.2], [0.3, 0.37, 0.2]),
    ],
)
def test_of_two_faces_it_comes_back_to_the_one_that_asks_for_less(
    before: list[float], wanted: list[float], reached: list[float]
) -> None:
    fixture = {"fixture": LIMITS["keep_out"]["fixture"]}
    found = workspace(keep_out=fixture).nearest(pose(before), pose(wanted)).position
    np.testing.assert_allclose(found, reached)


def test_a_correction_that_leads_into_another_box_is_corrected_again() -> None:
    stairs = {
        "first": {"minimum": [0.0, 0.0, 0.5], "maximum": [1.0, 1.0, 0.9]},
        "second": {"minimum": [0.6, 0.0, 0.3], "maximum": [1.0, 1.0, 0.55]},
        "third": {"minimum": [0.55, 0.6, 0.0], "maximum": [0.65, 1.0, 1.0]},
    }
    found = workspace(keep_out=stairs).nearest(pose([0.5, 0.5, 0.2]), pose([0.61, 0.61, 0.7])).position
    np.testing.assert_allclose(found, [0.6, 0.6, 0.5])


@pytest.mark.parametrize(("low", "high", "before"), [(-0.05, 0.1, -0.1), (0.9, 1.05, 1.1)])
def test_where_the_boxes_leave_no_way_it_stays(low: float, high: float, before: float) -> None:
    gate = {"gate": {"minimum": [low, 0.0, 0.0], "maximum": [high, 1.0, 1.0]}}
    outside = pose([before, 0.5, 0.5])
    found = workspace(keep_out=gate).nearest(outside, pose([0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(found.position, outside.position)


@pytest.mark.parametrize("outside", [-0.1, 1.1])
@pytest.mark.parametrize("axis", range(3))
def test_box_and_orientations_reach_to_an_arm_that_is_outside(axis: int, outside: float) -> None:
    position = np.full(3, 0.9)
    position[axis] = outside
    at = pose(position, leaning(0.6, 1.2))
    space = workspace()
    assert space.nearest(at, at, at) is at
    beyond = position.copy()
    beyond[axis] += math.copysign(0.05, outside)
    found = space.nearest(at, pose(beyond, leaning(0.7, 1.3)), at)
    np.testing.assert_allclose(found.position, position)
    assert np.linalg.norm(rotations.difference(found.quaternion, at.quaternion)) < 1e-9
    clipped = space.nearest(at, at).position
    np.testing.assert_allclose(clipped, np.clip(position, 0.0, 1.0))


def test_an_allowed_pose_is_given_back_as_it_is() -> None:
    wanted = pose([0.2, 0.2, 0.2], leaning(0.3, 0.9))
    assert workspace().nearest(pose([0.1, 0.1, 0.1]), wanted) is wanted


def test_it_slides_along_a_face_and_does_not_pass_through_a_thin_wall() -> None:
    wall = {"wall": {"minimum": [0.5, 0.0, 0.0], "maximum": [0.501, 1.0, 1.0]}}
    space = workspace(keep_out=wall)
    found = space.nearest(pose([0.49, 0.5, 0.5]), pose([0.52, 0.51, 0.5])).position
    np.testing.assert_allclose(found, [0.5, 0.51, 0.5])


def test_from_inside_a_keep_out_box_every_way_but_deeper_is_open() -> None:
    space = workspace()
    before = pose([0.31, 0.4, 0.2])
    np.testing.assert_allclose(space.nearest(before, pose([0.33, 0.42, 0.2])).position, [0.31, 0.42, 0.2])
    np.testing.assert_allclose(space.nearest(before, pose([0.25, 0.4, 0.2])).position, [0.25, 0.4, 0.2])


@given(vectors)
def test_the_nearest_orientation_is_on_the_cone_and_its_parts_keep_their_direction(vector: np.ndarray) -> None:
    space = workspace()
    wanted = pose([0.1, 0.1, 0.1], rotations.multiply(DOWN, rotations.from_rotvec(vector)))
    found = space.nearest(wanted, wanted)
    assert space.violation(found, "target") is None
    z, lean = rotations.rotate(DOWN, [0.0, 0.0, 1.0]), rotations.rotate(found.quaternion, [0.0, 0.0, 1.0])
    assert np.arccos(np.clip(z @ lean, -1.0, 1.0)) <= 0.5 + 1e-6
    asked = rotations.rotate(wanted.quaternion, [0.0, 0.0, 1.0])
    assert abs(np.cross(z, asked) @ lean) <= 1e-6, "it leans the way that was asked for"


def test_an_orientation_that_is_no_number_is_not_allowed() -> None:
    found = workspace().violation(Pose(np.full(3, 0.1), np.full(4, math.nan)), "target")
    assert str(found) == "WORKSPACE: tilt of the target is nan rad, allowed is 0.5 rad"


def test_upside_down_there_is_a_nearest_orientation_too() -> None:
    upside_down = pose([0.1, 0.1, 0.1], rotations.IDENTITY)
    found = workspace().nearest(upside_down, upside_down)
    assert np.linalg.norm(rotations.difference(found.quaternion, DOWN)) == pytest.approx(0.5)


def test_an_arm_within_the_orientations_leaves_all_of_them_open() -> None:
    at, wanted = pose([0.1, 0.1, 0.1], leaning(0.1, 0.2)), pose([0.1, 0.1, 0.1], leaning(0.4, 0.9))
    assert workspace().nearest(at, wanted, at) is wanted


def test_tilt_and_turn_are_cut_apart_from_each_other() -> None:
    space = workspace()
    found = space.nearest(pose([0.1, 0.1, 0.1]), pose([0.1, 0.1, 0.1], leaning(0.9, 0.7))).quaternion
    assert np.linalg.norm(rotations.difference(found, leaning(0.5, 0.7))) < 1e-9
    found = space.nearest(pose([0.1, 0.1, 0.1]), pose([0.1, 0.1, 0.1], leaning(0.2, -2.0))).quaternion
    assert np.linalg.norm(rotations.difference(found, leaning(0.2, -1.0))) < 1e-9


@pytest.mark.parametrize(
    ("limits", "kept"),
    [({"tilt_rad": 0.5}, leaning(0.5, 3.0)), ({"turn_rad": 1.0}, leaning(3.0, 1.0)), ({}, leaning(3.0, 3.0))],
)
def test_tilt_or_turn_alone_may_be_free(limits: dict[str, float], kept: np.ndarray) -> None:
    space = workspace(orientation=limits)
    wanted = pose([0.1, 0.1, 0.1], leaning(3.0, 3.0))
    assert (space.violation(wanted, "target") is None) is (not limits)
    assert np.linalg.norm(rotations.difference(space.nearest(wanted, wanted).quaternion, kept)) < 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minimum": [2.0, 0.0, 0.0]}, r"x of minimum is 2\.0 m, must be below maximum"),
        ({"keep_out": {"a": {"minimum": [0, 0, 0], "maximum": [1, 1, 0]}}}, r"keep_out\.a: z of minimum is 0\.0 m"),
        ({"orientation": {"reference": [1.0, 1.0, 0.0, 0.0]}}, r"orientation: reference has norm 1\.414, must be 1"),
    ],
)
def test_limits_that_contradict_themselves_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        workspace(**changes)
