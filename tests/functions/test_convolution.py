import functools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.functions.by_channel import bytes_of_part, convolve_channels, parts_of
from tinygraph.functions.convolution import THIN, conv2d_input, conv2d_kernel
from tinygraph.functions.windows import CHUNK_BYTES
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays

from ..derivatives.laws import Call, enter, obey
from .images import convolution, convolutions


@st.composite
def of_weights(draw, of):
    x, kernel, keywords = draw(convolutions())
    y = draw(arrays(tg.conv2d(x, kernel, **keywords).shape))
    if of is conv2d_input:
        return Call((y, kernel, x.shape[1:3]), keywords)
    return Call((x, y, kernel.shape[:2]), keywords)


LAWS = enter(
    {
        tg.conv2d: convolutions().map(lambda drawn: Call(drawn[:2], drawn[2])),
        conv2d_input: of_weights(conv2d_input),
        conv2d_kernel: of_weights(conv2d_kernel),
    }
)


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


@given(convolutions(most=3))
def test_the_definition(drawn):
    x, kernel, keywords = drawn
    np.testing.assert_allclose(
        tg.conv2d(x, kernel, **keywords), convolution(x, kernel, **keywords), rtol=1e-12, atol=1e-12
    )


@given(convolutions(most=3), st.randoms(use_true_random=False))
def test_the_three_are_derivatives_of_one_sum(drawn, random):
    x, kernel, keywords = drawn
    result = tg.conv2d(x, kernel, **keywords)
    y = np.random.default_rng(random.randrange(2**32)).normal(size=result.shape)
    total = np.sum(y * result)
    by_x = conv2d_input(y, kernel, x.shape[1:3], **keywords)
    by_kernel = conv2d_kernel(x, y, kernel.shape[:2], **keywords)
    assert np.sum(by_x * x) == pytest.approx(total, rel=1e-9, abs=1e-9)
    assert np.sum(by_kernel * kernel) == pytest.approx(total, rel=1e-9, abs=1e-9)


# Both ways of copying windows, several chunks of images, and several chunks of the rows of one image.
MANY = [
    ((40, 9, 8, 1), (3, 3, 1, 4), {}),
    ((2, 130, 140, 1), (3, 3, 1, 2), {"padding": 1}),
    ((40, 9, 8, 20), (3, 2, 20, 6), {"padding": "same", "stride": 2}),
    ((2, 60, 50, 20), (3, 3, 20, 4), {"padding": ((2, 1), (0, 3)), "dilation": (2, 1)}),
    ((1, 70, 66, 32), (4, 3, 16, 4), {"groups": 2, "stride": (3, 1), "padding": 2}),
    ((30, 12, 11, 16), (3, 3, 1, 32), {"groups": 16, "padding": "same"}),
    ((3, 7, 6, 16), (3, 2, 1, 16), {"groups": 16, "padding": ((4, 0), (0, 5))}),  # windows that see padding alone
    ((30, 12, 11, 16), (3, 3, 1, 16), {"groups": 16, "padding": "same"}),
    ((2, 60, 50, 24), (3, 2, 1, 24), {"groups": 24, "padding": ((2, 1), (0, 3)), "dilation": (2, 1)}),
    ((2, 90, 50, 24), (3, 3, 1, 24), {"groups": 24, "padding": 1, "stride": (2, 1)}),
]


@functools.cache
def in_whole_numbers(case):
    """A case of MANY in float64: image, kernel and their convolution, a cotangent, and a derivative along each."""
    image, window, keywords = MANY[case]
    rng = np.random.default_rng(0)
    x, kernel = rng.integers(-3, 4, image).astype(float), rng.integers(-3, 4, window).astype(float)
    expected = convolution(x, kernel, **keywords)
    y = (rng.random(expected.shape) < 16 / expected[..., 0].size).astype(float)  # few, so that sums stay exact
    # The sum is linear in each: one direction of whole numbers tells, exactly.
    of_x, of_kernel = rng.integers(-1, 2, image).astype(float), rng.integers(-1, 2, window).astype(float)
    along_x = np.sum(convolution(of_x, kernel, **keywords) * y)
    along_kernel = np.sum(convolution(x, of_kernel, **keywords) * y)
    return x, kernel, expected, y, (of_x, along_x), (of_kernel, along_kernel)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("case", range(len(MANY)))
def test_in_chunks(case, dtype):
    x, kernel, expected, y, *along = in_whole_numbers(case)
    tensors = [tg.Tensor(item.astype(dtype)) for item in (x, kernel)]
    result = tg.conv2d(*tensors, **MANY[case][2])
    assert result.dtype == dtype
    np.testing.assert_array_equal(result.data, expected.astype(dtype))
    result.backward(y.astype(dtype))
    for tensor, (direction, derivative) in zip(tensors, along, strict=True):
        assert tensor.grad.dtype == dtype
        assert np.sum(tensor.grad.astype(np.float64) * direction) == derivative


def test_the_chunks_are_really_several():
    sizes = [np.prod(image[1:3]) * np.prod(window[:3]) * 8 for image, window, _ in MANY]
    batches = [image[0] for image, _, _ in MANY]
    assert any(size < CHUNK_BYTES < size * batch for size, batch in zip(sizes, batches, strict=True))
    assert any(size > CHUNK_BYTES for size in sizes)
    assert {window[1] * window[2] < THIN for _, window, _ in MANY} == {True, False}


def test_the_parts_of_convolutions_by_channel_are_really_several():
    shapes = [tg.conv2d(np.zeros(image), np.zeros(window), **how).shape for image, window, how in MANY[-3:]]
    parts = [parts_of(shape, 8) for shape in shapes]
    assert all(len(found) > 1 for found in parts)
    assert any(found[0][0].stop > 1 for found in parts)  # several images
    assert any(found[0][1:] != (0, shape[1]) for found, shape in zip(parts, shapes, strict=True))  # some rows of one


@pytest.mark.parametrize("stride", [1, 2])
def test_by_channel_arrays_of_one_shape_are_added_and_the_buffer_has_its_old_size(stride, monkeypatch):
    added = []
    add = np.add
    moves = ((stride, 1, 1), (stride, 1, 1))
    x, kernel = np.ones((2, 9, 8, 5)), np.ones((3, 3, 1, 5))
    y = np.empty((2, (9 - 1) // stride + 1, (8 - 1) // stride + 1, 5))
    work = np.empty(bytes_of_part(y.shape, kernel.shape, moves, 8), np.uint8)
    monkeypatch.setattr(np, "add", lambda a, b, out: (added.append((a, b)), add(a, b, out=out)))
    convolve_channels(x, kernel, moves, work, y)
    assert len(added) == 8  # the first product is no sum
    assert all(a.shape == b.shape == y.shape and b.flags.c_contiguous for a, b in added)
    assert np.getbufsize() == 8192


def test_no_matrix_of_all_windows_is_made():
    x, kernel = np.ones((64, 32, 32, 16), np.float32), np.ones((5, 5, 16, 4), np.float32)
    tg.conv2d(x[:1], kernel)
    tracemalloc.start()
    try:
        result = tg.conv2d(x, kernel)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < result.nbytes + 4 * CHUNK_BYTES  # the columns of all windows are 80 MB


def test_empty_batch():
    x, kernel = tg.Tensor(np.zeros((0, 5, 5, 2))), tg.Tensor(np.ones((3, 3, 2, 4)))
    y = tg.conv2d(x, kernel)
    assert y.shape == (0, 3, 3, 4)
    np.sum(y).backward()
    assert x.grad.shape == x.shape
    np.testing.assert_array_equal(kernel.grad, np.zeros(kernel.shape))


def test_third_order():
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 4, 3, 1)), rng.normal(size=(2, 2, 1, 2))
    check_grads(lambda x, kernel: np.tanh(tg.conv2d(x, kernel, padding=1)), x, kernel, order=3)


def test_dtypes_meet():
    kernel = np.ones((1, 1, 1, 1), np.float32)
    assert tg.conv2d(np.ones((1, 2, 2, 1), np.float64), kernel).dtype == np.float64
    assert tg.conv2d(np.ones((1, 2, 2, 1), int), kernel).dtype == np.float64
    assert tg.conv2d(np.ones((1, 2, 2, 1), np.float16), kernel).dtype == np.float32


def test_images_that_are_data_get_no_gradient():
    x, kernel = np.ones((2, 4, 4, 1), np.float32), tg.Tensor(np.ones((3, 3, 1, 2), np.float32), name="kernel")
    np.sum(tg.conv2d(x, kernel)).backward()
    assert kernel.grad.dtype == np.float32
    np.testing.assert_array_equal(kernel.grad, np.full((3, 3, 1, 2), 8))


WRONG = [
    ((2, 5, 5), (3, 3, 1, 2), {}, r"images must have the shape .* got \(2, 5, 5\). Use x\[..., np.newaxis\]"),
    ((2, 5, 5, 1), (3, 3, 2), {}, r"a kernel must have the shape .*, got \(3, 3, 2\)"),
    ((2, 5, 5, 3), (3, 3, 1, 2), {}, r"\(2, 5, 5, 3\) have 3 channels, a kernel of shape \(3, 3, 1, 2\) takes 1"),
    ((2, 5, 5, 4), (3, 3, 4, 2), {"groups": 2}, r"takes 4 in each of 2 groups"),
    ((2, 5, 5, 4), (3, 3, 2, 3), {"groups": 2}, r"3 filters.* do not divide into 2 groups"),
    ((2, 5, 4, 1), (3, 6, 1, 2), {}, r"window of \(3, 6\) does not fit into an image of \(5, 4\).*padding=\"same\""),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"dilation": 3}, r"7 wide with a dilation of 3"),
    ((2, 0, 5, 1), (3, 3, 1, 2), {"padding": 2}, r"image of \(0, 5\)"),
    ((2, 5, 5, 1), (0, 3, 1, 2), {}, r"a kernel of shape \(0, 3, 1, 2\) has nothing in it"),
    ((2, 5, 5, 0), (3, 3, 0, 2), {}, r"nothing in it"),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"stride": 0}, r"stride must be at least 1, got 0"),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"stride": (1, 2, 3)}, r"stride must be one value or two"),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"padding": -1}, r"padding must be at least 0, got -1"),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"padding": "full"}, r"padding must be \"valid\", \"same\", .* got 'full'"),
    ((2, 5, 5, 1), (3, 3, 1, 2), {"groups": 0}, r"groups must be at least 1"),
]


@pytest.mark.parametrize("kind", [np.asarray, tg.Tensor])
@pytest.mark.parametrize(("image", "window", "keywords", "words"), WRONG)
def test_what_does_not_fit(image, window, keywords, words, kind):
    with pytest.raises(tg.ShapeError, match=f"conv2d: {'.*' if not words.startswith('images') else ''}{words}") as e:
        tg.conv2d(kind(np.ones(image)), kind(np.ones(window)), **keywords)
    assert "test_convolution.py" in str(e.value)


def test_errors_name_the_scope():
    with pytest.raises(tg.ShapeError, match='in scope "block / first"'), tg.scope("block"), tg.scope("first"):
        tg.conv2d(np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1)))


def test_what_is_no_number():
    with pytest.raises(TypeError, match=r"stride must be an int or two, got 1\.5"):
        tg.conv2d(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)), stride=1.5)


def test_weights_of_another_shape():
    with pytest.raises(tg.ShapeError, match=r"the convolution has the shape \(1, 2, 2, 1\), but y has \(1, 3, 2, 1\)"):
        conv2d_input(np.ones((1, 3, 2, 1)), np.ones((3, 3, 1, 1)), (4, 4))
    with pytest.raises(tg.ShapeError, match="the convolution has the shape"):
        conv2d_kernel(np.ones((1, 4, 4, 1)), np.ones((1, 3, 2, 1)), (3, 3))


def test_in_the_graph_it_is_one_node():
    kernel = tg.Tensor(np.ones((2, 2, 1, 1)))
    y = tg.conv2d(np.ones((1, 3, 3, 1)), kernel, padding="same")
    node = tg.Graph.of(y).outputs[0]
    assert node.op == "conv2d"
    assert node.source.text.startswith("y = tg.conv2d(")
