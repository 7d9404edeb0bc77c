"""A small language for rules over columns: `min_fare <= fare and col["drop off"] != ""`.

Names, numbers, texts, + - * /, comparisons (chained too), `in`, `and`, `or`, `not` and
`col["any name"]`; nothing else. It is parsed by `ast`, checked against that list and evaluated
with Arrow's own functions: no code of the expression ever runs.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.errors import ConfigError
from monitor.profiles.casting import is_text, plain, to_micros, to_numbers

MAX_LENGTH = 2_000
MAX_NODES = 300

_ARITHMETIC: dict[type, Callable[..., Any]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: pc.divide,
}
_COMPARISONS: dict[type, Callable[..., Any]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression."""

    text: str
    tree: ast.expr
    columns: tuple[str, ...]  #: the columns that it names, in order of appearance

    def evaluate(self, columns: Mapping[str, pa.Array], rows: int) -> pa.BooleanArray:
        """True, false or null (not to be checked) for each row.

        Raises `ValueError` where the types of columns do not fit the expression.
        """
        try:
            result = _Evaluator(columns).visit(self.tree)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            msg = f"the types of its columns do not fit: {str(error).splitlines()[0]}"
            raise ValueError(msg) from error
        if not pa.types.is_boolean(result.type):
            msg = "it gives no true or false"
            raise ValueError(msg)
        return pa.array([result.as_py()] * rows) if isinstance(result, pa.Scalar) else result


def parse_expression(text: str) -> Expression:
    """Check an expression. Raises `ConfigError` that names what is not allowed."""
    if len(text) > MAX_LENGTH:
        msg = f"An expression may have {MAX_LENGTH} characters; this one has {len(text)}."
        raise ConfigError(msg)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        msg = f"The expression {text!r} cannot be read: {error}."
        raise ConfigError(msg) from error
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        msg = f"The expression {text[:80]!r}… is too long: split it into several rules."
        raise ConfigError(msg)
    checker = _Checker(text)
    checker.visit(tree)
    return Expression(text, tree, tuple(dict.fromkeys(checker.columns)))


class _Checker(ast.NodeVisitor):
    """Lets only listed nodes pass, and collects names of columns."""

    _plain = (
        ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd, ast.BinOp,
        ast.Compare, ast.In, ast.NotIn, ast.Load, *_ARITHMETIC, *_COMPARISONS,
    )  # fmt: skip

    def __init__(self, text: str) -> None:
        self.text, self.columns = text, list[str]()

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, self._plain):
            self._refuse(node)
        super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.columns.append(node.id)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, int | float | str):
            self._refuse(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        name = _subscript(node)
        if name is None:
            self._refuse(node)
        else:
            self.columns.append(name)

    def visit_Compare(self, node: ast.Compare) -> None:
        self.visit(node.left)
        for operator, right in zip(node.ops, node.comparators, strict=True):
            self.visit(operator)
            if not isinstance(operator, ast.In | ast.NotIn):
                self.visit(right)
            elif not isinstance(right, ast.Tuple | ast.List | ast.Set):
                self._refuse(right)
            else:
                for item in right.elts:
                    self.visit(item) if isinstance(item, ast.Constant) else self._refuse(item)

    def _refuse(self, node: ast.AST) -> None:
        piece = ast.get_source_segment(self.text.strip(), node) or type(node).__name__
        msg = (
            f"{piece!r} is not allowed in the expression {self.text!r}. "
            'Use columns (col["…"] for odd names), numbers, texts, + - * /, comparisons, in, '
            "and, or, not."
        )
        raise ConfigError(msg)


def _subscript(node: ast.Subscript) -> str | None:
    if not (isinstance(node.value, ast.Name) and node.value.id == "col"):
        return None
    key = node.slice
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


class _Evaluator(ast.NodeVisitor):
    """Values are Arrow arrays or scalars: float64, large_string or bool."""

    def __init__(self, columns: Mapping[str, pa.Array]) -> None:
        self.columns = columns
        self.times: set[int] = set()  # ids of arrays that are microseconds

    def generic_visit(self, node: ast.AST) -> Any:
        msg = f"{type(node).__name__} has no value"
        raise ValueError(msg)

    def visit_Name(self, node: ast.Name) -> Any:
        return self._column(node.id)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        return self._column(str(_subscript(node)))

    def _column(self, name: str) -> Any:
        if name not in self.columns:
            near = difflib.get_close_matches(name, list(self.columns), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            msg = f"there is no column {name!r}{hint}"
            raise ValueError(msg)
        array = plain(self.columns[name])
        kind = array.type
        if pa.types.is_boolean(kind) or is_text(kind):
            return array
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            micros = to_micros(array)[0].cast(pa.float64(), safe=False)
            self.times.add(id(micros))
            self._kept = micros  # an id is only good while its array lives
            return micros
        return _floats(to_numbers(array)[0])

    def visit_Constant(self, node: ast.Constant) -> Any:
        value: Any = node.value
        if isinstance(value, bool):
            return pa.scalar(value)
        text = isinstance(value, str)
        return pa.scalar(value, pa.large_string()) if text else pa.scalar(float(value))

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        left, right = (_number(self.visit(side)) for side in (node.left, node.right))
        return _ARITHMETIC[type(node.op)](left, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.visit(node.operand)
        if isinstance(node.op, ast.Not):
            return pc.invert(value)
        return pc.negate(_number(value)) if isinstance(node.op, ast.USub) else _number(value)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        join = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
        result = self.visit(node.values[0])
        for value in node.values[1:]:
            result = join(result, self.visit(value))
        return result

    def visit_Compare(self, node: ast.Compare) -> Any:
        left, result = self.visit(node.left), None
        for operator, comparator in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                right: Any = None
                found = self._among(left, comparator)
                one = pc.invert(found) if isinstance(operator, ast.NotIn) else found
            else:
                right = self.visit(comparator)
                one = _COMPARISONS[type(operator)](*self._alike(left, right))
            result = one if result is None else pc.and_kleene(result, one)
            left = right
        return result

    def _among(self, value: Any, node: ast.expr) -> Any:
        items = [self.visit(item) for item in getattr(node, "elts", [])]
        found: Any = pa.scalar(False)
        for item in items:
            found = pc.or_kleene(found, pc.equal(*self._alike(value, item)))
        return found

    def _alike(self, left: Any, right: Any) -> tuple[Any, Any]:
        """Both sides of one type: a text beside times is a time, beside numbers a number."""
        if left is None or right is None:
            msg = "a comparison cannot go on after `in`"
            raise ValueError(msg)
        if left.type == right.type:
            return left, right
        sides = [left, right]
        for at in (0, 1):
            one, other = sides[at], sides[1 - at]
            if is_text(one.type) and id(other) in self.times:
                sides[at] = _time(one)
            elif is_text(one.type) and pa.types.is_boolean(other.type):
                sides[1 - at] = other.cast(pa.large_string())
        if is_text(sides[0].type) and is_text(sides[1].type):
            return sides[0], sides[1]
        return _number(sides[0]), _number(sides[1])


def _time(value: Any) -> Any:
    array = value if isinstance(value, pa.Array) else pa.array([value.as_py()], pa.large_string())
    micros = to_micros(array)[0].cast(pa.float64(), safe=False)
    return micros if isinstance(value, pa.Array) else micros[0]


def _number(value: Any) -> Any:
    if pa.types.is_floating(value.type):
        return value
    if isinstance(value, pa.Array):
        return _floats(to_numbers(value)[0])
    return _floats(to_numbers(pa.array([value.as_py()], value.type))[0])[0]


def _floats(array: pa.Array) -> pa.Array:
    """As float64; NaN is null, which is not checked."""
    array = array.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
