"""Attention: each step of a sequence takes what it needs from the steps of another, or of the same.

Source: Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser and Polosukhin, "Attention is all you need" (2017),
section 3.2, with the names, arguments and defaults of Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygraph.engine.tensor import Tensor
from tinygraph.functions import sigmoid, softmax
from tinygraph.nn import constraints, regularizers
from tinygraph.nn.activation_layers import masked_softmax
from tinygraph.nn.dropout import Dropout
from tinygraph.nn.initializers import Initializer, checked
from tinygraph.nn.layer import Layer, count
from tinygraph.nn.value_names import named

__all__ = ["AdditiveAttention", "Attention", "MultiHeadAttention"]


class Projection(Layer):
    """x @ kernel + bias over the last axes of x, to one or more axes: the weights of Keras's EinsumDense.

    Args:
        summed: the number of last axes of x that are summed over.
        outputs: the sizes of the axes of a result that take their place.
        use_bias: add a bias.
        rules: initialisers, regularisers and constraints of kernel and bias, by the names of Keras's arguments.

    Attributes:
        kernel: Tensor of the shape of the summed axes, then of the outputs, from the first batch on.
        bias: Tensor of the shape of the outputs, or None.
    """

    kernel: Tensor
    bias: Tensor | None

    def __init__(
        self, summed: int, outputs: tuple[int, ...], use_bias: bool, rules: dict[str, Any], **options: Any
    ) -> None:
        super().__init__(**options)
        self.summed = summed
        self.outputs = outputs
        self.use_bias = use_bias
        vars(self).update(rules)

    def build(self, shape: tuple[int, ...]) -> None:
        """See `Layer.build`."""
        self.kernel = self._own_weight("kernel", (*shape[-self.summed :], *self.outputs))
        self.bias = self._own_weight("bias", self.outputs) if self.use_bias else None

    def call(self, x: Any) -> Any:
        """See the class."""
        inputs = self.kernel.shape[: self.summed]
        if x.shape[-self.summed :] != inputs:
            raise self.misfit(f"a batch of shape {x.shape} does not end in {inputs}, as the first batch did")
        kernel = self.kernel.reshape(math.prod(inputs), -1)
        free = x.shape[: -self.summed]
        y = self._floating(x).reshape(*free, kernel.shape[0]) @ kernel
        y = y.reshape(*free, *self.outputs)
        return y if self.bias is None else y + self.bias


class MultiHeadAttention(Layer):
    """Several attentions side by side: softmax(query · key ÷ √key_dim) · value, each with projections of its own.

    Args:
        num_heads: the number of attentions.
        key_dim: the numbers of a head's query and key.
        value_dim: the numbers of a head's value; None for `key_dim`.
        dropout: the share of the scores that is set to 0 in training.
        use_bias: add biases to the projections.
        output_shape: the axes of a result for each step; None for one axis of the size of the query's last.
        attention_axes: the axes that are attended along; None for all but those of examples and features.
        sliding_window: a step attends to those less than this far from it; None for all.
        kernel_initializer, bias_initializer: the first values.
        kernel_regularizer, bias_regularizer, kernel_constraint, bias_constraint: see `Dense`.
        use_gate: multiply the results of the heads by sigmoid of a further projection of the query.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        query, key, value: projections with kernels of shape (inputs, num_heads, numbers of a head) and biases of shape
            (num_heads, numbers of a head).
        attention_output: the projection with a kernel of shape (num_heads, value_dim, outputs) and a bias (outputs,).

    Called on a query of shape (batch, T, ...), a value and a key of shape (batch, S, ...), the value by default, it
    returns shape (batch, T, outputs). With `return_attention_scores=True` it also returns the scores, of shape (batch,
    num_heads, T, S), before dropout. A step of the query attends to those steps where all masks are True:
    `attention_mask` of shape (batch, T, S) or what broadcasts to it, `query_mask` (batch, T), `value_mask` and
    `key_mask` (batch, S), and with `use_causal_mask=True` to none after itself.

    Raises:
        ShapeError: query, key and value do not fit together, a mask does not, or features differ from the first batch.
        ValueError: a number is not positive, or `dropout` is not from 0 to below 1.
    """

    supports_masking = True
    attention_output: Projection

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        kernel_initializer: str | Initializer = "glorot_uniform",
        bias_initializer: str | Initializer = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.num_heads = count("MultiHeadAttention", "num_heads", num_heads)
        self.key_dim = count("MultiHeadAttention", "key_dim", key_dim)
        self.value_dim = key_dim if value_dim is None else count("MultiHeadAttention", "value_dim", value_dim)
        self.output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.attention_axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.sliding_window = (
            None if sliding_window is None else count("MultiHeadAttention", "sliding_window", sliding_window)
        )
        self.use_bias = use_bias
        self.rules = {
            "kernel_initializer": checked(kernel_initializer), "bias_initializer": checked(bias_initializer),
            "kernel_regularizer": regularizers.get(kernel_regularizer),
            "bias_regularizer": regularizers.get(bias_regularizer),
            "kernel_constraint": constraints.get(kernel_constraint),
            "bias_constraint": constraints.get(bias_constraint),
        }  # fmt: skip
        self.query = self._projection(1, (num_heads, key_dim), "query")
        self.key = self._projection(1, (num_heads, key_dim), "key")
        # The weights are in this order in Keras, too.
        self.gate = self._projection(1, (num_heads, self.value_dim), "gate") if use_gate else None
        self.value = self._projection(1, (num_heads, self.value_dim), "value")
        self.dropout = Dropout(dropout, seed=self.generator)

    def _projection(self, summed: int, outputs: tuple[int, ...], name: str) -> Projection:
        return Projection(
            summed, outputs, self.use_bias, self.rules,
            name=name, seed=self.generator, dtype=self.dtype, trainable=self.trainable,
        )  # fmt: skip

    def build(  # type: ignore[override]
        self,
        query_shape: tuple[int, ...],
        value_shape: tuple[int, ...],
        key_shape: tuple[int, ...] | None = None,
    ) -> None:
        """Make the weights for a query, a value and a key of these shapes."""
        outputs = (query_shape[-1],) if self.output_shape is None else tuple(self.output_shape)
        self.attention_output = self._projection(2, outputs, "attention_output")
        self.query.build(query_shape)
        self.key.build(value_shape if key_shape is None else key_shape)
        self.value.build(value_shape)
        if self.gate is not None:
            self.gate.build(query_shape)
        self.attention_output.build((0, self.num_heads, self.value_dim))

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """See the class."""
        key = value if key is None else key
        along = self._along(query.shape, value.shape, key.shape)
        q = self._heads(self.query(query), along)
        k = self._heads(self.key(key), along)
        v = self._heads(self.value(value), along)
        steps = tuple([query.shape[axis] for axis in along]), tuple([value.shape[axis] for axis in along])
        masks = self._masks(steps, query_mask, value_mask, key_mask, use_causal_mask)
        logits = (q * q.dtype.type(1 / math.sqrt(self.key_dim))) @ k.swapaxes(-1, -2)
        if attention_mask is not None:
            masks.append(np.asarray(getattr(attention_mask, "data", attention_mask)).astype(bool))
        scores = self._scores(logits, masks, steps)
        named(q=q, k=k, v=v, logits=logits, scores=scores)
        y = self._steps(self.dropout(scores) @ v, along, steps[0])
        if self.gate is not None:
            y = y * sigmoid(self.gate(query))
        y = self.attention_output(y)
        if not return_attention_scores:
            return y
        return y, scores.reshape(*scores.shape[:-2], *steps[0], *steps[1])

    def _along(self, query: tuple[int, ...], value: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
        """Check the shapes, and return the axes that are attended along."""
        ndim = len(query)
        if ndim < 3 or len(value) != ndim or value[:-1] != key[:-1]:
            raise self.misfit(
                f"a query of shape {query} needs a value and a key of as many axes, at least 3, that differ in their "
                f"features alone; got {value} and {key}"
            )
        given = range(1, ndim - 1) if self.attention_axes is None else self.attention_axes
        if not all([-ndim <= axis < ndim and axis % ndim not in (0, ndim - 1) for axis in given]):
            raise self.misfit(f"a query of shape {query} cannot be attended along the axes {self.attention_axes}")
        along = tuple([axis % ndim for axis in given])
        if any([query[axis] != value[axis] for axis in range(ndim - 1) if axis not in along]):
            raise self.misfit(f"a query of shape {query} and a value of shape {value} differ in axes beside {along}")
        return along

    def _order(self, ndim: int, along: tuple[int, ...]) -> tuple[int, ...]:
        """Return the order of axes in which the heads of a projection are matrices: batch, head, steps, numbers."""
        batch = [axis for axis in range(ndim - 2) if axis not in along]
        return (*batch, ndim - 2, *along, ndim - 1)

    def _heads(self, x: Any, along: tuple[int, ...]) -> Any:
        """Return a projection as a matrix for each head: shape (batch, ..., num_heads, steps, numbers)."""
        turned = x.transpose(self._order(len(x.shape), along))
        if len(along) == 1:
            return turned
        return turned.reshape(*turned.shape[: -len(along) - 1], math.prod(turned.shape[-len(along) - 1 : -1]), -1)

    def _steps(self, y: Any, along: tuple[int, ...], steps: tuple[int, ...]) -> Any:
        """Return the results of the heads in the order of the query's axes: `_heads` undone."""
        apart = y if len(along) == 1 else y.reshape(*y.shape[:-2], *steps, y.shape[-1])
        order = self._order(len(apart.shape), along)
        return apart.transpose(tuple([order.index(axis) for axis in range(len(order))]))

    def _masks(
        self, steps: tuple[Any, Any], query_mask: Any, value_mask: Any, key_mask: Any, use_causal_mask: bool
    ) -> list[Any]:
        """Return the masks of the steps, each with a shape that broadcasts with (batch, T, S)."""
        given = [mask for mask in (query_mask, value_mask, key_mask) if mask is not None]
        if len(steps[0]) > 1 and (given or use_causal_mask or self.sliding_window is not None):
            raise self.misfit(f"masks of steps need one axis of steps, not {len(steps[0])}; give attention_mask")
        masks = [] if query_mask is None else [_plain(query_mask)[..., :, None]]
        masks += [_plain(mask)[..., None, :] for mask in (value_mask, key_mask) if mask is not None]
        if use_causal_mask or self.sliding_window is not None:
            ahead = np.arange(steps[0][0])[:, None] - np.arange(steps[1][0])
            masks += [ahead >= 0] if use_causal_mask else []
            masks += [np.abs(ahead) < self.sliding_window] if self.sliding_window is not None else []
        return masks

    def _scores(self, logits: Any, masks: list[Any], steps: tuple[Any, Any]) -> Any:
        """Return the shares of the steps: a softmax over those where all masks are True."""
        if not masks:
            return softmax(logits)
        ends = 2 * len(steps[0])
        batch = logits.shape[:-3]
        whole: Any = None
        for mask in masks:
            if len(mask.shape) == len(batch) + 1 + ends:  # one for each head
                fit = mask
            else:
                fit = mask.reshape(*mask.shape[:-ends], 1, *mask.shape[-ends:])
            whole = fit if whole is None else np.logical_and(whole, fit)
        try:
            np.broadcast_shapes(whole.shape, (*batch, self.num_heads, *steps[0], *steps[1]))
            whole = np.broadcast_to(whole, (*whole.shape[:-ends], *steps[0], *steps[1]))
        except ValueError:
            raise self.misfit(
                f"masks of shapes {', '.join([str(mask.shape) for mask in masks])} do not fit {steps[0]} steps of the "
                f"query and {steps[1]} of the value in a batch of shape {batch}"
            ) from None
        return masked_softmax(logits, whole.reshape(*whole.shape[:-ends], *logits.shape[-2:]))


def _plain(mask: Any) -> Any:
    return mask.data if isinstance(mask, Tensor) else mask if hasattr(mask, "dtype") else np.asarray(mask)


class Attention(Layer):
    """softmax(query · key) · value, without projections.

    Args:
        use_scale: multiply the products by a number that is learnt.
        score_mode: "dot" for products, "concat" for Σ tanh(query + key), times a number that is learnt.
        dropout: the share of the scores that is set to 0 in training.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        scale, concat_score_weight: Tensors of no axes, or None.

    Called on a list [query, value] or [query, value, key] of shapes (batch, T, features) and (batch, S, features) it
    returns shape (batch, T, features of the value); with `return_attention_scores=True` also the scores, of shape
    (batch, T, S). The mask is a list of masks (batch, T) and (batch, S), or None in it. With `use_causal_mask=True` no
    step attends to those after itself.

    Raises:
        ShapeError: it is not called on such a list, or the shapes do not fit together.
        ValueError: `score_mode` is another, or `dropout` is not from 0 to below 1.
    """

    scale: Tensor | None
    concat_score_weight: Tensor | None

    def __init__(self, use_scale: bool = False, score_mode: str = "dot", dropout: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"Attention: score_mode must be 'dot' or 'concat', got {score_mode!r}")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = Dropout(dropout, seed=self.generator)

    def build(self, shape: Any) -> None:
        """See `Layer.build`."""
        self.scale = self.weight("scale", (), "ones") if self.use_scale else None
        concat = self.score_mode == "concat"
        self.concat_score_weight = self.weight("concat_score_weight", (), "ones") if concat else None

    def call(
        self, xs: Any, mask: Any = None, return_attention_scores: bool = False, use_causal_mask: bool = False
    ) -> Any:
        """See the class."""
        if not isinstance(xs, list) or len(xs) not in (2, 3):
            raise self.misfit("it is called on a list of batches, [query, value] or [query, value, key]")
        query, value, key = [self._floating(x) for x in (xs if len(xs) == 3 else [*xs, xs[1]])]
        if (
            any([len(x.shape) != 3 for x in (query, value, key)])
            or query.shape[::2] != key.shape[::2]
            or value.shape[:2] != key.shape[:2]
        ):
            raise self.misfit(
                f"a query, a value and a key of shapes {query.shape}, {value.shape}, {key.shape} do not fit together"
            )
        query_mask, value_mask = (None, None) if mask is None else (mask[0], mask[1])
        counted = None if value_mask is None else _plain(value_mask)[:, None, :]
        if use_causal_mask:
            causal = np.arange(query.shape[1])[:, None] >= np.arange(key.shape[1])
            counted = causal if counted is None else np.logical_and(counted, causal)
        logits = self._logits(query, key)
        if counted is not None:
            large = logits.dtype.type(65504.0 if logits.dtype == np.float16 else 1e9)
            logits = np.where(counted, logits, logits - large)
        scores = self.dropout(softmax(logits))
        named(logits=logits)
        y = scores @ value
        if query_mask is not None:
            y = np.where(_plain(query_mask)[..., None], y, y.dtype.type(0))
        return (y, scores) if return_attention_scores else y

    def _logits(self, query: Any, key: Any) -> Any:
        if self.concat_score_weight is None:
            products = query @ key.swapaxes(-1, -2)
            return products if self.scale is None else products * self.scale
        sums = query[:, :, None, :] + key[:, None, :, :]
        return self.concat_score_weight * np.sum(np.tanh(sums if self.scale is None else self.scale * sums), axis=-1)

    def compute_mask(self, xs: Any, mask: Any = None) -> Any:
        """Return the mask of the query."""
        return None if mask is None else mask[0]


class AdditiveAttention(Attention):
    """softmax(Σ scale · tanh(query + key)) · value, without projections.

    Args:
        use_scale: multiply the numbers of each feature by one that is learnt.
        dropout: the share of the scores that is set to 0 in training.
        name, seed, dtype, trainable: see `Layer`.

    Attributes:
        scale: Tensor of shape (features,), from the first batch on, or None.

    It is called as `Attention` is.

    Raises:
        ShapeError: as of `Attention`.
        ValueError: `dropout` is not from 0 to below 1.

    Source: Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning to align and translate" (2014),
    section 3.1.
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **options: Any) -> None:
        super().__init__(use_scale, dropout=dropout, **options)

    def build(self, shape: Any) -> None:
        """See `Layer.build`."""
        self.scale = self.weight("scale", (shape[0][-1],), "glorot_uniform") if self.use_scale else None

    def _logits(self, query: Any, key: Any) -> Any:
        sums = np.tanh(query[:, :, None, :] + key[:, None, :, :])
        return np.sum(sums if self.scale is None else self.scale * sums, axis=-1)
