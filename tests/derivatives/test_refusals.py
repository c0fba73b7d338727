"""A function that would write into a Tensor, or drop its graph, says so and names the one to use instead."""

import numpy as np
import pytest
from hypothesis import strategies as st

import tinygraph as tg

from .laws import enter

# Text has no derivative; the test is below.
enter({np.array_str: st.nothing(), np.array_repr: st.nothing()})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: np.copyto(np.zeros(2), t), "copyto: .*import tinygraph.numpy as np"),
        (lambda t: np.save("nowhere.npy", t), "save: .*t.data"),
        (lambda t: np.savetxt("nowhere.txt", t), "savetxt: .*t.data"),
    ],
)
def test_a_refusal_names_a_way_out(call, words):
    with pytest.raises(tg.UnsupportedError, match=words):
        call(tg.Tensor([1.0, 2.0]))


def test_arrays_print_as_their_values():
    t = tg.Tensor([1.0, 2.5])
    assert np.array2string(t) == np.array_str(t) == "[1.  2.5]"
    assert np.array_repr(t) == "array([1. , 2.5])"
    assert np.array_str(t[1]) == np.array2string(t[1]) == "2.5"
    assert np.array_repr(t[1]) == "array(2.5)"
