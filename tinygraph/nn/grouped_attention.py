"""GroupedQueryAttention, Keras's `GroupQueryAttention`: heads of the query that share keys and values."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.nn.attention import MultiHeadAttention
from tinygraph.nn.initializers import Initializer
from tinygraph.nn.layer import count

__all__ = ["GroupQueryAttention"]


class GroupQueryAttention(MultiHeadAttention):
    """`MultiHeadAttention` with fewer heads of keys and values than of queries.

    Args:
        head_dim: the numbers of a head's query, key and value.
        num_query_heads: the number of attentions.
        num_key_value_heads: the number of keys and values. Each serves as many queries, one after the other.
        dropout, use_bias, sliding_window, use_gate: as of `MultiHeadAttention`.
        flash_attention: of Keras; it changes nothing.
        kernel_initializer, bias_initializer: the first values.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: see `Dense`.
        name, seed, dtype, trainable: see `Layer`.

    It is called as `MultiHeadAttention` is, on batches of shape (batch, steps, features).

    Raises:
        ShapeError: as of `MultiHeadAttention`.
        ValueError: a number is not positive, or the heads of queries do not divide by those of keys and values.

    Source: Ainslie et al., "GQA: Training generalized multi-query transformer models from multi-head checkpoints"
    (2023).
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        **options: Any,
    ) -> None:
        kind = type(self).__name__
        self.num_query_heads = count(kind, "num_query_heads", num_query_heads)
        self.num_key_value_heads = count(kind, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                f"{kind}: num_query_heads must be a multiple of num_key_value_heads, got {num_query_heads} and "
                f"{num_key_value_heads}"
            )
        super().__init__(
            num_query_heads, head_dim, None, dropout, use_bias, None, None, sliding_window, kernel_initializer,
            bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint, use_gate,
            **options,
        )  # fmt: skip
        self.head_dim = self.key_dim
        self.key = self._projection(1, (num_key_value_heads, head_dim), "key")
        self.value = self._projection(1, (num_key_value_heads, head_dim), "value")

    def _heads(self, x: Any, along: tuple[int, ...]) -> Any:
        if x.shape[-2] != self.num_heads:
            x = np.repeat(x, self.num_heads // x.shape[-2], axis=-2)
        return super()._heads(x, along)
