"""The page about the exact solutions: its example prints what it says, its table has every name and its test."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import maxent_robot.exact as exact

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "exact.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if "`tests/test_exact_" in line]


def test_the_example_prints_what_the_page_shows() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "docs/exact.md", "exec"), {})
    assert printed.getvalue() == shown


def test_the_table_has_every_public_name_once() -> None:
    names = [name for row in ROWS for name in re.findall(r"`(\w+)`", row[1])]
    assert sorted([*names, "ExactError"]) == sorted(exact.__all__)


def test_each_row_names_a_test_that_uses_its_functions() -> None:
    for equation, functions, _, test in ROWS:
        text = (ROOT / test.strip("`")).read_text(encoding="utf-8")
        # A class is in a test by what returns it.
        missing = [name for name in re.findall(r"`([a-z]\w+)`", functions) if name not in text]
        assert not missing, f"{equation}: {test} does not use {missing}"


def test_the_names_are_listed_in_order_and_exist() -> None:
    assert list(exact.__all__) == sorted(exact.__all__)
    assert all(hasattr(exact, name) for name in exact.__all__)
