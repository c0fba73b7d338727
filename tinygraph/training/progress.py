"""The progress of a training: a bar in a terminal or a notebook, or a line for each epoch.

The bar is drawn when a clock says so, ten times a second. Until then a step costs one look at the clock, and no result
is reckoned. Epochs that begin and end between two looks share a line.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, Protocol

from tinygraph.training.callbacks.callback import Callback
from tinygraph.training.notebooks import in_notebook

__all__ = ["Progress", "progress"]

SECONDS_BETWEEN = 0.1


def progress(verbose: Any, call: str = "fit") -> Progress | None:
    """Return the callback that shows the progress, or None for silence.

    Args:
        verbose: 0 is silent; 1 is a bar in a terminal and in a notebook, and elsewhere the same as 2; 2 is a line for
            each epoch; "auto" is a bar in a terminal and in a notebook, and silence elsewhere.
        call: the method that runs: "fit", "evaluate" or "predict".

    Raises:
        ValueError: another `verbose`.
    """
    if verbose not in ("auto", 0, 1, 2):
        raise ValueError(f'{call}: verbose must be "auto", 0, 1 or 2, got {verbose!r}')
    watched = is_watched()
    if verbose == 0 or (verbose == "auto" and not watched):
        return None
    return Progress(call, bars=watched and verbose != 2, brief=verbose != "auto" or call != "predict")


def is_watched() -> bool:
    """Return whether what is printed goes to a terminal or a notebook, where a line can be written over."""
    if sys.stdout is None:
        return False
    return in_notebook() or bool(getattr(sys.stdout, "isatty", lambda: False)())


class Line(Protocol):
    """A line that is written over until it ends."""

    def show(self, title: str, done: int, total: int | None, text: str, last: bool) -> None:
        """Write the line anew; the last time `end` may do so."""

    def end(self) -> None:
        """Leave the line as it is, and begin another one."""


class Progress(Callback):
    """Shows the progress of `fit`, `evaluate` or `predict`.

    Args:
        call: the method that runs.
        bars: draw bars; else print a line at the end of each epoch.
        brief: show a call that is done in a moment, too. A program may call `predict` many times.
    """

    def __init__(self, call: str = "fit", bars: bool = True, brief: bool = True) -> None:
        self.call, self.bars, self.brief = call, bars, brief
        self.title = call.capitalize()
        self.line: Line | None = None
        self.steps: int | None = None
        self.done = 0
        self._line_begun = self._begun = self._after_first = self._now = self._due = 0.0
        self._unseen: tuple[str, int, int | None, str] | None = None  # of an epoch that no line shows yet

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the number of epochs, and the number of steps, if it is known."""
        self.params, self.steps = params, params.get("steps")
        self._line_begun = time.perf_counter()

    # --- the moments ------------------------------------------------------------------------------------------------

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin a line, or go on with that of epochs that were too short to be seen."""
        self._begin(f"Epoch {epoch + 1}/{self.params['epochs']}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the line anew, if it is time."""
        self._tick(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the results of the epoch."""
        self._finish(logs, at_once=not self.bars)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the last line."""
        self._end()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a line for `evaluate`; the validations of `fit` have none."""
        if self.call == "evaluate":
            self._begin(self.title)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the line of `evaluate` anew, if it is time."""
        if self.call == "evaluate":
            self._tick(batch, logs)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Show the results of `evaluate`."""
        if self.call == "evaluate":
            self._finish(logs, at_once=True)

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin a line for `predict`."""
        self._begin(self.title)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Draw the line of `predict` anew, if it is time."""
        self._tick(batch, None)

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the line of `predict`."""
        if self.brief or self.line is not None:
            self._finish(None, at_once=True)

    def on_exit(self) -> None:
        """End the line that an error left."""
        self._end()

    # --- the line ---------------------------------------------------------------------------------------------------

    def _begin(self, title: str) -> None:
        self.title, self.done = title, 0
        self._begun, self._due = time.perf_counter(), 0.0  # the first batch looks at the clock

    def _tick(self, batch: int, logs: dict[str, Any] | None) -> None:
        self.done, self._now = batch + 1, time.perf_counter()
        if self._now < self._due:
            return
        if not batch:
            self._after_first = self._now  # the first step compiles, and its time tells nothing of the others
            self._due = self._line_begun + SECONDS_BETWEEN if self.bars else math.inf
        if self._now >= self._due:
            self._due = self._now + SECONDS_BETWEEN
            self._unseen = None
            each = self._seconds_of_a_step()
            left = "" if self.steps is None else f"{each * (self.steps - self.done):.0f} s left  "
            self._open().show(
                self.title, self.done, self.steps, f"{left}{_duration(each)}/step{_text(logs)}", last=False
            )

    def _finish(self, logs: dict[str, Any] | None, at_once: bool) -> None:
        """Show the results, and end the line if it has been there for a while."""
        now = time.perf_counter()
        self.steps = self.steps or self.done  # a generator has told it now
        times = f"{now - self._begun:.1f} s  {_duration(self._seconds_of_a_step())}/step"
        self._unseen = self.title, self.done, self.steps, f"{times}{_text(logs)}"
        if at_once or now >= self._line_begun + SECONDS_BETWEEN:
            self._end()

    def _end(self) -> None:
        """End the line, with results that it does not show yet."""
        if self._unseen is not None:
            self._open().show(*self._unseen, last=True)
        if self.line is not None:
            self.line.end()
        self.line = self._unseen = None
        self._line_begun = time.perf_counter()

    def _open(self) -> Line:
        if self.line is None:
            self.line = _line(self.bars)
        return self.line

    def _seconds_of_a_step(self) -> float:
        """Return the seconds of a step of this epoch, without the first, and without the validation."""
        if self.done > 1:
            return (self._now - self._after_first) / (self.done - 1)
        return self._now - self._begun


def _text(logs: dict[str, Any] | None) -> str:
    return "".join([f"  {name} {_number(value)}" for name, value in (logs or {}).items()])


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return f"array of shape {getattr(value, 'shape', '?')}"
    return f"{value:.4f}" if abs(value) > 1e-3 or not value else f"{value:.4e}"


def _line(bars: bool) -> Line:
    if not bars:
        return Printed()
    try:
        return Bar()
    except ImportError:
        return Overwritten()


class Bar:
    """A bar of tqdm's."""

    def __init__(self) -> None:
        from tqdm import tqdm

        class Unwatched(tqdm):  # type: ignore[misc]
            monitor_interval = 0  # no thread that draws bars behind our back

        self.bar = Unwatched(
            total=None, file=sys.stdout, dynamic_ncols=True, leave=True, delay=1e9,
            bar_format="{desc} {bar:10} {n_fmt}/{total_fmt}{postfix}",
        )  # fmt: skip
        self.bar.delay = 0  # what is shown at once is what `show` says
        if self.bar.ncols is not None and self.bar.ncols < 1:  # a terminal that knows no size: tqdm would show nothing
            self.bar.dynamic_ncols = self.bar.ncols = self.bar.nrows = None

    def show(self, title: str, done: int, total: int | None, text: str, last: bool) -> None:
        """Draw the bar anew, as far as the line reaches."""
        self.bar.set_description_str(title, refresh=False)
        self.bar.n, self.bar.total, self.bar.postfix = done, total, text
        if not last:
            self.bar.refresh()

    def end(self) -> None:
        """Draw the bar a last time, with all of its text, and leave it."""
        self.bar.dynamic_ncols = self.bar.ncols = None
        self.bar.close()


class Overwritten:
    """A line of text that is written over, where tqdm is not installed."""

    def __init__(self) -> None:
        self.width = 0

    def show(self, title: str, done: int, total: int | None, text: str, last: bool) -> None:
        """Write the line over the last one."""
        line = f"{title} {done}/{'?' if total is None else total}, {text}"
        sys.stdout.write("\r" + line.ljust(self.width))
        sys.stdout.flush()
        self.width = len(line)

    def end(self) -> None:
        """Begin another line."""
        sys.stdout.write("\n")


class Printed:
    """A line that is printed once."""

    def __init__(self) -> None:
        self.text = ""

    def show(self, title: str, done: int, total: int | None, text: str, last: bool) -> None:
        """Keep the line."""
        self.text = f"{title} {done}/{'?' if total is None else total}, {text}"

    def end(self) -> None:
        """Print the line."""
        if self.text:
            print(self.text, flush=True)
