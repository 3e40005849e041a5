"""Where a mutant is tested: a copy of the project, in which nothing but the mutated file differs."""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import py_compile
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from contenders import THREAD_VARIABLES

from maxent_robot.errors import MaxentRobotError
from mutation.mutants import Mutant, mutants_of

TIMEOUT = "timeout"
"""What is said to have killed a mutant whose tests did not end."""
DEADLINE_S = 30
"""Of each test on a mutant; the slowest takes some 5 s."""
PYTEST = ("-m", "pytest", "-x", "-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-p", "mutation_plugin")
PLUGIN = Path(__file__).with_name("plugin.py")


class MutationError(MaxentRobotError):
    """Mutants can't be judged."""


@dataclass(frozen=True)
class Project:
    """What is mutated and tested; all paths are relative to `root`.

    Attributes:
        parts: files and folders that the tests need.
        guarded: patterns of the files that are mutated.
        tests: test files.
        support: patterns of what the tests import from beside them.
    """

    root: Path
    parts: tuple[str, ...]
    guarded: tuple[str, ...]
    tests: tuple[str, ...]
    support: tuple[str, ...] = ()

    def mutants(self) -> list[Mutant]:
        """All mutants, file by file."""
        files = [path for pattern in self.guarded for path in sorted(self.root.glob(pattern))]
        return [
            mutant
            for path in files
            for mutant in mutants_of(path.relative_to(self.root).as_posix(), path.read_text(encoding="utf-8"))
        ]

    def tests_digest(self, *tests: str) -> str:
        """Of test files, all without a name, and of what they import from beside them."""
        shared = (path for pattern in self.support for path in self.root.glob(pattern))
        files = [*(self.root / test for test in tests or self.tests), *shared]
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """Which test failed first, `timeout`, or why there was none; empty when all passed. And how long that took."""

    killed_by: str
    seconds: float


@dataclass(frozen=True)
class TestCase:
    """A test by its name in pytest, how long it takes, and the functions, as `file:line`, that run in it or before.

    `draws`: its file uses hypothesis, which takes longer to import than most tests to run.
    """

    name: str
    seconds: float
    entered: frozenset[str]
    draws: bool

    def may_kill(self, mutant: Mutant) -> bool:
        return mutant.entry == 0 or f"{mutant.file}:{mutant.entry}" in self.entered


class Sandbox:
    """A copy of a project in a directory of its own, which holds one mutant at a time."""

    def __init__(self, project: Project, directory: Path) -> None:
        self._project, self._directory = project, directory
        self._process: subprocess.Popen[str] | None = None
        directory.mkdir(parents=True)
        for part in project.parts:
            if (project.root / part).is_dir():
                shutil.copytree(project.root / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(project.root / part, directory / part)
        shutil.copy(PLUGIN, directory / "mutation_plugin.py")
        # By its contents, as a mutant may be as long as the original and as old.
        checked = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(directory, quiet=2, invalidation_mode=checked)

    def measure(self) -> list[TestCase]:
        """Run all tests without a mutant.

        Raises:
            MutationError: one fails.
        """
        report = self._directory / "entered.json"
        outcome = self._run(self._project.tests, None, {"ENTERED": str(report)})
        if outcome.killed_by:
            raise MutationError(f"the tests fail without a mutant: {outcome.killed_by}")
        found = json.loads(report.read_text(encoding="utf-8"))
        always = found.pop("")["entered"]
        files = {name: (self._directory / name.partition("::")[0]).read_text(encoding="utf-8") for name in found}
        return [
            TestCase(name, test["seconds"], frozenset([*always, *test["entered"]]), "hypothesis" in files[name])
            for name, test in found.items()
        ]

    def test(self, mutant: Mutant, groups: Sequence[Sequence[str]], timeout_s: float) -> Outcome:
        """Run tests on a mutant, group after group, until one fails; each group may take so long.

        A test that there is not with the mutant, as its parameters come from what is mutated, is left out.
        """
        path = self._directory / mutant.file
        original = path.read_bytes()
        path.write_text(mutant.text, encoding="utf-8")
        try:
            seconds = 0.0
            for tests in groups:
                outcome = self._run(tests, timeout_s, {"DEADLINE_S": str(DEADLINE_S)})
                seconds += outcome.seconds
                if outcome.killed_by:
                    break
            return Outcome(outcome.killed_by, round(seconds, 1))
        finally:
            path.write_bytes(original)

    def stop(self) -> None:
        """End the tests that are running, if any are."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def _run(self, tests: Sequence[str], timeout_s: float | None, variables: Mapping[str, str]) -> Outcome:
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1"), "PYTHONPATH": str(self._directory)}
        selected = self._directory / "selected.json"
        selected.write_text(json.dumps(tests), encoding="utf-8")
        environment.update({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "SELECTED": str(selected), **variables})
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        began_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, *PYTEST, *files],
            cwd=self._directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = self._process.communicate(timeout=timeout_s)
            status = self._process.returncode
            killed_by = TIMEOUT if status == -signal.SIGALRM else _first_failure(output, status)
        except subprocess.TimeoutExpired:
            self.stop()
            self._process.communicate()
            killed_by = TIMEOUT
        return Outcome(killed_by, round(time.monotonic() - began_s, 1))


def _first_failure(output: str, status: int) -> str:
    if status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        return ""
    for line in output.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("FAILED", "ERROR"):
            return rest.split(" - ")[0]
    return f"status {status}: {output.strip().splitlines()[-1] if output.strip() else 'no output'}"
