"""The error for code that cannot be compiled, and the ways out that several such errors name."""

from __future__ import annotations

from tinygraph.engine.modes import state
from tinygraph.errors import UnsupportedError
from tinygraph.users_code.source import users_line

__all__ = ["AS_CONDITION", "AS_INDEX", "AS_NUMBER", "AS_WHOLE_NUMBER", "IN_PLACE", "refused"]


def refused(what: str, instead: str) -> UnsupportedError:
    """Return the error for code that cannot be compiled, with the user's line and the way out.

    The recorded run fails with it even if the function catches it, since a program could not.

    Args:
        what: a clause, "a computed value is printed".
        instead: the way out, in sentences without the last full stop.
    """
    error = UnsupportedError(f"compile: {what} ({users_line()}). {instead}")
    if state.tracing is not None:
        state.tracing.refusal = state.tracing.refusal or error
    return error


AS_CONDITION = (
    "Python would decide once, and the program would follow that decision for ever. Choose between values with "
    "np.where(condition, a, b); make a setting that is not computed an argument: bool, int and str arguments are part "
    "of the signature, and another value compiles another program"
)

AS_NUMBER = (
    "The number of this one run would become part of the program. Keep it an array: use NumPy's functions (np.sqrt, "
    "np.exp) in place of math's, and the array itself in place of its item. To see it, return it"
)

AS_WHOLE_NUMBER = (
    "As an index or a count the value itself will do, without int(), or operator.index(x): the program is made for the "
    "answer, and checks it. Else the number of this one run would become part of the program; keep it an array, "
    "`x.astype(int)`"
)

AS_INDEX = (
    "To take elements of a plain array or list at computed indices write np.asarray(plain, like=x)[indices] with an "
    "array or a Tensor x that the function works on; where a computed mask holds, np.where(mask, plain, 0)"
)

IN_PLACE = (
    "A program writes into what it is given, and into what it makes. Give the array as an argument, or make it inside "
    "with np.zeros(shape, like=x), np.copy(x) or a function of tinygraph.numpy; a Tensor that outlives the call is "
    "updated with w.assign(value)"
)
