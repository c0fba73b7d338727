"""Initialisers: functions that make the first values of weights from a shape, a generator and a dtype.

The variance of a sum of n terms is n times the variance of a term. So the variance of weights is `scale` ÷ n, where n
is the number of inputs (fan in), of outputs (fan out), or their mean: signals keep their size from layer to layer.

An initialiser with a `seed` makes the same values at each call. One without draws from the generator that it is given,
the layer's.

    layer = tg.nn.Dense(10, kernel_initializer=tg.nn.initializers.HeNormal(seed=1))

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010); He,
Zhang, Ren and Sun, "Delving deep into rectifiers" (2015); LeCun, Bottou, Orr and Müller, "Efficient backprop" (1998).
Names and numbers are those of Keras.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.nn.configured import Configured, Family

__all__ = [
    "INITIALIZERS",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "Seed",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "checked",
    "deserialize",
    "get",
    "initializer_of",
    "serialize",
]

Array = NDArray[Any]
Initializer = Callable[[tuple[int, ...], np.random.Generator, Any], Array]
Seed = int | np.random.Generator | None

# The standard deviation of a standard normal distribution cut off at two standard deviations.
CUT = 0.87962566103423978
MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("uniform", "truncated_normal", "untruncated_normal")


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return fan in and fan out of a kernel: the inputs of one output, and the outputs of one input.

    The last two axes are inputs and outputs; the axes before them are the window.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def truncated(shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Return standard normal numbers, those beyond two standard deviations drawn again."""
    values = np.asarray(generator.standard_normal(shape))
    while (far := np.abs(values) > 2).any():
        values[far] = generator.standard_normal(np.count_nonzero(far))
    return values


class _Made(Configured):
    """The base of initialisers: `_make` computes the values, in float64."""

    seed: int | None = None

    def __call__(
        self, shape: tuple[int, ...], generator: np.random.Generator | None = None, dtype: Any = np.float32
    ) -> Array:
        """Return an array of this shape and dtype.

        Args:
            shape: the shape.
            generator: draws the numbers where the initialiser has no seed; None for new numbers in each run.
            dtype: the dtype.
        """
        if generator is not None and not isinstance(generator, np.random.Generator):
            raise TypeError(
                f"{type(self).__name__}: the second argument is a NumPy generator, got {generator!r}. Write dtype="
            )
        if generator is None or self.seed is not None:
            generator = np.random.default_rng(self.seed)
        return np.asarray(self._make(tuple(shape), generator)).astype(dtype)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        raise NotImplementedError

    def _with_seed(self, seed: int | None) -> None:
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int | np.integer)):
            raise TypeError(
                f"{type(self).__name__}: seed must be an int or None, got {seed!r}. A generator goes to the layer, "
                "Dense(3, seed=generator)"
            )
        self.seed = None if seed is None else int(seed)


class Zeros(_Made):
    """Zeros."""

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.zeros(shape)


class Ones(_Made):
    """Ones."""

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.ones(shape)


class Constant(_Made):
    """One number everywhere, or the numbers of a list that broadcasts to the shape.

    Args:
        value: the number, or a list of numbers.
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return np.broadcast_to(self.value, shape)


class RandomUniform(_Made):
    """Numbers that are equally likely between two bounds.

    Args:
        minval, maxval: the bounds.
        seed: the seed of the numbers; None for those of the layer.
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval = minval, maxval
        self._with_seed(seed)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return generator.uniform(self.minval, self.maxval, shape)


class RandomNormal(_Made):
    """Normally distributed numbers.

    Args:
        mean, stddev: their mean and standard deviation.
        seed: the seed of the numbers; None for those of the layer.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        self._with_seed(seed)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return self.mean + self.stddev * generator.standard_normal(shape)


class TruncatedNormal(_Made):
    """Normally distributed numbers; those beyond two standard deviations are drawn again.

    Args:
        mean, stddev: mean and standard deviation before the cut.
        seed: the seed of the numbers; None for those of the layer.
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev = mean, stddev
        self._with_seed(seed)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        return self.mean + self.stddev * truncated(shape, generator)


class VarianceScaling(_Made):
    """Random numbers of variance `scale` ÷ n.

    Args:
        scale: 1 after a linear function or tanh, 2 after relu, which lets half of the signal through.
        mode: n is "fan_in", "fan_out", or their mean, "fan_avg".
        distribution: "uniform", "truncated_normal" (cut off at two standard deviations, "normal" for short) or
            "untruncated_normal".
        seed: the seed of the numbers; None for those of the layer.

    Raises:
        ValueError: `scale` is not positive, or there is no such mode or distribution.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if not scale > 0:
            raise ValueError(f"VarianceScaling: scale must be positive, got {scale!r}")
        for name, given, known in (("mode", mode, MODES), ("distribution", distribution, DISTRIBUTIONS)):
            if given not in known:
                raise ValueError(f"VarianceScaling: {name} must be one of {', '.join(known)}; got {given!r}")
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self._with_seed(seed)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        inputs, outputs = fans(shape)
        n = {"fan_in": inputs, "fan_out": outputs, "fan_avg": (inputs + outputs) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(n, 1))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * deviation
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return deviation * generator.standard_normal(shape)
        return truncated(shape, generator) * (deviation / CUT)


class GlorotUniform(VarianceScaling):
    """Uniform numbers of variance 1 ÷ the mean of fan in and fan out. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "uniform", seed)


class GlorotNormal(VarianceScaling):
    """Normal numbers of variance 1 ÷ the mean of fan in and fan out, cut off. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal", seed)


class HeUniform(VarianceScaling):
    """Uniform numbers of variance 2 ÷ fan in. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "uniform", seed)


class HeNormal(VarianceScaling):
    """Normal numbers of variance 2 ÷ fan in, cut off. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal", seed)


class LecunUniform(VarianceScaling):
    """Uniform numbers of variance 1 ÷ fan in. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "uniform", seed)


class LecunNormal(VarianceScaling):
    """Normal numbers of variance 1 ÷ fan in, cut off. `seed` is their seed."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal", seed)


class Orthogonal(_Made):
    """A matrix whose columns, or rows if there are fewer, are orthogonal and of one length.

    All axes before the last one count as rows.

    Args:
        gain: the length.
        seed: the seed of the numbers; None for those of the layer.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks" (2013); Mezzadri, "How to generate random matrices from the classical compact groups" (2006), for the
    signs that make every such matrix equally likely.
    """

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain = gain
        self._with_seed(seed)

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: a shape must have two axes or more, got {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q = q * np.sign(np.diagonal(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


class Identity(_Made):
    """A matrix with one number on its diagonal and zeros elsewhere.

    Args:
        gain: the number.
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def _make(self, shape: tuple[int, ...], generator: np.random.Generator) -> Any:
        if len(shape) != 2:
            raise ValueError(f"Identity: a shape must have two axes, got {shape}")
        return self.gain * np.eye(*shape)


_FAMILY: Family[Initializer] = Family(
    "an initialiser",
    [
        Zeros, Ones, Constant, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling, GlorotUniform,
        GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, Identity,
    ],
    {"uniform": RandomUniform, "normal": RandomNormal, "zero": Zeros, "one": Ones},
)  # fmt: skip
serialize, deserialize, SMALL = _FAMILY.serialize, _FAMILY.deserialize, _FAMILY.names

# The initialisers that need no arguments, by name.
INITIALIZERS: dict[str, Initializer] = {name: cls() for name, cls in _FAMILY.names.items()}


def get(given: Any) -> Any:
    """Return the initialiser of a name, a class or a description; a function stays itself, and so does None.

    A function of shape and dtype, as Keras has them, becomes one of shape, generator and dtype.

    Raises:
        ValueError: no initialiser has this name.
    """
    return None if given is None else initializer_of(given)


def initializer_of(given: Any) -> Initializer:
    """Return the initialiser of a name, a class or a description; a function stays itself.

    Raises:
        ValueError: no initialiser has this name.
    """
    made = _FAMILY.get(given)
    is_own = inspect.isfunction(made) or not type(made).__module__.startswith("tinygraph.nn.")
    return _without_generator(made) if is_own and callable(made) and _takes_dtype_second(made) else made


def _takes_dtype_second(function: Any) -> bool:
    return list(inspect.signature(function).parameters)[1:2] == ["dtype"]


def _without_generator(function: Callable[..., Any]) -> Initializer:
    return lambda shape, generator, dtype: np.asarray(function(shape, dtype=dtype), dtype)


def checked(given: Any) -> Any:
    """Check an initialiser, and return it as it was given: a name can be pickled, and read."""
    initializer_of(given)
    return given
