"""tg.explain: the reason why a Tensor has no gradient, or one of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.backward import pull_back
from tinygraph.engine.gathering import gather
from tinygraph.engine.links import Call, DataLeaf, Like, links_in
from tinygraph.engine.modes import state
from tinygraph.engine.operands import plain
from tinygraph.engine.passes import Freed
from tinygraph.engine.table import function_name
from tinygraph.engine.tensor import Tensor
from tinygraph.users_code.source import source_of

__all__ = ["explain"]


def explain(tensor: Tensor, loss: Tensor | None = None) -> str:
    """Explain in words a Tensor's gradient of None or zero: the place where the path to the loss is cut.

    Args:
        tensor: the Tensor without a gradient.
        loss: the Tensor that `backward` is called on; by default the Tensor of the last `backward` in this thread, if
            it still exists. After a `backward()` that freed the graph only a cut path can be found, not a gradient that
            became zero: call `explain` before it, or use `retain_graph=True`.

    Returns:
        A sentence or more.

    Raises:
        TypeError: an argument is not a Tensor.
    """
    if not isinstance(tensor, Tensor) or not isinstance(loss, Tensor | None):
        raise TypeError(f"explain: expected Tensors, got {type(tensor).__name__} and {type(loss).__name__}")
    link = tensor._link
    if not link.differentiable:
        return _without_gradient(tensor)
    if loss is None:
        last = state.last_loss() if state.last_loss is not None else None
        if type(link._grad) is Like or _is_nonzero(link._grad) or last is None or last._link is link:
            return _by_itself(link)
        made = _called(last._link) if last._link.is_call else "a leaf"
        return f"As for the last backward(), that of {made}: {explain(tensor, last)}"
    if not loss._link.differentiable:
        return "The loss has no graph. " + _without_gradient(loss)
    below = _below(loss._link)
    if id(link) not in below:
        return (
            "The loss was not computed from this Tensor, as far as the record goes. On the way its values left the "
            "graph (t.data, t.numpy(), t.detach(), float(t), a comparison, argmax, no_grad), or another Tensor with "
            "the same values was used."
        )
    return _along_the_way(link, loss._link, below)


def _without_gradient(tensor: Tensor) -> str:
    link = tensor._link
    if isinstance(link, Call):
        return f"Nothing that this {_called(link)} was computed from requires a gradient."
    if tensor.dtype.kind not in "fc":
        return f"Values of dtype {tensor.dtype} have no gradient; make the Tensor with dtype=float."
    return (
        "It does not require a gradient: it was made with requires_grad=False, by detach(), or under no_grad(). "
        "For a leaf, set t.requires_grad = True before it is used."
    )


def _by_itself(link: Any) -> str:
    gradient = link._grad
    if type(gradient) is Like:
        return (
            "The gradient was computed, but its memory was freed, since it is large. backward(retain_graph=True) keeps "
            "it."
        )
    if gradient is None:
        return (
            "No backward() has reached it. Either backward() was called on nothing computed from it, or the path to it "
            "is cut: explain(tensor, loss) says where."
        )
    values = gradient._value if isinstance(gradient, Tensor) else np.asarray(gradient)
    if not np.any(values):
        return "The gradient is zero in every element: explain(tensor, loss) says where it vanished."
    return f"It has a gradient, of norm {np.linalg.norm(values):.3g}."


def _below(root: Any) -> dict[int, Any]:
    """Return every link that the root was computed from, with or without a gradient, by its id."""
    found = {id(root): root}
    waiting = [root]
    for link in waiting:  # grows while we walk it
        if isinstance(link, Call):
            for operand in links_in(link.args):
                if id(operand) not in found:
                    found[id(operand)] = operand
                    waiting.append(operand)
    return found


def _along_the_way(link: Any, root: Any, below: dict[int, Any]) -> str:
    """Run the pass, and name the calls on the paths from the root to the link that lose the gradient."""
    arrived = _remembered(below) if type(root._adjoint) is Freed else _run(root)
    if np.any(arrived.get(id(link), 0)):
        return f"A gradient arrives, of norm {np.linalg.norm(arrived[id(link)]):.3g}."
    depends = _dependents(link, below)
    lost = [
        (call, operand)
        for call in sorted((item for item in depends if isinstance(item, Call)), key=lambda call: -call.order)
        if np.any(arrived.get(id(call), 0))
        for operand in links_in(call.args)
        if operand in depends and not np.any(arrived.get(id(operand), 0))
    ]
    if not lost:
        return "No gradient arrives: the gradient of the loss is zero from the start."
    how = "Its gradient is zero." if id(link) in arrived else "No gradient arrives."
    if any(value is True for value in arrived.values()):
        how += (
            " The memory of large gradients on the way was freed, so the true place may be nearer to the loss: "
            "explain(tensor, loss) before backward(), or after backward(retain_graph=True), is exact."
        )
    return "\n".join([how, *dict.fromkeys(_loss_at(call, operand, id(operand) in arrived) for call, operand in lost)])


def _run(root: Any) -> dict[int, Any]:
    """Run a pass from the root that leaves no trace; return the cotangents by the id of the link."""
    waiting = gather([root])
    calls = waiting.calls
    seed = np.ones(root._value.shape, root._value.dtype)[()]
    try:
        cotangents = pull_back(waiting, [root], [seed], False, True, show=True)
        arrived: dict[int, Any] = {id(call): call._adjoint for call in calls if call._adjoint is not waiting}
    finally:
        for call in calls:
            call._adjoint = None
    return arrived | {id(leaf): cotangent for leaf, cotangent in cotangents.items()}


def _remembered(below: dict[int, Any]) -> dict[int, Any]:
    """Return the gradients that an earlier pass left, by the id of the link; True for a gradient that was freed."""
    return {
        key: True if type(link._grad) is Like else plain(link._grad)
        for key, link in below.items()
        if link._grad is not None
    }


def _is_nonzero(gradient: Any) -> bool:
    return gradient is not None and bool(np.any(plain(gradient)))


def _dependents(link: Any, below: dict[int, Any]) -> set[Any]:
    """Return the link, and all links computed from it on the way to the root."""
    depends = {link}
    for call in sorted((item for item in below.values() if isinstance(item, Call)), key=lambda call: call.order):
        if any(operand in depends for operand in links_in(call.args)):
            depends.add(call)
    return depends


def _loss_at(call: Call, operand: Any, computed: bool) -> str:
    if computed:
        value = operand._value
        span = ""
        if isinstance(value, np.ndarray | np.generic) and value.size:
            span = f", whose operand runs from {np.min(value):.3g} to {np.max(value):.3g}"
        return f"It vanishes in {_called(call)}{span}: the derivative there is zero wherever a gradient arrives."
    if isinstance(operand, DataLeaf) or not operand.differentiable:
        return f"The path is cut before {_called(call)}: its operand there requires no gradient."
    return f"The path is cut in {_called(call)}: it has no derivative with respect to this operand."


def _called(call: Call) -> str:
    source = source_of(call.code, call.lasti)
    name = function_name(call.op.function)
    return name if source is None else f"{name} ({source}: {source.text})"
