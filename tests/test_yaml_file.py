"""YAML files: what is written is read back, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxent_robot.yaml_file import format_yaml, parse_yaml, read_yaml, write_yaml

text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(text, plain, max_size=4))
def test_plain_data_round_trips_through_text(data: dict[str, Any]) -> None:
    assert parse_yaml(format_yaml(data), source="data") == data


def test_a_revision_that_looks_like_a_number_stays_text() -> None:
    assert parse_yaml(format_yaml({"commit": "12e4567"}), source="data") == {"commit": "12e4567"}


def test_a_list_of_scalars_stays_on_one_line() -> None:
    assert format_yaml({"b": [1.0, 2.0], "a": {"c": []}}) == "b: [1.0, 2.0]\na:\n  c: []\n"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.yaml"
    write_yaml(path, {"step": 1})

    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_yaml(path, {"step": 2})
    assert read_yaml(path) == {"step": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.yaml"]
