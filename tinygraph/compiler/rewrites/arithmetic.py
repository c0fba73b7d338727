"""Arithmetic: fewer and cheaper operations, by the rules that hold for floating-point numbers too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygraph.compiler.program.builder import Builder
from tinygraph.compiler.program.facts import facts_of
from tinygraph.compiler.program.predicates import is_choice_of_zero, is_zero
from tinygraph.compiler.program.rewriting import rewritten, rewritten_by_originals, steps_in, uses_of
from tinygraph.compiler.program.steps import Step
from tinygraph.graph import Graph


def number(item: Any) -> Any:
    """Return the value of a constant that is one number, else None."""
    kind = type(item)
    if kind is Step:
        value = item.value if item.is_constant else None
        return value.reshape(-1)[0].item() if value is not None and value.size == 1 else None
    return item if kind is int or kind is float else item.item() if isinstance(item, _NUMBERS) else None


_NUMBERS = (np.floating, np.integer)


def drop_identities(graph: Graph) -> Graph:
    """x * 1 -> x, x / 1 -> x, x + 0 -> x, x - 0 -> x, -(-x) -> x, a + (-b) -> a - b, a - (-b) -> a + b,
    (-x) * 2 -> x * -2, x / 8 -> x * 0.125 for powers of two, np.where(m, 0, x) -> np.where(~m, x, 0),
    conjugate(conjugate(z)) -> z, real(conjugate(z)) -> real(z), real(sum(conjugate(z))) -> real(sum(z)).

    -0.0 + 0 is 0.0, so 0 is added where x can be -0.0. x - 0 and x + (-0.0) are x. A gradient is multiplied by 1/3, and
    not divided by 3: this takes a third of the time, and another half unit in the last place. Values that the user
    computes stay what they were, since they may be compared, or rounded.
    """

    def change(builder: Builder, step: Step) -> Step | None:
        rule = _IDENTITIES.get(step.function) if not step.kwargs else None
        found = None if rule is None else rule(builder, step)
        if type(found) is not Step or found.shape != step.shape or found.dtype != step.dtype:
            return None
        return found

    return rewritten(graph, change)


def _negated(item: Any, dtype: Any) -> Any:
    """Return the operand of a negation in a dtype, or None. In a smaller dtype a number may have no negative."""
    return item.args[0] if type(item) is Step and item.function is np.negative and item.dtype == dtype else None


def _is_negative_zero(item: Any) -> bool:
    """Return whether a constant is -0.0."""
    return math.copysign(1.0, number(item).real) < 0


def _may_be_negative_zero(x: Any, depth: int = 8) -> bool:
    """Return whether a value may hold -0.0, as far as can be told from what computes it."""
    if type(x) is not Step:
        return not isinstance(x, int | float) or (x == 0 and math.copysign(1.0, x) < 0)
    if x.dtype.kind not in "fc":
        return False
    known = x.value if x.is_constant else None
    if known is not None and x.dtype.kind == "f":
        return bool(np.any(np.signbit(known) & (known == 0)))
    if facts_of(x.function).least >= 0:
        return x.dtype.kind == "c"
    if x.function in (np.add, np.subtract) and depth and x.dtype.kind == "f":
        # A sum is -0.0 where both are; and where x == y, x - y is 0.0.
        first, second = x.args
        second_may = x.function is np.subtract or _may_be_negative_zero(second, depth - 1)
        return second_may and _may_be_negative_zero(first, depth - 1)
    if x.function is np.multiply and x.args[0] is x.args[1]:
        return x.dtype.kind == "c"
    if facts_of(x.function).keeps_zeros and depth:
        return _may_be_negative_zero(x.args[0], depth - 1)
    return True


def _multiply(builder: Builder, step: Step) -> Any:
    x, y = step.args
    if number(y) == 1:
        return x
    if number(x) == 1:
        return y
    if number(y) == -1 and type(x) is Step and x.dtype == step.dtype:
        return builder.call(step, np.negative, x)
    if number(x) == -1 and type(y) is Step and y.dtype == step.dtype:
        return builder.call(step, np.negative, y)
    a, b = _negated(x, step.dtype), _negated(y, step.dtype)
    if a is not None and b is not None:
        return builder.call(step, np.multiply, a, b)
    if a is not None and type(y) in (int, float):
        return builder.call(step, np.multiply, a, -y)
    if b is not None and type(x) in (int, float):
        return builder.call(step, np.multiply, -x, b)
    return None


def _add(builder: Builder, step: Step) -> Any:
    x, y = step.args
    for item, other in ((x, y), (y, x)):
        if number(other) == 0 and (_is_negative_zero(other) or not _may_be_negative_zero(item)):
            return item
    if (b := _negated(y, step.dtype)) is not None:
        return builder.call(step, np.subtract, x, b)
    if (a := _negated(x, step.dtype)) is not None:
        return builder.call(step, np.subtract, y, a)
    return None


def _subtract(builder: Builder, step: Step) -> Any:
    x, y = step.args
    if number(y) == 0 and not (_is_negative_zero(y) and _may_be_negative_zero(x)):
        return x
    if (b := _negated(y, step.dtype)) is not None:
        return builder.call(step, np.add, x, b)
    return None


def _divide(builder: Builder, step: Step) -> Any:
    x, y = step.args
    divisor = number(y)
    if divisor == 1:
        return x
    if type(y) in (int, float) and step.dtype.kind in "fc" and 1e-30 < abs(y) < 1e30:
        is_power_of_two = np.frexp(abs(y))[0] == 0.5
        if is_power_of_two or (step.section == "backward" and step.shape and step.dtype.char in "fd"):
            return builder.call(step, np.multiply, x, 1 / y)
    return None


def _negative(builder: Builder, step: Step) -> Any:
    return _negated(step.args[0], step.dtype)


def _conjugate(builder: Builder, step: Step) -> Any:
    return _conjugated(step.args[0])


def _real(builder: Builder, step: Step) -> Any:
    x = step.args[0]
    if type(x) is Step and x.function is np.sum and (z := _conjugated(x.args[0])) is not None:
        return builder.call(step, np.real, builder.call(x, np.sum, z, *x.args[1:], **x.kwargs))
    z = _conjugated(x)
    return None if z is None else builder.call(step, np.real, z)


def _conjugated(item: Any) -> Any:
    """Return the operand of a complex conjugation, or None."""
    is_conjugate = type(item) is Step and item.function is np.conjugate and item.dtype.kind == "c"
    return item.args[0] if is_conjugate and not item.kwargs else None


# A mask of fewer elements is not turned round: its choice takes as long as the call.
TURNED = 1024


def _where(builder: Builder, step: Step) -> Any:
    mask, x, y = step.args if len(step.args) == 3 else (None, None, None)
    if step.size < TURNED or type(mask) is not Step or mask.dtype != bool or not is_zero(x):
        return None
    kept = mask.args[0] if mask.function is np.logical_not else builder.call(mask, np.logical_not, mask)
    turned = builder.call(step, np.where, kept, y, 0)
    return turned if is_choice_of_zero(turned) else None


_IDENTITIES: dict[Any, Callable[[Builder, Step], Any]] = {
    np.multiply: _multiply,
    np.add: _add,
    np.subtract: _subtract,
    np.divide: _divide,
    np.negative: _negative,
    np.positive: lambda builder, step: step.args[0],
    np.where: _where,
    np.conjugate: _conjugate,
    np.real: _real,
}


def gather_numbers(graph: Graph) -> Graph:
    """-(x * 0.5) -> x * -0.5, (x * 2) * 3 -> x * 6, (x * 0.5) * (y * -2) -> -(x * y), where nobody wants the parts.

    Products by powers of two stay the same number, others to rounding.
    """
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.function not in (np.multiply, np.negative) or step.kwargs or step.dtype.char not in "fd":
            return None
        factor, bases, dropped = (-1.0 if step.function is np.negative else 1.0), [], 0
        for item, old in zip(step.args, original.args, strict=True):
            if type(item) in (int, float):
                factor *= item
                continue
            base, scale = _scaled(item) if type(item) is Step and item.shape == step.shape else (item, 1.0)
            dropped += base is not item and uses[old.index] == 1
            factor *= scale
            bases.append(base)
        if not dropped or not 1e-30 < abs(factor) < 1e30 or any(getattr(x, "dtype", None) != step.dtype for x in bases):
            return None
        result = bases[0] if len(bases) == 1 else builder.call(step, np.multiply, *bases)
        if abs(factor) == 1 and (len(bases) == 2 or factor == -1):
            return builder.call(step, np.negative, result) if factor < 0 else result
        if len(bases) == 2 and dropped < 2:  # it would take as many calls
            return None
        return builder.call(step, np.multiply, result, factor)

    return rewritten_by_originals(graph, change)


def negate_sums(graph: Graph) -> Graph:
    """sum(-x, axis=1) -> -sum(x, axis=1), where nobody else wants -x: there are fewer sums than numbers."""
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if step.function is not np.sum or not set(step.kwargs) <= {"axis", "keepdims"} or step.dtype.kind != "f":
            return None
        x = _negated(step.args[0], step.dtype)
        if x is None or step.size == 1 or x.shape != step.args[0].shape or uses[original.args[0].index] != 1:
            return None
        return builder.call(step, np.negative, builder.call(step, np.sum, x, *step.args[1:], **step.kwargs))

    return rewritten_by_originals(graph, change)


def add_doubled(graph: Graph) -> Graph:
    """a + v * c + v * c -> a + (v * 2) * c, where v is a column or a row: v has fewer numbers to double than c."""
    uses = uses_of(graph)

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if not _is_sum(step):
            return None
        for (inner, term), (old_inner, old_term) in zip(
            (step.args, step.args[::-1]), (original.args, original.args[::-1]), strict=True
        ):
            if not _is_product(term) or term.shape != step.shape or uses[old_term.index] != 2:
                continue
            if not _is_sum(inner) or inner.shape != step.shape or inner.dtype != step.dtype:
                continue
            if uses[old_inner.index] != 1 or term not in inner.args:
                continue
            small, large = sorted(term.args, key=lambda factor: factor.size)
            if small.size < term.size:
                rest = inner.args[1 - inner.args.index(term)]
                doubled = builder.call(step, np.multiply, builder.call(step, np.multiply, small, 2.0), large)
                return builder.call(step, np.add, rest, doubled)
        return None

    return rewritten_by_originals(graph, change)


def _is_sum(step: Any) -> bool:
    """Return whether a step adds real numbers."""
    return type(step) is Step and step.function is np.add and not step.kwargs and step.dtype.char in "fd"


def _scaled(x: Step) -> tuple[Step, float]:
    """Return the operand that a step multiplies, and the number."""
    if x.function is np.negative and x.args[0].shape == x.shape:
        return x.args[0], -1.0
    if x.function is np.multiply and not x.kwargs:
        for item, other in (x.args, x.args[::-1]):
            plain = type(other) in (int, float) and other and math.isfinite(other)
            if plain and type(item) is Step and item.shape == x.shape and item.dtype == x.dtype:
                return item, float(other)
    return x, 1.0


def share_products(graph: Graph) -> Graph:
    """a = x * z; b = (x * y) * z  ->  a = x * z; b = a * y, where nobody else wants x * y."""
    uses = uses_of(graph)
    found: dict[frozenset[int], Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        if not _is_product(step):
            return None
        for inner, z, old in (*zip(step.args, step.args[::-1], original.args, strict=True),):
            if not _is_product(inner) or inner.shape != step.shape or uses[old.index] != 1:
                continue
            for x, y in (inner.args, inner.args[::-1]):
                shared = found.get(frozenset((x.index, z.index)))
                if shared is not None and shared.shape == step.shape and shared is not inner:
                    return builder.call(step, np.multiply, shared, y)
        step = builder.add(step)
        found[frozenset(item.index for item in step.args)] = step
        return step

    return rewritten_by_originals(graph, change)


def scale_once(graph: Graph) -> Graph:
    """g * (m * 0.5), g * (n * 0.5)  ->  h = g * 0.5; h * m, h * n, for counts m and n: those of np.maximum's gradients,
    2 where an operand is the larger one, 1 at a tie.
    """
    uses = uses_of(graph)
    found: Counter[Any] = Counter()
    for step in steps_in(graph):
        shares = _scaled_count(step, uses)
        if shares is not None:
            found[shares[0].index, shares[2]] += 1
    if not any([many > 1 for many in found.values()]):
        return graph
    scaled: dict[Any, Step] = {}

    def change(builder: Builder, step: Step, original: Step) -> Step | None:
        before, now = _scaled_count(original, uses), _scaled_count(step)
        if before is None or now is None or found[before[0].index, before[2]] < 2:
            return None
        g, m, scale = now
        if (g.index, scale) not in scaled:
            scaled[g.index, scale] = builder.call(step, np.multiply, g, scale)
        return builder.call(step, np.multiply, scaled[g.index, scale], m)

    return rewritten_by_originals(graph, change)


def _scaled_count(step: Step, uses: Counter[int] | None = None) -> tuple[Step, Step, float] | None:
    """Return g, m and 0.5 for g * (m * 0.5), with whole numbers m; None for another call, and if others want the inner
    product.
    """
    if step.function is not np.multiply or step.kwargs or step.dtype.char not in "fd" or len(step.args) != 2:
        return None
    for g, product in (step.args, step.args[::-1]):
        if type(g) is not Step or type(product) is not Step or product.function is not np.multiply or product.kwargs:
            continue
        m, item = product.args if getattr(product.args[0], "shape", ()) else product.args[::-1]
        scale = number(item)
        counts = type(m) is Step and m.dtype.char == "b" and type(scale) is float and 1e-30 < abs(scale) < 1e30
        alike = counts and g.shape == m.shape == step.shape and g.dtype == product.dtype == step.dtype
        if alike and (uses is None or uses[product.index] == 1):
            return g, m, scale
    return None


def _is_product(step: Any) -> bool:
    """Return whether a step is a product of two arrays of real numbers."""
    plain = type(step) is Step and step.function is np.multiply and not step.kwargs and step.dtype.char in "fd"
    return plain and all(type(item) is Step and item.dtype == step.dtype for item in step.args)


def powers_by_multiplication(graph: Graph) -> Graph:
    """x ** 2, x * x -> square(x), x ** 3 -> x * x * x, x ** 0.5 -> sqrt(x), x ** -1 -> 1 / x, x ** 1 -> x."""

    def change(builder: Builder, step: Step) -> Step | None:
        if step.kwargs or step.dtype.kind not in "fc":
            return None
        if step.function is np.multiply and step.args[0] is step.args[1]:
            return builder.call(step, np.square, step.args[0])
        if step.function is not np.power:
            return None
        x, exponent = step.args[0], number(step.args[1])
        if type(x) is not Step or x.shape != step.shape or x.dtype != step.dtype:
            return None
        if exponent == 1:
            return x
        if exponent == 2:
            return builder.call(step, np.square, x)
        if exponent == 3:
            return builder.call(step, np.multiply, builder.call(step, np.multiply, x, x), x)
        if exponent == 0.5:
            return builder.call(step, np.sqrt, x)
        return builder.call(step, np.reciprocal, x) if exponent == -1 else None

    return rewritten(graph, change)
