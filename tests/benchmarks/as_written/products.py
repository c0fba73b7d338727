"""Products of matrices and vectors, as they are written."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def gemver(np: Any, a: Any, u1: Any, v1: Any, u2: Any, v2: Any, y: Any, z: Any, *, n: int) -> Any:
    """Two updates of rank one and two products."""
    a += np.outer(u1, v1) + np.outer(u2, v2)
    x = 1.2 * y @ a + z
    return 1.5 * a @ x


def gemver_jax(jax: Any, a: Any, u1: Any, v1: Any, u2: Any, v2: Any, y: Any, z: Any, *, n: int) -> Any:
    a = a + jax.numpy.outer(u1, v1) + jax.numpy.outer(u2, v2)
    x = 1.2 * y @ a + z
    return 1.5 * a @ x


def atax(np: Any, a: Any, x: Any, *, m: int, n: int) -> Any:
    """A product with a matrix, and one with its transpose."""
    return (a @ x) @ a


def atax_jax(jax: Any, a: Any, x: Any, *, m: int, n: int) -> Any:
    return (a @ x) @ a


def mvt(np: Any, a: Any, x1: Any, x2: Any, y1: Any, y2: Any, *, n: int) -> Any:
    """Two products that are added in place."""
    x1 += a @ y1
    x2 += y2 @ a
    return x1, x2


def mvt_jax(jax: Any, a: Any, x1: Any, x2: Any, y1: Any, y2: Any, *, n: int) -> Any:
    return x1 + a @ y1, x2 + y2 @ a


def syrk(np: Any, c: Any, a: Any, *, m: int, n: int) -> Any:
    """A symmetric update, row by row and column by column."""
    for i in range(n):
        c[i, : i + 1] *= 1.2
        for k in range(m):
            c[i, : i + 1] += 1.5 * a[i, k] * a[: i + 1, k]
    return c


def syrk_jax(jax: Any, c: Any, a: Any, *, m: int, n: int) -> Any:
    columns = jax.numpy.arange(n)

    def row(i: Any, c: Any) -> Any:
        below = columns <= i

        def term(k: Any, line: Any) -> Any:
            return line + jax.numpy.where(below, 1.5 * a[i, k] * a[:, k], 0.0)

        line = jax.numpy.where(below, 1.2 * c[i], c[i])
        return c.at[i].set(jax.lax.fori_loop(0, m, term, line))

    return jax.lax.fori_loop(0, n, row, c)


def k2mm(np: Any, a: Any, b: Any, c: Any, d: Any, *, n: int) -> Any:
    """Two products of matrices, one after the other."""
    return 1.5 * a @ b @ c + 1.2 * d


def k2mm_jax(jax: Any, a: Any, b: Any, c: Any, d: Any, *, n: int) -> Any:
    return 1.5 * a @ b @ c + 1.2 * d


def _gemver(rng: Any, n: int) -> Any:
    return (rng.random((n, n)) / n, *(rng.random(n) / n for _ in range(6)))


def _atax(rng: Any, m: int, n: int) -> Any:
    return rng.random((m, n)) / n, rng.random(n)


def _mvt(rng: Any, n: int) -> Any:
    return (rng.random((n, n)) / n, *(rng.random(n) for _ in range(4)))


def _syrk(rng: Any, m: int, n: int) -> Any:
    return rng.random((n, n)), rng.random((n, m))


def _k2mm(rng: Any, n: int) -> Any:
    return tuple(rng.random((n, n)) / n for _ in range(4))


KERNELS = [
    Kernel("gemver", gemver, gemver_jax, _gemver, {"n": 1500}, {"n": 4}, 7),
    Kernel("atax", atax, atax_jax, _atax, {"m": 1800, "n": 1400}, {"m": 5, "n": 4}, 2),
    Kernel("mvt", mvt, mvt_jax, _mvt, {"n": 2500}, {"n": 4}, 5),
    Kernel("syrk", syrk, syrk_jax, _syrk, {"m": 40, "n": 50}, {"m": 3, "n": 4}, 2),
    Kernel("k2mm", k2mm, k2mm_jax, _k2mm, {"n": 600}, {"n": 4}, 4),
]
