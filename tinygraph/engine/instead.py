"""Replacements of the functions that make a plain array of a Tensor: code that keeps the gradient.

A function is named by the part of its library and its own name: "np.mean", "linalg.expm" of SciPy, "stats.norm.cdf".
A formula can be typed in: its variables have the names of the arguments in the function's documentation.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

_NORMAL = "(x - loc) / scale"
_GAMMA = f"scipy.special.xlogy(a - 1, {_NORMAL}) - {_NORMAL} - scipy.special.gammaln(a)"
_BETA = (
    f"scipy.special.xlogy(a - 1, {_NORMAL}) + scipy.special.xlog1py(b - 1, (loc - x) / scale) - "
    "scipy.special.betaln(a, b)"
)
_DISTANCE = "np.sum((x - mean) * np.linalg.solve(cov, (x - mean).T).T, axis=-1)"
_JOIN = (
    "Join the Tensors into one first, with np.stack([t, u]), or np.stack([np.stack(row) for row in rows]) for a list "
    "of lists"
)
_ARRAY = (
    "NumPy's functions take a Tensor directly, so leave the call out; to join Tensors write np.stack([t, u]), or "
    "np.stack([np.stack(row) for row in rows]) for a list of lists"
)

REPLACEMENTS = {
    # scipy.special
    "special.softmax": "tg.softmax(x, axis)",
    "special.log_softmax": "tg.log_softmax(x, axis)",
    "special.logsumexp": "tg.logsumexp(a, axis)",
    "special.comb": "scipy.special.binom(N, k)",
    "special.perm": "scipy.special.poch(N - k + 1, k)",
    "special.factorial": "scipy.special.gamma(n + 1)",
    "special.polygamma": "(-1) ** (n + 1) * scipy.special.gamma(n + 1) * scipy.special.zeta(n + 1, x)",
    "special.legendre_p": "scipy.special.eval_legendre(n, z)[None]",
    "special.spherical_jn": "np.sqrt(np.pi / 2 / z) * scipy.special.jv(n + 0.5, z)",
    "special.spherical_yn": "np.sqrt(np.pi / 2 / z) * scipy.special.yv(n + 0.5, z)",
    "special.spherical_in": "np.sqrt(np.pi / 2 / z) * scipy.special.iv(n + 0.5, z)",
    "special.spherical_kn": "np.sqrt(np.pi / 2 / z) * scipy.special.kv(n + 0.5, z)",
    "special.sph_harm_y": "np.sqrt((2 * n + 1) / (4 * np.pi) * scipy.special.gamma(n - m + 1) / "
    "scipy.special.gamma(n + m + 1)) * scipy.special.lpmv(m, n, np.cos(theta)) * np.exp(1j * m * phi)",
    "special.multigammaln": "d * (d - 1) / 4 * np.log(np.pi) + "
    "sum(scipy.special.gammaln(a - i / 2) for i in range(d))",
    "special.diric": "np.sin(n * x / 2) / (n * np.sin(x / 2))",
    # scipy.stats
    "stats.norm.pdf": f"np.exp(-({_NORMAL}) ** 2 / 2) / (scale * np.sqrt(2 * np.pi))",
    "stats.norm.logpdf": f"-({_NORMAL}) ** 2 / 2 - np.log(scale * np.sqrt(2 * np.pi))",
    "stats.norm.cdf": f"scipy.special.ndtr({_NORMAL})",
    "stats.norm.logcdf": f"scipy.special.log_ndtr({_NORMAL})",
    "stats.norm.sf": "scipy.special.ndtr((loc - x) / scale)",
    "stats.norm.logsf": "scipy.special.log_ndtr((loc - x) / scale)",
    "stats.norm.ppf": "loc + scale * scipy.special.ndtri(q)",
    "stats.norm.isf": "loc - scale * scipy.special.ndtri(q)",
    "stats.expon.pdf": "np.exp((loc - x) / scale) / scale",
    "stats.expon.logpdf": "(loc - x) / scale - np.log(scale)",
    "stats.expon.cdf": "-np.expm1((loc - x) / scale)",
    "stats.expon.sf": "np.exp((loc - x) / scale)",
    "stats.expon.ppf": "loc - scale * np.log1p(-q)",
    "stats.laplace.logpdf": "-np.abs(x - loc) / scale - np.log(2 * scale)",
    "stats.logistic.cdf": f"tg.sigmoid({_NORMAL})",
    "stats.cauchy.logpdf": f"-np.log(np.pi * scale * (1 + ({_NORMAL}) ** 2))",
    "stats.lognorm.logpdf": f"-(np.log({_NORMAL}) / s) ** 2 / 2 - np.log(s * (x - loc) * np.sqrt(2 * np.pi))",
    "stats.gamma.pdf": f"np.exp({_GAMMA}) / scale",
    "stats.gamma.logpdf": f"{_GAMMA} - np.log(scale)",
    "stats.gamma.cdf": f"scipy.special.gammainc(a, {_NORMAL})",
    "stats.gamma.sf": f"scipy.special.gammaincc(a, {_NORMAL})",
    "stats.beta.pdf": f"np.exp({_BETA}) / scale",
    "stats.beta.logpdf": f"{_BETA} - np.log(scale)",
    "stats.beta.cdf": f"scipy.special.betainc(a, b, {_NORMAL})",
    "stats.chi2.cdf": "scipy.special.gammainc(df / 2, (x - loc) / (2 * scale))",
    "stats.chi2.sf": "scipy.special.gammaincc(df / 2, (x - loc) / (2 * scale))",
    "stats.t.logpdf": "scipy.special.gammaln((df + 1) / 2) - scipy.special.gammaln(df / 2) - "
    f"np.log(df * np.pi * scale ** 2) / 2 - (df + 1) / 2 * np.log1p(({_NORMAL}) ** 2 / df)",
    "stats.t.cdf": f"scipy.special.stdtr(df, {_NORMAL})",
    "stats.poisson.pmf": "np.exp(scipy.special.xlogy(k, mu) - mu - scipy.special.gammaln(k + 1))",
    "stats.poisson.logpmf": "scipy.special.xlogy(k, mu) - mu - scipy.special.gammaln(k + 1)",
    "stats.bernoulli.logpmf": "scipy.special.xlogy(k, p) + scipy.special.xlog1py(1 - k, -p)",
    "stats.binom.logpmf": "np.log(scipy.special.binom(n, k)) + scipy.special.xlogy(k, p) + "
    "scipy.special.xlog1py(n - k, -p)",
    "stats.multivariate_normal.logpdf": f"-({_DISTANCE} + np.linalg.slogdet(2 * np.pi * cov)[1]) / 2",
    "stats.multivariate_normal.pdf": f"np.exp(-{_DISTANCE} / 2) / np.sqrt(np.linalg.det(2 * np.pi * cov))",
    "stats.zscore": "(a - np.mean(a, axis=0)) / np.std(a, axis=0, ddof=0)",
    "stats.gmean": "np.exp(np.mean(np.log(a), axis=0))",
    "stats.hmean": "1 / np.mean(1 / a, axis=0)",
    "stats.entropy": "np.sum(scipy.special.entr(pk / np.sum(pk, axis=0)), axis=0)",
    "stats.pearsonr": "np.corrcoef(x, y)[0, 1]",
    "stats.sem": "np.std(a, axis=0, ddof=1) / np.sqrt(len(a))",
    # scipy.linalg, where numpy.linalg has no function of the name, or one that does otherwise
    "linalg.cholesky": "np.linalg.cholesky(a).T",
    "linalg.qr": 'np.linalg.qr(a, mode="complete")',
    "linalg.svdvals": "np.linalg.svd(a, compute_uv=False)",
    "linalg.solve_triangular": "np.linalg.solve(np.triu(a), b)",
    "linalg.solve_toeplitz": "np.linalg.solve(c[np.abs(np.subtract.outer(range(len(c)), range(len(c))))], b)",
    "linalg.toeplitz": "c[np.abs(np.subtract.outer(range(len(c)), range(len(c))))]",
    "linalg.hankel": "np.concatenate([c, 0 * c])[np.add.outer(range(len(c)), range(len(c)))]",
    "linalg.block_diag": "np.block([[a, np.zeros((len(a), b.shape[1]))], [np.zeros((len(b), a.shape[1])), b]])",
    "linalg.khatri_rao": "np.stack([np.kron(x, y) for x, y in zip(a.T, b.T)], axis=1)",
    # scipy.integrate, and linear functions: they are a product with f(I), the matrix of the function
    "integrate.trapezoid": "np.trapezoid(y, x)",
    "integrate.simpson": "y @ scipy.integrate.simpson(np.eye(len(y)), x=x)",
    "integrate.cumulative_trapezoid": "np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x))",
    "interpolate.interp1d": "y @ scipy.interpolate.interp1d(x, np.eye(len(x)))(new)",
    "interpolate.CubicSpline": "scipy.interpolate.CubicSpline(x, np.eye(len(x)))(new) @ y",
    "interpolate.make_interp_spline": "scipy.interpolate.make_interp_spline(x, np.eye(len(x)))(new) @ y",
    "signal.convolve": 'np.convolve(in1, in2, mode="full")',
    "signal.fftconvolve": 'np.convolve(in1, in2, mode="full")',
    "signal.correlate": 'np.correlate(in1, in2, mode="full")',
    "signal.lfilter": "x @ scipy.signal.lfilter(b, a, np.eye(x.shape[-1]))",
    "signal.savgol_filter": "x @ scipy.signal.savgol_filter(np.eye(x.shape[-1]), window_length, polyorder)",
    "signal.detrend": 'x @ scipy.signal.detrend(np.eye(x.shape[-1]), type="linear")',
    "signal.hilbert": "x @ scipy.signal.hilbert(np.eye(x.shape[-1]))",
    "ndimage.gaussian_filter1d": "x @ scipy.ndimage.gaussian_filter1d(np.eye(x.shape[-1]), sigma)",
    **{f"fft.{name}": f"x @ scipy.fft.{name}(np.eye(x.shape[-1]), type=2, norm=None)"
       for name in ("dct", "idct", "dst", "idst")},
    # scipy.spatial.distance
    "spatial.cdist": "np.linalg.norm(XA[:, None] - XB, ord=2, axis=-1)",
    "spatial.pdist": "np.linalg.norm((X[:, None] - X)[np.triu_indices(len(X), 1)], ord=2, axis=-1)",
    "spatial.euclidean": "np.linalg.norm(u - v)",
    "spatial.sqeuclidean": "np.sum((u - v) ** 2)",
    "spatial.cityblock": "np.sum(np.abs(u - v))",
    "spatial.chebyshev": "np.max(np.abs(u - v))",
    "spatial.minkowski": "np.linalg.norm(u - v, p)",
    "spatial.cosine": "1 - u @ v / (np.linalg.norm(u) * np.linalg.norm(v))",
    "spatial.correlation": "1 - np.corrcoef(u, v)[0, 1]",
    # NumPy
    "np.full": "np.broadcast_to(fill_value, shape)",
    "np.arange": "start + step * np.arange(n)",
    "np.r_": "np.concatenate([t, u])",
    "np.c_": "np.column_stack([t, u])",
    "ndarray.fill": "np.broadcast_to(value, a.shape)",
    "np.fromiter": "np.stack(list(iter))",
    "np.vectorize": "np.stack([f(x) for x in t])",
    "np.frompyfunc": "np.stack([f(x) for x in t])",
    "np.poly1d": "np.polyval(c, x)",
    **{f"np.{name}": f"t.astype(np.{name})" for name in ("float16", "float32", "float64", "complex64", "complex128")},
    # numpy.random: shift and scale the draws
    "random.normal": "loc + scale * rng.normal(size=n)",
    "random.uniform": "low + (high - low) * rng.uniform(size=n)",
    "random.exponential": "scale * rng.exponential(size=n)",
    "random.laplace": "loc + scale * rng.laplace(size=n)",
    "random.logistic": "loc + scale * rng.logistic(size=n)",
    "random.gumbel": "loc + scale * rng.gumbel(size=n)",
    "random.lognormal": "np.exp(mean + sigma * rng.normal(size=n))",
    "random.rayleigh": "scale * rng.rayleigh(size=n)",
    "random.multivariate_normal": "mean + np.linalg.cholesky(cov) @ rng.normal(size=len(mean))",
    "random.permutation": "x[rng.permutation(len(x))]",
    "random.shuffle": "x[rng.permutation(len(x))]",
    # math: what takes another name than NumPy's
    "math.fsum": "np.sum(np.stack(seq))",
    "math.dist": "np.linalg.norm(np.stack(p) - np.stack(q))",
    "math.sumprod": "np.stack(p) @ np.stack(q)",
    "math.log": "np.log(x)",
    "math.erf": "scipy.special.erf(x)",
    "math.erfc": "scipy.special.erfc(x)",
    "math.gamma": "scipy.special.gamma(x)",
    "math.lgamma": "scipy.special.gammaln(x)",
    "math.atan2": "np.arctan2(y, x)",
    "math.pow": "x ** y",
    "math.fabs": "np.abs(x)",
    "math.degrees": "np.degrees(x)",
    "math.remainder": "x - np.round(x / y) * y",
    **{
        f"math.{name}": f"np.arc{name[1:]}(x)" for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")
    },
    "cmath.phase": "np.angle(z)",
    "cmath.polar": "np.abs(z), np.angle(z)",
    "cmath.rect": "r * np.exp(1j * phi)",
    **{
        f"cmath.{name}": f"np.arc{name[1:]}(x + 0j)" for name in ("acos", "acosh", "asin", "asinh", "atan", "atanh")
    },
}  # fmt: skip

# Of a call with another argument that is common.
VARIANTS = {
    "special.polygamma": ("n=0", "scipy.special.digamma(x)"),
    "special.logsumexp": ("b", "tg.logsumexp(a + np.log(b), axis)"),
    "stats.entropy": ("qk", "np.sum(scipy.special.rel_entr(pk / np.sum(pk, axis=0), qk / np.sum(qk, axis=0)), axis=0)"),
    "linalg.cholesky": ("lower=True", "np.linalg.cholesky(a)"),
    "linalg.qr": ('mode="economic"', "np.linalg.qr(a)"),
    "linalg.solve_triangular": ("lower=True", "np.linalg.solve(np.tril(a), b)"),
    "linalg.toeplitz": (
        "r", "np.concatenate([r[:0:-1], c])[np.subtract.outer(range(len(c)), range(len(r))) + len(r) - 1]"
    ),
    "linalg.hankel": ("r", "np.concatenate([c, r[1:]])[np.add.outer(range(len(c)), range(len(r)))]"),
    "integrate.cumulative_trapezoid": (
        "initial=0", "np.append(0.0, np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x)))"
    ),
    "spatial.cdist": ('metric="sqeuclidean"', "np.sum((XA[:, None] - XB) ** 2, axis=-1)"),
    "spatial.pdist": (
        'metric="sqeuclidean"', "np.sum((X[:, None] - X)[np.triu_indices(len(X), 1)] ** 2, axis=-1)"
    ),
    "math.log": ("base", "np.log(x) / np.log(base)"),
}  # fmt: skip

_MATRIX_FUNCTION = (
    "Write f = tg.primitive(scipy.linalg.{name}), then f.derivative(lambda g, z, a: f(np.block([[a.T, g], [0 * a, "
    "a.T]]))[: len(a), len(a) :]), and call f(a)"
)

_LARGE = (
    "write f = tg.primitive(lambda t: S @ t) and h = tg.primitive(lambda t: S.T @ t), then "
    "f.derivative(lambda g, z, t: h(g)) and h.derivative(lambda g, z, t: f(g)), and call f(t)"
)

# A sentence, for one function or for a whole part of a library; the longest name that fits is taken.
ADVICE = {
    "": "Write it out with NumPy's functions, or give it a derivative with @tg.primitive",
    "np": _JOIN,
    **dict.fromkeys(
        ("np.array", "np.asarray", "np.asanyarray", "np.ascontiguousarray", "np.asfortranarray", "np.require",
         "np.asarray_chkfinite"),
        _ARRAY,
    ),
    "np.select": "Write its default as the last choice, with a condition that holds everywhere",
    **dict.fromkeys(
        ("np.apply_along_axis", "np.piecewise"), "Give it the array as a Tensor, tg.Tensor(x, requires_grad=False)"
    ),
    "np.matrix": "A Tensor with @ for the product of matrices does what a matrix does",
    "np.ma": "Choose with np.where(mask, other, t) in place of a mask, and reduce with where=~mask",
    "np.polynomial": "Write the sum out: sum(c * x**k for k, c in enumerate(coefficients))",
    "np.testing": "A comparison has no gradient: give it t.data",
    **{f"np.{name}": "Write int(t) for one number, or t.data.astype(np." + name + ")"
       for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")},
    "random": "Its draws have no derivative with respect to this argument; shift and scale the draws, as in "
    "loc + scale * rng.normal(size=n)",
    **dict.fromkeys(
        (f"random.{name}" for name in ("poisson", "binomial", "integers", "randint", "geometric", "multinomial")),
        "The draws are whole numbers, and have no gradient",
    ),
    "random.choice": "Draw the places, t[rng.integers(len(t), size=n)]; the chances p are to be plain numbers",
    "linalg": "Write it with the functions of np.linalg, or give it a derivative with @tg.primitive",
    **{f"linalg.{name}": _MATRIX_FUNCTION.format(name=name)
       for name in ("expm", "logm", "sqrtm", "sinm", "cosm", "tanm", "sinhm", "coshm", "tanhm")},
    **dict.fromkeys(
        (f"linalg.{name}" for name in ("cho_factor", "cho_solve", "lu", "lu_factor", "lu_solve", "solve_banded",
                                       "solveh_banded", "solve_circulant")),
        "Write np.linalg.solve(a, b) with the whole matrix a",
    ),
    "sparse": "Write S.toarray() in place of the sparse S, with @ for a product of matrices; for a large S write S @ t "
    "or t @ S",
    **dict.fromkeys(
        ("sparse.diags", "sparse.diags_array", "sparse.spdiags"),
        "Write np.diag(t), the dense matrix, or np.diag(t, k) for another diagonal; for the product with a vector "
        "write t * x",
    ),
    "sparse.linalg": "Write it with the functions of np.linalg and S.toarray(), or give it a derivative with "
    "@tg.primitive",
    **dict.fromkeys(
        (f"sparse.linalg.{name}" for name in ("spsolve", "spsolve_triangular", "factorized", "splu", "spilu", "bicg",
                                              "bicgstab", "cg", "cgs", "gmres", "lgmres", "minres", "qmr", "gcrotmk",
                                              "tfqmr", "inv")),
        "Write np.linalg.solve(S.toarray(), t) for a sparse matrix S",
    ),
    **dict.fromkeys(
        (f"sparse.linalg.{name}" for name in ("dot", "matvec", "matmat", "matmul")), f"For a linear operator S {_LARGE}"
    ),
    "stats": "Write the density or the statistic out with NumPy and scipy.special",
    "optimize": "Write f with NumPy alone, with t.data for Tensors from outside, and give the solver its derivative, "
    "as in scipy.optimize.minimize(tg.value_and_grad(f), x0, jac=True)",
    "integrate": "Write the steps or the sum out: y = y + h * f(x, y) in a loop, or for an integral from a to b "
    "x, w = np.polynomial.legendre.leggauss(20), then (b - a) / 2 * np.sum(w * f((a + b) / 2 + (b - a) / 2 * x))",
    **dict.fromkeys(
        ("signal", "ndimage", "interpolate", "fft"),
        "Write np.stack([f(e) for e in np.eye(t.size).reshape(-1, *t.shape)], axis=-1) @ t.ravel() if the function f "
        "is linear in t, or give it a derivative with @tg.primitive",
    ),
    "interpolate.PchipInterpolator": "Its slopes are not linear in y: write np.interp(new, x, y) for straight pieces, "
    "or scipy.interpolate.CubicSpline(x, np.eye(len(x)))(new) @ y for a cubic spline",
    "pandas": "Compute with the numbers, s.to_numpy(), in place of the Series or DataFrame s",
    "matplotlib": "A picture has no gradient: give it t.data, or [float(t) for t in ts] of a list",
    "seaborn": "A picture has no gradient: give it t.data",
    **dict.fromkeys(
        ("torch", "jax", "tensorflow"), "Compute with NumPy's functions up to the loss, as the graphs do not join"
    ),
    "map": "Write [f(x) for x in t] with a function f of NumPy's, np.sqrt in place of math.sqrt",
    "array[index]": "Write array[t.astype(int)]: an index is whole, and has no gradient",
}  # fmt: skip

# These take the values alone.
VALUES_ONLY = frozenset(("np.testing", "matplotlib", "seaborn"))


# The functions of SciPy that `tinygraph.scipy` has under the same names, by the module. A test compares the two.
ON_TENSORS = {
    "integrate": "cumulative_trapezoid fixed_quad odeint quad quad_vec romb simpson solve_ivp trapezoid",
    "interpolate": "CubicSpline interp1d make_interp_spline",
    "linalg": "block_diag cho_factor cho_solve cholesky circulant coshm cosm det eigh eigvalsh expm hankel inv "
    "khatri_rao logm lstsq lu lu_factor lu_solve norm pinv qr sinhm sinm solve solve_continuous_lyapunov "
    "solve_sylvester solve_toeplitz solve_triangular sqrtm svd svdvals tanhm tanm toeplitz",
    "ndimage": "convolve convolve1d correlate correlate1d gaussian_filter gaussian_filter1d "
    "gaussian_gradient_magnitude gaussian_laplace laplace prewitt sobel uniform_filter uniform_filter1d",
    "optimize": "bisect brenth brentq curve_fit fixed_point fsolve least_squares minimize minimize_scalar newton "
    "ridder root root_scalar toms748",
    "signal": "convolve correlate detrend fftconvolve hilbert lfilter oaconvolve savgol_filter sosfilt",
    "sparse.linalg": "bicgstab cg factorized gmres minres spsolve",
    "stats": "bernoulli beta binom cauchy chi2 expon gamma geom halfnorm invgamma laplace logistic lognorm "
    "multivariate_normal nbinom norm pareto poisson t uniform weibull_min",
}  # fmt: skip

# The functions that `tinygraph.numpy` has in place of NumPy's, and that NumPy's own lose a gradient in.
OF_NUMPY_ON_TENSORS = (
    "arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray c_ fromiter full r_ require "
    "vectorize"
)


_OF_DISTRIBUTIONS = "pdf logpdf pmf logpmf cdf logcdf sf logsf ppf isf"


def instead_of(key: str, values: str) -> str:
    """The sentence with the replacement of a function. The one that keeps the gradient comes first.

    Args:
        key: the function, "linalg.expm", or the library, "pandas".
        values: the words for passing the values alone, "give it t.data".
    """
    written = replacement_for(key)
    if written is not None:
        argument, variant = VARIANTS.get(key, ("", ""))
        written += f", or with {argument} {variant}" if argument else ""
        return f"Write {written}, which keeps the gradient; or {values} if the values alone are meant{_on_tensors(key)}"
    part = key
    while part not in ADVICE:
        part = part.rpartition(".")[0]
    if part in VALUES_ONLY:
        return ADVICE[part]
    return f"{ADVICE[part]}; or {values} if the values alone are meant{_on_tensors(key)}"


def _on_tensors(key: str) -> str:
    """Return the sentence that names the function of `tinygraph.scipy` or `tinygraph.numpy`, or nothing."""
    if key.startswith("np.") and key[3:] in OF_NUMPY_ON_TENSORS.split():
        return f". With import tinygraph.numpy as np, {key} takes Tensors"
    room, _, name = key.removeprefix("sparse.").partition(".")
    room = f"sparse.{room}" if key.startswith("sparse.") else room
    name, _, method = name.partition(".")
    known = name in ON_TENSORS.get(room, "").split() and (not method or method in _OF_DISTRIBUTIONS.split())
    return f". tinygraph.scipy.{key} takes a Tensor" if known else ""


def replacement_for(key: str) -> str | None:
    """Return the expression that does the same as a function and keeps the gradient, or None."""
    return REPLACEMENTS.get(key) or _same_in_numpy(key)


def _same_in_numpy(key: str) -> str | None:
    """NumPy's function of the same name that does the same as one of SciPy or `math`, or as a method of ndarray."""
    part, _, name = key.rpartition(".")
    if part == "ndarray":
        return f"np.{name}(a, t) in place of the method a.{name}(t)" if hasattr(np, name) else None
    if part in ("linalg", "fft") and hasattr(getattr(np, part), name):
        return f"np.{part}.{name}"
    if part == "cmath":  # its results are complex for real numbers, too
        return f"np.{name}(x + 0j)" if hasattr(np, name) else None
    return f"np.{name}" if part == "math" and hasattr(np, name) else None


def taking_tensors(array: Any = None) -> str:
    """Return the advice for a program that writes a Tensor into a plain array: the one line to change.

    Args:
        array: what is written into, where it is known.
    """
    if isinstance(array, np.ndarray) and array.dtype.kind in "iu":
        return (
            f"The array has dtype {array.dtype}, and a gradient needs floats: with import tinygraph.numpy as np, make "
            "the array of floats, np.zeros(shape), or write into a copy, np.array(array, float)"
        )
    if "tinygraph.numpy" in sys.modules:
        return (
            "With import tinygraph.numpy as np, write into a copy of the array, np.array(array), which takes Tensors "
            "in; or make the array with that np in the first place, or like a Tensor, np.zeros(shape, like=t)"
        )
    return (
        "Make the array with import tinygraph.numpy as np, the one line to change, or like a Tensor, "
        "np.zeros(shape, like=t): these take Tensors in"
    )
