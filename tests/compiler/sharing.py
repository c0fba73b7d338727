"""Functions whose results share memory with their argument, or may: eager and compiled they do the same."""

from __future__ import annotations

import itertools

import numpy as np

import tinygraph as tg
from tinygraph.nests import tree_leaves

SQUARE = np.arange(16.0).reshape(4, 4)


def as_it_is(function):
    return function


def outcome(function, *args):
    """Return the result of a call, or the kind of its error."""
    try:
        return [np.array(item) for item in tree_leaves(function(*args))]
    except (tg.UnsupportedError, tg.GraphError) as error:
        return type(error)


def check_alike(function, *args):
    """Check that a compiled call returns what an eager one does, twice, or is refused; return whether it is not."""
    eager = outcome(function, *[np.copy(item) for item in args])
    compiled = tg.compile(function)
    for _ in range(2):
        found = outcome(compiled, *args)
        if found is tg.UnsupportedError:
            return False
        assert isinstance(eager, list), (eager, found)
        assert len(found) == len(eager)
        for one, other in zip(found, eager, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    return True


EXTRAS = [(), (0,), (1,), ((2, 8),), (0, 1), ((1, 0),), (-1,), (2,), ([0, 1],)]
NO_ARRAYS = {
    "from_dlpack",
    "frombuffer",
    "save",
    "savez",
    "savez_compressed",
    "savetxt",
    "memmap",
    "frompyfunc",
    "fromfile",
    "test",
    "info",
}


def shares(result, array):
    parts = result if isinstance(result, tuple | list) else [result]
    return any(isinstance(part, np.ndarray) and np.shares_memory(part, array) for part in parts)


def functions_with_views():
    """Every function of NumPy with which some arguments give a view of an array, the first such arguments of each."""
    found = {}
    rooms = (np, np.linalg, np.lib.stride_tricks)
    for name, function in [(name, getattr(room, name)) for room in rooms for name in sorted(dir(room))]:
        if name.startswith("_") or name in NO_ARRAYS or isinstance(function, type) or not callable(function):
            continue
        for extra in EXTRAS:
            array = SQUARE.copy()
            try:
                is_view = shares(function(array, *extra), array)
            except Exception:
                continue
            if is_view:
                found[f"{name}{extra}"] = (function, extra)
    return found


WITH_VIEWS = functions_with_views()
METHODS = {
    "T": lambda x: x.T, "mT": lambda x: x.mT, "real": lambda x: x.real, "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(), "reshape": lambda x: x.reshape(2, 8), "a row": lambda x: x[1],
    "backwards": lambda x: x[::-1], "an axis": lambda x: x[:, None], "everything": lambda x: x[...],
    "one element": lambda x: x[0, 0, ...], "swapaxes": lambda x: x.swapaxes(0, 1), "diagonal": lambda x: x.diagonal(),
    "not cast": lambda x: x.astype(float, copy=False), "cast": lambda x: x.astype(float),
    "a row, unpacked": lambda x: [*x][2], "einsum": lambda x: np.einsum("ij->ji", x),
    "einsum of a diagonal": lambda x: np.einsum("ii->i", x), "a copy": lambda x: x.copy(),
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=0),
    "repeated": lambda x: np.broadcast_to(x, (2, 4, 4)), "picked": lambda x: x[[0, 1]], "a number": lambda x: x[1, 2],
}  # fmt: skip
VIEWS = METHODS | {
    name: lambda x, function=function, extra=extra: function(x, *extra)
    for name, (function, extra) in WITH_VIEWS.items()
}


def first(result):
    return result[0] if isinstance(result, tuple | list) else result


# What has the values of its argument, and may be it.
SAME = {
    "itself": lambda x: x, "times one": lambda x: x * 1.0, "plus zero": lambda x: x + 0, "twice": lambda x: (x, x),
    "mean of one": lambda x: np.mean(x[None], axis=0), "sum of one": lambda x: np.sum(x[None], axis=0),
    "flatten": lambda x: x.flatten(), "astype": lambda x: x.astype(float),
    "not cast": lambda x: x.astype(x.dtype, copy=False),
    "reshape": lambda x: x.reshape(-1), "real": lambda x: x.real, "transpose": lambda x: x.T,
    "copy": lambda x: x.copy(), "part": lambda x: x[1:],
    "all": lambda x: x[...], "broadcast": lambda x: np.broadcast_to(x, (1, *x.shape)),
    "power": lambda x: x**1, "positive": lambda x: +x, "diagonal": lambda x: np.diag(x) if x.ndim == 2 else x[::-1],
    "einsum": lambda x: np.einsum("...->...", x), "concatenated": lambda x: np.concatenate([x]),
    "a dict": lambda x: {"a": x * 2.0, "b": [x * 2.0, (x * 2.0)[..., None]]},
    "its views": lambda x: (x * 2.0, (x * 2.0).T),
    "a number": lambda x: x.reshape(-1)[:1].reshape(()), "one element": lambda x: x.reshape(-1)[0, ...],
    "real, twice": lambda x: (np.real(x), np.real(x)), "squeezed": lambda x: np.squeeze(x[:1]),
    "a constant": lambda x: (np.arange(3.0), np.arange(3.0) + 0 * np.sum(x)), "atleast": lambda x: np.atleast_1d(x),
    "split": lambda x: np.split(x, [1]), "divided by one": lambda x: x / 1.0, "where": lambda x: np.where(True, x, x),
    "max of one": lambda x: np.max(x[None], axis=0), "clipped": lambda x: np.clip(x, -np.inf, np.inf),
}  # fmt: skip


def check_apart(results, others=()):
    """Check that no two arrays among the results share memory, nor one of them with another array."""
    results = [item for item in results if isinstance(item, np.ndarray)]
    for one, other in [*itertools.combinations(results, 2), *itertools.product(results, others)]:
        assert not np.shares_memory(one, other)
