"""The configuration loader: what it accepts, and the one clear line for everything else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxent_robot.config import config_from_mapping, load_config, setting, to_mapping
from maxent_robot.config_table import describe
from maxent_robot.errors import ConfigError, MaxentRobotError


@dataclass(frozen=True)
class Inner:
    stiffness: tuple[float, float, float] = setting((1.0, 2.0, 3.0), unit="N/m", minimum=0.0, maximum=1000.0)
    mode: Literal["mean", "sample"] = setting("mean", doc="how an action is chosen")

    def __post_init__(self) -> None:
        if self.stiffness[0] > self.stiffness[1]:
            raise ValueError(f"stiffness falls from {self.stiffness[0]} to {self.stiffness[1]}")


@dataclass(frozen=True)
class Outer:
    rate_hz: float = setting(unit="Hz", minimum=1.0, doc="cycle")
    count: int = setting(3, minimum=0, maximum=9)
    enabled: bool = setting(False)
    label: str = setting("arm", choices=("arm", "table"))
    inner: Inner = setting(Inner())
    many: tuple[Inner, ...] = setting(())
    weights: tuple[float, ...] = setting((), minimum=-1.0)
    limit: float | None = setting(None)
    span: tuple[float, float] = setting((0.0, 1.0), rising=True)
    scales: Mapping[str, float] = setting({})
    notes: Mapping[str, Any] = setting({})


GOOD: dict[str, Any] = {"rate_hz": 50}


def read(**changes: Any) -> Outer:
    return config_from_mapping({**GOOD, **changes}, Outer, source="cell.yaml")


def test_defaults_fill_what_is_absent() -> None:
    config = read()
    assert config == Outer(rate_hz=50.0)
    assert type(config.rate_hz) is float


def test_nested_values_are_read_into_their_schema() -> None:
    config = read(inner={"stiffness": [1, 2, 4]}, many=[{"mode": "sample"}, {}], notes={"a": [1, {"b": None}]})
    assert config.inner == Inner(stiffness=(1.0, 2.0, 4.0))
    assert config.many == (Inner(mode="sample"), Inner())
    assert config.notes == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cuont": 3}, "cell.yaml: unknown key 'cuont', did you mean 'count'?"),
        ({"inner": {"mode_": "mean"}}, "cell.yaml: inner: unknown key 'mode_', did you mean 'mode'?"),
        ({"inner": {"zz": 1}}, "cell.yaml: inner: unknown key 'zz' (known: stiffness, mode)"),
        ({1: 2}, "cell.yaml: unknown key 1"),
        ({"rate_hz": 0.5}, "cell.yaml: rate_hz: 0.5 Hz is too small (allowed: at least 1 Hz)"),
        ({"count": 10}, "cell.yaml: count: 10 is too large (allowed: 0 to 9)"),
        ({"count": 2.0}, "cell.yaml: count: 2.0 is not a whole number (allowed: 0 to 9)"),
        ({"count": True}, "cell.yaml: count: True is not a whole number"),
        ({"rate_hz": True}, "cell.yaml: rate_hz: True is not a number (allowed: at least 1 Hz)"),
        ({"rate_hz": "fast"}, "cell.yaml: rate_hz: 'fast' is not a number"),
        ({"rate_hz": None}, "cell.yaml: rate_hz: None is not a number"),
        ({"rate_hz": math.nan}, "cell.yaml: rate_hz: nan is not a finite number"),
        ({"rate_hz": math.inf}, "cell.yaml: rate_hz: inf is not a finite number"),
        ({"rate_hz": 10**400}, "is not a finite number"),
        ({"enabled": 1}, "cell.yaml: enabled: 1 is not true or false"),
        (
            {"label": "tabel"},
            "label: 'tabel' is not allowed, did you mean 'table'? (allowed: one of arm, table)",
        ),
        ({"label": 3}, "cell.yaml: label: 3 is not text"),
        (
            {"inner": {"mode": "tempered"}},
            "inner.mode: 'tempered' is not allowed (allowed: one of mean, sample)",
        ),
        ({"inner": {"stiffness": [1, 2]}}, "cell.yaml: inner.stiffness: [1, 2] has 2 items, must have 3"),
        ({"inner": {"stiffness": [1, 2, 1001]}}, "cell.yaml: inner.stiffness[2]: 1001.0 N/m is too large"),
        ({"inner": {"stiffness": "123"}}, "cell.yaml: inner.stiffness: '123' is not a list"),
        ({"inner": {"stiffness": [3, 2, 1]}}, "cell.yaml: inner: stiffness falls from 3.0 to 2.0"),
        ({"inner": 3}, "cell.yaml: inner: 3 is not a mapping"),
        ({"inner": None}, "cell.yaml: inner: None is not a mapping"),
        ({"many": [{}, {"mode": 1}]}, "cell.yaml: many[1].mode: 1 is not allowed"),
        (
            {"span": [0.5, 0.1]},
            "cell.yaml: span: [0.5, 0.1] falls: the first of a range must not be more than the second",
        ),
        ({"weights": [0, -2]}, "cell.yaml: weights[1]: -2.0 is too small (allowed: at least -1)"),
        ({"limit": "1"}, "cell.yaml: limit: '1' is not a number"),
        ({"scales": {"a": "b"}}, "cell.yaml: scales.a: 'b' is not a number"),
        ({"scales": {1: 1.0}}, "cell.yaml: scales: key 1 is not text"),
        ({"notes": {"a": [math.nan]}}, "cell.yaml: notes.a[0]: nan is not a finite number"),
        ({"notes": {"a": {1, 2}}}, "cell.yaml: notes.a: {1, 2} is not plain data"),
    ],
)
def test_a_mistake_is_one_line_that_names_key_value_and_what_is_allowed(changes: dict[Any, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_mapping({**GOOD, **changes}, Outer, source="cell.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_required_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^rate_hz: required key is missing \(allowed: at least 1 Hz\)$"):
        config_from_mapping({}, Outer)


def test_a_schema_with_a_type_that_yaml_has_not_is_the_programmers_error() -> None:
    bad = dataclasses.make_dataclass("Bad", [("items", list[float])], frozen=True)
    with pytest.raises(TypeError, match="items"):
        config_from_mapping({"items": [1.0]}, bad)


def test_a_file_is_read_with_its_name_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text("rate_hz: 1e2\nlimit: 1e-3\n", encoding="utf-8")
    assert load_config(path, Outer) == Outer(rate_hz=100.0, limit=0.001)
    path.write_text("rate_hz: -1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cell\.yaml: rate_hz: -1\.0 Hz is too small"):
        load_config(path, Outer)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate_hz: 1\ncount: 2\nrate_hz: 3\n", "key 'rate_hz' is given twice, line 3, column 1"),
        ("inner: {mode: mean, mode: mean}", "key 'mode' is given twice"),
        ("rate_hz: [1", "not YAML that can be read"),
        ("rate_hz: !!python/object/apply:os.getcwd []", "not YAML that can be read"),
        ("- 1\n- 2\n", "the top must be a mapping of keys to values, not list"),
        ("", "rate_hz: required key is missing"),
        ("rate_hz: .nan", "nan is not a finite number"),
    ],
)
def test_a_file_that_can_not_be_used_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cell.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, Outer)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "absent.yaml", Outer)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "binary.yaml", Outer)
    assert issubclass(ConfigError, MaxentRobotError)


finite = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
inners = st.builds(
    Inner,
    stiffness=st.lists(st.floats(0.0, 1000.0), min_size=3, max_size=3).map(lambda v: tuple(sorted(v))),
    mode=st.sampled_from(["mean", "sample"]),
)
outers = st.builds(
    Outer,
    rate_hz=st.floats(min_value=1.0, allow_infinity=False),
    count=st.integers(0, 9),
    enabled=st.booleans(),
    label=st.sampled_from(["arm", "table"]),
    inner=inners,
    many=st.lists(inners, max_size=2).map(tuple),
    weights=st.lists(st.floats(min_value=-1.0, allow_infinity=False), max_size=3).map(tuple),
    limit=st.none() | finite,
    scales=st.dictionaries(st.text(max_size=3), finite, max_size=2),
    notes=st.dictionaries(st.text(max_size=3), plain, max_size=2),
)


@given(outers)
def test_plain_data_round_trips(config: Outer) -> None:
    assert config_from_mapping(to_mapping(config), Outer) == config


@given(st.dictionaries(st.sampled_from([field.name for field in dataclasses.fields(Outer)]) | st.text(), plain))
def test_any_plain_data_is_accepted_or_refused_with_a_config_error(data: dict[str, Any]) -> None:
    try:
        config = config_from_mapping(data, Outer)
    except ConfigError:
        return
    assert config_from_mapping(to_mapping(config), Outer) == config


def test_a_schema_is_described_by_its_leaves() -> None:
    rows = {row.key: row for row in describe(Outer, prefix="cell.")}
    assert list(rows)[:5] == ["cell.rate_hz", "cell.count", "cell.enabled", "cell.label", "cell.inner.stiffness"]
    rate = rows["cell.rate_hz"]
    assert (rate.type, rate.default, rate.unit, rate.range, rate.doc) == (
        "float",
        "required",
        "Hz",
        "at least 1 Hz",
        "cycle",
    )
    assert rows["cell.inner.stiffness"].default == "[1.0, 2.0, 3.0]"
    assert rows["cell.inner.stiffness"].range == "0 to 1000 N/m"
    assert rows["cell.many[].mode"].default == "mean"
    assert rows["cell.limit"].default == "none"
    assert rows["cell.limit"].type == "float | None"
