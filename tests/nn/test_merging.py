"""Layers on lists of batches: sums, products and joins of several inputs, and their masks."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.testing import check_grads

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(3, 4, 2, 5))
STEPS = RNG.normal(size=(2, 3, 5))

MERGED = {
    "add": (nn.Add(), [A, B, C], A + B + C),
    "average": (nn.Average(), [A, B, C], (A + B + C) / 3),
    "concatenate": (nn.Concatenate(), [A, B], np.concatenate([A, B], axis=-1)),
    "concatenate examples": (nn.Concatenate(axis=0), [A, B[:1]], np.concatenate([A, B[:1]])),
    "dot": (nn.Dot(axes=(2, 2)), [A, B], np.einsum("bif,bjf->bij", A, B)),
    "dot of rows": (nn.Dot(axes=1), [A[:, 0], B[:, 0]], np.sum(A[:, 0] * B[:, 0], axis=1, keepdims=True)),
    "maximum": (nn.Maximum(), [A, B, C], np.maximum(np.maximum(A, B), C)),
    "minimum": (nn.Minimum(), [A, B, C], np.minimum(np.minimum(A, B), C)),
    "multiply": (nn.Multiply(), [A, B, C], A * B * C),
    "one of fewer axes": (nn.Add(), [STEPS, STEPS[:, 0]], STEPS + STEPS[:, :1]),
    "subtract": (nn.Subtract(), [A, B], A - B),
}
cases = pytest.mark.parametrize(("layer", "batches", "expected"), MERGED.values(), ids=MERGED)


@cases
def test_layers_of_lists_compute_what_numpy_does(layer, batches, expected):
    np.testing.assert_allclose(layer(batches), expected)
    assert layer([x.astype(np.float16) for x in batches]).dtype == np.float16


@cases
def test_gradients_of_layers_of_lists_are_right(layer, batches, expected):
    check_grads(lambda *xs: np.sum(np.sin(layer(list(xs)))), *batches, order=2)


@cases
def test_a_compiled_layer_is_the_eager_one(layer, batches, expected):
    compiled = tg.compile(lambda *xs: layer(list(xs)))
    for _ in range(2):
        np.testing.assert_allclose(compiled(*batches), expected)


@cases
def test_a_batch_without_examples_keeps_its_other_axes(layer, batches, expected):
    if "examples" not in layer.name:
        assert layer([x[:0] for x in batches]).shape[1:] == expected.shape[1:]


def test_a_layer_is_a_box():
    y = nn.Add(name="it")([tg.Tensor(A), B])
    assert {node.scope[0] for node in tg.Graph.of(y) if not node.is_input} == {"it"}


def test_masks_of_sums_count_where_one_counts():
    first, second = np.array([[True, False]]), np.array([[False, False]])
    assert np.array_equal(nn.Add().compute_mask([A, B], [first, second]), [[True, False]])
    assert nn.Add().compute_mask([A, B], [first, None]) is None
    assert nn.Dot(axes=1).compute_mask([A, B], [first, second]) is None
    joined = nn.Concatenate(axis=1).compute_mask([STEPS, STEPS], [np.ones((2, 3), bool), None])
    assert joined.shape == (2, 6)
    assert joined.all()


MISFITS = [
    (nn.Add(name="it"), A, "merges a list of batches, got one array"),
    (nn.Add(name="it"), [], "merges a list of batches"),
    (nn.Add(name="it"), [A, B[:1]], r"\(4, 2, 5\), \(1, 2, 5\) differ in their numbers of examples"),
    (nn.Multiply(name="it"), [A, B[..., :2]], "do not broadcast with each other"),
    (nn.Subtract(name="it"), [A, B, C], "a list of 2 batches, got 3"),
    (nn.Concatenate(name="it"), [A, B[:, :1]], r"\(4, 2, 5\), \(4, 1, 5\) differ in another axis than -1"),
    (nn.Dot(axes=(1, 2), name="it"), [A, B], r"2 numbers in axis 1 of \(4, 2, 5\) against 5 in axis 2"),
    (nn.Dot(axes=0, name="it"), [A, B], "cannot be summed over the axes 0"),
    (nn.Dot(axes=1, name="it"), [A], "a list of 2 batches, got 1"),
]


@pytest.mark.parametrize(("layer", "batches", "words"), MISFITS)
def test_batches_that_do_not_fit_are_refused_with_the_line(layer, batches, words):
    with pytest.raises(tg.ShapeError, match=f'{type(layer).__name__} "it": .*{words}') as e:
        layer(batches)
    assert "test_merging.py" in str(e.value)


def test_axes_that_are_no_whole_numbers_are_refused():
    with pytest.raises(TypeError, match="Dot: axes must be a whole number or two of them"):
        nn.Dot(axes=(1, 2, 3))


@pytest.mark.parametrize("second", [1, 2, 3])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_dot_is_the_tensordot_of_each_example(first, second):
    """The axes that are left stay in their order, those of the first batch before those of the second."""
    x, y = np.random.default_rng(0).normal(size=(2, 2, 3, 4, 5))
    y = np.swapaxes(y, first, second)
    expected = [np.tensordot(one, other, axes=(first - 1, second - 1)) for one, other in zip(x, y, strict=True)]
    np.testing.assert_allclose(nn.Dot((first, second), dtype="float64")([x, y]), expected, rtol=1e-12, atol=1e-14)


def test_a_cosine_does_not_depend_on_lengths():
    x, y = np.random.default_rng(0).normal(size=(2, 4, 3))
    cosines = nn.Dot(1, normalize=True, dtype="float64")
    expected = np.sum(x * y, axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    for size in (1e-5, 1.0, 1e5):
        np.testing.assert_allclose(cosines([size * x, y])[:, 0], expected, rtol=1e-12)


def test_numbers_that_a_mask_leaves_out_do_not_count():
    """Keras's results."""
    x = np.array([[[0, 0], [1, 2], [0, 0], [3, 4]]], np.float32)
    y = np.array([[[0, 0], [0, 0], [1, 2], [3, 4]]], np.float32)

    def found(kind, second):
        a, b = nn.Input((4, 2)), nn.Input((4, 2))
        mask = nn.Masking()
        model = nn.Model([a, b], getattr(nn, kind)()([mask(a), mask(b) if second else b]))
        return model([x, y if second else -y])

    np.testing.assert_array_equal(found("Multiply", True), [[[0, 0], [1, 2], [1, 2], [9, 16]]])
    np.testing.assert_array_equal(found("Multiply", False), [[[0, 0], [0, 0], [-1, -2], [-9, -16]]])
    for kind in ("Maximum", "Minimum"):
        np.testing.assert_array_equal(found(kind, True), [[[0, 0], [1, 2], [1, 2], [3, 4]]])
    np.testing.assert_array_equal(found("Maximum", False), [[[0, 0], [1, 2], [-1, -2], [3, 4]]])
    np.testing.assert_array_equal(found("Minimum", False), [[[0, 0], [0, 0], [-1, -2], [-3, -4]]])
    np.testing.assert_array_equal(found("Add", True), x + y)
