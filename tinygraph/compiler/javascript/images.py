"""Convolution and pooling in JavaScript, as loops over the windows and over the pixels of each.

The arguments are those of the kernels in `compiler/kernels/images`. An `if` leaves out the pixels of a window that lie
on the padding. It is written only where there is padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tinygraph.compiler.javascript.expressions import Place, number
from tinygraph.compiler.javascript.values import Value
from tinygraph.compiler.javascript.writer import Write, Writer
from tinygraph.compiler.kernels import images
from tinygraph.compiler.program.steps import Step
from tinygraph.functions import by_channel

__all__ = ["TABLE"]

# For each of the two axes of an image the stride, the dilation, and the pixels of padding before.
Moves = Sequence[tuple[int, int, int]]
Shape = Sequence[int]


class _Loops:
    """The loops of a step over windows and their pixels.

    Args:
        image: the shape of the images.
        windows: the number of windows down and to the right.
        window: the pixels of a window down and to the right.
    """

    def __init__(self, w: Writer, moves: Moves, image: Shape, windows: Shape, window: Shape) -> None:
        self._w, self._moves, self._window, self._windows = w, moves, window, windows
        self._size = image[1:3]
        self._taken = 0

    @contextmanager
    def over(self, *sizes: int) -> Iterator[list[Place]]:
        """Repeat the lines of the block for each place in a shape."""
        before = self._taken
        with self._w.loops(sizes, before) as places:
            self._taken = before + sum([size != 1 for size in sizes])
            yield places
        self._taken = before

    @contextmanager
    def pixels(self, windows: Sequence[Place]) -> Iterator[tuple[list[Place], list[Place]]]:
        """Repeat the lines of the block for each pixel of a window: its place in the window, and in the image."""
        with self.over(*self._window) as inside:
            pixel = [
                at.times(stride).plus(within.times(dilation)).plus(Place(offset=-before))
                for (stride, dilation, before), at, within in zip(self._moves, windows, inside, strict=True)
            ]
            tests = " && ".join(self._tests(pixel))
            if not tests:
                yield inside, pixel
                return
            with self._w.block(f"if ({tests})"):
                yield inside, pixel

    def _tests(self, pixel: Sequence[Place]) -> Iterator[str]:
        """Yield the tests of a pixel that may lie on the padding."""
        for axis, (stride, dilation, before) in enumerate(self._moves):
            if before > 0:
                yield f"{pixel[axis]} >= 0"
            last = (self._windows[axis] - 1) * stride + (self._window[axis] - 1) * dilation - before
            if last >= self._size[axis]:
                yield f"{pixel[axis]} < {self._size[axis]}"


# --- convolution ------------------------------------------------------------------------------------------------------


class _Convolution:
    """The loops of a convolution, and the channels and filters of its groups.

    Args:
        step: the call of a kernel, with `moves` and perhaps the groups behind two arrays.
        image, kernel, result: the shapes of the images, the kernel and the convolution.
    """

    def __init__(self, w: Writer, step: Step, image: Shape, kernel: Shape, result: Shape) -> None:
        moves = step.args[2]
        self.groups = step.args[3] if len(step.args) > 3 else image[3]
        self.channels, self.filters = kernel[2], kernel[3] // self.groups
        self.windows = result[:3]
        self.loops = _Loops(w, moves, image, result[1:3], kernel[:2])

    def channel(self, group: Place, place: Place) -> Place:
        """Return the channel of the images that is at a place in a group."""
        return group.times(self.channels).plus(place)

    def filter(self, group: Place, place: Place) -> Place:
        """Return the filter that is at a place in a group."""
        return group.times(self.filters).plus(place)


def _convolve(w: Writer, step: Step) -> Value:
    x, kernel = w.array(step.args[0], step), w.array(step.args[1], step)
    plan = _Convolution(w, step, x.shape, kernel.shape, step.shape)
    target, loops = w.new(step), plan.loops
    with loops.over(*plan.windows, plan.groups, plan.filters) as (image, row, column, group, place):
        chosen = plan.filter(group, place)
        w.line("let sum = 0;")
        with loops.pixels((row, column)) as ((down, right), pixel), loops.over(plan.channels) as (channel,):
            seen = x.at([image, *pixel, plan.channel(group, channel)])
            w.line(f"sum += {seen.text} * {kernel.at([down, right, channel, chosen]).text};")
        w.line(f"{target.at([image, row, column, chosen]).text} = sum;")
    return target


def _convolve_input(w: Writer, step: Step) -> Value:
    y, kernel = w.array(step.args[0], step), w.array(step.args[1], step)
    plan = _Convolution(w, step, step.shape, kernel.shape, y.shape)
    target, loops = w.new(step), plan.loops
    with (
        loops.over(*plan.windows, plan.groups) as (image, row, column, group),
        loops.pixels((row, column)) as ((down, right), pixel),
        loops.over(plan.channels) as (channel,),
    ):
        w.line("let sum = 0;")
        with loops.over(plan.filters) as (place,):
            chosen = plan.filter(group, place)
            weight = y.at([image, row, column, chosen])
            w.line(f"sum += {weight.text} * {kernel.at([down, right, channel, chosen]).text};")
        w.line(f"{target.at([image, *pixel, plan.channel(group, channel)]).text} += sum;")
    return target


def _convolve_kernel(w: Writer, step: Step) -> Value:
    x, y = w.array(step.args[0], step), w.array(step.args[1], step)
    plan = _Convolution(w, step, x.shape, step.shape, y.shape)
    target, loops = w.new(step), plan.loops
    with (
        loops.over(*plan.windows, plan.groups) as (image, row, column, group),
        loops.pixels((row, column)) as ((down, right), pixel),
        loops.over(plan.channels, plan.filters) as (channel, place),
    ):
        chosen = plan.filter(group, place)
        seen = x.at([image, *pixel, plan.channel(group, channel)])
        weight = y.at([image, row, column, chosen])
        w.line(f"{target.at([down, right, channel, chosen]).text} += {seen.text} * {weight.text};")
    return target


# --- pooling ----------------------------------------------------------------------------------------------------------


def _pool_max(w: Writer, step: Step) -> Value:
    given, window, moves = step.args
    x = w.array(given, step)
    target, loops = w.new(step), _Loops(w, moves, x.shape, step.shape[1:3], window)
    with loops.over(*step.shape) as (image, row, column, channel):
        w.line("let best = -Infinity;")
        with loops.pixels((row, column)) as (_, pixel):
            w.line(f"best = Math.max(best, {x.at([image, *pixel, channel]).text});")
        w.line(f"{target.at([image, row, column, channel]).text} = best;")
    return target


class _Window(NamedTuple):
    """A window of a call that reads where the largest number is.

    Attributes:
        weight, target: the values of the first argument and of the result.
        at: the place of the window among all.
        places: repeats lines for each of its pixels; see `_Loops.pixels`.
        is_largest: returns the test of a pixel.
    """

    weight: Value
    target: Value
    at: list[Place]
    places: Callable[[], Any]
    is_largest: Callable[[Sequence[Place]], str]


@contextmanager
def _largest(w: Writer, step: Step) -> Iterator[_Window]:
    """Count the numbers of each window that tie for the largest, as `ties`.

    The lines of the block follow for each window.
    """
    *given, window, moves = step.args
    weight, x, largest = [w.array(item, step) for item in given]
    target, loops = w.new(step), _Loops(w, moves, x.shape, largest.shape[1:3], window)
    with loops.over(*largest.shape) as at:
        _, row, column, _ = at

        def is_largest(place: Sequence[Place]) -> str:
            return f"{x.at(place).text} === {largest.at(at).text}"

        def places() -> Any:
            return loops.pixels((row, column))

        w.line("let ties = 0;")
        with places() as (_, pixel):
            w.line(f"ties += {is_largest([at[0], *pixel, at[3]])};")
        yield _Window(weight, target, at, places, is_largest)


def _pool_max_input(w: Writer, step: Step) -> Value:
    with _largest(w, step) as (weight, target, at, places, is_largest):
        # In a window with a NaN no number is the largest, and a weight that is NaN stays NaN.
        given = weight.at(at).text
        w.line(f"const share = ties ? {given} / ties : 0 * {given};")
        with places() as (_, pixel):
            place = [at[0], *pixel, at[3]]
            w.line(f"if (!ties || {is_largest(place)}) {target.at(place).text} += share;")
    return target


def _pool_max_pick(w: Writer, step: Step) -> Value:
    with _largest(w, step) as (weight, target, at, places, is_largest), places() as (_, pixel):
        place = [at[0], *pixel, at[3]]
        w.line(f"if ({is_largest(place)}) {target.at(at).text} += {weight.at(place).text} / ties;")
    return target


def _part(w: Writer, step: Step, image: Shape, pooled: Shape, row: Place, column: Place) -> str:
    """Return one over the number of pixels in a window."""
    _, window, moves, padded = step.args
    shares = images.shares_of(image, pooled, window, moves, padded, np.dtype(step.dtype))[..., 0]
    if (shares == shares[0, 0]).all():
        return number(shares[0, 0].item()).text
    return w.kept("shares", shares).at([row, column]).text


def _pool_mean(w: Writer, step: Step) -> Value:
    given, window, moves, _ = step.args
    x = w.array(given, step)
    target, loops = w.new(step), _Loops(w, moves, x.shape, step.shape[1:3], window)
    with loops.over(*step.shape) as (image, row, column, channel):
        w.line("let sum = 0;")
        with loops.pixels((row, column)) as (_, pixel):
            w.line(f"sum += {x.at([image, *pixel, channel]).text};")
        part = _part(w, step, x.shape, step.shape, row, column)
        w.line(f"{target.at([image, row, column, channel]).text} = sum * {part};")
    return target


def _pool_mean_input(w: Writer, step: Step) -> Value:
    given, window, moves, _ = step.args
    y = w.array(given, step)
    target, loops = w.new(step), _Loops(w, moves, step.shape, y.shape[1:3], window)
    with loops.over(*y.shape) as (image, row, column, channel):
        part = _part(w, step, step.shape, y.shape, row, column)
        w.line(f"const share = {y.at([image, row, column, channel]).text} * {part};")
        with loops.pixels((row, column)) as (_, pixel):
            w.line(f"{target.at([image, *pixel, channel]).text} += share;")
    return target


TABLE: dict[Any, Write] = {
    **dict.fromkeys((images.convolve, by_channel.convolve_channels), _convolve),
    **dict.fromkeys((images.convolve_input, by_channel.convolve_channels_input), _convolve_input),
    **dict.fromkeys((images.convolve_kernel, by_channel.convolve_channels_kernel), _convolve_kernel),
    images.pool_max: _pool_max,
    images.pool_max_input: _pool_max_input,
    images.pool_max_pick: _pool_max_pick,
    images.pool_mean: _pool_mean,
    images.pool_mean_input: _pool_mean_input,
}
