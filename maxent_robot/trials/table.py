"""The table of trials, `trials.csv`: one row a trial, on the disk as soon as the trial is over."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any

from maxent_robot.errors import MaxentRobotError
from maxent_robot.trials.outcome import TrialResult

COLUMNS: tuple[str, ...] = tuple(f.name for f in fields(TrialResult))
"""Columns of the table, in order: the fields of `TrialResult`."""

_DECIMALS = {"time_s": 3, "peak_force_n": 3, "final_depth_m": 6, "full_depth_m": 6}


class TableError(MaxentRobotError):
    """A table of trials cannot be read."""


class TrialTable:
    """Writes `trials.csv`. Each row is flushed and synced, so a crash loses no finished trial."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Creates (or empties) the file and writes its header."""
        self._file = Path(path).open("w", newline="", encoding="utf-8")  # noqa: SIM115  closed by `close`
        self._writer = csv.writer(self._file)
        self._write(COLUMNS)

    def append(self, result: TrialResult) -> None:
        """Add one trial."""
        self._write([_to_text(name, getattr(result, name)) for name in COLUMNS])

    def close(self) -> None:
        """Close the file; the table is complete at any time."""
        self._file.close()

    def __enter__(self) -> TrialTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, row: list[str] | tuple[str, ...]) -> None:
        self._writer.writerow(row)
        self._file.flush()
        os.fsync(self._file.fileno())


def read_trials(path: str | os.PathLike[str]) -> tuple[TrialResult, ...]:
    """Read a table back.

    Raises:
        TableError: the file is missing, a column is missing, or a value does not parse.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise TableError(f"{path}: no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ())}")
            return tuple(_to_result(row, f"{path}, line {reader.line_num}") for row in reader)
    except OSError as error:
        raise TableError(f"{path}: {error.strerror}") from error


def _to_text(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{kind}={count}" for kind, count in sorted(value.items()))
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{_DECIMALS.get(name, 4)}f}"
    return str(value)


def _to_result(row: Mapping[str, str], place: str) -> TrialResult:
    values: dict[str, Any] = {}
    for column in fields(TrialResult):
        text = row[column.name]
        try:
            values[column.name] = _from_text(str(column.type), text)
        except (TypeError, ValueError) as error:
            raise TableError(f"{place}: {column.name} = {text!r} is not a {column.type}") from error
    return TrialResult(**values)


def _from_text(kind: str, text: str) -> Any:
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text) if text else math.nan
    if kind == "str":
        return text
    return {name: int(count) for name, _, count in (item.partition("=") for item in text.split())}
