"""Polynomials as vectors of coefficients, the highest power first: `np.polyval` and its kin, and `np.roots`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.operands import array_of, plain
from tinygraph.engine.orders import laid_out
from tinygraph.engine.primitives import primitive
from tinygraph.engine.table import composition


def _coefficients(item: Any) -> Any:
    return np.atleast_1d(array_of(item))


def _as_long_as(p: Any, other: Any) -> Any:
    """Coefficients with zeros for the higher powers of another polynomial."""
    missing = max(len(other) - len(p), 0)
    return np.concatenate([np.zeros(missing, p.dtype), p]) if missing else p


def _trimmed(p: Any) -> Any:
    """Coefficients from the first that is not 0."""
    there = np.flatnonzero(p)
    return p[there[0] if len(there) else -1 :]


@composition(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:  # noqa: N803 - NumPy's name
    """The powers of the elements of a vector, a row for each."""
    x = array_of(x)
    if x.ndim != 1:
        raise ValueError(f"vander: the array must have one axis, got shape {x.shape}")
    count = len(x) if N is None else N
    column = np.reshape(x, (-1, 1)).astype(np.promote_types(x.dtype, int))
    ones = np.ones((len(x), min(count, 1)), dtype=column.dtype)
    factors = np.broadcast_to(column, (len(x), max(count - 1, 0)))
    powers = np.concatenate([ones, np.cumprod(factors, axis=1)], axis=1)
    return powers if increasing else laid_out(powers[:, ::-1], "C")


@composition(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """A polynomial, its highest coefficient first, by Horner's rule."""
    p, x = array_of(p), array_of(x)
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
    rest, quotient = u.astype(np.result_type(u.dtype, v.dtype)), []
    for place in range(len(u) - len(v) + 1):
        share = rest[place] * (1 / v[0])
        quotient.append(share)
        around = [np.zeros(size, rest.dtype) for size in (place, len(u) - len(v) - place)]
        rest = rest - np.concatenate([around[0], share * v, around[1]])
    # As in NumPy: leading coefficients that the division made 0 are dropped.
    start = 0
    while start < len(rest) - 1 and np.allclose(plain(rest)[start], 0, rtol=1e-14):
        start += 1
    return np.stack(quotient) if quotient else np.zeros(1, rest.dtype), rest[start:]


@composition(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """The m-th derivative of a polynomial."""
    if m < 0:
        raise ValueError(f"polyder: the order of the derivative must not be negative, got {m}")
    p = array_of(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composition(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """The m-th integral of a polynomial, with constants of integration."""
    if m < 0:
        raise ValueError(f"polyint: the order of the integral must not be negative, got {m}")
    p = array_of(p)
    constants = np.zeros(m) if k is None else np.broadcast_to(_coefficients(k), (m,))
    for place in range(int(m)):
        p = np.concatenate([p / np.arange(len(p), 0, -1), constants[place : place + 1]])
    return p


@composition(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these roots, or of the characteristic polynomial of a matrix."""
    roots = np.atleast_1d(array_of(seq_of_zeros))
    if roots.ndim == 2 and roots.shape[0] == roots.shape[1] and roots.size:
        return characteristic(roots)
    if roots.ndim != 1:
        raise ValueError(f"poly: the argument must be a vector or a square matrix, got shape {roots.shape}")
    if len(roots) == 0:
        return 1.0
    roots = roots.astype(np.mintypecode(roots.dtype.char))
    coefficients: Any = np.ones(1, roots.dtype)
    for place in range(len(roots)):
        factor = np.stack([np.ones((), roots.dtype)[()], -roots[place]])
        coefficients = np.convolve(coefficients, factor)
    # Roots in conjugate pairs belong to a real polynomial.
    real = roots.dtype.kind == "c" and np.poly(plain(roots)).dtype.kind != "c"
    return np.real(coefficients) if real else coefficients


@primitive
def characteristic(a: Any) -> Any:
    """The coefficients of det(x - A), a polynomial in x."""
    return np.poly(a)


def _characteristic_a(g: Any, z: Any, a: Any) -> Any:
    """Regular where eigenvalues are equal, as the coefficients are polynomials in the elements of the matrix.

    Source: Gantmacher, "The theory of matrices" (1959), chapter IV, section 5, on the adjoint of x - A.
    """
    identity = np.eye(a.shape[0], dtype=z.dtype)
    cotangent: Any = np.zeros_like(identity)
    adjugate = identity
    for power in range(1, len(z)):
        cotangent = cotangent - g[power] * adjugate.T
        adjugate = np.matmul(a, adjugate) + z[power] * identity
    return cotangent


characteristic.derivative(_characteristic_a)


@primitive
def roots_of(p: Any) -> Any:
    """The roots of a polynomial, as NumPy finds them."""
    return np.roots(p)


def _roots_p(g: Any, z: Any, p: Any) -> Any:
    """Differentiate p(r) = 0 implicitly. A multiple root has no derivative: the result is an infinity."""
    powers = np.reshape(z, (-1, 1)) ** np.arange(len(p) - 1, -1, -1)
    return np.sum(np.reshape(-g / np.polyval(np.polyder(p), z), (-1, 1)) * powers, axis=0)


roots_of.derivative(_roots_p)


@composition(np.roots)
def roots(p: Any) -> Any:
    """The roots of a polynomial."""
    p = _coefficients(p)
    if p.ndim != 1:
        raise ValueError(f"roots: the coefficients must be a vector, got shape {p.shape}")
    return roots_of(p)


@composition(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """The polynomial of a degree that fits points best, by least squares."""
    x, y = array_of(x) + 0.0, array_of(y) + 0.0
    np.polyfit(*plain((x, y, deg, rcond, full, w, cov)))  # NumPy says what does not fit, and warns
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = array_of(w) + 0.0
        powers = powers * w[:, None]
        y = y * (w[:, None] if y.ndim == 2 else w)
    # Columns of length 1, and factors instead of normal equations, keep the digits.
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    fit, residuals, rank, sizes = np.linalg.lstsq(powers / scale, y, rcond)
    fit = fit / (scale if fit.ndim == 1 else scale[:, None])
    if full:
        return fit, residuals, rank, sizes, rcond
    if not cov:
        return fit
    scaled = powers / scale
    base = np.linalg.inv(np.matmul(scaled.T, scaled)) / np.outer(scale, scale)
    base = base if y.ndim == 1 else base[:, :, None]
    return fit, (base if isinstance(cov, str) else base * (residuals / (len(x) - int(deg) - 1)))
