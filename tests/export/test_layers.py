"""Every layer as an ONNX file and as a module in NumPy alone: the same numbers for any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.loading import loaded
from tinygraph import nn
from tinygraph.export import onnx, save_module

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(5, 6)).astype("float32")
SEQUENCES = RNG.normal(size=(5, 6, 4)).astype("float32")
IMAGES = RNG.normal(size=(5, 9, 8, 4)).astype("float32")
VOLUMES = RNG.normal(size=(2, 5, 4, 4, 3)).astype("float32")
BOTH = [ROWS, RNG.normal(size=(5, 6)).astype("float32")]
WITH_GAPS = SEQUENCES * (np.arange(6) % 3 > 0).astype("float32")[:, np.newaxis]
WORDS = RNG.integers(0, 7, size=(5, 6)).astype("int32")


class SelfAttention(nn.Model):
    """A sequence that attends to its past."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiHeadAttention(num_heads=2, key_dim=3)

    @property
    def layers(self) -> list[Any]:
        return [self.attention]

    def call(self, x: Any) -> Any:
        return self.attention(x, x, use_causal_mask=True)


# By name a layer, and a batch.
CASES: dict[str, tuple[Any, Any]] = {
    "Activation": (lambda: nn.Activation("gelu"), ROWS),
    "Add": (lambda: nn.Add(), BOTH),
    "Attention": (lambda: nn.Attention(use_scale=True), [SEQUENCES, SEQUENCES * 0.5]),
    "AdditiveAttention": (lambda: nn.AdditiveAttention(), [SEQUENCES, SEQUENCES * 0.5]),
    "EinsumDense": (lambda: nn.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), SEQUENCES),
    "Average": (lambda: nn.Average(), BOTH),
    "Concatenate": (lambda: nn.Concatenate(), BOTH),
    "Dot": (lambda: nn.Dot(axes=1, normalize=True), BOTH),
    "ELU": (lambda: nn.ELU(0.5), ROWS),
    "GaussianDropout": (lambda: nn.GaussianDropout(0.5), ROWS),
    "GaussianNoise": (lambda: nn.GaussianNoise(0.5), ROWS),
    "Identity": (lambda: nn.Sequential([nn.Identity(), nn.Dense(2)]), ROWS),
    "LeakyReLU": (lambda: nn.LeakyReLU(), ROWS),
    "Masking": (lambda: nn.Sequential([nn.Masking(), nn.LSTM(3)]), WITH_GAPS),
    "Maximum": (lambda: nn.Maximum(), BOTH),
    "Minimum": (lambda: nn.Minimum(), BOTH),
    "MultiHeadAttention": (SelfAttention, SEQUENCES),
    "Multiply": (lambda: nn.Multiply(), BOTH),
    "Normalization": (lambda: nn.Normalization(mean=[0.5] * ROWS.shape[-1], variance=[2.0] * ROWS.shape[-1]), ROWS),
    "PReLU": (lambda: nn.PReLU(), ROWS),
    "RandomFlip": (lambda: nn.RandomFlip(), IMAGES),
    "ReLU": (lambda: nn.ReLU(max_value=1.0, negative_slope=0.1), ROWS),
    "Rescaling": (lambda: nn.Rescaling(2.0, 0.5), ROWS),
    "Softmax": (lambda: nn.Softmax(), ROWS),
    "SpatialDropout1D": (lambda: nn.SpatialDropout1D(0.5), SEQUENCES),
    "SpatialDropout2D": (lambda: nn.SpatialDropout2D(0.5), IMAGES),
    "Subtract": (lambda: nn.Subtract(), BOTH),
    "AveragePooling1D": (lambda: nn.AveragePooling1D(2, padding="same"), SEQUENCES),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.5), ROWS),
    "AveragePooling3D": (lambda: nn.AveragePooling3D(2, padding="same"), VOLUMES),
    "Conv1DTranspose": (lambda: nn.Conv1DTranspose(3, 3, strides=2), SEQUENCES),
    "Conv3D": (lambda: nn.Conv3D(3, 2, padding="same", activation="relu"), VOLUMES),
    "Conv3DTranspose": (lambda: nn.Conv3DTranspose(3, 2, strides=2), VOLUMES),
    "Cropping3D": (lambda: nn.Cropping3D(((1, 2), (0, 1), 1)), VOLUMES),
    "DepthwiseConv1D": (lambda: nn.DepthwiseConv1D(3, depth_multiplier=2), SEQUENCES),
    "GlobalAveragePooling3D": (lambda: nn.GlobalAveragePooling3D(), VOLUMES),
    "GlobalMaxPooling3D": (lambda: nn.GlobalMaxPooling3D(), VOLUMES),
    "MaxPooling3D": (lambda: nn.MaxPooling3D(2, 1), VOLUMES),
    "SeparableConv1D": (lambda: nn.SeparableConv1D(5, 3, padding="same"), SEQUENCES),
    "SpatialDropout3D": (lambda: nn.SpatialDropout3D(0.5), VOLUMES),
    "UpSampling3D": (lambda: nn.UpSampling3D((2, 1, 3)), VOLUMES),
    "ZeroPadding3D": (lambda: nn.ZeroPadding3D(), VOLUMES),
    "AveragePooling2D": (lambda: nn.AveragePooling2D(2, 1, "same"), IMAGES),
    "BatchNormalization": (lambda: nn.BatchNormalization(), IMAGES),
    "Conv1D": (lambda: nn.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="relu"), SEQUENCES),
    "Conv2D": (lambda: nn.Conv2D(6, (3, 2), strides=2, padding="same", activation="tanh"), IMAGES),
    "Conv2DTranspose": (lambda: nn.Conv2DTranspose(3, 3, strides=2, padding="same"), IMAGES),
    "Cropping1D": (lambda: nn.Cropping1D((1, 2)), SEQUENCES),
    "Cropping2D": (lambda: nn.Cropping2D(((1, 2), (0, 1))), IMAGES),
    "Dense": (lambda: nn.Dense(3, activation="softmax"), SEQUENCES),
    "DepthwiseConv2D": (lambda: nn.DepthwiseConv2D(3, depth_multiplier=2), IMAGES),
    "Dropout": (lambda: nn.Dropout(0.5), ROWS),
    "Embedding, marks padding": (
        lambda: nn.Sequential([nn.Embedding(7, 3, mask_zero=True), nn.LSTM(4)]),
        WORDS,
    ),
    "Embedding": (lambda: nn.Embedding(7, 3), WORDS),
    "Flatten": (lambda: nn.Flatten(), IMAGES),
    "GlobalAveragePooling1D": (lambda: nn.GlobalAveragePooling1D(), SEQUENCES),
    "GlobalAveragePooling2D": (lambda: nn.GlobalAveragePooling2D(keepdims=True), IMAGES),
    "GlobalMaxPooling1D": (lambda: nn.GlobalMaxPooling1D(), SEQUENCES),
    "GlobalMaxPooling2D": (lambda: nn.GlobalMaxPooling2D(), IMAGES),
    "GroupNormalization": (lambda: nn.GroupNormalization(2), IMAGES),
    "LayerNormalization": (lambda: nn.LayerNormalization(axis=(1, -1)), SEQUENCES),
    "MaxPooling1D": (lambda: nn.MaxPooling1D(2), SEQUENCES),
    "MaxPooling2D": (lambda: nn.MaxPooling2D(3, 2, "same"), IMAGES),
    "Permute": (lambda: nn.Permute((3, 1, 2)), IMAGES),
    "RMSNormalization": (lambda: nn.RMSNormalization(), SEQUENCES),
    "RepeatVector": (lambda: nn.RepeatVector(3), ROWS),
    "Reshape": (lambda: nn.Reshape((4, -1)), IMAGES),
    "SeparableConv2D": (lambda: nn.SeparableConv2D(5, 3, padding="same"), IMAGES),
    "UnitNormalization": (lambda: nn.UnitNormalization(), ROWS),
    "UpSampling1D": (lambda: nn.UpSampling1D(2), SEQUENCES),
    "UpSampling2D": (lambda: nn.UpSampling2D((2, 3)), IMAGES),
    "UpSampling2D, bilinear": (lambda: nn.UpSampling2D(2, interpolation="bilinear"), IMAGES),
    "ZeroPadding1D": (lambda: nn.ZeroPadding1D((1, 2)), SEQUENCES),
    "ZeroPadding2D": (lambda: nn.ZeroPadding2D(((1, 2), (0, 1))), IMAGES),
    "Bidirectional": (lambda: nn.Bidirectional(nn.GRU(3, return_sequences=True)), SEQUENCES),
    "GRU": (lambda: nn.GRU(5), SEQUENCES),
    "GRU, reset before": (lambda: nn.GRU(5, reset_after=False, go_backwards=True), SEQUENCES),
    "LSTM": (lambda: nn.LSTM(5, return_sequences=True), SEQUENCES),
    "SimpleRNN": (lambda: nn.SimpleRNN(5), SEQUENCES),
    "TimeDistributed": (lambda: nn.TimeDistributed(nn.Dense(3)), SEQUENCES),
    "Sequential": (lambda: nn.Sequential([nn.Flatten(), nn.Dense(3), np.tanh]), IMAGES),
}


def prepared(name: str) -> tuple[Any, Any]:
    """Return a layer that has met batches, with weights that are no longer those of the beginning, and a batch."""
    make, x = CASES[name]
    layer = make()
    layer(x)
    for tensor in layer.parameters():
        tensor.assign(tensor.data + 0.1 * RNG.normal(size=tensor.shape).astype(tensor.dtype))
    layer.eval()
    return layer, x


def test_each_case_has_a_layer_of_its_name():
    for name, (make, _) in CASES.items():
        layer = make()
        assert getattr(nn, name.partition(",")[0]) in {type(layer), *map(type, getattr(layer, "layers", ()))}


def with_rows(x: Any, rows: int) -> Any:
    """Return a batch, or a list of them, with so many rows."""
    return [with_rows(item, rows) for item in x] if isinstance(x, list) else np.resize(x, (rows, *x.shape[1:]))


@pytest.mark.parametrize("name", sorted(CASES))
def test_onnx(tmp_path, name):
    pytest.importorskip("onnx_ir")
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    layer, x = prepared(name)
    onnx(layer, tmp_path / "layer.onnx", with_rows(x, 2))
    session = runtime.InferenceSession(tmp_path / "layer.onnx", options, providers=["CPUExecutionProvider"])
    for rows in (1, 2, 5):
        batch = with_rows(x, rows)
        batches = batch if isinstance(batch, list) else [batch]
        names = [item.name for item in session.get_inputs()]
        compare(session.run(None, dict(zip(names, batches, strict=True)))[0], layer(batch))


@pytest.mark.parametrize("name", sorted(CASES))
def test_module(tmp_path, name):
    layer, x = prepared(name)
    save_module(layer, tmp_path / "layer.py", with_rows(x, 2))
    saved = loaded(tmp_path / "layer.py")
    for rows in (0, 1, 2, 5, 40):
        batch = with_rows(x, rows)
        compare(saved.predict(batch, batch_size=16), layer(batch))
        compare(saved.call(batch), layer(batch))


def compare(found: Any, wanted: Any) -> None:
    """Compare what a file computes with what the layer does."""
    array = wanted.data if isinstance(wanted, tg.Tensor) else wanted
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    np.testing.assert_allclose(found, array, rtol=1e-5, atol=1e-5)
