"""Tensor: an array, its gradient, and how it was made."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.engine import modes, record
from tinygraph.engine.array_methods import TensorMethods
from tinygraph.engine.backward import backward
from tinygraph.engine.conversions import gives_way, lost_gradient
from tinygraph.engine.data import is_data
from tinygraph.engine.in_place import set_shape
from tinygraph.engine.keeping import copied, duplicate
from tinygraph.engine.leaving import note_number
from tinygraph.engine.lending import UNSEEN, lend, take_back
from tinygraph.engine.links import LIVE, DataLeaf, Leaf, Like, LiveData, Unnamed, give_name, name_of, next_order
from tinygraph.engine.memory import value_to_keep
from tinygraph.engine.modes import is_recording, is_tracing, state
from tinygraph.engine.operands import as_array, check_unmasked
from tinygraph.engine.operators import Operators
from tinygraph.engine.out_by_position import with_named_out
from tinygraph.engine.ownership import is_temporary
from tinygraph.engine.passes import hand_out_gradient, no_pass
from tinygraph.engine.protocols import Protocols
from tinygraph.engine.refusing import attribute_kept, no_graph
from tinygraph.engine.settling import handed_out, note_handed
from tinygraph.engine.table import function_name
from tinygraph.engine.ufuncs import call_ufunc
from tinygraph.engine.unreadable import as_numbers, not_numbers
from tinygraph.engine.value import Value
from tinygraph.errors import GraphError, ShapeError, UnsupportedError
from tinygraph.users_code.source import made_at, users_line

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    Array = NDArray[Any]

__all__ = ["Tensor"]

_getframe = sys._getframe


class Tensor(Value, Operators, Protocols["Tensor"], TensorMethods["Tensor"]):
    """An array that remembers how it was computed, so that it can be differentiated.

    A Tensor of a floating or complex dtype is something to differentiate with respect to; integers and booleans are
    not. NumPy functions called on Tensors return Tensors. Python numbers, and lists of them, become float64 unless
    a dtype is given; an array keeps its dtype.

    Args:
        data: a number, nested lists of numbers, or an array. An array is copied.
        dtype: convert to this dtype.
        name: what to call it in pictures and messages.
        requires_grad: whether `backward` computes a gradient for it; by default, whether the dtype can have one.

    Raises:
        TypeError: the data are not numbers, the name is not a string, or a gradient is asked for a dtype without one.

    Example:
        >>> a, b = Tensor(3.0), Tensor(4.0)
        >>> c = np.sqrt(a**2 + b**2)
        >>> c.backward()
        >>> a.grad
        array(0.6)
    """

    __slots__ = ()

    # NumPy asks the operand with the higher priority when two foreign classes meet.
    __array_priority__ = 1000.0

    def __init__(
        self,
        data: ArrayLike | Tensor,
        dtype: DTypeLike | None = None,
        *,
        name: str | None = None,
        requires_grad: bool | None = None,
    ) -> None:
        if isinstance(data, Tensor):
            if modes.unusual and state.taken_numbers is not None:
                note_number(data._link, "tg.Tensor()", _getframe(1))
            data = data.data
        value = _as_value(data, dtype)
        if requires_grad is None:
            requires_grad = value.dtype.kind in "fc"
        elif requires_grad:
            _check_floating("Tensor", value.dtype)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"Tensor: the name must be a string, got {type(name).__name__}")
        self._value = value
        self._link = (Leaf if requires_grad else DataLeaf)(value, name, _getframe(1))

    # --- what it is -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The values, as an ndarray.

        Of a leaf it is the array itself: writing into it changes the Tensor, and a graph that used the old values
        refuses to go backward. Of a computed Tensor it is read-only.
        """
        link = self._link
        if modes.unusual and state.taken_numbers is not None:
            note_number(link, ".data", _getframe(1))
        value: Any = self._value
        if type(value) is np.ndarray:
            if link.is_call or type(link) in (Unnamed, LiveData):
                if type(link) not in LIVE or is_data(self):
                    return handed_out(value)  # type: ignore[no-any-return]
                value = value.view()
                value.flags.writeable = False
            elif link.before is None:
                lend(link, value.copy(order="K"))
            return value  # type: ignore[no-any-return]
        array: Any = as_array(value)
        if modes.unusual and state.tracing is not None:
            own = None if link.is_call or type(link) in (Unnamed, LiveData) else link
            shown: Any = state.tracing.shown(array, own)
            if own is None and (type(link) not in LIVE or is_data(self)):
                note_handed(shown)
            return shown  # type: ignore[no-any-return]
        if link.is_call or type(link) in (Unnamed, LiveData):
            array.flags.writeable = False
        else:
            # Single numbers are kept as NumPy scalars, which compute five times as fast as 0-d arrays.
            self._value = link._value = array
            lend(link, value)
        return array  # type: ignore[no-any-return]

    @data.setter
    def data(self, value: ArrayLike) -> None:
        self.assign(value)

    @property
    def grad(self) -> Array | Tensor | None:
        """The gradient that `backward` found, of the shape and dtype of the Tensor; None before.

        A leaf adds up the gradients of successive calls of `backward`; set it to None to begin again. An
        intermediate Tensor shows the gradient of the last call, unless it was large and has been freed:
        `retain_graph=True` keeps it. It can be set, to what has the Tensor's shape.
        """
        link = self._link
        held: Any = link._grad
        if held is None or type(held) is Like:
            return None
        gradient: Any = held
        if gradient.dtype is not self._value.dtype and gradient.dtype != self._value.dtype:
            gradient = gradient.astype(self._value.dtype)  # an intermediate float16: see `tinygraph.engine.fitting`
        elif type(gradient) is Tensor:
            return gradient
        array: Any = gradient if type(gradient) is np.ndarray else as_array(gradient)
        stored = array is held or array is not gradient
        if stored and array.ndim == 0 and not (modes.unusual and is_tracing()):
            hand_out_gradient(link, held, array)
        if array is not gradient:  # in a function that is being compiled it is one already, and stays the same one
            link._grad = array
        return array  # type: ignore[no-any-return]

    @grad.setter
    def grad(self, gradient: ArrayLike | Tensor | None) -> None:
        found: Any = gradient
        if gradient is not None:
            found = gradient if isinstance(gradient, Tensor) else as_array(gradient)
            if found.shape != self.shape:
                raise ShapeError(f"grad: a Tensor of shape {self.shape} cannot have a gradient of {found.shape}")
            found = found if isinstance(gradient, Tensor) else found.astype(self.dtype)
        link = self._link
        link._grad = found
        if link.is_call:  # of a leaf the pass is known by its gradient
            link.passed = no_pass(next_order())

    @property
    def name(self) -> str | None:
        """The Tensor's name in pictures and messages."""
        return name_of(self._link)

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name: must be a string, got {type(name).__name__}")
        link = self._link
        if isinstance(link, Leaf):
            link.name = name
        else:
            give_name(link, name)
        recorded = getattr(self._value, "_event", None)
        if recorded is not None:  # while a function is compiled
            recorded.name = name

    @property
    def requires_grad(self) -> bool:
        """True if a backward pass reaches this Tensor."""
        return bool(self._link.differentiable)

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        link = self._link
        if not isinstance(link, Leaf):
            raise GraphError(
                f"requires_grad: it can be set on a leaf only, and this Tensor{made_at(link)} was computed. Write "
                "t = t.detach() for one without a gradient, or tg.Tensor(t.data) for a new leaf"
            )
        if state.tracing is not None:
            state.tracing.check_own(link, "requires_grad")
        if wanted:
            _check_floating("requires_grad", self.dtype)
        if type(link) is LiveData:
            self._value = self._value.copy()  # a leaf is written into by an update, not in the record's memory
            self._link = (Leaf if wanted else DataLeaf)(self._value, link.name, _getframe(1))
            return
        if type(link) is Unnamed:
            self._value = link._value = copied(self._value)  # it may be another Tensor's
            link.before = link.view_of = None
        link.__class__ = Leaf if wanted else DataLeaf
        if link.before is not None:
            lend(link, link.before)

    @property
    def is_leaf(self) -> bool:
        """True if the Tensor was given its value, as opposed to computed from other Tensors."""
        return isinstance(self._link, Leaf)

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each axis."""
        return self._value.shape  # type: ignore[no-any-return]

    @shape.setter
    def shape(self, shape: Any) -> None:
        set_shape(self, shape, _getframe(1))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements."""
        return self._value.dtype  # type: ignore[no-any-return]

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        raise AttributeError(attribute_kept(self, "dtype", "t = t.astype(dtype)"))

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        """The bytes that the elements take."""
        return self._value.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        """The bytes that one element takes."""
        return self._value.itemsize  # type: ignore[no-any-return]

    # --- differentiate ----------------------------------------------------------------------------------------------

    def backward(
        self, seed: ArrayLike | Tensor | None = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this Tensor to the `grad` of every leaf it was computed from.

        Args:
            seed: the gradient of some further scalar with respect to this Tensor, of this Tensor's shape; needed
                unless it has exactly one element, and then 1.
            retain_graph: keep the graph, to go through it again.
            create_graph: record the pass, so that the gradients can be differentiated; implies `retain_graph`.

        Raises:
            GraphError: there is no graph, it was freed, or a leaf was assigned to since.
            ShapeError: the seed is missing, or has another shape.
            TypeError: the seed does not fit the dtype, or is missing and the Tensor is complex.

        A call that raises leaves every gradient as it was.

        Source: Griewank and Walther, "Evaluating Derivatives" (2008), section 3.2.
        """
        link = self._link
        if not link.differentiable:
            raise GraphError(no_graph(link))
        seed = self._unit_seed() if seed is None else self._checked_seed(seed, create_graph)
        if create_graph and type(seed) is not Tensor:
            seed = record.unrecorded(seed)
        backward(self, seed, retain_graph, create_graph)

    def _unit_seed(self) -> Any:
        """Return the seed of a single number with respect to itself."""
        value = self._value
        if value.size != 1:
            raise ShapeError(
                f"backward: a Tensor of shape {self.shape} needs a seed, the gradient of a scalar with respect to "
                f"it: backward(np.ones({self.shape})) for that of the sum, or call backward() on a scalar"
            )
        if value.dtype.kind == "c":
            raise TypeError(
                "backward: a complex Tensor has no direction of steepest ascent; go backward from a real loss such "
                "as np.abs(t), or give a seed"
            )
        return value.dtype.type(1) if value.ndim == 0 else np.ones_like(value)

    def _checked_seed(self, seed: Any, create_graph: bool) -> Any:
        """Return a seed in this Tensor's dtype; it stays a Tensor where the pass is recorded."""
        if isinstance(seed, Tensor):
            checked: Any = seed if create_graph else seed._value
        else:
            checked = as_array(seed)
        if checked.shape != self.shape:
            raise ShapeError(
                f"backward: the seed has shape {checked.shape}, the Tensor {self.shape}; they must be the same"
            )
        if checked.dtype != self.dtype:
            if checked.dtype.kind not in "fiub" and checked.dtype.kind != self.dtype.kind:
                raise TypeError(f"backward: a seed of dtype {checked.dtype} does not fit a Tensor of {self.dtype}")
            checked = checked.astype(self.dtype)
        return checked[()] if type(checked) is np.ndarray and checked.ndim == 0 else checked

    def detach(self) -> Tensor:
        """Return a Tensor of the same values without a graph. No gradient flows through it."""
        if type(self._link) in LIVE:
            return record.unrecorded(value_to_keep(self))  # type: ignore[no-any-return]
        return record.unrecorded(self._value, self._link)  # type: ignore[no-any-return]

    @property
    def value(self) -> Tensor:
        """This Tensor: the `value` of Keras's variables."""
        return self

    def assign_add(self, value: ArrayLike | Tensor) -> None:
        """Add to the value of a leaf: `t.assign(t.data + value)`. See `assign`."""
        self.assign(self.data + (value.data if isinstance(value, Tensor) else value))

    def assign_sub(self, value: ArrayLike | Tensor) -> None:
        """Subtract from the value of a leaf: `t.assign(t.data - value)`. See `assign`."""
        self.assign(self.data - (value.data if isinstance(value, Tensor) else value))

    def assign(self, value: ArrayLike | Tensor) -> None:
        """Give a leaf a new value of the same shape, keeping its dtype and identity: the update of training.

        Args:
            value: anything that broadcasts to the Tensor's shape.

        Raises:
            GraphError: the Tensor is not a leaf.
            ShapeError: the value does not broadcast to the Tensor's shape.
            TypeError: the value is complex and the Tensor is not.

        A call that raises leaves the Tensor as it was. A graph that was built with the old value refuses to go
        backward, if its derivative needs it.
        """
        link = self._link
        if not isinstance(link, Leaf):
            raise GraphError(
                f"assign: only a leaf can be assigned to, and this Tensor{made_at(link)} was computed by "
                f"{function_name(link.op.function)}. Assign to the leaf that it was computed from, or make a new leaf "
                "of it, w = tg.Tensor(t.data)"
            )
        old = self._value
        if type(link) is LiveData and self.ndim:
            old[...] = self._fitting(value)
            return
        if value is old and self.ndim and (is_tracing() or (type(old) is np.ndarray and link.before is not None)):
            # `w.data -= step` has written into the array before it comes here.
            link.before = UNSEEN
            link.order = link.rewritten = next_order()
            return
        new: Any
        if (
            type(value) is np.ndarray
            and is_temporary(value)
            and value.base is None
            and value.dtype == old.dtype
            and value.shape == old.shape
        ):
            new = value  # `w.assign(w.data - step)`: an array that nobody else holds need not be copied
        elif type(value) is np.float64 and old.ndim == 0 and old.dtype == value.dtype:
            new = value
        else:
            new = self._fitting(value)
        self._value = link._value = new[()] if new.ndim == 0 else new
        if link.before is not None:
            link.rewritten = next_order()  # others held the old array, and may have written into it
            take_back(link)
        elif type(link) is Unnamed:
            if link.view_of is not None:
                link.rewritten = next_order()  # as above
                link.view_of = None
            link.taken = None
            self._link.__class__ = DataLeaf  # the array is its own from now on
        link.order = next_order()

    def _fitting(self, value: Any) -> Array:
        """Return a copy of the value in this Tensor's shape and dtype."""
        given: Any = value._value if type(value) is Tensor else value
        check_unmasked(given, "assign")
        new: Array = given if type(given) is np.ndarray else as_array(given)
        if new.shape != self.shape:
            try:
                new = np.broadcast_to(new, self.shape)
            except ValueError:
                raise ShapeError(
                    f"assign: a value of shape {new.shape} does not fit a Tensor of {self.shape}"
                ) from None
        if new.dtype.kind == "c" and self.dtype.kind != "c":
            raise TypeError(f"assign: complex values do not fit a Tensor of dtype {self.dtype}")
        return as_numbers("assign: ", new, self.dtype)  # type: ignore[no-any-return]

    def numpy(self) -> Array:
        """Return the values, as an ndarray."""
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "numpy()", _getframe(1))
        return self.data

    def item(self, *index: Any) -> Any:
        """Return one element, as a Python number."""
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "item()", _getframe(1))
        return self._value.item(*index)

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "tolist()", _getframe(1))
        return self._value.tolist()

    # --- NumPy's protocols ------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, kwargs, _getframe(1))

    def __array_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if len(types) > 1 and not all(issubclass(kind, Tensor | np.ndarray) for kind in types):
            return NotImplemented
        if len(args) > 1:
            args, kwargs = with_named_out(function, args, kwargs)
        return self._numpy(function, args, kwargs, _getframe(1))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self._link.differentiable and is_recording():
            if gives_way(_getframe(1)):
                return np.array(None, dtype=object)
            raise UnsupportedError(lost_gradient(_getframe(1), made_at(self._link)))
        return np.array(self._value if copy else self.data, dtype=dtype, copy=copy)

    # --- pickle -------------------------------------------------------------------------------------------------------

    def __reduce__(self) -> Any:
        if modes.unusual and state.taken_numbers is not None:
            note_number(self._link, "pickle", _getframe(1))
        if not self.is_leaf:
            raise GraphError(
                f"pickle: a computed Tensor cannot be pickled with its graph, at {users_line()}. Pickle the leaves "
                "that it was computed from, and compute it again; or t.detach() if the values alone are meant"
            )
        return _restored, (np.asarray(self._value), self.name, self.requires_grad)


def _check_floating(call: str, dtype: np.dtype[Any]) -> None:
    """Raise an error if values of this dtype have no gradient."""
    if dtype.kind not in "fc":
        raise TypeError(f"{call}: values of dtype {dtype} have no gradient; pass dtype=float, or requires_grad=False")


def _as_value(data: Any, dtype: DTypeLike | None) -> Any:
    """Return data as the record keeps them: an ndarray, or a NumPy scalar for a single number."""
    if type(data) in (float, int) and dtype is None:
        return np.float64(data)
    check_unmasked(data, "Tensor")
    array = as_array(data, dtype)
    if array.dtype.kind not in "fciub":
        raise not_numbers("Tensor: ", data, array)
    if modes.unusual and state.tracing is not None:
        array = state.tracing.own(array)
    elif isinstance(data, np.ndarray):
        array = duplicate(array) if np.may_share_memory(array, data) else array
    elif dtype is None and not isinstance(data, np.generic) and array.dtype.kind in "iub":
        array = array.astype(np.float64)
    return array[()] if array.ndim == 0 else array


def _restored(value: Array, name: str | None, requires_grad: bool) -> Tensor:
    """Return a leaf, as pickle makes it anew."""
    return Tensor(value, name=name, requires_grad=requires_grad)
