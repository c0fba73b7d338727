"""Plots that are not graphs: curves, bars, points, letters, matrices and images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, SLATE = "#0072b2", "#c2410c", "#475569"
INCHES_PER_IMAGE = 1.25
FEW = 30  # a curve of fewer points shows each of them


def curves(
    path: Path,
    lines: Mapping[str, Sequence[float]],
    across: str,
    up: str,
    published: tuple[Sequence[float], Sequence[float]] | None = None,
    first: int = 0,
    log: bool = False,
) -> None:
    """Save a plot of one or two curves.

    Args:
        path: the path of the picture, .png or .svg.
        lines: a value for each step, by label.
        across, up: the labels of the axes.
        published: points to compare with, as their steps and values.
        first: the number of the first step.
        log: make the vertical axis logarithmic.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7.0, 3.6), dpi=144, layout="constrained")
    axes = figure.subplots()
    for (label, values), colour in zip(lines.items(), (BLUE, ORANGE), strict=False):
        marker = "o" if len(values) < FEW else ""
        axes.plot(range(first, first + len(values)), values, color=colour, linewidth=2, marker=marker, label=label)
    if published is not None:
        axes.plot(*published, "o", color=ORANGE, markersize=5, label="published")
    if log:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _label(axes, across, up)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, labelcolor=SLATE)
    figure.savefig(path)


def bars(path: Path, groups: Mapping[str, Sequence[float]], labels: Sequence[str], up: str, log: bool = False) -> None:
    """Save a plot of one or two bars for each label, with their values above them.

    Args:
        path: the path of the picture, .png or .svg.
        groups: a value for each label, by the name of the group.
        labels: what the bars stand for.
        up: the label of the vertical axis.
        log: make the vertical axis logarithmic.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), dpi=144, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(groups)
    for number, ((name, values), colour) in enumerate(zip(groups.items(), (BLUE, ORANGE), strict=False)):
        places = np.arange(len(labels)) + (number - (len(groups) - 1) / 2) * width
        drawn = axes.bar(places, values, width, color=colour, label=name)
        axes.bar_label(drawn, fmt="{:.3g}", fontsize=8, color=SLATE)
    axes.set_xticks(range(len(labels)), [label.replace(", ", ",\n") for label in labels])
    if log:
        axes.set_yscale("log")
    _label(axes, "", up)
    axes.set_axisbelow(True)
    axes.margins(y=0.15)
    axes.legend(frameon=False, labelcolor=SLATE, loc="upper center", bbox_to_anchor=(0.5, 1.15), ncols=2)
    figure.savefig(path)


def image_grid(path: Path, images: Any, captions: Sequence[str], wrong: Any, columns: int = 8) -> None:
    """Save images side by side, each with its caption above it: orange where `wrong`, else blue.

    Args:
        path: the path of the picture, .png or .svg.
        images: arrays, grey (rows, columns) or coloured (rows, columns, 3), from 0 to 1.
        captions: a short line for each image.
        wrong: for each image True if the model was wrong.
        columns: images in a row.
    """
    from matplotlib.figure import Figure

    rows = -(-len(images) // columns)
    size = (columns * INCHES_PER_IMAGE, rows * (INCHES_PER_IMAGE + 0.3))
    figure = Figure(figsize=size, dpi=144, layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, image, caption, is_wrong in zip(figure.axes, images, captions, wrong, strict=False):
        axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
        axes.set_title(caption, fontsize=9, color=ORANGE if is_wrong else BLUE)
    figure.savefig(path)


def plane(path: Path, points: Any, labels: Any) -> None:
    """Save points of a plane, shape (points, 2), coloured by their labels, digits from 0 to 9."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.4), dpi=144, layout="constrained")
    axes = figure.subplots()
    for label in np.unique(labels):
        chosen = points[labels == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=5, linewidths=0, label=str(label))  # each the next colour
    _label(axes, "first number", "second number")
    axes.legend(frameon=False, labelcolor=SLATE, markerscale=3, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path)


def image(path: Path, pixels: Any) -> None:
    """Save one grey image, numbers from 0 to 1, without axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 6.0), dpi=144, layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    axes.imshow(np.asarray(pixels), cmap="gray", vmin=0, vmax=1)
    figure.savefig(path)


def matrices(path: Path, shares: Any, letters: Sequence[str], captions: Sequence[str]) -> None:
    """Save matrices side by side, dark where a number is large, with a letter for each row and column.

    Args:
        path: the path of the picture, .png or .svg.
        shares: numbers from 0 to 1, shape (matrices, letters, letters).
        letters: the letters, for rows and columns.
        captions: a short line for each matrix.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(shares), 2.9), dpi=144, layout="constrained")
    for axes, matrix, caption in zip(figure.subplots(1, len(shares)), shares, captions, strict=True):
        axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(letters)), letters)
        axes.set_yticks(range(len(letters)), letters)
        axes.tick_params(colors=SLATE, length=0, labelsize=8)
        axes.spines[:].set_color("#94a3b8")
        axes.set_title(caption, fontsize=10, color=BLUE)
    figure.savefig(path)


def letters(path: Path, text: Sequence[str], values: Any, up: str) -> None:
    """Save a bar for each character of a text, with the character under it.

    Args:
        path: the path of the picture, .png or .svg.
        text: the characters.
        values: the heights.
        up: the label of the vertical axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 2.6), dpi=144, layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(values)), values, color=BLUE)
    axes.set_xticks(range(len(text)), text)
    axes.margins(x=0.01)
    _label(axes, "", up)
    axes.set_axisbelow(True)
    figure.savefig(path)


def points(path: Path, groups: Mapping[str, Any], across: str, up: str, crossed: Any = ()) -> None:
    """Save a plot of groups of points, each in a colour and a shape of its own.

    Args:
        path: the path of the picture, .png or .svg.
        groups: arrays of shape (points, 2), by label; three at most.
        across, up: the labels of the axes.
        crossed: points to mark with a cross, shape (points, 2).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), dpi=144, layout="constrained")
    axes = figure.subplots()
    for (label, places), colour, marker in zip(groups.items(), (BLUE, ORANGE, SLATE), "os^", strict=False):
        axes.scatter(places[:, 0], places[:, 1], color=colour, marker=marker, s=28, alpha=0.75, label=label)
    if len(crossed):
        axes.scatter(crossed[:, 0], crossed[:, 1], color="#000000", marker="x", s=110, label="wrong")
    _label(axes, across, up)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, labelcolor=SLATE)
    figure.savefig(path)


def _label(axes: Axes, across: str, up: str) -> None:
    axes.set_xlabel(across, color=SLATE)
    axes.set_ylabel(up, color=SLATE)
    axes.tick_params(colors=SLATE)
    axes.grid(axis="y", color="#e2e8f0")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#94a3b8")
