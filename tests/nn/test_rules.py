"""Penalties and constraints of layers: by definition, with gradients, compiled, and as plain data."""

import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

RNG = np.random.default_rng(0)
X = {"Dense": (4, 6), "Conv1D": (4, 6, 2), "Embedding": None}
NAMES = ["Conv1D", "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D", "SeparableConv2D"]


def batch_of(name):
    return RNG.normal(size=X.get(name, (4, 5, 5, 2)))


def made(name, **options):
    arguments = {} if name == "DepthwiseConv2D" else {"units" if name == "Dense" else "filters": 3}
    window = {} if name == "Dense" else {"kernel_size": 2}
    return getattr(nn, name)(**arguments, **window, **options, seed=0, dtype="float64", bias_initializer="ones")


def kernels_of(name):
    return {
        "DepthwiseConv2D": {"depthwise": "kernel"},
        "SeparableConv2D": {"depthwise": "depthwise_kernel", "pointwise": "pointwise_kernel"},
    }.get(name, {"kernel": "kernel"})


@pytest.mark.parametrize("name", NAMES)
def test_penalties(name):
    rules = {f"{role}_regularizer": "l2" for role in kernels_of(name)}
    layer = made(name, **rules, bias_regularizer=tg.nn.regularizers.L1(0.5), activity_regularizer="l1")
    x = batch_of(name)
    y = layer(x)
    kernels = [getattr(layer, attribute) for attribute in kernels_of(name).values()]
    expected = sum(0.01 * np.sum(kernel.data**2) for kernel in kernels) + 0.5 * np.sum(np.abs(layer.bias.data))
    total = sum(layer.losses)
    np.testing.assert_allclose(total.data, expected + 0.01 * np.sum(np.abs(y.data)) / 4, rtol=1e-12)
    assert len(layer.losses) == len(kernels) + 2
    assert not made(name).losses
    layer.activity_regularizer = None
    layer(x)
    sum(layer.losses).backward()
    np.testing.assert_allclose(kernels[0].grad, 0.02 * kernels[0].data, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_step_has_the_penalties(name):
    rules = {f"{role}_regularizer": "l1" for role in kernels_of(name)}
    layer, x = made(name, **rules, bias_regularizer="l2"), batch_of(name)
    layer(x)

    def step(x):
        for parameter in layer.parameters():
            parameter.grad = None
        loss = np.mean(layer(x) ** 2) + sum(layer.losses)
        loss.backward()
        return loss, *(parameter.grad for parameter in layer.parameters())

    eager = [np.array(item.data if isinstance(item, tg.Tensor) else item) for item in step(x)]
    for found, expected in zip(tg.compile(step)(x), eager, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_constraints(name):
    rules = {f"{role}_constraint": "non_neg" for role in kernels_of(name)}
    layer = made(name, **rules, bias_constraint=lambda w: w / 2)
    layer(batch_of(name))
    found = {tensor.name.rpartition(".")[2]: rule(tensor.data) for tensor, rule in layer.constraints()}
    assert found.keys() == {*kernels_of(name).values(), "bias"}
    np.testing.assert_array_equal(found["bias"], layer.bias.data / 2)
    for attribute in kernels_of(name).values():
        np.testing.assert_array_equal(found[attribute], np.maximum(getattr(layer, attribute).data, 0))


def test_a_layer_of_ones_own_has_rules_by_their_names():
    class Scaled(nn.Layer):
        def build(self, shape):
            self.scale = self.weight("scale", shape[-1:], "ones", regularizer="l2", constraint="non_neg")

        def call(self, x):
            return x * self.scale

    layer = Scaled()
    layer(np.ones((2, 3)))
    np.testing.assert_allclose(layer.losses[0].item(), 0.01 * 3, rtol=1e-6)
    assert len(layer.constraints()) == 1


def test_an_embedding():
    layer = nn.Embedding(5, 3, embeddings_regularizer="l2", embeddings_constraint="unit_norm", dtype="float64", seed=0)
    layer(np.array([1, 2]))
    (penalty,) = layer.losses
    np.testing.assert_allclose(penalty.data, 0.01 * np.sum(layer.embeddings.data**2))
    ((tensor, rule),) = layer.constraints()
    np.testing.assert_allclose(np.linalg.norm(rule(tensor.data), axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_description_of_a_layer_is_plain_data(name):
    rules = {f"{role}_regularizer": nn.regularizers.L1L2(0.1, 0.2) for role in kernels_of(name)}
    more = {f"{role}_initializer": nn.initializers.HeNormal(seed=2) for role in kernels_of(name)}
    layer = made(name, activation="mish", bias_constraint=nn.constraints.MaxNorm(3), **rules, **more)
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    x = batch_of(name)
    np.testing.assert_array_equal(again(x).data, layer(x).data)
    assert again.bias_constraint == nn.constraints.MaxNorm(3)
    assert again.activation is nn.activations.mish
    role = next(iter(kernels_of(name)))
    assert getattr(again, f"{role}_regularizer") == nn.regularizers.L1L2(0.1, 0.2)


ROLES = {
    "Conv2D": ["bias", "kernel"],
    "DepthwiseConv2D": ["bias", "depthwise"],
    "GRU": ["bias", "kernel", "recurrent"],
    "LSTM": ["bias", "kernel", "recurrent"],
    "LayerNormalization": ["beta", "gamma"],
    "PReLU": ["alpha"],
    "SeparableConv2D": ["bias", "depthwise", "pointwise"],
}


def built(name, **options):
    sequences = name in ("GRU", "LSTM")
    layer = getattr(nn, name)(units=3, **options) if sequences else None
    if layer is None:
        arguments = {"filters": 3} if name in ("Conv2D", "SeparableConv2D") else {}
        layer = getattr(nn, name)(**arguments, **({"kernel_size": 2} if "Conv" in name else {}), **options)
    layer(np.ones((4, 3, 2) if sequences else (4, 5, 5, 2)))
    return layer


@pytest.mark.parametrize(("name", "role"), [(name, role) for name, roles in ROLES.items() for role in roles])
def test_a_rule_may_be_set_after_the_weights_were_made(name, role):
    rule = nn.regularizers.L2(0.5)
    shared = {f"{other}_regularizer": rule for other in ROLES[name]}
    for layer, before in ((built(name), []), (built(name, **shared), [rule] * len(shared))):
        weights = [tensor for tensor, _ in layer._regularized()]
        setattr(layer, f"{role}_regularizer", nn.regularizers.L1(0.5))
        changed = [tensor for tensor, given in layer._regularized() if given is not rule]
        assert len(changed) == 1 and len(layer._regularized()) == max(len(before), 1)
        setattr(layer, f"{role}_regularizer", None)
        left = [tensor for tensor, _ in layer._regularized()]
        assert {*map(id, left)} == {*map(id, weights)} - {*map(id, changed)}
        setattr(layer, f"{role}_constraint", "non_neg")
        assert [tensor for tensor, _ in layer.constraints()] == changed
        setattr(layer, f"{role}_constraint", None)
        assert layer.constraints() == []


def test_a_rule_that_is_set_later_is_that_of_its_own_weight_alone():
    rule = nn.regularizers.L2(0.5)
    layer = nn.Dense(3, use_bias=False, kernel_regularizer=rule, bias_regularizer=rule, activity_regularizer=rule)
    layer.build_for((None, 2))
    layer.bias_regularizer = layer.activity_regularizer = None
    assert [given for _, given in layer._regularized()] == [rule]


def test_an_empty_batch_has_no_penalty_of_its_result():
    layer = made("Dense", activity_regularizer="l2")
    layer(np.zeros((0, 6)))
    assert [float(item.data) for item in layer.losses] == [0.0]


def test_rules_that_are_no_good():
    with pytest.raises(ValueError, match=r"a regulariser is a function, or one of l1, .* got 'l3'"):
        nn.Dense(2, kernel_regularizer="l3")
    with pytest.raises(ValueError, match=r"a constraint is a function, or one of max_norm, .* got 'l2'"):
        nn.Conv2D(2, 3, bias_constraint="l2")
