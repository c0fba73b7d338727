"""Each rewrite: what it makes of its example, and that the meaning stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import ALL, one_phase, program_of
from tinygraph.compiler.phases import ROLL
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.loops import in_bodies, loops_in
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites import Rewrite
from tinygraph.compiler.rewrites.absorbing import absorb_after, absorb_before
from tinygraph.compiler.rewrites.arithmetic import (
    add_doubled,
    drop_identities,
    gather_numbers,
    negate_sums,
    powers_by_multiplication,
    share_products,
)
from tinygraph.compiler.rewrites.blas_forms import turn_products
from tinygraph.compiler.rewrites.broadcasting import delay_broadcasts, multiply_once
from tinygraph.compiler.rewrites.contractions import sums_of_products, weighted_sums
from tinygraph.compiler.rewrites.dropping_axes import drop_kept_axes, drop_sums_of_one
from tinygraph.compiler.rewrites.factors import factors_behind_sums, gather_factors
from tinygraph.compiler.rewrites.gathering_rows import gather_rows
from tinygraph.compiler.rewrites.gathering_sums import gather_sums
from tinygraph.compiler.rewrites.hoisting import hoist
from tinygraph.compiler.rewrites.joining_stacks import join_stacks
from tinygraph.compiler.rewrites.joining_views import copy_to_reshape, join_views
from tinygraph.compiler.rewrites.long_rows import long_rows
from tinygraph.compiler.rewrites.sharing import drop_dead, fold_constants, share_common
from tinygraph.compiler.rewrites.slow_functions import steps_by_sign, sums_of_exponentials
from tinygraph.compiler.rewrites.taking_parts import take_joined
from tinygraph.compiler.rewrites.tidying_loops import tidy_loops
from tinygraph.compiler.rewrites.turning import multiply_unturned, take_before_turning
from tinygraph.compiler.rewrites.turning_late import compute_before_turning
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.compiler.rolling import rolled
from tinygraph.compiler.schedule import pieces
from tinygraph.compiler.schedule.batch import Batch
from tinygraph.compiler.schedule.batches import batches_of
from tinygraph.compiler.schedule.pieces import divide_products
from tinygraph.functions.checks import CHECKS
from tinygraph.graph import Graph

VECTOR = np.array([0.5, -1.5, 2.0])
MATRIX = np.arange(6.0).reshape(2, 3) - 2.5
LONG = np.sin(np.arange(1100.0))
ROWS = np.sin(np.arange(40.0)).reshape(8, 5)
CUBE = np.cos(np.arange(24.0)).reshape(2, 3, 4)
ROW = np.array([1.0, -2.0, 3.0, 0.5, 4.0])
IMAGES = np.sin(np.arange(9600.0)).reshape(8, 10, 30, 4)
CHANNELS = np.array([1.0, -2.0, 3.0, 0.5])
SOFTPLUS = ["subtract", "absolute", "negative", "exp", "log1p", "maximum", "add"]
IN_TWOS = ["subtract", "absolute", "negative", "exp2", "log1p", "multiply", "maximum", "add"]
ROWS_OF = ("broadcast_to", "copy")  # the calls that repeat channels for a row of pixels


def operations(graph: Graph) -> list[str]:
    """The names of the functions that a graph calls, in order."""
    return [node.op for node in graph.nodes if not node.is_input]


def check(rewrite: Rewrite, function: Callable[..., Any], arrays: list[Any], expected: list[str]) -> None:
    """A rewrite makes these calls of a function's graph, and what is computed stays the same."""
    program = program_of(function, arrays)
    before = steps_of(program)
    after = drop_dead(rewrite(before))
    assert operations(after) == expected, f"\n{before}\n->\n{after}"
    for node, output in zip(after.outputs, before.outputs, strict=True):
        assert (node.shape, node.dtype) == (output.shape, output.dtype)
    results = compile_program(program, phases=one_phase(rewrite)).run(arrays)
    for result, output in zip(results, program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("rewrite", "function", "arrays", "expected"),
    [
        (drop_identities, lambda x: x * 1, [VECTOR], []),
        (drop_identities, lambda x: np.where(x > 0, 0, x), [VECTOR], ["where"]),
        (drop_identities, lambda x: np.where(x > 0, 0, x), [LONG], ["logical_not", "where"]),
        (drop_identities, lambda x: np.where(x > 0, -0.0, x), [LONG], ["where"]),
        (sums_of_products, lambda x: np.sum(x * np.exp(x)), [MATRIX], ["exp", "vdot"]),
        (sums_of_products, lambda x: np.sum(x * np.exp(x)), [LONG.astype(np.float32)], ["exp", "multiply", "sum"]),
        (sums_of_products, lambda x: np.sum(x * 2.0), [MATRIX], ["multiply", "sum"]),
        (take_joined, lambda x, y: np.stack([np.exp(x), y])[0], [VECTOR, VECTOR], ["exp"]),
        (take_joined, lambda x, y: np.stack([x, y])[-1] * np.stack((x, y), axis=0)[0], [VECTOR, VECTOR], ["multiply"]),
        (take_joined, lambda x, y: np.stack([x, y])[0, 1], [VECTOR, VECTOR], ["stack", "getitem"]),
        (take_joined, lambda x, y: np.stack([x, y])[1:], [VECTOR, VECTOR], ["stack", "getitem"]),
        (take_joined, lambda x, y: np.stack([x, y], axis=1)[0], [VECTOR, VECTOR], ["stack", "getitem"]),
        (weighted_sums, lambda x, w: np.sum(x * w, axis=1), [IMAGES[0, 0], CHANNELS], ["multiply", "sum"]),  # of few
        (weighted_sums, lambda x, w: np.sum(x * w, axis=-1), [IMAGES, CHANNELS], ["matmul"]),
        (weighted_sums, lambda x, w: np.sum(w * x, axis=3, keepdims=True), [IMAGES, CHANNELS], ["matmul", "reshape"]),
        (
            weighted_sums,
            lambda x, c: np.sum(c * x, axis=(0, 1, 2)),
            [IMAGES, IMAGES[..., :1].copy()],
            ["reshape", "reshape", "matmul"],
        ),
        (weighted_sums, lambda x, w: np.sum(x * w, axis=2), [IMAGES, CHANNELS], ["multiply", "sum"]),
        (weighted_sums, lambda x: np.sum(x * x, axis=3), [IMAGES], ["multiply", "sum"]),
        (
            weighted_sums,
            lambda x, w: np.sum(y := x * w, axis=3) + y[..., 0],
            [IMAGES, CHANNELS],
            [
                "multiply",
                "sum",
                "getitem",
                "add",
            ],
        ),
        (drop_identities, lambda x: 1 * x, [VECTOR], []),
        (drop_identities, lambda x: x / 1, [VECTOR], []),
        (drop_identities, lambda x: np.exp(x) + 0, [VECTOR], ["exp"]),
        (drop_identities, lambda x: 0 + np.sum(np.exp(x) + x), [VECTOR], ["exp", "add", "sum"]),
        (drop_identities, lambda x: x + 0, [VECTOR], ["add"]),  # -0.0 + 0 is 0.0
        (drop_identities, lambda x: 0 + x, [VECTOR], ["add"]),
        (drop_identities, lambda x: x + -0.0, [VECTOR], []),
        (drop_identities, lambda x: x - 0, [VECTOR], []),
        (drop_identities, lambda x: x - -0.0, [VECTOR], ["subtract"]),
        (drop_identities, lambda x: np.negative(-x), [VECTOR], []),
        (drop_identities, lambda x: +x, [VECTOR], []),
        (drop_identities, lambda x: x * -1, [VECTOR], ["negative"]),
        (drop_identities, lambda x, y: x + (-y), [VECTOR, VECTOR], ["subtract"]),
        (drop_identities, lambda x, y: (-x) + y, [VECTOR, VECTOR], ["subtract"]),
        (drop_identities, lambda x, y: x - (-y), [VECTOR, VECTOR], ["add"]),
        (drop_identities, lambda x, y: (-x) * (-y), [VECTOR, VECTOR], ["multiply"]),
        (drop_identities, lambda x: (-x) * 2, [VECTOR], ["multiply"]),
        (drop_identities, lambda x: x / 8, [VECTOR], ["multiply"]),
        (drop_identities, lambda x: x / 3, [VECTOR], ["divide"]),
        (drop_identities, lambda x: x * np.ones((2, 1)), [VECTOR], ["multiply"]),  # it repeats x
        (take_before_turning, lambda x: np.exp(x.transpose(2, 0, 1)[1]), [CUBE], ["getitem", "exp"]),
        (take_before_turning, lambda x: np.exp(x.T[1:3]), [CUBE], ["getitem", "transpose", "exp"]),
        (take_before_turning, lambda x: np.exp(x.T[..., 1]), [CUBE], ["getitem", "transpose", "exp"]),
        (take_before_turning, lambda x: np.exp(x.transpose(1, 0, 2)[:, 1, ::2]), [CUBE], ["getitem", "exp"]),
        (take_before_turning, lambda x: np.exp(x.T[None, 1]), [CUBE], ["transpose", "getitem", "exp"]),
        (take_before_turning, lambda x: np.exp(x.T[[2, 0]]), [CUBE], ["transpose", "getitem", "exp"]),
        (multiply_unturned, lambda x, y: (y.T @ x.T).T, [ROWS, ROWS.T], ["matmul"]),
        (multiply_unturned, lambda x, y: (y.T @ x).T, [ROWS.T, ROWS.T], ["transpose", "matmul"]),
        (multiply_unturned, lambda x, y: (x @ y).T, [ROWS, ROWS.T], ["matmul", "transpose"]),
        (
            multiply_unturned,
            lambda x, y: (z := y.T @ x.T).T + z,
            [ROWS, ROWS.T],
            ["transpose", "transpose", "matmul", "transpose", "add"],
        ),
        (
            multiply_unturned,
            lambda x, y: (y.T @ x.T + x @ y).T,
            [ROWS, ROWS.T],
            ["transpose", "transpose", "matmul", "matmul", "add", "transpose"],
        ),
        (
            multiply_unturned,
            lambda x, y: (y.T @ x.T + y.T @ x.T * 1.0 + (x @ y.copy()).T).T,
            [ROWS, ROWS.T],
            [
                "transpose",
                "transpose",
                "matmul",
                "transpose",
                "transpose",
                "matmul",
                "multiply",
                "add",
                "copy",
                "matmul",
                "transpose",
                "add",
                "transpose",
            ],
        ),
        (
            multiply_unturned,
            lambda x, y: np.swapaxes(y.T @ np.swapaxes(x, 1, 2), 1, 2),
            [CUBE, np.ones((4, 5))],
            ["matmul"],
        ),
        (compute_before_turning, lambda x: np.exp(x.T), [CUBE], ["exp", "transpose"]),
        (compute_before_turning, lambda x: np.exp(x.T) * x.T, [CUBE], ["exp", "multiply", "transpose"]),
        (
            compute_before_turning,
            lambda x, b: x.transpose(0, 2, 1) + b[:, None],
            [CUBE, np.arange(4.0)],
            ["getitem", "reshape", "add", "transpose"],
        ),
        (
            compute_before_turning,
            lambda x, b: x.T + b[:, :, None],
            [CUBE, CUBE[0].T.copy()],
            ["getitem", "transpose", "add", "transpose"],
        ),
        (compute_before_turning, lambda x, y: x.T * y, [CUBE, CUBE.T.copy()], ["transpose", "multiply"]),
        (
            compute_before_turning,  # in two ways
            lambda x, y: x.transpose(2, 1, 0) * y.transpose(2, 0, 1),
            [CUBE, CUBE.transpose(1, 0, 2).copy()],
            ["transpose", "transpose", "multiply"],
        ),
        (compute_before_turning, lambda x: np.exp(x.transpose(1, 0, 2)), [CUBE], ["transpose", "exp"]),  # by rows
        (compute_before_turning, lambda x: np.copy(x.T), [CUBE], ["transpose", "copy"]),
        (compute_before_turning, lambda x: np.exp(x.T).T * x, [CUBE], ["exp", "multiply"]),
        (
            compute_before_turning,  # a reduction that kept its axes goes along
            lambda x: x.T - np.exp(np.max(x.T, axis=0, keepdims=True)),
            [ROWS],
            ["max", "exp", "subtract", "transpose"],
        ),
        (
            compute_before_turning,
            lambda x, c: np.broadcast_to(c, (5, 8)) * x.T,
            [ROWS, np.arange(8.0)],
            ["reshape", "multiply", "transpose"],
        ),
        (compute_before_turning, lambda x: x[:, :1].T * 2, [ROWS], ["getitem", "transpose", "multiply"]),
        (
            compute_before_turning,
            lambda r, c: (c[:, None] * r).T,
            [ROW, np.arange(8.0)],
            ["getitem", "reshape", "reshape", "multiply"],
        ),
        (sums_of_exponentials, lambda x: np.logaddexp(0, x), [LONG], SOFTPLUS),
        (sums_of_exponentials, lambda x: np.logaddexp(x, 2.0), [LONG], SOFTPLUS),
        (sums_of_exponentials, lambda x, y: np.logaddexp(x, y), [LONG, LONG + 1], ["isinf", "where", *SOFTPLUS]),
        (sums_of_exponentials, lambda x: np.logaddexp2(x, x), [LONG], ["isinf", "where", *IN_TWOS]),
        (sums_of_exponentials, lambda x: np.logaddexp(0, x), [VECTOR], ["logaddexp"]),
        (steps_by_sign, lambda x: np.heaviside(x, 0), [LONG], ["sign", "maximum"]),
        (steps_by_sign, lambda x: np.heaviside(x, 0.5), [LONG], ["sign", "add", "multiply"]),
        (steps_by_sign, lambda x: np.heaviside(x, 1), [LONG], ["sign", "add", "minimum"]),
        (steps_by_sign, lambda x: np.heaviside(x, 0.3), [LONG], ["heaviside"]),
        (steps_by_sign, lambda x: np.heaviside(x, -0.0), [LONG], ["heaviside"]),
        (steps_by_sign, lambda x: np.heaviside(x, 0), [VECTOR], ["heaviside"]),
        (compute_before_turning, lambda x: np.sum(x.transpose(0, 2, 1), axis=(0, 2)), [CUBE], ["sum"]),
        (compute_before_turning, lambda x: np.sum(x.T, axis=0), [CUBE], ["sum", "transpose"]),
        (compute_before_turning, lambda x: np.max(x.T, axis=0, keepdims=True), [CUBE], ["max", "transpose"]),
        (compute_before_turning, lambda x: np.sum(x.T, axis=()), [CUBE], ["transpose", "sum"]),
        (compute_before_turning, lambda x: np.sum(x.T), [CUBE], ["sum"]),
        (gather_numbers, lambda x: -(x * 0.5), [VECTOR], ["multiply"]),
        (gather_numbers, lambda x: -(x * 1.0), [VECTOR], ["negative"]),
        (gather_numbers, lambda x: (x * 2) * 3, [VECTOR], ["multiply"]),
        (gather_numbers, lambda x: (-x) * 3, [VECTOR], ["multiply"]),
        (gather_numbers, lambda x, y: (x * 0.5) * (2 * y), [VECTOR, VECTOR], ["multiply"]),
        (gather_numbers, lambda x, y: (x * 0.5) * (-2 * y), [VECTOR, VECTOR], ["multiply", "negative"]),
        (gather_numbers, lambda x, y: (x * 0.5) * (y * 3), [VECTOR, VECTOR], ["multiply", "multiply"]),
        (gather_numbers, lambda x, y: (x * 0.5) * y, [VECTOR, VECTOR], ["multiply", "multiply"]),
        (gather_numbers, lambda x: (x * 1e20) * 1e20, [VECTOR], ["multiply", "multiply"]),
        (gather_numbers, lambda x: (x * np.inf) * -1.0, [VECTOR], ["multiply", "multiply"]),
        (gather_numbers, lambda x: -(y := x * 2) / y, [VECTOR], ["multiply", "negative", "divide"]),
        (gather_numbers, lambda x: (x * 2) * np.ones((2, 1)), [VECTOR], ["multiply", "multiply"]),
        (negate_sums, lambda x: np.sum(-x, axis=1), [MATRIX], ["sum", "negative"]),
        (negate_sums, lambda x: np.sum(-x), [MATRIX], ["negative", "sum"]),
        (negate_sums, lambda x: np.sum(y := -x, axis=0) * y, [MATRIX], ["negative", "sum", "multiply"]),
        (
            add_doubled,
            lambda x, y: (x + (z := x[:, :1] * y)) + z,
            [MATRIX, MATRIX],
            ["getitem"] + ["multiply"] * 2 + ["add"],
        ),
        (
            add_doubled,
            lambda x, y: (z := x[:1] * y) + (z + x),
            [MATRIX, MATRIX],
            ["getitem"] + ["multiply"] * 2 + ["add"],
        ),
        (add_doubled, lambda x, y: (x + (z := x * y)) + z, [MATRIX, MATRIX], ["multiply", "add", "add"]),
        (
            add_doubled,
            lambda x, y: (w := x + (z := x[:1] * y)) + z + w,
            [MATRIX, MATRIX],
            ["getitem", "multiply"] + ["add"] * 3,
        ),
        (
            share_products,
            lambda x, y, z: x * z - (x * y) * z,
            [VECTOR, VECTOR + 1, VECTOR + 2],
            ["multiply", "multiply", "subtract"],
        ),
        (share_products, lambda x, y: (y * x) * (x * y) * y, [VECTOR, VECTOR + 1], ["multiply"] * 4),
        (share_products, lambda x, y: (x * 2) - (x * y) * 2, [VECTOR, VECTOR + 1], ["multiply"] * 3 + ["subtract"]),
        (powers_by_multiplication, lambda x: x * x, [VECTOR], ["square"]),
        (powers_by_multiplication, lambda x: np.power(x, 2), [VECTOR], ["square"]),
        (powers_by_multiplication, lambda x: np.power(x, 3), [VECTOR], ["multiply", "multiply"]),
        (powers_by_multiplication, lambda x: np.power(np.square(x), 0.5), [VECTOR], ["square", "sqrt"]),
        (powers_by_multiplication, lambda x: np.power(x, -1), [VECTOR], ["reciprocal"]),
        (powers_by_multiplication, lambda x: np.power(x, 1), [VECTOR], []),
        (powers_by_multiplication, lambda x: np.power(x, 4), [VECTOR], ["power"]),
        (join_views, lambda x: x.T.T, [MATRIX], []),
        (join_views, lambda x: x.reshape(3, 2).reshape(6).reshape(1, 6), [MATRIX], ["reshape"]),
        (join_views, lambda x: x.reshape(2, 3), [MATRIX], []),
        (join_views, lambda x: np.ravel(x)[None].reshape(2, 3), [MATRIX], []),
        (join_views, lambda x: x[:, None], [MATRIX], ["reshape"]),
        (join_views, lambda x: x[...][:], [MATRIX], []),
        (join_views, lambda x: x[:, None].T.reshape(3), [VECTOR], []),
        (join_views, lambda x: x.T.reshape(6), [MATRIX], ["transpose", "reshape"]),
        (join_views, lambda x: x[None, 1:], [MATRIX], ["getitem"]),
        (
            copy_to_reshape,
            lambda x: (lambda turned: (turned.reshape(6), turned.reshape(2, 3)))(x.T),
            [MATRIX],
            ["transpose", "copy", "reshape", "reshape"],
        ),
        (copy_to_reshape, lambda x: x.reshape(1, 6).T.reshape(3, 2), [MATRIX], ["reshape", "transpose", "reshape"]),
        (
            copy_to_reshape,
            lambda x: np.broadcast_to(x, (2, 3)) @ np.ones((3, 1)),
            [VECTOR],
            ["broadcast_to", "copy", "matmul"],
        ),
        (join_views, lambda x: np.swapaxes(np.transpose(x), 0, 1), [MATRIX], []),
        (join_views, lambda x: x.astype(np.float64), [MATRIX], []),
        (join_views, lambda x: np.broadcast_to(x, (2, 3)), [MATRIX], []),
        (
            delay_broadcasts,
            lambda c, x: -np.broadcast_to(c, (3,)) * x,
            [np.array([2.0]), VECTOR],
            ["negative", "multiply"],
        ),
        (
            delay_broadcasts,
            lambda x: np.broadcast_to(tg.Tensor([0.5], requires_grad=False), (3,)).reshape(3, 1) * x[:, None],
            [VECTOR],
            ["getitem", "multiply"],
        ),
        (delay_broadcasts, lambda c: np.exp(np.broadcast_to(c, (4, 3))), [VECTOR], ["exp", "broadcast_to"]),
        (delay_broadcasts, lambda c: np.exp(np.broadcast_to(c, (1, 3))), [VECTOR], ["exp", "reshape"]),
        (delay_broadcasts, lambda c, x: c.reshape(1, 3) + x, [VECTOR, MATRIX], ["add"]),
        (
            turn_products,
            lambda x, y: np.copy((x @ y).transpose(1, 2, 0)),
            [CUBE, CUBE.transpose(0, 2, 1)],
            ["turned_product"],
        ),
        (
            turn_products,
            lambda x, y: np.exp(np.copy(np.swapaxes(x @ y, 0, 2)).reshape(3, 6)),
            [CUBE, CUBE.transpose(0, 2, 1)],
            ["turned_product", "reshape", "exp"],
        ),
        (
            turn_products,  # somebody wants it as it is
            lambda x, y: (lambda z: np.copy(z.transpose(1, 2, 0)) + z[0, 0, 0])(x @ y),
            [CUBE, CUBE.transpose(0, 2, 1)],
            ["matmul", "transpose", "copy", "getitem", "add"],
        ),
        (
            turn_products,  # nobody copies it
            lambda x, y: np.exp((x @ y).transpose(1, 2, 0)),
            [CUBE, CUBE.transpose(0, 2, 1)],
            ["matmul", "transpose", "exp"],
        ),
        (
            turn_products,  # BLAS has a form for that
            lambda x: np.copy((x @ x.T).T),
            [MATRIX],
            ["transpose", "matmul", "transpose", "copy"],
        ),
        (
            multiply_once,
            lambda c, w: np.broadcast_to(c.reshape(2, 1, 3), (2, 4, 3)) @ w,
            [MATRIX, MATRIX.T],
            ["reshape", "matmul", "broadcast_to"],
        ),
        (
            multiply_once,
            lambda c, w: np.broadcast_to(c.reshape(2, 1, 3), (2, 4, 3)).reshape(8, 3) @ w,
            [MATRIX, MATRIX.T],
            ["reshape", "matmul", "broadcast_to", "reshape"],
        ),
        (
            multiply_once,
            lambda c, w: np.broadcast_to(c, (4, 3)) @ w,
            [VECTOR, MATRIX.T],
            ["matmul", "broadcast_to"],
        ),
        (
            multiply_once,
            lambda x, c: x.T @ np.broadcast_to(c.reshape(2, 1, 3), (2, 4, 3)).reshape(8, 3),
            [ROWS, MATRIX],
            ["reshape", "reshape", "sum", "reshape", "transpose", "matmul"],
        ),
        (
            multiply_once,
            lambda c, x: np.broadcast_to(c, (4, 2, 3)).reshape(8, 3).T @ x,
            [MATRIX, ROWS],
            ["reshape", "sum", "transpose", "matmul"],
        ),
        (
            multiply_once,
            lambda x, c: x.T @ np.broadcast_to(c, (8, 3)),
            [ROWS, VECTOR],
            ["reshape", "sum", "reshape", "reshape", "transpose", "matmul"],
        ),
        (
            multiply_once,  # each row is one number, repeated
            lambda c, w: np.broadcast_to(c[:, None], (3, 2)) @ w,
            [VECTOR, MATRIX],
            ["getitem", "broadcast_to", "matmul"],
        ),
        (drop_kept_axes, lambda x: np.sum(x, axis=0, keepdims=True).reshape(3), [MATRIX], ["sum"]),
        (drop_kept_axes, lambda x: np.sum(x.reshape(3, 2)), [MATRIX], ["sum"]),
        (drop_kept_axes, lambda x: np.sum(x, axis=0, keepdims=True).reshape(3, 1), [MATRIX], ["sum", "reshape"]),
        (
            drop_kept_axes,
            lambda x: np.sum(x.reshape(3, 2), where=MATRIX.reshape(3, 2) > 0),
            [MATRIX],
            ["reshape", "sum"],
        ),
        (drop_kept_axes, lambda x: np.max(x.reshape(3, 2), initial=9.0), [MATRIX], ["reshape", "max"]),
        (drop_kept_axes, lambda x: np.prod(x, 0, keepdims=True, initial=9.0).reshape(3), [MATRIX], ["prod", "reshape"]),
        (drop_sums_of_one, lambda x: np.sum(x[None], axis=0), [VECTOR], ["getitem", "reshape"]),
        (drop_sums_of_one, lambda x: np.max(x[None], axis=0, keepdims=True), [VECTOR], ["getitem"]),
        (factors_behind_sums, lambda x, c: np.sum(x * c, axis=0), [ROWS, ROW], ["sum", "multiply"]),
        (
            factors_behind_sums,
            lambda x, c: np.sum(x / c, axis=0, keepdims=True),
            [ROWS, ROW],
            ["sum", "divide", "reshape"],
        ),
        (factors_behind_sums, lambda x, c: np.sum(c * -x, axis=0), [ROWS, ROW], ["sum", "multiply", "negative"]),
        (factors_behind_sums, lambda x, c: np.sum(c * x, axis=1), [ROWS, ROW], ["multiply", "sum"]),
        (factors_behind_sums, lambda x, c: np.sum(x * c), [ROWS, ROW], ["multiply", "sum"]),
        (factors_behind_sums, lambda x: np.sum(x * x, axis=0), [ROWS], ["multiply", "sum"]),
        (factors_behind_sums, lambda x: np.sum(x - np.mean(x, axis=0), axis=0), [ROWS], ["mean", "subtract", "sum"]),
        (
            factors_behind_sums,  # the two sums are one
            lambda x, y, c: np.sum(x * y, axis=0) + np.sum(x * c * (y / c), axis=0),
            [ROWS, ROWS + 1, ROW],
            ["multiply", "sum", "multiply", "sum", "multiply", "divide", "add"],
        ),
        (
            factors_behind_sums,  # neither of the sums waits for the other
            lambda x, y: np.sum(x - np.sum(x * y, axis=0) * y, axis=0),
            [ROWS, ROWS + 1],
            ["multiply", "sum", "sum", "sum", "multiply", "subtract"],
        ),
        (factors_behind_sums, lambda x, y: np.sum(x + 2 * y, axis=0), [ROWS, ROWS], ["multiply", "add", "sum"]),
        (
            factors_behind_sums,  # a product of a product that was just made
            lambda x, y, c: np.sum(y + x * c * y * y * np.sum(x, axis=0), axis=0),
            [ROWS, ROWS + 1, ROW],
            ["sum", *["multiply"] * 2, *["sum"] * 2, *["multiply"] * 2, "add"],
        ),
        (gather_factors, lambda x, c, d: x / c * d, [ROWS, ROW, ROW + 9], ["divide", "multiply"]),
        (gather_factors, lambda x, c, d: x * c / d, [ROWS, ROW, ROW + 9], ["divide", "multiply"]),
        (gather_factors, lambda x, c, d: c * x * d, [ROWS, ROW, ROW + 9], ["multiply", "multiply"]),
        (gather_factors, lambda x, c, d: x / c / d, [ROWS, ROW, ROW + 9], ["multiply", "divide"]),
        (gather_factors, lambda x, c: (z := x / c) * c + z, [ROWS, ROW], ["divide", "multiply", "add"]),
        (gather_factors, lambda x, c, d: x * c + x * d, [ROWS, ROW, ROW + 9], ["add", "multiply"]),
        (gather_factors, lambda x, y, c: y + (z := x * c) + z, [ROWS, ROWS, ROW], ["add", "multiply", "add"]),
        (
            gather_factors,
            lambda x, y, c: y + (z := x * c) + z + np.exp(z),
            [ROWS, ROWS, ROW],
            ["multiply", "add", "add", "exp", "add"],
        ),
        (long_rows, lambda x, c: x + c, [IMAGES, CHANNELS], [*ROWS_OF, "add"]),
        (
            long_rows,
            lambda x, c: x * c * 2,
            [IMAGES, CHANNELS[:, None, None, None].T],
            ["reshape", *ROWS_OF, "multiply", "multiply"],
        ),
        (long_rows, lambda x, c: x + c, [IMAGES, IMAGES[:1, :1, :, :1]], ["reshape", *ROWS_OF, "add"]),
        (
            long_rows,
            lambda x, c: x + c,
            [IMAGES, CHANNELS.reshape(1, 1, 1, 1, -1)],
            ["reshape", *ROWS_OF, "add", "reshape"],
        ),
        (long_rows, lambda x, c: x + c, [IMAGES, IMAGES[:, :1, :1]], ["add"]),  # other channels for each image
        (long_rows, lambda x, c: x + c, [IMAGES, IMAGES[:1]], ["add"]),
        (long_rows, lambda x, c: x + c, [IMAGES[:2], CHANNELS], ["add"]),  # too few loops to begin with
        (long_rows, lambda x, c: x + c, [IMAGES.reshape(-1, 400), IMAGES.reshape(-1, 400)[0]], ["add"]),
        (share_common, lambda x: np.exp(x) * np.exp(x), [VECTOR], ["exp", "multiply"]),
        (share_common, lambda x: (x * 2) + (x * 2.0), [VECTOR], ["multiply", "multiply", "add"]),
        (share_common, lambda x: x[1:] + x[1:] + x[:2], [VECTOR], ["getitem", "add", "getitem", "add"]),
        (fold_constants, lambda x: x * (tg.Tensor(1.0, requires_grad=False) / 8), [VECTOR], ["multiply"]),
        (drop_dead, lambda x: np.exp(x), [VECTOR], ["exp"]),
    ],
)
def test_a_rewrite_does_what_it_says_and_keeps_the_meaning(
    rewrite: Rewrite, function: Callable[..., Any], arrays: list[Any], expected: list[str]
) -> None:
    check(rewrite, function, arrays, expected)


def test_dead_code_goes_and_inputs_stay() -> None:
    program = program_of(lambda x, y: np.exp(x), [VECTOR, VECTOR])
    graph = steps_of(program)
    assert len(graph.nodes) == 3
    unused = Graph((*graph.nodes, *_after(graph, np.sin)), graph.outputs)
    assert operations(drop_dead(unused)) == ["exp"]
    assert [node.is_input for node in drop_dead(unused).nodes] == [True, True, False]


def _after(graph: Graph, function: Any) -> list[Step]:
    from tinygraph.compiler.program.builder import Builder

    builder = Builder()
    builder.steps = [node for node in graph.nodes if isinstance(node, Step)]
    return [builder.call(builder.steps[-1], function, builder.steps[-1])]


@pytest.mark.parametrize(
    "function",
    [
        tg.sigmoid, tg.relu, tg.leaky_relu, tg.elu, tg.softplus, tg.silu, tg.gelu, tg.softmax, tg.log_softmax,
        tg.logsumexp, lambda x: tg.logsumexp(x, axis=0), lambda x: tg.logsumexp(x, axis=1, keepdims=True), np.mean,
        lambda x: np.mean(x, axis=1, keepdims=True), lambda x: np.clip(x, -1, 1), np.std, np.max, np.ptp,
        lambda x: tg.binary_cross_entropy(tg.sigmoid(x), np.array([[0.0, 1, 0.3]] * 2)),
        lambda x: tg.binary_cross_entropy(x, np.array([[0.0, 1, 0.3]] * 2), from_logits=True),
        lambda x: tg.cross_entropy(x, np.array([0, 2]), from_logits=True),
        lambda x: tg.cross_entropy(tg.softmax(x), np.array([0, 2]), from_logits=False),
        *[
            functools.partial(loss, reduction=reduction)
            for reduction in ("sum", "none")
            for loss in (
                lambda x, reduction: tg.binary_cross_entropy(x, np.eye(2, 3), from_logits=True, reduction=reduction),
                lambda x, reduction: tg.binary_cross_entropy(tg.sigmoid(x), np.eye(2, 3), reduction=reduction),
                lambda x, reduction: tg.cross_entropy(x, np.array([0, 2]), from_logits=True, reduction=reduction),
                lambda x, reduction: tg.cross_entropy(x, np.eye(2, 3), from_logits=True, reduction=reduction),
            )
        ],
    ],
)  # fmt: skip
def test_tinygraphs_functions_are_written_with_numpys(function: Callable[..., Any]) -> None:
    program = program_of(function, [MATRIX])
    graph = write_out(steps_of(program))
    called = {node.function for node in graph.nodes if not node.is_input} - CHECKS
    modules = {getattr(function, "__module__", "numpy") or "numpy" for function in called}
    assert not any(module.startswith("tinygraph.functions") for module in modules), graph
    runner = compile_program(program)
    lines = [line for line in runner.source.splitlines()[1:] if "functions.checks" not in line]
    assert "tinygraph" not in "\n".join(lines)
    np.testing.assert_allclose(runner.run([MATRIX])[0], program.graph.outputs[0].value, rtol=1e-12)


def test_a_rewrite_that_changes_a_shape_is_caught() -> None:
    def wrong(graph: Graph) -> Graph:
        from tinygraph.compiler.program.rewriting import rewritten

        return rewritten(graph, lambda builder, step: step.args[0] if step.shape else None)

    with pytest.raises(AssertionError, match="became"):
        wrong(steps_of(program_of(lambda x: np.sum(x, axis=0, keepdims=True), [MATRIX])))


def test_all_are_functions_with_a_before_and_an_after() -> None:
    for rewrite in ALL:
        assert "->" in (rewrite.__doc__ or "").split("\n")[0], rewrite


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((10, 8000, 16), ["reshape", "transpose", "reshape", "matmul", "sum"]),  # what is added up is long
        ((4000, 20, 16), ["reshape", "matmul", "reshape"]),  # the result is long
        ((16, 20, 4000), ["matmul"]),  # the second matrix is long
        ((10, 8001, 16), ["reshape", "transpose", "reshape", "matmul", "sum"]),  # by three
        ((10, 8009, 16), ["matmul"]),  # not to be divided
        ((10, 100, 16), ["matmul"]),  # small
        ((1, 90000, 16), ["matmul"]),  # a vector
    ],
)
def test_products_in_pieces(shape, expected, transposed, monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    monkeypatch.setattr(pieces, "multiplies_small_at_once", lambda: False)
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(k, m) if transposed else (m, k)), rng.normal(size=(k, n))

    def product(x, y):
        return (x.T if transposed else x) @ y

    if transposed and len(expected) == 1:
        expected = ["transpose", *expected]
    if transposed and expected[-1] == "reshape":
        expected = ["reshape", "transpose", "matmul", "reshape"]
    program = program_of(product, [x, y])
    after = drop_dead(divide_products(steps_of(program)))
    assert operations(after) == expected
    (result,) = compile_program(program, phases=one_phase(divide_products)).run([x, y])
    np.testing.assert_allclose(result, product(x, y), rtol=1e-10, atol=1e-10)


WHOLE = ["matmul"]
ROWS = ["reshape", "matmul", "reshape"]
COLUMNS = ["reshape", "transpose", "turned_product", "reshape"]
COPIED_COLUMNS = ["reshape", "transpose", "copy", "turned_product", "reshape"]
SUM = ["reshape", "transpose", "reshape", "matmul", "sum"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("shape", "plain", "transposed"),
    [
        ((20, 13, 12288), COLUMNS, COPIED_COLUMNS),  # the result has many columns
        ((20, 13, 12287), WHOLE, WHOLE),  # not to be divided
        ((20, 13, 2048), WHOLE, WHOLE),  # small
        ((4, 200, 12288), WHOLE, COLUMNS),  # rows of the second matrix are long
        ((64, 256, 128), ROWS, COLUMNS),
        ((64, 256, 120), ROWS, COLUMNS),  # of 8
        ((64, 256, 121), ROWS, WHOLE),
        ((33, 128, 512), COLUMNS, COLUMNS),  # pieces of 11 rows are slow
        ((31, 512, 128), COLUMNS, COLUMNS),  # no pieces of rows
        ((2, 256, 128), WHOLE, WHOLE),  # few numbers
        ((64, 784, 512), WHOLE, COLUMNS),  # the second matrix is large
        ((13, 12288, 20), SUM, [*SUM[:3], "transpose", *SUM[3:]]),  # what is added up is long
    ],
)
@pytest.mark.parametrize("is_transposed", [False, True])
def test_pieces_that_are_multiplied_at_once(shape, plain, transposed, dtype, is_transposed, monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(m, k)).astype(dtype), rng.normal(size=(n, k) if is_transposed else (k, n)).astype(dtype)

    def product(x, y):
        return x @ (y.T if is_transposed else y)

    program = program_of(product, [x, y])
    at_once = transposed if is_transposed else plain
    for found, form in ((True, at_once), (False, SUM if at_once == SUM else WHOLE)):
        expected = ["transpose", *form] if is_transposed and form == WHOLE else form
        monkeypatch.setattr(pieces, "multiplies_small_at_once", lambda found=found: found)
        assert operations(drop_dead(divide_products(steps_of(program)))) == expected
        (result,) = compile_program(program, phases=one_phase(divide_products)).run([x, y])
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, product(x, y), rtol=1e-10, atol=1e-3 if dtype is np.float32 else 1e-10)


def test_pieces_of_two_matrices_are_no_examples(monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    monkeypatch.setattr(pieces, "multiplies_small_at_once", lambda: True)
    shapes = [(64, 800), (800, 800), (512, 800)]
    program = program_of(lambda x, w, y: np.tanh(x @ w) @ y.T, [np.ones(shape) for shape in shapes])
    after = drop_dead(divide_products(steps_of(program)))
    assert "turned_product" in operations(after)
    assert not any(isinstance(part, Batch) for part in batches_of(after, {}))


def test_what_blas_divides_among_its_threads_is_not_in_pieces(monkeypatch):
    program = program_of(lambda x, y: x.T @ y, [np.ones((128, 784)), np.ones((128, 128))])
    for count, expected in ((1, ["reshape", "transpose", "matmul", "reshape"]), (2, ["transpose", "matmul"])):
        monkeypatch.setattr(pieces, "processors", lambda count=count: count)
        assert operations(drop_dead(divide_products(steps_of(program)))) == expected


@pytest.mark.parametrize("at_once", [True, False])
def test_rows_in_pieces_are_multiplied_apart(at_once, monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    monkeypatch.setattr(pieces, "multiplies_small_at_once", lambda: at_once)
    rng = np.random.default_rng(0)
    h, u = rng.normal(size=(32, 256)), rng.normal(size=(256, 256)) / 16

    def powers(h, u):
        for _ in range(40):
            h = np.tanh(h) @ u
        return h

    compiled = tg.compile(powers)
    np.testing.assert_allclose(compiled(h, u), powers(h, u), rtol=1e-10, atol=1e-12)
    calls = [line.split("(")[0].strip() for line in compiled.source.splitlines() if ", out=" in line]
    assert set(calls) == {"np.tanh", "np.matmul" if at_once else "np.dot"}
    assert "for " in compiled.source and compiled.source.count("copyto") == 1  # of what is given


def two_forms(a, u):
    b = a.reshape(3, 8)
    total = 0.0
    for _ in range(60):
        z = np.tanh(a + b.reshape(6, 4)) @ u
        total = total + np.sum(z**3)
        a, b = z, z.reshape(3, 8)
    return np.sum(a) + np.sum(b**2) + total


def both_reshaped(a, u):
    b = a * 0.5
    for _ in range(60):
        z = np.tanh(a + 2 * b) @ u
        a, b = z.reshape(12, 2).reshape(6, 4), z.reshape(2, 12).reshape(6, 4)
    return np.sum(a * b)


def one_goes_on(a, u):
    b = a.reshape(3, 8)
    for _ in range(60):
        z = np.tanh(a) @ u
        b = np.sin(b) + z.reshape(3, 8)
        a = z.reshape(8, 3).reshape(6, 4)
    return np.sum(a) + np.sum(b**2)


@pytest.mark.parametrize("function", [two_forms, both_reshaped, one_goes_on])
def test_a_product_in_other_shapes_is_carried(function):
    rng = np.random.default_rng(0)
    x, u = rng.normal(size=(6, 4)) * 0.3, rng.normal(size=(4, 4)) * 0.5
    for each in (function, tg.grad(function), tg.grad(function, argnums=1)):
        compiled = tg.compile(each)
        for _ in range(2):
            np.testing.assert_allclose(compiled(x, u), each(x, u), rtol=1e-9, atol=1e-12)
        assert "for " in compiled.source


def test_few_rows_of_what_is_assembled_are_in_pieces_too(monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    monkeypatch.setattr(pieces, "multiplies_small_at_once", lambda: True)
    x, y = np.ones((32, 256)), np.ones((512, 128))
    program = program_of(lambda x, y: np.concatenate([np.sin(x), np.cos(x)], axis=1) @ y, [x, y])
    assert operations(drop_dead(divide_products(steps_of(program))))[-3:] == ROWS


# --- loops ------------------------------------------------------------------------------------------------------------


def loop_of(rewrite: Rewrite, function: Callable[..., Any], arrays: list[Any]) -> tuple[Step, list[str]]:
    """The loop of a function's graph after a rewrite, and the functions that its body calls."""
    graph = drop_dead(rewrite(rolled(steps_of(program_of(function, arrays)))))
    (loop,) = loops_in(graph)
    return loop, operations(loop.function.body)


def test_what_is_the_same_in_all_iterations_is_computed_before_a_loop() -> None:
    def function(h: Any, u: Any) -> Any:
        for _ in range(20):
            h = np.tanh(h @ u.T + np.sum(u)) * 0.5
        return h

    arrays = [VECTOR, np.eye(3)]
    assert loop_of(lambda graph: graph, function, arrays)[1] == [
        "transpose",
        "matmul",
        "sum",
        "add",
        "tanh",
        "multiply",
    ]
    loop, calls = loop_of(hoist, function, arrays)
    assert calls == ["matmul", "add", "tanh", "multiply"]
    assert [step.op for step in loop.args[1:]] == ["transpose", "sum"]


def test_what_may_fail_stays_in_a_loop() -> None:
    def function(h: Any, u: Any) -> Any:
        for _ in range(20):
            h = np.tanh(np.linalg.solve(u, h)) + np.linalg.inv(u) @ h
        return h

    assert "linalg.inv" in loop_of(hoist, function, [VECTOR, np.eye(3)])[1]


def test_what_nobody_reads_of_a_loop_is_not_carried() -> None:
    def function(x: Any, y: Any) -> Any:
        for _ in range(20):
            x, y = np.tanh(np.sin(x)) + 1, np.cos(y * x) + 2
        return x, y

    program = program_of(function, [VECTOR, VECTOR])
    graph = rolled(steps_of(program))
    loop, calls = loop_of(tidy_loops, function, [VECTOR, VECTOR])
    assert loop.function.carried == 2
    graph = drop_dead(tidy_loops(drop_dead(Graph(graph.nodes, graph.outputs[:1]))))
    (loop,) = loops_in(graph)
    assert loop.function.carried == 1 and operations(loop.function.body) == ["sin", "tanh", "add"]
    assert calls == ["sin", "tanh", "add", "multiply", "cos", "add"]


def test_inputs_that_are_one_value_and_values_that_never_change_are_inputs_once() -> None:
    def function(x: Any, y: Any) -> Any:
        z = y
        for _ in range(20):
            x, y, z = np.sin(x) * y, z, y
        return np.tanh(x), y

    loop, _ = loop_of(tidy_loops, function, [VECTOR, VECTOR])
    assert loop.function.carried == 1 and len(loop.args) == 2


def after_all(
    rewrites: list[Rewrite], function: Callable[..., Any], arrays: list[Any], backward: bool = False
) -> Graph:
    """The graph of a function with loops after some rewrites, which keep what is computed."""
    program = program_of(function, arrays, backward=backward)
    phases = (ROLL, *one_phase(*rewrites))
    results = compile_program(program, phases=phases).run(arrays)
    for result, output in zip(results, program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value, rtol=1e-9, atol=1e-12)
    graph = rolled(steps_of(program))
    for rewrite in [write_out, *rewrites]:
        graph = drop_dead(rewrite(in_bodies(graph, rewrite)))
    return graph


def test_products_of_rows_are_one_product_before_a_loop() -> None:
    def function(x: Any, w: Any, u: Any) -> Any:
        h = np.zeros((2, 3))
        for t in range(12):
            h = np.tanh(x[11 - t] @ w + h @ u)
        return h

    graph = after_all(
        [gather_rows], function, [np.sin(np.arange(96.0)).reshape(12, 2, 4), CUBE[0].T.copy()[:4, :3], np.eye(3)]
    )
    (loop,) = loops_in(graph)
    assert operations(loop.function.body) == ["getitem", "matmul", "add", "tanh"]
    assert [operation for operation in operations(graph) if operation == "matmul"] == ["matmul"]


def test_a_loop_whose_rows_are_alone_is_gone() -> None:
    graph = after_all(
        [gather_rows, tidy_loops], lambda x, w: np.stack([np.sum(np.tanh(x[t] @ w)) for t in range(12)]),
        [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)],
    )  # fmt: skip
    assert not any(loops_in(graph))


def test_sums_of_a_loop_are_made_of_all_its_terms_at_once() -> None:
    def function(x: Any, w: Any, u: Any, b: Any) -> Any:
        h = np.zeros((2, 3))
        for t in range(12):
            h = np.tanh(x[t] @ w + h @ u + b)
        return np.sum(h**2)

    arrays = [np.sin(np.arange(96.0)).reshape(12, 2, 4), np.cos(np.arange(12.0)).reshape(4, 3), np.eye(3), np.ones(3)]
    whole = [absorb_before, absorb_after, drop_kept_axes, share_common]
    before = [*loops_in(after_all(whole, function, arrays, backward=True))][-1]
    assert before.function.carried == 5  # the gradients of h, x, w, u and b
    loop = [*loops_in(after_all([*whole, gather_sums], function, arrays, backward=True))][-1]
    assert loop.function.carried == 1 and loop.function.count == 12
    assert operations(loop.function.body).count("matmul") == 2  # the gradients of h and x[t]


def test_iterations_before_and_behind_a_loop_become_its_own() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.zeros(3)
        for t in range(12):
            h = np.tanh(x[t] * 0.5 + h @ u)
        return np.sum(h**2)

    arrays = [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)]
    counts = [
        [loop.function.count for loop in loops_in(after_all(rewrites, function, arrays, backward=True))]
        for rewrites in ([share_common], [absorb_before], [absorb_after], [absorb_before, absorb_after])
    ]
    assert counts == [[12, 10], [12, 11], [12, 11], [12, 12]]


def test_an_iteration_stays_outside_where_it_differs() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.cos(x[0] @ u)
        for t in range(1, 12):
            h = np.tanh(x[t] * 0.5 + h @ u)
        return np.sum(np.sin(h) @ u)

    arrays = [np.sin(np.arange(36.0)).reshape(12, 3), np.eye(3)]
    graph = after_all([absorb_before, absorb_after], function, arrays)
    assert [loop.function.count for loop in loops_in(graph)] == [11]


def test_what_a_loop_within_a_loop_keeps_is_kept_as_one_array() -> None:
    def function(x: Any, u: Any) -> Any:
        h = np.ones(3)
        for _ in range(6):
            for t in range(8):
                h = np.tanh(x[t] * 0.5 + h @ u)
            h = h / (1.0 + np.sum(h * h))
        return np.sum(h**2)

    arrays = [np.sin(np.arange(24.0)).reshape(8, 3), np.eye(3)]
    before = [*loops_in(after_all([share_common], function, arrays, backward=True))]
    forward, backward = [*loops_in(after_all([join_stacks], function, arrays, backward=True))][:2]
    assert before[0].function.stacked > 8 and forward.function.stacked <= 4
    assert not any(loops_in(before[1].function.body)) and any(loops_in(backward.function.body))
