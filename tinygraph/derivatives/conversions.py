"""Functions that NumPy and SciPy do not hand over: they make arrays of what they are given, and the gradient is lost.

All that is called of a Tensor then is its `__array__`. The error says which function it was, and what to use.
"""

from __future__ import annotations

import dis
import sys
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from tinygraph.errors import UnsupportedError
from tinygraph.source import called_name

# Of a function that the user called, by its name in NumPy or SciPy: what to use instead.
INSTEAD = {
    "logsumexp": "use tg.logsumexp",
    "softmax": "use tg.softmax",
    "log_softmax": "use tg.log_softmax",
    "polygamma": "write (-1)**(n + 1) * factorial(n) * special.zeta(n + 1, x); for n = 0 it is special.psi",
    "multigammaln": "write it out with special.gammaln",
    "comb": "use special.binom",
    "factorial": "use special.gamma(n + 1)",
    "vectorize": "call the function on the Tensor as a whole, or np.stack([f(x) for x in t])",
    "frompyfunc": "call the function on the Tensor as a whole, or np.stack([f(x) for x in t])",
    "r_": "use np.concatenate",
    "c_": "use np.column_stack",
    "full": "use np.broadcast_to, or np.full_like(t, value)",
    "diric": "write it out with np.sin",
    "perm": "use special.poch(n - k + 1, k)",
    "legendre_p": "use special.eval_legendre",
    "sph_harm_y": "write it out with special.lpmv",
    "spherical_jn": "write np.sqrt(np.pi / 2 / x) * special.jv(n + 0.5, x)",
    "spherical_yn": "write np.sqrt(np.pi / 2 / x) * special.yv(n + 0.5, x)",
    "spherical_in": "write np.sqrt(np.pi / 2 / x) * special.iv(n + 0.5, x)",
    "spherical_kn": "write np.sqrt(np.pi / 2 / x) * special.kv(n + 0.5, x)",
    **dict.fromkeys(("array", "asarray", "asanyarray"), "to join Tensors into one, use np.stack([t, u])"),
    "select": "write its default as the last choice, with a condition that holds everywhere",
    "einsum": "join Tensors into one first, with np.stack([t, u])",
    **{dtype: f"use t.astype(np.{dtype})" for dtype in ("float16", "float32", "float64", "complex64", "complex128")},
    "normal": "shift and scale what is drawn: mean + deviation * normal(size=n)",
    "uniform": "shift and scale what is drawn: low + (high - low) * uniform(size=n)",
    "exponential": "scale what is drawn with scale 1: scale * exponential(size=n)",
}
# How a function that is not called by its name shows itself in the stack.
_CLASSES = {"vectorize": "vectorize", "CClass": "c_", "RClass": "r_", "AxisConcatenator": "r_"}


_STORES = frozenset(dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap)


def check_number(frame: FrameType, made_at: str) -> None:
    """Raise an error where a Tensor that requires a gradient becomes a number that nobody asked for.

    `float(t)` is meant. But `array[i] = t` asks for the number in the same way, and so do functions of NumPy's that
    have an array take it, and those of `math`: the instruction that is being executed tells.

    Args:
        frame: of the caller of `t.__float__()`.
        made_at: where the Tensor was made, for the message.
    """
    if frame.f_globals.get("__name__", "").partition(".")[0] in ("numpy", "scipy"):
        raise UnsupportedError(lost_gradient(frame))
    if frame.f_code.co_code[frame.f_lasti] in _STORES:
        raise UnsupportedError(
            f"array[index] = t: a Tensor{made_at} that requires a gradient is written into a plain array, at "
            f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}, which would lose the gradient without a "
            "word. Gather the Tensors in a list and join them with np.stack; or write float(t) if the number is meant"
        )
    names = called_name(frame.f_code, frame.f_lasti)
    if names and names not in _MEANT and (instead := _instead_of_number(_looked_up(names, frame))):
        raise UnsupportedError(
            f"{'.'.join(names)}: it takes the number of a Tensor{made_at} that requires a gradient, at "
            f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}, which would lose the gradient without a "
            f"word. {instead}; or write float(t) for the Tensor if the number is meant"
        )


def _looked_up(names: tuple[str, ...], frame: FrameType) -> Any:
    """What a name with its attributes stands for in a frame, or None. Attributes are asked of modules and of NumPy's
    objects alone: those of others may compute.
    """
    found = frame.f_locals.get(names[0], frame.f_globals.get(names[0]))
    for name in names[1:]:
        if not isinstance(found, ModuleType) and type(found).__module__.partition(".")[0] not in ("numpy", "scipy"):
            return None
        found = getattr(found, name, None)
    return found


def _instead_of_number(function: Any) -> str | None:
    """What to use in place of a function that is given a Tensor's number, where a gradient could go through it."""
    if isinstance(function, type) or not callable(function):
        return None  # np.float64(t) is a number as float(t) is
    name = getattr(function, "__name__", "")
    if getattr(function, "__module__", None) in ("math", "cmath"):
        if name in _WITHOUT_DERIVATIVE:
            return None
        return f"Use {_OF_MATH.get(name, f'np.{name}')}"
    owner = getattr(function, "__self__", None)
    room = getattr(function, "__module__", None) or type(owner).__module__
    if str(room).partition(".")[0] in ("numpy", "scipy"):
        return "Give it arrays, and join Tensors with np.stack or np.where"
    return None


# The plain ways to ask for a number, or for its text.
_MEANT = frozenset((name,) for name in ("float", "int", "complex", "bool", "print", "str", "repr", "format", "round"))
# Functions of `math` that ask about a number, and those that other modules than NumPy have, or under another name.
_WITHOUT_DERIVATIVE = frozenset(("isnan", "isinf", "isfinite", "isclose", "floor", "ceil", "trunc", "ulp", "nextafter"))
_OF_MATH = {
    "acos": "np.arccos", "acosh": "np.arccosh", "asin": "np.arcsin", "asinh": "np.arcsinh", "atan": "np.arctan",
    "atan2": "np.arctan2", "atanh": "np.arctanh", "pow": "np.power", "fsum": "np.sum", "fabs": "np.abs",
    "dist": "np.linalg.norm of the difference", "erf": "scipy.special.erf", "erfc": "scipy.special.erfc",
    "gamma": "scipy.special.gamma", "lgamma": "scipy.special.gammaln", "sumprod": "np.dot", "remainder": "np.fmod",
    "phase": "np.angle", "polar": "np.abs and np.angle", "rect": "r * np.exp(1j * phi)",
}  # fmt: skip


def lost_gradient(frame: FrameType | None) -> str:
    """The error of a Tensor that is to become an array or a number, for the function that asked for it in a frame."""
    name = _caller(frame)
    message = (
        f"{name}: turning a Tensor that requires a gradient into an array would lose the gradient without a word. If "
        "it is meant: t.data, t.numpy(), t.detach(), or a `with tg.no_grad():` block"
    )
    instead = _instead_of_array(name)
    return f"{message}. Otherwise {instead}" if instead else message


def _instead_of_array(name: str) -> str | None:
    """What to use in place of a function, by the name that `_caller` gives it."""
    room, _, last = name.rpartition(".")
    if room in ("linalg", "fft") and hasattr(getattr(np, room), last):
        return f"use np.{room}.{last}"
    if room == "np.linalg":
        return "join Tensors into one first, with np.stack([t, u])"
    return INSTEAD.get(last)


def _caller(frame: FrameType | None) -> str:
    """The outermost function of NumPy or SciPy that is running, as a user would write it.

    One written in C has no frame: where there is no other, it is what the user's line calls.
    """
    written = called_name(frame.f_code, frame.f_lasti) if frame is not None else ()
    name = ".".join(written) or "np.asarray"
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        package, _, rest = module.partition(".")
        if package not in ("numpy", "scipy"):
            return name
        found = _called(frame)
        inside = _decorated(frame)
        if inside is not None:
            found, rest = inside.__name__, inside.__module__.partition(".")[2]
        if not found.startswith(("_", "<")):
            room = rest.partition(".")[0]
            if package == "numpy":
                room = f"np.{room}" if room in ("linalg", "fft") else "np"
            name = f"{room}.{found}"
        frame = frame.f_back
    return name


def _called(frame: FrameType) -> str:
    """The name of a function by which it is called, which for some is not that of its code."""
    owner = frame.f_locals.get("self")
    if type(owner).__name__ in _CLASSES:
        return _CLASSES[type(owner).__name__]
    if type(owner).__name__ == "MultiUFunc":  # several ufuncs of SciPy under one name
        return next((name for name, item in vars(sys.modules["scipy.special"]).items() if item is owner), "MultiUFunc")
    return frame.f_code.co_name


def _decorated(frame: FrameType) -> Any:
    """The function that a decorator of SciPy's is about to call, if that is what runs."""
    if frame.f_code.co_name != "wrapper":
        return None
    return next((frame.f_locals[name] for name in ("fun", "f") if callable(frame.f_locals.get(name))), None)
