"""The attacks on the running graph: the observer's judgement, and a small campaign over DDS."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import faults
from attack.graph_attacks import ATTACKS
from attack.truth import Bounds, TrueMotion, Truth, load_truth

from maxent_robot.control.robot import load_robot
from maxent_robot.safety.faults import Fault

pytestmark = pytest.mark.realtime

ROBOT = load_robot("sim")
HOME = np.array(ROBOT.home)
BOUNDS = Bounds(
    position_min=ROBOT.joint_values("position_min"),
    position_max=ROBOT.joint_values("position_max"),
    velocity_max=ROBOT.joint_values("velocity_max"),
    tcp_speed_m_s=0.6,
    contact_n=30.0,
    box_min=np.array([0.3, -0.3, 0.0]),
    box_max=np.array([0.7, 0.3, 0.7]),
    box_tolerance_m=0.02,
    step_m=0.03,
)


def truth(n: int = 200) -> Truth:
    """An arm that rests at home for a second, seen at 200 Hz."""
    time_s = 100.0 + 0.005 * np.arange(n, dtype=np.float64)
    tcp = np.tile([0.5, 0.0, 0.3], (n, 1))
    motion = TrueMotion(time_s, np.tile(HOME, (n, 1)), np.zeros((n, 7)), tcp, np.zeros(n))
    target = np.hstack([tcp, np.tile([1.0, 0.0, 0.0, 0.0], (n, 1))])
    return Truth(BOUNDS, motion, time_s, np.zeros(n), time_s, target, [], [], time_s[::10])


def test_what_keeps_every_bound_is_no_violation() -> None:
    assert truth().violations() == []


@pytest.mark.parametrize(
    ("name", "row", "value", "named"),
    [
        ("joint_positions", 3, HOME + [0, 0, 0, 3.0, 0, 0, 0], "joint beyond its position limit"),
        ("joint_positions", 3, HOME * np.nan, "joint beyond its position limit"),
        ("joint_velocities", 3, np.full(7, -3.1), "joint faster than its limit"),
        ("tcp_speed_m_s", 3, 0.61, "TCP faster than allowed"),
        ("tcp", 3, [0.5, 0.33, 0.3], "TCP outside of the workspace"),
        ("contact_n", 3, 30.1, "contact above the ceiling"),
        ("target", 3, [np.nan, 0, 0, 1, 0, 0, 0], "target that is no number"),
        ("target", 3, [0.5, 0.0, 0.3, 1, 0.1, 0, 0], "target that is no rotation"),
        ("target", 3, [0.5, 0.301, 0.3, 1, 0, 0, 0], "target outside of the workspace, farther than the arm"),
        ("target", 3, [0.5, 0.04, 0.3, 1, 0, 0, 0], "step of the target too long"),
    ],
)
def test_the_observer_sees_each_kind_of_violation(name: str, row: int, value: object, named: str) -> None:
    seen = truth()
    place = seen.motion if hasattr(seen.motion, name) else seen
    getattr(place, name)[row] = value
    assert any(named in violation for violation in seen.violations()), seen.violations()


def test_a_target_may_be_where_an_arm_is_that_has_overshot_a_wall_but_no_farther() -> None:
    seen = truth()
    seen.motion.tcp[50, 1] = 0.302
    seen.target[55, 1] = 0.302
    seen.target[54, 1] = seen.target[56, 1] = 0.29
    assert not any("outside" in violation for violation in seen.violations())
    seen.target[55, 1] = 0.303
    assert any("target outside" in violation for violation in seen.violations())


def test_a_target_in_a_keep_out_box_is_seen() -> None:
    seen = dataclasses.replace(truth(), bounds=dataclasses.replace(BOUNDS, keep_out=((np.full(3, -1.0), np.ones(3)),)))
    assert seen.violations() == [], "the arm itself is as deep"
    seen.motion.tcp[:] += 2.0
    assert any("target in keep-out box 0" in violation for violation in seen.violations())


def test_a_new_stream_of_commands_may_begin_anywhere() -> None:
    seen = truth()
    seen.target_s[100:] += 1.0
    seen.target[100:, 1] = 0.2
    assert seen.violations() == []


def test_rest_is_the_last_motion_and_never_where_it_still_moves() -> None:
    seen = truth()
    seen.motion.tcp_speed_m_s[40:60] = 0.05
    assert seen.motion.rest_s(100.0, 101.0) == pytest.approx(59 * 0.005)
    assert seen.motion.rest_s(100.3, 101.0) == 0.0
    seen.motion.joint_velocities[70, 2] = 0.06
    assert seen.motion.rest_s(100.0, 101.0) == pytest.approx(70 * 0.005)
    assert seen.motion.tcp_rest_s(100.0, 101.0) == pytest.approx(59 * 0.005)
    seen.motion.joint_velocities[-1, 2] = 0.2
    assert seen.motion.rest_s(100.0, 101.0) is None
    seen.target[:30, 0] = 0.5 + 1e-4 * np.arange(30)
    seen.target[30:, 0] = seen.target[29, 0]
    assert seen.target_rest_s(100.0, 101.0) == pytest.approx(29 * 0.005)
    assert seen.target_rest_s(101.0, 102.0) == 0.0


def test_a_silence_begins_with_the_last_twist_before_it() -> None:
    seen = truth()
    assert seen.silent_s(100.3, 100.9) is None
    heard = np.delete(seen.twist_s, [9, 10, 11, 12])
    seen = dataclasses.replace(seen, twist_s=heard)
    seen.target[: 85 + 1, 0] = 0.5 + 1e-4 * np.arange(86)
    seen.target[86:, 0] = seen.target[85, 0]
    assert seen.silent_s(100.42, 100.9) == pytest.approx(85 * 0.005 - 0.4)


def test_a_fault_is_detected_by_its_own_name_after_the_attack() -> None:
    seen = dataclasses.replace(truth(), faults=[(99.0, "FORCE"), (100.2, "TORQUE"), (100.4, "FORCE"), (100.5, "NONE")])
    assert seen.detected_s(100.0, 101.0, "FORCE") == pytest.approx(0.4)
    assert seen.detected_s(100.0, 101.0, "WORKSPACE") is None
    assert seen.detected_s(100.0, 100.3, "FORCE") is None
    assert seen.faults_between(100.0, 101.0) == ["TORQUE", "FORCE"]


def test_the_kinematics_of_the_observer_agree_with_those_of_the_stack(tmp_path: Path) -> None:
    q = HOME + 0.1 * np.arange(7)
    rows = np.array([[100.0 + k, 5.0 + k, *q, *np.zeros(7)] for k in range(3)])
    empty = np.zeros(0)
    np.savez(
        tmp_path / "t.npz", joints=rows, contact=np.zeros((0, 4)), target=np.zeros((0, 8)), state=empty.astype(str),
        state_s=empty, fault=empty.astype(str), fault_s=empty, twist=empty,
    )  # fmt: skip
    seen = load_truth(tmp_path / "t.npz", BOUNDS)
    np.testing.assert_allclose(seen.motion.tcp[0], ROBOT.chain().forward(q).position, atol=1e-9)


def test_every_fault_is_attacked() -> None:
    assert {attack.fault for attack in ATTACKS} - {""} == {fault.value for fault in Fault}
    assert len({attack.label for attack in ATTACKS}) == len(ATTACKS)


def test_a_campaign_keeps_what_the_observer_saw_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert faults.attack_graph(1, "policy killed", tmp_path) == 0
    records = json.loads((tmp_path / faults.GRAPH_FILE).read_text(encoding="utf-8"))["records"]
    assert [record["attack"] for record in records] == ["HEARTBEAT_LOST (policy killed)"]
    record = records[0]
    assert record["state"] == "HOLD"
    assert record["detected_s"] is not None
    assert record["rest_s"] is not None
    assert record["peak_contact_n"] < 30.0
    faults.report_graph(tmp_path)
    page = (tmp_path / faults.GRAPH_REPORT).read_text(encoding="utf-8")
    assert "| HEARTBEAT_LOST (policy killed) | 1 | 1 of 1 |" in page
    capsys.readouterr()


def test_wild_messages_pass_no_bound_and_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert faults.fuzz_graph(150, 4, tmp_path) == 0
    figures = json.loads((tmp_path / faults.FUZZ_FILE).read_text(encoding="utf-8"))
    assert figures["messages"] >= 150
    assert figures["violations"] == []
    assert len(figures["by_kind"]) >= 7
    assert figures["faults"]
    capsys.readouterr()
