"""The message for a derivative that is wrong."""

from __future__ import annotations

from typing import Any

from tinygraph.testing.arguments import Array

__all__ = ["GradientError", "by_derivatives", "check_form", "report"]


class GradientError(AssertionError):
    """A derivative that finite differences contradict.

    Attributes:
        order: 1 for the derivative of the function, 2 for the derivative of its gradient, and so on; 0 for its value.
        where: the argument, or for a Jacobian-vector product the output, in words: `argument 1 (weights)["bias"]`.
        index: the element with the largest error.
        expected: its derivative by finite differences.
        got: its derivative by tinygraph.
    """

    def __init__(
        self, message: str, order: int, where: str, index: tuple[int, ...] = (), expected: Any = None, got: Any = None
    ) -> None:
        super().__init__(message)
        self.order = order
        self.where = where
        self.index = index
        self.expected = expected
        self.got = got


def by_derivatives(raised: Any) -> bool:
    """Return whether pytest leaves a function of the check out of its report, which ends at the line of the test then.

    Args:
        raised: pytest's description of the exception, as `__tracebackhide__` is given it.
    """
    return bool(raised.errisinstance(GradientError))


def check_form(order: int, where: str, expected: Array, got: Array) -> None:
    """Raise an error if a derivative or a value has another shape or dtype than expected."""
    __tracebackhide__ = by_derivatives
    for what, right, wrong in (("shape", expected.shape, got.shape), ("dtype", expected.dtype, got.dtype)):
        if right != wrong:
            message = (
                f"{where} has {what} {wrong} on Tensors, and {right} on arrays"
                if order == 0
                else f"order {order}: the gradient of {where} has {what} {wrong}, the argument {right}"
            )
            raise GradientError(message, order, where)


def report(
    order: int, where: str, index: tuple[int, ...], expected: Array, got: Array, wrong: int, at: Any = None
) -> str:
    """Return the message about the worst of the wrong elements.

    Args:
        order: 0 for the value of the function.
        where: the argument or the output, in words.
        index: the place of the worst element.
        expected, got: its derivative by finite differences, and by tinygraph.
        wrong: the number of wrong elements.
        at: the argument's value there, where the derivative is by one element.
    """
    right, found = expected[index].item(), got[index].item()
    off = abs(found - right) / abs(right) if right else abs(found)
    if order == 0:
        heading = f"{where} has another value on Tensors than on arrays"
    else:
        kind = "derivative" if order == 1 else "derivative of the gradient" if order == 2 else f"{order}-th derivative"
        heading = f"order {order}: the {kind} differs from finite differences, for {where}"
    place = "" if at is None else f", at {at:.6g}"
    return (
        f"{heading}\n"
        f"  element {index}{place}: expected {right:.12g}{' (finite differences)' if order else ''}, got {found:.12g} "
        f"({'relative' if right else 'absolute'} error {off:.1e})\n"
        f"  {wrong} of {got.size} elements are wrong"
    )
