"""The architecture of a model as plain data, and a model of it: every layer, networks of symbols, what is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.nn.arguments import also_known, plain_of, thing_of

ROWS, STEPS, IMAGES, VOLUMES = (4,), (6, 4), (8, 8, 3), (4, 5, 4, 2)

# For each layer the shapes of its batches, and a function that makes it.
LAYERS: dict[str, tuple[list[tuple[int, ...]], Any]] = {
    **{name: ([ROWS], getattr(nn, name)) for name in ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "Identity")},
    "Activation": ([ROWS], lambda: nn.Activation("gelu")),
    "ActivityRegularization": ([ROWS], lambda: nn.ActivityRegularization(l2=0.1)),
    "BatchNormalization": ([ROWS], lambda: nn.BatchNormalization(momentum=0.9, gamma_initializer="he_normal")),
    "Dense": ([ROWS], lambda: nn.Dense(3, activation=tg.relu, kernel_regularizer=nn.regularizers.L2(0.1))),
    "Dropout": ([ROWS], lambda: nn.Dropout(0.5, seed=3)),
    "EinsumDense": ([STEPS], lambda: nn.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")),
    "AdditiveAttention": ([STEPS, STEPS], nn.AdditiveAttention),
    "Embedding": ([(5,)], lambda: nn.Embedding(9, 3)),
    "GaussianDropout": ([ROWS], lambda: nn.GaussianDropout(0.5)),
    "GaussianNoise": ([ROWS], lambda: nn.GaussianNoise(0.5)),
    "GroupNormalization": ([IMAGES], lambda: nn.GroupNormalization(3)),
    "InputLayer": ([ROWS], lambda: nn.InputLayer(ROWS)),
    "Lambda": ([ROWS], lambda: nn.Lambda(np.sum, arguments={"axis": 1})),
    "LayerNormalization": ([ROWS], lambda: nn.LayerNormalization(axis=(-1,))),
    "Masking": ([STEPS], lambda: nn.Masking(0.5)),
    "Discretization": ([ROWS], lambda: nn.Discretization([0.0, 1.0], output_mode="count")),
    "IntegerLookup": ([(5,)], lambda: nn.IntegerLookup(vocabulary=[3, 8, 1], output_mode="count")),
    "CategoryEncoding": ([(5,)], lambda: nn.CategoryEncoding(9, "count")),
    "Normalization": ([ROWS], nn.Normalization),
    "RandomBrightness": ([IMAGES], lambda: nn.RandomBrightness(0.2)),
    "RandomContrast": ([IMAGES], lambda: nn.RandomContrast((0.1, 0.2))),
    "RandomRotation": ([IMAGES], lambda: nn.RandomRotation(0.1, "wrap")),
    "RandomTranslation": ([IMAGES], lambda: nn.RandomTranslation(0.1, (-0.2, 0.1))),
    "RandomZoom": ([IMAGES], lambda: nn.RandomZoom(0.1, fill_mode="constant", fill_value=1.0)),
    "RandomPerspective": ([IMAGES], lambda: nn.RandomPerspective(0.5)),
    "RandomShear": ([IMAGES], lambda: nn.RandomShear(0.3, (0.1, 0.2))),
    "RandomSharpness": ([IMAGES], lambda: nn.RandomSharpness(0.3)),
    "RandomGaussianBlur": ([IMAGES], lambda: nn.RandomGaussianBlur(kernel_size=(3, 5))),
    "RandomColorDegeneration": ([IMAGES], lambda: nn.RandomColorDegeneration(0.3)),
    "RandomColorJitter": ([IMAGES], lambda: nn.RandomColorJitter(hue_factor=0.2, contrast_factor=(0.1, 0.2))),
    "RandomGrayscale": ([IMAGES], lambda: nn.RandomGrayscale(0.3)),
    "RandomHue": ([IMAGES], lambda: nn.RandomHue((0.1, 0.2), value_range=(0, 1))),
    "RandomSaturation": ([IMAGES], lambda: nn.RandomSaturation((0.4, 0.6))),
    "AutoContrast": ([IMAGES], nn.AutoContrast),
    "Equalization": ([IMAGES], lambda: nn.Equalization(bins=32)),
    "RandomInvert": ([IMAGES], lambda: nn.RandomInvert(0.3)),
    "RandomPosterization": ([IMAGES], lambda: nn.RandomPosterization(5)),
    "Solarization": ([IMAGES], lambda: nn.Solarization(0.1, (0.2, 0.5))),
    "RandomErasing": ([IMAGES], lambda: nn.RandomErasing(fill_value=[0, 1, 2])),
    "MixUp": ([IMAGES], lambda: nn.MixUp(0.4)),
    "CutMix": ([IMAGES], lambda: nn.CutMix((0.4, 1.0))),
    "RandAugment": ([IMAGES], lambda: nn.RandAugment(num_ops=1)),
    "RandomFlip": ([IMAGES], lambda: nn.RandomFlip("horizontal")),
    "RMSNormalization": ([ROWS], lambda: nn.RMSNormalization()),
    "Rescaling": ([ROWS], lambda: nn.Rescaling(1 / 255, offset=0.1)),
    "UnitNormalization": ([ROWS], lambda: nn.UnitNormalization()),
    # shapes
    "Flatten": ([IMAGES], nn.Flatten),
    "Permute": ([STEPS], lambda: nn.Permute((2, 1))),
    "RepeatVector": ([ROWS], lambda: nn.RepeatVector(3)),
    "Reshape": ([ROWS], lambda: nn.Reshape((2, -1))),
    "Cropping1D": ([STEPS], lambda: nn.Cropping1D((1, 2))),
    "Cropping2D": ([IMAGES], lambda: nn.Cropping2D(((1, 0), (2, 1)))),
    "UpSampling1D": ([STEPS], lambda: nn.UpSampling1D(3)),
    "UpSampling2D": ([IMAGES], lambda: nn.UpSampling2D((2, 1), interpolation="bilinear")),
    "ZeroPadding1D": ([STEPS], lambda: nn.ZeroPadding1D(2)),
    "ZeroPadding2D": ([IMAGES], lambda: nn.ZeroPadding2D((1, 2))),
    # windows
    "Conv1DTranspose": ([STEPS], lambda: nn.Conv1DTranspose(3, 2, strides=2)),
    "Conv3D": ([VOLUMES], lambda: nn.Conv3D(3, 2)),
    "Conv3DTranspose": ([VOLUMES], lambda: nn.Conv3DTranspose(3, 2, strides=2)),
    "Cropping3D": ([VOLUMES], lambda: nn.Cropping3D((1, 0, (0, 1)))),
    "DepthwiseConv1D": ([STEPS], lambda: nn.DepthwiseConv1D(2)),
    "SeparableConv1D": ([STEPS], lambda: nn.SeparableConv1D(4, 2)),
    "UpSampling3D": ([VOLUMES], lambda: nn.UpSampling3D((2, 1, 1))),
    "ZeroPadding3D": ([VOLUMES], lambda: nn.ZeroPadding3D(1)),
    "AlphaDropout": ([ROWS], lambda: nn.AlphaDropout(0.5)),
    "SpatialDropout3D": ([VOLUMES], lambda: nn.SpatialDropout3D(0.5)),
    "Conv1D": ([STEPS], lambda: nn.Conv1D(3, 2, padding="causal", activation="relu")),
    "Conv2D": ([IMAGES], lambda: nn.Conv2D(3, (2, 3), strides=2, kernel_constraint=nn.constraints.MaxNorm(2.0))),
    "Conv2DTranspose": ([IMAGES], lambda: nn.Conv2DTranspose(3, 2, strides=2)),
    "DepthwiseConv2D": ([IMAGES], lambda: nn.DepthwiseConv2D(2)),
    "SeparableConv2D": ([IMAGES], lambda: nn.SeparableConv2D(4, 2)),
    **{
        f"{kind}Pooling{axes}D": ([shape], lambda kind=kind, axes=axes: getattr(nn, f"{kind}Pooling{axes}D")(2))
        for kind in ("Average", "Max")
        for axes, shape in ((1, STEPS), (2, IMAGES), (3, VOLUMES))
    },
    **{
        f"Global{kind}Pooling{axes}D": ([shape], getattr(nn, f"Global{kind}Pooling{axes}D"))
        for kind in ("Average", "Max")
        for axes, shape in ((1, STEPS), (2, IMAGES), (3, VOLUMES))
    },
    "SpatialDropout1D": ([STEPS], lambda: nn.SpatialDropout1D(0.5)),
    "SpatialDropout2D": ([IMAGES], lambda: nn.SpatialDropout2D(0.5)),
    # several batches
    **{name: ([ROWS, ROWS], getattr(nn, name)) for name in ("Add", "Average", "Maximum", "Minimum", "Multiply")},
    "Concatenate": ([ROWS, ROWS], lambda: nn.Concatenate(axis=1)),
    "Dot": ([ROWS, ROWS], lambda: nn.Dot(axes=1)),
    "Subtract": ([ROWS, ROWS], lambda: nn.Subtract()),
    # sequences
    "GRU": ([STEPS], lambda: nn.GRU(3, return_sequences=True)),
    "LSTM": ([STEPS], lambda: nn.LSTM(3, return_state=True)),
    "SimpleRNN": ([STEPS], lambda: nn.SimpleRNN(3, go_backwards=True)),
    "RNN": ([STEPS], lambda: nn.RNN(nn.LSTMCell(3))),
    "GRUCell": ([STEPS], lambda: nn.RNN(nn.GRUCell(3, reset_after=False))),
    "LSTMCell": ([STEPS], lambda: nn.RNN(nn.LSTMCell(3, unit_forget_bias=False))),
    "SimpleRNNCell": ([STEPS], lambda: nn.RNN(nn.SimpleRNNCell(3))),
    "StackedRNNCells": ([STEPS], lambda: nn.RNN(nn.StackedRNNCells([nn.GRUCell(3), nn.LSTMCell(2)]))),
    "Bidirectional": ([STEPS], lambda: nn.Bidirectional(nn.LSTM(3, return_sequences=True), merge_mode="sum")),
    "TimeDistributed": ([STEPS], lambda: nn.TimeDistributed(nn.Dense(2))),
    "SpectralNormalization": ([ROWS], lambda: nn.SpectralNormalization(nn.Dense(3), power_iterations=2)),
    # films, and images of another size
    "ConvLSTM1D": ([(3, 5, 2)], lambda: nn.ConvLSTM1D(2, 3, padding="same", return_sequences=True)),
    "ConvLSTM2D": ([(3, 4, 4, 2)], lambda: nn.ConvLSTM2D(2, (2, 3), strides=2)),
    "ConvLSTM3D": ([(2, 3, 3, 3, 1)], lambda: nn.ConvLSTM3D(2, 2, recurrent_activation="hard_sigmoid")),
    "Resizing": ([IMAGES], lambda: nn.Resizing(5, 4, interpolation="bicubic")),
    "CenterCrop": ([IMAGES], lambda: nn.CenterCrop(5, 4)),
    "RandomCrop": ([IMAGES], lambda: nn.RandomCrop(5, 4)),
    "AdaptiveAveragePooling1D": ([STEPS], lambda: nn.AdaptiveAveragePooling1D(4)),
    "AdaptiveAveragePooling2D": ([IMAGES], lambda: nn.AdaptiveAveragePooling2D((3, 2))),
    "AdaptiveAveragePooling3D": ([VOLUMES], lambda: nn.AdaptiveAveragePooling3D((2, 3, 2))),
    "AdaptiveMaxPooling1D": ([STEPS], lambda: nn.AdaptiveMaxPooling1D(4)),
    "AdaptiveMaxPooling2D": ([IMAGES], lambda: nn.AdaptiveMaxPooling2D((3, 2))),
    "AdaptiveMaxPooling3D": ([VOLUMES], lambda: nn.AdaptiveMaxPooling3D((2, 3, 2))),
}
# The base classes, and the models, which other tests are about.
BASES = {"Layer", "Model", "Module", "Sequential", "Wrapper"}

# Layers that are called on two batches, and not on a list of two.
LAYERS["Attention"] = ([STEPS, STEPS], lambda: nn.Attention(use_scale=True))
PAIRED: dict[str, Any] = {
    "MultiHeadAttention": lambda: nn.MultiHeadAttention(2, 3),
    "GroupQueryAttention": lambda: nn.GroupQueryAttention(3, 4, 2),
}
LAYERS |= {name: ([STEPS, STEPS], make) for name, make in PAIRED.items() if hasattr(nn, name)}


def test_the_table_has_every_layer():
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type)}
    of_strings = {"HashedCrossing", "Hashing", "StringLookup", "TextVectorization"}  # before a network
    assert sorted(layers - LAYERS.keys() - BASES - of_strings) == []


def batches(shapes: list[tuple[int, ...]], whole: bool = False) -> Any:
    numbers = np.random.default_rng(0)
    made = [numbers.integers(0, 9, (3, *s)) if whole else numbers.normal(size=(3, *s)).astype("f") for s in shapes]
    return made[0] if len(made) == 1 else made


def network(name: str) -> tuple[Any, Any]:
    """Return a model of symbols with the layer in it, and its batches."""
    shapes, make = LAYERS[name]
    whole = name in ("CategoryEncoding", "Embedding", "IntegerLookup")
    symbols = [nn.Input(shape, dtype="int64" if whole else None) for shape in shapes]
    given = symbols[0] if len(symbols) == 1 else symbols
    layer = make()
    return nn.Model(given, layer(*given) if name in PAIRED else layer(given)), batches(shapes, whole)


def outputs(model: Any, x: Any) -> list[Any]:
    found = model(x, training=False)
    return [
        np.asarray(y.data if isinstance(y, tg.Tensor) else y)
        for y in (found if isinstance(found, list | tuple) else [found])
    ]


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_layer_comes_back_from_its_data(name):
    model, x = network(name)
    twin = nn.model_from_json(model.to_json())
    assert twin.to_json() == model.to_json()
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    twin.set_weights(model.get_weights())
    for one, other in zip(outputs(model, x), outputs(twin, x), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_layer_comes_back_from_a_file(name, tmp_path):
    shapes, make = LAYERS[name]
    model, x = network(name)
    if name not in PAIRED:
        model = nn.Sequential([make()])
    wanted = outputs(model, x)
    model.trainable = False
    model.save(tmp_path / "model.safetensors")
    twin = nn.load_model(tmp_path / "model.safetensors")
    assert twin.parameters() == []
    for one, other in zip(wanted, outputs(twin, x), strict=True):
        np.testing.assert_array_equal(one, other)


def network_of_all_kinds() -> Any:
    """Return a model with shared layers, several inputs and outputs, operators, keywords, and a model inside."""
    a, b = nn.Input((4,), name="a"), nn.Input((4,), name="b")
    shared = nn.Dense(5, name="shared")
    inner = nn.Sequential([nn.Input((5,)), nn.Dense(5, activation="tanh"), np.tanh], name="inner")
    h = shared(a) * np.float64(0.5) + 2 * inner(shared(b))[:, ::-1]
    h = np.concatenate([h, inner(h), np.add.reduce(h, axis=1, keepdims=True)], axis=-1)
    scaled = h * np.arange(11, dtype="f") + np.where(h > 0, h, np.linalg.norm(h))
    first, *_ = np.split(scaled, 11, axis=1)
    return nn.Model({"a": a, "b": b}, [nn.Dense(2)(scaled), (first.astype("float64"), scaled.reshape(-1, 11)[..., 0])])


def test_a_network_of_symbols_comes_back():
    model = network_of_all_kinds()
    twin = nn.model_from_json(model.to_json())
    assert twin.to_json() == model.to_json()
    assert [type(layer) for layer in twin.layers] == [type(layer) for layer in model.layers]
    assert [*twin.tensors()] == [*model.tensors()]
    twin.set_weights(model.get_weights())
    x = {"a": batches([ROWS]), "b": batches([ROWS]) + 1}
    (one, (two, three)), (first, (second, third)) = model(x), twin(x)
    for ours, theirs in ((one, first), (two, second), (three, third)):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours.data, theirs.data)


def test_a_layer_of_two_models_stays_one():
    encoder = nn.Sequential([nn.Input((4,)), nn.Dense(3)], name="encoder")
    x = nn.Input((4,))
    whole = nn.Model(x, [nn.Sequential([encoder, nn.Dense(4)])(x), encoder.layers[0](x), encoder(x)])
    twin = nn.clone_model(whole)
    assert [*twin.tensors()] == [*whole.tensors()] and len(twin.weights) == 4
    tied = nn.clone_model(nn.Sequential([nn.Input((4,)), dense := nn.Dense(4), nn.ReLU(), dense]))
    assert tied.layers[0] is tied.layers[2] and len(tied.weights) == 2


def test_clones_have_weights_of_their_own_and_are_frozen_as_the_model():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3, dtype="float64"), nn.BatchNormalization(), nn.Dense(2)])
    model.layers[0].trainable = False
    twin = nn.clone_model(model)
    assert twin.layers[0].kernel is not model.layers[0].kernel
    assert twin.layers[0].kernel.dtype == np.float64 and twin.layers[2].kernel.dtype == np.float32
    assert [layer.trainable for layer in twin.layers] == [False, True, True]
    assert len(twin.parameters()) == len(model.parameters()) == 4
    thawed = nn.Dense(3, trainable=False)
    thawed.trainable = True
    assert nn.Dense.from_config(thawed.get_config()).trainable
    frozen = nn.Bidirectional(nn.LSTM(2))
    frozen(batches([STEPS]))
    frozen.trainable = False
    assert nn.clone_model(nn.Sequential([nn.Input(STEPS), frozen])).parameters() == []


def test_functions_of_the_users_own_are_registered_or_refused():
    def doubled(x):
        return 2 * x

    model = nn.Sequential([nn.Input((4,)), nn.Dense(3), doubled])
    with pytest.raises(TypeError, match=r'"Sequential": layer 1: <function .*doubled.* cannot be written as data'):
        model.to_json()
    with also_known({}):  # which forgets, at its end, what was registered in it
        nn.register(doubled)
        assert nn.model_from_json(model.to_json()).layers[1] is doubled


@pytest.mark.parametrize(
    "name",
    [
        "np.load", "np.save", "np.fromfile", "np.memmap", "np.genfromtxt", "np.vectorize", "np.lib", "np.add.at",
        "os.system", "tg.np", "tg.conv2d.__globals__", "activations.get", "symbolic.np", "np.linalg.os", "eval",
    ],
)  # fmt: skip
def test_no_other_functions_come_from_data(name):
    data = json.loads(nn.Sequential([nn.Input((4,)), np.tanh]).to_json())
    data["config"]["layers"] = [{"function": name}]
    with pytest.raises(ValueError, match="is no function that a model may name"):
        nn.model_from_json(json.dumps(data))


def test_no_other_classes_come_from_data():
    for name in ("Popen", "Module", "Tensor", "subprocess.Popen", 3, None):
        with pytest.raises(ValueError, match=r"is no class of tinygraph|makes no model"):
            nn.model_from_json(json.dumps({"class": name, "config": {}}))
    with pytest.raises(ValueError, match="makes no model: TypeError"):
        nn.model_from_json(json.dumps({"class": "Sequential", "config": {"name": 3, "layers": [], "input": None}}))
    with pytest.raises(ValueError, match="which is no model"):
        nn.model_from_json("3")
    with pytest.raises(ValueError, match="the text is no JSON"):
        nn.model_from_json("{")


def test_values_come_back_as_they_were():
    values = [1, 2.5, np.inf, -np.inf, "a", None, True, (1, [2, (3,)]), {"k": (1,)}, slice(1, None, 2), ..., np.float32]
    values = [np.float64(2.5), np.int8(3), *values]
    back = thing_of(json.loads(json.dumps(plain_of(values), allow_nan=False)))
    assert back[:-1] == values[:-1] and back[-1] == "float32"
    assert [type(item) for item in back[:3]] == [np.float64, np.int8, int]
    array = np.array([[1, np.nan], [np.inf, 4]], "f")
    twin = thing_of(json.loads(json.dumps(plain_of(array), allow_nan=False)))
    assert twin.dtype == array.dtype
    np.testing.assert_array_equal(twin, array)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (lambda: nn.Dense(4, activation="tanh", seed=1), "activation", nn.activations.relu),
        (lambda: nn.Dense(4, seed=1), "activation", nn.activations.sigmoid),
        (lambda: nn.Dropout(0.5), "rate", 0.1),
        (lambda: nn.LayerNormalization(), "epsilon", 1.0),
        (lambda: nn.LeakyReLU(0.1), "negative_slope", 0.5),
    ],
)
def test_an_attribute_that_was_set_later_is_saved(layer, name, value, tmp_path):
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    model = nn.Sequential([nn.Input((3,)), layer()])
    before = model.layers[0].get_config()
    model.predict(x, verbose=0)
    setattr(model.layers[0], name, value)
    config = model.layers[0].get_config()
    assert {key for key in config if config[key] != before.get(key)} == {name}
    model.save(tmp_path / "model.safetensors")
    for copy in (nn.load_model(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        assert getattr(copy.layers[0], name) == value
        assert copy.layers[0].get_config() == config
        np.testing.assert_array_equal(copy.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_followed_from_an_argument_that_is_set_later_is_saved_as_it_is():
    images = np.random.default_rng(0).normal(size=(1, 7, 7, 1)).astype(np.float32)
    layer = nn.MaxPooling2D(2)
    assert layer.get_config() == {"pool_size": 2, "name": "MaxPooling2D"}
    layer.pool_size = (3, 3)
    twin = nn.MaxPooling2D.from_config(layer.get_config())
    assert (twin.pool_size, twin.strides) == (layer.pool_size, layer.strides) == ((3, 3), (2, 2))
    np.testing.assert_array_equal(twin(images), layer(images))
