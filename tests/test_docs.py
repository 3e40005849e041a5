"""The tables of the documentation say what the code says."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from maxent_robot.cli.main import COMMANDS
from maxent_robot.safety.faults import Fault

DOCS = Path(__file__).resolve().parents[1] / "docs"
updated: Callable[[str], str] = runpy.run_path(str(DOCS / "update_tables.py"))["updated"]


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: str(page.name))
def test_the_tables_of_a_page_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python docs/update_tables.py"


def test_a_stale_table_is_seen() -> None:
    text = (DOCS / "safety.md").read_text(encoding="utf-8")
    stale = text.replace("| `FORCE` | `release` |", "| `FORCE` | `freeze` |")
    assert stale != text
    assert updated(stale) == text


def test_each_command_is_documented() -> None:
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert [line.split()[-1] for line in text.splitlines() if line.startswith("## maxent-robot ")] == list(COMMANDS)


def test_what_to_do_is_said_for_each_fault() -> None:
    text = (DOCS / "real_arm.md").read_text(encoding="utf-8")
    table = text[text.index("| fault | look at |") :]
    assert sorted(re.findall(r"`([A-Z_]{4,})`", table)) == sorted(fault.value for fault in Fault)
