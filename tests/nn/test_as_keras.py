"""Layers compute what Keras's do, forward and backward: by recorded numbers, and by Keras where it is installed.

`KERAS_BACKEND=jax python -m tests.nn.test_as_keras` records anew.
"""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.nn.as_keras import fingerprint, kerases, ours

RNG = np.random.default_rng(0)
IMAGES = np.round(RNG.normal(size=(3, 4, 5, 6)), 3)
ROWS = np.round(RNG.normal(size=(4, 6)), 3)
STEPS = np.round(RNG.normal(size=(3, 5, 4)), 3)
STEPS_MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 1, 0, 1]], bool)

SCORES = {"return_attention_scores": True}

# For each case the layer, its arguments, the batches, the keywords of the call, in training, and the number of calls.
CASES = {
    "Activation": ("Activation", {"activation": "tanh"}, [ROWS], {}, True, 1),
    "Add": ("Add", {}, [[ROWS, 2 * ROWS, ROWS - 1]], {}, True, 1),
    "Add, other axes": ("Add", {}, [[STEPS, STEPS[:, 0]]], {}, True, 1),
    "AdditiveAttention": (
        "AdditiveAttention", {}, [[STEPS, STEPS[:, :3], STEPS[:, 2:] + 1]], {"use_causal_mask": True, **SCORES}, True,
        1,
    ),
    "AdditiveAttention, without scale": (
        "AdditiveAttention", {"use_scale": False}, [[STEPS, STEPS[:, 1:] + 1]], SCORES, True, 1,
    ),
    "Attention": ("Attention", {}, [[ROWS[:, None], IMAGES[:, 0].repeat(2, 1)[[0, 1, 2, 0]]]], SCORES, True, 1),
    "Attention, concat": (
        "Attention", {"use_scale": True, "score_mode": "concat"}, [[STEPS, STEPS[:, :3], STEPS[:, 2:] + 1]],
        {"use_causal_mask": True, **SCORES}, True, 1,
    ),
    "Average": ("Average", {}, [[ROWS, 2 * ROWS, ROWS - 1]], {}, True, 1),
    "BatchNormalization": ("BatchNormalization", {}, [IMAGES], {}, True, 3),
    "BatchNormalization, axis 1": (
        "BatchNormalization", {"axis": 1, "momentum": 0.7, "epsilon": 0.1, "center": False}, [IMAGES], {}, True, 2,
    ),
    "BatchNormalization, in use": ("BatchNormalization", {"scale": False}, [ROWS], {}, False, 2),
    "BatchNormalization, masked": ("BatchNormalization", {"momentum": 0.5}, [STEPS], {"mask": STEPS_MASK}, True, 2),
    "Concatenate": ("Concatenate", {}, [[ROWS, ROWS[:, :2]]], {}, True, 1),
    "Concatenate, axis 1": ("Concatenate", {"axis": 1}, [[STEPS, STEPS[:, :2]]], {}, True, 1),
    "Dot": ("Dot", {"axes": 1}, [[ROWS, ROWS + 1]], {}, True, 1),
    "Dot of axes": ("Dot", {"axes": (2, 1)}, [[STEPS, STEPS[:, :4] + 1]], {}, True, 1),
    "Dot of images": ("Dot", {"axes": (-1, 2)}, [[IMAGES, IMAGES.transpose(0, 1, 3, 2)]], {}, True, 1),
    "Dot, normalized": ("Dot", {"axes": -1, "normalize": True}, [[STEPS, STEPS[:, 0] + 1]], {}, True, 1),
    "Dropout, in use": ("Dropout", {"rate": 0.5}, [ROWS], {}, False, 1),
    "ELU": ("ELU", {"alpha": 0.7}, [ROWS], {}, True, 1),
    "EinsumDense": (
        "EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 3), "bias_axes": "d"}, [STEPS], {}, True, 1,
    ),
    "EinsumDense, heads": (
        "EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}, [STEPS], {},
        True, 1,
    ),
    "EinsumDense, of the first axes": (
        "EinsumDense", {"equation": "...bc,cd->...bd", "output_shape": (5, 3), "bias_axes": "b"}, [IMAGES], {}, True,
        1,
    ),
    "EinsumDense, of the last axes": (
        "EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 2, "activation": "relu", "bias_axes": "c"},
        [IMAGES], {}, True, 1,
    ),
    "Embedding": ("Embedding", {"input_dim": 7, "output_dim": 3}, [np.array([[1, 2, 6], [0, 2, 2]])], {}, True, 1),
    "GroupNormalization": ("GroupNormalization", {"groups": 3}, [IMAGES], {}, True, 1),
    "GroupNormalization, axis 2": (
        "GroupNormalization", {"groups": -1, "axis": 2, "scale": False}, [IMAGES], {}, True, 1,
    ),
    "Identity": ("Identity", {}, [ROWS], {}, True, 1),
    "LayerNormalization": ("LayerNormalization", {}, [IMAGES], {}, True, 1),
    "LayerNormalization, axes": ("LayerNormalization", {"axis": [1, 3], "center": False}, [IMAGES], {}, True, 1),
    "LayerNormalization, rms_scaling": ("LayerNormalization", {"rms_scaling": True}, [STEPS], {}, True, 1),
    "LeakyReLU": ("LeakyReLU", {}, [ROWS], {}, True, 1),
    "Masking": ("Masking", {"mask_value": 0.5}, [np.where(STEPS_MASK[..., None], STEPS, 0.5)], {}, True, 1),
    "Maximum": ("Maximum", {}, [[ROWS, 2 * ROWS, ROWS - 1]], {}, True, 1),
    "Minimum": ("Minimum", {}, [[ROWS, 2 * ROWS, ROWS - 1]], {}, True, 1),
    "MultiHeadAttention, axes": (
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "attention_axes": (2,)}, [IMAGES, IMAGES[:, :, :2] + 1],
        SCORES, True, 1,
    ),
    "MultiHeadAttention, causal": (
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [STEPS, STEPS], {"use_causal_mask": True, **SCORES},
        True, 1,
    ),
    "MultiHeadAttention, gate": (
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_gate": True, "sliding_window": 2}, [STEPS, STEPS],
        SCORES, True, 1,
    ),
    "MultiHeadAttention, masked": (
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "value_dim": 2, "output_shape": 5},
        [STEPS[:, :2], STEPS[..., :2], STEPS[..., :3]], {"value_mask": STEPS_MASK, **SCORES}, True, 1,
    ),
    "MultiHeadAttention, two axes": (
        "MultiHeadAttention", {"num_heads": 2, "key_dim": 3, "use_bias": False, "output_shape": (2, 2)},
        [IMAGES, IMAGES[:, :, :2] + 1], SCORES, True, 1,
    ),
    "MultiHeadAttention, without mask": (
        "MultiHeadAttention", {"num_heads": 3, "key_dim": 2}, [STEPS, STEPS], SCORES, True, 1,
    ),
    "Multiply": ("Multiply", {}, [[ROWS, 2 * ROWS, ROWS[:, :1]]], {}, True, 1),
    "PReLU": ("PReLU", {}, [STEPS], {}, True, 1),
    "PReLU, shared": ("PReLU", {"shared_axes": [1, 2]}, [IMAGES], {}, True, 1),
    "ReLU": ("ReLU", {}, [ROWS], {}, True, 1),
    "ReLU, bounds": (
        "ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.3}, [ROWS], {}, True, 1,
    ),
    "Rescaling": ("Rescaling", {"scale": 0.25, "offset": -1.0}, [ROWS], {}, True, 1),
    "RMSNormalization": ("RMSNormalization", {}, [STEPS], {}, True, 1),
    "RMSNormalization, axes": ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, [STEPS], {}, True, 1),
    "Softmax": ("Softmax", {}, [ROWS], {}, True, 1),
    "Softmax, axes, masked": ("Softmax", {"axis": [1, 2]}, [STEPS], {"mask": STEPS_MASK[..., None]}, True, 1),
    "Softmax, masked": ("Softmax", {"axis": 1}, [STEPS], {"mask": STEPS_MASK[..., None]}, True, 1),
    "Subtract": ("Subtract", {}, [[ROWS, 2 * ROWS]], {}, True, 1),
    "UnitNormalization": ("UnitNormalization", {}, [STEPS], {}, True, 1),
    "UnitNormalization, axes": ("UnitNormalization", {"axis": [1, 2]}, [STEPS], {}, True, 1),
}  # fmt: skip
RECORDED = Path(__file__).with_name("keras_layers.json")


def digits(case):
    """Return the difference that is allowed: Keras computes normalisations, tanh and sigmoid in float32."""
    return (
        1e-6
        if "Normalization" in case
        or "Additive" in case
        or case in ("Activation", "Attention, concat")
        or "gate" in case
        else 1e-9
    )


@pytest.mark.parametrize("case", CASES)
def test_results_and_gradients_are_the_recorded_ones(case):
    recorded = json.loads(RECORDED.read_text())[case]
    found = fingerprint(ours(*CASES[case]))
    assert found.keys() == recorded.keys()
    for name, value in recorded.items():
        assert found[name] == pytest.approx(value, rel=10 * digits(case), abs=10 * digits(case)), name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", CASES)
def test_results_and_gradients_are_those_of_keras(case):
    os.environ.setdefault("KERAS_BACKEND", "jax")
    pytest.importorskip("jax")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras computes in float64 on JAX alone")
    found, expected = ours(*CASES[case]), kerases(*CASES[case])
    assert {name: a.shape for name, a in found.items()} == {name: a.shape for name, a in expected.items()}
    for name, a in expected.items():
        allowed = digits(case) * max(1, np.abs(a).max())
        np.testing.assert_allclose(found[name], a, rtol=0, atol=allowed, err_msg=name)


def test_every_case_is_recorded():
    assert json.loads(RECORDED.read_text()).keys() == CASES.keys()


if __name__ == "__main__" and importlib.util.find_spec("keras"):
    RECORDED.write_text(
        json.dumps({name: fingerprint(kerases(*case)) for name, case in CASES.items()}, indent=1) + "\n"
    )
