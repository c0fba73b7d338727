"""Keras's operations have Keras's values, with Keras's order of arguments, and gradients."""

from operator import attrgetter

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.keras import ops

from .beside import keras

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6))
Y = RNG.normal(size=(4, 6))
P = np.abs(X) / np.abs(X).sum(axis=1, keepdims=True)
IMAGES = RNG.normal(size=(2, 6, 5, 4))
ROWS = RNG.normal(size=(2, 9, 4))
VOLUMES, SQUARE = RNG.normal(size=(2, 3, 5, 4, 2)), RNG.normal(size=(4, 4))
HEADS = [RNG.normal(size=(2, 5, 3, 4)) for _ in range(3)]
HOLES = np.where(X > 1, np.nan, X)
IDS = np.array([0, 2, 2, 0])
SQUARE = X[:, :4] + 5 * np.eye(4)
REDUCTIONS = (
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "max",
    "mean",
    "median",
    "min",
    "prod",
    "std",
    "sum",
    "var",
)

CASES = {
    **{f"{name} {axis}": (name, (X, axis, True), {}) for name in REDUCTIONS for axis in (0, -1)},
    "sum of x": ("sum", (), {"x": X, "axis": 1}),
    "gelu": ("gelu", (X,), {}),
    "gelu exact": ("gelu", (X, False), {}),
    "leaky_relu": ("leaky_relu", (X,), {}),
    "threshold": ("threshold", (X, 0.3, -1.0), {}),
    "nan_to_num": ("nan_to_num", (HOLES, 0.5), {}),
    "take_along_axis": ("take_along_axis", (X, np.array([3, 1, 20])), {}),
    "take_along_axis 1": ("take_along_axis", (X, np.argsort(X, axis=1), 1), {}),
    "quantile": ("quantile", (X, 0.3, 1, "linear", True), {}),
    "clip": ("clip", (X,), {"x_min": -0.5, "x_max": 0.5}),
    "pad": ("pad", (X, [[1, 0], [2, 1]]), {"constant_values": 3.0}),
    "pad in place": ("pad", (X, ((1, 0), (2, 1)), "reflect"), {}),
    "reshape": ("reshape", (X,), {"newshape": (6, 4)}),
    "tile": ("tile", (X,), {"repeats": (2, 1)}),
    "dot": ("dot", (X,), {"x2": Y.T}),
    "searchsorted": ("searchsorted", (np.sort(X[0]), X[1], "right"), {}),
    "tensordot": ("tensordot", (X, Y.T, 1), {}),
    "lstsq": ("lstsq", (X.T, Y[0]), {}),
    "logdet": ("logdet", (SQUARE,), {}),
    "solve_triangular": ("solve_triangular", (np.tril(SQUARE), Y), {"lower": True}),
    "cholesky": ("cholesky", (SQUARE @ SQUARE.T,), {}),
    "erfinv": ("erfinv", (X / 5,), {}),
    "erf": ("erf", (X,), {}),
    "arange": ("arange", (5,), {}),
    "arange floats": ("arange", (0.0, 1.0, 0.25), {}),
    "linspace": ("linspace", (0.0, 1.0, 5, False), {}),
    "tri": ("tri", (3, 4, 1), {}),
    "one_hot": ("one_hot", (IDS, 4), {}),
    "multi_hot": ("multi_hot", (np.array([[0, 2], [1, 1]]), 4), {}),
    "in_top_k": ("in_top_k", (IDS, X, 2), {}),
    "top_k": ("top_k", (X, 2), {}),
    "scatter": ("scatter", (np.array([[0], [2], [0]]), X[:3], (4, 6)), {}),
    "scatter two": ("scatter", (np.array([[0, 1], [2, 3], [0, 1]]), X[0, :3], (4, 6)), {}),
    "scatter_update": ("scatter_update", (X, np.array([[0, 1], [2, 3]]), Y[0, :2]), {}),
    "slice_update": ("slice_update", (X, [1, 2], Y[:2, :3]), {}),
    "conv_transpose of rows": ("conv_transpose", (ROWS, RNG.normal(size=(3, 5, 4)), 2, "same"), {}),
    "conv_transpose": ("conv_transpose", (IMAGES, RNG.normal(size=(3, 3, 5, 4)), 2), {"output_padding": 1}),
    "conv_transpose of channels first": (
        "conv_transpose", (IMAGES, RNG.normal(size=(3, 3, 5, 6)), 1, "same", None, "channels_first", 2), {},
    ),
    "adaptive_average_pool": ("adaptive_average_pool", (IMAGES, (4, 2)), {}),
    "adaptive_max_pool": ("adaptive_max_pool", (IMAGES, 2, "channels_first"), {}),
    "depth_to_space": ("depth_to_space", (IMAGES, 2), {}),
    "depth_to_space of channels first": ("depth_to_space", (IMAGES.transpose(0, 3, 1, 2), 2, "channels_first"), {}),
    "space_to_depth": ("space_to_depth", (IMAGES[:, :, :4], 2), {}),
    "space_to_depth of channels first": ("space_to_depth", (IMAGES[:, :, :4], 2, "channels_first"), {}),
    "unfold": ("unfold", (IMAGES, (2, 3)), {"dilation": 2, "padding": (1, 2)}),
    "fold": ("fold", (RNG.normal(size=(2, 18, 42)), (7, 6), (2, 3)), {"dilation": 2, "padding": (1, 2)}),
    "fold with strides": ("fold", (RNG.normal(size=(2, 18, 12)), (7, 6), 3), {"padding": 1, "stride": 2}),
    "extract_sequences": ("extract_sequences", (X, 3, 2), {}),
    "stft": ("stft", (RNG.normal(size=(2, 30)), 8, 3, 10), {}),
    "stft without a middle": ("stft", (RNG.normal(size=(2, 30)), 8, 3, 8, "hamming", False), {}),
    "istft": ("istft", ((RNG.normal(size=(2, 7, 6)), RNG.normal(size=(2, 7, 6))), 8, 3, 10), {}),
    "istft of a length": (
        "istft", ((RNG.normal(size=(2, 7, 5)), RNG.normal(size=(2, 7, 5))), 8, 4, 8, 20, None), {},
    ),
    "cdist": ("cdist", (X, Y[:3]), {}),
    "cholesky_inverse": ("cholesky_inverse", (np.tril(SQUARE),), {}),
    "saturate_cast": ("saturate_cast", (X * 200, "uint8"), {}),
    "image.resize": ("image.resize", (IMAGES, (4, 7), "bicubic"), {"antialias": True}),
    "image.resize to whole numbers": ("image.resize", ((IMAGES * 40 + 90).astype("uint8"), (4, 7)), {}),
    "image.resize of a part": ("image.resize", (IMAGES, (4, 4)), {"crop_to_aspect_ratio": True}),
    "image.rgb_to_grayscale": ("image.rgb_to_grayscale", (np.abs(IMAGES[..., :3]),), {}),
    "image.rgb_to_hsv": ("image.rgb_to_hsv", (np.abs(np.sin(IMAGES[..., :3])),), {}),
    "image.hsv_to_rgb": ("image.hsv_to_rgb", (np.abs(np.sin(IMAGES[..., :3])),), {}),
    "image.pad_images": ("image.pad_images", (IMAGES, 1, 2, 3, 1), {}),
    "image.pad_images to a size": (
        "image.pad_images", (IMAGES,), {"bottom_padding": 1, "left_padding": 2, "target_height": 9, "target_width": 9},
    ),
    "image.crop_images": (
        "image.crop_images", (IMAGES,), {"top_cropping": 1, "right_cropping": 2, "target_height": 3, "target_width": 2},
    ),
    "segment_sum": ("segment_sum", (X, IDS, 3), {}),
    "segment_sum four": ("segment_sum", (X, IDS, 4), {}),
    "segment_max": ("segment_max", (X, IDS, 3), {}),
    "segment_min": ("segment_min", (X, IDS, 3), {}),
    "fft": ("fft", ((X, Y),), {}),
    "fft2": ("fft2", ((X, Y),), {}),
    "ifft2": ("ifft2", ((X, Y),), {}),
    "rfft": ("rfft", (X,), {}),
    "irfft": ("irfft", ((X, Y),), {}),
    "moments": ("moments", (IMAGES, [0, 1, 2], True), {}),
    "normalize": ("normalize", (X, 0), {}),
    "normalize 1": ("normalize", (X, -1, 1), {}),
    "normalize zeros": ("normalize", (0 * X,), {}),
    "batch_normalization": ("batch_normalization", (IMAGES, X[0, :4], P[0, :4], -1, Y[0, :4], Y[1, :4]), {}),
    "layer_normalization": ("layer_normalization", (X, Y[0], Y[1]), {}),
    "layer_normalization of rows": ("layer_normalization", (SQUARE, SQUARE[0], SQUARE[1]), {"axis": 0}),
    "layer_normalization of two axes": (
        "layer_normalization", (IMAGES, IMAGES[0, :, 0], IMAGES[1, :, 1]), {"axis": [1, 3], "epsilon": 1e-3},
    ),
    "rms_normalization": ("rms_normalization", (X, Y[0]), {}),
    "dot_product_attention": ("dot_product_attention", HEADS, {}),
    "dot_product_attention causal": ("dot_product_attention", HEADS, {"is_causal": True}),
    "conv": ("conv", (IMAGES, RNG.normal(size=(3, 2, 4, 3))), {}),
    "conv same": ("conv", (IMAGES, RNG.normal(size=(3, 2, 4, 3)), 2, "same"), {}),
    "conv groups": ("conv", (IMAGES, RNG.normal(size=(3, 2, 2, 6)), (1, 2)), {}),
    "conv dilated": ("conv", (IMAGES, RNG.normal(size=(2, 2, 4, 3))), {"dilation_rate": 2}),
    "ctc_loss": (
        "ctc_loss",
        (np.array([[1, 2, 0], [2, 2, 1]]), RNG.normal(size=(2, 8, 4)), np.array([2, 3]), np.array([8, 7])), {},
    ),
    "attention of fewer heads": (
        "dot_product_attention",
        (RNG.normal(size=(2, 5, 6, 4)), RNG.normal(size=(2, 7, 3, 4)), RNG.normal(size=(2, 7, 3, 4))), {},
    ),
    "one_hot of no class": ("one_hot", (np.array([[0, 2], [-1, 5]]), 3), {"axis": 0}),
    "psnr of float32": ("psnr", (X.astype("f"), Y.astype("f"), 2), {}),
    "conv of volumes": ("conv", (VOLUMES, RNG.normal(size=(2, 3, 2, 2, 3)), (1, 2, 1), "SAME"), {}),
    "conv of rows": ("conv", (ROWS, RNG.normal(size=(3, 4, 5)), 2, "same"), {}),
    "patches": ("image.extract_patches", (IMAGES, 2), {}),
    "patches, same": ("image.extract_patches", (IMAGES, (3, 2)), {"padding": "same"}),
    "patches, overlapping": ("image.extract_patches", (IMAGES, (2, 3), 1), {}),
    "patches, dilated": ("image.extract_patches", (IMAGES, 2, 1, (2, 3)), {}),
    "patches of an image": ("image.extract_patches", (IMAGES[0], (1, 2), (2, 2), 1, "same"), {}),
    "depthwise_conv": ("depthwise_conv", (IMAGES, RNG.normal(size=(3, 3, 4, 2))), {}),
    "depthwise_conv of rows": ("depthwise_conv", (ROWS, RNG.normal(size=(3, 4, 2))), {}),
    "separable_conv": (
        "separable_conv", (IMAGES, RNG.normal(size=(3, 3, 4, 2)), RNG.normal(size=(1, 1, 8, 3)), 1, "same"), {},
    ),
    "max_pool": ("max_pool", (IMAGES, 2, 2), {}),
    "max_pool same": ("max_pool", (IMAGES, (3, 2), 1, "same"), {}),
    "max_pool of volumes": ("max_pool", (VOLUMES, 2, (1, 2, 2), "VALID"), {}),
    "average_pool of volumes": ("average_pool", (VOLUMES, (2, 1, 2), (1, 1, 2), "same"), {}),
    "max_pool of rows": ("max_pool", (ROWS, 3, 2), {}),
    "average_pool": ("average_pool", (IMAGES, (2, 3), (2, 3), "same"), {}),
    "average_pool of rows": ("average_pool", (ROWS, 2, 2), {}),
    "binary_crossentropy": ("binary_crossentropy", ((X > 0).astype(float), P), {}),
    "binary_crossentropy logits": ("binary_crossentropy", ((X > 0).astype(float), Y, True), {}),
    "categorical_crossentropy": ("categorical_crossentropy", (np.eye(6)[:4], P), {}),
    "categorical_crossentropy logits": ("categorical_crossentropy", (np.eye(6)[:4], Y, True), {}),
    "sparse_categorical_crossentropy": ("sparse_categorical_crossentropy", (IDS, P), {}),
    "psnr": ("psnr", (X, Y, 2.0), {}),
    "cond": ("cond", (True, lambda: X, lambda: Y), {}),
    "switch": ("switch", (7, [lambda x: x, lambda x: 2 * x], X), {}),
    "fori_loop": ("fori_loop", (0, 4, lambda i, x: x * 0.5 + i, X), {}),
    "while_loop": ("while_loop", (lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, X)), {}),
    "while_loop of one": ("while_loop", (lambda i: i < 9, lambda i: i + 2, 0), {"maximum_iterations": 3}),
    "scan": ("scan", (lambda h, x: (h * 0.5 + x, h - x), X[0], Y), {}),
    "scan from the end": ("scan", (lambda h, x: (h * 0.5 + x, h - x), X[0], Y), {"reverse": True}),
    "map": ("map", (lambda row: row * row[0], X), {}),
    "vectorized_map": ("vectorized_map", (lambda pair: pair[0] * pair[1].sum(), (X, Y)), {}),
}  # fmt: skip


def flat(result):
    parts = result if isinstance(result, list | tuple) else [result]
    return [np.asarray(part.data if isinstance(part, tg.Tensor) else part) for part in parts]


@pytest.mark.parametrize("case", CASES)
def test_an_operation_has_the_values_of_keras(case):
    name, args, kwargs = CASES[case]
    theirs = flat(attrgetter(name)(keras().ops)(*args, **kwargs))
    for ours, expected in zip(flat(attrgetter(name)(ops)(*args, **kwargs)), theirs, strict=True):
        assert ours.shape == expected.shape
        tolerance = 1e-5 if np.float32 in (ours.dtype, expected.dtype) else 1e-6  # Keras's means are float32
        np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


CONSTANT = {

    "all",
    "saturate_cast",
    "any",
    "argmax",
    "argmin",
    "in_top_k",

    "one_hot",
    "multi_hot",
    "arange",
    "linspace",
    "tri",
    "cond",

}  # fmt: skip


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] not in CONSTANT])
def test_an_operation_has_gradients(case):
    name, args, kwargs = CASES[case]
    if name in ("erf", "erfinv", "solve_triangular"):
        pytest.importorskip("scipy")
    places = [place for place, item in enumerate(args) if type(item) is np.ndarray and item.dtype.kind == "f"]
    places = [place for place in places if not ("crossentropy" in name and place == 0)]
    if not places or case == "normalize zeros":
        return

    def function(*arrays):
        given = list(args)
        for place, array in zip(places, arrays, strict=True):
            given[place] = array
        return attrgetter(name)(ops)(*given, **kwargs)

    tg.testing.check_adjoint(function, *[args[place] for place in places])


def test_a_loop_compiles():
    @tg.compile
    def states(x, h):
        return ops.scan(lambda h, row: (np.tanh(h + row), h), h, x)

    x, h = RNG.normal(size=(12, 3)), np.zeros(3)
    for ours, expected in zip(states(x, h), ops.scan(lambda h, row: (np.tanh(h + row), h), h, x), strict=True):
        np.testing.assert_allclose(ours, expected)


@pytest.mark.parametrize(
    ("name", "code"), [("reduce_sum", "tg.keras.ops.sum(t)"), ("concat", "tg.keras.ops.concatenate([t, u])")]
)
def test_a_name_of_tensorflow_is_answered(name, code):
    with pytest.raises(AttributeError) as caught:
        getattr(ops, name)
    assert str(caught.value).endswith(f"Write {code}")
    eval(code, {"tg": tg, "t": tg.Tensor(1.0) * np.ones(2), "u": np.ones(2)})


def test_what_is_left_out_is_as_keras_says():
    np.testing.assert_array_equal(ops.max_pool(IMAGES, 2), ops.max_pool(IMAGES, 2, 2))
    np.testing.assert_array_equal(ops.average_pool(ROWS, 3), ops.average_pool(ROWS, 3, 3))
    np.testing.assert_array_equal(ops.segment_sum(X, IDS), ops.segment_sum(X, IDS, 3))
    np.testing.assert_array_equal(
        ops.max_pool(np.moveaxis(IMAGES, -1, 1), 2, data_format="channels_first"),
        np.moveaxis(ops.max_pool(IMAGES, 2), -1, 1),
    )
    message = r"windows of sequences have 3 axes, of images 4, and of volumes 5, got shape \(4, 6\)"
    with pytest.raises(tg.ShapeError, match=message):
        ops.max_pool(X, 2)


def test_too_many_arguments_are_refused():
    with pytest.raises(TypeError, match="sum: at most 3 arguments, axis, keepdims after the arrays"):
        ops.sum(X, 1, True, None)


def test_weights_of_a_normalization_lie_along_its_axes():
    rows = ops.layer_normalization(SQUARE, SQUARE[0], SQUARE[1], axis=0, epsilon=0.0)
    expected = (SQUARE - SQUARE.mean(axis=0)) / SQUARE.std(axis=0) * SQUARE[0][:, None] + SQUARE[1][:, None]
    np.testing.assert_allclose(rows, expected)


def test_a_convolution_of_volumes_is_that_of_the_layer():
    kernel = RNG.normal(size=(2, 3, 2, 2, 3))
    layer = tg.nn.Conv3D(3, (2, 3, 2), (1, 2, 1), "same", use_bias=False, dtype="float64")
    layer(VOLUMES)
    layer.kernel.assign(kernel)
    np.testing.assert_array_equal(ops.conv(VOLUMES, kernel, (1, 2, 1), "SAME"), layer(VOLUMES).data)


def test_a_number_that_is_no_class_has_no_place():
    np.testing.assert_array_equal(ops.one_hot(np.array([2, -1, 3]), 3), [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
