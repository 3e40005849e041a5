"""Plugin of pytest in a sandbox: the same examples for every mutant, and which functions a test enters.

The file that the variable SELECTED names lists the tests to run, or files for all of theirs, and in which order. With
the variable ENTERED set to a file, that file gets, for each test, its seconds and the functions of the project that it
enters, each as `file:line`; under an empty name those that are entered outside any test, as on import. With the
variable DEADLINE_S, a test that takes longer ends the process by SIGALRM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class EnteredFunctions:
    """Notes every function that is entered, test by test."""

    def __init__(self, root: Path, report: Path) -> None:
        self._root, self._report = str(root) + os.sep, report
        self._outside: set[tuple[str, int]] = set()
        self._entered = self._outside
        self._tests: dict[str, dict[str, Any]] = {}
        sys.settrace(self._note)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        self._entered.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        entered: set[tuple[str, int]] = set()
        self._entered = entered
        began_s = time.monotonic()
        yield
        self._entered = self._outside
        self._tests[item.nodeid] = self._summary(time.monotonic() - began_s, entered)

    def pytest_sessionfinish(self) -> None:
        sys.settrace(None)
        self._tests[""] = self._summary(0.0, self._outside)
        self._report.write_text(json.dumps(self._tests), encoding="utf-8")

    def _summary(self, seconds: float, entered: set[tuple[str, int]]) -> dict[str, Any]:
        ours = [f"{file.removeprefix(self._root)}:{line}" for file, line in entered if file.startswith(self._root)]
        return {"seconds": round(seconds, 3), "entered": sorted(ours)}


class Selection:
    """Runs the tests that are listed, by name or by file, as they are listed."""

    def __init__(self, listed: list[str]) -> None:
        self._places = {name: place for place, name in enumerate(listed)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        places = {item: place for item in items if (place := self._place(item.nodeid)) is not None}
        items[:] = sorted(places, key=places.__getitem__)

    def _place(self, name: str) -> int | None:
        return self._places.get(name, self._places.get(name.partition("::")[0]))


class Deadline:
    """Ends the process when a test hangs."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        signal.alarm(self._seconds)
        yield
        signal.alarm(0)


def pytest_configure(config: pytest.Config) -> None:
    if any("hypothesis" in Path(name.partition("::")[0]).read_text(encoding="utf-8") for name in config.args):
        draw_the_same_examples()
    selected = Path(os.environ["SELECTED"]).read_text(encoding="utf-8")
    config.pluginmanager.register(Selection(json.loads(selected)))
    if "DEADLINE_S" in os.environ:
        config.pluginmanager.register(Deadline(int(os.environ["DEADLINE_S"])))
    if "ENTERED" in os.environ:
        config.pluginmanager.register(EnteredFunctions(config.rootpath, Path(os.environ["ENTERED"])))


def draw_the_same_examples() -> None:
    """Hypothesis seeks no simpler example than the first that fails, and a busy machine is no reason to fail."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutants",
        phases=(Phase.explicit, Phase.generate),
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")
