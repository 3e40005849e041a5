"""Text definitions of ROS message types, in the form that MCAP files carry under the encoding `ros2msg`.

The definition of a type is its `.msg` text followed by that of every type it uses, each after a line of 80 `=` and a
line `MSG: package/Name`. The `.msg` files come from the ROS prefixes (`AMENT_PREFIX_PATH`) or from the prefix that
holds the message package; without them the text is made from the message class, which has the same fields.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maxent_robot.errors import MaxentRobotError

_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_PRIMITIVES = _INTEGERS | {"bool", "byte", "char", "float32", "float64", "string", "wstring"}
_IDL_NAMES = {"boolean": "bool", "octet": "byte", "float": "float32", "double": "float64"}
_SEPARATOR = "=" * 80


class DefinitionError(MaxentRobotError):
    """A message type is not known here."""


def message_class(type_name: str) -> type[Any]:
    """The Python class of `package/msg/Name`.

    Raises:
        DefinitionError: the name is malformed, or the package or the message is not installed.
    """
    package, name = _split(type_name)
    try:
        found: type[Any] = getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise DefinitionError(f"message type {type_name!r} is not installed here ({error})") from error
    return found


@functools.cache
def message_definition(type_name: str) -> str:
    """Definition of `package/msg/Name` with all its dependencies, each once, in the order they are first used.

    Raises:
        DefinitionError: the type or one that it uses is not installed.
    """
    texts: dict[str, str] = {}
    waiting = [type_name]
    while waiting:
        current = waiting.pop(0)
        if current not in texts:
            texts[current] = definition_from_files(current) or definition_from_class(current)
            waiting.extend(_dependencies(texts[current], _split(current)[0]))
    parts = [texts.pop(type_name)]
    for name, text in texts.items():
        package, message = _split(name)
        parts.append(f"{_SEPARATOR}\nMSG: {package}/{message}\n{text}")
    return "\n".join(part.rstrip("\n") for part in parts) + "\n"


def definition_from_files(type_name: str) -> str | None:
    """The text of the type's `.msg` file, None if no prefix has one."""
    package, name = _split(type_name)
    for prefix in _prefixes(package):
        path = prefix / "share" / package / "msg" / f"{name}.msg"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return None


def definition_from_class(type_name: str) -> str:
    """Fields of the type, one a line, from its Python class; constants and defaults are not in it.

    Raises:
        DefinitionError: the type is not installed.
    """
    declared: dict[str, str] = message_class(type_name).get_fields_and_field_types()
    return "".join(f"{_msg_type(kind)} {name}\n" for name, kind in declared.items())


def _split(type_name: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\w+)/msg/(\w+)", type_name)
    if match is None:
        raise DefinitionError(f"message type {type_name!r}: allowed is package/msg/Name")
    return match[1], match[2]


def _prefixes(package: str) -> Iterator[Path]:
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        yield Path(prefix)
    try:
        module = importlib.import_module(package)
    except ImportError:
        pass
    else:
        yield from Path(module.__file__ or "").resolve().parents
    yield Path(sys.prefix)


def _msg_type(kind: str) -> str:
    """`sequence<double, 9>` to `float64[<=9]`, `double[36]` to `float64[36]`, `boolean` to `bool`."""
    if match := re.fullmatch(r"sequence<(.+?)(?:, (\d+))?>", kind):
        return f"{_msg_type(match[1])}[{'<=' + match[2] if match[2] else ''}]"
    if match := re.fullmatch(r"(.+)\[(\d+)\]", kind):
        return f"{_msg_type(match[1])}[{match[2]}]"
    if match := re.fullmatch(r"(w?string)<(\d+)>", kind):
        return f"{match[1]}<={match[2]}"
    return _IDL_NAMES.get(kind, kind)


def _dependencies(text: str, package: str) -> Iterator[str]:
    """Types used by a definition, as `package/msg/Name`, in order."""
    for line in text.splitlines():
        declaration = line.split("#", 1)[0].strip()
        if not declaration:
            continue
        base = re.split(r"[\[<]", declaration.split()[0], maxsplit=1)[0]
        if base in _PRIMITIVES:
            continue
        parts = base.split("/")
        yield f"{parts[0] if len(parts) > 1 else package}/msg/{parts[-1]}"
