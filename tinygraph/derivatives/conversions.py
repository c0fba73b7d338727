"""Functions that NumPy and SciPy do not hand over: they make arrays of what they are given, and the gradient is lost.

All that is called of a Tensor then is its `__array__`. The error says which function it was, and what to use.
"""

from __future__ import annotations

import sys
from types import FrameType

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
    "array": "to join Tensors into one, use np.stack([t, u])",
}
# How a function that is not called by its name shows itself in the stack.
_CLASSES = {"vectorize": "vectorize", "CClass": "c_", "RClass": "r_", "AxisConcatenator": "r_"}


def lost_gradient() -> str:
    """The error of a Tensor that is to become an array, for the function that asked for it."""
    name = _caller()
    message = (
        f"{name}: turning a Tensor that requires a gradient into an array would lose the gradient without a word. If "
        "it is meant: t.data, t.numpy(), t.detach(), or a `with tg.no_grad():` block"
    )
    instead = INSTEAD.get(name.rsplit(".", 1)[-1], INSTEAD["array"] if name.startswith("np.") else None)
    return f"{message}. Otherwise {instead}" if instead else message


def _caller() -> str:
    """The outermost function of NumPy or SciPy that is running, as a user would write it."""
    name = "np.asarray"
    frame: FrameType | None = sys._getframe(3)  # past this one, `lost_gradient` and `__array__`
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        package, _, rest = module.partition(".")
        if package not in ("numpy", "scipy"):
            return name
        owner = type(frame.f_locals["self"]).__name__ if "self" in frame.f_locals else ""
        found = _CLASSES.get(owner, frame.f_code.co_name)
        if not found.startswith(("_", "<")):
            room = rest.partition(".")[0]
            if package == "numpy":
                room = f"np.{room}" if room in ("linalg", "fft") else "np"
            name = f"{room}.{found}"
        frame = frame.f_back
    return name
