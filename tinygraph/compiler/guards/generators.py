"""Random generators: their states, which a recording compares and puts back."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np

__all__ = ["EVERYBODYS", "GENERATORS", "same_state", "set_state", "state_of"]

GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
# The generators that `np.random.rand` and `random.random` draw from. Every function finds them.
EVERYBODYS = ((np.random.mtrand._rand, "np.random"), (random._inst, "random"))


def state_of(generator: Any) -> Any:
    """Return the state of a random generator."""
    if isinstance(generator, np.random.Generator):
        # A generator that spawns others counts them, which cannot be taken back.
        return generator.bit_generator.state, getattr(generator.bit_generator.seed_seq, "n_children_spawned", 0)
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.state if isinstance(generator, np.random.BitGenerator) else generator.getstate()


def set_state(generator: Any, state: Any) -> None:
    """Put a random generator back into a state."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state[0]
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    elif isinstance(generator, np.random.BitGenerator):
        generator.state = state
    else:
        generator.setstate(state)


def same_state(one: Any, other: Any) -> bool:
    """Return whether two states are the same. There are arrays in them, so their bytes are compared."""
    return pickle.dumps(one) == pickle.dumps(other)
