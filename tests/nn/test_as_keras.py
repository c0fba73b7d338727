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

# For each case the layer, its arguments, the batches, the keywords of the call, in training, and the number of calls.
CASES = {
    "BatchNormalization": ("BatchNormalization", {}, [IMAGES], {}, True, 3),
    "BatchNormalization, axis 1": (
        "BatchNormalization", {"axis": 1, "momentum": 0.7, "epsilon": 0.1, "center": False}, [IMAGES], {}, True, 2,
    ),
    "BatchNormalization, in use": ("BatchNormalization", {"scale": False}, [ROWS], {}, False, 2),
    "BatchNormalization, masked": ("BatchNormalization", {"momentum": 0.5}, [STEPS], {"mask": STEPS_MASK}, True, 2),
    "GroupNormalization": ("GroupNormalization", {"groups": 3}, [IMAGES], {}, True, 1),
    "GroupNormalization, axis 2": (
        "GroupNormalization", {"groups": -1, "axis": 2, "scale": False}, [IMAGES], {}, True, 1,
    ),
    "LayerNormalization": ("LayerNormalization", {}, [IMAGES], {}, True, 1),
    "LayerNormalization, axes": ("LayerNormalization", {"axis": [1, 3], "center": False}, [IMAGES], {}, True, 1),
    "LayerNormalization, rms_scaling": ("LayerNormalization", {"rms_scaling": True}, [STEPS], {}, True, 1),
    "RMSNormalization": ("RMSNormalization", {}, [STEPS], {}, True, 1),
    "RMSNormalization, axes": ("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, [STEPS], {}, True, 1),
    "UnitNormalization": ("UnitNormalization", {}, [STEPS], {}, True, 1),
    "UnitNormalization, axes": ("UnitNormalization", {"axis": [1, 2]}, [STEPS], {}, True, 1),
}  # fmt: skip
RECORDED = Path(__file__).with_name("keras_layers.json")


def digits(case):
    """Return the difference that is allowed: Keras computes normalisations in float32, the rest in float64."""
    return 1e-6 if "Normalization" in case else 1e-9


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
