"""The gap between two experiments: differences of rates against published values, and channels that have drifted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mcap_ros2")
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.serialization import serialize_message
from std_msgs.msg import Float32MultiArray, String
from test_trials_experiment_report import PROTOCOL, make_experiment, text_of

from maxent_robot.cli.main import main
from maxent_robot.skill.observation import FRAME_SIZE, OBSERVATION_SIZE
from maxent_robot.trials.experiment_files import ExperimentFiles
from maxent_robot.trials.gap import channel_names, observation_drift, rate_difference
from maxent_robot.trials.mcap_writer import McapWriter, RecordingError
from maxent_robot.trials.outcome import SuccessCriterion
from maxent_robot.trials.recordings import decoded_messages, newest_frames
from maxent_robot.trials.statistics import StatisticsError

STEPS = 20


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),  # Newcombe, Statistics in Medicine 17 (1998) 873, table II, method 10
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = rate_difference(first, second)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_the_p_value_is_barnards() -> None:
    """The vaccine trial of scipy.stats.barnard_exact's own example, from G. Barnard, Nature 156 (1945)."""
    assert rate_difference((7, 15), (12, 15)).p_value == pytest.approx(0.0681, abs=1e-3)
    assert rate_difference((3, 6), (5, 10)).p_value == 1.0
    assert rate_difference((0, 0), (1, 2)).p_value == 1.0


def test_the_channel_that_has_drifted_is_named_first() -> None:
    generator = np.random.default_rng(1)
    simulation, arm = generator.normal(size=(2, 3000, FRAME_SIZE))
    names = [name for name, _ in channel_names()]
    assert len(names) == FRAME_SIZE
    arm[:, names.index("force z")] += 3.0
    arm[:, names.index("torque x")] *= 2.0
    drift = observation_drift(arm, simulation)
    assert [channel.name for channel in drift[:2]] == ["force z", "torque x"]
    assert drift[0].shift == pytest.approx(3.0, abs=0.1)
    assert drift[0].unit == "N"
    assert drift[1].spread == pytest.approx(2.0, abs=0.1)
    assert drift[2].distance < 0.06
    with pytest.raises(StatisticsError, match="0 steps of the arm"):
        observation_drift(arm[:0], simulation)


def record(files: ExperimentFiles, shift: float) -> None:
    """A recording of each trial in which the newest frame reads 1, 2, ..., and the force is off by `shift`.

    Before and after the policy has the arm, it sees something else.
    """
    frame = np.arange(FRAME_SIZE, dtype=float)
    frame[8] += shift
    with files.open_ledger() as ledger:
        for number, result in ledger.results.items():
            with McapWriter(files.recording(number, result.attempt)) as writer:
                writer.add_topic("/cell/policy/observation", "std_msgs/msg/Float32MultiArray")
                writer.add_topic("/cell/other", "std_msgs/msg/String")
                writer.add_topic("/cell/supervisor/state", "diagnostic_msgs/msg/DiagnosticStatus")

                def see(time: int, seen: np.ndarray, writer: McapWriter = writer) -> None:
                    stacked = np.concatenate([np.full(OBSERVATION_SIZE - FRAME_SIZE, -99.0), seen])
                    data = serialize_message(Float32MultiArray(data=stacked.astype(np.float32)))
                    writer.write("/cell/policy/observation", data, time, 10 * time)

                def tell(state: str, source: str, writer: McapWriter = writer) -> None:
                    values = [KeyValue(key="force_n", value="1"), KeyValue(key="source", value=source)]
                    message = DiagnosticStatus(message=state, values=values)
                    writer.write("/cell/supervisor/state", serialize_message(message), 0, 0)

                see(0, frame + 7.0)
                for state, source in (("RUNNING", "move"), ("ARMED", "hold")):
                    tell(state, source)
                    see(0, frame + 7.0)
                for step in range(STEPS):
                    tell("RAMPING" if step < 2 else "RUNNING", "policy")
                    see(step, frame + 0.01 * step)
                    writer.write("/cell/other", serialize_message(String(data="x")), step, step)
                tell("HOLD", "hold")
                see(STEPS, frame + 7.0)


def test_the_report_shows_the_gap_beside_a_simulation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arm, simulation = make_experiment(tmp_path / "arm", trials=10), make_experiment(tmp_path / "sim")
    record(arm, shift=2.5)
    record(simulation, shift=0.0)
    out = tmp_path / "gap.json"
    words = ["trials", "report", str(arm.directory), "--beside", str(simulation.directory), "--json", str(out)]
    assert main(words) == 0
    gap = json.loads(out.read_text(), parse_constant=pytest.fail)["gap"]
    assert gap["conditions"]["fast"]["arm"] == [5, 5]
    assert gap["conditions"]["slow"]["simulation"] == [6, 12]
    assert gap["steps"] == [10 * STEPS, 24 * STEPS]
    assert gap["drift"][0]["name"] == "force z"
    assert gap["drift"][0]["arm"] - gap["drift"][0]["simulation"] == pytest.approx(2.5, abs=1e-3)
    text = text_of(arm.directory / "report.html")
    other = make_experiment(tmp_path / "other", replace(PROTOCOL, criterion=SuccessCriterion(hold_s=1.0)))
    assert main(["trials", "report", str(arm.directory), "--beside", str(other.directory)]) == 2
    assert "not by the same protocol, it differs in criterion" in capsys.readouterr().err
    assert "Beside the simulation" in text
    assert "force z [N]" in text


def test_recordings_are_read_by_topic_in_any_namespace_and_mistakes_are_named(tmp_path: Path) -> None:
    files = make_experiment(tmp_path / "one", PROTOCOL, trials=1)
    record(files, 0.0)
    path = files.recording(1, 1)
    assert newest_frames(path).shape == (STEPS, FRAME_SIZE)
    np.testing.assert_allclose(newest_frames(path)[3], np.arange(FRAME_SIZE) + 0.03, atol=1e-5)
    times = [time for _, time, _ in decoded_messages(path, ["policy/observation"])]
    assert times == [0, 0, 0, *(10 * step for step in range(STEPS + 1))]
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"nothing of the kind, but long enough to be looked at")
    with pytest.raises(RecordingError, match=r"broken.mcap: not a recording"):
        newest_frames(broken)
    with pytest.raises(RecordingError, match=r"absent.mcap: No such file"):
        newest_frames(tmp_path / "absent.mcap")
