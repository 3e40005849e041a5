"""The directory of an experiment: what lies where.

* `protocol.yaml`: what is run
* `ledger.jsonl`: what has been run (see `ledger`); everything below can be made from it and the next two
* `series/0007_1.npz`: samples of trial 7, attempt 1
* `recordings/0007_1.mcap`: every message while it ran
* `sessions.jsonl`: who ran it with what, one line a session
* `trials.csv`: outcomes so far, one row a trial
* `report.html`, `figures`: made by `maxent-robot trials report`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from maxent_robot.config import load_config, to_mapping
from maxent_robot.errors import ConfigError
from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.ledger import Ledger, mapping_sha256, ordered_results
from maxent_robot.trials.series import TrialSeries, read_series, write_series
from maxent_robot.trials.table import TrialTable
from maxent_robot.yaml_file import read_yaml

PROTOCOL_FILE, LEDGER_FILE, TABLE_FILE = "protocol.yaml", "ledger.jsonl", "trials.csv"
SESSIONS_FILE = "sessions.jsonl"


class ExperimentFiles:
    """The files of one experiment in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.protocol, self.ledger = directory / PROTOCOL_FILE, directory / LEDGER_FILE
        self.table, self.sessions = directory / TABLE_FILE, directory / SESSIONS_FILE

    def exists(self) -> bool:
        """Whether there is an experiment."""
        return self.protocol.is_file()

    def create(self, experiment: Experiment) -> None:
        """Make the directory of a new experiment.

        Raises:
            ConfigError: there is one already, or something else.
        """
        if self.directory.exists() and (not self.directory.is_dir() or any(self.directory.iterdir())):
            raise ConfigError(f"'{self.directory}' exists and is not an empty directory")
        try:
            for place in (self.directory, self.directory / "series", self.directory / "recordings"):
                place.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(to_mapping(experiment), sort_keys=False)
            partial = self.protocol.with_suffix(".partial")
            partial.write_text(text, encoding="utf-8")
            partial.replace(self.protocol)
        except OSError as error:
            raise ConfigError(f"'{self.directory}' cannot be made: {error.strerror}") from error

    def experiment(self) -> Experiment:
        """The protocol that is run here.

        Raises:
            ConfigError: there is none, or it is not one.
        """
        return load_config(self.protocol, Experiment)

    def open_ledger(self) -> Ledger:
        """What has been run so far, to go on with.

        Raises:
            ConfigError, LedgerError: there is no protocol, or the ledger is damaged or another's.
        """
        return Ledger(self.ledger, self.experiment(), protocol_sha256=mapping_sha256(read_yaml(self.protocol)))

    def read_ledger(self) -> Ledger:
        """What has been run so far, to look at, also while it is being run.

        Raises:
            ConfigError, LedgerError: there is none, or it is damaged.
        """
        return Ledger(
            self.ledger, self.experiment(), read_only=True, protocol_sha256=mapping_sha256(read_yaml(self.protocol))
        )

    def recording(self, trial: int, attempt: int, part: int = 1) -> Path:
        """Where the messages of an attempt go; a recorder that died and came back begins another part."""
        suffix = "" if part == 1 else f"_part{part}"
        return self.directory / "recordings" / f"{trial:04d}_{attempt}{suffix}.mcap"

    def series_path(self, trial: int, attempt: int) -> Path:
        """Where the samples of an attempt go."""
        return self.directory / "series" / f"{trial:04d}_{attempt}.npz"

    def write_series(self, trial: int, attempt: int, series: TrialSeries) -> None:
        """Keep the samples of an attempt."""
        write_series(self.series_path(trial, attempt), {trial: series})

    def read_series(self, ledger: Ledger) -> Mapping[int, TrialSeries]:
        """The samples of every trial with an outcome, by its number; those whose file is gone are left out."""
        found: dict[int, TrialSeries] = {}
        for number, result in ledger.results.items():
            path = self.series_path(number, result.attempt)
            if path.is_file():
                found.update(read_series(path))
        return found

    def write_table(self, ledger: Ledger) -> None:
        """Write the outcomes so far; the file is replaced at once."""
        partial = self.table.with_suffix(".partial")
        with TrialTable(partial) as table:
            for result in ordered_results(ledger):
                table.append(result)
        partial.replace(self.table)
