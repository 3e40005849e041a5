"""What a mutant changes: each operator disables guards of one form, wherever that form stands.

`always`, `never`
    The condition of an `if`, a loop, a conditional expression or a filter, and the answer of a function that returns a
    bool: true, or false.
`without`
    One member is left out of a chain of `and`, `or` (but not of `x or "none"`), `&`, `|` or comparisons, of `min` or
    `max`, of a sum of lists of violations, of a set, and of a list or tuple that is iterated, searched or made of
    others.
`unbounded`
    One bound of `np.clip`, or of the range of a setting, is left out.
`nan`
    A comparison that NaN does not pass, `not a <= b`, becomes one that it passes, `a > b`.
`silent`
    A function that returns a violation, a list of them, or a reason as text never finds any.
`unchanged`
    A function whose result has the type of one of its parameters gives that back.
`skip`
    A call or an assignment to an attribute, made for its effect, is left out, but not in a constructor; so is the call
    of a method whose result is returned where None may be.
`reject`, `permit`
    In the table of reactions, `reject` is what ships for a fault, or may be chosen for it.
`follow`
    In the table of transitions, any state may follow a state.

Every node that fits is changed, so a new guard is covered as soon as it is written. Annotations and formatted text are
left alone.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
Node = ast.expr | ast.stmt

NOTHING = {"Violation | None": "None", "list[Violation]": "[]", "tuple[Violation, ...]": "()", "str": "''"}
"""What a function gives that finds nothing, by the annotation of its result."""
REACTIONS, TRANSITIONS = "dict[Fault, tuple[Reaction, ...]]", "dict[State, frozenset[State]]"
EXTREMES = ("min", "max", "np.minimum", "np.maximum")
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.Gt: ast.LtE}


@dataclass(frozen=True)
class Site:
    """A node with the qualified name of what it is in, and the function if it is in one.

    `counted`: if it is a list or a tuple, it is iterated or searched.
    """

    node: ast.AST
    scope: str
    function: FunctionNode | None
    counted: bool
    module: ast.Module

    @property
    def entry(self) -> int:
        """First line of the function that it is in, or is, with its decorators; 0 outside functions."""
        function = self.node if isinstance(self.node, FunctionNode) else self.function
        return 0 if function is None else min(node.lineno for node in (function, *function.decorator_list))


@dataclass(frozen=True)
class Replacement:
    """Source to stand where `first` begins and `last` ends."""

    first: Node
    last: Node
    text: str

    @property
    def place(self) -> tuple[int, int, int, int]:
        """First line and column in bytes, last line and column after the end."""
        return self.first.lineno, self.first.col_offset, self.last.end_lineno or 0, self.last.end_col_offset or 0


@dataclass(frozen=True)
class Change:
    """What an operator proposes: replacements, and what they come to at `line`, as text."""

    operator: str
    line: int
    old: str
    new: str
    replacements: tuple[Replacement, ...]


def text_of(node: ast.AST | None) -> str:
    """Source of a node on one line; empty for none."""
    return "" if node is None else " ".join(ast.unparse(node).split())


def counted_displays(module: ast.Module) -> set[ast.AST]:
    """The lists and tuples that are iterated, directly or by the name that a function gives them, or searched."""
    found: set[ast.AST] = set()
    for scope in ast.walk(module):
        if not isinstance(scope, FunctionNode | ast.Module):
            continue
        nodes = list(ast.walk(scope))
        iterated = [node.iter for node in nodes if isinstance(node, (ast.For, ast.comprehension))]
        names = {node.id for node in iterated if isinstance(node, ast.Name)}
        found.update(iterated)
        for node in nodes:
            if isinstance(node, ast.Assign) and text_of(node.targets[0]) in names:
                found.add(node.value)
            elif isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn)):
                found.update(node.comparators)
    return found


def _expression(operator: str, node: ast.expr, new: str, gone: ast.expr | ast.keyword | None = None) -> Change:
    """`node` becomes `new`; where that is `node` without `gone`, it is `gone` that is shown."""
    old, said = (text_of(node), new) if gone is None else (text_of(gone), "")
    return Change(operator, (gone or node).lineno, old, said, (Replacement(node, node, f"({new})"),))


def conditions(site: Site) -> Iterator[Change]:
    """`always` and `never`."""
    node, tests = site.node, []
    if isinstance(node, (ast.If, ast.IfExp, ast.While)):
        tests = [node.test]
    elif isinstance(node, ast.comprehension):
        tests = node.ifs
    elif isinstance(node, ast.Return) and node.value is not None and _result(site.function) == "bool":
        tests = [node.value]
    for test in tests:
        yield _expression("always", test, "True")
        yield _expression("never", test, "False")


def members(site: Site) -> Iterator[Change]:
    """`without`."""
    node = site.node
    if isinstance(node, ast.BoolOp) and not any(isinstance(value, ast.Constant) for value in node.values):
        for gone, rest in _without_each(node.values):
            left = rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
            yield _expression("without", node, text_of(left), gone)
    elif isinstance(node, ast.BinOp) and (isinstance(node.op, (ast.BitAnd, ast.BitOr)) or _adds_violations(site)):
        yield _expression("without", node, text_of(node.right), node.left)
        yield _expression("without", node, text_of(node.left), node.right)
    elif isinstance(node, ast.Compare) and len(node.ops) > 1:
        terms = [node.left, *node.comparators]
        yield _expression("without", node, text_of(ast.Compare(terms[1], node.ops[1:], terms[2:])), terms[0])
        yield _expression("without", node, text_of(ast.Compare(terms[0], node.ops[:-1], terms[1:-1])), terms[-1])
    elif isinstance(node, ast.Call) and text_of(node.func) in EXTREMES and len(node.args) > 1:
        for gone, rest in _without_each(node.args):
            yield _expression(
                "without", node, text_of(rest[0] if len(rest) == 1 else ast.Call(node.func, rest, [])), gone
            )
    elif isinstance(node, ast.Set):
        for gone, rest in _without_each(node.elts):
            yield _expression("without", node, text_of(ast.Set(rest)), gone)
    elif isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) > 1 and _is_counted(site, node.elts):
        for gone, rest in _without_each(node.elts):
            yield _expression("without", node, text_of(type(node)(rest, ast.Load())), gone)


def _without_each(nodes: Sequence[ast.expr]) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    for number, gone in enumerate(nodes):
        yield gone, [*nodes[:number], *nodes[number + 1 :]]


def _is_counted(site: Site, elements: Sequence[ast.expr]) -> bool:
    return site.counted or any(isinstance(element, ast.Starred) for element in elements)


def _adds_violations(site: Site) -> bool:
    return (
        isinstance(site.node, ast.BinOp)
        and isinstance(site.node.op, ast.Add)
        and _result(site.function) == "list[Violation]"
    )


def bounds(site: Site) -> Iterator[Change]:
    """`unbounded`."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    if text_of(node.func) == "np.clip":
        for number in (1, 2):
            given = [*node.args[:number], ast.Constant(None), *node.args[number + 1 :]]
            yield _expression("unbounded", node, text_of(ast.Call(node.func, given, node.keywords)))
    elif text_of(node.func) == "setting":
        for keyword in node.keywords:
            if keyword.arg in ("minimum", "maximum"):
                others = [other for other in node.keywords if other is not keyword]
                yield _expression("unbounded", node, text_of(ast.Call(node.func, node.args, others)), keyword)


def numbers(site: Site) -> Iterator[Change]:
    """`nan`."""
    node = site.node
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)) and _opposite(node.operand):
        yield _expression("nan", node, _opposite(node.operand))
    elif isinstance(node, ast.If) and text_of(node.body[0]) == "return None" and _opposite(node.test):
        yield _expression("nan", node.test, f"not ({_opposite(node.test)})")


def _opposite(node: ast.expr) -> str:
    """The opposite of a comparison by its operators, of a chain or of an `&` of them; empty for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd):
        left, right = _opposite(node.left), _opposite(node.right)
        return f"({left}) | ({right})" if left and right else ""
    if not isinstance(node, ast.Compare) or not all(type(op) in OPPOSITE for op in node.ops):
        return ""
    terms = [node.left, *node.comparators]
    pairs = zip(terms, node.ops, terms[1:], strict=False)
    return " or ".join(text_of(ast.Compare(left, [OPPOSITE[type(op)]()], [right])) for left, op, right in pairs)


def results(site: Site) -> Iterator[Change]:
    """`silent` and `unchanged`."""
    node = site.node
    if not isinstance(node, FunctionNode):
        return
    result, name, body = _result(node), f"def {node.name}", node.body
    if result in NOTHING:
        returned = [
            inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return) and inner.value is not None
        ]
        silent = [Replacement(value, value, f"({text_of(value)}) and {NOTHING[result]}") for value in returned]
        yield Change("silent", node.lineno, name, f"return {NOTHING[result]}", tuple(silent))
    for parameter in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        if result and text_of(parameter.annotation) == result:
            back = f"return {parameter.arg}"
            yield Change("unchanged", node.lineno, name, back, (Replacement(body[0], body[-1], back),))


def effects(site: Site) -> Iterator[Change]:
    """`skip`."""
    node, function = site.node, site.function
    if function is None or function.name == "__init__" or not isinstance(node, ast.stmt):
        return
    if isinstance(node, ast.Return):
        method = isinstance(node.value, ast.Call) and text_of(node.value.func).startswith("self.")
        if node.value is not None and method and _result(function).endswith("| None"):
            yield _expression("skip", node.value, "None")
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for number, (target, value) in enumerate(pairs):
            if isinstance(target, (ast.Attribute, ast.Subscript)):
                rest = [*pairs[:number], *pairs[number + 1 :]]
                targets, values = (ast.Tuple([pair[side] for pair in rest], ast.Load()) for side in (0, 1))
                assignment = Replacement(node, node, f"{text_of(targets)} = {text_of(values)}")
                yield Change("skip", node.lineno, f"{text_of(target)} = {text_of(value)}", "", (assignment,))
    elif _acts(node):
        yield Change("skip", node.lineno, text_of(node), "", (Replacement(node, node, "pass"),))


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    return isinstance(node, ast.AugAssign) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def tables(site: Site) -> Iterator[Change]:
    """`reject`, `permit` and `follow`."""
    node = site.node
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.value, ast.Dict):
        return
    table = text_of(node.annotation)
    for key, row in zip(node.value.keys, node.value.values, strict=True):
        entry = f"{text_of(key)}: {text_of(row)}"
        if table == REACTIONS:
            rejecting, permitting = f"(Reaction.REJECT, *{text_of(row)})", f"(*{text_of(row)}, Reaction.REJECT)"
            yield Change("reject", row.lineno, entry, "", (Replacement(row, row, rejecting),))
            if "Reaction.REJECT" not in _spelt_out(row, site.module):
                yield Change("permit", row.lineno, entry, "", (Replacement(row, row, permitting),))
        elif table == TRANSITIONS:
            yield Change("follow", row.lineno, entry, "", (Replacement(row, row, "frozenset(State)"),))


def _spelt_out(node: ast.AST, module: ast.Module) -> str:
    """Source of a node, and of what the names in it stand for."""
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    meant = [item.value for item in module.body if isinstance(item, ast.Assign) and text_of(item.targets[0]) in names]
    return " ".join([text_of(node), *(text_of(value) for value in meant)])


def _result(function: FunctionNode | None) -> str:
    return "" if function is None else text_of(function.returns)


OPERATORS: tuple[Callable[[Site], Iterator[Change]], ...] = (
    conditions,
    members,
    bounds,
    numbers,
    results,
    effects,
    tables,
)
