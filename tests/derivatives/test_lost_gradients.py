"""No function of NumPy returns numbers that move with a Tensor's, but without its gradient."""

from array import array as numbers_of

import numpy as np
import pytest

import tinygraph as tg

VECTOR = np.array([0.31, -0.72, 1.43, 2.17])
MATRIX = np.array([[4.0, 0.3, 0.1], [0.2, 5.0, -0.4], [0.7, -0.1, 6.0]])
PATTERNS = [
    lambda a: (a,),
    lambda a: (a, 2),
    lambda a: (a, 0.5),
    lambda a: (2, a),
    lambda a: (a, a[::-1] * 1.5),
    lambda a: (a, np.array([0, 1, 1])),
    lambda a: (a, a, a),
    lambda a: (a, a, 2),
    lambda a: (a > 0, a, a),
    lambda a: ([a > 0, a < 0], [a, a * 2]),
    lambda a: ([a, a],),
]
# Uninitialised memory; files and settings of NumPy's.
OUTSIDE = {"empty_like", "empty", "save", "savez", "savez_compressed", "savetxt", "fromfile", "memmap", "info", "test"}
# Holds the Tensor that it is given.
OUTSIDE |= {"poly1d"}
SPACES = {"numpy": np, "linalg": np.linalg, "fft": np.fft}
NAMES = [
    (space, name)
    for space, module in SPACES.items()
    for name in sorted(vars(module))
    if callable(getattr(module, name)) and not name.startswith(("_", "set", "show")) and name not in OUTSIDE
]


def results(found):
    return [part for item in found for part in results(item)] if isinstance(found, tuple | list) else [found]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("space", SPACES)
@np.errstate(all="ignore")
def test_no_function_loses_a_gradient_without_an_error(space):
    lost = set()
    for name in [name for where, name in NAMES if where == space]:
        function = getattr(SPACES[space], name)
        for pattern in PATTERNS:
            for a in (VECTOR, MATRIX):
                try:
                    found = results(function(*pattern(tg.Tensor(a))))
                    plain, moved = (results(function(*pattern(b))) for b in (a.copy(), a * (1 + 1e-6) + 1e-7))
                except Exception:  # refused, or not called like this
                    continue
                for item, before, after in zip(found, plain, moved, strict=False):
                    values = [np.asarray(value) for value in (before, after)]
                    if item is None or isinstance(item, tg.Tensor) or values[0].dtype.kind not in "fc":
                        continue
                    if values[0].shape == values[1].shape:
                        change = np.max(np.abs(values[1] - values[0]), initial=0)
                        lost |= {name} if 1e-9 < change < 1e-3 else set()
    assert not lost


SETS = {
    np.unique: lambda x: (x,),
    np.unique_values: lambda x: (x,),
    np.union1d: lambda x: (x, x * 3),
    np.setdiff1d: lambda x: (x, x[:2]),
    np.setxor1d: lambda x: (x, x[:2] * 3),
    np.intersect1d: lambda x: (x, x[:2]),
}


@pytest.mark.parametrize("function", SETS, ids=lambda f: f.__name__)
def test_sets_of_elements(function):
    x = np.array([3.0, 1.0, 2.0, 1.0, 5.0]) + 0.25
    found = function(*SETS[function](tg.Tensor(x)))
    expected = function(*SETS[function](x))
    np.testing.assert_array_equal(found.data, expected)
    weights = np.arange(1.0, found.size + 1)
    step = 1e-6 * np.array([1.0, -2.0, 3.0, -2.0, 5.0])  # equal elements stay equal
    gradient = tg.grad(lambda x: np.sum(weights * function(*SETS[function](x))))(x)
    moved = np.sum(weights * function(*SETS[function](x + step))) - np.sum(weights * expected)
    assert gradient @ step == pytest.approx(moved, rel=1e-6)


def test_unique_with_its_places():
    x = np.array([[3.0, 1.0], [3.0, 1.0], [0.0, np.nan]])
    for keywords in ({"axis": 0}, {"return_index": True}, {"return_inverse": True, "return_counts": True}, {}):
        found, expected = np.unique(tg.Tensor(x), **keywords), np.unique(x, **keywords)
        for item, array in zip(results(found), results(expected), strict=True):
            np.testing.assert_array_equal(getattr(item, "data", item), array)
    assert type(np.unique(tg.Tensor(np.array([1, 1, 2])))) is np.ndarray
    assert np.unique_counts(tg.Tensor(x)).counts.sum() == 6


@pytest.mark.parametrize("keywords", [{}, {"bins": 3}, {"bins": "sturges"}, {"density": True}])
def test_edges_of_bins_move_with_the_data(keywords):
    x, step = np.array([0.1, 0.9, 2.0, 3.5]), 1e-6 * np.array([3.0, 1.0, 1.0, -2.0])
    for which in (0, 1):
        f = lambda x: np.sum(np.histogram(x, **keywords)[which] * 1.5)
        weighted = lambda x: np.cumsum(np.histogram(x, **keywords)[which])[1]
        for g in (f, weighted):
            np.testing.assert_allclose(tg.value_and_grad(g)(x)[0], g(x))
            np.testing.assert_allclose(tg.grad(g)(x) @ step, g(x + step) - g(x), atol=1e-10)
    both = [results(np.histogram2d(a, x, [2, [0, 1, 2]])) for a in (tg.Tensor(x), x)]
    for found, expected in zip(*both, strict=True):
        np.testing.assert_allclose(getattr(found, "data", found), expected)


def test_methods_of_an_array_of_pythons_are_refused():
    t, numbers = tg.Tensor([1.0, 2.0]), numbers_of("d", [0.0])
    for fill in (lambda: numbers.append(t[0]), lambda: numbers.fromlist([t[0]]), lambda: numbers_of("d", t)):
        with pytest.raises(tg.UnsupportedError, match="would lose the gradient"):
            fill()
    assert numbers.tolist() == [0.0]


def test_methods_of_what_has_no_name_are_refused():
    columns = {"a": numbers_of("d", [0.0])}
    t, rows = tg.Tensor(2.0), {"a": [tg.Tensor(3.0), tg.Tensor(1.0)]}
    for name, fill in (
        ("append", lambda: columns["a"].append(t)),
        ("insert", lambda: columns["a"].insert(0, t)),
        ("extend", lambda: columns.get("a").extend([t])),
    ):
        with pytest.raises(tg.UnsupportedError, match=rf"^{name}: it takes the number .* lose the gradient"):
            fill()
    assert columns["a"].tolist() == [0.0]
    columns["a"].append(float(t))
    rows["a"].sort(key=float)
    rows["a"].append(t)
    assert columns["a"].tolist() == [0.0, 2.0] and [item.item() for item in rows["a"]] == [1, 3, 2]
    assert ["{:.1f} {}".format(t, t.item()), "%.1f" % t, [t][0].item()] == ["2.0 2.0", "2.0", 2.0]  # noqa: UP031, UP032
