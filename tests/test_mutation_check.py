"""The mutation check: its operators on small sources, and a whole check of a project of one file."""

from __future__ import annotations

import ast
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))

import mutation_check
from mutation import sandbox as sandboxes
from mutation.excuses import EXCUSES, Excuse, excused
from mutation.mutants import Mutant, mutants_of
from mutation.sandbox import MutationError, Outcome, Project, Sandbox


def changes(source: str) -> list[str]:
    """Operators and changes of the mutants of a source."""
    mutants = mutants_of("guard.py", f"from __future__ import annotations\n\n{source}")
    for mutant in mutants:
        ast.parse(mutant.text)
    return [f"{mutant.operator}: {mutant.change}" for mutant in mutants]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("if late:\n    stop()", ["always: late  ->  True", "never: late  ->  False"]),
        ("x = [v for v in found if v]", ["always: v  ->  True", "never: v  ->  False"]),
        ("def old(a: float) -> bool:\n    return a > 1", ["always: a > 1  ->  True", "never: a > 1  ->  False"]),
        ("v = check_a(x) or check_b(x)", ["without: check_a(x)", "without: check_b(x)"]),
        ("outside = (low > x) | (x > high)", ["without: low > x", "without: x > high"]),
        ("fits = low <= x <= high", ["without: low", "without: high"]),
        ("x = min(x, limit)", ["without: x", "without: limit"]),
        ("for check in (a, b):\n    check()", ["without: a", "without: b"]),
        ("def f() -> object:\n    checks = (a, b)\n    return [c for c in checks]", ["without: a", "without: b"]),
        ("pair = (a, b)", []),
        ("found = [*a, *b]", ["without: *a", "without: *b"]),
        ("name = text or 'none'", []),
        (
            "y = np.clip(x, low, high)",
            ["unbounded: np.clip(x, low, high)  ->  np.clip(x, None, high)"]
            + ["unbounded: np.clip(x, low, high)  ->  np.clip(x, low, None)"],
        ),
        ("force: float = setting(1.0, minimum=0.0, doc='N')", ["unbounded: minimum=0.0"]),
        ("bad = not x <= limit", ["nan: not x <= limit  ->  x > limit"]),
        ("bad = ~(x <= limit)", ["nan: ~(x <= limit)  ->  x > limit"]),
        ("def check(x: float) -> Violation | None:\n    return Violation(x)", ["silent: def check  ->  return None"]),
        ("def limit(x: Array, top: float) -> Array:\n    return x", []),
        ("def limit(x: Array, top: float) -> Array:\n    return x / top", ["unchanged: def limit  ->  return x"]),
        ("def f(self) -> None:\n    self.stop()", ["skip: self.stop()"]),
        ("def f(self) -> None:\n    self.a, b = 1, 2", ["skip: self.a = 1"]),
        ("def __init__(self) -> None:\n    self.a = 1", []),
        ("def f(self) -> Pose | None:\n    return self.g()", ["skip: self.g()  ->  None"]),
        (
            "CHOICES: dict[Fault, tuple[Reaction, ...]] = {Fault.FORCE: (Reaction.HOLD,)}",
            ["reject: Fault.FORCE: (Reaction.HOLD,)", "permit: Fault.FORCE: (Reaction.HOLD,)"],
        ),
        (
            "NEXT: dict[State, frozenset[State]] = {State.HOLD: frozenset({State.ARMED})}",
            ["follow: State.HOLD: frozenset({State.ARMED})", "without: State.ARMED"],
        ),
        ("raise ValueError(f'{a or b}')", []),
    ],
)
def test_an_operator_finds_its_form_wherever_it_stands(source: str, expected: list[str]) -> None:
    assert sorted(changes(source)) == sorted(expected)


def test_a_mutant_is_named_by_its_line_and_differs_in_nothing_else() -> None:
    source = "def stop(speed: float) -> float:\n    # nothing left\n    return max(0.0, speed)\n"
    mutants = mutants_of("maxent_robot/safety/stop.py", source)
    assert [mutant.title for mutant in mutants] == [
        "maxent_robot/safety/stop.py:1 unchanged: def stop  ->  return speed",
        "maxent_robot/safety/stop.py:3 without: 0.0",
        "maxent_robot/safety/stop.py:3 without: speed",
    ]
    assert {mutant.function for mutant in mutants} == {"stop"}
    assert mutants[1].text == source.replace("max(0.0, speed)", "(speed)")
    assert len({mutant.digest for mutant in mutants}) == 3


GUARD = """\
def limited(speed):
    return min(speed, 0.1)


def total(values):
    if values:
        return sum(values)
    return 0
"""
GUARD_TEST = """\
from guard import limited, total


def test_a_fast_one_is_slowed():
    assert limited(0.02) == 0.02
    assert limited(0.5) == 0.1


def test_sums():
    assert total([]) == 0
    assert total([1, 2]) == 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A limit, and a condition that only saves time."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "guard.py").write_text(GUARD, encoding="utf-8")
    (tmp_path / "tests" / "test_guard.py").write_text(GUARD_TEST, encoding="utf-8")
    return Project(tmp_path, parts=("guard.py", "tests"), guarded=("*.py",), tests=("tests/test_guard.py",))


def check(project: Project, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Run the command on another project, beside which its verdicts lie."""
    monkeypatch.setattr(mutation_check, "SUPERVISOR", project)
    monkeypatch.setattr(sys, "argv", ["mutation_check.py", "--json", str(project.root / "verdicts.json"), *words])
    return mutation_check.main()


def test_what_disables_a_guard_is_killed_and_what_changes_nothing_survives_until_it_is_excused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutation_check, "EXCUSES", ())
    assert check(project, monkeypatch, "--jobs", "2") == 1
    survivor = "guard.py:6 always: values  ->  True"
    assert capsys.readouterr().out.splitlines() == [f"survived: {survivor}", "4 mutants, 1 against the claim"]
    document = json.loads((project.root / "verdicts.json").read_text(encoding="utf-8"))
    assert (document["mutants"], document["killed"], document["survived"], document["timeouts"]) == (4, 3, 1, 0)
    killers = {record["change"]: record["killed_by"] for record in document["verdicts"]}
    assert killers["0.1"] == "tests/test_guard.py::test_a_fast_one_is_slowed"
    assert (project.root / "guard.py").read_text(encoding="utf-8") == GUARD

    monkeypatch.setattr(Sandbox, "test", lambda *_: pytest.fail("a verdict is not made twice"))
    reason = "the sum of nothing is 0"
    monkeypatch.setattr(mutation_check, "EXCUSES", [Excuse("guard.py", "total", "always", "values", reason)])
    assert check(project, monkeypatch) == 0
    assert check(project, monkeypatch, "--report") == 0
    page = (project.root / "verdicts.md").read_text(encoding="utf-8")
    assert "| guard.py | 4 | 3 | 1 | 0 |" in page
    assert f"* `guard.py:6 always`: `values  ->  True`: {reason}" in page
    monkeypatch.setattr(mutation_check, "EXCUSES", [Excuse("guard.py", "total", "never", "values", reason)])
    capsys.readouterr()
    assert check(project, monkeypatch, "--only", "guard.py:6 never") == 1
    assert "excused, yet killed by tests/test_guard.py::test_sums: guard.py:6 never" in capsys.readouterr().out


@pytest.mark.parametrize(("test_s", "all_s"), [(1, 60.0), (60, 1.0)])
def test_a_mutant_that_hangs_is_killed(
    project: Project, monkeypatch: pytest.MonkeyPatch, test_s: int, all_s: float
) -> None:
    monkeypatch.setattr(sandboxes, "DEADLINE_S", test_s)
    endless = GUARD.replace("if values:\n        return sum(values)", "while values:\n        values.pop()")
    (project.root / "guard.py").write_text(endless, encoding="utf-8")
    mutant = next(mutant for mutant in project.mutants() if mutant.operator == "skip")
    sandbox = Sandbox(project, project.root / "sandbox")
    assert sandbox.test(mutant, [project.tests], timeout_s=all_s).killed_by == "timeout"


def test_a_test_that_a_mutant_takes_away_kills_nothing(project: Project) -> None:
    (project.root / "guard.py").write_text("LIMITS = (0.1,)\n\n\ndef get(n):\n    return min(LIMITS[n], 0.2)\n")
    tests = project.root / "tests" / "test_guard.py"
    tests.write_text(
        "import guard\nimport pytest\n\n\n"
        "@pytest.mark.parametrize('limit', guard.LIMITS)\ndef test_each(limit):\n    assert limit == 0.1\n\n\n"
        "def test_get():\n    assert guard.get(0) == 0.1\n",
        encoding="utf-8",
    )
    mutant = dataclasses.replace(project.mutants()[0], text="LIMITS = (0.2,)\n\n\ndef get(n):\n    return 0.1\n")
    sandbox = Sandbox(project, project.root / "sandbox")
    each, get = (f"tests/test_guard.py::{name}" for name in ("test_each[0.1]", "test_get"))
    assert sandbox.test(mutant, [[each], [get]], timeout_s=60.0).killed_by == ""
    assert sandbox.test(mutant, [[get, "tests/test_guard.py"]], timeout_s=60.0).killed_by == (
        "tests/test_guard.py::test_each[0.2]"
    )


def test_nothing_is_judged_when_the_tests_fail_without_a_mutant(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutation_check, "EXCUSES", ())
    (project.root / "guard.py").write_text(GUARD.replace("0.1", "0.2"), encoding="utf-8")
    assert check(project, monkeypatch) == 1
    assert "fail without a mutant: tests/test_guard.py::test_a_fast_one_is_slowed" in capsys.readouterr().err
    assert check(project, monkeypatch, "--only", "nowhere") == 1
    assert "no mutant has 'nowhere' in its name" in capsys.readouterr().err


def test_a_kill_stands_while_its_test_does_and_a_survivor_while_all_tests_do(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mutation_check, "EXCUSES", ())
    more = project.root / "tests" / "test_more.py"
    more.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
    project = dataclasses.replace(project, tests=(*project.tests, "tests/test_more.py"))
    assert check(project, monkeypatch) == 1
    judged: list[str] = []
    test = Sandbox.test

    def note(self: Sandbox, mutant: Mutant, *rest: Any) -> Outcome:
        judged.append(mutant.name)
        return test(self, mutant, *rest)

    monkeypatch.setattr(Sandbox, "test", note)
    more.write_text("import guard\n\n\ndef test_more():\n    assert guard.total([]) == 0\n", encoding="utf-8")
    check(project, monkeypatch)
    assert judged == ["guard.py:6 always"]


def test_every_excuse_is_one_of_a_mutant_that_there_is() -> None:
    mutants = mutation_check.SUPERVISOR.mutants()
    excused(mutants, EXCUSES)
    with pytest.raises(MutationError, match=r"no mutant for the excuse of gate\.py, .*: nothing"):
        excused(mutants, [Excuse("gate.py", "CommandGate.advance", "never", "nothing", "")])


def test_every_kind_of_guard_of_the_supervisor_is_mutated() -> None:
    titles = [mutant.title.rpartition("/")[2] for mutant in mutation_check.SUPERVISOR.mutants()]
    for file, mutant in (
        ("guards.py", "silent: def check_force  ->  return None"),
        ("arm_monitor.py", "without: guards.check_force(contact, limits.contact.force_n)"),
        ("policy_input.py", "without: guards.check_finite(twist, TOPIC)"),
        ("gate.py", "unchanged: def limit_speed  ->  return twist"),
        ("gate.py", "unchanged: def _on_leash  ->  return target"),
        ("gate.py", "never: violation is not None  ->  False"),
        ("watchdog.py", "never: self.age_s(now_s) > self.limit_s  ->  False"),
        ("reactions.py", "reject: Fault.FORCE: (Reaction.RELEASE,)"),
        ("limits.py", "unbounded: maximum=100.0"),
    ):
        assert any(title.startswith(f"{file}:") and title.endswith(f" {mutant}") for title in titles), mutant
