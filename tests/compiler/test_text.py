"""The text: names, sections, numbers; and what is measured and counted about a program."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.run import threads
from tinygraph.compiler.write.alike_allocations import with_alike_together
from tinygraph.compiler.write.leaving_out import with_zeros, without_empty_groups, without_unused
from tinygraph.compiler.write.lists_of_rows import with_views_inside
from tinygraph.compiler.write.literals import string_text
from tinygraph.compiler.write.reading_inside import reading_inside


def logistic_regression() -> tuple[Any, list[Any]]:
    """A compiled step of logistic regression that has run once, and its arguments."""
    w, b = tg.Tensor(np.zeros((40, 1)), name="w"), tg.Tensor(0.0, name="b")
    learning_rate = 0.1

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        z = w.T @ x + b
        y_head = tg.sigmoid(z)
        loss = -y * np.log(y_head) - (1 - y) * np.log(1 - y_head)
        cost = np.sum(loss) / x.shape[1]
        w.grad = b.grad = None
        cost.backward()
        w.assign(w.data - learning_rate * w.grad)
        b.assign(b.data - learning_rate * b.grad)
        return cost

    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=(40, 300)), (rng.random((1, 300)) > 0.5) * 1.0]
    step(*arguments)
    return step, arguments


def test_logistic_regression_reads_like_the_tutorials() -> None:
    step, _ = logistic_regression()
    body = step.source.partition("def step(x, y):\n")[2]
    statements = [line.strip() for line in body.splitlines()]
    for line in (
        "np.dot(w_T, x, out=z)",
        "np.add(z, b, out=z)",
        "np.negative(z, out=y_head)",
        "np.divide(one, y_head, out=y_head)",
        "d_w_T = np.dot(d_z, x_T)",
        "d_b = np.vdot(d_z, ones)",
        "np.multiply(learning_rate, d_w, out=scaled_d_w)",
        "np.subtract(w, scaled_d_w, out=w)",
        "b[...] = b[()] - 0.1 * d_b",
        "np.multiply(y_head, one_minus_y_head, out=y_head_slope)",
        "np.multiply(d_y_head, y_head_slope, out=d_z)",
        "np.divide(d_one_minus_y_head, one_minus_y_head, out=d_one_minus_y_head)",
        "loss_sum = np.vdot(loss, ones)",
    ):
        assert line in statements, step.source
    sections = re.findall(r"# (forward|backward|update) · ", body)
    assert sections == sorted(sections, key=["forward", "backward", "update"].index)
    assert re.search(r"# forward · z = w\.T @ x \+ b +\(test_text\.py:\d+\)", body)


def body_of(function: Any, *arguments: Any) -> list[str]:
    """The statements of a compiled function."""
    compiled = tg.compile(function)
    compiled(*arguments)
    lines: list[str] = [line.strip() for line in compiled.source.splitlines()]
    return lines


def test_gradients_are_named_after_what_they_are_of() -> None:
    w, v = tg.Tensor(np.ones((3, 4)), name="w"), tg.Tensor(np.ones((2, 2)), name="v")

    def step(x: Any) -> Any:
        gates = x @ w
        i, g = tg.sigmoid(gates[:, :2]), np.tanh(gates[:, 2:])
        cell = i * g
        out = cell @ v
        w.grad = v.grad = None
        np.mean(out * out).backward()
        w.assign(w.data - 0.1 * w.grad)

    lines = body_of(step, np.ones((5, 3)))
    for line in (
        "np.dot(x, w, out=gates)",
        "np.multiply(d_g, g_slope, out=d_gates_part)",
        "d_gates_part = d_gates[:, 2:]",
        "np.multiply(i, g, out=cell)",
        "np.dot(d_out, v_T, out=d_cell)",
        "np.multiply(d_cell, g, out=d_i)",
        "np.multiply(d_cell, i, out=d_g)",
        "np.subtract(one, i, out=one_minus_i)",
        "np.multiply(i, one_minus_i, out=i_slope)",
        "np.square(g, out=g_slope)",
        "np.multiply(n_0_1, d_w, out=scaled_d_w)",
    ):
        assert line in lines, "\n".join(lines)


def test_first_gradients_of_logits_are_named_after_them() -> None:
    w = tg.Tensor(np.ones((3, 4)), name="w")

    def step(x: Any, y: Any) -> Any:
        logits = np.tanh(x @ w) @ np.ones((4, 2))
        loss = tg.cross_entropy(logits, y, from_logits=True)
        w.grad = None
        loss.backward()
        return loss

    lines = body_of(step, np.ones((5, 3)), np.eye(2)[[0, 1, 0, 1, 1]])
    assert "np.subtract(d_logits, y, out=d_logits)" in lines, "\n".join(lines)
    assert "np.exp(shifted_logits, out=exp_shifted_logits)" in lines
    assert any(line.startswith("loss_sum = ") for line in lines)
    assert not any("subtract_" in line or "multiply_" in line for line in lines)


def test_a_log_loss_of_probabilities_masks_what_it_must() -> None:
    p, y = np.array([0.0, 0.25, 1.0, 0.5]), np.array([0.0, 1.0, 1.0, 0.0])
    compiled = tg.compile(tg.value_and_grad(lambda p: tg.binary_cross_entropy(p, y)))
    value, gradient = compiled(p)
    expected, expected_gradient = tg.value_and_grad(lambda p: tg.binary_cross_entropy(p, y))(p)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(gradient, expected_gradient)
    assert compiled.source.count("np.copyto(") <= 8, compiled.source


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_are_arrays_that_are_made_once(dtype: Any) -> None:
    x = np.linspace(-2, 2, 600).astype(dtype)

    def function(x: Any) -> Any:
        return (np.maximum(1 - x / 3, 0.01) + -0.0) * 0.5 - (2 + x) * 1e-9 + 16777217 * x

    def exact(x: Any) -> Any:
        return np.float64(0.1) * x, np.power(x, 3), x * True

    runner = compile_program(program_of(function, [x]))
    for line in ("one = np.array(1.0", "half = np.array(0.5", "n_0_01 = np.array(0.01", "n_1e_minus_09 = np.array(1e-"):
        assert line in runner.source, runner.source
    (result,) = runner.run([x])
    assert result.dtype == dtype
    np.testing.assert_allclose(result, function(x), rtol=1e-6 if dtype == np.float32 else 1e-14)
    for result, wanted in zip(compile_program(program_of(exact, [x])).run([x]), exact(x), strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=1e-6 if dtype == np.float32 else 1e-14)


def test_a_number_keeps_the_sign_of_zero() -> None:
    x = np.array([-1.0, 2.0])
    runner = compile_program(program_of(lambda x: np.sin(x) * -0.0, [x]), phases=())
    assert np.signbit(runner.run([x])[0]).tolist() == np.signbit(np.sin(x) * -0.0).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 512, 513])
def test_short_arrays_are_summed_up_by_a_product(dtype: Any, size: int) -> None:
    x = np.random.default_rng(0).normal(size=(1, size)).astype(dtype)
    for function in (lambda x: np.sum(np.sin(x)), lambda x: np.sum(np.sin(x)[:, ::2])):
        runner = compile_program(program_of(function, [x]))
        (result,) = runner.run([x])
        assert np.asarray(result).dtype == dtype
        np.testing.assert_allclose(result, function(x), rtol=1e-5 if dtype == np.float32 else 1e-12)
        for special in (np.nan, np.inf):
            with np.errstate(invalid="ignore"):
                assert np.isnan(runner.run([np.full_like(x, special)])[0])
    runner = compile_program(program_of(lambda x: np.sum(np.sin(x)), [x]))
    assert (" = np.vdot(" in runner.source) == (2 <= size <= 512)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), [((7, 5), 0), ((2, 2), 0), ((3, 4, 5), (0, 1)), ((1, 5), 0), ((6, 1), 0)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_rows_are_summed_up_by_a_product(dtype: Any, shape: Any, axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)

    def function(x: Any) -> Any:
        return np.sum(np.sin(x), axis=axis, keepdims=keepdims)

    small = tg.compile(function)
    np.testing.assert_array_equal(small(x), function(x), strict=True)  # what is no gradient is NumPy's to the bit
    assert "np.dot(ones" not in small.source

    def gradient(x: Any) -> Any:
        bias = np.zeros(function(x).shape, x.dtype)
        return tg.grad(lambda bias: np.sum(np.sin(x) * np.exp(np.sin(x) + bias)))(bias)

    step = tg.compile(gradient)
    for given in (x, x[::-1].copy(), np.full_like(x, np.inf)):
        with np.errstate(invalid="ignore"):
            found, expected = step(given), gradient(given)
            assert found.dtype == expected.dtype and found.shape == expected.shape
            np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    assert ("np.dot(ones" in step.source) == (rows > 1 and columns > 1)


def test_a_gradient_is_multiplied_by_a_reciprocal_and_a_value_divided() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 50))

    def function(x: Any, y: Any) -> Any:
        return np.sum((np.sin(x) / 3 + y / -7.5) ** 2 / 5)

    step: Any = tg.compile(tg.value_and_grad(function, (0, 1)))
    value, slopes = step(x, y)
    expected, expected_slopes = tg.value_and_grad(function, (0, 1))(x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(slopes, expected_slopes, rtol=1e-14)
    forward, _, backward = step.source.partition("# backward")
    assert forward.count("np.divide(") >= 2 and "np.divide(" not in backward, step.source


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gradient_is_halved_once_for_both_operands_of_a_maximum(dtype: Any) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 6, 7)).astype(dtype)
    x[0] = y[0]
    gradient = tg.grad(lambda x, y: np.sum(np.minimum(x, y) ** 2), (0, 1))
    step: Any = tg.compile(gradient)
    for special in (0.5, -np.inf, np.nan):
        with np.errstate(invalid="ignore"):
            y[2, 3] = special
            for found, expected in zip(step(x, y), gradient(x, y), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-13)
        if special == 0.5:
            masks = [line for line in step.source.splitlines() if re.search(r"np\.multiply\(.*int8", line)]
            assert len(masks) == 2 and not any("0.5" in line for line in masks), step.source


@pytest.mark.parametrize(("dtype", "most"), [(np.float32, 512), (np.float64, 10_000)])
@pytest.mark.parametrize("more", [0, 1])
def test_products_are_summed_up_by_a_product_where_no_digits_are_lost(dtype: Any, most: int, more: int) -> None:
    x, y = np.random.default_rng(0).random((2, most + more)).astype(dtype)
    runner = compile_program(program_of(lambda x, y: np.sum(x * y), [x, y]))
    assert (" = np.vdot(" in runner.source) == (not more)
    np.testing.assert_allclose(runner.run([x, y])[0], np.sum(x * y), rtol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_arrays_are_compared_with_numbers_by_clipping(dtype: Any) -> None:
    x = np.linspace(-2, 2, 50_000).astype(dtype)
    x[:3] = np.nan, np.inf, -np.inf
    for function in (lambda x: np.maximum(x, 0), lambda x: np.minimum(0.5, x), lambda x: np.maximum(x, -1e-3)):
        for blocks in (False, True):
            runner = compile_program(program_of(function, [x]), blocks=blocks)
            assert "np.clip(" in runner.source
            (result,) = runner.run([x])
            assert result.dtype == dtype
            np.testing.assert_array_equal(result, function(x))
    for function in (
        lambda x: np.maximum(x, x[::-1]),
        lambda x: np.maximum(x[:100], 0),
        lambda x: np.maximum(x, np.nan),
    ):
        runner = compile_program(program_of(function, [x]))
        assert "np.clip(" not in runner.source
        np.testing.assert_array_equal(runner.run([x])[0], function(x))


def test_where_the_code_is_not_at_hand_the_comment_says_only_where_it_stands() -> None:
    space: dict[str, Any] = {"np": np}
    exec(compile("def f(x):\n    y = np.sin(x) * 2\n    return y + 1", "<stdin>", "exec"), space)
    lines = body_of(space["f"], np.ones(3))
    assert any(re.fullmatch(r"# forward +\(<stdin>:2\)", line) for line in lines), lines
    lines = body_of(space["f"], 1.0)
    assert any(re.fullmatch(r"# forward +\(<stdin>:2\)", line) for line in lines), lines


def test_numbers_have_names_that_say_something() -> None:
    def f(a: Any, b: Any) -> Any:
        x = a
        for _ in range(3):
            x = np.tanh(np.tanh(x * b + a) * 0.9 + b)
        return x * x

    compiled = tg.compile(tg.value_and_grad(f, argnums=(0, 1)))
    compiled(0.3, 0.7)
    assert re.search(r"^    # forward · x = np\.tanh.* +\(test_text\.py:\d+\)$", compiled.source, re.MULTILINE)
    names = re.findall(r"^    (\w+) = ", compiled.source, re.MULTILINE)
    assert {"x", "x_2", "x_3", "x_squared", "d_x"} <= set(names), compiled.source
    assert not any(re.fullmatch(r"v(_\d+)?|value(_\d+)?", name) for name in names)


def test_the_heat_shows_updates_under_the_names_that_the_graph_has() -> None:
    step, arguments = logistic_regression()
    assert "w, updated" in step.draw(rewritten=True, view="full").source
    for by in ("time", "bytes"):
        assert "w, updated" in step.profile(*arguments).draw(by).source


def test_the_text_keeps_to_the_width() -> None:
    step, _ = logistic_regression()
    assert max(map(len, step.source.splitlines())) <= 120
    x = np.linspace(-1, 1, 200_000)
    large = compile_program(
        program_of(lambda x: np.sum(np.tanh(np.sin(x) * np.exp(x) * np.cos(x)) * np.log1p(x * x)), [x], backward=True)
    )
    assert max(map(len, large.source.splitlines())) <= 120, large.source


@pytest.mark.parametrize(
    "name", ["np", "os", "sys", "start", "pools", "lambda", "print", "rows_1", "scratch_1_1", "thread", "loss_now"]
)
def test_a_users_name_never_means_something_else(name: str) -> None:
    def function(x: Any) -> Any:
        y = tg.Tensor(np.ones(1), name=name, requires_grad=False) * np.sin(x)
        return np.sum(y * y), y

    x = np.linspace(-1, 1, 100_000)
    program = program_of(function, [x])
    for result, output in zip(compile_program(program).run([x]), program.graph.outputs, strict=True):
        np.testing.assert_allclose(result, output.value)


# --- numbers ----------------------------------------------------------------------------------------------------------


def mixed(a: Any, b: Any) -> Any:
    """Most of what Python's floats can do."""
    c = np.tanh(a * b) + np.exp(-(a**2)) / (1 + b * b) + np.maximum(a, b) - np.sqrt(np.abs(b) + 1)
    return np.where(c > 0, c * np.sin(a), -c) + np.log1p(b * b) + tg.sigmoid(a) + tg.relu(b) + np.arctan2(a, b)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.7), (-2.0, 1.5), (1.0, -1.0)])
def test_numbers_are_computed_with_floats(a: float, b: float) -> None:
    program = program_of(mixed, [a, b], backward=True)
    runner = compile_program(program)
    assert "from math import" in runner.source
    for result, output in zip(runner.run([np.array(a), np.array(b)]), program.graph.outputs, strict=True):
        assert type(result) is np.float64
        np.testing.assert_allclose(result, output.value, rtol=1e-13)


@pytest.mark.parametrize("value", [0.0, -1.0, 1000.0, np.inf, np.nan])
def test_where_floats_raise_numpys_answer_is_given(value: float) -> None:
    def function(x: Any) -> Any:
        return np.log(x) + 1 / x, np.exp(x), np.sqrt(x), np.maximum(x, 1.0)

    runner = compile_program(program_of(function, [0.5]))
    with np.errstate(all="ignore"):
        expected = function(np.float64(value))
        results = runner.run([np.array(value)])
    np.testing.assert_array_equal(results, expected)


def test_truth_stays_truth() -> None:
    truth = tg.compile(lambda x: (x * 2, x.astype(bool)))
    for number in (0.5, 0.0):
        result = truth(np.array(number))[1]
        assert result.dtype == bool and bool(result) == bool(number)


def test_state_that_is_a_number() -> None:
    def function(x: Any, count: Any) -> Any:
        return x * count, [count + 1]

    runner = compile_program(program_of(function, [2.0], [1.0]))
    count = np.array(1.0)
    assert [float(runner.run([np.array(2.0)], [count])[0]) for _ in range(3)] == [2.0, 4.0, 6.0]
    assert count == 4.0


def test_a_failing_call_of_numbers_changes_no_state() -> None:
    runner = compile_program(program_of(lambda x, n: (np.log(x), [n + 1]), [2.0], [1.0]))
    count = np.array(1.0)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        runner.run([np.array(0.0)], [count])
    assert count == 1.0


# --- counting and measuring -------------------------------------------------------------------------------------------


def test_the_cost_is_counted() -> None:
    runner = compile_program(program_of(lambda x, w: np.sum(x @ w), [np.ones((20, 30)), np.ones((30, 40))]))
    cost = runner.cost
    assert cost.flops == 2 * 20 * 30 * 40 + 20 * 40
    assert cost.buffers == 1
    assert cost.buffer_bytes == 20 * 40 * 8
    assert cost.calls == 2
    assert "48,800 operations" in str(cost)


def test_a_profile_says_which_line_takes_the_time() -> None:
    def function(x: Any, w: Any) -> Any:
        cheap = x[0] + 1
        dear = np.sin(x) * np.sin(x + 1)
        return np.sum(dear) + np.sum(cheap), [w + 1]

    x, w = np.linspace(-1, 1, 60_000).reshape(300, 200), np.zeros(3)
    runner = compile_program(program_of(function, [x], [w]))
    profile = runner.profile([x], [w], repeats=3)
    assert not w.any(), "measuring has changed a variable"
    assert "np.sin(x) * np.sin(x + 1)" in profile.by_line()[0][1]
    assert profile.by_operation()[0][0] == "sin"
    assert profile.seconds > 0
    assert all(entry.seconds >= 0 and entry.bytes > 0 for entry in profile.entries)
    assert set(profile.heat()) <= {node.index for node in runner.graph.nodes}
    dot = profile.draw().source
    assert re.search(r"#cc4c02|#7a2a04", dot) and "share of time" in dot and "%" in dot
    assert "share of bytes" in profile.draw("bytes").source
    with pytest.raises(ValueError, match="time"):
        profile.draw("calls")
    assert "µs" in str(profile) and "operation" in str(profile)


# --- BLAS -------------------------------------------------------------------------------------------------------------


def test_blas_has_as_many_threads_after_a_call_as_before() -> None:
    blas = threads.blas()
    if blas is None:
        pytest.skip("NumPy has another BLAS than OpenBLAS")
    before = blas.get_threads()
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(100, 50)), rng.normal(size=(50, 60))
    runner = compile_program(program_of(lambda x, w: np.tanh(x @ w), [x, w]))
    np.testing.assert_allclose(runner.run([x, w])[0], np.tanh(x @ w))
    assert blas.get_threads() == before
    with pytest.raises(TypeError):
        runner.run([x, "w"])
    assert blas.get_threads() == before


def test_older_kernels_than_the_processor_has_are_told() -> None:
    flags = "flags : avx2 avx512f avx512bw avx512vl avx512dq avx512cd"
    advice = threads.blas_advice("Haswell", flags)
    assert advice is not None and "OPENBLAS_CORETYPE=SkylakeX" in advice
    assert threads.blas_advice("SkylakeX", flags) is None
    assert threads.blas_advice("Haswell", "flags : avx2") is None


def test_info_names_the_kernels() -> None:
    done = subprocess.run([sys.executable, "-m", "tinygraph", "info"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert threads.blas() is None or "kernels for" in done.stdout


def test_a_number_has_the_name_that_the_code_gives_it() -> None:
    x = np.linspace(0.25, 4, 5)
    slope, offset, values = 0.3, 0.7, 1.5  # `values` means something else in a program

    def f(x: Any) -> Any:
        return (x * slope + offset) * values + 0.9 * np.exp(x)

    step = tg.compile(f)
    np.testing.assert_allclose(step(x), f(x))
    for line in ("slope = np.array(0.3)", "offset = np.array(0.7)", "n_1_5 = np.array(1.5)", "n_0_9 = np.array(0.9)"):
        assert line in step.source.splitlines(), step.source
    other = tg.compile(lambda x: x * slope + np.exp(x) * 0.3)  # the same number, with and without a name
    other(x)
    assert "n_0_3 = np.array(0.3)" in other.source.splitlines()


@pytest.mark.parametrize("text", ["plain", "it's", 'say "so"', "both ' and \"", "a\\b\n", ""])
def test_strings_are_written_between_double_quotes(text: str) -> None:
    written = string_text(text)
    assert ast.literal_eval(written) == text
    assert written.startswith('"') or '"' in text or "'" in text


def test_an_array_has_all_its_names_in_one_line_and_no_line_is_too_long() -> None:
    def function(x: Any) -> Any:
        for _ in range(3):
            x = np.sin(np.exp(x) + np.cos(x) * 2) - np.tanh(x) * np.log(x * x + 1)
        return np.sum(x)

    gradient = tg.compile(tg.grad(function))
    gradient(np.linspace(0.1, 1, 500))
    memory = gradient.source.partition("# Memory")[2].partition("\ndef ")[0].splitlines()[1:]
    texts = [line.rpartition(" = ")[2] for line in memory if " = np.empty" not in line and line]
    assert any(line.count(" = ") > 1 for line in memory)
    assert len(set(texts)) >= len(texts) - sum(len(line) > 100 for line in memory)
    assert max(map(len, memory)) <= 120


def test_a_view_that_only_a_list_is_made_of_stands_in_that_line() -> None:
    setup = ["a = x[3::-1]", "each_a = list(a)", "b = x[1:]", "each_b = list(b)", "c = x.T", "each_c = list(x)"]
    found = with_views_inside(setup, ["np.add(b, c, out=y)", "for row in zip(each_a, each_b): pass"])
    assert found == ["each_a = list(x[3::-1])", *setup[2:]]
    long = [f"a = x[{'1' * 80}]", f"{'each' * 10} = list(a)"]
    assert with_views_inside(long, []) == long


def test_the_name_of_a_view_that_nothing_reads_is_left_out() -> None:
    lines = ["rows = x.reshape(4, 8)  #@1", "    part = rows[:2]  #@2", "np.exp(x, out=y)  #@3", "z = f(y)  #@4"]
    assert without_unused(lines, {"rows", "part"}) == lines[2:]
    assert without_unused(lines, {"rows", "part"}, ["return part"]) == lines
    assert without_unused(lines, {"rows"}) == lines  # the part is no view, and may be needed
    assert without_unused(lines, {"y"}) == lines


def test_a_comment_over_no_statement_is_left_out() -> None:
    lines = [
        "# one",
        "",
        "# two",
        "for x in xs:",
        "    # three",
        "    f(x)",
        "",
        "    # four",
        "",
        "# five",
        "g()",
        "# six",
    ]
    assert [line for line in without_empty_groups(lines) if line] == [
        "# two", "for x in xs:", "    # three", "    f(x)", "# five", "g()",
    ]  # fmt: skip


def test_a_new_array_is_filled_with_zeros_when_it_is_made() -> None:
    lines = ["y = np.empty((3, 4))", "y.fill(0)", "    z = np.empty(3, dtype=np.int64)  #@7", "    z.fill(0)  #@8"]
    assert with_zeros(lines) == ["y = np.zeros((3, 4))", "    z = np.zeros(3, dtype=np.int64)  #@8"]
    other = ["y = np.empty(3)", "y.fill(0.5)", "x = np.empty(3)", "y.fill(0)", "y.fill(0)", "z = np.empty(3)"]
    assert with_zeros(other) == other
    step = tg.compile(lambda table: tg.grad(lambda t: np.sum(t[np.array([0, 2, 2])] ** 2))(table))
    table = np.arange(8.0).reshape(4, 2)
    for _ in range(2):
        np.testing.assert_array_equal(step(table), 2 * table * np.array([[1], [0], [2], [0]]))
    assert "np.zeros((4, 2))" in step.source and "fill" not in step.source


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["a = u[1]", "y = np.sin(a)"], ["y = np.sin(u[1])"]),
        (["a = u[1]  #@3", "d = a - v * w  #@4", "u[1] = d  #@5"], ["u[1] -= v * w  #@5"]),
        (["a = u[9 - i]", "d = a + v", "u[9 - i] = d"], ["u[9 - i] += v"]),
        (["a = u[1]", "d = a - v - w", "u[1] = d"], ["u[1] = u[1] - v - w"]),
        (["a = u[1]", "d = a * v", "u[1] = d"], ["u[1] = u[1] * v"]),
        (["a = u[1]", "d = v - a", "u[1] = d"], ["u[1] = v - u[1]"]),
        (["a = u[1]", "if not a > 0:", "    raise Left(0)"], ["if not u[1] > 0:", "    raise Left(0)"]),
    ],
)
def test_an_element_is_read_by_the_statement_that_needs_it(lines: list[str], joined: list[str]) -> None:
    assert reading_inside(lines) == joined
    indented = [f"    {line}" for line in lines]
    assert reading_inside(["for i in range(3):", *indented]) == [
        "for i in range(3):",
        *[f"    {one}" for one in joined],
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["a = u[1]", "y = np.sin(a)", "z = np.cos(a)"],  # read twice
        ["a = u[1]", "u[1] = v", "y = np.sin(a)"],  # written before it is read
        ["a = u[1]", "np.sin(v, out=a)"],  # written into
        ["a = u[1]", "a[2] = v"],
        ["a = u[1]", "for x in a:", "    y = np.sin(x)"],
        ["a = u[1]", "", "# another line of the user's", "y = np.sin(a)"],
        ["a = np.sin(v)", "y = np.cos(a)"],
        ["for a in us:", "    b = u[1]", "y = np.sin(b)"],
    ],
)
def test_other_elements_keep_their_names(lines: list[str]) -> None:
    assert reading_inside(lines) == lines
    assert reading_inside(["a = u[1]", "y = np.sin(a)"], ["return a"]) == ["a = u[1]", "y = np.sin(a)"]


def test_an_index_of_one_number_is_written_without_a_comma() -> None:
    step = tg.compile(lambda x: tg.grad(lambda p: np.sum(np.stack([p[0] * np.sin(p[1]), p[1] ** 2]) ** 2))(x))
    x = np.array([1.0, 2.0])
    sine = np.sin(x[1])
    expected = [2 * x[0] * sine**2, 2 * x[0] ** 2 * sine * np.cos(x[1]) + 4 * x[1] ** 3]
    np.testing.assert_allclose(step(x), expected, rtol=1e-14)
    assert ",]" not in step.source


def test_constants_that_are_written_alike_share_a_name() -> None:
    def moved(x: Any) -> Any:
        for _ in range(2):
            turn = np.array([[0.6, -0.8], [0.8, 0.6]])
            x = np.tanh(turn @ x)
        return np.array([[0.6, -0.8], [0.8, 0.7]]) @ x

    step = tg.compile(moved)
    x = np.array([0.3, 0.4])
    np.testing.assert_allclose(step(x), moved(x), rtol=1e-15)
    assert re.findall(r"^constant\S* = .*", step.source, re.MULTILINE) == [
        "constant = np.array([[0.6, -0.8], [0.8, 0.6]])", "constant_2 = np.array([[0.6, -0.8], [0.8, 0.7]])",
    ]  # fmt: skip


def test_one_element_of_every_state_is_read_at_once() -> None:
    def heard(x: Any) -> Any:
        found = []
        for _ in range(30):
            x = np.sin(x) + 0.1
            found.append(x[..., 1])
        return np.stack([x[0, 1:], *found[3:20:2], *found[::-1]])

    step = tg.compile(heard)
    x = np.arange(6.0).reshape(3, 2)[:1]
    for _ in range(2):
        np.testing.assert_allclose(step(x), heard(x), rtol=1e-15)
    assert "all_x[3:21:2, ..., 1]" in step.source and step.source.count("    np.sin(") == 1
    assert len(step.source.splitlines()) < 40


def test_views_that_are_alike_share_a_statement() -> None:
    parts = ["a = z[:, :64]", "b = z[:, 64:128]", "c = z[:, 128:]"]
    turned = ["u = w.T", "v = a.T", "k = b.T"]
    assert with_alike_together([*parts, *turned]) == [
        "a, b, c = z[:, :64], z[:, 64:128], z[:, 128:]", "u, v, k = w.T, a.T, b.T",
    ]  # fmt: skip
    assert with_alike_together(parts[:2]) == parts[:2]
    assert with_alike_together(["a = x.T", "b = a.T", "c = b.T"]) == ["a = x.T", "b = a.T", "c = b.T"]
    read = ["a = x[:2]", "b = x[:4]", "c = x[a:]"]
    assert with_alike_together(read) == read
    long = [f"{name * 25} = {name}[::-1]" for name in "abcdef"]
    assert [line.count("[") for line in with_alike_together(long)] == [3, 3]


def test_numbers_without_names_are_computed_where_they_are_read() -> None:
    def scaled(x: Any, a: float, b: float) -> Any:
        return x * (np.sqrt(1 - np.power(0.9, a)) / (1 + b))

    compiled, x = tg.compile(scaled), np.arange(3.0)
    assert compiled(x, 2.5, 3.5).tobytes() == scaled(x, 2.5, 3.5).tobytes()
    assert "np.sqrt(1 - np.power(0.9, a)) / (1 + b)" in compiled.source


def test_a_number_is_read_before_the_variable_changes() -> None:
    t = tg.Tensor(2.0, name="t", requires_grad=False)

    def step(x: Any) -> Any:
        read = [t + 1.0]
        t.assign(t * 2.0)
        return x * np.sqrt(read[0]) + t

    compiled, x = tg.compile(step), np.arange(3.0)
    for _ in range(3):
        before = t.data.copy()
        np.testing.assert_allclose(compiled(x).data, x * np.sqrt(before + 1) + 2 * before)


def test_a_long_calculation_is_in_several_lines() -> None:
    def scaled(x: Any, a: float, b: float) -> Any:
        return x * ((a + -1 / b) * (b - 2 / a) * (a - 3 / b) * (b + 4 / a) * (a + 5 / b) * (b - 6 / a) * (a - 7 / b))

    compiled, x = tg.compile(scaled), np.arange(3.0)
    assert compiled(x, 2.5, 3.5).tobytes() == scaled(x, 2.5, 3.5).tobytes()
    assert max(map(len, compiled.source.splitlines())) <= 120


def test_signs_have_the_parentheses_that_they_need() -> None:
    def scaled(x: Any, a: float, b: float) -> Any:
        return x * (
            (a - (b - a)) / (b / (a / b)) + -(a * b) - (-a - -b) * (a - b) - a / b * a + (a * (b / 3) - (a + b) - 1)
        )  # fmt: skip

    compiled, x = tg.compile(scaled), np.arange(3.0)
    assert compiled(x, 2.7, 3.5).tobytes() == scaled(x, 2.7, 3.5).tobytes()


def test_products_and_sums_that_are_returned_make_their_own_arrays() -> None:
    def both(x: Any, w: Any) -> Any:
        return x @ w, np.sum(x, axis=0), np.tanh(x)

    x, w = np.arange(12.0).reshape(4, 3), np.arange(6.0).reshape(3, 2)
    for order in "CF":
        given = np.asarray(x, order=order), np.asarray(w, order=order)
        compiled = tg.compile(both)
        for found, expected in zip(compiled(*given), both(*given), strict=True):
            np.testing.assert_array_equal(found, expected)
            assert found.flags.c_contiguous
        assert compiled.source.count("np.empty") == 1


def test_the_text_of_a_recurrent_layer_is_short() -> None:
    rng = np.random.default_rng(0)
    model = tg.nn.Sequential([tg.nn.Input((12, 4)), tg.nn.LSTM(8), tg.nn.Dense(3)])
    optimizer = tg.optim.Adam(model.parameters(), 1e-3)

    @tg.compile
    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(model(x), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(rng.normal(size=(5, 12, 4)).astype(np.float32), rng.integers(0, 3, 5))
    assert len(step.source.splitlines()) < 230
    assert step.source.count("out=d_gates[:, ") == 4  # each gate's gradient goes into its place
    assert step.source.count("# backward") == 1  # one pass, and nothing of the forward pass within it
