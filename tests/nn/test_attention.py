"""Attention beside NumPy: weights, masks, gradients, compiled steps, errors."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
QUERY, VALUE = RNG.normal(size=(2, 4, 6)), RNG.normal(size=(2, 5, 3))
MASK = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)


def plain(y):
    """Return the values of a result, a Tensor or an array."""
    return y.data if isinstance(y, tg.Tensor) else y


def by_hand(layer, query, value, mask):
    """Return the attention of each head in turn, as the paper writes it."""
    w = {path: tensor.data for path, tensor in layer.tensors().items()}
    total = w["attention_output.bias"]
    for head in range(layer.num_heads):
        q, k, v = (
            x @ w[f"{name}.kernel"][:, head] + w[f"{name}.bias"][head]
            for name, x in (("query", query), ("key", value), ("value", value))
        )
        scores = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(layer.key_dim)) * mask
        sums = np.sum(scores, axis=-1, keepdims=True)
        total = total + (scores / np.where(sums == 0, 1, sums)) @ v @ w["attention_output.kernel"][head]
    return total


MASKED = {
    "attention_mask": ({"attention_mask": np.tri(4, 5, dtype=bool)[None]}, np.tri(4, 5)),
    "causal": ({"use_causal_mask": True}, np.tri(4, 5)),
    "key_mask": ({"key_mask": MASK}, MASK[:, None]),
    "key_mask and value_mask": ({"value_mask": MASK, "key_mask": MASK[::-1, ::-1]}, (MASK & MASK[::-1, ::-1])[:, None]),
    "no step of the value": ({"value_mask": np.zeros((2, 5), bool)}, 0),
    "none": ({}, 1),
    "query_mask": ({"query_mask": MASK[:, :4]}, MASK[:, :4, None]),
    "value_mask": ({"value_mask": MASK, "key_mask": MASK}, MASK[:, None]),
}


@pytest.mark.parametrize(("masks", "mask"), MASKED.values(), ids=MASKED)
def test_masks(masks, mask):
    layer = nn.MultiHeadAttention(2, 3, bias_initializer="random_normal", dtype="float64")
    np.testing.assert_allclose(layer(QUERY, VALUE, **masks).data, by_hand(layer, QUERY, VALUE, mask))


def test_the_weights_are_those_of_keras():
    layer = nn.MultiHeadAttention(2, key_dim=3, value_dim=4, output_shape=5)
    layer(QUERY, VALUE)
    assert {path: tensor.shape for path, tensor in layer.tensors().items()} == {
        "query.kernel": (6, 2, 3), "query.bias": (2, 3), "key.kernel": (3, 2, 3), "key.bias": (2, 3),
        "value.kernel": (3, 2, 4), "value.bias": (2, 4), "attention_output.kernel": (2, 4, 5),
        "attention_output.bias": (5,),
    }  # fmt: skip
    assert {tensor.dtype for tensor in layer.tensors().values()} == {np.dtype(np.float32)}


MADE = {
    "Attention": lambda: (nn.Attention(dtype="float64"), lambda layer, q, v: layer([q[..., :3], v])),
    "MultiHeadAttention": lambda: (
        nn.MultiHeadAttention(2, 3, dtype="float64"), lambda layer, q, v: layer(q, v, value_mask=MASK)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE)
def test_gradients(name):
    layer, call = MADE[name]()
    call(layer, QUERY, VALUE)
    check_grads(lambda q, v: np.sum(np.sin(call(layer, q, v))), QUERY, VALUE, order=2)


@pytest.mark.parametrize("name", MADE)
def test_a_compiled_step_is_the_eager_one(name):
    layer, call = MADE[name]()
    call(layer, QUERY, VALUE)

    def step(q, v):
        for parameter in layer.parameters():
            parameter.grad = None
        q = tg.Tensor(q)
        loss = np.sum(np.sin(call(layer, q, v)))
        loss.backward()
        return [loss, q.grad, *[parameter.grad for parameter in layer.parameters()]]

    compiled = tg.compile(step)
    compiled(QUERY, VALUE)
    for ours, expected in zip(compiled(2 * QUERY, VALUE), step(2 * QUERY, VALUE), strict=True):
        np.testing.assert_allclose(plain(ours), plain(expected), rtol=1e-9, atol=1e-11)


def test_a_masked_step_follows_no_numbers_that_are_left_out():
    layer = nn.MultiHeadAttention(2, 3, seed=0)
    layer(QUERY, QUERY)

    @tg.compile
    def step(x):
        np.sum(layer(x, x, use_causal_mask=True) ** 2).backward()
        gradients = [w.grad for w in layer.parameters()]
        for w in layer.parameters():
            w.grad = None
        return gradients

    step(QUERY)
    assert "where=" not in step.source  # it took two fifths of the time of a transformer


@pytest.mark.parametrize("batch", [0, 1])
def test_few_examples(batch):
    layer = nn.MultiHeadAttention(2, 3)
    layer(QUERY, VALUE)
    assert layer(QUERY[:batch], VALUE[:batch], use_causal_mask=True).shape == (batch, 4, 6)


def test_float16():
    layer = nn.MultiHeadAttention(2, 3, dtype="float16")
    y = layer(QUERY.astype(np.float16), VALUE.astype(np.float16), value_mask=MASK)
    assert y.dtype == np.float16
    assert np.isfinite(y.data).all()


def test_dropout_of_scores_is_of_training_alone():
    layer = nn.MultiHeadAttention(2, 3, dropout=0.5, seed=0)
    assert not np.array_equal(layer(QUERY, VALUE).data, layer(QUERY, VALUE).data)
    layer.eval()
    assert np.array_equal(layer(QUERY, VALUE).data, layer(QUERY, VALUE).data)


def test_a_layer_is_a_box():
    y = nn.MultiHeadAttention(2, 3, name="it")(tg.Tensor(QUERY), VALUE)
    scopes = {node.scope for node in tg.Graph.of(y) if not node.is_input}
    assert {scope[0] for scope in scopes} == {"it"}
    assert {scope[1] for scope in scopes if len(scope) > 1} >= {"query", "key", "value", "attention_output"}


MISFITS = [
    (lambda layer: layer(QUERY[0], VALUE[0]), r"a query of shape \(4, 6\) needs a value and a key"),
    (lambda layer: layer(QUERY, VALUE, VALUE[:, :2]), r"got \(2, 5, 3\) and \(2, 2, 3\)"),
    (lambda layer: layer(QUERY, VALUE[:1]), "differ in axes beside"),
    (lambda layer: layer(QUERY, VALUE, value_mask=MASK[:, :3]), r"masks of shapes .* do not fit \(4,\) steps"),
    (lambda layer: layer(QUERY[..., :2], VALUE), r'"query": a batch of shape \(2, 4, 2\) does not end in \(6,\)'),
]


@pytest.mark.parametrize(("call", "words"), MISFITS)
def test_batches_that_do_not_fit(call, words):
    layer = nn.MultiHeadAttention(2, 3, name="it")
    layer(QUERY, VALUE)
    with pytest.raises(tg.ShapeError, match=words) as e:
        call(layer)
    assert "test_attention.py" in str(e.value)
    assert 'in scope "it' in str(e.value)


def test_arguments_that_are_no_good():
    with pytest.raises(ValueError, match="MultiHeadAttention: num_heads must be at least 1"):
        nn.MultiHeadAttention(0, 3)
    with pytest.raises(ValueError, match="score_mode must be 'dot' or 'concat', got 'sum'"):
        nn.Attention(score_mode="sum")
    with pytest.raises(tg.ShapeError, match=r"\[query, value\] or \[query, value, key\]"):
        nn.Attention()(QUERY)
    with pytest.raises(tg.ShapeError, match="do not fit together"):
        nn.Attention()([QUERY, VALUE])


def test_an_embedding_marks_padding():
    layer = nn.Embedding(5, 2, mask_zero=True, input_length=3)
    assert np.array_equal(layer.compute_mask(np.array([[1, 0, 2]])), [[True, False, True]])
    assert nn.Embedding(5, 2).compute_mask(np.array([[1, 0, 2]])) is None


def test_additive_attention_compiled():
    layer = nn.AdditiveAttention(dtype="float64", seed=0)
    query, value = np.cos(np.arange(24.0)).reshape(2, 3, 4), np.sin(np.arange(40.0)).reshape(2, 5, 4)
    layer([query, value])

    def step(query, value):
        layer.zero_grad()
        y = layer([query, value], use_causal_mask=True)
        np.sum(y**2).backward()
        return y, layer.scale.grad

    eager = [np.array(getattr(item, "data", item)) for item in step(query, value)]
    for found, expected in zip(tg.compile(step)(query, value), eager, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("gate", [False, True])
def test_heads_that_share_keys_are_heads_whose_keys_are_the_same(gate):
    rng = np.random.default_rng(0)
    query, value = tg.Tensor(rng.normal(size=(2, 5, 6))), tg.Tensor(rng.normal(size=(2, 7, 6)))
    grouped = tg.nn.GroupQueryAttention(3, 4, 2, use_gate=gate, dtype="float64")
    whole = tg.nn.MultiHeadAttention(4, 3, use_gate=gate, dtype="float64")
    y, _ = grouped(query, value), whole(query, value)
    for layer in (grouped, whole) if gate else ():  # `set_weights` takes Keras's
        assert [weight.name.partition(".")[0] for weight in layer.weights[4:8:2]] == ["gate", "value"]
    for name in ("query", "key", "value", "attention_output", *(["gate"] if gate else [])):
        own, other = getattr(grouped, name), getattr(whole, name)
        shared = name in ("key", "value")
        other.kernel.assign(np.repeat(own.kernel.data, 2, axis=1) if shared else own.kernel.data)
        other.bias.assign(np.repeat(own.bias.data, 2, axis=0) if shared else own.bias.data)
    expected, scores = whole(query, value, return_attention_scores=True, use_causal_mask=True)
    y, of_groups = grouped(query, value, return_attention_scores=True, use_causal_mask=True)
    np.testing.assert_allclose(y.data, expected.data, atol=1e-12)
    np.testing.assert_allclose(of_groups.data, scores.data, atol=1e-12)
    np.sum(y**2).backward()
    np.sum(expected**2).backward()
    summed = whole.key.kernel.grad.reshape(6, 2, 2, 3).sum(axis=2)
    np.testing.assert_allclose(grouped.key.kernel.grad, summed, atol=1e-12)
    with pytest.raises(ValueError, match="num_query_heads must be a multiple of num_key_value_heads, got 4 and 3"):
        tg.nn.GroupQueryAttention(3, 4, 3)
