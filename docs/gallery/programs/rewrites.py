"""step: written by tinygraph.

step(x, y) computes for these shapes, dtypes and values, and refuses others:
    x: float64(32, 3), y: float64(32, 1)

It needs NumPy alone.
Its arrays are in rewrites.npz, which belongs beside it.
Each call updates, in memory: w.
"""

from pathlib import Path
from threading import Lock

import numpy as np

PLAIN = ('int', 'bool', 'str', 'bytes', 'NoneType', 'complex', 'float', 'ellipsis')


def literal(value):
    """A value that is part of the signature, as Python writes it; of other objects their type alone."""
    kind = type(value)
    if kind is tuple:
        return "(" + ", ".join([literal(item) for item in value]) + ("," if len(value) == 1 else "") + ")"
    if kind.__name__ in PLAIN and kind.__module__ == "builtins":
        return repr(value)
    if isinstance(value, np.dtype):
        return f"dtype {value}"
    if kind is type and value.__module__ in ("builtins", "numpy"):
        return f"type {value.__name__}"
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "US":
        return f"{kind.__name__} {value.dtype}{value.shape} {value.tolist()!r}"
    return f"<{kind.__module__}.{kind.__qualname__}>"


def described(value, leaves, order = False):
    """An argument in words: "float64(3, 4)", "True", "{'w': float64(3,)}"; arrays and floats are added to `leaves`.

    With `order` the order of an array in memory is part of it.
    """
    kind = type(value)
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in "fciub":
        return literal(value)
    if kind is np.ndarray:
        leaves.append(value)
        placed = f" with strides {value.strides}" if order and not value.flags.c_contiguous else ""
        return f"{value.dtype}{value.shape}{placed}"
    if kind is float:
        leaves.append(np.array(value))
        return "float"
    if isinstance(value, np.generic):
        leaves.append(value)
        return f"{value.dtype} number"
    if isinstance(value, np.random.Generator):
        leaves.append(value)
        return "generator"
    if kind is dict:
        return (
            "{" + ", ".join([f"{literal(key)}: {described(item, leaves, order)}" for key, item in value.items()]) + "}"
        )
    if not isinstance(value, tuple | list):
        return literal(value)
    items = [described(item, leaves, order) for item in value]
    if hasattr(value, "_fields"):
        items = [f"{name}={item}" for name, item in zip(value._fields, items, strict=True)]
    inside = ", ".join(items)
    name = "" if kind in (tuple, list) else kind.__name__
    return f"{name}[{inside}]" if isinstance(value, list) else f"{name}({inside}{',' if len(items) == 1 else ''})"


def kinds_of(given, leaves):
    """A key for a call of arrays and plain values, made in a tenth of the time of words; None for other calls.

    Arrays and floats are added to `leaves`.
    """
    kinds = []
    for name, value in given.items():
        kind = type(value)
        if kind is np.ndarray:
            leaves.append(value)
            kinds.append((name, value.shape, value.dtype))
        elif kind is float:
            leaves.append(np.array(value))
            kinds.append((name, kind))
        elif kind is bool or kind is int or kind is str or value is None:
            kinds.append((name, kind, value))
        else:
            return None
    return tuple(kinds)


def owner(array):
    """The array that the memory of a view belongs to."""
    while type(array.base) is np.ndarray:
        array = array.base
    return array


def read(values, name, wanted):
    """An array of the npz beside this file, which must be of the shape and dtype that the programs were made for."""
    found = f"{values[name].dtype}{values[name].shape}" if name in values else "missing"
    if found != wanted:
        raise ImportError(
            f"{name} in the npz beside this file is {found}, and this file was written with {wanted}: the two are not "
            "from one save. Copy both files again"
        )
    return values[name]


with np.load(Path(__file__).with_name("rewrites.npz")) as values:
    w = read(values, "w", "float64(3, 1)")


def program_1(w):
    """The program for x: float64(32, 3), y: float64(32, 1)"""

    ones = np.ones(32)
    two = np.array(2.0)
    n_0_03125 = np.array(0.03125)
    one = np.array(1.0)
    n_0_1 = np.array(0.1)

    # Memory: allocated once, and used again at every call.
    p = p_slope = np.empty((32, 1))
    p_minus_y = d_p = np.empty((32, 1))
    p_minus_y_squared = np.empty((32, 1))
    d_w = scaled_d_w = np.empty((3, 1))

    def step(x, y):
        # forward · p = np.tanh(x @ w)                                (rewrites.md:18)
        np.dot(x, w, out=p)
        np.tanh(p, out=p)

        # forward · cost = np.mean((p - y) ** 2)                      (rewrites.md:19)
        np.subtract(p, y, out=p_minus_y)
        np.square(p_minus_y, out=p_minus_y_squared)
        cost_sum = np.vdot(p_minus_y_squared, ones)
        cost = cost_sum * 0.03125

        # backward · cost = np.mean((p - y) ** 2)                     (rewrites.md:19)
        np.multiply(two, p_minus_y, out=d_p)
        np.multiply(n_0_03125, d_p, out=d_p)

        # backward · p = np.tanh(x @ w)                               (rewrites.md:18)
        np.square(p, out=p_slope)
        np.subtract(one, p_slope, out=p_slope)
        np.multiply(d_p, p_slope, out=d_p)
        x_T = x.T
        np.dot(x_T, d_p, out=d_w)

        # update · w.assign(w.data - 0.1 * w.grad)                    (rewrites.md:22)
        np.multiply(n_0_1, d_w, out=scaled_d_w)
        np.subtract(w, scaled_d_w, out=w)

        return cost

    return step


PROGRAMS = {
    "x: float64(32, 3), y: float64(32, 1)": (program_1(w), [0, 1]),
}
KNOWN = {}  # by the kinds of its arguments the program for a call that was made before
lock = Lock()  # the programs work in memory that lasts
OWN = {id(owner(w))}


def run(given):
    """Compute with the program that was made for such arguments."""
    leaves = []
    kinds = kinds_of(given, leaves)
    if kinds not in KNOWN:
        count, leaves = len(leaves), []
        signature = ", ".join([f"{name}: {described(value, leaves)}" for name, value in given.items()])
        if signature not in PROGRAMS:
            raise ValueError(
                f"step: this file has no program for {signature}. It has one for "
                f"{'; one for '.join(PROGRAMS)}; give it such arguments, "
                "or call the compiled function with the others, too, before it is saved"
            )
        program, places = PROGRAMS[signature]
        if kinds is not None and len(leaves) == count:
            KNOWN[kinds] = PROGRAMS[signature]
    else:
        program, places = KNOWN[kinds]
    leaves = [leaf.copy() if type(leaf) is np.ndarray and id(owner(leaf)) in OWN else leaf for leaf in leaves]
    with lock:
        return program(*[leaves[place] for place in places])


def step(x, y):
    """Compute for arguments of the shapes, dtypes and values that the top of this file names."""
    return run({"x": x, "y": y})
