"""Rewrite the tables of the documentation that come from the code: `python docs/update_tables.py`.

A table stands between `<!-- table: KIND ARGUMENT -->` and `<!-- end -->`. Kinds: `settings MODULE:SCHEMA` (of a
configuration file), `flags COMMAND` (of `maxent-robot`), `faults` and `states` (of the supervisor). A test compares.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parent
_BLOCK = re.compile(r"(<!-- table: (\w+) ?(\S*) -->\n).*?(<!-- end -->)", re.DOTALL)


def updated(text: str) -> str:
    """Return a page with its tables made anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{TABLES[found[2]](found[3])}\n{found[4]}", text)


def settings(reference: str) -> str:
    """Return the table of a schema, `module:Class`."""
    from maxent_robot.config_table import describe

    module, _, name = reference.partition(":")
    rows = []
    for row in describe(getattr(importlib.import_module(module), name)):
        default = row.default if row.default == "required" else f"`{row.default}`"
        rows.append((f"`{row.key}`", row.type, default, row.range or row.unit, row.doc))
    return _table(("key", "type", "default", "allowed", "meaning"), rows)


def flags(command: str) -> str:
    """Return the table of the arguments of a command; of one of its actions, as `trials.plan`."""
    from maxent_robot.cli.main import build_parser

    parser = build_parser([command.partition(".")[0]])
    for name in command.split("."):
        parser = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices[name]
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        shown = action.metavar or (action.dest if not action.option_strings else action.dest.upper())
        if action.choices:
            shown = "{" + ",".join(str(choice) for choice in action.choices) + "}"
        flag = " ".join([*action.option_strings[-1:], *([] if action.nargs == 0 else [str(shown)])])
        values = {**vars(action), "prog": "maxent-robot"}
        rows.append((f"`{flag}`", (action.help or "") % values))
    return _table(("argument", "meaning"), rows)


def faults(_: str) -> str:
    """Return the supervisor's faults with what it does about each."""
    from maxent_robot.safety.reactions import CHOICES

    rows = []
    for fault, (shipped, *others) in CHOICES.items():
        ends = "" if shipped.final is None else f"`{shipped.final.value}`"
        rows.append((f"`{fault.value}`", f"`{shipped.value}`", ends, ", ".join(f"`{other.value}`" for other in others)))
    return _table(("fault", "reaction", "ends in", "or, by `reactions` in the limits"), rows)


def states(_: str) -> str:
    """Return the supervisor's states with those that may follow."""
    from maxent_robot.safety.state_machine import TRANSITIONS, State

    order = list(State)
    rows = (
        (f"`{state.value}`", ", ".join(f"`{follower.value}`" for follower in order if follower in TRANSITIONS[state]))
        for state in order
    )
    return _table(("state", "may be followed by"), rows)


TABLES: dict[str, Callable[[str], str]] = {"settings": settings, "flags": flags, "faults": faults, "states": states}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def main() -> int:
    """Rewrite every page; the exit status is 0."""
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        fresh = updated(text)
        if fresh != text:
            page.write_text(fresh, encoding="utf-8")
            print(f"updated {page.name}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(DOCS.parent))
    sys.exit(main())
