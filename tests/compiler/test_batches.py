"""Batches: a batch of sequences is computed a few at a time, on one thread and on two, with the same results."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph import nn, optim
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run.runner import Runner
from tinygraph.compiler.schedule import batch as batch_fusion
from tinygraph.compiler.schedule import batches, cuts, division
from tinygraph.compiler.schedule.batch import Batch
from tinygraph.compiler.write import reduction_calls

pytestmark = pytest.mark.usefixtures("double_precision")

rng = np.random.default_rng(0)


def normal(x: Any, scale: Any) -> Any:
    """Layer normalization."""
    centered = x - np.mean(x, axis=-1, keepdims=True)
    return centered / np.sqrt(np.mean(centered * centered, axis=-1, keepdims=True) + 1e-5) * scale


def attention(x: Any, qkv: Any, out: Any, scale: Any, up: Any, down: Any, v: Any) -> Any:
    """A layer of a transformer with two heads, and a loss."""
    batch, length, width = x.shape
    z = (normal(x, scale) @ qkv).reshape(batch, length, 3, 2, width // 2)
    q, k, values = (z[:, :, place].transpose(0, 2, 1, 3) for place in range(3))
    shares = tg.softmax(q @ k.transpose(0, 1, 3, 2) * 0.7)
    x = x + (shares @ values).transpose(0, 2, 1, 3).reshape(batch, length, width) @ out
    x = x + tg.relu(normal(x, scale) @ up) @ down
    return tg.cross_entropy(np.mean(x, axis=1) @ v, np.arange(batch) % v.shape[1], from_logits=True)


def starts(*shapes: tuple[int, ...]) -> list[Any]:
    return [rng.normal(size=shape) for shape in shapes]


CASES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "attention": (attention, starts((5, 6, 4), (4, 12), (4, 4), (4,), (4, 8), (8, 4), (4, 3))),
    "one batch of products": (lambda x, w: np.sum(np.tanh(x @ w)), starts((5, 3, 4), (4, 6))),
    "on both sides": (lambda x, y: np.sum(np.sin(x @ y) * np.cos(x @ y)), starts((6, 3, 4), (6, 4, 5))),
    "what the batch adds up to": (
        lambda x, w: np.sum((x @ w - np.mean(x @ w, axis=0)) ** 2 * np.mean(x, axis=0)[0, 0]),
        starts((5, 3, 4), (4, 4)),
    ),
    "through a flat shape": (
        lambda x, w: np.sum(np.exp(np.tanh((x @ w).reshape(-1, 3) @ w) * 0.3).reshape(5, -1)),
        starts((5, 7, 3), (3, 3)),
    ),
    "sequences that see each other": (
        lambda x, w: np.sum(np.tanh((x @ w)[::-1] * x @ w) + np.max(x @ w, axis=0)),
        starts((4, 5, 3), (3, 3)),
    ),
    "a part of each": (
        lambda x, w: np.sum(np.tanh((x @ w)[:, 1:] * (x @ w)[:, :-1])) + np.sum((x @ w)[:, -1] ** 2),
        starts((4, 5, 3), (3, 3)),
    ),
    "states one after the other": (
        lambda x, w: np.sum(np.tanh(np.tanh((x @ w)[:, 0]) @ w + (x @ w)[:, 1]) ** 2),
        starts((6, 2, 3), (3, 3)),
    ),
    "its own weights for each": (lambda x, w, y: np.sum(np.tanh(x * y @ w)), starts((4, 5, 3), (4, 3, 3), (5, 3))),
    "broadcast over a batch": (lambda x, y: np.sum(np.sin(x @ y)), starts((4, 5, 3), (1, 3, 3))),
    "turned over": (
        lambda x, w: np.sum(np.tanh(x.transpose(1, 0, 2) @ w).transpose(1, 2, 0) ** 3),
        starts((4, 4, 3), (3, 2)),
    ),
    "all of an array, and the rows of it": (
        lambda x, w: np.sum(np.sum(np.tanh(x @ w), axis=1) * w) + np.sum(np.mean(x @ w, axis=1) @ w + w),
        starts((3, 40, 3), (3, 3)),
    ),
    "looked up": (lambda w, x: np.sum(np.tanh(w[np.array([[1, 0, 3], [2, 2, 1]])] @ x)), starts((4, 3), (3, 5))),
}  # fmt: skip


def fusion_in(runner: Runner) -> Batch | None:
    """The part of a program that goes over sequences."""
    return next((item for item in runner.plan.items if isinstance(item, Batch)), None)


@contextlib.contextmanager
def small_blocks() -> Iterator[None]:
    """Everything is large enough for blocks and threads."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (division, batches):
            patch.setattr(module, "TWO_THREADS", 0.0)
        patch.setattr(batches, "CALL", 0.0)
        patch.setattr(batch_fusion, "BLOCK_BYTES", 1000)
        patch.setattr(reduction_calls, "MANY", 0)
        yield


@pytest.fixture
def small() -> Iterator[None]:
    """Small blocks, as `small_blocks` makes them."""
    with small_blocks():
        yield


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_a_few_at_a_time_are_all(name: str, threads: int, backward: bool) -> None:
    function, arrays = CASES[name]
    program = program_of(function, arrays, backward=backward)
    runner = compile_program(program, threads=threads)
    for _ in range(2):
        for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


FLAT = {"tokens": (-1, 3), "numbers": (-1,), "sequences": (4, -1), "halves": (8, -1, 3), "kept": (4, 6, 3)}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_loss_over_flattened_tokens_takes_any_array_from_outside(dtype: Any, data: Any) -> None:
    flat = data.draw(st.sampled_from([*FLAT]))
    shape = np.zeros((4, 6, 3)).reshape(FLAT[flat]).shape
    ones = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
    fewer = data.draw(st.integers(0, len(shape)))
    mask = tuple([1 if one else size for one, size in zip(ones, shape, strict=True)])[fewer:]
    function, combine = (
        data.draw(st.sampled_from([np.tanh, np.square])),
        data.draw(st.sampled_from([np.add, np.multiply])),
    )

    def loss(x: Any, w: Any, m: Any) -> Any:
        s = x @ w
        z = (tg.softmax(s @ s.transpose(0, 2, 1)) @ s).reshape(FLAT[flat])
        return np.sum(function(combine(z, m)) * m)

    arrays = [np.random.default_rng(3).normal(size=size).astype(dtype) for size in ((4, 6, 3), (3, 3), mask)]
    program = program_of(loss, arrays, backward=True)
    with small_blocks():
        runner = compile_program(program, threads=data.draw(st.sampled_from([1, 2])))
        assert fusion_in(runner) is not None
        for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
            accuracy = 1e-9 if dtype is np.float64 else 1e-3
            np.testing.assert_allclose(result, output.value, rtol=accuracy, atol=accuracy, err_msg=runner.source)


@pytest.mark.usefixtures("small")
def test_attention_goes_over_sequences_forward_and_backward() -> None:
    function, arrays = CASES["attention"]
    runner = compile_program(program_of(function, arrays, backward=True), threads=2)
    fusion = fusion_in(runner)
    assert fusion is not None and fusion.rows == 5 and 1 <= fusion.rows_in_block <= 2
    assert len(fusion.ending) >= 6, "the gradients of the weights"
    assert "in_two(rows_1, 5, " in runner.source
    outside = [item for item in runner.plan.items if item is not fusion]
    assert not any(getattr(item, "op", "") == "matmul" for item in outside), runner.source


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("blocks", [False, True])
def test_heads_are_written_where_they_are_read(blocks: bool) -> None:
    function, arrays = CASES["attention"]
    program = program_of(function, arrays, backward=True)
    runner = compile_program(program, blocks=blocks)
    assert sum(node.op == "turned_product" for node in runner.graph.nodes) == 4  # the gradients of q, k, v, too
    assert runner.source.count("out=d_z_part") == 3, runner.source
    for _ in range(2):
        for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("threads", [1, 2])
def test_where_a_thread_has_one_block_nothing_is_added_up(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_fusion, "BLOCK_BYTES", 1 << 19)
    function, arrays = CASES["attention"]
    program = program_of(function, arrays, backward=True)
    runner = compile_program(program, threads=threads)
    block = runner.source.partition("def block_1(")[2].partition("def step(")[0]
    assert "_total)" in block and not re.search(r"np\.add\(\w+_total,|total\.fill", block), block
    for _ in range(2):
        for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


@pytest.mark.usefixtures("small")
def test_products_of_all_sequences_are_made_with_the_rest_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AT_ONCE", 100), ("LENGTH", 2)):
        monkeypatch.setattr(cuts, name, value)
    arrays = starts((16, 64, 4), (4, 12), (4, 4), (4,), (4, 8), (8, 4), (4, 3))
    program = program_of(attention, arrays, backward=True)
    runner = compile_program(program, threads=2)
    fusion = fusion_in(runner)
    assert fusion is not None
    outside = [item for item in runner.plan.items if item is not fusion]
    assert not any(getattr(item, "op", "") == "matmul" for item in outside), runner.source
    for result, output in zip(runner.run(arrays), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12, err_msg=runner.source)


def test_small_batches_are_done_at_once() -> None:
    function, arrays = CASES["attention"]
    assert fusion_in(compile_program(program_of(function, arrays, backward=True))) is None


@pytest.mark.usefixtures("small")
def test_the_text_names_no_view_that_it_does_not_read_and_keeps_to_the_width() -> None:
    function, arrays = CASES["attention"]
    source = compile_program(program_of(function, arrays, backward=True), threads=2).source
    block = source.partition("def block_1(")[2].partition("\n\n\n")[0]
    for name in re.findall(r"^    (\w+) = ", block, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", block)) > 1, name
    assert max(map(len, source.splitlines())) <= 120, source


@pytest.mark.usefixtures("small")
def test_memory_is_for_a_few_sequences() -> None:
    function, arrays = CASES["attention"]
    many = [rng.normal(size=(64, 6, 4)), *arrays[1:]]
    runner = compile_program(program_of(function, many, backward=True), threads=1)
    whole = compile_program(program_of(function, many, backward=True), blocks=False)
    assert runner.cost.buffer_bytes < whole.cost.buffer_bytes / 4


@pytest.mark.usefixtures("small")
def test_layers_train_alike() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            self.look_up = nn.Embedding(10, 8, seed=0)
            self.mix = nn.Dense(8, activation="tanh", seed=1)
            self.normalize = nn.LayerNormalization()
            self.drop = nn.Dropout(0.5, seed=3)
            self.out = nn.Dense(3, seed=2)

        def call(self, tokens: Any) -> Any:
            x = self.look_up(tokens)
            x = self.normalize(x + tg.softmax(x @ np.swapaxes(x, 1, 2)) @ self.mix(self.drop(x)))
            return self.out(np.mean(x, axis=1))

    def losses(compiled: bool) -> list[float]:
        reader = Reader()
        tokens = np.random.default_rng(0).integers(0, 10, (6, 5))
        reader(tokens)
        adam = optim.Adam(reader.parameters())

        def step(tokens: Any, y: Any) -> Any:
            loss = tg.cross_entropy(reader(tokens), y, from_logits=True)
            adam.zero_grad()
            loss.backward()
            adam.step()
            return loss

        run = tg.compile(step) if compiled else step
        return [float(run(tokens, np.arange(6) % 3)) for _ in range(4)]

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-6)


# --- what they are written with ---------------------------------------------------------------------------------------


def test_a_product_of_three_axes_is_one_of_matrices() -> None:
    x, w = starts((4, 5, 3), (3, 6))
    runner = compile_program(program_of(lambda x, w: np.tanh(x @ w), [x, w]))
    assert "np.dot(x0.reshape(-1, 3), x1, out=" in runner.source
    np.testing.assert_allclose(runner.run([x, w])[0], np.tanh(x @ w), rtol=1e-12)
    for function in (lambda x, w: x[:, ::2] @ w, lambda x, w: x.transpose(1, 0, 2) @ w):
        runner = compile_program(program_of(function, [x, w]))
        np.testing.assert_allclose(runner.run([x, w])[0], function(x, w), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_short_rows_are_summed_by_a_product(dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=(300, 20)).astype(dtype)

    def function(x: Any) -> Any:
        y = np.sin(x)
        return y / np.sum(y, axis=1, keepdims=True), np.sum(y, axis=-1), np.sum(x.reshape(10, 30, 20), axis=-1)

    program = program_of(function, [x])
    runner = compile_program(program)
    assert runner.source.count("ones, out=") >= 2, runner.source
    for result, output in zip(runner.run([x]), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=2e-4 if dtype is np.float32 else 1e-9)
    few = compile_program(program_of(lambda x: np.sum(x, axis=1), [x[:10]]))
    assert "ones" not in few.source


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_of_images_are_summed_by_a_product(dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=(30, 10, 8, 3)).astype(dtype)

    def function(x: Any) -> Any:
        y = np.sin(x)
        return (
            np.sum(y, axis=(1, 2)), np.sum(y, axis=(1, 2), keepdims=True), np.sum(y, axis=(-2, 1)),
            np.sum(y.reshape(30, 80, 3), axis=1), np.sum(y.transpose(0, 2, 1, 3), axis=(1, 2)), np.sum(y, axis=1),
        )  # fmt: skip

    program = program_of(function, [x])
    runner = compile_program(program)
    assert runner.source.count("np.matmul(ones, ") == 4, runner.source
    for result, output in zip(runner.run([x]), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=2e-4 if dtype is np.float32 else 1e-9, atol=1e-5)
    few = compile_program(program_of(lambda x: np.sum(x, axis=(1, 2)), [x[:10]]))
    assert "ones" not in few.source


@pytest.mark.parametrize("shape", [(300, 20), (30, 20, 20)])
def test_sums_keep_infinities_and_nan(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    x[0, 0], x[1, 1] = np.inf, np.nan
    runner = compile_program(program_of(lambda x: np.sum(x, axis=1), [x]))
    assert "ones" in runner.source
    np.testing.assert_allclose(runner.run([x])[0], np.sum(x, axis=1))


def test_products_that_are_turned_in_each_step_give_the_same_program():
    """They were turned on their way from one iteration to the next, with the weights: 1.7 times the time of an LSTM."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) / 4 for shape in ((8, 5, 3), (3, 4), (4, 4), (4,))]

    def gradients(product):
        def loss(x, w, u, b):
            h = np.zeros((5, 4))
            for t in range(8):
                h = np.tanh(product(x[t], w, h, u) + b)
            return np.sum(h**2)

        compiled = tg.compile(tg.grad(loss, argnums=(1, 2, 3)))
        return compiled(*arrays), re.findall(r"^ +(np\.[\w.]+)\(", compiled.source, re.MULTILINE)

    plain, calls = gradients(lambda x, w, h, u: x @ w + h @ u)
    turned, others = gradients(lambda x, w, h, u: (w.T @ x.T + u.T @ h.T).T)
    for one, other in zip(plain, turned, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert calls == others
