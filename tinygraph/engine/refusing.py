"""The errors for calls and backward passes that cannot be made: what was asked, where, and what to do instead."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygraph.engine.instead import instead_of, taking_tensors
from tinygraph.engine.links import Call, Leaf, variable_of
from tinygraph.engine.modes import current_scope
from tinygraph.engine.notes import hint_for
from tinygraph.engine.passes import Freed
from tinygraph.engine.table import Operation, function_name
from tinygraph.engine.unreadable import RAGGED, WAYS_OF_RAGGED
from tinygraph.errors import ShapeError, UnsupportedError
from tinygraph.users_code.source import made_at, source_of, users_line


class AxisError(ShapeError, np.exceptions.AxisError):
    """An axis that an array does not have."""


class OutOfRangeError(ShapeError, IndexError):
    """An index that an array does not have."""


class LinAlgError(ShapeError, np.linalg.LinAlgError):
    """A matrix that is singular, not definite or not square."""


def explained(error: ValueError | IndexError, op: Operation, args: tuple[Any, ...]) -> ValueError | IndexError:
    """Return NumPy's error with the name of the call and the shapes of its arguments."""
    if isinstance(error, ShapeError):  # one of ours, which says all that
        return error
    if hasattr(op.function, "derivative") and str(error).startswith(f"{function_name(op.function)}: "):
        return error  # a primitive's own
    shapes = [np.shape(item) for item in _values_in(args) if isinstance(item, np.ndarray | np.generic)]
    joined = " and ".join(map(str, shapes))
    message = " ".join(str(error).split())
    if "negative integer powers" in message:
        return ValueError(
            f"{function_name(op.function)}: {message.rstrip('.')} ({users_line()}). Write t.astype(float) ** n"
        )
    if "inhomogeneous" in message:
        message = f"{RAGGED}. {WAYS_OF_RAGGED}"
    if op.function is np.matmul and len(shapes) == 2:
        left, right = shapes
        if left and right and left[-1] != right[max(len(right) - 2, 0)]:
            message = f"{left[-1]} columns against {right[max(len(right) - 2, 0)]} rows"
    place = f', in scope "{" / ".join(scope)}"' if (scope := current_scope()) else ""
    # What a user of NumPy would catch is caught.
    kind = AxisError if isinstance(error, np.exceptions.AxisError) else ShapeError
    kind = LinAlgError if isinstance(error, np.linalg.LinAlgError) else kind
    kind = OutOfRangeError if type(error) is IndexError else kind
    name = "t[index]" if op.function is operator.getitem else function_name(op.function)
    return kind(f"{name}: the arguments have shapes {joined}: {message} ({users_line()}{place})")


def explained_write(error: ValueError | IndexError, call: str, array: Any, value: Any) -> ValueError | IndexError:
    """NumPy's complaint about a write into an array, with the shapes."""
    kind = OutOfRangeError if type(error) is IndexError else ShapeError
    message = " ".join(str(error).split())
    if "with a sequence" in message:
        return kind(f"{call}: {RAGGED} ({users_line()}). {WAYS_OF_RAGGED}")
    return kind(f"{call}: an array of shape {array.shape}, a value of {np.shape(value)}: {message} ({users_line()})")


def no_numbers(op: Operation, value: Any, args: tuple[Any, ...]) -> UnsupportedError:
    """Return the error for a result made of objects, or of spans of time, that a gradient is to go through."""
    kinds = [item.dtype for item in _values_in(args) if isinstance(item, np.ndarray | np.generic)]
    dtype = next((kind for kind in kinds if kind.kind in "OmM"), getattr(value, "dtype", np.dtype(object)))
    name = "t[index]" if op.function is operator.getitem else function_name(op.function)
    way = 'data / np.timedelta64(1, "s")' if dtype.kind == "m" else "np.asarray(data).astype(float)"
    return UnsupportedError(
        f"{name}: no gradient goes through an array of dtype {dtype}, at {users_line()}. Convert it to numbers first, "
        f"{way}"
    )


def overwrites(name: str, how: str) -> UnsupportedError:
    """Return the error for a call that is told to write into an array."""
    return UnsupportedError(
        f"{name}: writing the result into an array ({how}) at {users_line()} would overwrite values that the graph may "
        "still need, or lose the gradient; use the result of the call"
    )


def lost_in_array(name: str, tensors: list[Any]) -> UnsupportedError:
    """Return the error for a call that would write Tensors into a plain array, and lose their gradient."""
    tensor = tensors[0] if tensors else None
    return UnsupportedError(
        f"{name}: a Tensor{'' if tensor is None else made_at(tensor._link)} is written into a plain array at "
        f"{users_line()}, which would lose its gradient. {taking_tensors()}; or use the result that a call returns"
    )


def unsupported(function: Callable[..., Any]) -> UnsupportedError:
    """Return the error for a function that the table does not know, or that is refused on Tensors."""
    name = function_name(function)
    instead = hint_for(function)
    if instead is not None:
        return UnsupportedError(f"{name}: {instead} ({users_line()})")
    if isinstance(function, np.ufunc) and name.endswith("(vectorized)"):
        return UnsupportedError(
            f"{name}: tinygraph has no derivative for this function of np.frompyfunc ({users_line()}). "
            f"{instead_of('np.frompyfunc', 'give it t.data')}"
        )
    if hasattr(function, "derivative"):
        return UnsupportedError(
            f"{name}: no derivative for this function, a primitive, was given yet ({users_line()}). Write "
            f"{name}.derivative(lambda g, z, x: ...), a rule for each argument; or give it t.data if the values alone "
            "are meant"
        )
    return UnsupportedError(
        f"{name}: tinygraph has no derivative for this function yet ({users_line()}). Write it with other NumPy "
        "functions, or give it a derivative with @tg.primitive; or give it t.data if the values alone are meant"
    )


def _values_in(structure: Any) -> Iterator[Any]:
    if type(structure) in (tuple, list):
        for item in structure:
            yield from _values_in(item)
    else:
        yield getattr(structure, "_value", structure)


# --- backward passes -------------------------------------------------------------------------------------------------


def no_graph(link: Call | Leaf) -> str:
    """Return the message for `backward` on a Tensor that no gradient flows from."""
    if isinstance(link, Call):
        return (
            f"backward: nothing that this {function_name(link.op.function)} was computed from requires a gradient; "
            "plain arrays, integers and Tensors with requires_grad=False are constants. Make what the gradient is for "
            "a Tensor before it is used, w = tg.Tensor(values)"
        )
    return (
        "backward: this Tensor has no graph: it does not require a gradient, having been made with "
        "requires_grad=False, of a dtype without gradients, under no_grad(), or by detach(). Compute it from a "
        "Tensor that requires one, w = tg.Tensor(values), outside of no_grad()"
    )


def changed_since(leaf: Leaf) -> str:
    """Return the message for a leaf whose array is another than at the call that a pass goes through."""
    source = source_of(leaf.code, leaf.lasti)
    made = f" (it was made at {source})" if source is not None else ""
    name = leaf.name or variable_of(leaf) or "a Tensor"
    how, instead = "was assigned a new value", "assign()"
    if leaf.rewritten == leaf.order:
        how, instead = "was written into, through its data,", "writing into it"
    return (
        f"backward: {name} {how} after it was used{made}, so the gradient of the older computation can no longer be "
        f"found. Call backward() before {instead}, or compute the loss again; cut a state that is carried on to the "
        "next step with h = h.detach()"
    )


def not_passable(call: Call) -> str:
    """Return the message for a call whose graph was freed, or that another pass is going through."""
    if type(call._adjoint) is Freed:
        name, place = variable_of(call), source_of(call.code, call.lasti)
        what = f"{name or 'this'}, {function_name(call.op.function)}{f' at {place}' if place is not None else ''},"
        return (
            f"backward: the graph of {what} was freed by an earlier backward(). Carry a state on to the next step "
            f"with {name or 'h'} = {name or 'h'}.detach(), and update a leaf with w.assign(w.data - rate * w.grad), as "
            "`w = w - rate * w.grad` ties each step to all before it; or pass retain_graph=True to the first "
            "backward() to go through one graph twice"
        )
    return "backward: another backward pass is going through this graph at this moment, in this or another thread"


def in_pass(call: Call) -> str:
    """Return the note on an error in a backward pass: the call whose rule failed, and its line."""
    source = source_of(call.code, call.lasti)
    line = f", called at {source}: {source.text}" if source is not None and source.of_user else ""
    return f"in the backward pass of {function_name(call.op.function)}{line}"


def attribute_kept(tensor: Any, name: str, instead: str) -> str:
    """Return the message for an attribute that is read alone."""
    return f"t.{name} = ...: a Tensor{made_at(tensor._link)} keeps its {name}, at {users_line()}. Write {instead}"
