"""Small faults, one at a time, in the functions and constants of a module: what mutation testing plants.

Left alone are type annotations, docstrings, decorators, default values, and words that only people read.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"all": "any", "any": "all", "min": "max", "max": "min"}
UNTOUCHED = {"annotation", "returns", "args", "decorator_list"}
SPOKEN = {"_", "gettext", "ngettext", "gettext_lazy"}
Step = tuple[str, int | None]
Functions = ast.FunctionDef | ast.AsyncFunctionDef
Change = Callable[[Any], ast.AST | None]


@dataclass(frozen=True)
class Mutant:
    """``owner`` is the qualified name of the outermost function it is in, or empty for a constant of the module."""

    line: int
    owner: str
    what: str
    path: tuple[Step, ...]
    change: Change

    def build(self, source: str) -> ast.Module:
        """The module with this fault in it."""
        tree = ast.parse(source)
        _put(tree, self.path, self.change(_follow(tree, self.path)))
        return ast.fix_missing_locations(tree)


def make_mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's source, in the order of its lines."""
    tree = ast.parse(source)
    for path, owner in _places(tree):
        node = _follow(tree, path)
        for what, change in _faults(node, bool(owner)):
            yield Mutant(getattr(node, "lineno", 0), owner, what, path, change)


def _places(tree: ast.Module) -> Iterator[tuple[tuple[Step, ...], str]]:
    """(path, outermost function) of every node that may be changed."""
    for index, statement in enumerate(tree.body):
        at: tuple[Step, ...] = (("body", index),)
        if isinstance(statement, Functions):
            yield from _within(statement, at, statement.name)
        elif isinstance(statement, ast.ClassDef):
            for inner, item in enumerate(statement.body):
                if isinstance(item, Functions):
                    yield from _within(item, (*at, ("body", inner)), f"{statement.name}.{item.name}")
        elif constant_of(statement):
            yield from _walk(statement.value, (*at, ("value", None)), "")  # type: ignore[attr-defined]


def constant_of(statement: ast.stmt) -> str:
    """The name of the module's constant that a statement gives a value, or nothing."""
    if isinstance(statement, ast.AnnAssign) and statement.value is not None and isinstance(statement.target, ast.Name):
        return statement.target.id
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""


def _within(function: Functions, at: tuple[Step, ...], owner: str) -> Iterator[tuple[tuple[Step, ...], str]]:
    for index, statement in enumerate(function.body):
        if index == 0 and ast.get_docstring(function) is not None:
            continue
        yield from _walk(statement, (*at, ("body", index)), owner)


def _walk(node: ast.AST, at: tuple[Step, ...], owner: str) -> Iterator[tuple[tuple[Step, ...], str]]:
    if isinstance(node, ast.JoinedStr) or _is_spoken(node):
        return
    yield at, owner
    # What an error says is for people.
    for step, child in () if isinstance(node, ast.Raise) else _children(node):
        yield from _walk(child, (*at, step), owner)


def _children(node: ast.AST) -> Iterator[tuple[Step, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in UNTOUCHED and not isinstance(node, ast.Call):
            continue
        items: list[tuple[int | None, Any]] = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
        yield from (((name, index), item) for index, item in items if isinstance(item, ast.AST))


def _is_spoken(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPOKEN


def _follow(tree: ast.AST, path: tuple[Step, ...]) -> Any:
    node: Any = tree
    for name, index in path:
        node = getattr(node, name)
        node = node if index is None else node[index]
    return node


def _put(tree: ast.Module, path: tuple[Step, ...], changed: ast.AST | None) -> None:
    if changed is None:
        return
    parent = _follow(tree, path[:-1])
    name, index = path[-1]
    if index is None:
        setattr(parent, name, changed)
    else:
        getattr(parent, name)[index] = changed


# Faults. A change edits the node it is given, or returns another to stand in its place.


def _faults(node: ast.AST, in_function: bool) -> Iterator[tuple[str, Change]]:
    for kinds, faults_of in FAULTS.items():
        if isinstance(node, kinds) and (in_function or not issubclass(kinds[0], ast.stmt)):
            yield from faults_of(node)


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, Change]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} becomes {not value}", _set("value", not value)
    elif isinstance(value, int | float):
        yield f"{value} becomes {value + 1}", _set("value", value + 1)
    elif isinstance(value, str | bytes):
        other: str | bytes = value + "X" if isinstance(value, str) else value + b"X"
        yield f"{value!r} becomes {other!r}", _set("value", other)


def _of_comparison(node: ast.Compare) -> Iterator[tuple[str, Change]]:
    for index, operator in enumerate(node.ops):
        other = COMPARISONS[type(operator)]
        yield _told(node, f"{type(operator).__name__} becomes {other.__name__}"), _operator(index, other)


def _of_and_or(node: ast.BoolOp) -> Iterator[tuple[str, Change]]:
    other = ast.Or if isinstance(node.op, ast.And) else ast.And
    yield _told(node, f"becomes {other.__name__.lower()}"), _set("op", other())
    for index, value in enumerate(node.values):
        yield _told(value, "left out of and/or"), _drop("values", index)


def _of_set(node: ast.Set) -> Iterator[tuple[str, Change]]:
    for index, item in enumerate(node.elts):
        if len(node.elts) > 1:
            yield _told(item, "left out of the set"), _drop("elts", index)


def _of_arithmetic(node: ast.BinOp) -> Iterator[tuple[str, Change]]:
    if type(node.op) in ARITHMETIC:
        yield _told(node, "other arithmetic"), _set("op", ARITHMETIC[type(node.op)]())


def _of_sign(node: ast.UnaryOp) -> Iterator[tuple[str, Change]]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield _told(node, "sign or not left out"), lambda given: given.operand


def _of_name(node: ast.Name) -> Iterator[tuple[str, Change]]:
    if isinstance(node.ctx, ast.Load) and node.id in NAMES:
        yield _told(node, f"becomes {NAMES[node.id]}"), _set("id", NAMES[node.id])


def _of_test(node: Any) -> Iterator[tuple[str, Change]]:
    yield _told(node.test, "negated"), _negate


def _of_comprehension(node: ast.comprehension) -> Iterator[tuple[str, Change]]:
    for index, condition in enumerate(node.ifs):
        yield _told(condition, "condition left out"), _drop("ifs", index)


def _of_return(node: ast.Return) -> Iterator[tuple[str, Change]]:
    if not _is_none(node.value):
        yield _told(node, "returns nothing"), _set("value", None)


def _of_jump(node: ast.stmt) -> Iterator[tuple[str, Change]]:
    other = ast.Break if isinstance(node, ast.Continue) else ast.Continue
    yield f"becomes {other.__name__.lower()}", lambda given: ast.copy_location(other(), given)


def _of_statement(node: ast.stmt) -> Iterator[tuple[str, Change]]:
    if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call | ast.Yield | ast.YieldFrom):
        return
    if isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Attribute | ast.Subscript):
        return
    yield _told(node, "left out"), lambda given: ast.copy_location(ast.Pass(), given)


FAULTS: dict[tuple[type[ast.AST], ...], Callable[[Any], Iterator[tuple[str, Change]]]] = {
    (ast.Constant,): _of_constant,
    (ast.Compare,): _of_comparison,
    (ast.BoolOp,): _of_and_or,
    (ast.BinOp,): _of_arithmetic,
    (ast.Set,): _of_set,
    (ast.UnaryOp,): _of_sign,
    (ast.Name,): _of_name,
    (ast.IfExp,): _of_test,
    (ast.If, ast.While): _of_test,
    (ast.comprehension,): _of_comprehension,
    (ast.Return,): _of_return,
    (ast.Continue, ast.Break): _of_jump,
    (ast.Raise, ast.Expr, ast.AugAssign, ast.Assign): _of_statement,
}


def _is_none(value: ast.AST | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _told(node: ast.AST, what: str) -> str:
    text = " ".join(ast.unparse(node).split())
    return f"{text[:90]}: {what}"


def _set(name: str, value: Any) -> Change:
    def change(node: Any) -> None:
        setattr(node, name, value)

    return change


def _operator(index: int, other: type[ast.cmpop]) -> Change:
    def change(node: Any) -> None:
        node.ops[index] = other()

    return change


def _drop(name: str, index: int) -> Change:
    def change(node: Any) -> ast.AST | None:
        items = getattr(node, name)
        del items[index]
        return items[0] if isinstance(node, ast.BoolOp) and len(items) == 1 else None

    return change


def _negate(node: Any) -> None:
    test = node.test
    node.test = ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def codes_of(code: CodeType) -> Iterator[CodeType]:
    """The code of a module and of everything defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)
