"""Hockey through the graph: what players are shown, how the score is kept, and a game from start to report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("mujoco")

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseArray, PoseStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_support import ROOT, RosGraph, private_domain_id, ros_graph, wait_until  # noqa: F401  the fixture
from sensor_msgs.msg import JointState
from skill_bundles import make_hockey_bundle
from std_srvs.srv import Trigger

from maxent_robot.control.pose import Pose
from maxent_robot.control.robot import load_robot
from maxent_robot.nodes.messages import diagnostic_values, pose_from_msg, pose_stamped, stamp_to_s
from maxent_robot.nodes.qos import LATCHED, RELIABLE, SENSOR
from maxent_robot.trials.game import RallyLog

pytestmark = pytest.mark.realtime

ROBOT = load_robot("sim_hockey")
STREAM = QoSProfile(depth=500, reliability=ReliabilityPolicy.BEST_EFFORT)


def test_each_player_is_shown_the_table_in_the_frame_of_its_arm(ros_graph: RosGraph) -> None:  # noqa: F811
    poses = {one: ros_graph.collect(PoseStamped, f"{one}/table_pose", LATCHED) for one in ("home", "away")}
    pictures = {one: ros_graph.collect(PoseArray, f"{one}/table_picture", STREAM) for one in ("home", "away")}
    truth = ros_graph.collect(Odometry, "hockey/puck", STREAM)
    ros_graph.bring_up("maxent_robot.nodes.hockey_table", "hockey_table", {"robot": "sim_hockey"})
    answer = ros_graph.call(Trigger, "hockey_table/serve_away")
    assert answer.success, answer.message
    wait_until(lambda: bool(truth) and truth[-1].pose.pose.position.x > 0.3, "the service")
    for seen in pictures.values():
        seen.clear()
    wait_until(lambda: all(len(seen) > 60 and poses[one] for one, seen in pictures.items()), "pictures")
    puck = np.array([truth[-1].pose.pose.position.x, truth[-1].pose.pose.position.y])
    for one, side in (("home", 1.0), ("away", -1.0)):
        (table,) = poses[one]
        assert table.header.frame_id == pictures[one][-1].header.frame_id == ROBOT.base_frame
        T_player_base = pose_from_msg(table.pose).inverse()
        places = np.array(
            [T_player_base.transform(pose_from_msg(picture.poses[0]).position) for picture in pictures[one][20:]]
        )
        np.testing.assert_allclose(np.median(places[:, :2], axis=0), side * puck, atol=1e-3)
        assert 1e-4 < np.std(places[:, 0]) < 3e-3, "the camera is not exact"
    ages = [stamp_to_s(message.header.stamp) for message in pictures["home"]]
    assert np.median(np.diff(ages)) == pytest.approx(0.02, abs=0.005)


def test_the_referee_counts_goals_and_has_the_puck_served_by_who_conceded(ros_graph: RosGraph) -> None:  # noqa: F811
    served: list[str] = []

    def serve(one: str, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        served.append(one)
        response.success = True
        return response

    for one in ("home", "away"):
        ros_graph.node.create_service(Trigger, f"hockey_table/serve_{one}", partial(serve, one))
    scores = ros_graph.collect(DiagnosticStatus, "hockey/score", LATCHED)
    publisher = ros_graph.node.create_publisher(Odometry, "hockey/puck", RELIABLE)
    ros_graph.bring_up("maxent_robot.nodes.hockey_referee", "hockey_referee", {"goals_to_win": 2})

    def show(x: float, until: str) -> None:
        """Publish a puck at x until the score's text is this one."""
        message = Odometry()
        message.pose.pose.position.x = x
        deadline = time.monotonic() + 15.0
        while scores[-1].message != until:
            publisher.publish(message)
            time.sleep(0.02)
            assert time.monotonic() < deadline, f"{scores[-1]} {ros_graph.output()}"

    def play_until_served(count: int) -> None:
        message = Odometry()
        deadline = time.monotonic() + 15.0
        while len(served) < count or diagnostic_values(scores[-1])["rallies"] != str(count):
            publisher.publish(message)
            time.sleep(0.02)
            assert time.monotonic() < deadline, f"{served} {ros_graph.output()}"

    assert ros_graph.call(Trigger, "hockey_referee/start").success
    play_until_served(1)
    show(1.03, "1:0")
    play_until_served(2)
    assert served[1] == "away"
    show(-1.03, "1:1")
    play_until_served(3)
    assert served[2] == "home"
    show(1.03, "2:1")
    assert diagnostic_values(scores[-1])["phase"] == "over"
    log = RallyLog()
    for score in scores:
        log.take(diagnostic_values(score), score.message)
    told = [(event.text, event.score) for event in log.events]
    assert told == [("goal of home", "1:0"), ("goal of away", "1:1"), ("goal of home", "2:1")]
    times = [event.time_s for event in log.events]
    assert times == sorted(times)
    assert times[-1] == float(diagnostic_values(scores[-1])["time_s"])


def test_a_policy_names_what_a_game_lacks_and_refuses_a_mode_of_insertions(
    ros_graph: RosGraph,  # noqa: F811
    tmp_path: Path,
) -> None:
    make_hockey_bundle(tmp_path)
    path = str(tmp_path / "random_player")
    refused = ros_graph.start(
        "maxent_robot.nodes.policy_node", "refused", {"robot": "sim_hockey", "skill": path, "mode": "retry"}
    )
    ros_graph.wait_for_state("refused", "unconfigured")
    assert not ros_graph.change_state("refused", "configure")
    assert "mode is 'retry', which is for insertions" in refused.output()
    telemetry = ros_graph.collect(DiagnosticStatus, "policy/telemetry", RELIABLE)
    parameters = {"robot": "sim_hockey", "skill": path, "mode": "sample", "seed": 3}
    ros_graph.bring_up("maxent_robot.nodes.policy_node", "policy", parameters)

    def said(text: str) -> None:
        wait_until(lambda: bool(telemetry) and text in telemetry[-1].message, text, tell=lambda: telemetry[-1:])

    node = ros_graph.node
    joints = node.create_publisher(JointState, "joint_states", SENSOR)
    target = node.create_publisher(PoseStamped, "commanded_pose", RELIABLE)
    table = node.create_publisher(PoseStamped, "table_pose", LATCHED)
    picture = node.create_publisher(PoseArray, "table_picture", SENSOR)
    tcp = ROBOT.chain().forward(np.array(ROBOT.home))
    state = JointState(name=list(ROBOT.joint_names), position=list(ROBOT.home), velocity=[0.0] * 7)
    shown = PoseArray()
    shown.header.frame_id = ROBOT.base_frame
    sends: list[Callable[[], None]] = []

    def send() -> None:
        for publish in sends:
            publish()

    node.create_timer(0.01, send)
    said("joint_states: nothing received yet")
    sends.append(lambda: joints.publish(state))
    said("commanded_pose: nothing received yet")
    sends.append(lambda: target.publish(pose_stamped(tcp, ROBOT.base_frame, node.get_clock().now().to_msg())))
    said("table_pose: nothing received yet")
    place = Pose.of([1.1, 0.0, 0.3], [0.0, 0.0, 0.0, 1.0])
    table.publish(pose_stamped(place, ROBOT.base_frame, node.get_clock().now().to_msg()))
    said("table_picture: nothing received yet")

    def show() -> None:
        shown.header.stamp = node.get_clock().now().to_msg()
        picture.publish(shown)

    sends.append(show)
    said("it has 0 poses, must be puck and opponent")
    shown.poses = [pose_stamped(place, "", node.get_clock().now().to_msg()).pose] * 2
    said("random_player")
    assert diagnostic_values(telemetry[-1])["mode"] == "sample"


def test_a_game_from_start_to_report(tmp_path: Path) -> None:
    make_hockey_bundle(tmp_path, "one", 1)
    make_hockey_bundle(tmp_path, "two", 2)
    words = ["demo", "hockey", "--home", "one", "--away", "two", "--time-limit", "10", "--output", "report"]
    words += ["--json", "figures.json", "--domain-id", str(private_domain_id())]
    done = subprocess.run(
        [sys.executable, "-m", "maxent_robot.cli.main", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=150,
    )
    log = tmp_path / "report" / "nodes.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text()[-3000:] if log.is_file() else "")
    assert "1 of 1 games played to their end" in done.stdout
    figures = json.loads((tmp_path / "figures.json").read_text())
    (game,) = figures["games"]
    assert game["stopped"] == ""
    assert game["rallies"] >= 1
    assert len(game["events"]) in (game["rallies"] - 1, game["rallies"])
    assert 9.9 < game["time_s"] < 11.0 or max(game["goals"]) == 5
    assert all(0.05 < game["top_speed_m_s"][one] < 3.0 for one in ("home", "away"))
    assert all(latency[0] > 0.0 for latency in game["latency_ms"].values())
    assert "home" in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--games", "0"], "--games is 0, must be at least 1"),
        (["--goals", "0"], "--goals is 0, must be 1 to 100"),
        (["--time-limit", "5"], "--time-limit is 5 s, must be 10 to 7200"),
        (["--home", "plug_insertion"], "--home: skill 'plug_insertion' inserts, must be one that plays hockey"),
        (["--away", "nobody"], "no skill 'nobody'"),
        (["--mode", "retry"], "--mode retry is for insertions; in hockey: mean, sample, tempered"),
        (["--trials", "3"], "--trials has no meaning for hockey"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from maxent_robot.cli.main import main

    make_hockey_bundle(tmp_path, "one")
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "hockey", "--home", "one", "--away", "one", *words]) == 2
    assert message in capsys.readouterr().err
