"""Every name in a program means one thing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.compiler.naming import TakenNames

WISHES = st.lists(st.sampled_from(["x", "y", "x_2", "x_2_2", "x_3"]), max_size=30)


@given(WISHES, WISHES)
def test_names_are_taken_once_and_as_they_are_wished_for_where_they_are_free(
    before: list[str], wishes: list[str]
) -> None:
    names = TakenNames(before)
    taken = set(before)
    for wish in wishes:
        name = names.take(wish)
        assert name not in taken and name in names
        assert name == wish if wish not in taken else name.startswith(f"{wish}_")
        taken.add(name)


def test_gradients_are_called_after_the_factors_that_they_belong_to() -> None:
    def loss(x: tg.Tensor, w: tg.Tensor, v: tg.Tensor) -> tg.Tensor:
        hidden = np.tanh(x @ w)
        output = hidden @ v
        return np.sum(output * output)

    rng = np.random.default_rng(0)
    compiled = tg.compile(tg.grad(loss, argnums=(1, 2)))
    compiled(rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 3)))
    for line in ("np.dot(hidden_T, d_output, out=d_v)", "np.dot(d_output, v_T, out=d_hidden)"):
        assert line in compiled.source, compiled.source
