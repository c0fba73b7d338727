import numpy as np
import pytest

from tinygraph.nn.initializers import INITIALIZERS

SHAPE = (3, 3, 40, 60)
FANS = {"fan_in": 360, "fan_out": 540, "fan_avg": 450}
VARIANCE = {
    "zeros": 0,
    "ones": 0,
    "random_uniform": 0.1**2 / 12,
    "random_normal": 0.05**2,
    "glorot_uniform": 1 / FANS["fan_avg"],
    "glorot_normal": 1 / FANS["fan_avg"],
    "he_uniform": 2 / FANS["fan_in"],
    "he_normal": 2 / FANS["fan_in"],
    "lecun_uniform": 1 / FANS["fan_in"],
    "lecun_normal": 1 / FANS["fan_in"],
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_variance(name):
    values = INITIALIZERS[name](SHAPE, np.random.default_rng(0), np.float64)
    variance = VARIANCE[name]
    assert values.shape == SHAPE
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert values.mean() == pytest.approx(float(name == "ones"), abs=0.02 * variance**0.5)
    if name.endswith("_uniform"):
        assert np.abs(values).max() <= (3 * variance) ** 0.5 * (1 + 1e-9)
    elif name.endswith("_normal") and name != "random_normal":
        assert 0.99 < np.abs(values).max() / (2 * variance**0.5 / 0.8796256610342398) <= 1


@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (4, 0), (2, 3)])
def test_any_shape_and_dtype(name, shape):
    for dtype in (np.float64, np.float32, np.float16):
        values = INITIALIZERS[name](shape, np.random.default_rng(0), dtype)
        assert np.shape(values) == shape
        assert values.dtype == dtype
