"""The array API standard: Tensors are its arrays, `tinygraph.numpy` its namespace, and libraries take them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

import tinygraph as tg
import tinygraph.numpy as np

# NumPy 2.0 has less of the standard.
LATER = numpy.lib.NumpyVersion(numpy.__version__) >= "2.1.0"


def test_tensors_name_their_namespace():
    t = tg.Tensor([1.0, 2.0])
    assert t.__array_namespace__() is np is t.__array_namespace__(api_version="2021.12")
    assert np.zeros(3).__array_namespace__().__name__ == "tinygraph.numpy"
    with pytest.raises(ValueError, match="1999"):
        t.__array_namespace__(api_version="1999.12")


def test_the_namespace_describes_itself():
    if LATER:
        assert np.__array_api_version__ == numpy.__array_api_version__
        assert list(np.__array_namespace_info__().devices()) == ["cpu"]
    assert np.finfo(np.float32).eps == numpy.finfo(numpy.float32).eps
    assert np.isdtype(np.zeros(3).dtype, "real floating")


def test_a_tensor_is_on_the_cpu():
    t = tg.Tensor([1.0, 2.0])
    assert t.device == "cpu" and t.to_device("cpu") is t
    with pytest.raises(ValueError, match="evice"):
        t.to_device("gpu")
    with pytest.raises(ValueError, match="evice"):
        np.asarray(t, device="gpu")
    assert np.asarray(t, device="cpu") is t


def test_tensors_leave_by_dlpack_unless_their_gradient_would_be_lost():
    a = np.arange(3.0)
    assert numpy.array_equal(numpy.from_dlpack(a), a.data) and a.__dlpack_device__() == (1, 0)
    with pytest.raises(tg.UnsupportedError, match="gradient"):
        numpy.from_dlpack(tg.Tensor([1.0]))


def test_operators_on_bits_are_numpys():
    t, other = tg.Tensor(numpy.array([6, 3])), numpy.array([3, 5])
    for of_tensor, plain in (
        (t & other, [2, 1]), (other | t, [7, 7]), (t ^ 1, [7, 2]), (t << 1, [12, 6]), (t >> 1, [3, 1]), (~t, [-7, -4]),
    ):  # fmt: skip
        assert type(of_tensor) is numpy.ndarray and of_tensor.tolist() == plain
    with pytest.raises(TypeError):
        _ = np.zeros(2) & np.zeros(2)


def test_functions_of_the_standard_take_tensors():
    t = tg.Tensor([[3.0, 1.0], [2.0, 2.0]])
    xp = t.__array_namespace__()
    for result in (
        xp.astype(t, xp.float32) if LATER else t, xp.matrix_transpose(t), t.mT,
        xp.permute_dims(t, (1, 0)), xp.concat([t, t]),
        xp.linalg.vector_norm(t), xp.linalg.matmul(t, t), xp.pow(t, 2), xp.acos(t / 10), xp.vecdot(t, t),
        xp.take(t, xp.asarray([1]), axis=0), xp.expand_dims(t, axis=0), xp.sum(t, dtype=xp.float64), xp.fft.fft(t),
    ):  # fmt: skip
        assert isinstance(result, tg.Tensor) and result.requires_grad
    assert xp.unique_all(t).counts.tolist() == [1, 2, 1]


SCIPY = """
import numpy, sys
import scipy.fft, scipy.integrate, scipy.optimize, scipy.signal, scipy.special, scipy.stats
import tinygraph as tg
import tinygraph.numpy as np

x = numpy.array([1.0, 2.5, 4.0, 0.5])
functions = [
    scipy.special.logsumexp, scipy.special.softmax, scipy.special.log_softmax, scipy.stats.zscore, scipy.stats.gmean,
    scipy.stats.hmean, lambda x: scipy.stats.pmean(x, 2), scipy.stats.skew, scipy.stats.kurtosis, scipy.stats.sem,
    scipy.integrate.trapezoid, lambda x: np.abs(scipy.fft.fft(x)), lambda x: np.imag(scipy.signal.hilbert(x)),
    scipy.optimize.rosen,
]
for function in functions:
    weights = numpy.random.default_rng(0).normal(size=numpy.shape(function(x)))

    def loss(x):
        return np.sum(function(x) * weights)

    assert numpy.allclose(loss(tg.Tensor(x)).data, loss(x), rtol=1e-12)
    slopes = [(loss(x + step) - loss(x - step)) / 2e-6 for step in 1e-6 * numpy.eye(4)]
    assert numpy.allclose(tg.grad(loss)(x), slopes, rtol=1e-5, atol=1e-7), function
print("right")
"""


def run_with_dispatch(program):
    """Return what a program prints where SciPy was told to look for namespaces."""
    surroundings = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": str(Path(tg.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], env=surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_scipys_functions_for_the_standard_carry_gradients():
    scipy = pytest.importorskip("scipy")
    if numpy.lib.NumpyVersion(scipy.__version__) < "1.17.0":
        pytest.skip("an older SciPy has fewer of them")
    assert run_with_dispatch(SCIPY) == "right"


SKLEARN = """
import numpy, sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
from sklearn.preprocessing import MinMaxScaler, StandardScaler, normalize
import tinygraph as tg
import tinygraph.numpy as np

x = numpy.array([[1.0, 2.0, 0.5], [3.0, 5.0, 1.0], [0.3, 1.0, 2.0], [2.0, 2.2, 4.0]])
y = numpy.array([1.0, 0.0, 2.0, 1.5])
functions = [
    cosine_similarity, rbf_kernel, normalize, lambda x: MinMaxScaler().fit_transform(x),
    lambda x: StandardScaler().fit_transform(x), lambda x: PCA(2, svd_solver="full").fit_transform(x) ** 2,
    lambda x: Ridge(solver="svd").fit(x, tg.Tensor(y) if isinstance(x, tg.Tensor) else y).coef_,
]
with sklearn.config_context(array_api_dispatch=True):
    for function in functions:
        weights = numpy.random.default_rng(0).normal(size=function(x).shape)

        def loss(x):
            return np.sum(function(x) * weights)

        assert numpy.allclose(loss(tg.Tensor(x)).data, loss(x), rtol=1e-10), function
        steps = 1e-6 * numpy.eye(12).reshape(12, 4, 3)
        slopes = [(loss(x + step) - loss(x - step)) / 2e-6 for step in steps]
        assert numpy.allclose(tg.grad(loss)(x).ravel(), slopes, rtol=1e-4, atol=1e-6), function
print("right")
"""


def test_scikit_learn_with_dispatch_carries_gradients():
    sklearn = pytest.importorskip("sklearn")
    if numpy.lib.NumpyVersion(sklearn.__version__) < "1.9.0" or not LATER:
        pytest.skip("an older scikit-learn knows fewer namespaces, and NumPy 2.0 has less of the standard")
    assert run_with_dispatch(SKLEARN) == "right"
