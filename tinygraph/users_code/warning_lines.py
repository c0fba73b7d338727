"""NumPy's warnings of NaN and overflow at the user's line, where Python's filter counts them.

NumPy attributes a warning to the line of Python that called the ufunc. On a Tensor that is a line of tinygraph's.
Python shows a warning once for each line, so a program's second NaN would not be shown. The filter here issues the
warning again at the user's line. Python calls a filter while the warning is issued, with the stack at hand, so the
filter costs nothing until then. It is the last in the list: the user's filters, and `np.errstate`, come before it.
"""

from __future__ import annotations

import re
import sys
import warnings

from tinygraph.users_code.source import users_frame

__all__ = ["at_users_line"]

_NUMPYS = r"(divide by zero|overflow|underflow|invalid value) encountered in "


class _UsersLine:
    """The filter's pattern of messages. It matches the warnings of tinygraph's lines, which it has issued again.

    Attributes:
        pattern: matches nothing. Scikit-learn copies filters into its workers by the texts of their patterns.
    """

    pattern = "(?!)"

    def match(self, text: str) -> bool:
        """Issue one of NumPy's warnings again, if its line is tinygraph's or a compiled program's."""
        frame = sys._getframe(1)
        if not re.match(_NUMPYS, text) or frame.f_code is _UsersLine.match.__code__:
            return False
        if frame.f_globals.get("__name__", "").partition(".")[0] != "tinygraph" and not _is_program(frame.f_globals):
            return False
        while frame.f_back is not None and _is_program(frame.f_globals):
            frame = frame.f_back
        user = users_frame(frame)
        if user is None:
            return False
        warnings.warn_explicit(
            text,
            RuntimeWarning,
            user.f_code.co_filename,
            user.f_lineno,
            user.f_globals.get("__name__", "<unknown>"),
            user.f_globals.setdefault("__warningregistry__", {}),
        )
        return True


def _is_program(names: dict[str, object]) -> bool:
    """Return whether these are the global names of a compiled program."""
    return "__tinygraph_program__" in names


def at_users_line() -> None:
    """Issue NumPy's warnings on tinygraph's lines at the user's line, from now on."""
    if not any(isinstance(item[1], _UsersLine) for item in warnings.filters):
        warnings.filters.append(("ignore", _UsersLine(), RuntimeWarning, None, 0))  # type: ignore[attr-defined]
