"""The batch axis: the examples of a network are found in any spelling, and the results are the eager ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.programs import program_of, without
from tests.compiler.test_batches import small_blocks
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.rewrites import contractions
from tinygraph.compiler.rewrites.contractions import contractions_as_products
from tinygraph.compiler.rewrites.turning import assemble_turned, multiply_unturned, take_before_turning, turn_places
from tinygraph.compiler.schedule import batches
from tinygraph.compiler.schedule.batch import Batch

pytestmark = pytest.mark.usefixtures("double_precision")

BATCH, LENGTH, WIDTH, WORDS = 5, 4, 6, 7
Network = Callable[[Any, Any], Any]  # of values (BATCH, LENGTH, WIDTH) and weights (WIDTH, WIDTH)


def normal(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape)


# What the values come from: its arguments besides the weights, and the function of these and of a table.
IDS = np.random.default_rng(1).integers(0, WORDS, (BATCH, LENGTH))
BEGINNINGS: dict[str, tuple[Any, Callable[[Any, Any], Any]]] = {
    "floats": (normal(BATCH, LENGTH, WIDTH), lambda x, table: x),
    "flat": (normal(BATCH, LENGTH * WIDTH), lambda x, table: x.reshape(BATCH, LENGTH, WIDTH)),
    "batch on axis 1": (normal(LENGTH, BATCH, WIDTH), lambda x, table: x.transpose(1, 0, 2)),
    "batch last": (normal(LENGTH, WIDTH, BATCH), lambda x, table: np.moveaxis(x, -1, 0)),
    "ids": (IDS, lambda ids, table: table[ids]),
    "ids, time first": (np.ascontiguousarray(IDS.T), lambda ids, table: table[ids.T]),
    "rows, time first": (np.ascontiguousarray(IDS.T), lambda ids, table: table[ids].transpose(1, 0, 2)),
    "taken rows, time first": (
        np.ascontiguousarray(IDS.T),
        lambda ids, table: np.swapaxes(np.take(table, ids, axis=0), 0, 1),
    ),
    "take": (IDS, lambda ids, table: np.take(table, ids, axis=0)),
    "one-hot product": (np.eye(WORDS)[IDS], lambda s, table: s @ table),
    "one-hot function": (IDS, lambda ids, table: tg.one_hot(ids, WORDS) @ table),
}


def softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def heads(z: Any, w: Any) -> list[Any]:
    return [part.reshape(BATCH, LENGTH, 2, 3).transpose(0, 2, 1, 3) for part in (z @ w, z @ w.T, z)]


def merged(z: Any) -> Any:
    return z.transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, WIDTH)


def attended(z: Any, w: Any) -> Any:
    q, k, v = heads(z, w)
    return merged(softmax(q @ k.transpose(0, 1, 3, 2)) @ v)


def attended_by_parts(z: Any, w: Any) -> Any:
    parts = (z @ np.concatenate([w, w.T, w * 0.5], axis=1)).reshape(BATCH, LENGTH, 3, 2, 3)
    q, k, v = parts.transpose(2, 0, 3, 1, 4)
    return merged(tg.softmax(q @ np.swapaxes(k, -1, -2)) @ v)


def attended_by_einsum(z: Any, w: Any) -> Any:
    q, k = ((z @ m).reshape(BATCH, LENGTH, 2, 3) for m in (w, w.T))
    shares = tg.softmax(np.einsum("bqhd,bkhd->bhqk", q, k))
    return np.einsum("bhqk,bkhd->bqhd", shares, z.reshape(BATCH, LENGTH, 2, 3)).reshape(z.shape)


def attended_by_head(z: Any, w: Any) -> Any:
    h = z @ w
    found = [tg.softmax(h[..., a : a + 3] @ np.swapaxes(h[:, :, a : a + 3], 1, 2)) @ z[..., a : a + 3] for a in (0, 3)]
    return np.concatenate(found, axis=-1)


def attended_in_a_loop(z: Any, w: Any) -> Any:
    q, k = z @ w, np.tanh(z)
    found = []
    for a in range(WIDTH):
        shares = tg.softmax(q[..., a : a + 1] @ np.swapaxes(k[..., a : a + 1], -1, -2))
        found.append(shares @ z[..., a : a + 1])
    return np.concatenate(found, axis=-1)


def attended_with_merged_axes(z: Any, w: Any) -> Any:
    q, k, v = (part.reshape(BATCH * 2, LENGTH, 3) for part in heads(z, w))
    return merged((tg.softmax(q @ k.transpose(0, 2, 1)) @ v).reshape(BATCH, 2, LENGTH, 3))


LAYERS: dict[str, Network] = {
    "attention": attended,
    "attention by parts": attended_by_parts,
    "attention by einsum": attended_by_einsum,
    "attention head by head": attended_by_head,
    "attention in a loop": attended_in_a_loop,
    "attention with merged axes": attended_with_merged_axes,
    "linear": lambda z, w: np.tanh(z @ w),
    "linear, flat": lambda z, w: np.tanh(z.reshape(-1, WIDTH) @ w).reshape(z.shape),
    "linear by einsum": lambda z, w: np.sin(np.einsum("btd,de->bte", z, w)),
    "linear, transposed": lambda z, w: np.tanh((w.T @ z.transpose(0, 2, 1)).transpose(0, 2, 1)),
    "linear by tensordot": lambda z, w: np.tanh(np.tensordot(z, w, 1)),
    "layer norm": lambda z, w: (z - z.mean(-1, keepdims=True)) / np.sqrt(np.var(z, axis=-1, keepdims=True) + 0.1),
    "layer norm by std": lambda z, w: (z - z.mean(-1)[..., None]) / (np.std(z, axis=2)[..., None] + 0.1),
    "batch norm": lambda z, w: (z - np.mean(z, axis=(0, 1))) / np.sqrt(np.var(z, axis=(0, 1)) + 0.1),
    "seen by others": lambda z, w: z + 0.1 * z[::-1],
    "seen by others, behind an ellipsis": lambda z, w: z + 0.1 * z[..., ::-1, :, :],
    "largest of all": lambda z, w: z - 0.5 * np.max(z, axis=0),
    "others stacked": lambda z, w: np.stack([z[:, at % LENGTH] for at in range(BATCH)])[:, :LENGTH],
    "mask by where": lambda z, w: np.where(np.tril(np.ones((LENGTH, WIDTH), bool)), z, -1.0),
    "mask by addition": lambda z, w: z + np.tri(LENGTH, WIDTH),
    "stack": lambda z, w: np.stack([z @ w, np.cos(z)], axis=2).reshape(BATCH, LENGTH, -1)[:, :, 3 : 3 + WIDTH],
    "concatenate over time": lambda z, w: np.concatenate([z[:, 1:] @ w, z[:, :1]], axis=1),
    "split": lambda z, w: np.concatenate([*np.split(z @ w, 3, axis=-1)][::-1], axis=-1),
    "its own weights": lambda z, w: np.tanh(z @ (w + np.mean(z, axis=1)[:, :, None])),
    "maximum": lambda z, w: z * np.max(z @ w, axis=1, keepdims=True),
    "each token's mean": lambda z, w: z - np.mean(z.reshape(BATCH * LENGTH, WIDTH), axis=1).reshape(BATCH, LENGTH, 1),
}  # fmt: skip

LABELS = np.random.default_rng(2).integers(0, WIDTH, (BATCH, LENGTH))
ENDS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "mean": lambda z, w, y: np.sum(np.mean(z, axis=1) ** 2),
    "classes": lambda z, w, y: tg.cross_entropy(z[:, -1] @ w, y[:, 0], from_logits=True),
    "a loss at each token": lambda z, w, y: tg.cross_entropy(
        (z @ w).reshape(-1, WIDTH), y.reshape(-1), from_logits=True
    ),
    "largest": lambda z, w, y: np.sum(np.max(np.tanh(z), axis=1)),
    "between examples": lambda z, w, y: np.sum(np.tanh(z.reshape(BATCH, -1) @ z.reshape(BATCH, -1).T)),
}


def network(begin: str, layers: list[str], end: str) -> tuple[Callable[..., Any], list[Any]]:
    given, values_of = BEGINNINGS[begin]

    def loss(table: Any, v: Any, x: Any, y: Any, *weights: Any) -> Any:
        z = values_of(x, table)
        for name, w in zip(layers, weights, strict=True):
            z = LAYERS[name](z, w)
        return ENDS[end](z, v, y)

    weights = [normal(WIDTH, WIDTH) * (0.4 + 0.1 * place) for place in range(1 + len(layers))]
    return loss, [normal(WORDS, WIDTH), weights[-1], given, LABELS, *weights[:-1]]


def agree(loss: Callable[..., Any], arrays: list[Any], threads: int, **options: Any) -> Any:
    """A loss and its gradients are the eager ones, divided and not."""
    program = program_of(loss, arrays, backward=True)
    outside_of_loops = mock.patch.object(batches, "_work_of_loops", lambda steps: 0.0)
    with small_blocks(), outside_of_loops, mock.patch.object(contractions, "MULTIPLICATIONS", 0):
        runner = compile_program(program, threads=threads, **options)
    whole = compile_program(program, blocks=False, **options)
    for run in (runner, whole, runner):
        for result, output in zip(run.run(arrays), program.graph.outputs, strict=True):
            np.testing.assert_allclose(result, output.value, rtol=1e-8, atol=1e-10, err_msg=run.source)
    return runner


@given(
    st.sampled_from([*BEGINNINGS]), st.lists(st.sampled_from([*LAYERS]), min_size=1, max_size=3),
    st.sampled_from([*ENDS]), st.sampled_from([1, 2]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_networks_in_any_spelling_compute_what_they_compute_eagerly(
    begin: str, layers: list[str], end: str, threads: int
) -> None:
    agree(*network(begin, layers, end), threads)


@given(st.sampled_from(["floats", "flat", "batch on axis 1"]), st.sampled_from([*LAYERS]), st.sampled_from([*ENDS]))
@example("floats", "mask by where", "mean")
@settings(max_examples=25, deadline=None)
def test_and_so_do_their_gradients_gradients(begin: str, layer: str, end: str) -> None:
    loss, arrays = network(begin, ["linear", layer], end)

    def slope(*given: Any) -> Any:
        return np.sum(tg.grad(loss, argnums=4)(*given) ** 2)

    agree(slope, arrays, 2)


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer(layer: str) -> None:
    agree(*network("floats", ["linear", layer], "mean"), 2)


def runs_of(runner: Any) -> list[Batch]:
    return [item for item in runner.plan.items if isinstance(item, Batch)]


def products_outside(runner: Any) -> list[Any]:
    return [item for item in runner.plan.items if getattr(item, "op", "") in ("matmul", "dot", "turned_product")]


BETWEEN = ("batch norm", "seen by others", "attention in a loop")


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer not in BETWEEN])
@pytest.mark.parametrize("begin", BEGINNINGS)
def test_every_product_is_made_a_few_examples_at_a_time(begin: str, layer: str) -> None:
    runner = agree(*network(begin, ["linear", layer], "mean"), 2)
    assert {run.rows for run in runs_of(runner)} == {BATCH}, runner.source
    assert not products_outside(runner), runner.source


@pytest.mark.parametrize("layer", BETWEEN)
def test_a_statistic_over_the_batch_and_a_loop_divide_it_in_parts(layer: str) -> None:
    runner = agree(*network("floats", ["linear", layer, "linear"], "mean"), 2)
    assert len(runs_of(runner)) > 1, runner.source
    assert not products_outside(runner) or " for " in runner.source, runner.source


REWRITES = [take_before_turning, turn_places, assemble_turned, multiply_unturned, contractions_as_products]


@pytest.mark.parametrize("left_out", REWRITES, ids=lambda rewrite: rewrite.__name__)
@pytest.mark.parametrize("layer", ["attention by parts", "attention by einsum", "linear, transposed"])
def test_with_each_rewrite_left_out(left_out: Any, layer: str) -> None:
    agree(*network("rows, time first", [layer, layer], "classes"), 2, phases=without(left_out))


@pytest.mark.parametrize("layer", ["attention", "linear", "linear, flat"])
def test_weights_that_have_as_many_rows_as_there_are_examples_are_no_batch(layer: str) -> None:
    def loss(w: Any, u: Any, x: Any) -> Any:
        return np.sum(np.tanh(LAYERS[layer](x.reshape(BATCH, LENGTH, WIDTH), w * 2) @ (u * u).T) ** 2)

    runner = agree(loss, [normal(WIDTH, WIDTH) * 0.4, normal(BATCH, WIDTH), normal(BATCH, LENGTH * WIDTH)], 2)
    assert not products_outside(runner), runner.source


def test_operands_from_outside_are_cut_where_a_sequence_has_several_rows() -> None:
    function = tg.compile(lambda x, m, w: (tg.softmax((s := x @ w) @ s.transpose(0, 2, 1)) @ s).reshape(-1, 64) * m)
    x, m, w = normal(16, 128, 64), normal(2048, 64), normal(64, 64) * 0.1
    s = x @ w
    shares = softmax(s @ s.transpose(0, 2, 1))
    for _ in range(2):
        np.testing.assert_allclose(function(x, m, w), (shares @ s).reshape(-1, 64) * m, rtol=1e-9, atol=1e-12)


def test_a_place_that_is_not_there_is_an_error_and_changes_nothing() -> None:
    table = tg.Tensor(normal(WORDS, WIDTH))
    weights = tg.Tensor(normal(WIDTH, WIDTH))
    optimizer = tg.optim.Adam([table, weights])

    def step(ids: Any) -> Any:
        loss = np.sum(attended(table[ids], weights) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = tg.compile(step)
    with small_blocks():
        compiled(IDS)
    before = [np.array(tensor.data) for tensor in (table, weights)]
    wrong = IDS.copy()
    wrong[-1, -1] = WORDS
    with pytest.raises(IndexError):
        compiled(wrong)
    for tensor, value in zip((table, weights), before, strict=True):
        np.testing.assert_array_equal(tensor.data, value)


# Arrays that have as many rows as there are examples, in calls that need all of them.
WHOLE: dict[str, Callable[..., Any]] = {
    "an array on both sides of a product": lambda z, square, ids: z @ (square @ square),
    "places among places": lambda z, square, ids: z * np.sin(1.0 * ids[ids])[:, None, None],
    "a vector times a matrix": lambda z, square, ids: z @ (np.mean(square, axis=1) @ square),
    "a vector of the batch times a matrix": lambda z, square, ids: z * (z[:, 0, 0] @ square),
    "a product's rows, turned": lambda z, square, ids: (turned := np.tanh(square).T) @ z[:, 0] + turned + z @ turned,
    "rows and columns": lambda z, square, ids: (s := z[:, 0] @ square) @ s + s.T,
}


@given(st.sampled_from([*WHOLE]), st.lists(st.sampled_from([*WHOLE]), max_size=2), st.sampled_from([1, 2]))
@settings(max_examples=30, deadline=None)
def test_square_arrays_are_read_in_one_way(first: str, others: list[str], threads: int) -> None:
    def loss(x: Any, w: Any, square: Any, ids: Any) -> Any:
        z = np.tanh(x @ w)
        for name in [first, *others]:
            z = np.tanh(WHOLE[name](z, square, ids) + z @ w)
        return np.sum(z * z) + np.sum(np.cos(square @ w))

    agree(loss, [normal(5, 5, 5), normal(5, 5), normal(5, 5) * 0.5, np.array([3, 0, 4, 1, 2])], threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_array_with_the_examples_in_columns_has_them_in_rows_once_it_is_transposed(threads: int) -> None:
    def loss(x: Any, u: Any, w: Any) -> Any:
        values = x @ u
        return np.sum(np.sin(w @ values) + 0.1), values, -x

    agree(loss, [normal(5, 5, 4), normal(4), normal(4, 5)], threads)


@pytest.mark.parametrize("words", [1, 2])
def test_a_table_of_one_row_has_one_place(words: int) -> None:
    compiled = tg.compile(lambda table, ids: np.swapaxes(np.take(table, ids, axis=0), 0, 1) * 2.0)
    table, ids = normal(words, 3), np.zeros((2, 1), int)
    np.testing.assert_array_equal(compiled(table, ids), np.swapaxes(table[ids], 0, 1) * 2.0)
