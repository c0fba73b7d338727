"""Leaving the graph: the lines on which the number of a Tensor was taken, with `float(t)` or `t.data`.

A transform notes these lines while its function runs. It warns of one where the result does not depend on an argument
any more: a gradient of 0 that nobody meant.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import FrameType
from typing import Any

from tinygraph.engine.links import links_in
from tinygraph.engine.modes import is_recording, state
from tinygraph.users_code.source import line_of, users_frame

__all__ = ["TakenNumbers", "note_number", "warn_of_lost"]


class TakenNumbers:
    """The lines on which a function took numbers, each with the link of the last Tensor and the way, `float(t)`."""

    def __init__(self) -> None:
        self.lines: dict[tuple[str, int], tuple[Any, str, str]] = {}


def note_number(link: Any, how: str, frame: FrameType | None) -> None:
    """Note that the number of a Tensor that requires a gradient is taken, if the user's own line does so.

    Args:
        link: the Tensor's.
        how: as the user writes it.
        frame: of the line.
    """
    taken: TakenNumbers | None = state.taken_numbers
    if taken is None or not is_recording() or not link.differentiable or frame is None:
        return
    if frame.f_globals.get("__name__", "").partition(".")[0] == "tinygraph":
        return
    user = users_frame(frame)
    if user is not None:
        key = (user.f_code.co_filename, user.f_lineno)
        taken.lines[key] = link, how, line_of(user)


_warned: dict[Any, Any] = {}


def warn_of_lost(call: str, taken: TakenNumbers, inputs: Iterable[Any], since: int) -> None:
    """Warn, once for a line, of inputs that nothing depends on any more, but whose numbers were taken.

    Args:
        call: the transform.
        taken: what was noted of the run.
        inputs: the links of those inputs.
        since: the order at which the run began.
    """
    wanted = set(inputs)
    for (file, line), (link, how, place) in taken.lines.items():
        if wanted and _reaches(link, wanted, since):
            warnings.warn_explicit(
                f"{call}: the result does not depend on an argument, and its gradient is 0, since the graph was left "
                f"at {place} with {how}. Keep the Tensor in the calculation; or write t.detach() there if 0 is meant",
                UserWarning,
                file,
                line,
                registry=_warned,
            )
            return


def _reaches(link: Any, wanted: set[Any], since: int) -> bool:
    """Return whether a link is one of those wanted, or computed from one."""
    met, seen = [link], {link}
    for item in met:  # grows while we walk it
        if item in wanted:
            return True
        if item.is_call and item.order >= since:
            more = [operand for operand in links_in(item.args) if operand not in seen]
            seen.update(more)
            met += more
    return False
