"""Escapes: the ways by which a value leaves NumPy, into a `float` or a plain array. Each is refused.

A program would use the value of the one run that was recorded at every call. The truth of a value and an index are
answered, since the program can check the answer: see `deciding`. Where tinygraph's own code asks, that is refused: the
code has another way for a function that is being compiled.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.refused import AS_CONDITION, AS_INDEX, AS_NUMBER, AS_WHOLE_NUMBER, IN_PLACE, refused
from tinygraph.engine.conversions import asking_for_array
from tinygraph.users_code.instructions import is_indexing, stores_a_part
from tinygraph.users_code.source import users_frame

__all__ = ["Escapes"]


def _refusing(name: str, what: str, instead: str) -> Callable[..., Any]:
    """Return the method of that name, which raises the error."""

    def method(self: Escapes, *args: Any, **kwargs: Any) -> NoReturn:
        self._recorder.check_open()
        raise refused(what, instead)

    method.__name__ = method.__qualname__ = name
    return method


def _check_asker(frame: FrameType) -> None:
    """Refuse a question from tinygraph's code, unless it passes on one that the user asked of a Tensor.

    Args:
        frame: that asks.

    Raises:
        UnsupportedError: tinygraph's own code asks.
    """
    asker: FrameType | None = frame
    while asker is not None and asker.f_code.co_name in _QUESTIONS:
        asker = asker.f_back
    if asker is not None and asker.f_globals.get("__name__", "").partition(".")[0] == "tinygraph":
        raise refused("a computed value stands in an if, while, and, or, not or assert", AS_CONDITION)


# The module that reads a graph from its Tensors.
_READING = "tinygraph.graph.reading"
_QUESTIONS = frozenset(("__bool__", "__index__", "__contains__"))


class Escapes:
    """An array whose values cannot escape.

    Attributes:
        _recorder: says whether the run still goes on; after it the error is another.
    """

    __slots__ = ()

    _recorder: Recorder
    dtype: Any
    shape: Any
    _weak: bool
    _as_place: Any

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self._recorder.check_open()
        frame = sys._getframe(1)
        # The places in a list, `plain[[k, j]]`. What is written there is asked for in the dtype of the array.
        if (
            dtype is None
            and self.dtype.kind in "iu"
            and not self.shape
            and (is_indexing(frame) or stores_a_part(frame))
        ):
            _check_asker(frame)
            self._as_place = (frame.f_code, frame.f_lasti)
            return np.asarray(self._recorder.decide(self, operator.index), self.dtype)
        if is_indexing(frame):  # an index asks for its values
            raise refused("a plain array is indexed with a computed one", AS_INDEX)
        if frame.f_globals.get("__name__") == _READING:
            raise refused(
                "a graph is read or drawn inside of the function, where there are no values yet",
                "Write step.graph or step.draw() after a call of the compiled step",
            )
        name, formula = asking_for_array(frame)
        if name.rpartition(".")[2] == "arange" and self.dtype.kind in "iu":
            raise refused(f"{name} counts to a computed value", f"Write {name}(operator.index(n)). {AS_WHOLE_NUMBER}")
        if formula is not None:
            raise refused(
                f"{name} makes a plain array of one that depends on the arguments",
                f"Write {formula}, which is recorded",
            )
        raise refused(
            "an array that depends on the arguments is turned into a plain one",
            "np.asarray and np.array do that, writing into a plain array (`plain += x`, `plain[i] = x`), and functions "
            "that do not tell NumPy of their arguments. Leave np.asarray out; join with np.stack; compute "
            f"`plain = plain + x`. {AS_INDEX}",
        )

    def __float__(self) -> float:
        self._recorder.check_open()
        if stores_a_part(sys._getframe(1)):
            raise refused(
                "array[index] = value writes a computed value into a plain array",
                IN_PLACE,
            )
        if self._is_truth():
            return float(self._recorder.decide(self, bool))
        raise refused("float() asks for a computed value", AS_NUMBER)

    def __int__(self) -> int:
        if self._is_truth():
            return int(self._recorder.decide(self, bool))
        frame = sys._getframe(1)
        if getattr(self, "_as_place", None) == (frame.f_code, frame.f_lasti):
            self._as_place = None  # NumPy asks for a place of a list twice
            return int(self._recorder.decide(self, operator.index))
        self._recorder.check_open()
        whole = "" if self.dtype.kind in "iu" else "Write np.trunc(x).astype(int) in place of int(x). "
        raise refused("int() asks for a computed value", whole + AS_WHOLE_NUMBER)

    def _is_truth(self) -> bool:
        """Return whether there are two answers, which a program can tell apart."""
        return bool(self.dtype == np.bool_ and not self.shape)

    def __bool__(self) -> bool:
        _check_asker(sys._getframe(1))
        return self._recorder.decide(self, bool)  # type: ignore[no-any-return]

    def __index__(self) -> int:
        _check_asker(sys._getframe(1))
        if self._weak and self._is_truth():
            return int(self._recorder.decide(self, bool))
        return self._recorder.decide(self, operator.index)  # type: ignore[no-any-return]

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __repr__(self) -> str:
        frame = sys._getframe(1)
        if users_frame(frame) is frame:  # errors and debuggers may name it
            self._recorder.check_open()
            raise refused("a computed value is printed", "Return it, and print it outside")
        return f"<{self.dtype} array of shape {self.shape} in a function that is being compiled>"

    __complex__ = _refusing("__complex__", "complex() asks for a computed value", AS_NUMBER)
    __round__ = _refusing("__round__", "round() asks for a computed value", AS_NUMBER)
    __trunc__ = _refusing("__trunc__", "trunc() asks for a computed value", AS_NUMBER)
    __bytes__ = _refusing("__bytes__", "bytes() asks for computed values", AS_NUMBER)
    item = _refusing("item", "item() asks for a computed value", AS_NUMBER)
    tolist = _refusing("tolist", "tolist() asks for computed values", AS_NUMBER)
    tobytes = _refusing("tobytes", "tobytes() asks for computed values", AS_NUMBER)
    __str__ = _refusing("__str__", "a computed value is printed", "Return it, and print it outside")
    __format__ = _refusing("__format__", "a computed value is printed", "Return it, and print it outside")
    __reduce__ = _refusing("__reduce__", "a computed value is pickled", "Return it, and pickle it outside")
    resize = _refusing("resize", "resize() changes an array", "Use np.resize(x, shape)")
    setfield = _refusing("setfield", "setfield() writes into an array", "Write x[index] = value")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(self.__class__, name):
            raise AttributeError(f"an array in a function that is being compiled has no attribute {name!r}")
        raise refused(
            f"an array's {name} is asked for",
            "A program knows no attributes of memory or of objects; use a NumPy function instead",
        )
