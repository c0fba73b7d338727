"""Factorisations and triangular systems, by loops and slices, in place."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def cholesky(np: Any, a: Any, *, n: int) -> Any:
    """Element by element, as the formula says it."""
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[j, :j]
            a[i, j] /= a[j, j]
        a[i, i] -= a[i, :i] @ a[i, :i]
        a[i, i] = np.sqrt(a[i, i])
    return np.tril(a)


def cholesky_jax(jax: Any, a: Any, *, n: int) -> Any:
    jnp, lax = jax.numpy, jax.lax
    columns = jnp.arange(n)

    def row(i: Any, a: Any) -> Any:
        def element(j: Any, a: Any) -> Any:
            left = jnp.where(columns < j, a[i], 0.0) @ a[j]
            return a.at[i, j].set((a[i, j] - left) / a[j, j])

        a = lax.fori_loop(0, n, lambda j, a: lax.cond(j < i, element, lambda j, a: a, j, a), a)
        left = jnp.where(columns < i, a[i], 0.0)
        return a.at[i, i].set(jnp.sqrt(a[i, i] - left @ left))

    return jnp.tril(lax.fori_loop(0, n, row, a))


def cholesky_columns(np: Any, a: Any, *, n: int) -> Any:
    """Column by column."""
    for j in range(n):
        a[j, j] = np.sqrt(a[j, j] - a[j, :j] @ a[j, :j])
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ a[j, :j]) / a[j, j]
    return np.tril(a)


def cholesky_columns_jax(jax: Any, a: Any, *, n: int) -> Any:
    jnp = jax.numpy
    indices = jnp.arange(n)

    def column(j: Any, a: Any) -> Any:
        left = jnp.where(indices < j, a[j], 0.0)
        pivot = jnp.sqrt(a[j, j] - left @ left)
        below = (a[:, j] - a @ left) / pivot
        return a.at[:, j].set(jnp.where(indices > j, below, jnp.where(indices == j, pivot, a[:, j])))

    return jnp.tril(jax.lax.fori_loop(0, n, column, a))


def lu(np: Any, a: Any, *, n: int) -> Any:
    """Element by element."""
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return a


def lu_jax(jax: Any, a: Any, *, n: int) -> Any:
    jnp, lax = jax.numpy, jax.lax
    indices = jnp.arange(n)

    def row(i: Any, a: Any) -> Any:
        def element(j: Any, a: Any) -> Any:
            left = jnp.where(indices < jnp.minimum(i, j), a[i], 0.0) @ a[:, j]
            return a.at[i, j].set((a[i, j] - left) / jnp.where(j < i, a[j, j], 1.0))

        return lax.fori_loop(0, n, element, a)

    return lax.fori_loop(0, n, row, a)


def lu_by_outer_products(np: Any, a: Any, *, n: int) -> Any:
    """A column of multipliers and an outer product for each pivot."""
    for k in range(n - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a


def lu_by_outer_products_jax(jax: Any, a: Any, *, n: int) -> Any:
    jnp = jax.numpy
    indices = jnp.arange(n)

    def pivot(k: Any, a: Any) -> Any:
        multipliers = jnp.where(indices > k, a[:, k] / a[k, k], 0.0)
        a = a.at[:, k].set(jnp.where(indices > k, multipliers, a[:, k]))
        return a - jnp.outer(multipliers, jnp.where(indices > k, a[k], 0.0))

    return jax.lax.fori_loop(0, n - 1, pivot, a)


def triangular_solve(np: Any, lower: Any, b: Any, *, n: int) -> Any:
    """Forward substitution."""
    x = np.zeros(n)
    for i in range(n):
        x[i] = (b[i] - lower[i, :i] @ x[:i]) / lower[i, i]
    return x


def triangular_solve_jax(jax: Any, lower: Any, b: Any, *, n: int) -> Any:
    def row(i: Any, x: Any) -> Any:
        return x.at[i].set((b[i] - lower[i] @ x) / lower[i, i])  # what is not yet known of x is zero

    return jax.lax.fori_loop(0, n, row, jax.numpy.zeros(n))


def gram_schmidt(np: Any, a: Any, *, m: int, n: int) -> Any:
    """The modified process, column by column."""
    q, r = np.zeros((m, n)), np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(a[:, k] @ a[:, k])
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = q[:, k] @ a[:, j]
            a[:, j] -= q[:, k] * r[k, j]
    return q[0], r


def gram_schmidt_jax(jax: Any, a: Any, *, m: int, n: int) -> Any:
    jnp, lax = jax.numpy, jax.lax

    def column(k: Any, state: Any) -> Any:
        a, q, r = state
        norm = jnp.sqrt(a[:, k] @ a[:, k])
        r = r.at[k, k].set(norm)
        q = q.at[:, k].set(a[:, k] / norm)

        def other(j: Any, state: Any) -> Any:
            a, r = state
            r = r.at[k, j].set(q[:, k] @ a[:, j])
            return a.at[:, j].add(-q[:, k] * r[k, j]), r

        a, r = lax.fori_loop(0, n, lambda j, s: lax.cond(j > k, other, lambda j, s: s, j, s), (a, r))
        return a, q, r

    _, q, r = lax.fori_loop(0, n, column, (a, jnp.zeros((m, n)), jnp.zeros((n, n))))
    return q[0], r


def _positive(rng: Any, n: int) -> Any:
    a = rng.random((n, n))
    return (a @ a.T / n + 2.0 * _identity(n),)


def _dominant(rng: Any, n: int) -> Any:
    return (rng.random((n, n)) / n + 2.0 * _identity(n),)


def _system(rng: Any, n: int) -> Any:
    return rng.random((n, n)) / n + _identity(n), rng.random(n)


def _tall(rng: Any, m: int, n: int) -> Any:
    return (rng.normal(size=(m, n)),)


def _identity(n: int) -> Any:
    import numpy

    return numpy.eye(n)


KERNELS = [
    Kernel("Cholesky, by elements", cholesky, cholesky_jax, _positive, {"n": 60}, {"n": 4}),
    Kernel("Cholesky, by columns", cholesky_columns, cholesky_columns_jax, _positive, {"n": 200}, {"n": 4}),
    Kernel("LU, by elements", lu, lu_jax, _dominant, {"n": 45}, {"n": 4}),
    Kernel("LU, by outer products", lu_by_outer_products, lu_by_outer_products_jax, _dominant, {"n": 150}, {"n": 4}),
    Kernel("triangular solve", triangular_solve, triangular_solve_jax, _system, {"n": 800}, {"n": 4}, 2),
    Kernel("Gram-Schmidt", gram_schmidt, gram_schmidt_jax, _tall, {"m": 80, "n": 40}, {"m": 5, "n": 3}),
]
