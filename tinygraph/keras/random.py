"""Keras's random draws. A compiled step draws new numbers in each run.

    noise = keras.random.normal((32, 2), seed=keras.random.SeedGenerator(1337))

A seed is a `SeedGenerator`, which goes on with each draw. None goes on, too, and follows `set_random_seed`. A whole
number gives the same numbers at each call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import bounds, draws
from tinygraph.engine.tensor import Tensor
from tinygraph.nn import floatx
from tinygraph.nn.defaults import generator_of, seeds_now

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator:
    """A source of random numbers that goes on with each draw.

    Args:
        seed: an int for the same numbers in each run; None for new ones, or for those of `set_random_seed`.
        name: the name; it is not used.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
            raise TypeError(f"SeedGenerator: the seed must be a whole number or None, got {seed!r}")
        self.seed, self.name = seed, name
        self.generator = generator_of(seed)

    def next(self, ordered: bool = True) -> Any:
        """Return two whole numbers, other ones at each call, which a function of this module takes as its seed.

        Args:
            ordered: of Keras; it changes nothing.
        """
        return np.floor(draws.uniform(self.generator, (2,)) * 2**32).astype("uint32")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        """Make a generator of what `get_config` returned."""
        return cls(**config)


class _Shared:
    """The generator of draws without a seed, made anew after `set_random_seed`."""

    seeds: Any = None
    generator: np.random.Generator | None = None


def _drawn(draw: Any, shape: Any, seed: Any) -> Any:
    """Return draws in float64: of a function of `tinygraph.draws`."""
    if isinstance(seed, SeedGenerator):
        return draw(seed.generator, tuple(shape))
    if seed is not None:
        generator = np.random.default_rng(seed)
        return generator.random(shape) if draw is draws.uniform else generator.standard_normal(shape)
    if _Shared.generator is None or _Shared.seeds is not seeds_now():
        _Shared.seeds, _Shared.generator = seeds_now(), generator_of(None)
    return draw(_Shared.generator, tuple(shape))


def _floating(call: str, dtype: Any) -> Any:
    """Return a dtype, `floatx()` for None; raise ValueError for one that is not floating."""
    wanted = np.dtype(dtype or floatx())
    if wanted.kind != "f":
        raise ValueError(f"{call}: the dtype must be floating, got {wanted.name}. Write randint for whole numbers")
    return wanted


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the normal distribution."""
    dtype = _floating("normal", dtype)
    return (_drawn(draws.normal, shape, seed) * stddev + mean).astype(dtype)


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws of the same probability between two numbers: floating ones. `randint` draws whole numbers."""
    dtype = _floating("uniform", dtype)
    return (_drawn(draws.uniform, shape, seed) * (maxval - minval) + minval).astype(dtype)


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return whole numbers from `minval` to below `maxval`."""
    if np.dtype(dtype).kind not in "iu":
        raise ValueError(f"randint: the dtype must be one of whole numbers, got {np.dtype(dtype).name}. Write uniform")
    return (np.floor(_drawn(draws.uniform, shape, seed) * (maxval - minval)) + minval).astype(dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return classes drawn by their unnormalised log-probabilities, `num_samples` for each row.

    Source: Maddison, Tarlow and Minka, "A* sampling" (2014), section 2: the largest of the logits with Gumbel noise.
    """
    values = logits.data if isinstance(logits, Tensor) else np.asarray(logits)
    if values.ndim != 2:
        raise ValueError(f"categorical: the logits have two axes, (rows, classes), got the shape {values.shape}")
    drawn = _drawn(draws.uniform, (values.shape[0], num_samples, values.shape[1]), seed)
    return np.argmax(values[:, None] - np.log(-np.log(drawn)), axis=-1).astype(dtype)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return the inputs with a share `rate` of them set to 0, and the others divided by 1 - rate."""
    rate = bounds.number("dropout", "rate", rate, least=0, most=1)
    asked = inputs.shape if noise_shape is None else noise_shape
    shape = [size if size is not None else inputs.shape[axis] for axis, size in enumerate(asked)]
    kept = _drawn(draws.uniform, shape, seed) >= rate
    return inputs * kept.astype(inputs.dtype) / ((1 - rate) or 1)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Return the parts along an axis in another order."""
    return np.take(x, np.argsort(_drawn(draws.uniform, (x.shape[axis],), seed)), axis=axis)


# The draws below are values of a quantile function at uniform draws, as a compiled step draws uniform numbers anew.


def truncated_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the normal distribution that are at most two standard deviations from the mean."""
    dtype = _floating("truncated_normal", dtype)
    special = _special("truncated_normal")
    low, high = special.ndtr(-2.0), special.ndtr(2.0)
    drawn = special.ndtri(_drawn(draws.uniform, shape, seed) * (high - low) + low)
    return (np.clip(drawn, -2, 2) * stddev + mean).astype(dtype)


def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the gamma distribution of shape `alpha` and scale 1."""
    dtype = _floating("gamma", dtype)
    return _special("gamma").gammaincinv(alpha, _drawn(draws.uniform, shape, seed)).astype(dtype)


def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the beta distribution."""
    dtype = _floating("beta", dtype)
    return _special("beta").betaincinv(alpha, beta, _drawn(draws.uniform, shape, seed)).astype(dtype)


def binomial(shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the binomial distribution: successes in `counts` trials."""
    dtype = _floating("binomial", dtype)
    special, drawn = _special("binomial"), _drawn(draws.uniform, shape, seed)
    counts = np.asarray(counts).astype(np.intp)  # SciPy warns of other numbers of trials
    above = np.ceil(special.bdtrik(drawn, counts, probabilities))
    below = np.maximum(above - 1, 0)
    return np.where(special.bdtr(below, counts, probabilities) >= drawn, below, above).astype(dtype)


def _special(call: str) -> Any:
    try:
        from scipy import special
    except ImportError:
        raise ImportError(f"{call}: it is computed with SciPy. Install it: pip install scipy") from None
    return special


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import absent

    raise absent(__name__, name, {}, __all__)
