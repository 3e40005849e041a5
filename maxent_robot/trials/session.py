"""The files of a series of trials, kept complete while it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from maxent_robot.skill.bundle import SkillBundle
from maxent_robot.trials.outcome import SuccessCriterion, TrialResult
from maxent_robot.trials.protocol import StartRange, TrialPlan
from maxent_robot.trials.provenance import (
    RunRecord,
    command_line,
    machine_description,
    skill_record,
    software_versions,
    write_run,
)
from maxent_robot.trials.report import RECORDING_FILE, RUN_FILE, SERIES_FILE, TRIALS_FILE, write_report
from maxent_robot.trials.series import TrialSeries, write_series
from maxent_robot.trials.summary import summarise_trials
from maxent_robot.trials.table import TrialTable


class SessionFiles:
    """Writes each trial as it ends, and the record of the run and the report at the end."""

    def __init__(
        self,
        directory: Path,
        mode: str,
        seed: int,
        robot: str,
        plans: Sequence[TrialPlan],
        bundles: Sequence[SkillBundle],
        criterion: SuccessCriterion | None = None,
        start: StartRange | None = None,
    ) -> None:
        """`directory` must exist."""
        self.directory = directory
        self.recording = directory / RECORDING_FILE
        self.criterion = criterion or SuccessCriterion()
        self.start = start or StartRange()
        self._mode, self._seed, self._robot = mode, seed, robot
        self._planned, self._bundles = len(plans), tuple(bundles)
        self._began, self._began_s = datetime.now().astimezone(), time.monotonic()
        self._table = TrialTable(directory / TRIALS_FILE)
        self._trials: list[TrialResult] = []
        self._series: dict[int, TrialSeries] = {}
        self.realtime_factor: float | None = None

    def add(self, result: TrialResult, series: TrialSeries) -> None:
        """Keep a trial that has ended."""
        self._trials.append(result)
        self._series[result.trial] = series
        self._table.append(result)
        write_series(self.directory / SERIES_FILE, self._series)

    def figures(self) -> dict[str, Any]:
        """See `summarise_trials`."""
        return summarise_trials(self._trials, self._series)

    def finish(self, error: str = "") -> Path | None:
        """Write the record of the run and the report; the report's path, or None when no trial has ended.

        Args:
            error: why the series ended early, empty when it did not.
        """
        self._table.close()
        run = RunRecord(
            started=self._began.isoformat(timespec="seconds"),
            duration_s=time.monotonic() - self._began_s,
            command=command_line(),
            robot=self._robot,
            mode=self._mode,
            seed=self._seed,
            planned=self._planned,
            skills=tuple(skill_record(bundle) for bundle in self._bundles),
            criterion=self.criterion,
            start=self.start,
            versions=software_versions(),
            machine=machine_description(),
            realtime_factor=self.realtime_factor,
            error=error,
        )
        write_run(self.directory / RUN_FILE, run)
        return write_report(self.directory) if self._trials else None
