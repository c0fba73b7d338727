"""A workload: weights, a batch, and the loss in the words of each library, in one or several spellings."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = Any
Weights = dict[str, Any]


@dataclass(frozen=True)
class Adam:
    """Adam, with the defaults of Keras."""

    rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class Descent:
    """Plain gradient descent."""

    rate: float


@dataclass(frozen=True)
class Spelling:
    """A workload as one writes it.

    Attributes:
        family: of the library whose words it uses.
        name: a few words.
        build: the loss, called with the words, the weights by name and the arrays. For "by hand" a function that
            makes a step, for Keras one that makes a model.
        arrays: the batch.
    """

    family: str
    name: str
    build: Callable[..., Any]
    arrays: tuple[Array, ...]


@dataclass
class Workload:
    """The same work in several spellings.

    Attributes:
        name: of the work, for the report.
        starts: the weights, by name.
        optimizer: makes a training step of the loss; without one the work is its value and gradient.
        stages: the names of the weights that each loss trains, where there are several losses in turn; a spelling is
            then called with the number of its `stage`.
        unit, units: what a time is divided by, and how many of them a call has.
        close: the relative difference of losses that is allowed. PyTorch adds Adam's epsilon at another place.
        spellings: all of them; the first of a family is the one beside other libraries.
        drawing: makes another spelling in NumPy's words, of choices drawn at random: its name, its loss and its batch.
        aim, eager_aim: for compiled tinygraph over the fastest library, and eager over PyTorch eager, the largest
            ratio that is wanted.
        aims: those for a single library.
        without: libraries that do not take part.
        fast: compiled with `fast=True`, too, where it is compiled at all.
        whole: each spelling makes a whole step by itself, as those by hand do.
    """

    name: str
    starts: dict[str, Array]
    optimizer: Adam | Descent | None = None
    stages: tuple[tuple[str, ...], ...] = ()
    unit: str = "step"
    units: int = 1
    close: float = 1e-3
    aim: float | None = None
    eager_aim: float | None = None
    aims: dict[str, float] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    whole: bool = False
    fast: bool = True
    drawing: Callable[[random.Random], tuple[str, Callable[..., Any], tuple[Array, ...]]] | None = None
    spellings: list[Spelling] = field(default_factory=list)

    def spelling(self, family: str, name: str, *arrays: Array) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Enter the function below as a spelling."""

        def entered(build: Callable[..., Any]) -> Callable[..., Any]:
            self.spellings.append(Spelling(family, name, build, arrays))
            return build

        return entered

    def draw(self, count: int, seed: int) -> None:
        """Enter so many spellings that are drawn at random, where the workload can; none twice."""
        draws = random.Random(seed)
        wanted = len(self.spellings) + (count if self.drawing is not None else 0)
        while self.drawing is not None and len(self.spellings) < wanted:
            name, build, arrays = self.drawing(draws)
            if all(spelling.name != name for spelling in self.spellings):
                self.spellings.append(Spelling("numpy", name, build, arrays))

    def of(self, family: str) -> list[Spelling]:
        return [spelling for spelling in self.spellings if spelling.family == family]

    def losses(self, spelling: Spelling) -> list[Callable[..., Any]]:
        """The losses of a spelling, one for each stage, called with the words, the weights and the arrays."""
        if not self.stages:
            return [spelling.build]
        return [functools.partial(spelling.build, stage=place) for place in range(len(self.stages))]

    def trained(self) -> tuple[tuple[str, ...], ...]:
        """The names of the weights that each loss trains."""
        return self.stages or (tuple(self.starts),)


def uniform(rng: Any, *shape: int) -> Array:
    """Weights of a layer with `shape[0]` inputs."""
    return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def one_hot(rng: Any, classes: int, *shape: int) -> tuple[Array, Array]:
    """Labels drawn at random, and the same as rows with a one."""
    labels = rng.integers(0, classes, shape)
    return labels, np.eye(classes, dtype=np.float32)[labels]


def numbers(value: Any, gradients: Any) -> list[float]:
    """A value and some elements of its gradients, which all libraries must agree on."""
    found = [float(value)]
    for gradient in gradients:
        flat = np.asarray(gradient).ravel()
        found += [float(flat[place]) for place in sorted({0, flat.size // 2, flat.size - 1})]
    return found
