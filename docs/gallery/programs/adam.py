"""update: written by tinygraph.

update(w, g, m, v, t) computes for these shapes, dtypes and values, and refuses others:
    w: float64(3,), g: float64(3,), m: float64(3,), v: float64(3,), t: float

It needs NumPy alone.
"""

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


def program_1():
    """The program for w: float64(3,), g: float64(3,), m: float64(3,), v: float64(3,), t: float"""

    n_0_9 = np.array(0.9)
    n_0_1 = np.array(0.1)
    n_0_999 = np.array(0.999)
    n_0_001 = np.array(0.001)
    n_0_01 = np.array(0.01)
    n_1e_minus_07 = np.array(1e-07)

    # Memory: allocated once, and used again at every call.
    scaled_g = g_squared = v_hat = sqrt_v_hat = np.empty(3)

    def update(w, g, m, v, t):
        # forward · m = 0.9 * m + 0.1 * g                             (adam.md:14)
        m_2 = np.empty(3)
        np.multiply(n_0_9, m, out=m_2)
        np.multiply(n_0_1, g, out=scaled_g)
        np.add(m_2, scaled_g, out=m_2)

        # forward · v = 0.999 * v + 0.001 * g**2                      (adam.md:15)
        v_2 = np.empty(3)
        np.multiply(n_0_999, v, out=v_2)
        np.square(g, out=g_squared)
        np.multiply(n_0_001, g_squared, out=g_squared)
        np.add(v_2, g_squared, out=v_2)

        # forward · m_hat = m / (1 - 0.9**t)  # an average that begins at 0 is too small at first  (adam.md:16)
        one_minus_power_of_t = 1 - np.power(0.9, t)
        m_hat = np.empty(3)
        np.divide(m_2, one_minus_power_of_t, out=m_hat)
        w_2 = m_hat

        # forward · v_hat = v / (1 - 0.999**t)                        (adam.md:17)
        one_minus_power_of_t_2 = 1 - np.power(0.999, t)
        np.divide(v_2, one_minus_power_of_t_2, out=v_hat)

        # forward · w = w - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-7)    (adam.md:18)
        np.multiply(n_0_01, m_hat, out=w_2)
        np.sqrt(v_hat, out=sqrt_v_hat)
        np.add(sqrt_v_hat, n_1e_minus_07, out=sqrt_v_hat)
        np.divide(w_2, sqrt_v_hat, out=w_2)
        np.subtract(w, w_2, out=w_2)

        return (w_2, m_2, v_2)

    return update


PROGRAMS = {
    "w: float64(3,), g: float64(3,), m: float64(3,), v: float64(3,), t: float": (program_1(), [0, 1, 2, 3, 4]),
}
KNOWN = {}  # by the kinds of its arguments the program for a call that was made before
lock = Lock()  # the programs work in memory that lasts


def run(given):
    """Compute with the program that was made for such arguments."""
    leaves = []
    kinds = kinds_of(given, leaves)
    if kinds not in KNOWN:
        count, leaves = len(leaves), []
        signature = ", ".join([f"{name}: {described(value, leaves)}" for name, value in given.items()])
        if signature not in PROGRAMS:
            raise ValueError(
                f"update: this file has no program for {signature}. It has one for "
                f"{'; one for '.join(PROGRAMS)}; give it such arguments, "
                "or call the compiled function with the others, too, before it is saved"
            )
        program, places = PROGRAMS[signature]
        if kinds is not None and len(leaves) == count:
            KNOWN[kinds] = PROGRAMS[signature]
    else:
        program, places = KNOWN[kinds]
    with lock:
        return program(*[leaves[place] for place in places])


def update(w, g, m, v, t):
    """Compute for arguments of the shapes, dtypes and values that the top of this file names."""
    return run({"w": w, "g": g, "m": m, "v": v, "t": t})
