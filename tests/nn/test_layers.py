import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.nn.activations import ACTIVATIONS
from tinygraph.testing import check_grads

pytestmark = pytest.mark.usefixtures("double_precision")


RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 6, 5, 2))
ROWS = RNG.normal(size=(4, 3))

LAYERS = {
    "dense": (lambda **o: nn.Dense(4, activation="tanh", **o), ROWS),
    "dense on more axes": (lambda **o: nn.Dense(4, use_bias=False, **o), RNG.normal(size=(2, 3, 3))),
    "convolution": (lambda **o: nn.Conv2D(3, (2, 3), padding="same", activation="tanh", **o), IMAGES),
    "grouped": (lambda **o: nn.Conv2D(4, 2, strides=(1, 2), groups=2, dilation_rate=(2, 1), **o), IMAGES),
    "largest": (lambda **o: nn.MaxPooling2D(**o), IMAGES),
    "mean": (lambda **o: nn.AveragePooling2D(3, 2, "same", **o), IMAGES),
    "flatten": (lambda **o: nn.Flatten(**o), IMAGES),
    "batch": (lambda **o: nn.BatchNormalization(**o), IMAGES),
    "batch, another axis": (lambda **o: nn.BatchNormalization(axis=1, center=False, **o), ROWS),
    "layer": (lambda **o: nn.LayerNormalization(**o), IMAGES),
    "layer, root mean square": (lambda **o: nn.LayerNormalization(rms_scaling=True, **o), ROWS),
    "groups": (lambda **o: nn.GroupNormalization(groups=2, **o), RNG.normal(size=(3, 2, 2, 4))),
    "groups, another axis": (lambda **o: nn.GroupNormalization(-1, axis=1, scale=False, **o), IMAGES),
    "root mean square": (lambda **o: nn.RMSNormalization(axis=[1, 2], **o), IMAGES),
    "unit": (lambda **o: nn.UnitNormalization(**o), IMAGES),
    "layer, several axes": (lambda **o: nn.LayerNormalization(axis=(1, -1), scale=False, **o), IMAGES),
    "activation": (lambda **o: nn.Activation("tanh", **o), ROWS),
    "elu": (lambda **o: nn.ELU(0.7, **o), ROWS),
    "leaky relu": (lambda **o: nn.LeakyReLU(**o), ROWS),
    "lambda": (lambda **o: nn.Lambda(np.sin, **o), ROWS),
    "masking": (lambda **o: nn.Masking(0.5, **o), IMAGES),
    "prelu": (lambda **o: nn.PReLU(shared_axes=[1, 2], **o), IMAGES),
    "relu": (lambda **o: nn.ReLU(2.0, 0.1, 0.3, **o), ROWS),
    "normalization": (
        lambda **o: nn.Normalization(mean=[0.1, 0.2, 0.3, 0.4][: ROWS.shape[-1]][-1], variance=2.0, **o),
        ROWS,
    ),
    "rescaling": (lambda **o: nn.Rescaling(0.5, -1.0, **o), ROWS),
    "softmax": (lambda **o: nn.Softmax(axis=(1, 2), **o), IMAGES),
    "sequential": (lambda **o: nn.Sequential([nn.Flatten(), nn.Dense(2, seed=0), np.tanh], **o), IMAGES),
}
cases = pytest.mark.parametrize(("make", "x"), LAYERS.values(), ids=LAYERS)


@cases
def test_gradients(make, x):
    layer = make()
    y = layer(x)
    owner = layer.layers[1] if isinstance(layer, nn.Sequential) else layer
    names = [name.rpartition(".")[2] for name in layer.named_parameters()]
    weights = np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape)  # any: a sum of what is normalised would be constant

    def f(x, values):
        for name in names:
            setattr(owner, name, values[name])  # Tensors in the attributes of a layer can be replaced
        return np.sum(weights * layer(x))

    check_grads(f, x, {name: RNG.normal(size=getattr(owner, name).shape) for name in names}, order=2)


@cases
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_dtype_is_that_of_the_setting_whatever_the_batch(make, x, dtype):
    nn.set_floatx(dtype)
    layer = make()
    y = layer(x if layer.parameters() or not layer.built else x.astype(dtype))
    if layer.parameters():
        assert layer(x.astype(np.float16)).dtype == layer(x).dtype
    y = layer(x.astype(dtype))
    assert y.dtype == dtype
    assert {parameter.dtype for parameter in layer.parameters()} <= {np.dtype(dtype)}


@cases
def test_integers_are_computed_with_in_float32(make, x):
    nn.set_floatx("float32")
    layer = make()
    y = layer((8 * x).astype(np.int64))
    if layer.parameters():
        assert y.dtype == np.float32


@cases
def test_an_empty_batch(make, x):
    layer = make(name="it")
    layer(x)
    if isinstance(layer, nn.BatchNormalization):
        with pytest.raises(tg.ShapeError, match=r'BatchNormalization "it": a batch of shape .* has no mean'):
            layer(x[:0])
        layer.eval()
    assert layer(x[:0]).shape == (0, *layer(x).shape[1:])


@cases
def test_a_layer_is_a_box(make, x):
    y = make(name="it")(tg.Tensor(x))
    nodes = [node for node in tg.Graph.of(y) if not node.is_input]
    assert {node.scope[0] for node in nodes} == {"it"}
    assert {node.source.file for node in nodes} == {__file__}


@cases
def test_after_its_first_batch_a_layer_only_assigns(make, x):
    """Its attributes are the same objects, so that a step that was recorded can be repeated."""
    layer = nn.Sequential([make(), nn.Dropout(0.5)])
    layer(x)
    before = [dict(vars(module)) for module in layer.modules()]
    layer(x)
    for module, attributes in zip(layer.modules(), before, strict=True):
        assert vars(module).keys() == attributes.keys()
        assert all(value is attributes[name] for name, value in vars(module).items())


def test_a_dtype_can_be_asked_for():
    layer = nn.Dense(2, dtype="float32")
    assert layer(ROWS.astype(np.float16)).dtype == np.float32
    assert layer.kernel.dtype == np.float32
    with pytest.raises(TypeError, match="Dense: weights must be of a floating dtype, got int64"):
        nn.Dense(2, dtype="int64")


def test_the_same_seed_gives_the_same_weights():
    first, second, other = (nn.Dense(2, seed=seed)(ROWS).data for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    shared = np.random.default_rng(1)
    assert np.array_equal(nn.Dense(2, seed=shared)(ROWS).data, first)
    assert not np.array_equal(nn.Dense(2, seed=shared)(ROWS).data, first)


# --- what they compute ------------------------------------------------------------------------------------------------


def test_dense():
    layer = nn.Dense(2, activation="relu", bias_initializer="ones")
    y = layer(ROWS)
    np.testing.assert_allclose(y.data, np.maximum(ROWS @ layer.kernel.data + 1, 0))
    assert nn.Dense(2, use_bias=False)(ROWS).shape == (4, 2)


def test_convolution():
    layer = nn.Conv2D(4, 2, strides=2, padding=1, groups=2, bias_initializer=twos)
    y = layer(IMAGES)
    np.testing.assert_allclose(y.data, tg.conv2d(IMAGES, layer.kernel.data, 2, 1, 1, 2) + 2)
    assert layer.kernel.shape == (2, 2, 1, 4)


def twos(shape, generator, dtype):
    return np.full(shape, 2, dtype)


def test_pooling_and_flatten():
    np.testing.assert_array_equal(nn.MaxPooling2D((2, 1), 2)(IMAGES), tg.max_pool2d(IMAGES, (2, 1), 2))
    np.testing.assert_array_equal(nn.AveragePooling2D()(IMAGES), tg.avg_pool2d(IMAGES, 2))
    np.testing.assert_array_equal(nn.Flatten()(IMAGES), IMAGES.reshape(3, -1))
    assert nn.Flatten()(np.zeros(3)).shape == (3, 1)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    layer = nn.Dense(2, activation=name)
    y = layer(ROWS)
    np.testing.assert_allclose(y.data, ACTIVATIONS[name](ROWS @ layer.kernel.data), rtol=1e-12)


def test_a_weight_without_a_name_is_called_after_its_attribute_and_not_after_the_layers_result():
    layer = nn.Dense(2)
    hidden = layer(ROWS)
    layer.kernel.name = None
    graph = tg.Graph.of(hidden)
    kernel, bias = [node for node in graph.nodes if node.is_input]
    assert (kernel.name, bias.name, graph.outputs[0].name) == ("kernel", "Dense.bias", "hidden")
    assert kernel.source == graph.outputs[0].source


def test_embedding():
    layer = nn.Embedding(5, 3, seed=0, dtype="float32")
    words = np.array([[0, 4, 4], [1, 0, 2]])
    y = layer(words)
    table = layer.embeddings
    assert table.shape == (5, 3)
    assert table.dtype == np.float32
    np.testing.assert_array_equal(y.data, table.data[words])
    np.sum(y).backward()
    np.testing.assert_array_equal(table.grad[:, 0], [2, 1, 1, 0, 2])
    np.testing.assert_array_equal(layer(tg.Tensor(words)).data, y.data)
    assert layer(words[:0]).shape == (0, 3, 3)


def test_batch_normalization():
    x = RNG.normal(3, 2, size=(50, 4))
    layer = nn.BatchNormalization(momentum=0.9)
    y = layer(x)
    mean, variance = x.mean(0), x.var(0)
    np.testing.assert_allclose(y.data, (x - mean) / np.sqrt(variance + 0.001), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(layer.moving_mean.data, 0.1 * mean)
    np.testing.assert_allclose(layer.moving_variance.data, 0.9 + 0.1 * variance)
    assert list(layer.named_parameters()) == ["gamma", "beta"]
    assert len(layer.state_dict()) == 4
    layer.eval()
    z = layer(x)
    np.testing.assert_allclose(
        z.data, (x - layer.moving_mean.data) / np.sqrt(layer.moving_variance.data + 0.001), rtol=1e-10
    )
    np.testing.assert_allclose(layer.moving_mean.data, 0.1 * mean)


def test_layer_normalization():
    layer = nn.LayerNormalization(axis=(1, 2))
    y = layer(IMAGES).data
    mean, variance = IMAGES.mean((1, 2), keepdims=True), IMAGES.var((1, 2), keepdims=True)
    np.testing.assert_allclose(y, (IMAGES - mean) / np.sqrt(variance + 0.001), rtol=1e-9, atol=1e-12)
    assert layer.gamma.shape == (6, 5)


def test_sequential():
    dense = nn.Dense(2, name="mine")
    model = nn.Sequential([nn.Dense(3), np.tanh, nn.Dense(3), dense, nn.BatchNormalization(), nn.Conv2D(1, 1)])
    names = [layer.name for layer in model.layers if isinstance(layer, nn.Module)]
    assert names == ["dense", "dense_1", "mine", "batch_normalization", "conv2d"]
    model.layers.pop()
    assert model(ROWS).shape == (4, 2)
    assert list(model.named_parameters())[:2] == ["layers.0.kernel", "layers.0.bias"]
    assert nn.Sequential()(ROWS) is ROWS
    with pytest.raises(TypeError, match=r"3 is no layer\. Give a module"):
        nn.Sequential([3])


# --- dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_dropout_keeps_the_mean(dtype):
    x = tg.Tensor(np.ones((200, 500), dtype))
    y = nn.Dropout(0.2, seed=0)(x)
    assert y.dtype == dtype
    assert set(np.unique(y.data)) == {dtype(0), dtype(1 / 0.8)}
    assert y.data.mean(dtype=np.float64) == pytest.approx(1, abs=0.01)
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad, y.data)


def test_dropout_draws_afresh_and_as_its_seed_says():
    x = np.ones(100)
    first, second = nn.Dropout(0.5, seed=0), nn.Dropout(0.5, seed=0)
    draws = [(first(x), second(x)) for _ in range(3)]
    assert all(np.array_equal(a, b) for a, b in draws)
    assert not np.array_equal(draws[0][0], draws[1][0])


def test_dropout_draws_through_the_module_of_draws(monkeypatch):
    seen = []

    def uniform(generator, shape, dtype):
        seen.append((shape, dtype))
        return np.zeros(shape, dtype)

    monkeypatch.setattr("tinygraph.draws.uniform", uniform)
    assert not nn.Dropout(0.5)(np.ones(3, np.float32)).any()
    assert seen == [((3,), np.float32)]


def test_nothing_is_dropped_in_use():
    layer = nn.Dropout(0.9)
    layer.eval()
    x = tg.Tensor(np.ones(3))
    assert layer(x) is x
    assert nn.Dropout(0)(x) is x


# --- errors -----------------------------------------------------------------------------------------------------------

ARGUMENTS = [
    (lambda: nn.Dense(0), "Dense: units must be at least 1, got 0"),
    (lambda: nn.Dense(1, activation="rely"), "an activation is a function, or one of linear, .* got 'rely'"),
    (lambda: nn.Dense(1, kernel_initializer="he"), "an initialiser is a function, or one of zeros, .* got 'he'"),
    (lambda: nn.Conv2D(3, 2, groups=2), "filters must be a multiple of groups, got 3 and 2"),
    (lambda: nn.Conv2D(3, 0), "Conv2D: kernel_size must be at least 1, got 0"),
    (lambda: nn.MaxPooling2D(0), "MaxPooling2D: pool_size must be at least 1"),
    (lambda: nn.AveragePooling2D(2, -1), "AveragePooling2D: strides must be at least 1"),
    (lambda: nn.Dropout(1.0), "Dropout: rate must be at least 0 and less than 1, got 1.0"),
    (lambda: nn.Embedding(0, 3), "Embedding: input_dim must be at least 1"),
    (lambda: nn.BatchNormalization(momentum=1), "BatchNormalization: momentum must be at least 0"),
    (lambda: nn.LayerNormalization(epsilon=0), "LayerNormalization: epsilon must be positive"),
]


@pytest.mark.parametrize(("make", "words"), ARGUMENTS)
def test_arguments_that_are_no_good(make, words):
    with pytest.raises(ValueError, match=words):
        make()


BATCHES = [
    (nn.Dense(2, name="it"), ROWS, ROWS[:, :2], r"does not have 3 features in its last axis; it takes its input size"),
    (nn.Dense(2, name="it"), np.ones((1, 12)), np.ones((1, 3, 4)), r"12 features in its last axis; put a Flatten\(\)"),
    (
        nn.BatchNormalization(name="it"),
        ROWS,
        ROWS[:, :2],
        r"\(4, 2\) has \(2,\) in axis -1, the first batch had \(3,\)",
    ),
    (nn.LayerNormalization(axis=(1, 2), name="it"), IMAGES, IMAGES[:, :2], r"has \(2, 5\) in axis \(1, 2\)"),
]


@pytest.mark.parametrize(("layer", "first", "second", "words"), BATCHES)
def test_batches_that_do_not_fit(layer, first, second, words):
    layer(first)
    with pytest.raises(tg.ShapeError, match=f'{type(layer).__name__} "it": .*{words}') as e:
        layer(second)
    assert "test_layers.py" in str(e.value)
    assert 'in scope "it"' in str(e.value)


FIRST = [
    (nn.Conv2D(2, 3), ROWS, r"images must have the shape .* got \(4, 3\)"),
    (nn.Conv2D(3, 2, groups=3), IMAGES, r"2 channels, .* do not divide into 3 groups"),
    (nn.Conv2D(2, 7), IMAGES, r"a window of \(7, 7\) does not fit into an image of \(6, 5\)"),
    (nn.Dense(2), np.array(1.0), "needs an axis of features"),
    (nn.Flatten(), np.array(1.0), "needs an axis of examples"),
    (nn.LayerNormalization(axis=5), ROWS, "a batch of 2 axes has no axis 5"),
    (nn.Dense(2, kernel_initializer=lambda shape, generator, dtype: np.ones(3)), ROWS, r"array of shape \(3,\), not"),
]


@pytest.mark.parametrize(("layer", "x", "words"), FIRST)
def test_first_batches_that_do_not_fit(layer, x, words):
    before = dict(vars(layer))
    with pytest.raises(tg.ShapeError, match=words):
        layer(x)
    assert vars(layer) == before


def test_indices_that_are_no_good():
    layer = nn.Embedding(3, 2)
    with pytest.raises(TypeError, match=r"indices must be whole numbers, got .* in an array of float64"):
        layer(ROWS)
    with pytest.raises(IndexError, match="indices run from 0 to 3, but the table has rows 0 to 2"):
        layer([0, 3])
    with pytest.raises(IndexError, match="from -1 to 0"):
        layer([0, -1])
