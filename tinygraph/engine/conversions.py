"""Functions outside of NumPy's protocols: they make plain arrays of Tensors, and the gradient would be lost.

They call only the `__array__` or the `__float__` of a Tensor. The error names the function and its replacement.
"""

from __future__ import annotations

import inspect
import sys
from types import FrameType, ModuleType
from typing import Any

import numpy as np

from tinygraph.engine.instead import instead_of, replacement_for, taking_tensors
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.instructions import operation_at, stores_a_part
from tinygraph.users_code.source import (
    called_name,
    line_of,
    made_at,
    method_called,
    names_read,
    subscripted_name,
    users_frame,
)

# NumPy's functions that write into the array they are given, and ask that array alone what it is.
_WRITING = frozenset(("np.fill_diagonal",))
# The names in the stack of functions that are not called by their own name.
_CLASSES = {"vectorize": "vectorize", "CClass": "c_", "RClass": "r_", "AxisConcatenator": "r_"}


def check_number(frame: FrameType, link: Any) -> None:
    """Raise an error if a Tensor that requires a gradient becomes a number without the user's request.

    `float(t)` is a request. But `array[i] = t` calls `__float__`, too, and so do functions in C that take a number or
    an array. The current instruction of the frame tells them apart.

    Args:
        frame: of the caller of `t.__float__()`.
        link: of the Tensor, for the message.
    """
    if _library(frame) in _COMPUTING and not _asked_for(frame):
        raise UnsupportedError(lost_gradient(frame, made_at(link)))
    if stores_a_part(frame):
        raise UnsupportedError(_stored(frame, made_at(link), "float(t) if the number is"))
    names = called_name(frame.f_code, frame.f_lasti)
    key = _taking_a_number(names, frame) if names and names not in _MEANT else None
    if not names and (method := _nameless_method(frame)):
        names, key = (method,), ""
    if key is not None:
        raise UnsupportedError(
            f"{'.'.join(names)}: it takes the number of a Tensor{made_at(link)} that requires a gradient, at "
            f"{line_of(frame)}, and would lose the gradient. {instead_of(key, 'write float(t)')}"
        )


def _nameless_method(frame: FrameType) -> str | None:
    """The method that the user's line calls on an object without a name: "append" in `columns["a"].append(t)`.

    A method that asks for a number is written in C. `rows["a"].sort(key=float)` is meant.
    """
    code, lasti = frame.f_code, frame.f_lasti
    if frame is not users_frame(frame) or not operation_at(code, lasti)[0].startswith("CALL"):
        return None
    method = method_called(code, lasti)
    return None if _NUMBERS & names_read(code, lasti) or method in _WITHOUT_DERIVATIVE else method


def _stored(frame: FrameType, made_at: str, meant: str, call: str = "array[index] = t") -> str:
    """The error for writing a Tensor into a plain array, by a call as the user spells it."""
    name = subscripted_name(frame.f_code, frame.f_lasti)
    array = None if name is None else _looked_up((name,), frame)
    return (
        f"{call}: a Tensor{made_at} that requires a gradient is written into a plain array, at "
        f"{line_of(users_frame(frame) or frame)}, which would lose the gradient silently. {taking_tensors(array)}. Or "
        "gather the Tensors in a list and join them with np.stack; or choose with np.where(mask, t, array); or write "
        f"{meant} meant"
    )


def _asked_for(frame: FrameType) -> bool:
    """Return whether the user's line passes `float` to pandas, as `s.astype(float)` and `s.map(float)` do."""
    user = users_frame(frame)
    return _library(frame) == "pandas" and user is not None and bool(_NUMBERS & names_read(user.f_code, user.f_lasti))


_COMPUTING = frozenset(("numpy", "scipy", "pandas", "sklearn"))
# The plain ways to ask for a number, or for its text.
_MEANT = frozenset((name,) for name in ("float", "int", "complex", "bool", "print", "str", "repr", "format", "round"))
_NUMBERS = frozenset(("float", "int", "complex"))
# Functions of `math` that ask about a number, or have no derivative.
_WITHOUT_DERIVATIVE = frozenset(("isnan", "isinf", "isfinite", "isclose", "floor", "ceil", "trunc", "ulp", "nextafter"))


def _taking_a_number(names: tuple[str, ...], frame: FrameType) -> str | None:
    """The called function, by its name in `instead_of`, if it takes a Tensor's number without the user's request."""
    function = _looked_up(names, frame)
    if not callable(function):
        return None
    key = _key(function)
    if key.partition(".")[0] in ("math", "cmath"):
        return None if key.partition(".")[2] in _WITHOUT_DERIVATIVE else key
    if frame is not users_frame(frame):
        return None
    if key.startswith("builtins"):  # list(map(math.sqrt, losses)): functions in C run in this frame
        read = names_read(frame.f_code, frame.f_lasti)
        return "map" if "map" in read and not _NUMBERS & read else None
    if _NUMBERS & names_read(frame.f_code, frame.f_lasti) and not key.startswith("np."):
        return None  # deque(map(float, losses)) is meant; of NumPy's functions `float` is a dtype
    return key


def lost_gradient(frame: FrameType | None, made_at: str = "") -> str:
    """The error for a Tensor that would become an array: it names the function at work in a frame."""
    if frame is not None and _library(frame) not in _COMPUTING and stores_a_part(frame):
        return _stored(frame, made_at, "t.data if the values are")
    name, key = _asking(frame)
    if frame is not None and key in _WRITING:
        return _stored(frame, made_at, "t.data if the values are", name)
    return (
        f"{name}: it would make a plain array of a Tensor{made_at} that requires a gradient, at "
        f"{line_of(users_frame(frame))}, and lose the gradient. {instead_of(key, 'give it t.data')}"
    )


def gives_way(frame: FrameType) -> bool:
    """Return whether a sparse matrix of SciPy's asks, which leaves the product to an operand that is no array."""
    return frame.f_code.co_name == "_matmul_dispatch" and frame.f_globals.get("__name__", "").startswith("scipy.sparse")


def asking_for_array(frame: FrameType | None) -> tuple[str, str | None]:
    """Return the call at work in a frame, which needs an array, and its replacement, if there is one."""
    name, key = _asking(frame)
    return name, replacement_for(key)


def is_library(frame: FrameType) -> bool:
    """Return whether a library for plots or tables is at work between a frame and the user's line."""
    return _outermost(frame, users_frame(frame)) in _FOREIGN


def _asking(frame: FrameType | None) -> tuple[str, str]:
    """The call that needs an array: its name in the user's line, and its name in `instead_of`."""
    user = users_frame(frame)
    names = () if user is None else called_name(user.f_code, user.f_lasti)
    function = None if user is None else _looked_up(names, user)
    key = _key(function) if callable(function) else ""
    running = _outermost(frame, user)
    if key.partition(".")[0] == "tinygraph":
        key = "np"  # our functions take lists of numbers, and Tensors
    if running and (key.partition(".")[0] in ("", "builtins", "__main__") or running in _FOREIGN):
        key = running
    if names and getattr(function, "__name__", names[-1]) in (names[-1], "<lambda>"):
        return ".".join(names), key
    if user is None or key:
        return "NumPy" if key == "np" else key if "." in key or key in _FOREIGN else f"scipy.{key}", key
    return _written_in_c(user)


_OWN = frozenset(("tinygraph", "__main__"))
_FOREIGN = frozenset(("pandas", "matplotlib", "seaborn", "torch", "jax", "tensorflow"))


def _written_in_c(frame: FrameType) -> tuple[str, str]:
    """The call of NumPy in a line, where it has no frame and no plain name: a method, an operator, an index."""
    operation, sign = operation_at(frame.f_code, frame.f_lasti)
    if operation == "BINARY_SUBSCR" or (operation, sign) == ("BINARY_OP", "[]"):
        return "array[index]", "array[index]"
    if operation == "BINARY_OP":
        return f"array {sign} list", "np"
    method = method_called(frame.f_code, frame.f_lasti) if operation.startswith("CALL") else None
    if method is None:
        return "np.asarray", "np.asarray"
    return method, f"random.{method}" if hasattr(np.random.Generator, method) else f"np.{method}"


def _looked_up(names: tuple[str, ...], frame: FrameType) -> Any:
    """The object that a name with its attributes stands for in a frame, or None.

    Attributes are asked of modules and of NumPy's objects alone: those of others may compute, and are looked up
    without doing so.
    """
    if not names:
        return None
    found = frame.f_locals.get(names[0], frame.f_globals.get(names[0], frame.f_builtins.get(names[0])))
    for name in names[1:]:
        if isinstance(found, ModuleType) or type(found).__module__.partition(".")[0] in ("numpy", "scipy"):
            found = getattr(found, name, None)
        else:
            found = inspect.getattr_static(found, name, None)
    return found


def _key(function: Any) -> str:
    """The name of a function as `instead_of` has it: "np.mean", "linalg.expm", "stats.norm.cdf", "math.sqrt"."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", "")
    if isinstance(function, np.ufunc) or isinstance(owner, np.ufunc):
        return f"np.{name}"
    if isinstance(owner, np.ndarray):
        return f"ndarray.{name}"
    owned = owner is not None and not isinstance(owner, ModuleType)
    # A method that was looked up on a class, as of `array.array`, has no module of its own.
    holder = type(owner) if owned else getattr(function, "__objclass__", function)
    module = str(getattr(holder, "__module__", None) or "")
    return _in_room(module, name, owner)


def _in_room(module: str, name: str, owner: Any) -> str:
    """The same, from the module that defines a function, or the object of a method."""
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0].removeprefix("_")
    if package == "numpy":
        part = "random" if part == "mtrand" else part
        if part == "random":
            return f"random.{name}"
        return f"np.{part}.{name}" if part in ("linalg", "fft", "ma", "polynomial", "testing") else f"np.{name}"
    if package == "scipy":
        if part == "stats":
            distribution = getattr(owner, "dist", owner)
            of = getattr(distribution, "name", None) or type(distribution).__name__.removesuffix("_gen")
            return f"stats.{name}" if owner is None else f"stats.{of}.{name}"
        return f"sparse.linalg.{name}" if rest.startswith("sparse.linalg") else f"{part}.{name}"
    return f"{package.removeprefix('_')}.{name}" if package not in ("mpl_toolkits",) else "matplotlib"


def _outermost(frame: FrameType | None, user: FrameType | None) -> str:
    """The outermost function of a library that is running, from a frame up to the user's; "" if there is none."""
    found = ""
    while frame is not None and frame is not user:
        name, module = _called(frame), str(frame.f_globals.get("__name__", ""))
        inside = _decorated(frame)
        if inside is not None:
            name, module = inside.__name__, inside.__module__
        library = module.partition(".")[0]
        if library in _FOREIGN:
            return library
        if library not in ("numpy", "scipy"):
            found = library if library not in _OWN else found
        elif not name.startswith(("<", "_")):
            found = _in_room(module, name, frame.f_locals.get("self"))
        elif not found:
            found = _in_room(module, "", None).strip(".")
        frame = frame.f_back
    return found


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _called(frame: FrameType) -> str:
    """The name by which a function is called. For some functions the name in their code differs."""
    owner = frame.f_locals.get("self")
    if type(owner).__name__ in _CLASSES:
        return _CLASSES[type(owner).__name__]
    if type(owner).__name__ == "MultiUFunc":  # several ufuncs of SciPy under one name
        return next((name for name, item in vars(sys.modules["scipy.special"]).items() if item is owner), "MultiUFunc")
    return frame.f_code.co_name


def _decorated(frame: FrameType) -> Any:
    """The function that a decorator of SciPy's is about to call, if that is what runs."""
    if frame.f_code.co_name not in ("wrapper", "axis_nan_policy_wrapper"):
        return None
    names = ("fun", "f", "hypotest_fun_in")
    return next((frame.f_locals[name] for name in names if callable(frame.f_locals.get(name))), None)
