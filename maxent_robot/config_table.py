"""Configuration schemas as a table, for documentation and help texts."""

from __future__ import annotations

import dataclasses
import re
import typing
from typing import Any

from maxent_robot.config import field_types, is_schema, rule_of, to_mapping

__all__ = ["SettingRow", "describe"]


@dataclasses.dataclass(frozen=True)
class SettingRow:
    """One leaf of a schema, as documentation shows it; all fields are text."""

    key: str
    type: str
    default: str
    unit: str
    range: str
    doc: str


def describe(schema: type[Any], prefix: str = "") -> list[SettingRow]:
    """Return one row for each leaf of a schema, nested schemas flattened to dotted keys.

    A tuple of schemas gives the rows of its item under `name[].`.

    Args:
        schema: the dataclass to describe.
        prefix: dotted key under which the schema lies, for example `limits.`.
    """
    return _describe(schema, prefix, dataclasses.MISSING)


def _describe(schema: Any, prefix: str, instance: Any) -> list[SettingRow]:
    rows: list[SettingRow] = []
    for field in dataclasses.fields(schema):
        kind = field_types(schema)[field.name]
        rule = rule_of(field)
        default = _default(field) if instance is dataclasses.MISSING else getattr(instance, field.name)
        item = typing.get_args(kind)[:1] if typing.get_origin(kind) is tuple else ()
        if is_schema(kind):
            rows += _describe(kind, f"{prefix}{field.name}.", default)
        elif item and is_schema(item[0]):
            rows += _describe(item[0], f"{prefix}{field.name}[].", dataclasses.MISSING)
        else:
            shown = "required" if default is dataclasses.MISSING else _show(default)
            rows.append(SettingRow(prefix + field.name, _type_name(kind), shown, rule.unit, rule.allowed(), rule.doc))
    return rows


def _default(field: dataclasses.Field[Any]) -> Any:
    factory = field.default_factory
    return field.default if factory is dataclasses.MISSING else factory()


def _show(default: Any) -> str:
    if is_schema(type(default)):
        return str(to_mapping(default))
    if isinstance(default, tuple):
        return "[" + ", ".join(_show(item) for item in default) + "]"
    return "none" if default is None else str(default)


def _type_name(kind: Any) -> str:
    if isinstance(kind, type) and not typing.get_args(kind):
        return kind.__name__
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(kind))
