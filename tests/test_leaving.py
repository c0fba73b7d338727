"""A gradient of 0 that nobody meant: the warning names the line on which the function left the graph."""

import inspect
import pickle
import warnings

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine import leaving

X = np.array([1.5, -2.0])
WAYS = {
    "float()": lambda x: float(x[0]) ** 2,
    "item()": lambda x: x[0].item() * 3.0,
    ".data": lambda x: np.sum(x.data**2),
    "numpy()": lambda x: np.sum(np.exp(x).numpy()),
    "tolist()": lambda x: sum((x * 2).tolist()),
    "complex()": lambda x: abs(complex(x[0])),
    "tg.Tensor()": lambda x: np.sum(tg.Tensor(x * 2) ** 2),
    "pickle": lambda x: np.sum(pickle.loads(pickle.dumps(x)) ** 2),
}
TRANSFORMS = {
    "grad": lambda f: tg.grad(f)(X),
    "value_and_grad": lambda f: tg.value_and_grad(f)(X)[1],
    "hessian": lambda f: tg.hessian(f)(X),
    "jacobian": lambda f: tg.jacobian(f)(X),
    "vjp": lambda f: tg.vjp(f, X)[1](1.0)[0],
    "jvp": lambda f: tg.jvp(f, (X,), (X,))[1],
    "compiled": lambda f: tg.compile(tg.grad(f))(X),
}


@pytest.fixture(autouse=True)
def _anew():
    leaving._warned.clear()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("transform", ["grad", "vjp", "jvp", "jacobian", "hessian", "value_and_grad"])
def test_the_line_is_named(way, transform):
    if transform == "hessian" and way == "pickle":
        return  # what is differentiated twice is computed, and an error
    f = WAYS[way]
    line = inspect.getsourcelines(f)[1]
    with pytest.warns(UserWarning, match=rf"left at test_leaving\.py:{line} with {way.replace('()', '')}") as found:
        gradient = TRANSFORMS[transform](f)
    assert not np.any(gradient)
    assert found[0].lineno == line
    assert found[0].filename.endswith("test_leaving.py")


def test_a_compiled_gradient_warns_as_well():
    with pytest.warns(UserWarning, match=r"left at .* with \.data"):
        TRANSFORMS["compiled"](WAYS[".data"])


def test_one_argument_of_several():
    with pytest.warns(UserWarning, match="does not depend on an argument"):
        found = tg.grad(lambda w: w["a"].item() * np.sum(w["b"]))({"a": np.array(2.0), "b": X})
    np.testing.assert_array_equal(found["b"], [2, 2])


MEANT = {
    "a constant": lambda x: 3.0,
    "a comparison": lambda x: np.sum(x > 0),
    "detach": lambda x: np.sum(x.detach()),
    "the way out": lambda x: float(x.detach()[0]),
    "no_grad": lambda x: tg.no_grad()(lambda: np.sum(x.data))(),
    "a number beside": lambda x: np.sum(x) if float(x[0]) > 0 else 0.0,
    "a log": lambda x: [np.sum(x * x), float(x[0]), x.data, str(x)][0],
    "another's number": lambda x: float(OTHER) * 2.0,
}
OTHER = tg.Tensor(1.0)


COMPILED = ("a constant", "detach")  # the others ask for a value, and are not compiled
SILENT = [
    (transform, name) for transform in TRANSFORMS for name in MEANT if transform != "compiled" or name in COMPILED
]


@pytest.mark.parametrize(("transform", "name"), SILENT)
def test_no_warning_where_it_is_meant(transform, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TRANSFORMS[transform](MEANT[name])


def test_one_line_of_several_is_named():
    def f(x):
        first = float(x[0])
        return first + float(x[1])

    with pytest.warns(UserWarning, match="with float") as found:
        tg.grad(f)(X)
    assert len(found) == 1
