"""Keras's random draws. A compiled step draws new numbers in each run.

    noise = keras.random.normal((32, 2), seed=keras.random.SeedGenerator(1337))

A seed is a `SeedGenerator`, which goes on with each draw. None goes on, too, and follows `set_random_seed`. A whole
number gives the same numbers at each call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph import draws
from tinygraph.engine.tensor import Tensor
from tinygraph.nn import floatx
from tinygraph.nn.defaults import generator_of, seeds_now

__all__ = ["SeedGenerator", "categorical", "dropout", "normal", "randint", "shuffle", "uniform"]


class SeedGenerator:
    """A source of random numbers that goes on with each draw.

    Args:
        seed: an int for the same numbers in each run; None for new ones, or for those of `set_random_seed`.
        name: the name; it is not used.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.generator = generator_of(seed)


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


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws from the normal distribution."""
    return (_drawn(draws.normal, shape, seed) * stddev + mean).astype(dtype or floatx())


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Any:
    """Return draws of the same probability between two numbers."""
    return (_drawn(draws.uniform, shape, seed) * (maxval - minval) + minval).astype(dtype or floatx())


def randint(shape: Any, minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return whole numbers from `minval` to below `maxval`."""
    return (np.floor(_drawn(draws.uniform, shape, seed) * (maxval - minval)) + minval).astype(dtype)


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Return classes drawn by their unnormalised log-probabilities, `num_samples` for each row.

    Source: Maddison, Tarlow and Minka, "A* sampling" (2014), section 2: the largest of the logits with Gumbel noise.
    """
    values = logits.data if isinstance(logits, Tensor) else np.asarray(logits)
    drawn = _drawn(draws.uniform, (values.shape[0], num_samples, values.shape[1]), seed)
    return np.argmax(values[:, None] - np.log(-np.log(drawn)), axis=-1).astype(dtype)


def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
    """Return the inputs with a share `rate` of them set to 0, and the others divided by 1 - rate."""
    kept = _drawn(draws.uniform, noise_shape or inputs.shape, seed) >= rate
    return inputs * kept.astype(inputs.dtype) / (1 - rate)


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Return the parts along an axis in another order."""
    return np.take(x, np.argsort(_drawn(draws.uniform, (x.shape[axis],), seed)), axis=axis)


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import absent

    table = dict.fromkeys(
        ("beta", "binomial", "gamma", "truncated_normal"),
        "np.random.default_rng(), whose draws are constants in a compiled step",
    )
    raise absent(__name__, name, table, __all__)
