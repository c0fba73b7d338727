"""Polynomials as vectors of coefficients, the highest power first: `np.polyval` and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.derivatives.table import composition, hint
from tinygraph.errors import UnsupportedError
from tinygraph.record import plain


def _array(item: Any) -> Any:
    return item if hasattr(item, "shape") else np.asarray(item)


def _coefficients(item: Any) -> Any:
    return np.atleast_1d(_array(item))


def _as_long_as(p: Any, other: Any) -> Any:
    """Coefficients with zeros for the powers that only another polynomial has."""
    missing = max(len(other) - len(p), 0)
    return np.concatenate([np.zeros(missing, p.dtype), p]) if missing else p


def _trimmed(p: Any) -> Any:
    """Coefficients from the first that is not 0."""
    there = np.flatnonzero(p)
    return p[there[0] if len(there) else -1 :]


@composition(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """A polynomial, its highest coefficient first, by Horner's rule."""
    p, x = _array(p), _array(x)
    y = np.zeros_like(plain(x))
    for place in range(p.shape[0]):
        y = y * x + p[place]
    return y


@composition(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """Sum of two polynomials."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    return _as_long_as(a1, a2) + _as_long_as(a2, a1)


@composition(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """Difference of two polynomials."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    return _as_long_as(a1, a2) - _as_long_as(a2, a1)


@composition(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Product of two polynomials, the zeros before their first coefficients left out."""
    return np.convolve(*[_trimmed(_coefficients(item)) for item in (a1, a2)])


@composition(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient of two polynomials, and the remainder, by long division."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    if u.ndim != 1 or v.ndim != 1:
        raise ValueError(f"polydiv: the coefficients must be vectors, got shapes {u.shape} and {v.shape}")
    rest, quotient = u, []
    for place in range(len(u) - len(v) + 1):
        share = rest[place] * (1 / v[0])
        quotient.append(share)
        rest = rest - np.concatenate([np.zeros(place), share * v, np.zeros(len(u) - len(v) - place)]).astype(rest.dtype)
    # As NumPy has it: what the division has made 0 is no coefficient any more.
    start = 0
    while start < len(rest) - 1 and np.allclose(plain(rest)[start], 0, rtol=1e-14):
        start += 1
    return np.stack(quotient) if quotient else np.zeros(1, rest.dtype), rest[start:]


@composition(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative of a polynomial."""
    if m < 0:
        raise ValueError(f"polyder: the order of the derivative must not be negative, got {m}")
    p = _array(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composition(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th integral of a polynomial, with constants of integration."""
    if m < 0:
        raise ValueError(f"polyint: the order of the integral must not be negative, got {m}")
    p = _array(p)
    constants = np.zeros(m) if k is None else np.broadcast_to(_coefficients(k), (m,))
    for place in range(int(m)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[place : place + 1]])
    return p


@composition(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots."""
    roots = np.atleast_1d(_array(seq_of_zeros))
    if roots.ndim != 1:
        raise UnsupportedError("poly: of a matrix it has no derivative here; give its eigenvalues, as a vector")
    if len(roots) == 0:
        return 1.0
    coefficients: Any = np.ones(1, roots.dtype)
    for place in range(len(roots)):
        factor = np.stack([np.ones((), roots.dtype)[()], -roots[place]])
        coefficients = np.convolve(coefficients, factor)
    return coefficients


@composition(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The polynomial of a degree that fits points best, by least squares."""
    if full or cov:
        raise UnsupportedError("polyfit: full=True and cov=True have no derivative here; only the coefficients have")
    x, y = _array(x) + 0.0, _array(y) + 0.0
    np.polyfit(plain(x), plain(y), deg, rcond, w=plain(w))  # NumPy says what does not fit, and warns
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = _array(w) + 0.0
        powers = powers * w[:, None]
        y = y * (w[:, None] if y.ndim == 2 else w)
    # Columns of length 1, and factors instead of normal equations, keep the digits.
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    fit = np.matmul(np.linalg.pinv(powers / scale), y)
    return fit / (scale if fit.ndim == 1 else scale[:, None])


hint(
    np.roots,
    "tinygraph has no derivative for the roots of a polynomial yet. By implicit differentiation that of a simple root "
    "r to the coefficient of x**k is -r**k / np.polyval(np.polyder(p), r); give it with @tg.primitive",
)
