"""A call that turns a Tensor into an array without asking is named, with the call to use instead."""

import copy
import math
import pickle
import re

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
    with pytest.raises(tg.UnsupportedError, match=r"^linalg\.inv: .* Write np\.linalg\.inv, which"):
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
        "rng.exponential": (lambda: rng.exponential(t), r"scale \* rng"),
        "rng.normal": (lambda: rng.normal(t, 1.0), "mean"),
        "np.array": (lambda: np.array([t, t]), "np.stack"),
    }
    for name, (call, instead) in calls.items():
        with pytest.raises(tg.UnsupportedError, match=instead) as caught:
            call()
        assert str(caught.value).startswith(f"{name}: ")


def of_lists(a, b):
    """Programs that give a list of Tensors to NumPy, and what is written in their place."""
    rows = [[a, b], [b, a]]
    return {
        "np.mean([a, b])": (lambda: np.mean([a, b]), lambda: np.mean(np.stack([a, b]))),
        "np.array([[a, b]])": (lambda: np.array([[a, b]]), lambda: np.stack([np.stack(row) for row in [[a, b]]])),
        "np.array(rows)": (lambda: np.array(rows), lambda: np.stack([np.stack(row) for row in rows])),
        "np.exp([a, b])": (lambda: np.exp([a, b]), lambda: np.exp(np.stack([a, b]))),
        "np.ones(2) * [a, b]": (lambda: np.ones(2) * [a, b], lambda: np.ones(2) * np.stack([a, b])),
        "np.linalg.det(rows)": (
            lambda: np.linalg.det(rows), lambda: np.linalg.det(np.stack([np.stack(row) for row in rows])),
        ),
        "np.stack(rows)": (lambda: np.stack(rows), lambda: np.stack([np.stack(row) for row in rows])),
        "np.diag([a, b])": (lambda: np.diag([a, b]), lambda: np.diag(np.stack([a, b]))),
        "np.dot([a, b], [1, 2])": (lambda: np.dot([a, b], [1, 2]), lambda: np.dot(np.stack([a, b]), [1, 2])),
    }  # fmt: skip


@pytest.mark.parametrize("name", of_lists(1.0, 2.0))
def test_a_list_of_tensors_is_joined_as_the_error_says(name):
    a, b = tg.Tensor(0.5), tg.Tensor(1.5)
    plain, _ = of_lists(0.5, 1.5)[name]
    fails, follows = of_lists(a, b)[name]
    with pytest.raises(tg.UnsupportedError) as caught:
        fails()
    assert "np.stack([t, u])" in str(caught.value)
    assert "np.stack([np.stack(row) for row in rows])" in str(caught.value)
    assert re.search(
        r"at test_conversions\.py:\d+, and lose the gradient\. .*; or give it t\.data if the", str(caught.value)
    )
    np.testing.assert_allclose(follows().data, plain())
    tg.testing.check_grads(lambda a, b: of_lists(a, b)[name][1](), 0.5, 1.5)


def test_a_method_of_a_plain_array_is_written_as_the_function():
    array, t = np.arange(3.0), tg.Tensor([1.0, 2.0, 4.0])
    with pytest.raises(tg.UnsupportedError, match=r"Write np\.dot\(a, t\) in place of the method a\.dot\(t\), which"):
        array.dot(t)
    np.dot(array, t).backward()
    np.testing.assert_array_equal(t.grad, array)


def test_pandas_computes_with_numbers():
    pandas = pytest.importorskip("pandas")
    t = tg.Tensor([1.0, 2.0, 4.0])
    s, frame = pandas.Series([1.0, 2.0, 3.0]), pandas.DataFrame(np.eye(3))
    calls = {
        "s * t": lambda s, f: s * t, "t * s": lambda s, f: t * s, "t + s": lambda s, f: t + s,
        "s - t": lambda s, f: s - t, "s @ t": lambda s, f: s @ t, "t @ s": lambda s, f: t @ s,
        "f @ t": lambda s, f: f @ t, "t @ f": lambda s, f: t @ f, "f * t": lambda s, f: f * t,
        "multiply": lambda s, f: np.multiply(t, s),
    }  # fmt: skip
    with pytest.raises(tg.UnsupportedError, match=r"^frame\.dot: .* s\.to_numpy\(\), in place"):
        frame.dot(t)
    for name, call in calls.items():
        with pytest.raises(tg.UnsupportedError, match=r"at test_conversions\.py:\d+.* s\.to_numpy\(\), in place"):
            call(s, frame)
        result = call(s.to_numpy(), frame.to_numpy())
        t.grad = None
        np.sum(result).backward()
        assert np.any(t.grad), name
    table = frame.copy()
    for keep in (lambda t: pandas.Series(t), lambda t: pandas.DataFrame({"a": t}), lambda t: table.insert(0, "a", t)):
        with pytest.raises(tg.UnsupportedError, match=r"or give it t\.data if the values alone are meant"):
            keep(t)
        keep(t.data)
    numbers = pandas.Series([tg.Tensor(1.0), tg.Tensor(3.0)])
    with pytest.raises((tg.UnsupportedError, TypeError)):
        numbers.mean()
    assert numbers.map(float).mean() == numbers.astype(float).mean() == 2


def test_a_plot_is_given_the_values():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    t, x = tg.Tensor([1.0, 2.0, 4.0]), np.arange(3)
    draws = (
        lambda t: pyplot.plot(t), lambda t: pyplot.plot(x, t), lambda t: pyplot.scatter(x, t), lambda t: pyplot.hist(t),
        lambda t: pyplot.bar(x, t), lambda t: pyplot.imshow(t.reshape(1, 3)), lambda t: pyplot.plot(x, t * 2),
    )  # fmt: skip
    for draw in draws:
        with pytest.raises(tg.UnsupportedError, match=r"^pyplot\.\w+: .* has no gradient: give it t\.data"):
            draw(t)
        draw(t.data)
    with pytest.raises(tg.UnsupportedError, match=r"\[float\(t\) for t in ts\] of a list"):
        pyplot.plot([t[0], t[1]])
    pyplot.close("all")


def test_what_has_no_formula_has_a_sentence():
    t, s = tg.Tensor([0.2, 0.3, 0.5]), tg.Tensor(2.0)
    array, rng = np.ones(3), np.random.default_rng(0)
    mask = np.array([True, False, False])
    answers = {
        r"array\[t\.astype\(int\)\]": (lambda: array[s], lambda: array[s.astype(int)]),
        r"t\[rng\.integers\(len\(t\), size=n\)\]": (lambda: rng.choice(t), lambda: t[rng.integers(len(t), size=2)]),
        r"np\.where\(mask, other, t\)": (lambda: np.ma.array(t, mask=mask), lambda: np.where(mask, 0.0, t)),
        r"where=~mask": (lambda: np.ma.mean(t), lambda: np.mean(t, where=~mask)),
        r"sum\(c \* x\*\*k for k, c in enumerate": (
            lambda: np.polynomial.Polynomial(t), lambda: sum(c * 0.5**k for k, c in enumerate(t)),
        ),
        r"A comparison has no gradient: give it t\.data": (
            lambda: np.testing.assert_allclose(t, t), lambda: np.testing.assert_allclose(t.data, t.data),
        ),
    }  # fmt: skip
    for said, (fails, follows) in answers.items():
        with pytest.raises(tg.UnsupportedError, match=said):
            fails()
        follows()


def test_numbers_that_a_tensor_is_not():
    t, s = tg.Tensor([0.2, 0.3, 0.5]), tg.Tensor(2.0)
    with pytest.raises(TypeError, match=r"round: .*shape \(3,\).* at test_conversions\.py:\d+\. Write np\.round"):
        round(t)
    assert np.round(t, 1).tolist() == [0.2, 0.3, 0.5] and round(s) == 2 and round(s, 1) == 2
    with pytest.raises(TypeError, match=r"format: .*'\.2f'.* Write np\.array2string\(t\.data, precision=3\)"):
        f"{t:.2f}"
    assert np.array2string(t.data, precision=3) == "[0.2 0.3 0.5]" and f"{t[0]:.2f}" == "0.20"
    for use in (lambda n: range(n), lambda n: [1] * 3 if [5, 6, 7][n] else 0, lambda n: "ab"[:n]):
        with pytest.raises(TypeError, match=r"dtype float64 is no index and no count, at .* Write int\(t\)"):
            use(s)
        use(int(s))
    with pytest.raises(tg.UnsupportedError, match=r"Write np\.copy\(t\), .*or copy\.deepcopy\(t\) if a leaf"):
        copy.copy(t)
    assert copy.deepcopy(t).is_leaf and copy.copy(t.detach()).tolist() == t.tolist()
    with tg.no_grad():
        assert copy.copy(t).is_leaf
    np.sum(np.copy(t * 2)).backward()
    np.testing.assert_array_equal(t.grad, [2, 2, 2])
    with pytest.raises(tg.GraphError, match=r"Pickle the leaves .* or t\.detach\(\)"):
        pickle.dumps(t * 2)
    pickle.dumps((t, (t * 2).detach()))


def test_a_place_in_a_library_is_not_named_as_the_place_of_a_tensor():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(tg.UnsupportedError) as handed_in:
        tg.grad(lambda x: np.asarray(x)[0])(np.ones(3))
    with pytest.raises(tg.UnsupportedError) as formed:
        pandas.Series([1.0, 2.0]) * tg.Tensor([1.0, 2.0])
    for caught in (handed_in, formed):
        assert "a Tensor that requires a gradient, at test_conversions.py:" in str(caught.value)


def test_a_library_that_writes_into_its_array_is_named_with_its_own_way_out():
    t = tg.Tensor([2.0, 3.0])
    with pytest.raises(tg.UnsupportedError, match=r"^np\.apply_along_axis: .*requires_grad=False"):
        np.apply_along_axis(lambda row: row * t[0], 0, np.ones((2, 3)))
    given = tg.Tensor(np.ones((2, 3)), requires_grad=False)
    assert np.apply_along_axis(lambda row: row * t[0], 0, given).requires_grad
    assert np.piecewise(given, [given > 0], [lambda x: x * t[0]]).requires_grad
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(tg.UnsupportedError, match=r"^sparse\.diags: .*Write np\.diag\(t\)"):
        sparse.diags([t], [0])


@pytest.mark.parametrize("dtype", [int, np.uint8])
def test_the_way_out_of_an_array_of_integers_is_one_of_floats(dtype):
    import tinygraph.numpy as tnp

    t, y = tg.Tensor(2.5), tnp.zeros(3, dtype)
    with pytest.raises(tg.UnsupportedError, match=rf"The array has dtype {y.dtype},.*np\.array\(array, float\)"):
        y[1] = t
    y = tnp.array(y, float)
    y[1] = t
    assert y.tolist() == [0, 2.5, 0] and y.requires_grad
    z = tnp.zeros(3)
    z[:2] = t
    assert z.requires_grad


def test_math_takes_no_gradient_away_in_code_that_has_run_before():
    """Python 3.11 calls C functions from another instruction once the code has run a few times."""

    def sine(x):
        return math.sin(x)

    for _ in range(50):
        sine(0.5)
    with pytest.raises(tg.UnsupportedError, match=r"math.sin: it takes the number of a Tensor.*Write np.sin"):
        sine(tg.Tensor(0.5))


def test_a_complex_number_is_no_float():
    for kind in (float, int):
        with pytest.raises(TypeError, match=rf"{kind.__name__}\(t.real\)"):
            kind(tg.Tensor(1 + 2j))
    assert complex(tg.Tensor(1 + 2j, requires_grad=False)) == 1 + 2j
