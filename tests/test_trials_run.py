"""Experiments through the real graph: they end, go on when they are killed, and are recorded trial by trial."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcap_ros2")
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rclpy.serialization import deserialize_message
from ros_support import ROOT, private_domain_id

from maxent_robot.cli.main import main
from maxent_robot.trials.definitions import message_class
from maxent_robot.trials.experiment_files import ExperimentFiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from trial_kills import Session, verdict

pytestmark = pytest.mark.realtime

PROTOCOL = """
name: two
places: {places}
after_fault: go_on
conditions:
  - {{name: retry, skill: plug_insertion, policy: {{mode: retry}}}}
  - {{name: mean, skill: plug_insertion, policy: {{mode: mean}}}}
"""


def write_protocol(directory: Path, places: int) -> Path:
    path = directory / "two.yaml"
    path.write_text(PROTOCOL.format(places=places))
    return path


def recorded(path: Path) -> dict[str, list[Any]]:
    """Decoded messages by topic."""
    found: dict[str, list[Any]] = {}
    with path.open("rb") as file:
        for _, channel, _, message in make_reader(file, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
            found.setdefault(channel.topic, []).append(message)
    return found


def is_as_published(recorded: Any, published: Any) -> bool:
    """Whether what a reader has made of a recorded message has, field by field, the values that were published."""
    if hasattr(published, "get_fields_and_field_types"):
        fields = published.get_fields_and_field_types()
        return all(is_as_published(getattr(recorded, name), getattr(published, name)) for name in fields)
    if isinstance(published, bytes) and isinstance(recorded, int):  # the ROS type byte
        return published == bytes([recorded])
    if isinstance(published, (str, bytes, bool, int, float)):
        return bool(recorded == published or (published != published and recorded != recorded))
    return len(recorded) == len(published) and all(map(is_as_published, recorded, published))


@contextlib.contextmanager
def eavesdropping(domain: int, directory: Path) -> Iterator[dict[str, tuple[str, dict[int, bytes]]]]:
    """What another process hears meanwhile (see `eavesdropper`), filled in at the end."""
    heard: dict[str, tuple[str, dict[int, bytes]]] = {}
    environment = {**os.environ, "ROS_DOMAIN_ID": str(domain), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("eavesdropper.py")), str(directory / "heard")],
        env={**environment, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield heard
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    heard.update(pickle.loads((directory / "heard").read_bytes()))


def compare(path: Path, heard: Mapping[str, tuple[str, Mapping[int, bytes]]]) -> dict[str, float]:
    """What share of the messages of a recording, by topic, was heard by both; those are equal to the last field."""
    both, all_of_them = Counter[str](), Counter[str]()
    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for _, channel, record, decoded in reader.iter_decoded_messages():
            all_of_them[channel.topic] += 1
            kind, messages = heard.get(channel.topic, ("", {}))
            if published := messages.get(record.publish_time):
                both[channel.topic] += 1
                assert is_as_published(decoded, deserialize_message(published, message_class(kind))), channel.topic
    return {topic: both[topic] / count for topic, count in all_of_them.items()}


def test_an_experiment_comes_to_its_end_and_every_trial_has_a_recording_of_its_own(tmp_path: Path) -> None:
    protocol, output = write_protocol(tmp_path, places=1), tmp_path / "experiment"
    domain = private_domain_id()
    with eavesdropping(domain, tmp_path) as heard:
        assert main(["trials", "run", str(protocol), "--output", str(output), "--domain-id", str(domain)]) == 0
    files = ExperimentFiles(output)
    assert verdict(output) == {
        "planned": 2,
        "lost": [],
        "doubled": [],
        "table_differs": False,
        "unreadable_recordings": [],
        "without_series": [],
        "interrupted_attempts": 0,
        "outcomes": {"success": 2},
        "notes": ["all trials are done"],
    }
    with files.open_ledger() as ledger:
        results = ledger.results
    assert results[1].seed == results[2].seed
    assert results[1].estimate_error_mm == pytest.approx(results[2].estimate_error_mm, abs=0.3)
    assert {results[1].mode, results[2].mode} == {"retry", "mean"}
    for number, result in results.items():
        messages = recorded(files.recording(number, 1))
        (context,) = [json.loads(message.data) for message in messages["/trials/context"]][-1:]
        assert context["plan"]["number"] == number
        assert context["parameters"]["policy"]["mode"] == result.mode
        assert "actor.onnx" in context["manifest"]
        assert len(messages["/candidate_twist"]) > 20
        assert {message.message for message in messages["/supervisor/state"]} >= {"ARMED", "RUNNING"}
        shares = compare(files.recording(number, 1), heard)
        assert {"/joint_states", "/wrench", "/candidate_twist", "/policy/observation", "/target_pose"} <= set(shares)
        assert min(shares.values()) > 0.9, shares
    assert (output / "report.html").is_file()
    # Run again, it has nothing to do, and says so.
    assert main(["trials", "run", "--output", str(output)]) == 0
    assert sum(verdict(output)["outcomes"].values()) == 2


def test_killed_nodes_and_a_killed_command_lose_and_double_nothing(tmp_path: Path) -> None:
    protocol, output = write_protocol(tmp_path, places=2), tmp_path / "experiment"
    session = Session(protocol, output)
    try:
        for victim in ("recorder", "runner", "command", "policy"):
            deadline = time.monotonic() + 60.0
            while not (output / "ledger.jsonl").is_file() and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(5.0)
            session.kill(victim)
        assert session.process.wait(240) == 0, session.log.read_text()
    finally:
        if session.process.poll() is None:
            os.kill(session.process.pid, signal.SIGTERM)
            session.process.wait(30)
    found = verdict(output)
    assert not any(
        found[name] for name in ("lost", "doubled", "table_differs", "unreadable_recordings", "without_series")
    )
    assert found["planned"] == sum(found["outcomes"].values()) == 4


def test_mistakes_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trials", "run"]) == 2
    assert "give a protocol, or --output" in capsys.readouterr().err
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\nplaces: 1\nconditions: [{name: a, skill: nothing}]\n")
    assert main(["trials", "run", str(wrong), "--output", str(tmp_path / "x")]) == 2
    assert "no skill 'nothing'" in capsys.readouterr().err
    wrong.write_text("name: x\nplaces: 1\nconditions: [{name: a, skill: hockey_hit}]\n")
    assert main(["trials", "run", str(wrong), "--output", str(tmp_path / "y")]) == 2
    assert "'a' has skill 'hockey_hit', which does not insert" in capsys.readouterr().err
    assert not (tmp_path / "y").exists()
