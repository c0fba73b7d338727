"""Stencils with time loops, written with slices and in place."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def jacobi_1d(np: Any, a: Any, b: Any, *, n: int, steps: int) -> Any:
    """Means of three neighbours, from one array into the other and back."""
    for _ in range(steps):
        b[1:-1] = (a[:-2] + a[1:-1] + a[2:]) / 3
        a[1:-1] = (b[:-2] + b[1:-1] + b[2:]) / 3
    return a


def jacobi_1d_jax(jax: Any, a: Any, b: Any, *, n: int, steps: int) -> Any:
    def step(_: Any, state: Any) -> Any:
        a, b = state
        b = b.at[1:-1].set((a[:-2] + a[1:-1] + a[2:]) / 3)
        a = a.at[1:-1].set((b[:-2] + b[1:-1] + b[2:]) / 3)
        return a, b

    return jax.lax.fori_loop(0, steps, step, (a, b))[0]


def jacobi_2d(np: Any, a: Any, b: Any, *, n: int, steps: int) -> Any:
    """Means of five neighbours."""
    for _ in range(steps):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return a


def jacobi_2d_jax(jax: Any, a: Any, b: Any, *, n: int, steps: int) -> Any:
    def mean(a: Any) -> Any:
        return 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])

    def step(_: Any, state: Any) -> Any:
        a, b = state
        b = b.at[1:-1, 1:-1].set(mean(a))
        a = a.at[1:-1, 1:-1].set(mean(b))
        return a, b

    return jax.lax.fori_loop(0, steps, step, (a, b))[0]


def heat_3d(np: Any, u: Any, kappa: Any, *, n: int, steps: int) -> Any:
    """Heat in a cube whose conductivity differs from place to place, in place."""
    for _ in range(steps):
        middle = u[1:-1, 1:-1, 1:-1]
        change = u[2:, 1:-1, 1:-1] - 2.0 * middle + u[:-2, 1:-1, 1:-1]
        change += u[1:-1, 2:, 1:-1] - 2.0 * middle + u[1:-1, :-2, 1:-1]
        change += u[1:-1, 1:-1, 2:] - 2.0 * middle + u[1:-1, 1:-1, :-2]
        u[1:-1, 1:-1, 1:-1] += kappa * change
    return u


def heat_3d_jax(jax: Any, u: Any, kappa: Any, *, n: int, steps: int) -> Any:
    def step(_: Any, u: Any) -> Any:
        middle = u[1:-1, 1:-1, 1:-1]
        change = u[2:, 1:-1, 1:-1] - 2.0 * middle + u[:-2, 1:-1, 1:-1]
        change += u[1:-1, 2:, 1:-1] - 2.0 * middle + u[1:-1, :-2, 1:-1]
        change += u[1:-1, 1:-1, 2:] - 2.0 * middle + u[1:-1, 1:-1, :-2]
        return u.at[1:-1, 1:-1, 1:-1].add(kappa * change)

    return jax.lax.fori_loop(0, steps, step, u)


def fdtd_2d(np: Any, ex: Any, ey: Any, hz: Any, pulse: Any, *, n: int, steps: int) -> Any:
    """An electromagnetic wave on a staggered grid, with a source on one edge."""
    for t in range(steps):
        ey[0, :] = pulse[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
    return hz


def fdtd_2d_jax(jax: Any, ex: Any, ey: Any, hz: Any, pulse: Any, *, n: int, steps: int) -> Any:
    def step(state: Any, source: Any) -> Any:
        ex, ey, hz = state
        ey = ey.at[0, :].set(source)
        ey = ey.at[1:, :].add(-0.5 * (hz[1:, :] - hz[:-1, :]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        hz = hz.at[:-1, :-1].add(-0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]))
        return (ex, ey, hz), None

    return jax.lax.scan(step, (ex, ey, hz), pulse)[0][2]


def hdiff(np: Any, u: Any, coefficient: Any, *, n: int, levels: int) -> Any:
    """Horizontal diffusion of a weather model: a Laplacian of a Laplacian, whose fluxes are limited."""
    laplacian = 4.0 * u[1:-1, 1:-1] - (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
    flux_x = laplacian[1:, 1:-1] - laplacian[:-1, 1:-1]
    flux_x = np.where(flux_x * (u[2:-1, 2:-2] - u[1:-2, 2:-2]) > 0, 0.0, flux_x)
    flux_y = laplacian[1:-1, 1:] - laplacian[1:-1, :-1]
    flux_y = np.where(flux_y * (u[2:-2, 2:-1] - u[2:-2, 1:-2]) > 0, 0.0, flux_y)
    return u[2:-2, 2:-2] - coefficient * (flux_x[1:] - flux_x[:-1] + flux_y[:, 1:] - flux_y[:, :-1])


def hdiff_jax(jax: Any, u: Any, coefficient: Any, *, n: int, levels: int) -> Any:
    return hdiff(jax.numpy, u, coefficient, n=n, levels=levels)


def advection(np: Any, q: Any, u: Any, v: Any, *, n: int, steps: int) -> Any:
    """A tracer carried by the wind, upwind differences and edges that meet."""
    for _ in range(steps):
        east, west = q[2:, 1:-1] - q[1:-1, 1:-1], q[1:-1, 1:-1] - q[:-2, 1:-1]
        north, south = q[1:-1, 2:] - q[1:-1, 1:-1], q[1:-1, 1:-1] - q[1:-1, :-2]
        q[1:-1, 1:-1] -= 0.2 * (u * np.where(u > 0, west, east) + v * np.where(v > 0, south, north))
        q[0, :], q[-1, :] = q[-2, :], q[1, :]
        q[:, 0], q[:, -1] = q[:, -2], q[:, 1]
    return q


def advection_jax(jax: Any, q: Any, u: Any, v: Any, *, n: int, steps: int) -> Any:
    jnp = jax.numpy

    def step(_: Any, q: Any) -> Any:
        east, west = q[2:, 1:-1] - q[1:-1, 1:-1], q[1:-1, 1:-1] - q[:-2, 1:-1]
        north, south = q[1:-1, 2:] - q[1:-1, 1:-1], q[1:-1, 1:-1] - q[1:-1, :-2]
        change = u * jnp.where(u > 0, west, east) + v * jnp.where(v > 0, south, north)
        return jnp.pad(q[1:-1, 1:-1] - 0.2 * change, 1, mode="wrap")

    return jax.lax.fori_loop(0, steps, step, q)


def cavity_flow(np: Any, lid: Any, u: Any, v: Any, p: Any, *, n: int, steps: int, sweeps: int) -> Any:
    """A liquid in a box under a lid that moves: sweeps for the pressure within steps of time."""
    dx = 2.0 / (n - 1)
    dt, rho, nu = 0.1 * dx, 1.0, 0.1
    for _ in range(steps):
        slope_x = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)
        slope_y = (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dx)
        shear = (u[2:, 1:-1] - u[:-2, 1:-1]) * (v[1:-1, 2:] - v[1:-1, :-2]) / (4 * dx**2)
        b = rho * ((slope_x + slope_y) / dt - slope_x**2 - 2 * shear - slope_y**2)
        for _ in range(sweeps):
            p[1:-1, 1:-1] = (p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1] - dx**2 * b) / 4
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0.0
        un, vn = u.copy(), v.copy()
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
            + nu * dt / dx**2 * (un[1:-1, 2:] + un[1:-1, :-2] + un[2:, 1:-1] + un[:-2, 1:-1] - 4 * un[1:-1, 1:-1])
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[2:, 1:-1] - p[:-2, 1:-1])
            + nu * dt / dx**2 * (vn[1:-1, 2:] + vn[1:-1, :-2] + vn[2:, 1:-1] + vn[:-2, 1:-1] - 4 * vn[1:-1, 1:-1])
        )
        u[0, :] = u[:, 0] = u[:, -1] = 0.0
        v[0, :] = v[-1, :] = v[:, 0] = v[:, -1] = 0.0
        u[-1, :] = lid
    return u, v, p


def cavity_flow_jax(jax: Any, lid: Any, u: Any, v: Any, p: Any, *, n: int, steps: int, sweeps: int) -> Any:
    dx = 2.0 / (n - 1)
    dt, rho, nu = 0.1 * dx, 1.0, 0.1

    def advanced(w: Any, u: Any, v: Any, push: Any) -> Any:
        middle = w[1:-1, 1:-1]
        return (
            middle
            - u[1:-1, 1:-1] * dt / dx * (middle - w[1:-1, :-2])
            - v[1:-1, 1:-1] * dt / dx * (middle - w[:-2, 1:-1])
            - dt / (2 * rho * dx) * push
            + nu * dt / dx**2 * (w[1:-1, 2:] + w[1:-1, :-2] + w[2:, 1:-1] + w[:-2, 1:-1] - 4 * middle)
        )

    def step(_: Any, state: Any) -> Any:
        u, v, p = state
        slope_x = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)
        slope_y = (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dx)
        shear = (u[2:, 1:-1] - u[:-2, 1:-1]) * (v[1:-1, 2:] - v[1:-1, :-2]) / (4 * dx**2)
        b = rho * ((slope_x + slope_y) / dt - slope_x**2 - 2 * shear - slope_y**2)

        def sweep(_: Any, p: Any) -> Any:
            mean = (p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1] - dx**2 * b) / 4
            p = p.at[1:-1, 1:-1].set(mean)
            p = p.at[:, -1].set(p[:, -2])
            p = p.at[0, :].set(p[1, :])
            p = p.at[:, 0].set(p[:, 1])
            return p.at[-1, :].set(0.0)

        p = jax.lax.fori_loop(0, sweeps, sweep, p)
        new_u = advanced(u, u, v, p[1:-1, 2:] - p[1:-1, :-2])
        new_v = advanced(v, u, v, p[2:, 1:-1] - p[:-2, 1:-1])
        zeros = jax.numpy.zeros_like(u)
        u = zeros.at[1:-1, 1:-1].set(new_u).at[-1, :].set(lid)
        return u, zeros.at[1:-1, 1:-1].set(new_v), p

    return jax.lax.fori_loop(0, steps, step, (u, v, p))


def seidel_2d(np: Any, a: Any, *, n: int, sweeps: int) -> Any:
    """Gauss-Seidel sweeps of a nine-point stencil, element by element within a row."""
    for _ in range(sweeps):
        for i in range(1, n - 1):
            a[i, 1:-1] += (
                a[i - 1, :-2] + a[i - 1, 1:-1] + a[i - 1, 2:] + a[i, 2:]
                + a[i + 1, :-2] + a[i + 1, 1:-1] + a[i + 1, 2:]
            )  # fmt: skip
            for j in range(1, n - 1):
                a[i, j] += a[i, j - 1]
                a[i, j] /= 9.0
    return a


def seidel_2d_jax(jax: Any, a: Any, *, n: int, sweeps: int) -> Any:
    def element(before: Any, x: Any) -> Any:
        y = (x + before) / 9.0
        return y, y

    def row(i: Any, a: Any) -> Any:
        above, here, below = a[i - 1], a[i], a[i + 1]
        x = here[1:-1] + above[:-2] + above[1:-1] + above[2:] + here[2:] + below[:-2] + below[1:-1] + below[2:]
        return a.at[i, 1:-1].set(jax.lax.scan(element, here[0], x)[1])

    def sweep(_: Any, a: Any) -> Any:
        return jax.lax.fori_loop(1, n - 1, row, a)

    return jax.lax.fori_loop(0, sweeps, sweep, a)


def _two(rng: Any, n: int, steps: int) -> Any:
    return rng.random(n), rng.random(n)


def _two_squares(rng: Any, n: int, steps: int) -> Any:
    return rng.random((n, n)), rng.random((n, n))


def _cube(rng: Any, n: int, steps: int) -> Any:
    return rng.random((n, n, n)), 0.1 + 0.02 * rng.random((n - 2, n - 2, n - 2))


def _wave(rng: Any, n: int, steps: int) -> Any:
    return rng.random((n, n)), rng.random((n, n)), rng.random((n, n)), rng.random(steps)


def _weather(rng: Any, n: int, levels: int) -> Any:
    return rng.random((n + 4, n + 4, levels)), rng.random((n, n, levels))


def _wind(rng: Any, n: int, steps: int) -> Any:
    return rng.random((n, n)), rng.normal(size=(n - 2, n - 2)), rng.normal(size=(n - 2, n - 2))


def _cavity(rng: Any, n: int, steps: int, sweeps: int) -> Any:
    return 1.0 + 0.1 * rng.random(n), 0.1 * rng.random((n, n)), 0.1 * rng.random((n, n)), rng.random((n, n))


def _square(rng: Any, n: int, sweeps: int) -> Any:
    return (rng.random((n, n)),)


KERNELS = [
    Kernel("jacobi 1-D", jacobi_1d, jacobi_1d_jax, _two, {"n": 32_000, "steps": 100}, {"n": 6, "steps": 2}, 2),
    Kernel("jacobi 2-D", jacobi_2d, jacobi_2d_jax, _two_squares, {"n": 150, "steps": 50}, {"n": 5, "steps": 2}, 2),
    Kernel("heat 3-D", heat_3d, heat_3d_jax, _cube, {"n": 40, "steps": 20}, {"n": 4, "steps": 2}, 2),
    Kernel("FDTD 2-D", fdtd_2d, fdtd_2d_jax, _wave, {"n": 120, "steps": 60}, {"n": 4, "steps": 2}, 4),
    Kernel("horizontal diffusion", hdiff, hdiff_jax, _weather, {"n": 96, "levels": 80}, {"n": 3, "levels": 2}, 2),
    Kernel("advection", advection, advection_jax, _wind, {"n": 128, "steps": 50}, {"n": 5, "steps": 2}, 3),
    Kernel(
        "cavity flow", cavity_flow, cavity_flow_jax, _cavity,
        {"n": 41, "steps": 20, "sweeps": 20}, {"n": 5, "steps": 2, "sweeps": 2}, 4,
    ),
    Kernel("seidel 2-D", seidel_2d, seidel_2d_jax, _square, {"n": 40, "sweeps": 3}, {"n": 4, "sweeps": 2}),
]  # fmt: skip
