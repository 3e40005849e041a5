"""The mutants of a source file: one for each change that an operator proposes."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mutation.operators import OPERATORS, FunctionNode, Replacement, Site, counted_displays


@dataclass(frozen=True)
class Mutant:
    """One change of one file: `old` becomes `new`, or is left out where that is empty; `text` is the file with it.

    `entry` is the first line of the function that it is in, with its decorators; 0 outside functions.
    """

    file: str
    line: int
    function: str
    entry: int
    operator: str
    old: str
    new: str
    text: str

    @property
    def name(self) -> str:
        """`file:line operator`."""
        return f"{self.file}:{self.line} {self.operator}"

    @property
    def title(self) -> str:
        """The name and the change."""
        return f"{self.name}: {self.change}"

    @property
    def change(self) -> str:
        """What becomes what, or what is left out."""
        return f"{self.old}  ->  {self.new}" if self.new else self.old

    @cached_property
    def digest(self) -> str:
        """Of the file with the change."""
        return hashlib.sha256(f"{self.file}\n{self.text}".encode()).hexdigest()[:16]


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All mutants of one file, in the order of its lines; of those with the same text, the first."""
    found: dict[str, Mutant] = {}
    for site in _sites(ast.parse(text)):
        for change in (change for operate in OPERATORS for change in operate(site)):
            mutated = replaced(text, change.replacements)
            mutant = Mutant(file, change.line, site.scope, site.entry, change.operator, change.old, change.new, mutated)
            if mutated != text:
                found.setdefault(mutated, mutant)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def replaced(text: str, replacements: Sequence[Replacement]) -> str:
    """A source with nodes of its syntax tree replaced."""
    source = text.encode()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for replacement in sorted(replacements, key=lambda replacement: replacement.place, reverse=True):
        line_number, column, end_line, end_column = replacement.place
        begin, end = starts[line_number - 1] + column, starts[end_line - 1] + end_column
        source = source[:begin] + replacement.text.encode() + source[end:]
    return source.decode()


def _sites(module: ast.Module) -> Iterator[Site]:
    """Every node that may be changed."""
    counted = counted_displays(module)

    def visit(node: ast.AST, scope: tuple[str, ...], function: FunctionNode | None) -> Iterator[Site]:
        if isinstance(node, FunctionNode | ast.ClassDef):
            scope = (*scope, node.name)
        yield Site(node, ".".join(scope), function, node in counted, module)
        if isinstance(node, FunctionNode):
            function = node
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                told = name in ("annotation", "returns") or isinstance(child, ast.JoinedStr)
                if isinstance(child, ast.AST) and not told:
                    yield from visit(child, scope, function)

    return visit(module, (), None)
