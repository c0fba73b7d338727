"""Each rewrite: what it makes of its example, and that the meaning stays."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import ALL, one_phase, operations, program_of
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rewrites import Rewrite
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
from tinygraph.compiler.rewrites.joining_views import copy_to_reshape, join_views
from tinygraph.compiler.rewrites.long_rows import long_rows
from tinygraph.compiler.rewrites.sharing import drop_dead, fold_constants, share_common
from tinygraph.compiler.rewrites.slow_functions import steps_by_sign, sums_of_exponentials
from tinygraph.compiler.rewrites.taking_parts import take_joined
from tinygraph.compiler.rewrites.turning import multiply_unturned, take_before_turning
from tinygraph.compiler.rewrites.turning_late import compute_before_turning
from tinygraph.compiler.rewrites.writing_out import write_out
from tinygraph.functions.checks import CHECKS
from tinygraph.graph import Graph

VECTOR = np.array([0.5, -1.5, 2.0])
WAVES = np.exp(1j * np.arange(6.0)).reshape(3, 2)
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
        (drop_identities, lambda z: np.conjugate(np.conjugate(z)), [WAVES], []),
        (drop_identities, lambda z: np.real(np.conjugate(z)), [WAVES], ["real"]),
        (drop_identities, lambda z: np.imag(np.conjugate(z)), [WAVES], ["conjugate", "imag"]),
        (drop_identities, lambda z: np.real(np.sum(np.conjugate(z), axis=0)), [WAVES], ["sum", "real"]),
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
