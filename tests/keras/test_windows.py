"""Convolutions, poolings and layers that reshape: values, gradients, weights and arguments are Keras's."""

import inspect

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn

from .beside import keras, of_layer, weighed

pytestmark = pytest.mark.filterwarnings("ignore")

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 7, 6, 4))
ROWS = RNG.normal(size=(3, 9, 4))
FLAT = RNG.normal(size=(3, 8))
VOLUMES = RNG.normal(size=(2, 5, 4, 6, 4))
FIRST = {"data_format": "channels_first"}

CASES = [
    ("AveragePooling3D", {"pool_size": (3, 2, 2), "strides": (2, 1, 1), "padding": "same"}, VOLUMES),
    ("Conv1DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}, ROWS),
    ("Conv1DTranspose", {"filters": 5, "kernel_size": 2, "strides": 3, "output_padding": 1}, ROWS),
    ("Conv1DTranspose", {"filters": 5, "kernel_size": 2, "dilation_rate": 2, "activation": "elu"}, ROWS),
    ("Conv3D", {"filters": 6, "kernel_size": (2, 3, 1), "strides": (2, 1, 1), "groups": 2}, VOLUMES),
    ("Conv3D", {"filters": 3, "kernel_size": 2, "padding": "same", "dilation_rate": (2, 1, 2)}, VOLUMES),
    ("Conv3D", {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2}, VOLUMES),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": (2, 3, 1)}, VOLUMES),
    ("Conv3DTranspose", {"filters": 3, "kernel_size": 3, "strides": (2, 1, 2), "padding": "same"}, VOLUMES),
    ("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": 3, "output_padding": (1, 0, 2)}, VOLUMES),
    ("Cropping3D", {"cropping": ((1, 2), (0, 1), (1, 1))}, VOLUMES),
    ("Cropping3D", {}, VOLUMES),
    ("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}, ROWS),
    ("DepthwiseConv1D", {"kernel_size": 3, "strides": 2}, ROWS),
    ("GlobalAveragePooling3D", {"keepdims": True}, VOLUMES),
    ("GlobalMaxPooling3D", {}, VOLUMES),
    ("MaxPooling3D", {"pool_size": 3, "strides": 2, "padding": "same"}, VOLUMES),
    ("MaxPooling3D", {}, VOLUMES),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3, "strides": 2, "depth_multiplier": 2}, ROWS),
    ("UpSampling3D", {"size": (2, 1, 3)}, VOLUMES),
    ("ZeroPadding3D", {"padding": ((1, 0), (2, 1), (0, 3))}, VOLUMES),
    ("ZeroPadding3D", {}, VOLUMES),
    ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, ROWS),
    ("AveragePooling1D", {"pool_size": 2}, ROWS),
    ("AveragePooling2D", {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}, IMAGES),
    ("AveragePooling2D", {"pool_size": 2}, IMAGES),
    ("Conv1D", {"filters": 5, "kernel_size": 3}, ROWS),
    ("Conv1D", {"filters": 5, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, ROWS),
    ("Conv1D", {"filters": 5, "kernel_size": 4, "padding": "causal", "strides": 2}, ROWS),
    ("Conv1D", {"filters": 6, "kernel_size": (2,), "padding": "same", "groups": 2, "activation": "tanh"}, ROWS),
    ("Conv1D", {"filters": 5, "kernel_size": 4, "strides": 3, "padding": "same", "use_bias": False}, ROWS),
    ("Conv2D", {"filters": 5, "kernel_size": (2, 3), "strides": (2, 1), "padding": "same"}, IMAGES),
    ("Conv2D", {"filters": 6, "kernel_size": 2, "dilation_rate": (2, 1), "groups": 2, "activation": "mish"}, IMAGES),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": (2, 3)}, IMAGES),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": (4, 1), "strides": (2, 3), "padding": "same"}, IMAGES),
    ("Conv2DTranspose", {"filters": 5, "kernel_size": (5, 2), "strides": (1, 4), "activation": "relu"}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "dilation_rate": (2, 3), "padding": "same"}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 3, "output_padding": (2, 1)}, IMAGES),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 0, "padding": "same"}, IMAGES),
    (
        "Conv2DTranspose",
        {"filters": 2, "kernel_size": (4, 5), "strides": 3, "output_padding": (1, 2), "padding": "same"},
        IMAGES,
    ),
    ("Cropping1D", {"cropping": (1, 2)}, ROWS),
    ("Cropping1D", {}, ROWS),
    ("Cropping2D", {"cropping": ((1, 2), (0, 3))}, IMAGES),
    ("Cropping2D", {"cropping": (1, 2)}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "activation": "relu6"}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": (3, 2), "depth_multiplier": 3, "use_bias": False}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 2}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 2, "dilation_rate": 2}, IMAGES),
    ("Flatten", {}, IMAGES),
    ("GlobalAveragePooling1D", {"keepdims": True}, ROWS),
    ("GlobalAveragePooling1D", {}, ROWS),
    ("GlobalAveragePooling2D", {"keepdims": True}, IMAGES),
    ("GlobalAveragePooling2D", {}, IMAGES),
    ("GlobalMaxPooling1D", {"keepdims": True}, ROWS),
    ("GlobalMaxPooling1D", {}, ROWS),
    ("GlobalMaxPooling2D", {"keepdims": True}, IMAGES),
    ("GlobalMaxPooling2D", {}, IMAGES),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, ROWS),
    ("MaxPooling1D", {}, ROWS),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}, IMAGES),
    ("MaxPooling2D", {}, IMAGES),
    ("Permute", {"dims": (3, 1, 2)}, IMAGES),
    ("RepeatVector", {"n": 3}, FLAT),
    ("Reshape", {"target_shape": (-1, 2)}, FLAT),
    ("Reshape", {"target_shape": (6, 7, 4)}, IMAGES),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 3, "depth_multiplier": 2, "activation": "elu"}, IMAGES),
    ("SeparableConv2D", {"filters": 5, "kernel_size": (2, 3), "strides": 2, "padding": "same"}, IMAGES),
    ("UpSampling1D", {"size": 3}, ROWS),
    ("UpSampling2D", {"interpolation": "bilinear"}, IMAGES),
    ("UpSampling2D", {"size": (3, 2)}, IMAGES),
    ("UpSampling2D", {"size": (3, 4), "interpolation": "bilinear"}, IMAGES),
    ("ZeroPadding1D", {"padding": (0, 3)}, ROWS),
    ("ZeroPadding1D", {}, ROWS),
    ("ZeroPadding2D", {"padding": ((0, 3), (1, 2))}, IMAGES),
    ("ZeroPadding2D", {"padding": (1, 2)}, IMAGES),
]
# The convolution of Keras's JAX backend takes channels first, too, on a CPU.
FIRST_CASES = [
    (name, {**options, **FIRST}, x)
    for name, options, x in CASES
    if name not in ("Cropping1D", "Permute", "RepeatVector", "Reshape", "UpSampling1D")
]


def id_of(item):
    return " ".join(f"{key}={value}" for key, value in item.items()) if isinstance(item, dict) else None


@pytest.mark.parametrize(("name", "options", "x"), CASES + FIRST_CASES, ids=id_of)
def test_values_and_gradients(name, options, x):
    if "data_format" in options:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    layer = getattr(nn, name)(**options, dtype="float64", seed=0)
    t = tg.Tensor(x)
    layer(t)
    for parameter in layer.parameters():  # a bias that is not 0
        parameter.assign(RNG.normal(size=parameter.shape))
    weights = {path: parameter.data for path, parameter in layer.named_parameters().items()}
    y = layer(t)
    np.sum(y * weighed(y.shape)).backward()
    if name == "AveragePooling2D" and "padding" in options and keras().backend.backend() == "torch":
        pytest.skip("Keras's torch backend counts copies of the edge as pixels where JAX and TensorFlow count none")
    theirs = getattr(keras().layers, name)(**options, dtype="float64")
    value, by_x, by_weights = of_layer(theirs, x, weights)
    # Keras computes means and tanh in float32.
    close = 1e-6 if name.startswith("GlobalAveragePooling") or options.get("activation") == "tanh" else 1e-10
    np.testing.assert_allclose(y.data, value, rtol=1e-6, atol=close)
    np.testing.assert_allclose(t.grad, by_x, rtol=1e-6, atol=close)
    assert by_weights.keys() == weights.keys()
    for path, parameter in layer.named_parameters().items():
        np.testing.assert_allclose(parameter.grad, by_weights[path], rtol=1e-6, atol=close, err_msg=path)


def test_the_mean_of_the_steps_that_a_mask_keeps():
    mask = np.arange(9) < np.array([[9], [4], [1]])
    expected = keras().layers.GlobalAveragePooling1D(dtype="float64")(ROWS, mask=mask)
    found = nn.GlobalAveragePooling1D(dtype="float64")(ROWS, mask=mask)
    np.testing.assert_allclose(found, np.asarray(expected), rtol=1e-6)


OTHERS = {"kwargs", "lora_alpha", "lora_rank", "name", "options", "quantization_config", "self"}


@pytest.mark.parametrize("name", sorted({"Dense", *(name for name, _, _ in CASES)}))
def test_arguments_and_defaults(name):
    def told(cls):
        found = inspect.signature(cls.__init__).parameters
        return {key: item.default for key, item in found.items() if key not in OTHERS}

    ours, theirs = told(getattr(nn, name)), told(getattr(keras().layers, name))
    theirs = {
        key: item for key, item in theirs.items() if key not in ("lora_rank", "lora_alpha", "quantization_config")
    }
    assert sorted(ours) == sorted(theirs) if "Transpose" in name else list(ours) == list(theirs)
    for key, default in theirs.items():
        if ours[key] != default and default is not inspect.Parameter.empty:
            assert default in [(ours[key],) * 2, (ours[key],) * 3], key


RULES = {"bias_regularizer": "l1", "activity_regularizer": "l2", "bias_constraint": "non_neg"}
OF_KERNEL = {"kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.3}}, "kernel_constraint": "unit_norm"}
OF_DEPTH = {"depthwise_regularizer": "l2", "depthwise_constraint": "max_norm"}
PENALISED = [
    ("Conv1D", {"filters": 3, "kernel_size": 2, **OF_KERNEL}, ROWS),
    ("Conv2D", {"filters": 3, "kernel_size": 2, **OF_KERNEL}, IMAGES),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, **OF_KERNEL}, IMAGES),
    ("Dense", {"units": 3, **OF_KERNEL}, FLAT),
    ("DepthwiseConv2D", {"kernel_size": 2, **OF_DEPTH}, IMAGES),
    ("SeparableConv2D", {"filters": 3, "kernel_size": 2, "pointwise_regularizer": "l1", **OF_DEPTH}, IMAGES),
]


@pytest.mark.parametrize(("name", "options", "x"), PENALISED, ids=id_of)
def test_penalties(name, options, x):
    layer = getattr(nn, name)(**options, **RULES, bias_initializer="ones", dtype="float64")
    layer(x)
    options = {**options, **({"kernel_regularizer": keras().regularizers.L2(0.3)} if "Dep" not in name else {})}
    if "depthwise_regularizer" in options:
        options.pop("kernel_regularizer", None)
    theirs = getattr(keras().layers, name)(**options, **RULES, bias_initializer="ones", dtype="float64")
    theirs.build(x.shape)
    for variable in theirs.trainable_variables:
        variable.assign(layer.named_parameters()[variable.name].data)
    theirs(x)
    np.testing.assert_allclose(
        float(sum(item.data for item in layer.losses)),
        float(sum(np.asarray(keras().ops.convert_to_numpy(item)) for item in theirs.losses)),
        rtol=1e-6,
    )
    assert {tensor.name.rpartition(".")[2] for tensor, _ in layer.constraints()} == {
        variable.name for variable in theirs.trainable_variables if variable.constraint is not None
    }
    for tensor, rule in layer.constraints():
        expected = next(item for item in theirs.trainable_variables if item.name == tensor.name.rpartition(".")[2])
        found = keras().ops.convert_to_numpy(expected.constraint(expected))
        np.testing.assert_allclose(rule(tensor.data), found, rtol=1e-6)
