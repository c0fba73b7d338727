"""The overlap of regions: masks of images, predicted pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.primitives import composed
from tinygraph.training.losses.pairing import EPSILON, cast, paired

__all__ = ["dice", "tversky"]

Axes = int | Sequence[int] | None


@composed
def dice(y_true: Any, y_pred: Any, axis: Axes = None) -> Any:
    """1 − 2 Σ y p ÷ (Σ y + Σ p): 0 where the regions are the same, 1 where they have nothing in common.

    Args:
        y_true: 1 inside of a region, 0 outside.
        y_pred: probabilities of the same shape.
        axis: of the sums, an int or several; (1, 2, 3) for one loss for each image, None for one of the whole batch.

    Returns:
        An array, or a Tensor, without the axes of the sums.

    Raises:
        ShapeError: the shapes differ.

    Source: Milletari, Navab and Ahmadi, "V-Net" (2016), section 3; the form is that of `keras.losses.dice`.
    """
    y, p, dtype = paired("dice", y_true, y_pred)
    over = _axes(axis)
    common, size = np.sum(y * p, axis=over), np.sum(y, axis=over) + np.sum(p, axis=over)
    return cast(1 - 2 * common / (size + EPSILON), dtype)


@composed
def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None) -> Any:
    """1 − Σ y p ÷ (Σ y p + α Σ (1 − y) p + β Σ y (1 − p)): `dice` with two weights.

    Args:
        y_true: 1 inside of a region, 0 outside.
        y_pred: probabilities of the same shape.
        alpha: the weight of what is predicted and not there.
        beta: the weight of what is there and not predicted.
        axis: as of `dice`.

    Returns, raises: as `dice`. Keras up to 3.15 takes alpha for beta, against its documentation.

    Source: Salehi, Erdogmus and Gholipour, "Tversky loss function for image segmentation" (2017), equation 4.
    """
    y, p, dtype = paired("tversky", y_true, y_pred)
    over = _axes(axis)
    common = np.sum(y * p, axis=over)
    extra, missed = np.sum((1 - y) * p, axis=over), np.sum(y * (1 - p), axis=over)
    return cast(1 - common / (common + alpha * extra + beta * missed + EPSILON), dtype)


def _axes(axis: Axes) -> int | tuple[int, ...] | None:
    return tuple(axis) if isinstance(axis, Sequence) else axis
