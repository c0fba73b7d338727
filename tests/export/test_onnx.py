"""ONNX files: onnxruntime computes what the function computes, for any number of rows; what ONNX lacks is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.errors import UnsupportedError
from tinygraph.export import onnx
from tinygraph.export.to_onnx.operators import OPERATORS
from tinygraph.functions import activations, checks, convolution, logits, means, pooling
from tinygraph.functions.checks import CHECKS

pytest.importorskip("onnx_ir")
onnxruntime = pytest.importorskip("onnxruntime")

nn = tg.nn
RNG = np.random.default_rng(0)
GENERATOR = np.random.default_rng(0)
X = RNG.normal(size=(5, 4, 6)).astype("float32")
UNIT = RNG.uniform(-0.9, 0.9, size=(5, 4)).astype("float32")
IMAGES = RNG.normal(size=(5, 9, 8, 4)).astype("float32")
INDEX = RNG.integers(0, 6, size=(5, 4))
KERNEL = tg.Tensor(RNG.normal(size=(3, 2, 4, 6)).astype("float32"), name="kernel")
TABLE_OF_WORDS = tg.Tensor(RNG.normal(size=(7, 3)).astype("float32"), name="words")
W = RNG.normal(size=(6, 3)).astype("float32")


def session(path: Path) -> Any:
    """Return onnxruntime's session of a file, which is quiet."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def leaves(result: Any) -> list[Any]:
    """Return the arrays in a result, in order."""
    if isinstance(result, dict):
        return [leaf for item in result.values() for leaf in leaves(item)]
    if isinstance(result, list | tuple):
        return [leaf for item in result for leaf in leaves(item)]
    return [result.data if isinstance(result, tg.Tensor) else np.asarray(result)]


def check(folder: Path, function: Any, *batches: Any, tolerance: float = 1e-5) -> Any:
    """Compare a file with the function it was written for, at several numbers of rows; return the session."""
    onnx(function, folder / "model.onnx", *[batch[:2] for batch in batches])
    found = session(folder / "model.onnx")
    for rows in (1, 2, 3, 5):
        given = [batch[:rows] for batch in batches]
        results = found.run(None, {item.name: part for item, part in zip(found.get_inputs(), given, strict=True)})
        for one, other in zip(results, leaves(function(*given)), strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    return found


# --- functions --------------------------------------------------------------------------------------------------------

UNARY = [
    np.absolute, np.arcsinh, np.arctan, np.ceil, np.cos, np.cosh, np.exp, np.exp2, np.expm1, np.floor, np.isfinite,
    np.isinf, np.isnan, np.negative, np.positive, np.rint, np.sign, np.sin, np.sinh, np.square, np.tan, np.tanh,
    activations.normal_cdf, activations.relu, activations.sigmoid, activations.softplus,
]  # fmt: skip
OF_UNITS = [np.arccos, np.arcsin, np.arctanh]
OF_POSITIVE = [np.arccosh, np.log, np.log10, np.log1p, np.log2, np.reciprocal, np.sqrt]
BINARY = [
    np.add, np.divide, np.equal, np.floor_divide, np.greater, np.greater_equal, np.hypot, np.less, np.less_equal,
    np.logaddexp, np.maximum, np.minimum, np.multiply, np.not_equal, np.remainder, np.subtract,
]  # fmt: skip
LOGICAL = [np.logical_and, np.logical_or, np.logical_xor]

# By the function in the table a function that calls it, and its batches.
CASES: dict[Any, Any] = {
    **{function: (lambda x, f=function: f(x), X) for function in UNARY},
    **{function: (lambda x, f=function: f(x), UNIT) for function in OF_UNITS},
    **{function: (lambda x, f=function: f(np.abs(x) + 1.5), X) for function in OF_POSITIVE},
    **{function: (lambda x, f=function: f(x, x[:, :1] * 0.5 + 0.1), X) for function in BINARY},
    **{function: (lambda x, f=function: f(x > 0, x < 1), X) for function in LOGICAL},
    np.all: (lambda x: np.all(x > -1, axis=1), X),
    np.any: (lambda x: np.any(x > 1, axis=(1, 2), keepdims=True), X),
    np.argmax: (lambda x: (np.argmax(x, axis=-1), np.argmax(x, axis=1, keepdims=True)), X),
    np.argmin: (lambda x: np.argmin(x, axis=2), X),
    np.array_split: (lambda x: np.array_split(x, 4, axis=2)[1], X),
    np.bitwise_and: (lambda x: (x > 0) & (x < 1), X),
    np.bitwise_or: (lambda x: (x > 0) | (x < -1), X),
    np.bitwise_xor: (lambda x: (x > 0) ^ (x < 1), X),
    np.broadcast_to: (lambda x: np.broadcast_to(x[:, :1], (x.shape[0], 3, 6)), X),
    np.clip: (lambda x: (np.clip(x, -0.5, 0.5), np.clip(x, None, 0.1), x.clip(0.2)), X),
    np.concatenate: (lambda x: (np.concatenate([x, x[:, :2]], axis=1), np.concatenate([x, x])), X),
    np.copy: (lambda x: np.copy(x) * 2, X),
    np.cumsum: (lambda x: np.cumsum(x, axis=1), X),
    np.dot: (lambda x: (np.dot(x, W), np.dot(x, X[:, 0].T[:, :4]), np.dot(x, X[:2].swapaxes(1, 2))), X),
    np.einsum: (lambda x: (np.einsum("bti, ij -> btj", x, W), np.einsum("bti,bsi->bts", x, x)), X),
    np.expand_dims: (lambda x: np.expand_dims(x, (0, 2)), X),
    np.flip: (lambda x: (np.flip(x, axis=1), np.flip(x, axis=(1, 2))), X),
    np.float_power: (lambda x: np.float_power(np.abs(x).astype("float64"), 1.5), X),
    np.full: (lambda x: np.full_like(x, 2.5), X),
    np.inner: (lambda x: np.inner(x, W.T), X),
    np.invert: (lambda x: ~(x > 0), X),
    np.logical_not: (lambda x: np.logical_not(x > 0), X),
    np.matmul: (lambda x: (x @ W, x @ x.swapaxes(1, 2), x[0, 0] @ W), X),
    np.matrix_transpose: (lambda x: np.matrix_transpose(x), X),
    np.max: (lambda x: (np.max(x, axis=1), np.max(x, axis=(1, 2)), np.max(x)), X),
    np.mean: (lambda x: (np.mean(x, axis=1), np.mean(x, axis=0), x.mean()), X),
    np.min: (lambda x: np.min(x, axis=-1, keepdims=True), X),
    np.moveaxis: (lambda x: (np.moveaxis(x, 1, 2), np.moveaxis(x, (0, 1), (1, 0))), X),
    np.ones: (lambda x: np.ones_like(x), X),
    np.outer: (lambda x: np.outer(x[:, 0, 0], W), X),
    np.pad: (lambda x: (np.pad(x, ((0, 0), (1, 2), (0, 3))), np.pad(x, ((0, 0), (1, 1), (2, 2)), mode="reflect")), X),
    np.power: (lambda x: (x**2, np.abs(x) ** 0.5, x**-1), np.abs(X) + 1),
    np.prod: (lambda x: np.prod(x, axis=1), X),
    np.ravel: (lambda x: np.ravel(x), X),
    np.repeat: (lambda x: np.repeat(x, 3, axis=1), X),
    np.reshape: (lambda x: (x.reshape(x.shape[0], -1), x.reshape(-1, 6), x.reshape(2, x.shape[0] * 2, 6)), X),
    np.split: (lambda x: (np.split(x, 3, axis=2)[1], np.split(x, [1, 3], axis=1)[1]), X),
    np.squeeze: (lambda x: np.squeeze(x[:, :1], axis=1), X),
    np.stack: (lambda x: (np.stack([x, x * 2], axis=1), np.stack([x, x], axis=-1)), X),
    np.sum: (lambda x: (np.sum(x, axis=1), np.sum(x > 0, axis=2), np.sum(x, dtype="float64")), X),
    np.swapaxes: (lambda x: np.swapaxes(x, 1, 2), X),
    np.take: (lambda i: (np.take(TABLE_OF_WORDS, i, axis=0), np.take(TABLE_OF_WORDS, i, axis=0, mode="clip")), INDEX),
    np.take_along_axis: (lambda x, i: np.take_along_axis(x, i[:, :, np.newaxis], axis=2), X, INDEX),
    np.tensordot: (lambda x: (np.tensordot(x, W, axes=1), np.tensordot(x, X[:2], axes=([1, 2], [1, 2]))), X),
    np.tile: (lambda x: (np.tile(x, (1, 2, 3)), np.tile(x, 2), np.tile(x, (2, 1, 1, 1))), X),
    np.transpose: (lambda x: (np.transpose(x, (0, 2, 1)), x.T, np.transpose(x[0, 0], 0)), X),
    np.tril: (lambda x: np.tril(x), X),
    np.triu: (lambda x: np.triu(x, 1), X),
    np.where: (lambda x: (np.where(x > 0, x, 0.5), np.where(x > 0, 1.0, x)), X),
    np.zeros: (lambda x: np.zeros_like(x), X),
    activations.elu: (lambda x: (tg.elu(x), tg.elu(x, 0.3)), X),
    activations.leaky_relu: (lambda x: (tg.leaky_relu(x), tg.leaky_relu(x, 0.3)), X),
    checks.class_numbers: (lambda i: tg.one_hot(i, 6), INDEX),
    checks.probabilities: (lambda x: checks.probabilities(x, "it") + 1, np.abs(UNIT)),
    logits.log_softmax: (lambda x: (tg.log_softmax(x), tg.log_softmax(x, axis=1)), X),
    logits.logsumexp: (lambda x: (tg.logsumexp(x * 40, axis=1), tg.logsumexp(x, axis=-1, keepdims=True)), X),
    logits.softmax: (lambda x: (tg.softmax(x), tg.softmax(x, axis=1)), X),
    means.mean_over: (lambda x: (means.mean_over(x, (1,)), means.mean_over(x, (0, 2))), X),
}
CALLED = {getattr(function, "__name__", str(function)): function for function in CASES}


@pytest.mark.parametrize("name", sorted(CALLED))
def test_a_function_is_the_same_in_onnxruntime(tmp_path, name):
    function, *batches = CASES[CALLED[name]]
    check(tmp_path, function, *batches, tolerance=2e-5)


# Rounded, these are ties; the second operand is equal to the first, a multiple of it, or on its other side.
HALVES = np.arange(-2.5, 3, 0.5, dtype="float32")[np.newaxis].repeat(5, axis=0)
OTHERS = [HALVES, -HALVES, np.roll(HALVES, 1, axis=1), np.where(HALVES > 0, HALVES, -1) / 2]
ON_HALVES = [np.ceil, np.floor, np.rint, np.sign, activations.relu]
OF_HALVES = [
    np.equal, np.greater, np.greater_equal, np.less, np.less_equal, np.logaddexp, np.maximum, np.minimum, np.not_equal,
]  # fmt: skip


def test_functions_at_their_edges(tmp_path):
    check(tmp_path, lambda x: tuple([function(x) for function in ON_HALVES]), HALVES)
    for other in OTHERS:
        check(tmp_path, lambda x, y: tuple([function(x, y) for function in OF_HALVES]), HALVES, other)
    check(tmp_path, lambda x, y: (np.remainder(x, y), np.floor_divide(x, y)), HALVES, OTHERS[-1])


def test_each_function_of_the_table_has_a_case():
    elsewhere = {"astype", "avg_pool2d", "conv2d", "conv2d_input", "getitem", "max_pool2d"}
    checked = {"class_numbers", "probabilities"}  # of all checks
    listed = {getattr(function, "__name__", str(function)) for function in OPERATORS.keys() - {*CHECKS}}
    assert listed | checked == elsewhere | CALLED.keys()


INDICES = {
    "a number": lambda x: x[:, 1],
    "a number from the end": lambda x: (x[:, -1], x[..., -2]),
    "an array": lambda x: x[:, [2, 0, -1]],
    "an array of the last axis": lambda x: x[..., np.array([[0, 1], [5, 3]])],
    "arrays for the first axes": lambda x: x[:, :, 0].T[np.array([0, 2]), np.array([0, 0])],
    "backward": lambda x: (x[:, ::-1], x[:, 3:0:-2]),
    "new axes": lambda x: (x[:, np.newaxis, 1:3], x[..., None], x[None, :, 1]),
    "rows": lambda x: (x[1:], x[:-1], x[::-1], x[0], x[-1]),
    "slices": lambda x: (x[:, 1:3, ::2], x[:, -3:-1], x[:, :100]),
}


@pytest.mark.parametrize("name", sorted(INDICES))
def test_indices(tmp_path, name):
    check(tmp_path, INDICES[name], X)


def test_elements_at_computed_places(tmp_path):
    check(tmp_path, lambda x, i: x[np.cumsum(np.ones_like(i[:, 0])) - 1, i[:, 0]], X.repeat(2, axis=1), INDEX)


def test_what_depends_on_the_number_of_rows_is_computed_there(tmp_path):
    check(
        tmp_path,
        lambda x: (
            x.sum(axis=0) / x.shape[0],
            np.concatenate([np.zeros_like(x[:, 0, :2]), x[:, 0]], axis=1),
            np.tril(np.ones_like(x, shape=(x.shape[0], x.shape[0]))) @ x[:, 0],
            np.mean(x),
        ),
        X,
    )


# --- images -----------------------------------------------------------------------------------------------------------

PADDINGS = {"an int": 1, "for each side": ((0, 2), (1, 0)), "same": "same", "valid": "valid"}


@pytest.mark.parametrize("stride", [1, 2, (3, 1)], ids=str)
@pytest.mark.parametrize("name", sorted(PADDINGS))
def test_convolution(tmp_path, name, stride):
    padding = PADDINGS[name]
    check(tmp_path, lambda x: tg.conv2d(x, KERNEL, stride, padding), IMAGES)
    check(tmp_path, lambda x: tg.conv2d(x, KERNEL, 1, padding, dilation=(2, 1)), IMAGES)
    grouped = KERNEL.data[:, :, :2]
    check(tmp_path, lambda x: tg.conv2d(x, grouped, stride, padding, groups=2), IMAGES)


@pytest.mark.parametrize("stride", [1, 2, (3, 1)], ids=str)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_convolution(tmp_path, padding, stride):
    size = (14, 11)
    shape = tg.conv2d(np.zeros((1, *size, 4), "float32"), KERNEL, stride, padding).shape[1:]
    y = RNG.normal(size=(5, *shape)).astype("float32")
    check(tmp_path, lambda y: convolution.conv2d_input(y, KERNEL, size, stride, padding), y)


@pytest.mark.parametrize("name", sorted(PADDINGS))
@pytest.mark.parametrize("pool", [pooling.avg_pool2d, pooling.max_pool2d], ids=["avg_pool2d", "max_pool2d"])
def test_pooling(tmp_path, pool, name):
    padding = PADDINGS[name]
    check(tmp_path, lambda x: (pool(x, 3, 1, padding), pool(x, (3, 3), (2, 1), padding)), IMAGES)
    if pool is pooling.avg_pool2d:
        check(tmp_path, lambda x: pool(x, 3, 2, padding, count_include_pad=True), IMAGES)


# --- networks ---------------------------------------------------------------------------------------------------------


def trained(model: Any, x: Any) -> Any:
    """Return a model whose statistics and weights are no longer those of the beginning."""
    model(x)
    model(x * 2 + 1)
    for tensor in model.parameters():
        tensor.assign(tensor.data + RNG.normal(size=tensor.shape).astype(tensor.dtype) * 0.1)
    model.eval()
    return model


NETWORKS = {
    "cnn": (
        lambda: [
            nn.Conv2D(6, 3, activation="relu", padding="same"), nn.BatchNormalization(), nn.MaxPooling2D(2),
            nn.Conv2D(5, 2, strides=2), nn.AveragePooling2D((1, 2), padding="same"), nn.Flatten(), nn.Dropout(0.5),
            nn.Dense(3, activation="softmax"),
        ],
        IMAGES,
    ),
    "mlp": (
        lambda: [
            nn.Dense(8, activation=activation)
            for activation in ("elu", "gelu", "leaky_relu", "relu", "sigmoid", "silu", "softplus", "tanh")
        ] + [nn.LayerNormalization(), nn.Dense(2)],
        X,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_network(tmp_path, name):
    layers, x = NETWORKS[name]
    model = trained(nn.Sequential(layers()), x)
    found = check(tmp_path, model, x)
    assert [item.shape[0] for item in [*found.get_inputs(), *found.get_outputs()]] == ["batch", "batch"]


def test_a_model_is_written_as_outside_of_training_and_left_as_it_was(tmp_path):
    model = nn.Sequential([nn.Dense(8), nn.Dropout(0.5), nn.BatchNormalization()])
    model(UNIT)
    model.train()
    onnx(model, tmp_path / "model.onnx", UNIT)
    assert all(module.training for module in model.modules())
    found = session(tmp_path / "model.onnx").run(None, {"x": UNIT})[0]
    model.eval()
    np.testing.assert_allclose(found, model(UNIT).data, rtol=1e-5, atol=1e-6)


def test_a_recurrent_network_is_unrolled(tmp_path):
    units = 5
    kernel, recurrent, bias = (
        tg.Tensor(RNG.normal(size=shape).astype("float32"), name=name)
        for shape, name in (((6, 4 * units), "kernel"), ((units, 4 * units), "recurrent"), ((4 * units,), "bias"))
    )

    def lstm(x):
        h = c = np.zeros_like(x, shape=(x.shape[0], units))
        outputs = []
        for t in range(x.shape[1]):
            i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
            c = tg.sigmoid(f) * c + tg.sigmoid(i) * np.tanh(g)
            h = tg.sigmoid(o) * np.tanh(c)
            outputs.append(h)
        return np.stack(outputs, axis=1), h, c

    check(tmp_path, lstm, X)


def test_attention_with_a_mask(tmp_path):
    weights = [tg.Tensor(RNG.normal(size=(3, 6)).astype("float32"), name=name) for name in ("query", "key", "value")]

    def attention(i):
        x = np.take(TABLE_OF_WORDS, i, axis=0)
        q, k, v = (np.transpose((x @ w).reshape(x.shape[0], 4, 2, 3), (0, 2, 1, 3)) for w in weights)
        scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(np.float32(3))
        scores = np.where(np.tril(np.ones((4, 4), bool)), scores, np.float32(-1e9))
        return (tg.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(x.shape[0], 4, 6)

    check(tmp_path, attention, INDEX)


# --- the file ---------------------------------------------------------------------------------------------------------


def test_inputs_and_outputs_have_names(tmp_path):
    def both(image, words):
        return {"sum": image["a"] + words[0], "parts": [image["b"], words[1]]}

    path = tmp_path / "model.onnx"
    onnx(both, path, {"a": UNIT, "b": UNIT}, [UNIT, UNIT])
    found = session(path)
    assert [item.name for item in found.get_inputs()] == ["image_a", "image_b", "words_0", "words_1"]
    assert [item.name for item in found.get_outputs()] == ["sum", "parts_0", "parts_1"]


def test_the_checker_of_onnx_finds_nothing(tmp_path):
    checker = pytest.importorskip("onnx")
    onnx(trained(nn.Sequential(NETWORKS["cnn"][0]()), IMAGES), tmp_path / "model.onnx", IMAGES)
    checker.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)


def test_sizes_can_be_fixed(tmp_path):
    onnx(lambda x: x[: x.shape[0] // 2] * 2.0, tmp_path / "model.onnx", UNIT[:4], rows=None)
    found = session(tmp_path / "model.onnx")
    assert found.get_inputs()[0].shape == [4, 4]
    np.testing.assert_allclose(found.run(None, {"x": UNIT[:4]})[0], UNIT[:2] * 2)


REFUSED = {
    "a function that ONNX lacks": (lambda x: np.linalg.inv(x[:, :4, :4]), r"linalg\.inv .*test_onnx\.py:\d+"),
    "a mask": (lambda x: x[:, np.array([True, False, True, True])] * 1, "a mask as an index"),
    "a mode of padding": (lambda x: np.pad(x, 1, mode="symmetric"), "pad with mode='symmetric'"),
    "decides by rows": (lambda x: x if len(x) > 3 else x * 2, "asks for the number of rows"),
    "decides by values": (lambda x: x * 2 if np.sum(x) > 0 else x, "decides by values"),
    "keyword": (lambda x: np.sum(x, axis=1, where=x > 0), "where="),
    "random": (lambda x: x + GENERATOR.normal(size=(4, 6)), "random"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_onnx_lacks_is_named_with_its_line_and_leaves_the_old_file(tmp_path, name):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    function, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=message):
        onnx(function, path, X)
    assert path.read_bytes() == b"old"
    assert len([*tmp_path.iterdir()]) == 1


def test_a_path_or_examples_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.onnx"):
        onnx(np.tanh, tmp_path / "model.py", X)
    with pytest.raises(FileNotFoundError, match="make it first"):
        onnx(np.tanh, tmp_path / "none" / "model.onnx", X)
    for examples in ((), (X[:0],), (X, X[:2])):
        with pytest.raises(ValueError, match="the examples have"):
            onnx(np.tanh, tmp_path / "model.onnx", *examples)


def test_rows_count_in_the_dtype_of_the_weights(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    for x in (np.ones((3, 2)), np.ones((3, 2), np.float32)):
        model = tg.nn.Sequential([tg.nn.Dense(4, activation="relu"), tg.nn.Dense(2)])
        model.export(tmp_path / "model.onnx", x)
        session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
        assert [item.type for item in session.get_inputs()] == ["tensor(float)"]
        (got,) = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})
        np.testing.assert_allclose(got, model(x).data, rtol=1e-5)
        model.save(tmp_path / "model.py", x)
        assert "WANTED = [('float32', (2,))]" in (tmp_path / "model.py").read_text()


SIZES_OF_THE_EXAMPLES = {
    "reshape": (lambda x: x.reshape(6, 20), (X,)),
    "number": (lambda x, s: x * s, (X, np.float32(2.0))),
    "rows that differ": (lambda x, y: np.tensordot(x, y, 1), (X, W)),
    "mask": (lambda x: np.where(X > 0, x, 0), (X,)),
    "square": (lambda a: np.sum(a @ a, axis=0), (W[:3],)),
}


@pytest.mark.parametrize("name", SIZES_OF_THE_EXAMPLES)
def test_sizes_of_the_examples_alone(tmp_path, name):
    function, given = SIZES_OF_THE_EXAMPLES[name]
    onnx(function, tmp_path / "model.onnx", *given, rows=None)
    found = session(tmp_path / "model.onnx")
    arrays = {item.name: np.asarray(part) for item, part in zip(found.get_inputs(), given, strict=True)}
    np.testing.assert_allclose(found.run(None, arrays)[0], function(*given), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.mean, np.max, np.min, np.any, np.all])
def test_reductions_over_no_axes(tmp_path, function):
    for keepdims in (False, True):
        check(tmp_path, lambda x, keepdims=keepdims: function(x - 1, axis=(), keepdims=keepdims), X)


def test_elements_taken_along_no_axis(tmp_path):
    index = np.array([3, 0, 0, 5])
    onnx(lambda x: np.take_along_axis(x, index, axis=None), tmp_path / "model.onnx", X, rows=None)
    result = session(tmp_path / "model.onnx").run(None, {"x": X})[0]
    np.testing.assert_array_equal(result, X.ravel()[index])
