"""An einsum of two arrays is a product of matrices in a program, and stays what it is everywhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import operations, program_of
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.rewrites import contractions
from tinygraph.compiler.rewrites.contractions import contractions_as_products


@pytest.fixture(autouse=True, scope="module")
def _also_small() -> Any:
    before, contractions.MULTIPLICATIONS = contractions.MULTIPLICATIONS, 0
    yield
    contractions.MULTIPLICATIONS = before


@st.composite
def expressions(draw: Any) -> tuple[str, list[tuple[int, ...]]]:
    """An expression that is a product of matrices, and the shapes of its operands."""
    letters = iter("dacbfehgikjl")
    least, most = (0, 0, 0, 1, 0, 0), (2, 2, 2, 2, 1, 1)
    rows, mine, others, summed, alone, besides = (
        [next(letters) for _ in range(draw(st.integers(*bounds)))] for bounds in zip(least, most, strict=True)
    )
    left, right, result = (
        "".join(draw(st.permutations(part)))
        for part in (rows + mine + summed + alone, rows + others + summed + besides, rows + mine + others)
    )
    sizes = {letter: draw(st.integers(1, 4)) for letter in left + right}
    return f"{left},{right}->{result}", [tuple(map(sizes.__getitem__, term)) for term in (left, right)]


@given(expressions(), st.sampled_from([np.float32, np.float64]))
def test_every_contraction_becomes_a_product(expression, dtype):
    subscripts, shapes = expression
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    graph = contractions_as_products(steps_of(program_of(lambda x, y: np.einsum(subscripts, x, y), [x, y])))
    assert "matmul" in operations(graph) and "einsum" not in operations(graph)

    def value(x: Any, y: Any) -> Any:
        return np.sum(np.sin(np.einsum(subscripts, x, y)))

    compiled, eager = (wrap(tg.value_and_grad(value, argnums=(0, 1))) for wrap in (tg.compile, lambda f: f))
    rtol = 1e-10 if dtype is np.float64 else 1e-4
    (found, slopes), (expected, rises) = compiled(x, y), eager(x, y)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
    for slope, rise in zip(slopes, rises, strict=True):
        assert slope.dtype == rise.dtype and slope.shape == rise.shape
        np.testing.assert_allclose(slope, rise, rtol=rtol, atol=rtol)


OTHERS = {
    "a diagonal": ("iij,jk->ik", (3, 3, 4), (4, 5)),
    "an axis that is repeated": ("ij,jk->ik", (3, 1), (4, 5)),
    "an ellipsis": ("...j,jk->...k", (3, 4), (4, 5)),
    "no elements": ("ij,jk->ik", (0, 4), (4, 5)),
    "an ellipsis for no axes": ("ij...,jk->ik", (3, 4), (4, 5)),
}


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_is_no_product_of_matrices_stays(name):
    subscripts, *shapes = OTHERS[name]
    x, y = (np.ones(shape) for shape in shapes)
    graph = steps_of(program_of(lambda x, y: np.einsum(subscripts, x, y), [x, y]))
    assert contractions_as_products(graph) is graph
    np.testing.assert_allclose(tg.compile(lambda x, y: np.einsum(subscripts, x, y))(x, y), np.einsum(subscripts, x, y))


@pytest.mark.parametrize("subscripts", ["ij,ik->ijk", "ij,ik->kji", "ijl,ik->ijk", "ijl,k->kj", "ij,jk->jki"])
def test_products_that_add_nothing_up_are_made_by_broadcasting(subscripts):
    sizes = {"i": 3, "j": 4, "k": 5, "l": 2}
    terms = subscripts.partition("->")[0].split(",")
    x, y = (np.random.default_rng(seed).normal(size=[sizes[c] for c in term]) for seed, term in enumerate(terms))
    compiled = tg.compile(lambda x, y: np.einsum(subscripts, x, y))
    np.testing.assert_allclose(compiled(x, y), np.einsum(subscripts, x, y), rtol=1e-12)
    assert "np.multiply(" in compiled.source
    pulled = tg.grad(lambda x, y: np.sum(np.sin(np.einsum(subscripts, x, y))), argnums=(0, 1))
    for found, expected in zip(tg.compile(pulled)(x, y), pulled(x, y), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_integers_and_small_sums_stay_with_einsum():
    x = np.arange(12).reshape(3, 4)
    graph = steps_of(program_of(lambda x, y: np.einsum("ij,kj", x, y), [x, x]))
    assert contractions_as_products(graph) is graph
    assert np.array_equal(tg.compile(lambda x: np.einsum("ij,kj", x, x))(x), x @ x.T)
    contractions.MULTIPLICATIONS = 100
    try:
        small = steps_of(program_of(lambda x, y: np.einsum("ij,kj", x, y), [x * 1.0, x * 1.0]))
        assert contractions_as_products(small) is small
    finally:
        contractions.MULTIPLICATIONS = 0


def test_operands_of_two_dtypes_and_other_keywords_stay_with_einsum():
    x, y = np.ones((3, 4)), np.ones((4, 5), np.float32)
    mixed = steps_of(program_of(lambda x, y: np.einsum("ij,jk->ik", x, y), [x, y]))
    assert contractions_as_products(mixed) is mixed
    for keywords in ({"dtype": np.float64}, {"order": "F"}, {"casting": "same_kind"}):
        compiled = tg.compile(lambda x, keywords=keywords: np.einsum("ij,jk->ik", x, x.T, **keywords))
        expected = np.einsum("ij,jk->ik", x, x.T, **keywords)
        np.testing.assert_allclose(compiled(x), expected)
        assert compiled(x).dtype == expected.dtype


def test_blanks_among_the_letters_mean_nothing():
    x, y = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(4, 5)
    graph = steps_of(program_of(lambda x, y: np.einsum(" i j , j k -> k i ", x, y), [x, y]))
    assert "matmul" in operations(contractions_as_products(graph))
    compiled = tg.compile(lambda x, y: np.einsum(" i j , j k -> k i ", x, y))
    np.testing.assert_allclose(compiled(x, y), np.einsum("ij,jk->ki", x, y))


@pytest.mark.parametrize(("length", "becomes"), [(5, True), (4, False)])
def test_the_least_product_has_as_many_multiplications_as_the_limit(length, becomes):
    contractions.MULTIPLICATIONS = 100
    try:
        x, y = np.ones((4, length)), np.ones((length, 5))
        graph = steps_of(program_of(lambda x, y: np.einsum("ij,jk->ik", x, y), [x, y]))
        assert ("matmul" in operations(contractions_as_products(graph))) is becomes
    finally:
        contractions.MULTIPLICATIONS = 0


def test_without_an_arrow_the_letters_of_the_result_are_in_order():
    x, y = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(4, 5)
    compiled = tg.compile(lambda x, y: (np.einsum("ba,ac", x, y), np.einsum("cb,ba", x, y)))
    for found, subscripts in zip(compiled(x, y), ("ba,ac", "cb,ba"), strict=True):
        np.testing.assert_allclose(found, np.einsum(subscripts, x, y))
    assert "einsum" not in "".join(line for line in compiled.source.splitlines() if "#" not in line)
