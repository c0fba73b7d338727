"""Random programs: compositions of functions with broadcasting, reductions and values that are used more than once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays_that_broadcast

# Smooth everywhere, and of moderate size, so that any composition of them can be compared with finite differences.
OF_ONE = {
    "tanh": np.tanh,
    "sin": np.sin,
    "bell": lambda x: np.exp(-x * x),
    "root": lambda x: np.sqrt(x * x + 1),
    "power": lambda x: 2.0 ** (x / 4),
    "cauchy": lambda x: 1 / (1 + x**2),
    "arcsinh": np.arcsinh,
    "conjugate": np.conjugate,
    "transpose": np.transpose,
    "ravel": np.ravel,
    "sum": np.sum,
    "mean of rows": lambda x: np.mean(x, axis=-1, keepdims=True) if x.ndim else x,
    "variance": np.var,
    "cumsum": lambda x: np.cumsum(x, axis=-1) if x.ndim else x,
    "product": lambda x: np.prod(np.tanh(x), axis=0) if x.ndim else x,
    "backward": lambda x: x[..., ::-1] if x.ndim else x,
    "twice": lambda x: x[np.array([0, 0])] if x.ndim and len(x) else x,
    "padded": lambda x: np.pad(x, 1),
    "spectrum": lambda x: np.real(np.fft.fft(x)) if x.ndim and x.shape[-1] else x,
    "joined": lambda x: np.concatenate([x, np.cos(x)], axis=-1) if x.ndim else x,
    "einsum": lambda x: np.einsum("...i,...i", x, np.tanh(x)) if x.ndim else x,
}
OF_TWO = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": lambda x, y: np.tanh(x) * y,
    "divide": lambda x, y: x / (1.5 + y * np.conjugate(y)),
    "outer": lambda x, y: np.outer(np.tanh(x), np.tanh(y)),
    "where": lambda x, y: np.where(np.arange(np.shape(x)[-1] if np.ndim(x) else 1) % 2 == 0, x, y),
}
LARGEST = 24


# These have poles or branches near the real line, or grow beyond it.
OF_REAL_NUMBERS = {"root", "cauchy", "arcsinh", "divide", "tanh", "multiply", "outer", "product", "einsum", "bell"}


@st.composite
def programs(draw, without=()):
    """Steps, each a function and which of the values so far it takes."""
    steps = []
    for count in range(draw(st.integers(1, 7))):
        table = draw(st.sampled_from([OF_ONE, OF_TWO]))
        places = [draw(st.integers(0, count + 1)) for _ in range(1 if table is OF_ONE else 2)]
        steps.append((table, draw(st.sampled_from(sorted({*table} - {*without}))), places))
    return steps


def run(steps, *xs):
    """The values of a program; a step whose shapes do not fit, or that makes too much, takes its first operand over."""
    values = list(xs)
    for table, name, places in steps:
        operands = [values[place] for place in places]
        fits = table is OF_ONE or name == "outer" or _broadcast(operands)
        value = table[name](*operands) if fits and np.size(operands[0]) <= LARGEST else operands[0]
        values.append(value if np.size(value) <= LARGEST else np.sum(value))
    return [np.tanh(value) if np.result_type(value).kind == "f" else value for value in values[len(xs) :]]


def _broadcast(operands):
    try:
        np.broadcast_shapes(*[np.shape(item) for item in operands])
    except ValueError:
        return False
    return True


@given(programs(), arrays_that_broadcast(2, min_side=1, low=-1.0, high=1.0))
def test_any_composition_is_differentiated_to_second_order(steps, xs):
    check_grads(lambda *xs: run(steps, *xs), *xs, order=2)


@given(programs(OF_REAL_NUMBERS), arrays_that_broadcast(2, min_side=1, low=-1.0, high=1.0))
def test_any_composition_of_complex_numbers_is(steps, xs):
    check_grads(lambda *xs: run(steps, *xs), *[x + 0.3j * np.cos(x) for x in xs], order=2)
