"""Small mistakes, made one at a time in a module's syntax tree.

Annotations, decorators, defaults, assertions and the wording of messages are left alone: the type
checker, or nobody, judges those.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "surehold"

#: What a reader sees of a mutant is the largest piece around it that is not longer.
_SHOWN: Final = 120

_COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLED: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "sorted": "list",
    "reversed": "list",
}
#: Each keyword of these is a fact that somebody wants written.
_WRITERS: Final = frozenset({"replace", "change_order"})
_CODE: Final = re.compile(r"[a-z][a-z_]*").fullmatch
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_NOT_A_TABLE: Final = frozenset({"TypeVar", "NewType", "ParamSpec"})


class Mutant(msgspec.Struct, frozen=True):
    """One mistake. ``where`` is a function, or the name of a table; a line is 1 or more."""

    module: str
    where: str
    before: str
    after: str
    #: 1, or more when a function holds the same piece several times.
    number: int
    first_line: int
    last_line: int
    is_table: bool

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What it is known by: not its line, which moves with every change above it."""
        return (self.module, self.where, self.before, self.after, self.number)

    def __str__(self) -> str:
        place = f"{self.module}:{self.first_line} {self.where}"
        return f"{place}: {self.before}  =>  {self.after}" + (
            f"  (number {self.number})" if self.number > 1 else ""
        )


class _Edit(msgspec.Struct, frozen=True):
    """A piece of the tree and what stands there instead."""

    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    @contextmanager
    def made(self) -> Iterator[None]:
        old = self._swap(self.new)
        try:
            yield
        finally:
            self._swap(old)

    def _swap(self, new: ast.AST) -> ast.AST:
        value = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, new)
            return value  # type: ignore[no-any-return]  # the tree's fields are not typed
        old = value[self.index]
        value[self.index] = new
        return old  # type: ignore[no-any-return]  # the same


class Source:
    """A module's tree and its mutants, always in the same order."""

    def __init__(self, module: str, text: str | None = None) -> None:
        self.path = PACKAGE / module
        self.tree = ast.parse(self.path.read_text("utf-8") if text is None else text)
        self.mutants: list[Mutant] = []
        self._edits: list[_Edit] = []
        counted: Counter[tuple[str, str, str]] = Counter()
        for edit, above in _edits(self.tree, ()):
            statement = _statement(above)
            where, is_table = _place(above)
            before, after = _shown(edit, above)
            counted[where, before, after] += 1
            top = _top_expression(edit, above, statement)
            self._edits.append(edit)
            self.mutants.append(
                Mutant(
                    module,
                    where,
                    before,
                    after,
                    counted[where, before, after],
                    top.lineno,
                    top.end_lineno or top.lineno,
                    is_table,
                )
            )

    def mutated(self, index: int) -> ast.Module:
        """A copy of the tree with one of the mistakes in it."""
        with self._edits[index].made():
            return ast.fix_missing_locations(copy.deepcopy(self.tree))


def _edits(
    node: ast.AST, above: tuple[ast.AST, ...]
) -> Iterator[tuple[_Edit, tuple[ast.AST, ...]]]:
    """Every edit below a node, with what is above the edited piece, outermost first."""
    above = (*above, node)
    for field, index, child in _children(node):
        if _is_left_alone(node, field, child):
            continue
        for new in _replacements(child, above, field):
            yield _Edit(node, field, index, ast.copy_location(new, child)), above
        yield from _edits(child, above)


def _children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield field, index, child


def _is_left_alone(node: ast.AST, field: str, child: ast.AST) -> bool:
    if field in {"annotation", "returns", "decorator_list", "args"} and isinstance(
        node, (*_FUNCTIONS, ast.AnnAssign, ast.arg, ast.Lambda, ast.ClassDef)
    ):
        return True
    if isinstance(child, (ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)):
        return True
    if isinstance(node, ast.ClassDef) and not isinstance(child, _FUNCTIONS):
        return True  # fields, their defaults, members of an enum: facts of types
    if isinstance(node, ast.Module):
        return not _is_mutable(child)
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def _is_mutable(child: ast.AST) -> bool:
    """Whether a statement of a module is a table, a function or a class."""
    if isinstance(child, (ast.Assign, ast.AnnAssign)):
        called = child.value.func if isinstance(child.value, ast.Call) else None
        target = child.targets[0] if isinstance(child, ast.Assign) else child.target
        return (
            isinstance(target, ast.Name)
            and target.id != "__all__"
            and not (isinstance(called, ast.Name) and called.id in _NOT_A_TABLE)
        )
    return isinstance(child, (*_FUNCTIONS, ast.ClassDef))


def _replacements(node: ast.AST, above: tuple[ast.AST, ...], field: str) -> Iterator[ast.AST]:
    """Everything that may stand instead of a node."""
    parent = above[-1]
    yield from _of_operators(node)
    yield from _of_constants(node, above, field)
    yield from _of_calls(node)
    yield from _of_collections(node, above, field)
    yield from _of_statements(node, parent)
    is_plain = isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.BoolOp, ast.Subscript))
    if field == "test" and is_plain and isinstance(parent, (ast.If, ast.IfExp, ast.While)):
        yield ast.UnaryOp(ast.Not(), node)


def _of_operators(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for place, op in enumerate(ops):
                changed = [*ops]
                changed[place] = _COMPARED[type(op)]()
                yield _with(node, ops=changed)
        case ast.BoolOp(values=values):
            for place in range(len(values)):
                rest = _without(values, place)
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.BinOp(op=op, left=left, right=right):
            if type(op) in _COMPUTED and not _is_text(left) and not _is_text(right):
                yield _with(node, op=_COMPUTED[type(op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand


def _of_constants(node: ast.AST, above: tuple[ast.AST, ...], field: str) -> Iterator[ast.AST]:
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str() as value):
            is_message = any(isinstance(one, ast.Raise) for one in above)
            is_key = isinstance(above[-1], ast.Dict) and field == "keys"
            if _CODE(value) and not is_message and not is_key:
                yield ast.Constant(f"not_{value}")


def _of_calls(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            yield _with(node, func=ast.copy_location(ast.Name(_CALLED[name], ast.Load()), node))
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name), keywords=keywords):
            for place, keyword in enumerate(keywords if name in _WRITERS else []):
                if keyword.arg is not None:
                    yield _with(node, keywords=_without(keywords, place))


def _of_collections(node: ast.AST, above: tuple[ast.AST, ...], field: str) -> Iterator[ast.AST]:
    is_table = not any(isinstance(one, _FUNCTIONS) for one in above)
    match node:
        case ast.Set(elts=elements) if len(elements) > 1:
            for place in range(len(elements)):
                yield _with(node, elts=_without(elements, place))
        case ast.Tuple(elts=elements) | ast.List(elts=elements) if len(elements) > 1:
            is_asked = field == "comparators" and _asks_in(above[-1])
            if is_asked or (is_table and field in {"value", "values"}):
                for place in range(len(elements)):
                    yield _with(node, elts=_without(elements, place))
        case ast.Dict(keys=keys, values=values) if is_table and len(keys) > 1:
            for place in range(len(keys)):
                yield _with(node, keys=_without(keys, place), values=_without(values, place))
                yield from _with_another_value(node, place)
        case ast.comprehension(ifs=[_, *_] as ifs):
            for place in range(len(ifs)):
                yield _with(node, ifs=_without(ifs, place))


def _with_another_value(table: ast.Dict, place: int) -> Iterator[ast.AST]:
    told = ast.dump(table.values[place])
    other = next((one for one in table.values if ast.dump(one) != told), None)
    if other is not None:
        yield _with(table, values=[*table.values[:place], other, *table.values[place + 1 :]])


def _of_statements(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.Delete():
            yield ast.Pass()
        case ast.AugAssign(op=op):
            yield ast.Pass()
            if type(op) in _COMPUTED:
                yield _with(node, op=_COMPUTED[type(op)]())
        case ast.Return() if not isinstance(parent, _FUNCTIONS):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def _without(values: list[Any], place: int) -> list[Any]:
    return [*values[:place], *values[place + 1 :]]


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _asks_in(node: ast.AST) -> bool:
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.In, ast.NotIn))


def _statement(above: tuple[ast.AST, ...]) -> ast.stmt:
    return next(one for one in reversed(above) if isinstance(one, (ast.stmt, ast.Module)))  # type: ignore[return-value]  # a module's own statements are tables, which are edited below


def _place(above: tuple[ast.AST, ...]) -> tuple[str, bool]:
    """The function's qualified name, outermost function only, or the table's name."""
    names: list[str] = []
    for node in above:
        if isinstance(node, ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, _FUNCTIONS):
            return ".".join([*names, node.name]), False
    target = above[1].targets[0] if isinstance(above[1], ast.Assign) else above[1].target  # type: ignore[attr-defined]  # see _is_mutable
    return target.id, True


def _top_expression(edit: _Edit, above: tuple[ast.AST, ...], statement: ast.AST) -> ast.expr:
    """The piece of the statement that holds the mistake, or the statement when it is that."""
    chain = [*above, getattr(edit.parent, edit.field)]
    if edit.index is not None:
        chain[-1] = chain[-1][edit.index]
    after = chain[chain.index(statement) + 1 :]
    return next((one for one in after if hasattr(one, "lineno")), statement)  # type: ignore[arg-type, return-value]  # both have lines


def _shown(edit: _Edit, above: tuple[ast.AST, ...]) -> tuple[str, str]:
    """The piece around a mistake before and after it."""
    old = getattr(edit.parent, edit.field)
    if edit.index is not None:
        old = old[edit.index]
    if isinstance(old, ast.Dict):
        return _shown_row(old, edit.new)
    if isinstance(old, ast.Set):
        gone = next(one for one in old.elts if one not in edit.new.elts)  # type: ignore[attr-defined]  # a set again
        return ast.unparse(gone), "(no such element)"
    shown: ast.AST = old
    for node in reversed(above):
        is_block = isinstance(getattr(node, "body", None), list) or isinstance(node, ast.Dict)
        if is_block or len(ast.unparse(node)) > _SHOWN:
            break
        shown = node
    before = ast.unparse(shown)
    if shown is old:
        return before, ast.unparse(edit.new)
    with edit.made():
        return before, ast.unparse(shown)


def _shown_row(old: ast.Dict, new: ast.AST) -> tuple[str, str]:
    """Of a table, the one row that is another, or gone."""
    assert isinstance(new, ast.Dict)
    rows, after = _rows(old), _rows(new)
    changed = [one for one in after if one not in rows]
    gone = [one for one in rows if one not in after]
    return gone[0], changed[0] if changed else "(no such row)"


def _rows(table: ast.Dict) -> list[str]:
    return [
        f"{ast.unparse(key) if key else '**'}: {ast.unparse(value)}"
        for key, value in zip(table.keys, table.values, strict=True)
    ]
