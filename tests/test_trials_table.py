"""The table and the series survive a round trip, and a crash."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.series import SeriesError, TrialSeries, read_series, write_series
from maxent_robot.trials.table import COLUMNS, TableError, TrialTable, read_trials

RESULT = TrialResult(
    skill="plug_insertion",
    connector="two_pin",
    trial=1,
    seed=12345,
    mode="sample",
    outcome="success",
    time_s=2.345,
    peak_force_n=11.25,
    final_depth_m=0.018875,
    full_depth_m=0.019,
    estimate_error_mm=1.5,
    estimate_error_deg=0.75,
    interventions={"leash": 12, "speed": 3},
    latency_p50_ms=0.5,
    latency_p95_ms=0.75,
    latency_p99_ms=1.0,
)


def test_the_table_has_the_promised_columns() -> None:
    assert {"skill", "trial", "seed", "outcome", "time_s", "peak_force_n"} <= set(COLUMNS)


def test_results_come_back_as_they_were_written(tmp_path: Path) -> None:
    unseen = replace(RESULT, trial=2, outcome="fault:FORCE", interventions={}, latency_p50_ms=math.nan)
    with TrialTable(tmp_path / "trials.csv") as table:
        table.append(RESULT)
        table.append(unseen)
    first, second = read_trials(tmp_path / "trials.csv")
    assert first == RESULT
    assert second.fault == "FORCE"
    assert second.interventions == {}
    assert math.isnan(second.latency_p50_ms)


def test_a_killed_process_leaves_every_finished_trial(tmp_path: Path) -> None:
    path = tmp_path / "trials.csv"
    program = textwrap.dedent(
        f"""
        import os, signal
        from tests.test_trials_table import RESULT
        from maxent_robot.trials.table import TrialTable
        table = TrialTable({str(path)!r})
        table.append(RESULT)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    root = Path(__file__).resolve().parents[1]
    died = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)
    assert died.returncode == -signal.SIGKILL
    assert read_trials(path) == (RESULT,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trial,seed\n1,2\n", "no column skill"),
        (",".join(COLUMNS) + "\n" + ",".join("x" for _ in COLUMNS) + "\n", "trial = 'x' is not a int"),
    ],
)
def test_a_damaged_table_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "trials.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read_trials(path)
    assert str(path) in str(caught.value)
    with pytest.raises(TableError, match="missing"):
        read_trials(tmp_path / "missing.csv")


def test_series_come_back_by_trial_number(tmp_path: Path) -> None:
    time = np.linspace(0.0, 1.0, 50)
    series = {3: TrialSeries(time, time * 0.01, time * 0, time * 0, 5 + time, np.array([0.5, 0.6])), 12: TrialSeries()}
    write_series(tmp_path / "series.npz", series)
    back = read_series(tmp_path / "series.npz")
    assert sorted(back) == [3, 12]
    np.testing.assert_allclose(back[3].depth_m, time * 0.01, atol=1e-7)
    np.testing.assert_allclose(back[3].latency_ms, [0.5, 0.6], rtol=1e-6)
    assert back[12].time_s.size == 0


@pytest.mark.parametrize("content", [b"", b"not an archive"])
def test_a_damaged_series_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "series.npz"
    path.write_bytes(content)
    with pytest.raises(SeriesError, match=r"series\.npz"):
        read_series(path)
