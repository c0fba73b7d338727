"""The code that an error names in place of a function that loses the gradient runs as it is typed, and keeps it."""

from __future__ import annotations

import cmath
import importlib
import math
import re

import numpy as np
import pytest

import tinygraph as tg
import tinygraph.numpy
from tinygraph.engine.instead import OF_NUMPY_ON_TENSORS, ON_TENSORS, REPLACEMENTS, VARIANTS

scipy = pytest.importorskip("scipy")
for room in (
    "special",
    "stats",
    "linalg",
    "integrate",
    "interpolate",
    "signal",
    "ndimage",
    "fft",
    "spatial",
    "sparse.linalg",
):
    importlib.import_module(f"scipy.{room}")

V = np.array([0.3, 0.6, 0.45, 0.2])
W = np.array([0.5, 0.1, 0.8, 0.35])
SQUARE = np.array([[2.0, 0.4, 0.3], [0.5, 1.5, 0.2], [0.1, 0.6, 2.5]])
DEFINITE = SQUARE @ SQUARE.T
X = np.array([0.0, 0.5, 1.2, 2.0])

# What the functions are called with: the call, the variables that are Tensors, and the others.
NORMAL = ({"x": V, "loc": np.array(0.2), "scale": np.array(1.3)}, {})
MOVED = ({**NORMAL[0], "x": V + 0.3}, {})
QUANTILE = ({"q": V, "loc": np.array(0.2), "scale": np.array(1.3)}, {})
ONE = ({"x": np.array(0.4), "y": np.array(0.7)}, {})
PAIR = ({"u": V, "v": W}, {"p": 3})
CALLS = {
    "special.softmax": ("scipy.special.softmax(x, axis)", {"x": V}, {"axis": 0}),
    "special.log_softmax": ("scipy.special.log_softmax(x, axis)", {"x": V}, {"axis": 0}),
    "special.logsumexp": ("scipy.special.logsumexp(a, axis)", {"a": V}, {"axis": 0}),
    "special.comb": ("scipy.special.comb(N, k)", {"N": V + 4}, {"k": 2.0}),
    "special.perm": ("scipy.special.perm(N, k)", {"N": V + 4}, {"k": 2.0}),
    "special.factorial": ("scipy.special.factorial(n)", {"n": V + 2}, {}),
    "special.polygamma": ("scipy.special.polygamma(n, x)", {"x": V + 1}, {"n": 2}),
    "special.multigammaln": ("scipy.special.multigammaln(a, d)", {"a": V + 3}, {"d": 2}),
    "special.legendre_p": ("scipy.special.legendre_p(n, z)", {"z": V}, {"n": 2}),
    "special.sph_harm_y": ("scipy.special.sph_harm_y(n, m, theta, phi)", {"theta": V}, {"n": 2, "m": 1, "phi": 0.5}),
    **{
        f"special.spherical_{kind}n": (f"scipy.special.spherical_{kind}n(n, z)", {"z": V + 1}, {"n": 1})
        for kind in "jyik"
    },
    "special.diric": ("scipy.special.diric(x, n)", {"x": V}, {"n": 5}),
    **{
        f"stats.norm.{name}": (f"scipy.stats.norm.{name}(x, loc, scale)", *NORMAL)
        for name in ("pdf", "logpdf", "cdf", "logcdf", "sf", "logsf")
    },
    "stats.norm.ppf": ("scipy.stats.norm.ppf(q, loc, scale)", *QUANTILE),
    "stats.norm.isf": ("scipy.stats.norm.isf(q, loc, scale)", *QUANTILE),
    **{
        f"stats.expon.{name}": (f"scipy.stats.expon.{name}(x, loc, scale)", {**NORMAL[0], "x": V + 1}, {})
        for name in ("pdf", "logpdf", "cdf", "sf")
    },
    "stats.expon.ppf": ("scipy.stats.expon.ppf(q, loc, scale)", *QUANTILE),
    "stats.laplace.logpdf": ("scipy.stats.laplace.logpdf(x, loc, scale)", {**NORMAL[0], "x": V + 1}, {}),
    "stats.logistic.cdf": ("scipy.stats.logistic.cdf(x, loc, scale)", *NORMAL),
    "stats.cauchy.logpdf": ("scipy.stats.cauchy.logpdf(x, loc, scale)", *NORMAL),
    "stats.lognorm.logpdf": (
        "scipy.stats.lognorm.logpdf(x, s, loc, scale)", {**MOVED[0], "s": np.array(0.7)}, {},
    ),
    **{
        f"stats.gamma.{name}": (f"scipy.stats.gamma.{name}(x, a, loc, scale)", MOVED[0], {"a": 2.5})
        for name in ("pdf", "logpdf", "cdf", "sf")
    },
    **{
        f"stats.beta.{name}": (f"scipy.stats.beta.{name}(x, a, b, loc, scale)", MOVED[0], {"a": 2.5, "b": 1.5})
        for name in ("pdf", "logpdf", "cdf")
    },
    "stats.chi2.cdf": ("scipy.stats.chi2.cdf(x, df, loc, scale)", MOVED[0], {"df": 3.0}),
    "stats.chi2.sf": ("scipy.stats.chi2.sf(x, df, loc, scale)", MOVED[0], {"df": 3.0}),
    "stats.t.logpdf": ("scipy.stats.t.logpdf(x, df, loc, scale)", {**MOVED[0], "df": np.array(3.0)}, {}),
    "stats.t.cdf": ("scipy.stats.t.cdf(x, df, loc, scale)", MOVED[0], {"df": 3.0}),
    "stats.poisson.pmf": ("scipy.stats.poisson.pmf(k, mu)", {"mu": V}, {"k": 2}),
    "stats.poisson.logpmf": ("scipy.stats.poisson.logpmf(k, mu)", {"mu": V}, {"k": 2}),
    "stats.bernoulli.logpmf": ("scipy.stats.bernoulli.logpmf(k, p)", {"p": V}, {"k": 1}),
    "stats.binom.logpmf": ("scipy.stats.binom.logpmf(k, n, p)", {"p": V}, {"k": 2, "n": 5}),
    "stats.multivariate_normal.logpdf": (
        "scipy.stats.multivariate_normal.logpdf(x, mean, cov)", {"x": V[:3]}, {"mean": W[:3], "cov": DEFINITE},
    ),
    "stats.multivariate_normal.pdf": (
        "scipy.stats.multivariate_normal.pdf(x, mean, cov)", {"x": V[:3]}, {"mean": W[:3], "cov": DEFINITE},
    ),
    **{f"stats.{name}": (f"scipy.stats.{name}(a)", {"a": SQUARE}, {}) for name in ("zscore", "gmean", "hmean", "sem")},
    "stats.entropy": ("scipy.stats.entropy(pk)", {"pk": SQUARE}, {}),
    "stats.pearsonr": ("scipy.stats.pearsonr(x, y)[0]", {"x": V, "y": W}, {}),
    "linalg.cholesky": ("scipy.linalg.cholesky(a)", {"a": DEFINITE}, {}),
    "linalg.qr": ("scipy.linalg.qr(a)", {"a": SQUARE}, {}),
    "linalg.svdvals": ("scipy.linalg.svdvals(a)", {"a": SQUARE}, {}),
    "linalg.solve_triangular": ("scipy.linalg.solve_triangular(a, b)", {"a": SQUARE, "b": V[:3]}, {}),
    "linalg.solve_toeplitz": ("scipy.linalg.solve_toeplitz(c, b)", {"c": V + 1, "b": W * np.arange(4)}, {}),
    "linalg.toeplitz": ("scipy.linalg.toeplitz(c)", {"c": V}, {}),
    "linalg.hankel": ("scipy.linalg.hankel(c)", {"c": V}, {}),
    "linalg.block_diag": ("scipy.linalg.block_diag(a, b)", {"a": SQUARE, "b": SQUARE[:2]}, {}),
    "linalg.khatri_rao": ("scipy.linalg.khatri_rao(a, b)", {"a": SQUARE, "b": SQUARE[:2]}, {}),
    "integrate.trapezoid": ("scipy.integrate.trapezoid(y, x)", {"y": V}, {"x": X}),
    "integrate.simpson": ("scipy.integrate.simpson(y, x=x)", {"y": V}, {"x": X}),
    "integrate.cumulative_trapezoid": ("scipy.integrate.cumulative_trapezoid(y, x)", {"y": V}, {"x": X}),
    "interpolate.interp1d": (
        "scipy.interpolate.interp1d(x, y)(new)", {"y": V * [[1], [2]]}, {"x": X, "new": np.array([0.3, 1.5])},
    ),
    **{
        f"interpolate.{name}": (f"scipy.interpolate.{name}(x, y)(new)", {"y": V}, {"x": X, "new": np.array([0.3, 1.5])})
        for name in ("CubicSpline", "make_interp_spline")
    },
    "signal.convolve": ("scipy.signal.convolve(in1, in2)", {"in1": V, "in2": W}, {}),
    "signal.fftconvolve": ("scipy.signal.fftconvolve(in1, in2)", {"in1": V, "in2": W}, {}),
    "signal.correlate": ("scipy.signal.correlate(in1, in2)", {"in1": V, "in2": W}, {}),
    "signal.lfilter": ("scipy.signal.lfilter(b, a, x)", {"x": SQUARE}, {"b": [0.5, 0.2], "a": [1.0, 0.3]}),
    "signal.savgol_filter": (
        "scipy.signal.savgol_filter(x, window_length, polyorder)",
        {"x": np.concatenate([V, W])},
        {"window_length": 3, "polyorder": 1},
    ),
    "signal.detrend": ("scipy.signal.detrend(x)", {"x": SQUARE}, {}),
    "signal.hilbert": ("scipy.signal.hilbert(x)", {"x": SQUARE}, {}),
    "ndimage.gaussian_filter1d": ("scipy.ndimage.gaussian_filter1d(x, sigma)", {"x": SQUARE}, {"sigma": 1.0}),
    **{f"fft.{name}": (f"scipy.fft.{name}(x)", {"x": SQUARE}, {}) for name in ("dct", "idct", "dst", "idst")},
    "spatial.cdist": ("scipy.spatial.distance.cdist(XA, XB)", {"XA": SQUARE, "XB": SQUARE[:2] + 0.3}, {}),
    "spatial.pdist": ("scipy.spatial.distance.pdist(X)", {"X": SQUARE}, {}),
    **{
        f"spatial.{name}": (f"scipy.spatial.distance.{name}(u, v)", *PAIR)
        for name in ("euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine", "correlation")
    },
    "spatial.minkowski": ("scipy.spatial.distance.minkowski(u, v, p)", *PAIR),
    "np.full": ("np.full(shape, fill_value)", {"fill_value": np.array(0.4)}, {"shape": (2, 3)}),
    "np.arange": (
        "np.arange(start, start + 2.9 * step, step)", {"start": np.array(0.4), "step": np.array(0.5)}, {"n": 3},
    ),
    "np.r_": ("np.r_[t, u]", {"t": V, "u": W}, {}),
    "np.c_": ("np.c_[t, u]", {"t": V, "u": W}, {}),
    "np.fromiter": ("np.fromiter(iter, np.float64)", {"iter": V}, {}),
    "np.vectorize": ("np.vectorize(f)(t)", {"t": V}, {"f": lambda x: x * x}),
    "np.frompyfunc": ("np.frompyfunc(f, 1, 1)(t)", {"t": V}, {"f": lambda x: x * x}),
    **{f"np.{name}": (f"np.{name}(t)", {"t": V}, {}) for name in ("float32", "float64", "complex64", "complex128")},
    "np.float16": ("np.float16(t)", {"t": V}, {}),
    "math.log": ("math.log(x)", {"x": np.array(0.4)}, {}),
    **{f"cmath.{name}": (f"cmath.{name}(x)", {"x": np.array(-0.4)}, {}) for name in ("sqrt", "log", "acosh", "exp")},
    "math.fsum": ("math.fsum(seq)", {"seq": V}, {}),
    "math.dist": ("math.dist(p, q)", {"p": V, "q": W}, {}),
    **{
        f"math.{name}": (f"math.{name}(x)", {"x": np.array(0.4)}, {})
        for name in (
            "erf", "erfc", "gamma", "lgamma", "fabs", "degrees", "acos", "asin", "asinh", "atan", "atanh", "sqrt",
            "exp", "log10", "sin", "cos", "tan", "sinh", "tanh", "expm1", "radians",
        )
    },
    "math.acosh": ("math.acosh(x)", {"x": np.array(1.4)}, {}),
    "math.atan2": ("math.atan2(y, x)", *ONE),
    "math.pow": ("math.pow(x, y)", *ONE),
    "math.remainder": ("math.remainder(x, y)", {"x": np.array(1.9), "y": np.array(0.7)}, {}),
    "math.hypot": ("math.hypot(x, y)", *ONE),
    "math.copysign": ("math.copysign(x, y)", *ONE),
    "linalg.inv": ("scipy.linalg.inv(x)", {"x": SQUARE}, {}),
    "linalg.det": ("scipy.linalg.det(x)", {"x": SQUARE}, {}),
    "linalg.pinv": ("scipy.linalg.pinv(x)", {"x": SQUARE}, {}),
    "linalg.norm": ("scipy.linalg.norm(x)", {"x": SQUARE}, {}),
    "linalg.eigvalsh": ("scipy.linalg.eigvalsh(x)", {"x": DEFINITE}, {}),
    "linalg.solve": ("scipy.linalg.solve(x, y)", {"x": SQUARE, "y": V[:3]}, {}),
    "linalg.lstsq": ("scipy.linalg.lstsq(x, y)", {"x": SQUARE, "y": V[:3]}, {}),
    "fft.fft": ("scipy.fft.fft(x)", {"x": V}, {}),
    "fft.irfft": ("scipy.fft.irfft(x)", {"x": V}, {}),
}  # fmt: skip
# These draw, or are for other versions of Python or SciPy, or for complex numbers, or have a neighbour above.
ELSEWHERE = re.compile(r"random\.|cmath\.|math\.sumprod|np\.poly1d|ndarray\.fill")


def _space(variables):
    return {"np": np, "scipy": scipy, "tg": tg, "math": math, "cmath": cmath, **variables}


def _first(result):
    return result[0] if type(result) is tuple or hasattr(result, "_fields") else result


def test_each_formula_is_tried():
    missing = [name for name in REPLACEMENTS if name not in CALLS and not ELSEWHERE.match(name)]
    assert not missing
    assert VARIANTS.keys() == WITH_ANOTHER_ARGUMENT.keys()


# The same, of a call with the other argument that the error speaks of.
WITH_ANOTHER_ARGUMENT = {
    "special.polygamma": ("scipy.special.polygamma(0, x)", {"x": V + 1}, {}),
    "special.logsumexp": ("scipy.special.logsumexp(a, axis, b)", {"a": V, "b": W}, {"axis": 0}),
    "stats.entropy": ("scipy.stats.entropy(pk, qk)", {"pk": SQUARE, "qk": DEFINITE}, {}),
    "linalg.cholesky": ("scipy.linalg.cholesky(a, lower=True)", {"a": DEFINITE}, {}),
    "linalg.qr": ('scipy.linalg.qr(a, mode="economic")', {"a": SQUARE[:, :2]}, {}),
    "linalg.solve_triangular": ("scipy.linalg.solve_triangular(a, b, lower=True)", {"a": SQUARE, "b": V[:3]}, {}),
    "linalg.toeplitz": ("scipy.linalg.toeplitz(c, r)", {"c": V, "r": np.append(V[0], W)}, {}),
    "linalg.hankel": ("scipy.linalg.hankel(c, r)", {"c": V, "r": np.append(V[-1], W)}, {}),
    "integrate.cumulative_trapezoid": (
        "scipy.integrate.cumulative_trapezoid(y, x, initial=0)", {"y": V}, {"x": X},
    ),
    "spatial.cdist": (
        'scipy.spatial.distance.cdist(XA, XB, metric="sqeuclidean")', {"XA": SQUARE, "XB": SQUARE[:2] + 0.3}, {},
    ),
    "spatial.pdist": ('scipy.spatial.distance.pdist(X, metric="sqeuclidean")', {"X": SQUARE}, {}),
    "math.log": ("math.log(x, base)", {"x": np.array(0.4), "base": np.array(2.5)}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_ANOTHER_ARGUMENT)
def test_what_the_error_says_of_another_argument_is_the_function_and_keeps_the_gradient(name):
    follow(name, WITH_ANOTHER_ARGUMENT[name], lambda said: said.partition(f", or with {VARIANTS[name][0]} ")[2])


def test_a_density_of_several_points():
    points = ({"x": SQUARE}, {"mean": W[:3], "cov": DEFINITE})
    for name in ("logpdf", "pdf"):
        call = (f"scipy.stats.multivariate_normal.{name}(x, mean, cov)", *points)
        follow(f"stats.multivariate_normal.{name}", call)


@pytest.mark.parametrize("name", CALLS)
def test_what_the_error_says_to_write_is_the_function_and_keeps_the_gradient(name):
    follow(name, CALLS[name])


def follow(name, called, part=lambda said: said.partition(", or with ")[0]):
    call, of_tensors, of_others = called
    function = call.partition("(")[0].removesuffix(")")
    if function.startswith("scipy.") and not hasattr(eval(function.rpartition(".")[0]), function.rpartition(".")[2]):
        pytest.skip("this SciPy has no such function")
    tensors = {key: tg.Tensor(value, name=key) for key, value in of_tensors.items()}
    with pytest.raises((tg.UnsupportedError, ValueError)) as caught:  # NumPy puts its own error around some of ours
        eval(call, _space(tensors | of_others))
    error = caught.value if isinstance(caught.value, tg.UnsupportedError) else caught.value.__cause__
    said = re.search(r"Write (.*?), which keeps the gradient; or ", str(error))
    assert said, str(error)
    formula = part(said[1])
    if re.fullmatch(r"[\w.]+", formula):  # a function with the same arguments
        formula += f"({', '.join(of_tensors)})"

    def followed(*values):
        return _first(eval(formula, _space(dict(zip(of_tensors, values, strict=True)) | of_others)))

    expected = _first(eval(call, _space(of_tensors | of_others)))
    result = followed(*tensors.values())
    assert isinstance(result, tg.Tensor)
    precision = 1e-2 if result.dtype.itemsize < 8 else 1e-9
    np.testing.assert_allclose(result.data, np.asarray(expected, result.dtype), precision, precision)
    if result.dtype.itemsize >= 8 and result.dtype != np.complex64 and not name.startswith("cmath"):
        tg.testing.check_grads(followed, *of_tensors.values(), order=1)


MATRIX = {
    "expm": SQUARE[:2, :2], "sqrtm": DEFINITE[:2, :2], "logm": DEFINITE[:2, :2], "cosm": SQUARE[:2, :2],
    "sinm": SQUARE[:2, :2], "tanhm": 0.3 * SQUARE[:2, :2],
}  # fmt: skip


@pytest.mark.parametrize("name", MATRIX)
def test_a_function_of_a_matrix_becomes_an_operation_as_the_error_says(name):
    a = tg.Tensor(MATRIX[name])
    with pytest.raises(tg.UnsupportedError) as caught:
        getattr(scipy.linalg, name)(a)
    made, derivative = re.search(
        r"Write f = (.*), then (f\.derivative\(.*\)), and call f\(a\)", str(caught.value)
    ).groups()
    space = _space({})
    space["f"] = eval(made, space)
    eval(derivative, space)
    np.testing.assert_allclose(space["f"](a).data, getattr(scipy.linalg, name)(a.data))
    tg.testing.check_grads(space["f"], a.data, order=2)


def test_a_sparse_matrix_times_a_tensor_where_scipy_does_not_ask_for_an_operator():
    sparse, t = scipy.sparse.coo_array(SQUARE), tg.Tensor(V[:3])
    with pytest.raises(tg.UnsupportedError, match=r"for a large S write S @ t or t @ S"):
        sparse.dot(t)
    np.testing.assert_allclose((sparse @ t).data, SQUARE @ V[:3])
    with pytest.raises(tg.UnsupportedError, match=r"^scipy\.sparse\.linalg\.spsolve: .* Write np\.linalg\.solve\(S"):
        scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(SQUARE), t)


def test_an_elementwise_product_with_a_sparse_array_is_no_product_of_matrices():
    sparse, t = scipy.sparse.csr_array(SQUARE), tg.Tensor(V[:3])
    for call in ("S * t", "S.multiply(t)", "S / t", "tg.Tensor(SQUARE) * S"):
        with pytest.raises(tg.UnsupportedError, match=r"Write S\.toarray\(\) in place of the sparse S, with @ for"):
            eval(call, _space({"S": sparse, "t": t, "SQUARE": SQUARE}))
        if "multiply" not in call:
            result = eval(call.replace("S ", "S.toarray() ").replace("* S", "* S.toarray()"), _space(
                {"S": sparse, "t": t, "SQUARE": SQUARE}
            ))  # fmt: skip
            assert isinstance(result, tg.Tensor) and result.shape == (3, 3)


def test_a_linear_operator_becomes_an_operation():
    t = tg.Tensor(V[:3])
    operator = scipy.sparse.linalg.aslinearoperator(SQUARE)
    for call in (lambda: operator @ t, lambda: operator.matvec(t), lambda: operator.dot(t), lambda: operator * t):
        with pytest.raises(tg.UnsupportedError) as caught:
            call()
    product, transposed, of_product, of_transposed = re.search(
        r"For a linear operator S write f = (.*) and h = (.*), then (f\..*\)) and (h\..*\)), and call",
        str(caught.value),
    ).groups()
    space = _space({"S": operator})
    space |= {"f": eval(product, space), "h": eval(transposed, space)}
    for rule in (of_product, of_transposed):
        eval(rule, space)
    tg.testing.check_grads(space["f"], V[:3], order=2)


LINEAR = {
    "ndimage.gaussian_filter": lambda t: scipy.ndimage.gaussian_filter(t, 1.0),
    "ndimage.uniform_filter": lambda t: scipy.ndimage.uniform_filter(t, 3),
    "ndimage.laplace": lambda t: scipy.ndimage.laplace(t),
    "ndimage.zoom": lambda t: scipy.ndimage.zoom(t, 2),
    "ndimage.rotate": lambda t: scipy.ndimage.rotate(t, 30),
    "signal.convolve2d": lambda t: scipy.signal.convolve2d(t, SQUARE),
    "signal.resample": lambda t: scipy.signal.resample(t, 5),
    "fft.dctn": lambda t: scipy.fft.dctn(t),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_function_is_the_matrix_that_it_makes_of_the_unit_arrays(name):
    f, t = LINEAR[name], tg.Tensor(SQUARE)
    with pytest.raises(tg.UnsupportedError) as caught:
        f(t)
    formula = re.search(r"Write (.*) if the function f is linear", str(caught.value))[1]
    result = eval(formula, _space({"f": f, "t": t}))
    np.testing.assert_allclose(result.data, f(SQUARE), 1e-9, 1e-9)
    tg.testing.check_grads(lambda t: eval(formula, _space({"f": f, "t": t})), SQUARE, order=1)


def test_a_solver_is_given_numbers_and_our_derivatives():
    target = tg.Tensor(V)
    with pytest.raises(Exception) as caught:
        scipy.optimize.minimize(lambda x: np.sum((x - target) ** 2), np.zeros(4))
    reasons = [caught.value, caught.value.__cause__]
    said = next(str(error) for error in reasons if isinstance(error, tg.UnsupportedError))
    code = re.search(r"with t\.data for .*, as in (scipy\.optimize\.minimize\(.*?True\))", said)[1]
    found = eval(code, _space({"f": lambda x: np.sum((x - target.data) ** 2), "x0": np.zeros(4)}))
    np.testing.assert_allclose(found.x, V, 1e-5)


def test_an_integral_is_a_sum():
    s = tg.Tensor(0.7)
    with pytest.raises(tg.UnsupportedError) as caught:
        scipy.integrate.quad(lambda x: np.exp(x * s), 0, 2)
    nodes, total = re.search(r"from a to b (x, w = .*), then (\(b - a\).*); or", str(caught.value)).groups()
    space = _space({"f": lambda x: np.exp(x * s), "a": 0, "b": 2})
    exec(nodes, space)
    result = eval(total, space)
    result.backward()
    np.testing.assert_allclose([result.item(), s.grad], [(math.exp(1.4) - 1) / 0.7, (0.4 * math.exp(1.4) + 1) / 0.49])


DRAWN = {
    "normal": ({"loc": 0.3, "scale": 1.5}, "loc, scale, n"),
    "uniform": ({"low": 0.3, "high": 1.5}, "low, high, n"),
    "exponential": ({"scale": 1.5}, "scale, n"),
    "laplace": ({"loc": 0.3, "scale": 1.5}, "loc, scale, n"),
    "logistic": ({"loc": 0.3, "scale": 1.5}, "loc, scale, n"),
    "gumbel": ({"loc": 0.3, "scale": 1.5}, "loc, scale, n"),
    "lognormal": ({"mean": 0.3, "sigma": 0.5}, "mean, sigma, n"),
    "rayleigh": ({"scale": 1.5}, "scale, n"),
    "multivariate_normal": ({"mean": V[:3], "cov": DEFINITE}, "mean, cov"),
    "permutation": ({"x": V}, "x"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn_is_shifted_and_scaled(name):
    values, arguments = DRAWN[name]
    tensors = {key: tg.Tensor(value) for key, value in values.items()}
    space = _space(tensors | {"n": 5, "rng": np.random.default_rng(3)})
    with pytest.raises(tg.UnsupportedError) as caught:
        eval(f"rng.{name}({arguments})", space)
    formula = re.search(r"Write (.*), which keeps the gradient", str(caught.value))[1]
    result = eval(formula, space | {"rng": np.random.default_rng(3)})
    if name != "multivariate_normal":  # which NumPy draws by another root of the covariance
        expected = eval(f"rng.{name}({arguments})", _space(values | {"n": 5, "rng": np.random.default_rng(3)}))
        np.testing.assert_allclose(result.data, expected)
    np.sum(result**2).backward()
    assert all(np.any(tensor.grad != 0) for tensor in tensors.values())


@pytest.mark.parametrize("room", sorted(ON_TENSORS))
def test_the_functions_that_take_tensors_are_those_of_the_room(room):
    names = importlib.import_module(f"tinygraph.scipy.{room}").__all__
    assert ON_TENSORS[room].split() == [
        name for name in names if hasattr(importlib.import_module(f"scipy.{room}"), name)
    ]


def test_an_error_names_the_function_that_takes_a_tensor():
    t = tg.Tensor(SQUARE)
    for call, name in (
        (lambda: scipy.linalg.expm(t), "linalg.expm"),
        (lambda: scipy.stats.norm.cdf(t), "stats.norm.cdf"),
        (lambda: scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(SQUARE), t[0]), "sparse.linalg.spsolve"),
    ):
        with pytest.raises(tg.UnsupportedError, match=rf"tinygraph\.scipy\.{re.escape(name)} takes a Tensor$"):
            call()


def test_functions_of_numpy_that_lose_a_gradient_are_in_tinygraph_numpy():
    t = tg.Tensor(V)
    for call in (np.array, np.asarray, np.ascontiguousarray, np.require, np.asfortranarray):
        with pytest.raises(tg.UnsupportedError, match=rf"tinygraph\.numpy as np, np\.{call.__name__} takes Tensors"):
            call([t[0], t[1]])
    for name in OF_NUMPY_ON_TENSORS.split():
        assert getattr(tinygraph.numpy, name) is not getattr(np, name)
