"""An array for the result that is given by its position, as `np.sum(t, 0, None, out)`."""

import inspect

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine.out_by_position import OF_FFT, OUT_AT

X = np.array([[1.0, 2.0, 4.0], [5.0, 3.0, 7.0]])


def test_the_positions_are_those_of_numpy():
    found = {}
    for module in (np, np.linalg, np.fft):
        for name in dir(module):
            function = getattr(module, name)
            if not callable(function) or isinstance(function, type | np.ufunc) or name.startswith("_"):
                continue
            try:
                parameters = list(inspect.signature(function).parameters.values())
            except ValueError:
                continue
            for position, parameter in enumerate(parameters):
                if parameter.name == "out" and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
                    found[function] = position
    of_dates = {np.busday_count, np.busday_offset, np.is_busday}
    of_fft = {function for function in found if function.__module__ == "numpy.fft"}
    assert {found[function] for function in of_fft} == {OF_FFT}
    expected = {function: place for function, place in found.items() if function not in of_dates | of_fft}
    assert expected.items() <= OUT_AT.items()


CALLS = {
    "sum": (lambda t, out: np.sum(t, 0, None, out), (3,)),
    "sum that keeps its axes": (lambda t, out: np.sum(t, 0, None, out, True), (1, 3)),
    "mean": (lambda t, out: np.mean(t, 0, None, out), (3,)),
    "var": (lambda t, out: np.var(t, 0, None, out, 1), (3,)),
    "max": (lambda t, out: np.max(t, 0, out), (3,)),
    "cumprod": (lambda t, out: np.cumprod(t, 1, None, out), (2, 3)),
    "clip": (lambda t, out: np.clip(t, 1.5, 4.5, out), (2, 3)),
    "dot": (lambda t, out: np.dot(t, t.T, out), (2, 2)),
    "take": (lambda t, out: np.take(t, [1, 0, 4], 1, out, "clip"), (2, 3)),
    "median": (lambda t, out: np.median(t, 0, out), (3,)),
    "quantile": (lambda t, out: np.quantile(t, 0.3, 1, out), (2,)),
    "trace": (lambda t, out: np.trace(t, 1, 0, 1, None, out), ()),
    "concatenate": (lambda t, out: np.concatenate([t, t], 1, out), (2, 6)),
    "nansum": (lambda t, out: np.nansum(t, 1, None, out), (2,)),
    "fft": (lambda t, out: np.fft.ihfft(t, None, -1, None, out), (2, 2, "complex")),
    "method sum": (lambda t, out: t.sum(0, None, out), (3,)),
    "method max": (lambda t, out: t.max(1, out), (2,)),
    "method clip": (lambda t, out: t.clip(1.5, 4.5, out), (2, 3)),
    "compress": (lambda t, out: np.compress([True, False, True], t, 1, out), (2, 2)),
    "ufunc": (lambda t, out: np.multiply(t, t, out), (2, 3)),
    "reduce": (lambda t, out: np.add.reduce(t, 0, None, out), (3,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_result_is_written_and_carries_its_gradient(name):
    call, shape = CALLS[name]
    complex_ = shape[-1:] == ("complex",)
    zeros = np.zeros(shape[:-1], complex) if complex_ else np.zeros(shape)
    expected = zeros.copy()
    call(X, expected)

    def loss(x):
        out = tg.numpy.zeros(zeros.shape, zeros.dtype)
        result = call(x, out)
        assert result is out
        return np.sum(np.abs(out * out) * (1 + np.arange(zeros.size).reshape(zeros.shape)))

    out = tg.Tensor(zeros)
    call(tg.Tensor(X), out)
    np.testing.assert_allclose(out.data, expected, rtol=1e-14)
    tg.testing.check_grads(loss, X)
    compiled, gradient = tg.compile(tg.grad(loss)), tg.grad(loss)
    for x in (X, X * 1.5):
        np.testing.assert_allclose(compiled(x), gradient(x), rtol=1e-12)


def test_a_plain_array_cannot_take_a_result_with_a_gradient():
    for call, shape in CALLS.values():
        if shape[-1:] != ("complex",):
            with pytest.raises(tg.UnsupportedError, match="plain array"):
                call(tg.Tensor(X), np.zeros(shape))
