"""Derivatives of decompositions: Cholesky, QR, eigenvalues and singular values.

A call of the record has one result, so a decomposition is recorded as one flat array, its factors one after the other.
NumPy's results are slices of it.

The rules are the published formulas, for directions of steepest ascent: see `uphill`.

Factors that are not unique are those that NumPy found. LAPACK chooses the phase of a complex eigenvector, the common
phase of a pair of singular vectors, and the basis of the vectors that complete one (`svd` of rectangles, `qr` with
mode="complete"). The gradient of a loss that does not depend on this choice is right; the gradient of any other loss is
refused. Vectors of values that agree to rounding have no derivative, since any rotation among them is as good: the
gradient of a loss that reads them is infinite or NaN, and so are second derivatives through them. The gradient of a
loss that reads the values alone is right. A matrix without n eigenvectors (`eig`, `eigvals`) or without full rank
(`qr`) has no gradient.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from tinygraph.engine.operands import plain
from tinygraph.engine.orders import laid_out, layout_of
from tinygraph.engine.primitives import primitive
from tinygraph.engine.refusing import LinAlgError
from tinygraph.engine.table import composition, derivative
from tinygraph.errors import UnsupportedError
from tinygraph.functions.checks import CHECKS
from tinygraph.users_code.source import users_line

EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))
QRResult = type(np.linalg.qr(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))


def check_matrices(name: str, a: Any, square: bool = False) -> None:
    """Raise an error for an array that is neither a matrix nor a stack of matrices."""
    if a.ndim < 2 or (square and a.shape[-1] != a.shape[-2]):
        what = "square matrices" if square else "matrices"
        raise LinAlgError(
            f"{name}: the argument has shape {a.shape}; it takes {what}, in the last two axes ({users_line()})"
        )


def adjoint(a: Any) -> Any:
    """The conjugate transpose of each matrix."""
    turned = np.swapaxes(a, -1, -2)
    return np.conjugate(turned) if a.dtype.kind == "c" else turned


def uphill(formula: Any, g: Any, *args: Any) -> Any:
    """Return a rule's cotangent, by a formula for cotangents that point uphill.

    Between complex arrays the engine gives a rule the conjugate of the uphill direction, and takes a conjugate back.
    """
    return np.conjugate(formula(np.conjugate(g), *args)) if g.dtype.kind == "c" else formula(g, *args)


def packed(batch: tuple[int, ...], *parts: Any) -> Any:
    """Return a vector for each matrix of a stack of shape `batch`: the elements of all the parts."""
    return np.concatenate([np.reshape(part, (*batch, math.prod(part.shape[len(batch) :]))) for part in parts], axis=-1)


def unpacked(z: Any, *shapes: tuple[int, ...]) -> list[Any]:
    """The parts of these shapes that were packed into `z`."""
    ends = [0, *itertools.accumulate(math.prod(shape) for shape in shapes)]
    return [
        laid_out(np.reshape(z[..., start:end], (*z.shape[:-1], *shape)), "C")
        for (start, end), shape in zip(itertools.pairwise(ends), shapes, strict=True)
    ]


def real(a: Any) -> Any:
    """Return the parts of a packed array that are known to be real, as real numbers."""
    return np.real(a) if a.dtype.kind == "c" else a


def on_diagonal(a: Any) -> Any:
    """Diagonal matrices with the vectors of an array on their diagonals."""
    return a[..., None] * np.eye(a.shape[-1], dtype=a.dtype)


def lower_half(m: Any) -> Any:
    """The lower triangle of a matrix, with half of its diagonal: a Hermitian one is that and its adjoint."""
    n = m.shape[-1]
    return m * (np.tril(np.ones((n, n))) - 0.5 * np.eye(n)).astype(m.dtype)


def of_triangle(m: Any, UPLO: Any = "L") -> Any:  # noqa: N803 - NumPy's name
    """The cotangent of the triangle that NumPy reads of a Hermitian matrix, from that of the whole matrix."""
    return lower_half(m + adjoint(m)) if UPLO.upper() == "L" else adjoint(lower_half(m + adjoint(m)))


def divided(turn: Any, distance: Any, values: Any) -> Any:
    """Return the turn of vectors that a cotangent requests, divided by the distance of their values.

    A distance within the rounding errors of the values counts as 0. A turn of 0 divided by it is 0. Any other turn has
    no known limit, and is infinite.
    """
    size = np.max(plain(np.abs(values)), axis=-1, keepdims=True, initial=0)[..., None]
    none = np.abs(plain(distance)) <= np.finfo(values.dtype).eps * values.shape[-1] * size
    limit = np.where(plain(turn) == 0, np.inf, 0).astype(distance.dtype)
    return turn / np.where(none, limit, distance).astype(turn.dtype)


@primitive
def unchosen(cotangent: Any, turns: Any, g: Any, call: str, instead: str) -> Any:
    """Return a cotangent unchanged, once the loss is known not to change with LAPACK's free choice of a turn.

    Args:
        cotangent: an array of any shape.
        turns: the slope of the loss by each such turn.
        g: the cotangent behind these slopes; a slope within its rounding errors counts as 0.
        call: the function and its choice, for the message.
        instead: the way out, for the message.

    Raises:
        UnsupportedError: the loss changes with the choice.
    """
    turned, size = np.max(np.abs(turns), initial=0), np.max(np.abs(g), initial=0)
    if turned > np.sqrt(np.finfo(g.dtype).eps) * size:
        raise UnsupportedError(f"{call}, so a loss that changes with this choice has no gradient; {instead}")
    return cotangent


unchosen.derivative(lambda g, z, cotangent, turns, of, call, instead: g)
CHECKS.add(unchosen)


def phases(turn: Any) -> Any:
    """Return the slope of a loss by the phase of each vector, given the products of vectors and their cotangents."""
    return np.imag(plain(np.diagonal(turn, axis1=-2, axis2=-1)))


def without_completion(u: Any, u_bar: Any, k: int, call: str, instead: str) -> tuple[Any, Any]:
    """The first k vectors of a basis, and their cotangent with that of the other vectors moved into it.

    The other vectors complete the basis: they stay at right angles to the first k, and move as little as possible.
    """
    rest, rest_bar, u, u_bar = u[..., k:], u_bar[..., k:], u[..., :k], u_bar[..., :k]
    if rest.shape[-1] == 0:
        return u, u_bar
    turn = np.matmul(adjoint(rest), rest_bar)
    which = f"{call}: the vectors from number {k + 1} on are any that complete the first {k}"
    rest_bar = unchosen(rest_bar, plain(turn - adjoint(turn)), plain(rest_bar), which, instead)
    return u, u_bar - np.matmul(rest, np.matmul(adjoint(rest_bar), u))


def off_diagonal(n: int, dtype: Any) -> Any:
    """Ones everywhere but on the diagonal."""
    return 1 - np.eye(n, dtype=dtype)


def differences(values: Any) -> Any:
    """The matrix of values_j - values_i."""
    return values[..., None, :] - values[..., :, None]


# --- Cholesky ---------------------------------------------------------------------------------------------------------


def _cholesky(g: Any, z: Any, upper: bool) -> Any:
    if upper:
        return adjoint(_cholesky(adjoint(g), adjoint(z), False))
    middle = np.linalg.solve(adjoint(z), lower_half(np.matmul(adjoint(z), g)))
    return of_triangle(np.linalg.solve(adjoint(z), adjoint(middle)))


def _cholesky_a(g: Any, z: Any, a: Any, /, *, upper: bool = False) -> Any:
    """The cotangent of the triangle that NumPy reads; the other triangle counts as the same.

    Source: Murray, "Differentiation of the Cholesky decomposition" (2016), equation 9.
    """
    return uphill(_cholesky, g, z, upper)


derivative(np.linalg.cholesky, _cholesky_a)

# --- QR ---------------------------------------------------------------------------------------------------------------


@primitive
def qr_packed(a: Any, mode: str) -> Any:
    """Q and R of matrices that have at least as many rows as columns; Q may be completed to a square matrix."""
    q, r = np.linalg.qr(a, mode)  # type: ignore[call-overload]
    return packed(a.shape[:-2], q, r[..., : a.shape[-1], :])


def qr_cotangent(g: Any, z: Any, shape: tuple[int, ...], mode: str) -> Any:
    """Source: Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010), section 3.2."""
    m, n = shape[-2:]
    width = m if mode == "complete" else n
    q, r = unpacked(z, (m, width), (n, n))
    q_bar, r_bar = unpacked(g, (m, width), (n, n))
    q, q_bar = without_completion(q, q_bar, n, "linalg.qr", "use mode='reduced'")
    half = lower_half(np.matmul(r, adjoint(r_bar)) - np.matmul(adjoint(q_bar), q))
    return adjoint(np.linalg.solve(r, adjoint(q_bar + np.matmul(q, half + adjoint(half)))))


qr_packed.derivative(lambda g, z, a, mode: uphill(qr_cotangent, g, z, a.shape, mode), None)


@composition(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Orthonormal columns times a triangle."""
    check_matrices("linalg.qr", a)
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedError(
            f"linalg.qr: mode={mode!r} has no derivative here; mode='reduced', 'complete' and 'r' have one"
        )
    size = min(rows, columns)
    width = rows if mode == "complete" else size
    q, r = unpacked(qr_packed(a[..., :size], "complete" if width > size else "reduced"), (rows, width), (size, size))
    if columns > rows:
        r = np.concatenate([r, np.matmul(adjoint(q), a[..., size:])], axis=-1)
    if width > size:
        r = np.concatenate([r, np.zeros((*r.shape[:-2], width - size, columns), r.dtype)], axis=-2)
    lies = layout_of(a)
    if lies is not None and not lies.flags.c_contiguous and a.ndim > 2:
        r = laid_out(r, "K", np.triu(lies[..., : r.shape[-2], :]))  # NumPy's triangles keep the order of the matrices
    return r if mode == "r" else QRResult(q, r)


# --- eigenvalues ------------------------------------------------------------------------------------------------------


OF_PHASES = "read the absolute values of their elements, or projections v @ v.conj().T"


@primitive
def eigh_packed(a: Any, UPLO: Any) -> Any:  # noqa: N803
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    values, vectors = np.linalg.eigh(a, UPLO)
    return packed(a.shape[:-2], values, vectors)


def eigh_cotangent(g: Any, z: Any, UPLO: Any) -> Any:  # noqa: N803
    """Source: Giles, "Collected matrix derivative results" (2008), section 3.1, for Hermitian matrices."""
    n = _side(z)
    values, vectors = unpacked(z, (n,), (n, n))
    values_bar, vectors_bar = unpacked(g, (n,), (n, n))
    values = real(values)
    inner = np.matmul(adjoint(vectors), vectors_bar)
    if g.dtype.kind == "c":
        choice = "linalg.eigh: eigenvectors have any phase"
        inner = unchosen(inner, phases(inner), plain(vectors_bar), choice, OF_PHASES)
    turn = divided(inner * off_diagonal(n, g.dtype), differences(values), values)
    return of_triangle(np.matmul(np.matmul(vectors, turn + on_diagonal(values_bar)), adjoint(vectors)), UPLO)


def _side(z: Any) -> int:
    """The n of n values and n·n elements of vectors."""
    return math.isqrt(z.shape[-1])


eigh_packed.derivative(lambda g, z, a, triangle: uphill(eigh_cotangent, g, z, triangle))


@composition(np.linalg.eigh)
def eigh(a: Any, UPLO: Any = "L") -> Any:  # noqa: N803
    """Eigenvalues and eigenvectors of Hermitian matrices."""
    check_matrices("linalg.eigh", a)
    n = a.shape[-1]
    values, vectors = unpacked(eigh_packed(a, UPLO), (n,), (n, n))
    return EighResult(real(values), vectors)


def _eigvalsh_a(g: Any, z: Any, a: Any, UPLO: Any = "L") -> Any:  # noqa: N803
    """Source: Magnus, "On differentiating eigenvalues and eigenvectors" (1985), theorem 1."""
    vectors = np.linalg.eigh(a, UPLO).eigenvectors
    return of_triangle(np.matmul(vectors * g[..., None, :], adjoint(vectors)), UPLO)


derivative(np.linalg.eigvalsh, _eigvalsh_a)


@primitive
def eig_packed(a: Any) -> Any:
    """Eigenvalues and eigenvectors of length 1."""
    values, vectors = np.linalg.eig(a)
    return packed(a.shape[:-2], values, vectors)


def _eig(g: Any, z: Any) -> Any:
    """Source: Boeddeker, Hanebrink, Drude, Heymann and Haeb-Umbach, "On the computation of complex-valued gradients
    with application to statistically optimum beamforming" (2017), section 4.2.
    """  # fmt: skip
    n = _side(z)
    values, vectors = unpacked(z, (n,), (n, n))
    values_bar, vectors_bar = unpacked(g, (n,), (n, n))
    inner = np.matmul(adjoint(vectors), vectors_bar)
    if g.dtype.kind == "c":
        choice = "linalg.eig: complex eigenvectors have any phase"
        inner = unchosen(inner, phases(inner), plain(vectors_bar), choice, OF_PHASES)
    # An eigenvector moves at right angles to itself, for it stays of length 1.
    lengths = real(np.sum(vectors_bar * np.conjugate(vectors), axis=-2))[..., None, :]
    across = (inner - np.matmul(adjoint(vectors), vectors) * lengths) * off_diagonal(n, g.dtype)
    middle = divided(across, np.conjugate(differences(values)), values) + on_diagonal(values_bar)
    return np.linalg.solve(adjoint(vectors), np.matmul(middle, adjoint(vectors)))


eig_packed.derivative(lambda g, z, a: uphill(_eig, g, z))


@composition(np.linalg.eig)
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of square matrices."""
    check_matrices("linalg.eig", a)
    n = a.shape[-1]
    return EigResult(*unpacked(eig_packed(a), (n,), (n, n)))


@composition(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices. Their derivative takes the eigenvectors, in the same order."""
    return np.linalg.eig(a).eigenvalues


# --- singular values --------------------------------------------------------------------------------------------------


@primitive
def svd_packed(a: Any, full_matrices: bool) -> Any:
    """U, the singular values and Vᴴ, with as many vectors as the shorter side is long, or with complete bases."""
    u, values, vh = np.linalg.svd(a, full_matrices=full_matrices)
    return packed(a.shape[:-2], u, values, vh)


def svd_shapes(shape: tuple[int, ...], full_matrices: bool) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of U, the singular values and Vᴴ."""
    m, n = shape[-2:]
    k = min(m, n)
    return ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))


def svd_cotangent(g: Any, z: Any, shape: tuple[int, ...], full_matrices: bool) -> Any:
    """Source: Townsend, "Differentiating the singular value decomposition" (2016), section 2.

    For complex matrices: Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019).
    """
    m, n = shape[-2:]
    k = min(m, n)
    u, values, vh = unpacked(z, *svd_shapes(shape, full_matrices))
    u_bar, values_bar, vh_bar = unpacked(g, *svd_shapes(shape, full_matrices))
    u, u_bar = without_completion(u, u_bar, k, "linalg.svd", "use full_matrices=False")
    v, v_bar = without_completion(adjoint(vh), adjoint(vh_bar), k, "linalg.svd", "use full_matrices=False")
    vh, vh_bar = adjoint(v), adjoint(v_bar)
    values = real(values)
    turn_u, turn_v = np.matmul(adjoint(u), u_bar), np.matmul(vh, adjoint(vh_bar))
    if g.dtype.kind == "c":
        choice = "linalg.svd: each pair of complex singular vectors has any phase in common"
        turn_u = unchosen(turn_u, phases(turn_u + turn_v), plain(g), choice, OF_PHASES)
    skew_u, skew_v = turn_u - adjoint(turn_u), turn_v - adjoint(turn_v)
    distance = differences(values)
    by_u, by_v = (divided(skew * off_diagonal(k, g.dtype), distance, values) for skew in (skew_u, skew_v))
    sums = values[..., None, :] + values[..., :, None]
    middle = (by_u * values[..., None, :] + values[..., :, None] * by_v) / np.where(sums == 0, 1, sums)
    middle = middle + on_diagonal(values_bar)
    if g.dtype.kind == "c":
        middle = middle + divided(skew_u * np.eye(k, dtype=g.dtype), 2 * values[..., None, :], values)
    result = np.matmul(np.matmul(u, middle), vh)
    if m > k:
        outside = u_bar - np.matmul(u, turn_u)
        result = result + np.matmul(divided(outside, values[..., None, :], values), vh)
    if n > k:
        outside = vh_bar - np.matmul(adjoint(turn_v), vh)
        result = result + np.matmul(u, divided(outside, values[..., :, None], values))
    return result


svd_packed.derivative(lambda g, z, a, full_matrices: uphill(svd_cotangent, g, z, a.shape, full_matrices), None)


@composition(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """Singular values, and the vectors on both sides."""
    check_matrices("linalg.svd", a)
    if hermitian:
        return _svd_of_hermitian(a, compute_uv)
    if not compute_uv:
        return np.linalg.svdvals(a)
    full_matrices = bool(full_matrices) and a.shape[-2] != a.shape[-1]
    u, values, vh = unpacked(svd_packed(a, full_matrices), *svd_shapes(a.shape, full_matrices))
    return SVDResult(u, real(values), vh)


def _svd_of_hermitian(a: Any, compute_uv: bool) -> Any:
    """From the eigenvalues, the largest in size first, as NumPy computes it."""
    if not compute_uv:
        return np.sort(np.abs(np.linalg.eigvalsh(a)), axis=-1)[..., ::-1]
    values, vectors = np.linalg.eigh(a)
    order = np.argsort(np.abs(plain(values)), axis=-1)[..., ::-1]
    values, u = np.take_along_axis(values, order, axis=-1), np.take_along_axis(vectors, order[..., None, :], axis=-1)
    signs = np.copysign(1, plain(values)).astype(values.dtype)
    return SVDResult(u, values * signs, adjoint(u * signs[..., None, :]))


def _svdvals_x(g: Any, z: Any, x: Any) -> Any:
    """Source: Townsend, "Differentiating the singular value decomposition" (2016), section 2."""
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return np.matmul(u * g[..., None, :], vh)


derivative(np.linalg.svdvals, _svdvals_x)
