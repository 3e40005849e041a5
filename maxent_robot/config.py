"""Configuration: YAML read into frozen dataclasses, every value checked.

A schema is a frozen dataclass. Each field is declared once, with its default, unit, range and meaning:

    @dataclass(frozen=True)
    class Limits:
        force_n: float = setting(20.0, unit="N", minimum=0.0, maximum=60.0, doc="largest contact force")

    limits = load_config("limits.yaml", Limits)

Field types understood: `bool`, `int`, `float`, `str`, `Literal[...]`, `X | None`, `tuple[X, ...]`, `tuple[X, Y]`,
`Mapping[str, X]`, `Any` (plain data) and nested schemas. A range or a choice
applies to every number or text in the field.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import math
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from maxent_robot.errors import ConfigError
from maxent_robot.yaml_file import read_yaml

__all__ = [
    "Rule",
    "config_from_mapping",
    "field_types",
    "is_schema",
    "load_config",
    "require_different_names",
    "rule_of",
    "setting",
    "to_mapping",
]

Schema = TypeVar("Schema")

_KEY = "maxent_robot.setting"


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field allows beyond its type."""

    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] | None = None
    doc: str = ""
    rising: bool = False

    def allowed(self) -> str:
        """Return the range or the choices as text, or an empty string."""
        unit = f" {self.unit}" if self.unit else ""
        if self.choices is not None:
            return "one of " + ", ".join(str(choice) for choice in self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}{unit}"
        if self.maximum is not None:
            return f"at most {self.maximum:g}{unit}"
        return ""


def setting(
    default: Any = dataclasses.MISSING,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[Any] | None = None,
    doc: str = "",
    rising: bool = False,
) -> Any:
    """Declare a field of a schema.

    Args:
        default: the value when the key is absent; without one the key is required. Lists and mappings are copied.
        unit: SI unit of the value, for messages and documentation.
        minimum: smallest allowed number, inclusive.
        maximum: largest allowed number, inclusive.
        choices: the only allowed values.
        doc: what the value means, in a line.
        rising: whether none of a list may be less than the one before it, as in a range.
    """
    rule = Rule(unit, minimum, maximum, None if choices is None else tuple(choices), doc, rising)
    metadata = {_KEY: rule}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, (dict, list, set)):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def load_config(path: str | os.PathLike[str], schema: type[Schema]) -> Schema:
    """Read a YAML file into `schema`.

    Raises:
        ConfigError: if the file can't be read, is not YAML, or holds a key or value that the schema does not allow.
    """
    return config_from_mapping(read_yaml(path), schema, source=os.fspath(path))


def config_from_mapping(mapping: Mapping[str, Any], schema: type[Schema], *, source: str = "") -> Schema:
    """Check plain data against `schema` and return an instance of it.

    Args:
        mapping: keys and values as YAML gives them.
        schema: a frozen dataclass whose fields are declared with `setting`.
        source: file or topic that the data came from, named in errors.

    Raises:
        ConfigError: naming the source, the dotted key, the value and what is allowed.
    """
    result: Schema = _read_dataclass(mapping, schema, _Place(source))
    return result


def require_different_names(what: str, names: Sequence[str]) -> None:
    """Refuse a list in which a name is there twice.

    Raises:
        ConfigError: it names the list, which is called `what`, and the first such name.
    """
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise ConfigError(f"{what}: {doubled!r} is there twice, names must differ")


def to_mapping(config: Any) -> dict[str, Any]:
    """Return a schema instance as plain data (dict, list, scalar) that YAML and JSON can hold.

    `config_from_mapping(to_mapping(c), type(c)) == c` for every instance c that satisfies its schema.
    """
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a value stands: source and dotted key."""

    source: str
    key: str = ""

    def inside(self, name: str | int) -> _Place:
        if isinstance(name, int):
            return _Place(self.source, f"{self.key}[{name}]")
        return _Place(self.source, f"{self.key}.{name}" if self.key else name)

    def error(self, message: str) -> ConfigError:
        return ConfigError(": ".join(part for part in (self.source, self.key, message) if part))


def _read_dataclass(data: Any, schema: Any, place: _Place) -> Any:
    if not is_schema(schema):
        raise TypeError(f"{schema!r} is not a dataclass")
    if not isinstance(data, Mapping):
        raise place.error(f"{_show(data)} is not a mapping of keys to values")
    fields = {field.name: field for field in dataclasses.fields(schema) if field.init}
    for key in data:
        if key not in fields:
            raise place.error(f"unknown key {_show(key)}{_suggest(key, fields)}")
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _read(data[name], field_types(schema)[name], rule_of(field), place.inside(name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            allowed = rule_of(field).allowed()
            raise place.inside(name).error("required key is missing" + (f" (allowed: {allowed})" if allowed else ""))
    try:
        return schema(**values)
    except (ConfigError, ValueError) as error:
        raise place.error(str(error)) from error


def _read(value: Any, kind: Any, rule: Rule, place: _Place) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _read_optional(value, arguments, rule, place)
    if origin is typing.Literal:
        return _check(value, dataclasses.replace(rule, choices=arguments), place)
    if origin is tuple:
        return _read_tuple(value, arguments, rule, place)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _read_mapping(value, arguments[1], rule, place)
    if is_schema(kind):
        return value if isinstance(value, kind) else _read_dataclass(value, kind, place)
    if kind is Any:
        return _read_any(value, place)
    if kind not in _SCALARS:
        raise TypeError(f"{place.key}: a schema can't hold {kind!r}")
    return _check(_read_scalar(value, kind, place, rule), rule, place)


def _read_optional(value: Any, arguments: tuple[Any, ...], rule: Rule, place: _Place) -> Any:
    kinds = [argument for argument in arguments if argument is not type(None)]
    if len(kinds) != 1 or len(kinds) == len(arguments):
        raise TypeError(f"{place.key}: of unions, a schema can hold only `X | None`")
    return None if value is None else _read(value, kinds[0], rule, place)


def _read_tuple(value: Any, arguments: tuple[Any, ...], rule: Rule, place: _Place) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise place.error(f"{_show(value)} is not a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        kinds: tuple[Any, ...] = (arguments[0],) * len(value)
    else:
        kinds = arguments
    if len(value) != len(kinds):
        raise place.error(f"{_show(value)} has {len(value)} items, must have {len(kinds)}")
    read = tuple(_read(item, kinds[i], rule, place.inside(i)) for i, item in enumerate(value))
    if rule.rising and any(after < before for before, after in itertools.pairwise(read)):
        raise place.error(f"{_show(value)} falls: the first of a range must not be more than the second")
    return read


def _read_mapping(value: Any, kind: Any, rule: Rule, place: _Place) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise place.error(f"{_show(value)} is not a mapping of keys to values")
    for key in value:
        if not isinstance(key, str):
            raise place.error(f"key {_show(key)} is not text")
    return {key: _read(item, kind, rule, place.inside(key)) for key, item in value.items()}


def _read_any(value: Any, place: _Place) -> Any:
    if isinstance(value, Mapping):
        return _read_mapping(value, Any, Rule(), place)
    if isinstance(value, (list, tuple)):
        return [_read_any(item, place.inside(i)) for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise place.error(f"{value} is not a finite number")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise place.error(f"{_show(value)} is not plain data (text, number, true or false, list, mapping)")


_SCALARS: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _read_scalar(value: Any, kind: type[Any], place: _Place, rule: Rule) -> Any:
    wanted = _SCALARS[kind]
    accepted: tuple[type[Any], ...] = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        allowed = rule.allowed()
        raise place.error(f"{_show(value)} is not {wanted}" + (f" (allowed: {allowed})" if allowed else ""))
    if kind is not float:
        return value
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise place.error(f"{_show(value)} is not a finite number")
    return number


def _check(value: Any, rule: Rule, place: _Place) -> Any:
    if rule.choices is not None and not any(type(value) is type(c) and value == c for c in rule.choices):
        nearest = _suggest(value, rule.choices) if isinstance(value, str) else ""
        raise place.error(f"{_show(value)} is not allowed{nearest} (allowed: {rule.allowed()})")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        unit = f" {rule.unit}" if rule.unit else ""
        if rule.minimum is not None and value < rule.minimum:
            raise place.error(f"{value}{unit} is too small (allowed: {rule.allowed()})")
        if rule.maximum is not None and value > rule.maximum:
            raise place.error(f"{value}{unit} is too large (allowed: {rule.allowed()})")
    return value


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


@functools.cache
def field_types(schema: Any) -> dict[str, Any]:
    """Return the resolved type of each field of a schema."""
    return typing.get_type_hints(schema)


def is_schema(kind: Any) -> bool:
    """Return whether `kind` is a dataclass (not an instance of one)."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def rule_of(field: dataclasses.Field[Any]) -> Rule:
    """Return what `setting` declared for a field."""
    rule: Rule = field.metadata.get(_KEY, Rule())
    return rule


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _suggest(key: Any, known: Mapping[str, Any] | Sequence[Any]) -> str:
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(key), names, n=1, cutoff=0.5)
    if near:
        return f", did you mean {near[0]!r}?"
    return f" (known: {', '.join(names)})" if names and isinstance(known, Mapping) else ""
