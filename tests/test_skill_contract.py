"""Observation and action: invariances that a skill relies on, and the bound that the leash gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxent_robot.control import ImpedanceSetting, Pose, rotations
from maxent_robot.errors import ContractError
from maxent_robot.safety.wrench import WrenchFilter, tool_weight, wrench_at_tcp
from maxent_robot.skill import (
    ACTION_MAXIMUM,
    FRAME_SIZE,
    HISTORY_AGES,
    OBSERVATION_FIELDS,
    OBSERVATION_SIZE,
    Leash,
    Measurement,
    ObservationHistory,
    action_to_twist,
    integrate_target,
    observation_frame,
    observation_scale,
)

LEASH = Leash.of(ImpedanceSetting())
twists = arrays(np.float64, 6, elements=st.floats(-1e6, 1e6))


def random_measurement(generator: np.random.Generator, n: int) -> Measurement:
    def pose(spread: float) -> Pose:
        return Pose.from_rotvec(generator.normal(size=(n, 3)) * spread, generator.normal(size=(n, 3)) * spread)

    tcp = pose(0.5)
    return Measurement(
        tcp=tcp,
        target=tcp @ pose(0.01),
        socket=tcp @ pose(0.02),
        wrench_tcp=generator.normal(size=(n, 6)) * 5,
        previous_action=generator.uniform(-1, 1, (n, 6)),
        allowed_force_n=generator.uniform(5, 20, n),
    )


def test_field_table_covers_the_frame() -> None:
    m = random_measurement(np.random.default_rng(0), 4)
    assert observation_frame(m).shape == (4, FRAME_SIZE)
    assert sum(field.size for field in OBSERVATION_FIELDS) == FRAME_SIZE
    assert observation_scale().shape == (OBSERVATION_SIZE,)


def test_observation_does_not_depend_on_where_the_cell_stands() -> None:
    m = random_measurement(np.random.default_rng(1), 6)
    moved = Pose.from_rotvec([1.0, -2.0, 0.3], [0.4, 0.2, -1.1])
    other = Measurement(
        moved @ m.tcp, moved @ m.target, moved @ m.socket, m.wrench_tcp, m.previous_action, m.allowed_force_n
    )
    assert observation_frame(other) == pytest.approx(observation_frame(m), abs=1e-9)


def test_aligned_and_seated_reads_zero_and_the_force_points_out_of_the_socket() -> None:
    socket = Pose.from_rotvec([0.4, 0.1, 0.2], [np.pi, 0.0, 0.0])
    seated = socket @ Pose.of([0.0, 0.0, 0.019])
    m = Measurement(seated, seated, socket, np.array([0, 0, -8.0, 0, 0, 0]), np.zeros(6), np.array(15.0))
    frame = observation_frame(m)
    assert frame[:6] == pytest.approx([0, 0, 0.019, 0, 0, 0], abs=1e-12)
    assert frame[6:9] == pytest.approx([0, 0, -8.0])


@pytest.mark.parametrize("name", ["wrench_tcp", "previous_action"])
def test_nonfinite_measurement_names_the_field(name: str) -> None:
    m = random_measurement(np.random.default_rng(2), 1)
    values = {field: getattr(m, field) for field in m.__dataclass_fields__}
    values[name] = np.full((1, 6), np.nan)
    with pytest.raises(ContractError, match="force" if name == "wrench_tcp" else name):
        observation_frame(Measurement(**values))


def test_history_fills_with_the_first_frame_and_keeps_the_ages_it_names() -> None:
    history, frames = ObservationHistory(), len(HISTORY_AGES)
    assert history.push(np.full(FRAME_SIZE, 1.0)).reshape(frames, -1)[:, 0].tolist() == [1] * frames
    for value in range(2, 31):
        stacked = history.push(np.full(FRAME_SIZE, float(value)))
    assert stacked.reshape(frames, -1)[:, 0].tolist() == [30 - age for age in HISTORY_AGES]
    history.reset()
    assert history.push(np.full(FRAME_SIZE, 7.0)).reshape(frames, -1)[:, 0].tolist() == [7] * frames


def test_history_of_a_batch_restarts_only_the_rows_named() -> None:
    history = ObservationHistory(2)
    history.push(np.zeros((2, FRAME_SIZE)))
    history.push(np.ones((2, FRAME_SIZE)))
    rows = np.array([1])
    history.reset(rows)
    history.push(np.full((1, FRAME_SIZE), 5.0), rows)
    stacked = history.push(np.full((2, FRAME_SIZE), 6.0)).reshape(2, len(HISTORY_AGES), -1)[:, -3:, 0]
    assert stacked.tolist() == [[0, 1, 6], [5, 5, 6]]


@given(twists, twists)
@settings(deadline=None)
def test_no_twist_takes_the_target_off_its_leash(first: np.ndarray, second: np.ndarray) -> None:
    measured = Pose.from_rotvec([0.4, 0.0, 0.3], [3.0, 0.1, 0.0])
    target = measured
    for twist in (first, second):
        target = integrate_target(target, twist, measured, 0.05, LEASH)
        turn = rotations.difference(target.quaternion, measured.quaternion)
        assert np.all(np.abs(target.position - measured.position) <= LEASH.translation_m + 1e-12)
        assert np.all(np.abs(turn) <= LEASH.rotation_rad + 1e-9)
        assert np.linalg.norm(target.quaternion) == pytest.approx(1.0)


def test_inside_the_leash_the_target_moves_by_the_twist() -> None:
    start = Pose.of([0.4, 0.0, 0.3], [1.0, 0.0, 0.0, 0.0])
    end = integrate_target(start, [0.01, 0, -0.02, 0, 0, 0.1], start, 0.1, LEASH)
    assert end.position - start.position == pytest.approx([0.001, 0, -0.002])
    assert rotations.difference(end.quaternion, start.quaternion) == pytest.approx([0, 0, 0.01])


def test_action_is_a_share_of_the_maximum_in_socket_axes() -> None:
    socket = Pose.of([0, 0, 0], [1.0, 0.0, 0.0, 0.0])  # z down
    twist = action_to_twist([0, 0, 2.0, 0, 0, 0.5], socket)
    assert twist == pytest.approx([0, 0, -ACTION_MAXIMUM[2], 0, 0, -0.5 * ACTION_MAXIMUM[5]])
    assert action_to_twist([0, 0, -2.0, 0, 0, 0], socket)[2] == pytest.approx(ACTION_MAXIMUM[2])


def test_wrench_moves_to_the_tcp_with_its_lever() -> None:
    T_ft_tcp = Pose.of([0, 0, 0.2])
    assert wrench_at_tcp([3.0, 0, 0, 0, 0, 0], T_ft_tcp) == pytest.approx([3.0, 0, 0, 0, -0.6, 0])
    pure_contact = np.array([3.0, 0, 0, 0, 0.6, 0])  # of a force at the TCP
    assert wrench_at_tcp(pure_contact, T_ft_tcp)[3:] == pytest.approx([0, 0, 0])


def test_filter_removes_weight_and_bias_at_any_orientation_and_averages_its_window() -> None:
    sensor = WrenchFilter(0.8, [0.0, 0.01, 0.05])
    np.testing.assert_array_equal(sensor.contact([0.0, 0.0, 0.0, 1.0]), np.zeros(6))
    bias = np.array([1.0, -2.0, 0.5, 0.02, 0.0, -0.01])
    down, tilted = np.array([1.0, 0, 0, 0]), rotations.normalize([0.9, 0.2, 0.1, 0.3])
    sensor.tare([tool_weight(0.8, [0.0, 0.01, 0.05], down) + bias], down)
    contact = np.array([0.0, 4.0, -7.0, 0.1, 0.2, 0.3])
    raw = tool_weight(0.8, [0.0, 0.01, 0.05], tilted) + bias + contact
    for k in range(20):
        sensor.add(0.001 * k, raw + (k % 2 - 0.5))
    assert sensor.contact(tilted) == pytest.approx(contact, abs=1e-9)
    sensor.add(0.019, raw + 1000.0)  # an old stamp
    assert sensor.contact(tilted) == pytest.approx(contact, abs=1e-9)
