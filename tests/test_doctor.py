"""The doctor finds what is wrong with an arm before it moves, and finds nothing wrong with a sound one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maxent_robot.bringup.doctor import BAD, GOOD, WARNING, Findings, Heard, check_all
from maxent_robot.cli.main import main
from maxent_robot.control.robot import load_robot
from maxent_robot.safety.wrench import tool_weight

ROOT = Path(__file__).resolve().parents[1]
ROBOT = load_robot("sim")
HOME = np.array(ROBOT.home)
N = 800
NAMES = tuple(reversed(ROBOT.joint_names))


def stream(rows: NDArray[np.float64], rate_hz: float = 200.0, age_s: float = 0.002, **changes: object) -> Heard:
    stamp = 1000.0 + np.arange(len(rows)) / rate_hz
    heard = Heard(("driver",), (), True, stamp + age_s, stamp, rows, (), "")
    return replace(heard, **changes)  # type: ignore[arg-type]


def wrench_rows(mass: float = ROBOT.tool.mass, bias: float = 0.0) -> NDArray[np.float64]:
    ft = ROBOT.chain().forward(HOME) @ ROBOT.T_ft_tcp().inverse()
    weight = tool_weight(mass, np.array(ROBOT.tool.center_of_mass), ft.quaternion)
    return weight + bias + np.random.default_rng(0).normal(0.0, 0.5, (N, 6))


def sound() -> Findings:
    pose = np.array([[0.5, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0]])
    return Findings(
        joint_states=stream(np.tile(HOME[::-1], (N, 1)), names=NAMES),
        wrench=stream(wrench_rows(), frame=ROBOT.ft_frame),
        command=Heard((), ("sim_arm",)),
        socket=stream(pose, frame=ROBOT.base_frame),
    )


def verdicts(findings: Findings) -> dict[str, str]:
    return {check.name: check.verdict for check in check_all(ROBOT, findings)}


def test_a_sound_arm_has_nothing_wrong() -> None:
    found = check_all(ROBOT, sound())
    assert [check.name for check in found if check.verdict != GOOD] == []
    assert not any(check.advice for check in found)


def test_a_graph_that_runs_may_command() -> None:
    findings = replace(sound(), command=Heard(("standby", "supervisor"), ("sim_arm",)))
    assert set(verdicts(findings).values()) == {GOOD}


JOINTS, WRENCH = sound().joint_states, sound().wrench
MOVING = JOINTS.rows + np.linspace(0.0, 0.2, N)[:, None]
BEYOND = np.tile(np.where(np.arange(7) == 6, 2.95, HOME[::-1]), (N, 1))
DRIFTING = WRENCH.rows + np.linspace(0.0, 8.0, N)[:, None]


@pytest.mark.parametrize(
    ("part", "heard", "check", "verdict", "said"),
    [
        ("joint_states", Heard(), "joint states", BAD, "nobody publishes joint_states"),
        ("joint_states", replace(JOINTS, publishers=("a", "b")), "joint states", BAD, "has publishers a, b"),
        ("joint_states", replace(Heard(), publishers=("a",)), "joint states", BAD, "no message came"),
        ("joint_states", stream(JOINTS.rows, 30.0, names=NAMES), "joint states", BAD, "at 30 Hz"),
        (
            "joint_states",
            stream(JOINTS.rows, age_s=-0.2, names=NAMES),
            "joint states: clock",
            BAD,
            "200.0 ms in the future",
        ),
        ("joint_states", stream(JOINTS.rows, age_s=0.2, names=NAMES), "joint states: clock", BAD, "200.0 ms old"),
        ("joint_states", replace(JOINTS, stamp_s=JOINTS.stamp_s[::-1].copy()), "joint states: clock", BAD, "future"),
        ("joint_states", replace(JOINTS, names=("x", *NAMES[1:])), "joints", BAD, f"no joint {NAMES[0]}"),
        ("joint_states", replace(JOINTS, rows=np.zeros((N, 0))), "joints", BAD, "7 names and 0 positions"),
        ("joint_states", replace(JOINTS, rows=BEYOND), "joints", BAD, "beyond its limit"),
        ("joint_states", replace(JOINTS, rows=np.full((N, 7), np.nan)), "joints", BAD, "not finite"),
        ("joint_states", replace(JOINTS, rows=MOVING), "standstill", WARNING, "a joint moves at 0.05"),
        ("wrench", Heard(), "wrench", BAD, "nobody publishes wrench"),
        ("wrench", replace(WRENCH, frame="flange"), "wrench frame", WARNING, "frame_id is 'flange'"),
        ("wrench", replace(WRENCH, rows=np.full((N, 6), np.inf)), "wrench values", BAD, "not finite"),
        ("wrench", replace(WRENCH, rows=20.0 * WRENCH.rows), "wrench noise", WARNING, "noise"),
        ("wrench", replace(WRENCH, rows=DRIFTING), "wrench noise", WARNING, "drift 4.0"),
        ("wrench", replace(WRENCH, rows=wrench_rows(1.6)), "payload", WARNING, "weighs 1.60 kg"),
        ("wrench", replace(WRENCH, rows=-wrench_rows()), "payload", BAD, "pull upwards"),
        ("command", Heard(), "command", BAD, "nobody listens to target_pose"),
        ("command", Heard(("teleop",), ("sim_arm",)), "command", BAD, "teleop publishes target_pose"),
        ("command", Heard((), ("other",)), "command", BAD, "described is 'sim_arm'"),
        ("command", Heard((), ("other", "sim_arm")), "command", WARNING, "other, sim_arm listen"),
        ("socket", Heard(), "socket", BAD, "no socket_pose"),
        ("socket", replace(sound().socket, frame="map"), "socket", BAD, "frame_id is 'map'"),
        ("socket", replace(sound().socket, rows=np.ones((1, 7))), "socket", BAD, "norm 2.0000"),
    ],
)
def test_each_thing_that_is_wrong_is_found_and_comes_with_advice(
    part: str, heard: Heard, check: str, verdict: str, said: str
) -> None:
    changed: dict[str, Any] = {part: heard}
    found = check_all(ROBOT, replace(sound(), **changed))
    (wrong,) = [one for one in found if one.name == check and one.verdict != GOOD]
    assert wrong.verdict == verdict
    assert said in wrong.said
    assert wrong.advice


def test_a_sensor_that_is_said_to_carry_nothing_is_weighed_too() -> None:
    robot = replace(ROBOT, tool=replace(ROBOT.tool, mass=0.0))
    for mass, verdict in ((0.0, GOOD), (0.1, GOOD), (2.0, WARNING), (-2.0, BAD)):
        findings = replace(sound(), wrench=replace(WRENCH, rows=wrench_rows(mass)))
        (payload,) = [check for check in check_all(robot, findings) if check.name == "payload"]
        assert payload.verdict == verdict
        assert mass <= 0.0 or f"weighs {mass:.2f} kg" in payload.said


def test_errors_of_the_hardware_are_told_from_others() -> None:
    robot = replace(ROBOT, hardware=("franka",))
    for errors, verdict in ((("franka_arm: reflex",), BAD), (("camera",), WARNING), ((), GOOD)):
        found = {check.name: check.verdict for check in check_all(robot, replace(sound(), errors=errors))}
        assert found["hardware"] == verdict


@pytest.mark.realtime
def test_with_nothing_there_everything_is_missing_and_nothing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rclpy")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    out = tmp_path / "checks.json"
    cell = tmp_path / "cell.yaml"
    cell.write_text((ROOT / "config" / "robots" / "fr3.yaml").read_text())
    words = ["doctor", "--robot", str(cell), "--domain-id", "88", "--listen", "0.5", "--json", str(out)]
    assert main(words) == 1
    checks = {check["name"]: check for check in json.loads(out.read_text())}
    for name in ("joint states", "wrench", "command", "socket"):
        assert checks[name]["verdict"] == BAD
    assert checks["skill"]["verdict"] == GOOD
    assert checks["limits"]["verdict"] == GOOD
    assert checks["network"]["said"].startswith("domain 88,")
    assert "start the arm's driver" in capsys.readouterr().out
    assert main(["doctor", "--listen", "0"]) == 2
    assert "--listen is 0, must be 0.5 to 60 s" in capsys.readouterr().err
