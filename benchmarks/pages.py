"""Results of a benchmark as three files side by side: figures, a page that is read, and a plot that is looked at."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maxent_robot.learning.run_directory import write_json


def add_arguments(parser: ArgumentParser, results: Path, runs: Path | None = None) -> None:
    """Declare `--json`, which is where the results go, and where there are trainings `--jobs` and `--runs`."""
    if runs is not None:
        parser.add_argument("--jobs", type=int, default=1, help="processes at the same time (default: %(default)s)")
        parser.add_argument("--runs", type=Path, default=runs, help="where the trainings lie (default: %(default)s)")
    parser.add_argument("--json", type=Path, default=results, metavar="FILE", help="the page and the plot go beside it")


def write_results(path: Path, document: Mapping[str, Any], page: str, plot: Callable[[Path], None]) -> None:
    """Write `document` to `path`, a file of JSON, and the page and the plot beside it, and print the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, document)
    path.with_suffix(".md").write_text(page, encoding="utf-8")
    plot(path.with_suffix(".png"))
    print(page)
