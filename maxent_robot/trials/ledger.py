"""The ledger of an experiment: what has been begun and what came of it, one line an event, never rewritten.

An event is on the disk before the next thing happens, so whoever is killed loses nothing that had ended. A trial has
attempts: one that was begun and has no end was interrupted, and the trial is attempted again; it never has two
outcomes. The last line may be torn by a power cut; it is cut off when the ledger is opened again.

    {"event": "experiment", "version": 1, "protocol_sha256": "..."}
    {"event": "begin", "trial": 1, "attempt": 1, "time": "..."}
    {"event": "end", "trial": 1, "attempt": 1, "time": "...", "result": {...}}
    {"event": "note", "time": "...", "text": "..."}
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from maxent_robot.config import to_mapping
from maxent_robot.errors import MaxentRobotError
from maxent_robot.trials.experiment import Experiment
from maxent_robot.trials.outcome import TrialResult
from maxent_robot.trials.plain import without_nan
from maxent_robot.trials.schedule import ScheduledTrial, schedule

VERSION = 1


class LedgerError(MaxentRobotError):
    """A ledger can't be read, or does not belong to the experiment."""


class Ledger:
    """The ledger of one experiment; opens it, or begins it.

    Attributes:
        experiment: whose it is.
        trials: all that are planned.
        results: outcomes so far, by number of the trial.
        attempts: how often each trial was begun, by number.
        notes: what else happened, (time, text).
        repaired: whether a torn line was cut off.
        protocol_sha256: as in its first line.
    """

    def __init__(
        self, path: str | os.PathLike[str], experiment: Experiment, read_only: bool = False, protocol_sha256: str = ""
    ) -> None:
        """
        Args:
            read_only: to look at it while another process may write it; nothing is begun, and nothing cut off.
            protocol_sha256: of the protocol as its file has it; empty: of `experiment`. A field that the schema has
                gained since is in the latter alone.

        Raises:
            LedgerError: it is of another protocol, damaged before its last line, or, if only to be read, not there.
        """
        self.path, self.experiment = Path(path), experiment
        self.trials: tuple[ScheduledTrial, ...] = schedule(experiment)
        self.results: dict[int, TrialResult] = {}
        self.attempts: dict[int, int] = {}
        self.notes: list[tuple[str, str]] = []
        self.repaired = False
        events = self._read(repair=not read_only) if self.path.exists() else []
        self.protocol_sha256 = protocol_sha256 or mapping_sha256(to_mapping(experiment))
        header = {"event": "experiment", "version": VERSION, "protocol_sha256": self.protocol_sha256}
        if events and events[0] != header:
            raise LedgerError(
                f"{self.path}: is of another protocol, or of another version: {events[0]}, must be {header}; "
                "give another --output"
            )
        for number, event in enumerate(events[1:], 2):
            self._take(event, number)
        self._file: BinaryIO | None = None
        if read_only:
            if not events:
                raise LedgerError(f"{self.path}: no ledger, so no trial was begun")
            return
        self._file = self.path.open("ab")
        if not events:
            self._write(header)

    @property
    def interruptions(self) -> int:
        """Attempts that have no outcome; one that is under way is among them, unless it is only looked at."""
        trial = self.next_trial()
        maybe_under_way = self._file is None and trial is not None and trial.number in self.attempts
        return sum(self.attempts.values()) - len(self.results) - maybe_under_way

    def next_trial(self) -> ScheduledTrial | None:
        """The first trial without an outcome; None when all have one."""
        return next((trial for trial in self.trials if trial.number not in self.results), None)

    def begin(self, trial: ScheduledTrial) -> int:
        """Note that a trial begins; which attempt at it this is, from 1.

        Raises:
            LedgerError: it has an outcome already.
        """
        if trial.number in self.results:
            raise LedgerError(f"{self.path}: trial {trial.number} has an outcome already")
        attempt = self.attempts.get(trial.number, 0) + 1
        self._write({"event": "begin", "trial": trial.number, "attempt": attempt, "time": _now()})
        self.attempts[trial.number] = attempt
        return attempt

    def end(self, result: TrialResult) -> None:
        """Note the outcome of the attempt under way.

        Raises:
            LedgerError: that trial was not begun, or has an outcome already.
        """
        number = result.trial
        if number not in self.attempts or number in self.results or result.attempt != self.attempts[number]:
            raise LedgerError(
                f"{self.path}: outcome of trial {number}, attempt {result.attempt}, which is not under way"
            )
        event = {"event": "end", "trial": number, "attempt": result.attempt, "time": _now()}
        self._write({**event, "result": result_to_mapping(result)})
        self.results[number] = result

    def note(self, text: str) -> None:
        """Note something that happened between or beside trials."""
        now = _now()
        self._write({"event": "note", "time": now, "text": text})
        self.notes.append((now, text))

    def close(self) -> None:
        """Close the file; it is complete at any time."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, event: Mapping[str, Any]) -> None:
        assert self._file is not None, "opened to be read only"
        self._file.write(json.dumps(event).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self, repair: bool) -> list[dict[str, Any]]:
        """All whole lines; what a crash left of the last one is cut off where the ledger is to be repaired."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if repair and whole < len(data):
            self.repaired = True
            with self.path.open("r+b") as file:
                file.truncate(whole)
                file.flush()
                os.fsync(file.fileno())
        events = []
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                event = json.loads(line)
            except ValueError as error:
                raise LedgerError(f"{self.path}, line {number}: not JSON ({error})") from error
            events.append(event)
        return events

    def _take(self, event: Mapping[str, Any], line: int) -> None:
        try:
            kind = event["event"]
            if kind == "begin":
                self.attempts[int(event["trial"])] = int(event["attempt"])
            elif kind == "end":
                self.results[int(event["trial"])] = result_from_mapping(event["result"])
            elif kind == "note":
                self.notes.append((str(event["time"]), str(event["text"])))
            else:
                raise KeyError(f"event {kind!r}")
        except (KeyError, TypeError, ValueError) as error:
            raise LedgerError(f"{self.path}, line {line}: not an event of a ledger ({error})") from error


def mapping_sha256(protocol: Mapping[str, Any]) -> str:
    """Of everything that the trials follow from."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()


def ordered_results(ledger: Ledger) -> Sequence[TrialResult]:
    """Outcomes so far in the order of the trials."""
    return [ledger.results[trial.number] for trial in ledger.trials if trial.number in ledger.results]


def results_by_condition(ledger: Ledger) -> dict[str, list[TrialResult]]:
    """The same by the name of their condition, in the order of the protocol."""
    results = ordered_results(ledger)
    return {c.name: [r for r in results if r.condition == c.name] for c in ledger.experiment.conditions}


def result_to_mapping(result: TrialResult) -> dict[str, Any]:
    """An outcome as JSON can hold it: what is not known is null."""
    return without_nan(asdict(result))


def result_from_mapping(values: Mapping[str, Any]) -> TrialResult:
    """The inverse of `result_to_mapping`.

    Raises:
        KeyError, TypeError: not an outcome.
    """
    known = {field.name: field for field in fields(TrialResult)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise KeyError(f"no field {', '.join(unknown)}")
    given: dict[str, Any] = {
        name: math.nan if value is None and known[name].type == "float" else value for name, value in values.items()
    }
    return TrialResult(**given)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
