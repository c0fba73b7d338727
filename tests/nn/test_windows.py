"""Convolutions, poolings and layers that reshape: by definition, their derivatives, compiled, and their errors."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 5, 4, 2))
ROWS = RNG.normal(size=(2, 6, 2))
FLAT = RNG.normal(size=(2, 6))
VOLUMES = RNG.normal(size=(2, 4, 3, 5, 2))

LAYERS = {
    "AveragePooling3D": (lambda **o: nn.AveragePooling3D((3, 2, 2), (1, 2, 1), "same", **o), VOLUMES),
    "Conv1DTranspose": (lambda **o: nn.Conv1DTranspose(3, 4, 3, "same", activation="tanh", **o), ROWS),
    "Conv3D": (lambda **o: nn.Conv3D(4, (2, 1, 3), (2, 1, 1), groups=2, activation="softsign", **o), VOLUMES),
    "Conv3D, dilated": (lambda **o: nn.Conv3D(2, 2, padding="same", dilation_rate=(2, 1, 2), **o), VOLUMES),
    "Conv3D, of single images": (lambda **o: nn.Conv3D(2, (1, 2, 2), padding=((1, 0), 1, 0), **o), VOLUMES),
    "Conv3DTranspose": (lambda **o: nn.Conv3DTranspose(2, (3, 2, 1), (2, 1, 2), "same", **o), VOLUMES),
    "Conv3DTranspose, far apart": (lambda **o: nn.Conv3DTranspose(1, 1, 3, output_padding=(1, 0, 2), **o), VOLUMES),
    "Cropping3D": (lambda **o: nn.Cropping3D(((1, 2), (0, 1), (1, 1)), **o), VOLUMES),
    "DepthwiseConv1D": (lambda **o: nn.DepthwiseConv1D(2, padding="causal", depth_multiplier=2, **o), ROWS),
    "GlobalAveragePooling3D": (lambda **o: nn.GlobalAveragePooling3D(**o), VOLUMES),
    "GlobalMaxPooling3D": (lambda **o: nn.GlobalMaxPooling3D(keepdims=True, **o), VOLUMES),
    "MaxPooling3D": (lambda **o: nn.MaxPooling3D(2, 1, **o), VOLUMES),
    "SeparableConv1D, causal": (lambda **o: nn.SeparableConv1D(3, 2, padding="causal", **o), ROWS),
    "SeparableConv1D": (lambda **o: nn.SeparableConv1D(3, 2, 2, "same", depth_multiplier=2, **o), ROWS),
    "UpSampling3D": (lambda **o: nn.UpSampling3D((2, 1, 3), **o), VOLUMES),
    "ZeroPadding3D": (lambda **o: nn.ZeroPadding3D((1, 0, (2, 1)), **o), VOLUMES),
    "AveragePooling1D": (lambda **o: nn.AveragePooling1D(3, 2, "same", **o), ROWS),
    "Conv1D": (lambda **o: nn.Conv1D(3, 2, activation="softsign", **o), ROWS),
    "Conv1D, causal": (lambda **o: nn.Conv1D(4, 2, padding="causal", dilation_rate=2, groups=2, **o), ROWS),
    "Conv1D, padded by numbers": (lambda **o: nn.Conv1D(2, 3, 2, padding=(2, 1), use_bias=False, **o), ROWS),
    "Conv2D, channels first": (lambda **o: nn.Conv2D(2, 2, data_format="channels_first", **o), IMAGES),
    "Conv2DTranspose": (lambda **o: nn.Conv2DTranspose(3, (2, 3), 2, "same", **o), IMAGES),
    "Conv2DTranspose, dilated": (lambda **o: nn.Conv2DTranspose(1, 2, dilation_rate=2, activation="elu", **o), IMAGES),
    "Conv2DTranspose, far apart": (lambda **o: nn.Conv2DTranspose(2, 1, 3, output_padding=1, **o), IMAGES),
    "Conv2DTranspose, with gaps": (lambda **o: nn.Conv2DTranspose(2, 1, (2, 3), "same", **o), IMAGES),
    "Cropping1D": (lambda **o: nn.Cropping1D(**o), ROWS),
    "Cropping2D": (lambda **o: nn.Cropping2D(((1, 2), (0, 1)), **o), IMAGES),
    "DepthwiseConv2D": (lambda **o: nn.DepthwiseConv2D(2, activation="tanh", **o), IMAGES),
    "DepthwiseConv2D, several filters": (lambda **o: nn.DepthwiseConv2D(3, 2, "same", 2, **o), IMAGES),
    "Flatten, channels first": (lambda **o: nn.Flatten("channels_first", **o), IMAGES),
    "GlobalAveragePooling1D": (lambda **o: nn.GlobalAveragePooling1D(**o), ROWS),
    "GlobalAveragePooling2D": (lambda **o: nn.GlobalAveragePooling2D(keepdims=True, **o), IMAGES),
    "GlobalMaxPooling1D": (lambda **o: nn.GlobalMaxPooling1D(keepdims=True, **o), ROWS),
    "GlobalMaxPooling2D": (lambda **o: nn.GlobalMaxPooling2D(**o), IMAGES),
    "MaxPooling1D": (lambda **o: nn.MaxPooling1D(**o), ROWS),
    "Permute": (lambda **o: nn.Permute((2, 3, 1), **o), IMAGES),
    "RepeatVector": (lambda **o: nn.RepeatVector(3, **o), FLAT),
    "Reshape": (lambda **o: nn.Reshape((2, -1), **o), FLAT),
    "SeparableConv2D": (lambda **o: nn.SeparableConv2D(3, 2, depth_multiplier=2, **o), IMAGES),
    "UpSampling1D": (lambda **o: nn.UpSampling1D(3, **o), ROWS),
    "UpSampling2D": (lambda **o: nn.UpSampling2D((2, 3), **o), IMAGES),
    "UpSampling2D, bilinear": (lambda **o: nn.UpSampling2D((2, 3), interpolation="bilinear", **o), IMAGES),
    "ZeroPadding1D": (lambda **o: nn.ZeroPadding1D((0, 2), **o), ROWS),
    "ZeroPadding2D": (lambda **o: nn.ZeroPadding2D(((1, 0), (2, 1)), **o), IMAGES),
}
cases = pytest.mark.parametrize(("make", "x"), [LAYERS[name] for name in sorted(LAYERS)], ids=sorted(LAYERS))


@cases
def test_gradients(make, x):
    layer = make(dtype="float64")
    y = layer(x)
    names = list(layer.named_parameters())
    weights = np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape)

    def f(x, values):
        for name in names:
            setattr(layer, name, values[name])
        return np.sum(weights * layer(x))

    check_grads(f, x, {name: RNG.normal(size=getattr(layer, name).shape) for name in names}, order=2)


@cases
def test_a_compiled_step_is_the_eager_one(make, x):
    x = x.astype(np.float32)
    layer = make(dtype="float32", seed=0)
    weights = np.cos(np.arange(1.0, layer(x).size + 1)).reshape(layer(x).shape).astype(np.float32)

    def step(x):
        for parameter in layer.parameters():
            parameter.grad = None
        t = tg.Tensor(x)
        y = layer(t)
        np.sum(y * weights).backward()
        return y, t.grad, *(parameter.grad for parameter in layer.parameters())

    eager = [np.array(item.data if isinstance(item, tg.Tensor) else item) for item in step(x)]
    assert {item.dtype for item in eager} == {np.dtype(np.float32)}
    for found, expected in zip(tg.compile(step)(x), eager, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@cases
def test_no_examples_and_one(make, x):
    layer = make(dtype="float64", name="it", seed=0)
    y = layer(x)
    assert layer(x[:0]).shape == (0, *y.shape[1:])
    one = layer(x[:1])
    np.testing.assert_allclose(np.asarray(one.data), np.asarray(y.data)[:1], rtol=1e-12)
    t = tg.Tensor(x[:0])
    np.sum(layer(t)).backward()
    assert t.grad.shape == t.shape
    nodes = [node for node in tg.Graph.of(layer(tg.Tensor(x))) if not node.is_input]
    assert {node.scope[0] for node in nodes} == {"it"}
    assert {node.source.file for node in nodes} == {__file__}


@cases
def test_integers_are_taken(make, x):
    integers = np.round(4 * x).astype(np.int64)
    layer = make(seed=0)
    expected = make(seed=0)(integers.astype(np.float32))
    np.testing.assert_allclose(np.asarray(layer(integers).data), np.asarray(expected.data), rtol=1e-5)


# --- by definition ----------------------------------------------------------------------------------------------------


def test_conv1d():
    layer = nn.Conv1D(3, 2, padding="causal", dilation_rate=2, dtype="float64", seed=0)
    y = layer(ROWS).data
    kernel = layer.kernel.data
    assert kernel.shape == (2, 2, 3)
    padded = np.pad(ROWS, ((0, 0), (2, 0), (0, 0)))
    np.testing.assert_allclose(y, padded[:, :-2] @ kernel[0] + padded[:, 2:] @ kernel[1], rtol=1e-12, atol=1e-14)
    later = ROWS.copy()
    later[:, 4:] = 0  # no output sees a later input
    np.testing.assert_array_equal(layer(later).data[:, :4], y[:, :4])


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4, 5])
def test_a_transposed_convolution_is_the_transpose_of_the_convolution(window, strides, padding):
    """⟨conv(x), y⟩ = ⟨x, transposed(y)⟩, for images x of the size that the layer makes of y."""
    y = RNG.normal(size=(2, 4, 3, 5))
    layer = nn.Conv2DTranspose(2, window, strides, padding, dtype="float64", seed=0)
    spread = layer(y).data
    x = RNG.normal(size=spread.shape)
    there = np.sum(tg.conv2d(x, layer.kernel.data, strides, padding) * y)
    assert there == pytest.approx(np.sum(x * spread), rel=1e-10)


def test_a_transposed_convolution_scatters_the_kernel():
    layer = nn.Conv2DTranspose(3, (2, 3), (2, 1), dtype="float64", bias_initializer="ones", seed=0)
    y = layer(IMAGES).data
    expected = np.ones((2, 10, 6, 3))
    for row in range(5):
        for column in range(4):
            added = np.einsum("bc,ijfc->bijf", IMAGES[:, row, column], layer.kernel.data)
            expected[:, 2 * row : 2 * row + 2, column : column + 3] += added
    np.testing.assert_allclose(y, expected, rtol=1e-12)


@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
def test_sizes_of_transposed_convolutions(strides, kernel_size):
    def height(**options):
        return nn.Conv2DTranspose(1, kernel_size, strides, seed=0, **options)(IMAGES).shape[1]

    assert height(padding="same") == 5 * strides
    assert height(padding="valid") == 4 * strides + max(kernel_size, strides)
    for more in range(strides):
        assert height(padding="valid", output_padding=more) == 4 * strides + kernel_size + more
        assert height(padding="same", output_padding=more) == 4 * strides + kernel_size % 2 + more


def test_depthwise_convolution_is_one_for_each_channel():
    layer = nn.DepthwiseConv2D(3, depth_multiplier=2, padding="same", dtype="float64", seed=0)
    y = layer(IMAGES).data
    for channel in range(2):
        alone = tg.conv2d(IMAGES[..., channel : channel + 1], layer.kernel.data[:, :, channel : channel + 1], 1, "same")
        np.testing.assert_allclose(y[..., 2 * channel : 2 * channel + 2], alone, rtol=1e-12, atol=1e-14)
    both = nn.SeparableConv2D(3, 3, padding="same", depth_multiplier=2, dtype="float64", seed=0)
    z = both(IMAGES).data
    both.depthwise_kernel.assign(layer.kernel.data)
    np.testing.assert_allclose(both(IMAGES).data, y @ both.pointwise_kernel.data[0, 0], rtol=1e-12, atol=1e-14)
    assert z.shape == (2, 5, 4, 3)
    assert list(both.named_parameters()) == ["depthwise_kernel", "pointwise_kernel", "bias"]


def test_pooling():
    np.testing.assert_array_equal(nn.MaxPooling1D(2)(ROWS), ROWS.reshape(2, 3, 2, 2).max(axis=2))
    np.testing.assert_allclose(nn.AveragePooling1D(2)(ROWS), ROWS.reshape(2, 3, 2, 2).mean(axis=2))
    np.testing.assert_allclose(nn.GlobalAveragePooling2D()(IMAGES), IMAGES.mean(axis=(1, 2)))
    np.testing.assert_array_equal(nn.GlobalMaxPooling2D(keepdims=True)(IMAGES), IMAGES.max(axis=(1, 2), keepdims=True))
    mask = np.array([[True] * 6, [True, False] * 3])
    masked = nn.GlobalAveragePooling1D()(ROWS, mask=mask)
    np.testing.assert_allclose(masked, [ROWS[0].mean(axis=0), ROWS[1, ::2].mean(axis=0)])
    with pytest.raises(tg.ShapeError, match=r"a mask must have the shape \(2, 6\) of batch and steps, got \(2, 5\)"):
        nn.GlobalAveragePooling1D()(ROWS, mask=mask[:, :5])


def test_a_mean_of_many_pixels_in_float32():
    x = RNG.uniform(size=(2, 300, 400, 3)).astype(np.float32)
    exact = x.astype(np.float64).mean(axis=(1, 2))
    np.testing.assert_allclose(nn.GlobalAveragePooling2D()(x), exact, rtol=2e-6)


def test_reshaping():
    np.testing.assert_array_equal(nn.Reshape((-1, 3))(FLAT), FLAT.reshape(2, 2, 3))
    np.testing.assert_array_equal(nn.Reshape((1,))(np.zeros(3)), np.zeros((3, 1)))
    assert nn.Reshape((0, -1))(np.zeros((3, 0))).shape == (3, 0, 0)
    np.testing.assert_array_equal(nn.Permute((2, 1))(ROWS), ROWS.transpose(0, 2, 1))
    np.testing.assert_array_equal(nn.RepeatVector(2)(FLAT), np.stack([FLAT, FLAT], axis=1))
    np.testing.assert_array_equal(nn.Flatten("channels_first")(IMAGES), IMAGES.transpose(0, 2, 3, 1).reshape(2, -1))


def test_resizing():
    np.testing.assert_array_equal(nn.UpSampling2D((2, 3))(IMAGES), IMAGES.repeat(2, axis=1).repeat(3, axis=2))
    np.testing.assert_array_equal(nn.UpSampling1D(2)(ROWS), ROWS.repeat(2, axis=1))
    np.testing.assert_array_equal(nn.ZeroPadding1D(2)(ROWS), np.pad(ROWS, ((0, 0), (2, 2), (0, 0))))
    np.testing.assert_array_equal(nn.Cropping2D((1, 1))(nn.ZeroPadding2D(1)(IMAGES)), IMAGES)
    ramp = np.arange(4.0).reshape(1, 1, 4, 1)
    smooth = nn.UpSampling2D((1, 2), interpolation="bilinear", dtype="float64")(ramp)
    np.testing.assert_allclose(smooth.ravel(), [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


def test_a_convolution_of_volumes_by_definition():
    layer = nn.Conv3D(3, (2, 3, 2), (2, 1, 2), dilation_rate=(2, 1, 1), dtype="float64", seed=0)
    y = layer(VOLUMES).data
    expected = np.zeros((2, 1, 1, 2, 3))
    for place in np.ndindex(2, 3, 2):
        part = VOLUMES[:, 2 * place[0] : 2 * place[0] + 1, place[1] : place[1] + 1, place[2] : place[2] + 3 : 2]
        expected += part @ layer.kernel.data[place]
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    with pytest.raises(tg.ShapeError, match=r"a window of \(5, 1\) does not fit"):
        nn.Conv3D(2, 5)(VOLUMES)
    with pytest.raises(tg.ShapeError, match=r"volumes must have the shape \(batch, depth, height, width, channels\)"):
        nn.Conv3D(2, 2)(IMAGES)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [1, 2, (3, 1, 2)])
@pytest.mark.parametrize("window", [1, 3, (2, 3, 1)])
def test_a_transposed_convolution_of_volumes_is_the_transpose_of_the_convolution(window, strides, padding):
    y = RNG.normal(size=(2, 3, 2, 3, 4))
    layer = nn.Conv3DTranspose(2, window, strides, padding, dtype="float64", seed=0)
    spread = layer(y).data
    x = RNG.normal(size=spread.shape)
    there = nn.Conv3D(4, window, strides, padding, use_bias=False, dtype="float64")
    there.build(x.shape)
    there.kernel.assign(layer.kernel.data)
    assert np.sum(there(x).data * y) == pytest.approx(np.sum(x * spread), rel=1e-10)


@pytest.mark.parametrize("name", ["AveragePooling2D", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "MaxPooling2D"])
def test_channels_first(name):
    arguments = {"filters": 3} if name in ("Conv2D", "Conv2DTranspose") else {}
    window = {"pool_size": 2} if "Pooling" in name else {"kernel_size": 2, "seed": 0}
    last, first = (
        getattr(nn, name)(**arguments, **window, data_format=data_format, dtype="float64")
        for data_format in ("channels_last", "channels_first")
    )
    y, z = (np.asarray(layer(x).data) for layer, x in ((last, IMAGES), (first, np.moveaxis(IMAGES, -1, 1))))
    np.testing.assert_allclose(np.moveaxis(z, 1, -1), y, rtol=1e-12)


# --- errors -----------------------------------------------------------------------------------------------------------

ARGUMENTS = [
    (lambda: nn.Conv1D(2, (3, 3)), ValueError, r"Conv1D: kernel_size must be one number or 1, got \(3, 3\)"),
    (lambda: nn.Conv1D(2, 3, padding="full"), ValueError, 'Conv1D: padding must be "valid", "same", "causal"'),
    (lambda: nn.Conv2D(2, 3, data_format="last"), ValueError, 'data_format must be "channels_last" or'),
    (lambda: nn.Conv2D(2, 3.0), TypeError, "Conv2D: kernel_size must be an int, or one for each axis, got 3.0"),
    (lambda: nn.Conv2DTranspose(2, 3, padding="causal"), ValueError, 'padding must be "valid" or "same"'),
    (lambda: nn.Conv2DTranspose(2, 3, 2, output_padding=2), ValueError, r"must be less than strides, got \(2, 2\)"),
    (lambda: nn.DepthwiseConv2D(3, depth_multiplier=0), ValueError, "depth_multiplier must be at least 1"),
    (lambda: nn.Reshape((-1, -1)), ValueError, "at most one -1"),
    (lambda: nn.Permute((0, 1)), ValueError, "dims must be the numbers from 1 to 2 in some order"),
    (lambda: nn.RepeatVector(0), ValueError, "RepeatVector: n must be at least 1"),
    (lambda: nn.UpSampling2D(interpolation="bicubic"), ValueError, 'must be "nearest" or "bilinear", got \'bicubic\''),
    (lambda: nn.ZeroPadding2D((1, 2, 3)), ValueError, "must be one number, or two, or two pairs"),
    (lambda: nn.Cropping1D(-1), ValueError, "Cropping1D: cropping must be at least 0"),
]


@pytest.mark.parametrize(("make", "error", "words"), ARGUMENTS)
def test_arguments_that_are_no_good(make, error, words):
    with pytest.raises(error, match=words):
        make()


FIRST = [
    (nn.Conv1D(2, 3, name="it"), FLAT, r"sequences must have the shape \(batch, steps, channels\), got \(2, 6\)"),
    (nn.Conv1D(2, 7, name="it"), ROWS, r"a window of \(1, 7\) does not fit"),
    (nn.Conv2D(2, 3, data_format="channels_first", name="it"), FLAT, r"\(batch, channels, height, width\), got"),
    (nn.Conv2DTranspose(2, 3, name="it"), FLAT, r"images must have the shape \(batch, height, width, channels\), got"),
    (nn.Cropping2D(2, name="it"), IMAGES, r"nothing is left of a batch of shape \(2, 5, 4, 2\)"),
    (nn.GlobalMaxPooling2D(name="it"), IMAGES[:, :0], r"a batch of shape \(2, 0, 4, 2\) has nothing to pool"),
    (nn.MaxPooling1D(name="it"), IMAGES, r"sequences must have the shape .* got \(2, 5, 4, 2\)"),
    (nn.Permute((2, 1), name="it"), IMAGES, "does not have 2 axes after the first"),
    (nn.RepeatVector(2, name="it"), IMAGES, r"\(batch, features\), got \(2, 5, 4, 2\)"),
    (nn.Reshape((4, 4), name="it"), FLAT, r"of shape \(2, 6\) has 6 numbers, which do not fill \(4, 4\)"),
    (nn.UpSampling1D(name="it"), FLAT, "sequences must have the shape"),
]


@pytest.mark.parametrize(("layer", "x", "words"), FIRST)
def test_batches_that_do_not_fit(layer, x, words):
    before = dict(vars(layer))
    with pytest.raises(tg.ShapeError, match=words) as e:
        layer(x)
    assert "test_windows.py" in str(e.value)
    assert '"it"' in str(e.value)
    assert vars(layer) == before


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"])
def test_other_channels_than_those_of_the_first_batch(name):
    arguments = {"kernel_size": 2} if name == "DepthwiseConv2D" else {"filters": 2, "kernel_size": 2}
    layer = getattr(nn, name)(**arguments, name="it")
    x = ROWS if name == "Conv1D" else IMAGES
    layer(x)
    with pytest.raises(tg.ShapeError, match=rf'{name} "it": .* has 1 channels, the first batch had 2') as e:
        layer(x[..., :1])
    assert "test_windows.py" in str(e.value)
