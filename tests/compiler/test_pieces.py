"""Products in pieces: when a product is cut, along which axis, and that its result stays the same."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import one_phase, operations, program_of
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.rewrites.sharing import drop_dead
from tinygraph.compiler.schedule import cuts, pieces
from tinygraph.compiler.schedule.batch import Batch
from tinygraph.compiler.schedule.batches import batches_of
from tinygraph.compiler.schedule.pieces import divide_products


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
    monkeypatch.setattr(cuts, "multiplies_small_at_once", lambda: False)
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
        monkeypatch.setattr(cuts, "multiplies_small_at_once", lambda found=found: found)
        assert operations(drop_dead(divide_products(steps_of(program)))) == expected
        (result,) = compile_program(program, phases=one_phase(divide_products)).run([x, y])
        assert result.flags.c_contiguous
        np.testing.assert_allclose(result, product(x, y), rtol=1e-10, atol=1e-3 if dtype is np.float32 else 1e-10)


def test_pieces_of_two_matrices_are_no_examples(monkeypatch):
    monkeypatch.setattr(pieces, "processors", lambda: 1)
    monkeypatch.setattr(cuts, "multiplies_small_at_once", lambda: True)
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
    monkeypatch.setattr(cuts, "multiplies_small_at_once", lambda: at_once)
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
    monkeypatch.setattr(cuts, "multiplies_small_at_once", lambda: True)
    x, y = np.ones((32, 256)), np.ones((512, 128))
    program = program_of(lambda x, y: np.concatenate([np.sin(x), np.cos(x)], axis=1) @ y, [x, y])
    assert operations(drop_dead(divide_products(steps_of(program))))[-3:] == ROWS
