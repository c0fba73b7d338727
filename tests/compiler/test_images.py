"""Compiled convolution and pooling equal what tinygraph does eagerly, whole or a few images at a time."""

from __future__ import annotations

import functools
import runpy
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import program_of, without
from tinygraph.compiler.kernels import images, places, winograd
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rewrites.pooling_blocks import pool_places, windows_once
from tinygraph.compiler.rewrites.pooling_first import crop_to_pool, pool_first
from tinygraph.compiler.rewrites.summing_pixels import sums_by_product
from tinygraph.compiler.rewrites.winograd_form import winograd_form
from tinygraph.compiler.saving import save_program
from tinygraph.compiler.schedule import batch as batch_fusion
from tinygraph.compiler.schedule import batches, division
from tinygraph.compiler.schedule.batch import Batch
from tinygraph.functions import by_channel

pytestmark = pytest.mark.usefixtures("double_precision")


def recorded(function, arguments):
    """The value and the gradients of a function of arrays, or of the sum of what it gives, and its program."""

    def total(*given):
        result = function(*given)
        return np.sum(np.tanh(result)) if result.shape else result

    both = tg.value_and_grad(total, argnums=tuple(range(len(arguments))))
    compiled = tg.compile(both)
    compiled(*arguments)
    return both, compiled.program


def equal(function, *arguments, rtol=1e-9, **options):
    """Compile a function with its gradients, and compare with what it gives eagerly."""
    both, program = recorded(function, arguments)
    runner = compile_program(program, **options)
    for arrays in (arguments, [(argument * 0.9).astype(argument.dtype) for argument in arguments], arguments):
        value, gradients = both(*arrays)
        found, others = runner.run(arrays)
        for one, other in zip([found, *others], [value, *gradients], strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    return runner


@st.composite
def convolutions(draw):
    groups, inside = draw(st.sampled_from([(1, 1), (1, 3), (2, 2), (1, 20), (3, 1)]))
    size = draw(st.tuples(st.integers(3, 7), st.integers(3, 7)))
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.sampled_from(["valid", "same", 1, ((0, 2), (1, 0))]))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    dilation = draw(st.sampled_from([1, (1, 2)])) if size[1] > 4 else 1
    batch, filters = draw(st.integers(1, 5)), groups * draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.normal(size=(batch, *size, groups * inside))
    return x, rng.normal(size=(*kernel, inside, filters)), (stride, padding, dilation, groups)


@given(convolutions())
@settings(max_examples=40, deadline=None)
def test_convolution_and_its_gradients(case):
    x, kernel, how = case
    equal(lambda x, k: tg.conv2d(x, k, *how), x, kernel)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_channels_by_themselves(dtype, tmp_path):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(6, 9, 8, 5)).astype(dtype), rng.normal(size=(3, 3, 1, 5)).astype(dtype)
    function = functools.partial(tg.conv2d, stride=2, padding=1, groups=5)
    runner = equal(function, x, kernel, rtol={np.float64: 1e-12, np.float32: 1e-5, np.float16: 2e-2}[dtype])
    names = ("convolve_channels", "convolve_channels_input", "convolve_channels_kernel")
    assert {getattr(by_channel, name) for name in names} < {step.function for step in runner.graph.nodes}

    @tg.compile
    def moved(x, kernel):
        return function(x, kernel)

    expected = moved(x, kernel)
    moved.save(tmp_path / "moved.py")
    np.testing.assert_array_equal(runpy.run_path(str(tmp_path / "moved.py"))["moved"](x, kernel), expected)


@given(
    st.integers(1, 4), st.tuples(st.integers(3, 7), st.integers(3, 7)), st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([None, 1, 2, (3, 1)]), st.sampled_from(["valid", "same"]), st.booleans(), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_pooling_and_its_gradient(batch, size, window, stride, padding, ties, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (batch, *size, 2)) * 1.0 if ties else rng.normal(size=(batch, *size, 2))
    weight = rng.normal(size=tg.max_pool2d(x, window, stride, padding).shape)
    equal(lambda x, weight: np.sum(tg.max_pool2d(x, window, stride, padding) * weight), x, weight)


@given(
    st.integers(1, 4), st.tuples(st.integers(3, 7), st.integers(3, 7)), st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from([None, 1, 2, (3, 1)]), st.sampled_from(["valid", "same"]), st.booleans(), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_mean_of_windows_and_its_gradient(batch, size, window, stride, padding, padded, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, *size, 2))
    weight = rng.normal(size=tg.avg_pool2d(x, window, stride, padding).shape)
    runner = equal(lambda x, weight: np.sum(tg.avg_pool2d(x, window, stride, padding, padded) ** 2 * weight), x, weight)
    functions = {step.function for step in runner.graph.nodes}
    assert {images.pool_mean, images.pool_mean_input} < functions


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_mean_of_windows_of_other_dtypes(dtype):
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 2)).astype(dtype)
    equal(lambda x: tg.avg_pool2d(x, 2), x, rtol={np.float32: 1e-5, np.float16: 2e-2}[dtype])


def test_a_network_with_means_goes_image_by_image(monkeypatch):
    def network(x, k, y):
        pooled = tg.avg_pool2d(tg.relu(tg.conv2d(x, k)), 2)
        return tg.cross_entropy(np.mean(pooled, axis=(1, 2)), y, from_logits=True)

    monkeypatch.setattr(batch_fusion, "IMAGE_BYTES", 4_000)
    rng = np.random.default_rng(0)
    y = np.eye(4)[rng.integers(0, 4, 6)]
    runner = equal(network, rng.normal(size=(6, 10, 10, 2)), rng.normal(size=(3, 3, 2, 4)), y)
    (batch,) = [item for item in runner.plan.items if isinstance(item, Batch)]
    assert {images.pool_mean, images.pool_mean_input, images.convolve_kernel} < {step.function for step in batch.steps}


def classifier(x, k1, b1, k2, b2, w, y):
    """A small network for images, and its loss."""
    x = tg.max_pool2d(tg.relu(tg.conv2d(x, k1) + b1), 2)
    x = tg.max_pool2d(tg.relu(tg.conv2d(x, k2, 1, "same") + b2), 2)
    return tg.cross_entropy(x.reshape(x.shape[0], -1) @ w, y, from_logits=True)


def classifier_arguments(dtype=np.float64, batch=6, size=13, channels=(4, 3)):
    rng = np.random.default_rng(0)
    left = ((size - 2) // 2) // 2
    y = np.eye(5)[rng.integers(0, 5, batch)]
    few, many = channels
    arguments = [
        rng.normal(size=(batch, size, size, 2)), rng.normal(size=(3, 3, 2, few)), rng.normal(size=few),
        rng.normal(size=(3, 3, few, many)), rng.normal(size=many), rng.normal(size=(left * left * many, 5)), y,
    ]  # fmt: skip
    return [np.asarray(argument, dtype) for argument in arguments]


REWRITES = [pool_first, crop_to_pool, winograd_form, windows_once, pool_places, sums_by_product]


@pytest.mark.parametrize("left_out", [None, *REWRITES], ids=lambda rewrite: getattr(rewrite, "__name__", "none"))
@pytest.mark.parametrize("channels", [(4, 3), (16, 17)])
def test_a_network_with_each_rewrite_of_images_left_out(left_out, channels):
    equal(classifier, *classifier_arguments(channels=channels), phases=without(left_out))


@pytest.mark.parametrize("batch", [2, 3, 7, 16])
def test_a_few_images_at_a_time_on_two_threads(batch, monkeypatch):
    monkeypatch.setattr(batch_fusion, "IMAGE_BYTES", 4_000)  # two or so
    monkeypatch.setattr("tinygraph.compiler.schedule.division.TWO_THREADS", 0)
    for channels in ((4, 3), (16, 16)):
        runner = equal(classifier, *classifier_arguments(batch=batch, channels=channels), threads=2)
        assert "in_two(" in runner.source
    assert sys.getswitchinterval() > 1e-3


@pytest.mark.parametrize("blocks", [True, False])
def test_images_go_into_the_work_memory_as_many_as_fit(monkeypatch, blocks):
    monkeypatch.setattr("tinygraph.compiler.write.allocations.WORK_BYTES", 64)
    for channels in ((4, 3), (16, 16)):
        equal(classifier, *classifier_arguments(batch=5, channels=channels), blocks=blocks)


def test_without_blocks_the_functions_are_called_on_the_whole_batch():
    runner = equal(classifier, *classifier_arguments(), blocks=False)
    assert "work[0]" in runner.source


@given(
    st.tuples(st.integers(3, 8), st.integers(3, 8)), st.integers(1, 4), st.integers(16, 18), st.integers(16, 18),
    st.sampled_from(["valid", "same", 1, 2, ((0, 2), (1, 0))]), st.sampled_from([np.float64, np.float32]),
    st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_form_of_winograd(size, batch, channels, filters, padding, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, *size, channels)).astype(dtype)
    kernel = (rng.normal(size=(3, 3, channels, filters)) / 12).astype(dtype)
    runner = equal(lambda x, k: tg.conv2d(x, k, 1, padding), x, kernel, rtol=1e-9 if dtype is np.float64 else 2e-4)
    functions = {step.function for step in runner.graph.nodes}
    assert {winograd.winograd_convolve, winograd.winograd_input, winograd.winograd_kernel} < functions
    assert not {images.convolve, images.convolve_input, images.convolve_kernel} & functions
    assert runner.cost.flops > 0


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e300])
@pytest.mark.parametrize("where", ["image", "kernel", "gradient"])
def test_winograd_keeps_what_is_not_finite_in_its_windows(value, where):
    rng = np.random.default_rng(0)
    x, k, g = rng.normal(size=(3, 8, 9, 16)), rng.normal(size=(3, 3, 16, 16)), rng.normal(size=(3, 6, 7, 16))
    {"image": x, "kernel": k, "gradient": g}[where][1, 2, 3, 4 if where != "kernel" else 5 :] = value
    step = tg.compile(lambda x, k, g: (tg.conv2d(x, k), *tg.vjp(tg.conv2d, x, k)[1](g)))
    with np.errstate(all="ignore"):
        expected = tg.conv2d(x, k), *tg.vjp(tg.conv2d, x, k)[1](g)
        found = step(x, k, g)
    assert "winograd_convolve" in step.source
    for one, other in zip(found, expected, strict=True):
        finite = np.isfinite(other)
        np.testing.assert_array_equal(np.isfinite(one), finite)
        np.testing.assert_array_equal(one[~finite], other[~finite])
        np.testing.assert_allclose(one[finite], other[finite], rtol=1e-9, atol=1e-9)


def test_winograd_adds_the_overlap_of_tiles_before_it_transforms_along_the_second_axis(monkeypatch):
    """The second transformation has half of the numbers, and one row more, and there is no frame of the images."""
    sizes = []
    transformed = winograd.transformed
    monkeypatch.setattr(winograd, "transformed", lambda m, x, out: (sizes.append(x.size), transformed(m, x, out)))
    y, kernel, out = np.ones((4, 2, 5, 6, 16)), np.ones((3, 3, 16, 17)), np.empty((2, 10, 12, 17))
    gradient, weights = np.ones((16, 2, 5, 6, 16)), np.ones((16, 16, 17))
    work = np.empty(2 * winograd.bytes_of_input(17, gradient.shape, 8), np.uint8)
    winograd.winograd_input(y, kernel, gradient, weights, (1, 1), work, out)
    assert sizes == [16 * 2 * 5 * 6 * 17, 8 * 2 * 6 * 6 * 17]
    assert work.size == 2 * 2 * 16 * 5 * 6 * 17 * 8


@pytest.mark.parametrize("channels", [1, 3, 16])
def test_pixels_are_copied_as_items_where_their_numbers_are_neighbours(channels, monkeypatch):
    x, items = np.random.default_rng(0).normal(size=(2, 6, 8, 2 * channels)), []
    copyto = np.copyto
    monkeypatch.setattr(np, "copyto", lambda out, x: (items.append(x.dtype.itemsize), copyto(out, x)))
    out = np.zeros((2, 3, 4, channels))
    for some, expected in ((x[..., :channels], 8 * channels), (x[..., ::2], 8 if channels > 1 else 8 * channels)):
        images.copy_pixels(some[:, ::2, 1::2], out)
        np.testing.assert_array_equal(out, some[:, ::2, 1::2])
        assert items.pop() == expected
    images.copy_pixels(np.zeros((0, 3, 4, channels)), out[:0])
    images.copy_pixels(np.ones((2, 3, 4, channels), np.float32), out)
    assert np.all(out == 1)


@pytest.mark.parametrize("channels", [3, 16])
def test_windows_and_tiles_are_made_once_for_both_directions(channels):
    def pooled(x, k):
        return tg.max_pool2d(tg.conv2d(x, k), 2)

    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(4, 8, 8, channels)), rng.normal(size=(3, 3, channels, 16))
    runner = compile_program(recorded(lambda k: pooled(x, k), [k])[1])
    made = [step.function for step in runner.graph.nodes]
    assert made.count(places.windows if channels == 3 else winograd.winograd_tiles) == 1
    assert places.largest in made and places.share in made
    assert not {images.pool_max, places.interleave, places.deal} & {*made}
    equal(pooled, x, k)


@pytest.mark.parametrize("channels", [1, 16])
def test_places_that_tie_share_the_gradient(channels):
    x = np.random.default_rng(0).integers(0, 2, (3, 8, 8, 1)) * 1.0  # numbers of which every sum is exact
    x, k = np.repeat(x, channels, axis=3), np.ones((3, 3, channels, 16)) / 8
    both = tg.value_and_grad(lambda x, k: np.sum(tg.max_pool2d(tg.conv2d(x, k), 2) ** 2), argnums=(0, 1))
    value, gradients = both(x, k)
    found, others = tg.compile(both)(x, k)
    assert found == value
    for one, other in zip(others, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("window", [(2, 3), (3, 2), (1, 2), 3])
def test_blocks_of_other_shapes(window):
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(4, 14, 14, 2)), rng.normal(size=(3, 3, 2, 4))
    for stride, padding in ((1, "valid"), (1, "same"), (2, "same")):
        equal(lambda x, k: tg.max_pool2d(tg.conv2d(x, k, stride, padding), window), x, k)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_other_dtypes(dtype):
    x, kernel = np.random.default_rng(0).normal(size=(3, 6, 6, 2)), np.random.default_rng(1).normal(size=(3, 3, 2, 4))
    rtol = {np.float32: 1e-4, np.float16: 2e-2}[dtype]
    equal(lambda x, k: tg.max_pool2d(tg.conv2d(x, k), 2), x.astype(dtype), kernel.astype(dtype), rtol=rtol)


def test_second_derivatives():
    def of_gradient(x, k):
        gradient = tg.grad(lambda k: np.sum(np.tanh(tg.max_pool2d(tg.conv2d(x, k), 2))))(k)
        return np.sum(gradient**2)

    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(4, 6, 6, 2)), rng.normal(size=(3, 3, 2, 3))
    step = tg.compile(tg.value_and_grad(of_gradient, argnums=(0, 1)))
    value, gradients = step(x, k)
    expected, others = tg.value_and_grad(of_gradient, argnums=(0, 1))(x, k)
    np.testing.assert_allclose(value, expected)
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_nan_stays_in_its_window():
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 1))
    x[0, 1, 1] = np.nan
    bias = np.array([0.5])
    equal(lambda x, b: tg.max_pool2d(tg.relu(x + b), 2), x, bias)


def test_a_kernel_as_large_as_the_batch_is_not_taken_for_images():
    rng = np.random.default_rng(0)
    x, k, w = rng.normal(size=(8, 4, 4, 1)), rng.normal(size=(3, 3, 1, 2)), rng.normal(size=(8, 8))
    equal(lambda x, k, w: np.sum(np.tanh(tg.conv2d(x, k).reshape(8, 8) @ w)), x, k, w)


def test_pooling_comes_before_bias_and_relu_and_nothing_that_it_leaves_out_is_computed():
    runner = compile_program(recorded(classifier, classifier_arguments())[1])
    pools = [step for step in runner.graph.nodes if step.function is places.largest]
    assert [step.args[0].function for step in pools] == [places.windows_convolve, places.windows_convolve]
    assert pools[0].args[0].shape == (4, 6, 5, 5, 4)  # of 11 rows and columns
    relus = [step for step in runner.graph.nodes if step.function is np.maximum]
    assert {step.shape for step in relus} == {(6, 5, 5, 4), (6, 2, 2, 3)}


def test_a_saved_network_needs_numpy_alone(tmp_path):
    arguments = classifier_arguments(np.float32, channels=(16, 16))
    runner = compile_program(recorded(classifier, arguments)[1], name="step")
    assert "winograd_convolve" in runner.source and "windows_convolve" in runner.source
    save_program(tmp_path / "net.py", runner)
    np.savez(tmp_path / "arguments.npz", *arguments)
    check = (
        "import sys, numpy as np, net; given = np.load('arguments.npz'); "
        "print(float(net.step(*[given[name] for name in given.files])[0])); assert 'tinygraph' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", check], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(float(done.stdout), float(runner.run(arguments)[0]), rtol=1e-5)


def test_a_training_step_with_dropout_equals_the_eager_one():
    def losses(compiled):
        model = tg.nn.Sequential([
            tg.nn.Conv2D(4, 3, activation="relu", seed=0), tg.nn.MaxPooling2D(2), tg.nn.Flatten(),
            tg.nn.Dropout(0.5, seed=1), tg.nn.Dense(3, seed=2),
        ])  # fmt: skip
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(6, 9, 9, 1)), np.eye(3)[rng.integers(0, 3, 6)]
        model(x[:1])
        adam = tg.optim.Adam(model.parameters())

        def step(x, y):
            loss = tg.cross_entropy(model(x), y, from_logits=True)
            adam.zero_grad()
            loss.backward()
            adam.step()
            return loss

        run = tg.compile(step) if compiled else step
        return [float(run(x, y)) for _ in range(5)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-9)


def test_a_mean_over_the_batch_ends_what_goes_image_by_image_and_another_part_begins(monkeypatch):
    monkeypatch.setattr(batch_fusion, "IMAGE_BYTES", 4_000)  # two images or so

    def normalized(x, k1, k2):
        z = tg.conv2d(x, k1)
        z = (z - np.mean(z, axis=(0, 1, 2))) / np.sqrt(np.var(z, axis=(0, 1, 2)) + 0.1)
        return tg.max_pool2d(tg.relu(tg.conv2d(tg.relu(z), k2)), 2)

    rng = np.random.default_rng(0)
    arguments = rng.normal(size=(5, 8, 8, 2)), rng.normal(size=(3, 3, 2, 3)), rng.normal(size=(3, 3, 3, 2))
    runner = equal(normalized, *arguments)
    assert sum(isinstance(item, Batch) for item in runner.plan.items) > 1


def test_images_can_be_the_new_value_of_a_variable():
    images = tg.Tensor(np.random.default_rng(0).normal(size=(4, 6, 6, 1)), requires_grad=False)

    @tg.compile
    def smooth():
        images.assign(tg.avg_pool2d(images.data, 3, 1, "same"))
        return np.max(tg.max_pool2d(images.data, 2))

    value = images.data.copy()
    for _ in range(3):
        value = tg.avg_pool2d(value, 3, 1, "same")
        np.testing.assert_allclose(smooth(), tg.max_pool2d(value, 2).max(), rtol=1e-12)
        np.testing.assert_allclose(images.data, value, rtol=1e-12)


def test_what_is_made_image_by_image_can_be_returned_and_used_later(monkeypatch):
    monkeypatch.setattr(batch_fusion, "IMAGE_BYTES", 2_000)

    @tg.compile
    def features(x, k):
        z = tg.relu(tg.conv2d(x, k))
        flat = z.reshape(x.shape[0], -1)
        return flat, flat[:, 1:], flat - np.mean(flat, axis=0), z[:, 0], np.max(z, axis=(1, 2))

    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(6, 5, 5, 1)), rng.normal(size=(2, 2, 1, 3))
    found = features(x, k)
    again = features(x * 2, k)
    z = np.maximum(tg.conv2d(x, k), 0)
    flat = z.reshape(6, -1)
    expected = flat, flat[:, 1:], flat - flat.mean(axis=0), z[:, 0], z.max(axis=(1, 2))
    for one, twice, other in zip(found, again, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(twice, other * 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_array_of_as_many_rows_as_images_is_read_whole_or_by_rows(threads, monkeypatch):
    """There are as many weights as images: a product needs all of them, a factor those of the images at hand."""
    monkeypatch.setattr(division, "TWO_THREADS", 0.0)
    monkeypatch.setattr(batch_fusion, "IMAGE_BYTES", 64)
    draw = np.random.default_rng(0).normal
    arrays = [draw(size=size) for size in ((4, 6, 6, 1), (3, 3, 1, 1), (16, 4), (4, 4))]

    def loss(x, kernel, v, w):
        h = np.tanh(tg.conv2d(x, kernel)).reshape(4, 16) @ v
        return np.sum(np.tanh(h @ w) * w + np.sin(h * w) @ w)

    program = program_of(loss, arrays, backward=True)
    runner = compile_program(program, threads=threads)
    assert "def block_1(" in runner.source
    for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


@pytest.mark.parametrize("filters", [4, 16])
def test_no_images_are_images_too(filters):
    model = tg.nn.Sequential(
        [
            tg.nn.Conv2D(filters, 3, padding="same", activation="relu"),
            tg.nn.Conv2D(filters, 3, padding="same"),
            tg.nn.MaxPooling2D(2),
            tg.nn.AveragePooling2D(2),
        ]
    )
    x = np.ones((2, 12, 12, 1))
    model(x)
    assert tg.compile(lambda x: model(x))(x[:0]).shape == (0, 3, 3, filters)

    @tg.compile
    def step(x):
        loss = np.sum(model(x) ** 2)
        loss.backward()
        return loss

    assert step(x[:0]) == 0


# --- batch normalization, and what stands beside convolutions ---------------------------------------------------------


def by_hand(h, scale):
    centered = h - np.mean(h, axis=(0, 1, 2))
    return centered / np.sqrt(np.mean(centered * centered, axis=(0, 1, 2)) + 0.1) * scale


def with_kept_axes(h, scale):
    deviation = np.sqrt(np.var(h, axis=(0, 1, 2), keepdims=True) + 0.1)
    return scale * (h - np.mean(h, axis=(0, 1, 2), keepdims=True)) / deviation


def with_flat_pixels(h, scale):
    flat = h.reshape(-1, h.shape[-1])
    centered = flat - flat.mean(0)
    return (centered / np.sqrt((centered**2).mean(0) + 0.1) * scale).reshape(h.shape)


def with_a_deviation(h, scale):
    return (h - h.mean((0, 1, 2))) / np.sqrt(np.std(h, axis=(0, 1, 2)) ** 2 + 0.1) * scale


def with_axes_in_another_order(h, scale):
    centered = h - np.mean(h, axis=(2, 0, 1))
    return scale * centered / np.sqrt(np.mean(centered**2, axis=(1, -2, 0)) + 0.1)


NORMALIZATIONS = [by_hand, with_kept_axes, with_flat_pixels, with_a_deviation, with_axes_in_another_order]


def attended(h, scale):
    z = h.reshape(h.shape[0], -1, h.shape[-1])
    shares = tg.softmax(z @ z.transpose(0, 2, 1) * 0.3)
    return h + (shares @ (z * scale)).reshape(h.shape)


def concatenated(h, scale):
    return np.concatenate([h * scale, np.tanh(h)], axis=-1)[..., : h.shape[-1] + 1][..., 1:]


@given(
    st.lists(st.sampled_from([*NORMALIZATIONS, attended, concatenated]), min_size=1, max_size=2), st.integers(2, 5),
    st.sampled_from([1, 2]), st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_what_stands_between_convolutions(between, batch, threads, seed):
    def network(x, k1, k2, scale, w):
        h = tg.conv2d(x, k1)
        for function in between:
            h = tg.relu(function(h, scale))
        return np.mean(tg.conv2d(h, k2), axis=(1, 2)) @ w

    rng = np.random.default_rng(seed)
    arguments = [rng.normal(size=shape) for shape in ((batch, 6, 6, 2), (3, 3, 2, 3), (2, 2, 3, 4), (3,), (4, 2))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_fusion, "IMAGE_BYTES", 3_000)
        patch.setattr(batches, "AWAKE", 0.0)
        patch.setattr(division, "TWO_THREADS", 0.0)
        equal(network, *arguments, rtol=1e-7, threads=threads)


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_statistics_over_all_pixels_are_summed_by_products(normalize):
    def network(x, k1, k2, scale):
        return tg.conv2d(tg.relu(normalize(tg.conv2d(x, k1), scale)), k2)

    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=shape) for shape in ((4, 6, 6, 2), (3, 3, 2, 3), (2, 2, 3, 4), (3,))]
    runner = equal(network, *arguments, rtol=1e-7)
    over_pixels = [step for step in runner.graph.nodes if step.op == "sum" and step.size == 3]
    assert not over_pixels, runner.source
    parts = [item for item in runner.plan.items if isinstance(item, Batch)]
    assert len(parts) == 4, runner.source  # up to the mean, to the variance, forward and backward, the last gradient
    outside = [item for item in runner.plan.items if getattr(item, "size", 0) > 100]
    assert not [item for item in outside if item.function is not None and item.op not in ("reshape", "transpose")]
