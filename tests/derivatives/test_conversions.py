"""What turns a Tensor into an array without asking is named, with what to use instead."""

import numpy as np
import pytest

import tinygraph as tg

OF_NUMPY = {
    "np.asarray": (lambda t: np.asarray(t), "np.stack"),
    "np.vectorize": (lambda t: np.vectorize(np.sin)(t), "np.stack"),
    "np.r_": (lambda t: np.r_[t, t], "np.concatenate"),
    "np.c_": (lambda t: np.c_[t, t], "np.column_stack"),
    "np.full": (lambda t: np.full((2, 2), t), "np.broadcast_to"),
    "np.linalg.det": (lambda t: np.linalg.det([t, t]), "np.stack"),
}
OF_SCIPY = {
    "logsumexp": (lambda special, t: special.logsumexp(t), "tg.logsumexp"),
    "softmax": (lambda special, t: special.softmax(t), "tg.softmax"),
    "log_softmax": (lambda special, t: special.log_softmax(t), "tg.log_softmax"),
    "polygamma": (lambda special, t: special.polygamma(1, t), "special.zeta"),
    "comb": (lambda special, t: special.comb(t, 2), "special.binom"),
    "spherical_jn": (lambda special, t: special.spherical_jn(1, t), "special.jv"),
    "sph_harm_y": (lambda special, t: special.sph_harm_y(2, 1, t, 0.5), "special.lpmv"),
    "legendre_p": (lambda special, t: special.legendre_p(2, t), "special.eval_legendre"),
}


@pytest.mark.parametrize("name", OF_NUMPY)
def test_functions_of_numpy(name):
    call, instead = OF_NUMPY[name]
    with pytest.raises(tg.UnsupportedError, match=instead) as caught:
        call(tg.Tensor([0.5, 1.0]))
    assert str(caught.value).startswith(f"{name}: ")


@pytest.mark.parametrize("name", OF_SCIPY)
def test_functions_of_scipy(name):
    call, instead = OF_SCIPY[name]
    special = pytest.importorskip("scipy.special")
    with pytest.raises(tg.UnsupportedError, match=instead) as caught:
        call(special, tg.Tensor([0.5, 1.0]))
    assert str(caught.value).startswith(f"special.{name}: ")


def test_a_function_of_scipy_that_a_decorator_hides_is_named():
    linalg = pytest.importorskip("scipy.linalg")
    t = tg.Tensor(np.eye(2))
    for name in ("solve_sylvester", "solve_continuous_lyapunov"):
        with pytest.raises(tg.UnsupportedError, match=f"^linalg.{name}: "):
            getattr(linalg, name)(t, *[np.eye(2)] * (2 if name == "solve_sylvester" else 1))


def test_a_function_of_scipy_that_numpy_has_too_is_pointed_to():
    linalg = pytest.importorskip("scipy.linalg")
    with pytest.raises(tg.UnsupportedError, match=r"^linalg\.inv: .*Otherwise use np\.linalg\.inv$"):
        linalg.inv(tg.Tensor(np.eye(2)))


def test_what_adds_at_places_says_what_does_so_without_writing():
    t = tg.Tensor([1.0, 2.0])
    total = np.zeros(2) + np.bincount([0, 0], t, 2)
    total.backward(np.array([3.0, 5.0]))
    np.testing.assert_array_equal(t.grad, [3, 3])


def test_what_is_written_in_c_is_named_as_the_line_calls_it():
    t, rng = tg.Tensor([1.0, 2.0]), np.random.default_rng(0)
    calls = {
        "np.int64": (lambda: np.int64(t), "t.data"),
        "np.float32": (lambda: np.float32(t), "t.astype"),
        "rng.exponential": (lambda: rng.exponential(t), "scale what is drawn"),
        "rng.normal": (lambda: rng.normal(t, 1.0), "mean"),
        "np.array": (lambda: np.array([t, t]), "np.stack"),
    }
    for name, (call, instead) in calls.items():
        with pytest.raises(tg.UnsupportedError, match=instead) as caught:
            call()
        assert str(caught.value).startswith(f"{name}: ")
