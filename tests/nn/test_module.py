import copy
import pickle

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

pytestmark = pytest.mark.usefixtures("double_precision")


class Residual(nn.Module):
    """The module of the documentation."""

    def __init__(self, units):
        self.inner = nn.Dense(units, activation="relu", seed=0)
        self.scale = tg.Tensor(0.5, name="scale")

    def call(self, x):
        return x + self.scale * self.inner(x)


class Stack(nn.Module):
    def __init__(self):
        self.blocks = [Residual(3), Residual(3)]
        self.heads = {"mean": nn.Dense(1), "spread": nn.Dense(1, name="sigma")}
        self.offset = tg.Tensor(np.zeros(3), requires_grad=False)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return {name: head(x + self.offset) for name, head in self.heads.items()}


X = np.random.default_rng(0).normal(size=(4, 3))


def test_what_is_inside():
    model = Stack()
    assert list(model.named_parameters()) == ["blocks.0.scale", "blocks.1.scale"]
    model(X)
    dense = ("kernel", "bias")
    expected = [f"blocks.{i}.{name}" for i in range(2) for name in (*(f"inner.{part}" for part in dense), "scale")]
    expected += [f"heads.{head}.{part}" for head in ("mean", "spread") for part in dense]
    assert list(model.named_parameters()) == expected
    assert list(model.tensors()) == [*expected, "offset"]
    assert all(a is b for a, b in zip(model.parameters(), model.named_parameters().values(), strict=True))
    assert [type(module).__name__ for module in model.modules()] == [
        "Stack",
        *["Residual", "Dense"] * 2,
        *["Dense"] * 2,
    ]
    assert repr(model) == '<Stack "Stack", 34 parameters>'


def test_what_is_shared_is_there_once():
    model = Stack()
    model.blocks = [model.blocks[0]] * 2
    model.again = model.blocks[0].scale
    model.itself = model
    model(X)
    assert [name for name in model.tensors() if "scale" in name] == ["blocks.0.scale"]
    assert len(model.modules()) == 5


def test_modules_are_named_by_their_attribute():
    model = Stack()
    assert [module.name for module in model.modules()] == [
        "Stack", "blocks_0", "inner", "blocks_1", "inner", "heads_mean", "sigma",
    ]  # fmt: skip
    model(X)
    assert model.blocks[0].inner.kernel.name == "inner.kernel"
    with pytest.raises(TypeError, match="the name must be a string, got int"):
        model.name = 3


def test_a_module_is_a_scope_and_its_lines_are_ones_own():
    model = Residual(3)
    y = model(X)
    last = tg.Graph.of(y).outputs[0]
    assert last.scope == ("Residual",)
    assert last.source.text == "return x + self.scale * self.inner(x)"
    product = next(node for node in tg.Graph.of(y) if node.op == "matmul")
    assert product.scope == ("Residual", "inner")
    assert product.source.text == "return x + self.scale * self.inner(x)"
    kernel = next(node for node in tg.Graph.of(y) if node.name == "inner.kernel")
    assert kernel.source.text == "return x + self.scale * self.inner(x)"


def test_a_layers_result_has_the_name_it_is_assigned_to():
    hidden = nn.Dense(2)(X)
    nodes = tg.Graph.of(hidden).nodes
    assert nodes[-1].name == "hidden"
    assert "hidden" not in [node.name for node in nodes[:-1]]


def test_training_reaches_all():
    model = Stack()
    assert all(module.training for module in model.modules())
    model.eval()
    assert not any(module.training for module in model.modules())
    model.train()
    assert all(module.training for module in model.modules())


def test_it_trains():
    model = Residual(3)
    target = np.abs(X) * 2
    model(X)
    adam = tg.optim.Adam(model.named_parameters(), 0.02)
    losses = []
    for _ in range(200):
        adam.zero_grad()
        loss = np.mean((model(X) - target) ** 2)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


def test_saved_and_loaded(tmp_path):
    model, other = Stack(), Stack()
    expected = model(X)
    np.savez(tmp_path / "model.npz", **model.state_dict())
    with np.load(tmp_path / "model.npz") as values, pytest.raises(ValueError, match='Dense "inner" has no weights'):
        other.load_state_dict(values)
    other(X)
    with np.load(tmp_path / "model.npz") as values:
        other.load_state_dict(values)
    for name, value in other(X).items():
        np.testing.assert_array_equal(value.data, expected[name].data)
    with pytest.raises(KeyError, match=r"load_state_dict: missing are .*offset"):
        other.load_state_dict({})
    with pytest.raises(ValueError, match="state_dict: Dense"):
        Stack().state_dict()


def test_copies_and_pickles():
    model = Residual(3)
    expected = model(X).data
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(X).data, expected)
        twin.scale.assign(0.0)
        np.testing.assert_array_equal(twin(X).data, X)
    np.testing.assert_array_equal(model(X).data, expected)


def test_a_module_says_what_it_computes():
    with pytest.raises(NotImplementedError, match="the class does not define its computation"):
        nn.Module()(1)


def test_a_first_batch_that_fails_leaves_nothing():
    model = Stack()
    with pytest.raises(tg.ShapeError):
        model(np.ones((4, 7)))  # the first layer takes 7 features, but returns 3
    assert not any(layer.built for layer in model.modules() if isinstance(layer, nn.Layer))
    assert list(model.named_parameters()) == ["blocks.0.scale", "blocks.1.scale"]
    assert model(X)["mean"].shape == (4, 1)


def test_a_layer_may_return_its_weight_at_its_first_batch():
    class Returning(nn.Layer):
        def build(self, shape):
            self.kernel = self.weight("kernel", (shape[-1], 2), "ones")

        def call(self, x):
            return self.kernel

    layer = Returning()
    assert layer(np.ones((3, 2))) is layer.kernel
