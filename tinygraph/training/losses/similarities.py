"""The circle loss: vectors of one class together, those of others apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.operands import as_array
from tinygraph.engine.primitives import composed
from tinygraph.errors import ShapeError
from tinygraph.functions.activations import softplus
from tinygraph.functions.logits import logsumexp
from tinygraph.training.losses.formulas import labels_of
from tinygraph.training.losses.pairing import cast, computed, predicted

__all__ = ["circle"]

# Stands for −∞ in a sum of exponentials. −∞ itself has a gradient of NaN where a row has nothing else.
NOTHING = -1e30


@composed
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """softplus(ln Σ exp γ w (s − m) of other classes + ln Σ exp −γ w (s − 1 + m) of the own one), s a cosine.

    Args:
        y_true: class numbers, shape (n,) or (n, 1).
        y_pred: vectors of length 1, shape (n, size).
        ref_labels, ref_embeddings: the classes and the vectors that they are compared with; by default the batch
            itself.
        remove_diagonal: a vector is not compared with itself.
        gamma: how sharply the worst pairs are weighted.
        margin: m, the distance that the classes are to keep.

    Returns:
        An array, or a Tensor, of shape (n,).

    Raises:
        ShapeError: the numbers of labels and vectors, or the sizes of the vectors, differ.
        ValueError: a class number is no whole number.

    Source: Sun et al., "Circle loss: a unified perspective of pair similarity optimization" (2020), equation 9, with
    the defaults of `keras.losses.circle`.
    """
    vectors = predicted(y_pred)
    dtype = vectors.dtype
    vectors = cast(vectors, computed(dtype))
    others = vectors if ref_embeddings is None else cast(predicted(ref_embeddings), vectors.dtype)
    labels = labels_of(y_true, 2, -1, "circle")
    of_others = labels if ref_labels is None else labels_of(ref_labels, 2, -1, "circle")
    for kind, named, given in (("y", labels, vectors), ("ref", of_others, others)):
        if given.ndim != 2 or named.shape != given.shape[:1] or given.shape[1] != vectors.shape[1]:
            raise ShapeError(
                f"circle: labels of shape {named.shape} and vectors of shape {given.shape} ({kind}) must have shapes "
                "(n,) and (n, size)"
            )
    distance = np.maximum(1 - vectors @ others.T, 0)
    same = as_array(labels)[:, np.newaxis] == as_array(of_others)
    own = same & (np.eye(*same.shape) == 0) if remove_diagonal else same
    near = -gamma * np.maximum(margin + distance, 0) * (margin - distance)
    far = gamma * np.maximum(1 + margin - distance, 0) * (1 - margin - distance)
    together = logsumexp(np.where(own, near, NOTHING), axis=1) + logsumexp(np.where(same, NOTHING, far), axis=1)
    return cast(softplus(together), dtype)
