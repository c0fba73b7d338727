"""The losses of regions, of pairs and of sequences as objects, with Keras 3's names, arguments and defaults."""

from __future__ import annotations

from typing import Any

from tinygraph.training.losses import alignment, entropies, regions, similarities
from tinygraph.training.losses.classes import BY_BATCH
from tinygraph.training.losses.loss import FunctionLoss
from tinygraph.training.losses.regions import Axes

__all__ = ["CTC", "CategoricalGeneralizedCrossEntropy", "Circle", "Dice", "Tversky"]


class CTC(FunctionLoss):
    """−ln of the probability of all ways in which the labels of a sequence may lie in time: `ctc`."""

    function = staticmethod(alignment.ctc)

    def __init__(self, reduction: str | None = BY_BATCH, name: str | None = "ctc", dtype: Any = None) -> None:
        super().__init__(reduction, name, dtype)


class Dice(FunctionLoss):
    """1 less the overlap of two regions: `dice`. With `axis=None` there is one overlap of the whole batch."""

    function = staticmethod(regions.dice)

    def __init__(
        self, reduction: str | None = BY_BATCH, name: str | None = "dice", axis: Axes = None, dtype: Any = None
    ) -> None:
        super().__init__(reduction, name, dtype, axis=axis)


class Tversky(FunctionLoss):
    """1 less the overlap of two regions, with weights for the two kinds of errors: `tversky`."""

    function = staticmethod(regions.tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = BY_BATCH,
        name: str | None = "tversky",
        axis: Axes = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)


class Circle(FunctionLoss):
    """Vectors of one class together, those of others apart: `circle`. The mean is that of the losses above 0."""

    function = staticmethod(similarities.circle)

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = BY_BATCH,
        name: str | None = "circle",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)

    def counted(self, y_true: Any, values: Any) -> Any:
        """Return which of the values are above 0."""
        return values > 0


class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """(1 − p^q) ÷ q of the class, for labels of which some are wrong: `categorical_generalized_cross_entropy`."""

    function = staticmethod(entropies.categorical_generalized_cross_entropy)

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = BY_BATCH,
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(reduction, name, dtype, q=q)
