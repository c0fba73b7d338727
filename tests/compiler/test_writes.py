"""Programs that write into arrays, compiled: values, gradients, results and arguments are those of the eager call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, settings

import tinygraph as tg
import tinygraph.numpy as tnp
from tests import test_kernels, test_writing, test_writing_laws
from tests.loading import loaded
from tinygraph.compiler.phases import PHASES
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.interpreter import Interpreter
from tinygraph.compiler.rolling import runs

PROGRAMS = {program.__name__: program for program in test_writing.PROGRAMS}
# Their arrays get another shape, which a Tensor can.
OF_TENSORS = {"shapes_that_are_set"}


def loss_of(program):
    return lambda x: np.sum(np.sin(program(x)).real)


def second(f):
    return tg.grad(lambda x: np.sum(tg.grad(f)(x) ** 2))


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_has_the_values_of_the_eager_call_and_its_derivatives_of_two_orders(name):
    program, x = PROGRAMS[name], np.linspace(0.4, 1.4, 6)
    if name not in OF_TENSORS:
        compiled = tg.compile(program)
        for values in (x, x[::-1].copy()):
            np.testing.assert_array_equal(compiled(values.copy()), program(values.copy()))
    loss = loss_of(program)
    compiled = tg.compile(tg.grad(loss))
    for values in (x, x[::-1].copy()):
        np.testing.assert_allclose(compiled(values), tg.grad(loss)(values), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tg.compile(second(loss))(x), second(loss)(x), rtol=1e-11, atol=1e-11)


def saved(function, tmp_path, name, *args):
    function.save(tmp_path / f"{name}.py", *args)
    return loaded(tmp_path / f"{name}.py")


@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - OF_TENSORS))
def test_a_saved_program_that_writes_computes_what_the_compiled_one_does(name, tmp_path):
    def gradient(x):
        return tg.grad(loss_of(PROGRAMS[name]))(x)

    x = np.linspace(0.4, 1.4, 6)
    compiled = tg.compile(gradient)
    module = saved(compiled, tmp_path, f"saved_{name}", x)
    np.testing.assert_array_equal(module.gradient(x), compiled(x))


# Their values decide about what is computed.
DECIDING = {
    "cells", "elimination_with_pivots", "means_of_clusters", "metropolis", "running_sums", "sorted_by_insertion",
    "time_warping", "most_likely_path",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(test_kernels.KERNELS) - DECIDING))
def test_a_kernel_compiled_has_the_values_and_the_gradient_of_the_eager_call(name):
    function, inputs = test_kernels.KERNELS[name]
    positions = [place for place, item in enumerate(inputs) if getattr(item, "dtype", np.dtype(int)).kind in "fc"]

    def loss(*arrays):
        given = list(inputs)
        for place, array in zip(positions, arrays, strict=True):
            given[place] = tnp.array(array)
        found = function(*given)
        parts = found if isinstance(found, tuple | list) else [found]
        return sum([np.sum(np.abs(part) ** 2) for part in parts])

    arrays = [np.array(inputs[place]) for place in positions]
    gradient = tg.grad(loss, argnums=tuple(range(len(arrays))))
    for found, expected in zip(tg.compile(gradient)(*arrays), gradient(*arrays), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(test_writing_laws.programs())
@settings(max_examples=40)
def test_made_up_programs_have_the_values_and_gradients_of_the_eager_call(drawn):
    lines, x = drawn
    note("\n".join(lines))

    def arrays(x):
        return dict(test_writing_laws.run(lines, x))

    given, expected_given = (test_writing_laws.same_layout(x) for _ in range(2))
    expected, found = arrays(expected_given), tg.compile(arrays)(given)
    for name, item in expected.items():
        np.testing.assert_array_equal(found[name], item)
        assert found[name].dtype == item.dtype
    np.testing.assert_array_equal(given, expected_given)

    def loss(x):
        return test_writing_laws.summed(test_writing_laws.run(lines, x)) + 0.0 * np.sum(x)

    gradient = tg.grad(loss)(test_writing_laws.same_layout(x))
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(x), gradient, rtol=1e-10, atol=1e-10)


# --- arguments --------------------------------------------------------------------------------------------------------


def wave(u, v):
    u[1:-1] += 0.1 * (v[2:] - 2 * v[1:-1] + v[:-2])
    v[1:-1] -= u[1:-1]
    return u


def test_arrays_that_are_given_are_written_into_as_in_an_eager_call(tmp_path):
    compiled = tg.compile(wave)
    u, v = np.linspace(0, 1, 8) ** 2, np.cos(np.arange(8.0))
    pairs = [(u.copy(), v.copy()) for _ in range(3)]
    for _ in range(3):
        wave(*pairs[0])
        assert compiled(*pairs[1]) is pairs[1][0]
    module = saved(compiled, tmp_path, "saved_wave")
    for _ in range(3):
        module.wave(*pairs[2])
    for found in pairs[1:]:
        np.testing.assert_array_equal(found, pairs[0])


def test_a_call_that_fails_changes_none_of_the_arrays_that_it_is_given():
    def step(x, places):
        x[0] = 5.0
        x[1] = np.take(x, places)[0]

    compiled = tg.compile(step)
    x = np.arange(3.0)
    compiled(x, np.array([2]))
    assert x.tolist() == [5, 2, 2]
    with pytest.raises(IndexError):
        compiled(x := np.arange(3.0), np.array([7]))
    assert x.tolist() == [0, 1, 2]


def test_an_argument_in_the_memory_of_another_that_is_written_into_is_refused():
    x = np.arange(8.0)
    with pytest.raises(tg.UnsupportedError, match=r"writes into u, and v lies in the same memory.*copy"):
        tg.compile(wave)(x, x[:])
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only: the function writes into u"):
        tg.compile(wave)(x, np.arange(8.0))

    w = tg.Tensor(np.arange(8.0), name="w", requires_grad=False)
    with pytest.raises(tg.UnsupportedError, match=r"writes into u, and w lies in the same memory"):
        tg.compile(lambda u, v: wave(u, v * w))(w.data[:], np.arange(8.0))


def test_a_profile_writes_into_no_argument():
    compiled = tg.compile(wave)
    u, v = np.arange(8.0), np.cos(np.arange(8.0))
    compiled(u, v)
    before = u.copy()
    compiled.profile(u, v)
    np.testing.assert_array_equal(u, before)


# --- computed places --------------------------------------------------------------------------------------------------


def by_mask(x):
    y = x * 2
    y[y < 2] = 0.5
    y[1:][y[1:] > 2.2] = x[0]
    return y


def by_computed_places(x):
    order = np.argsort(-x)
    y = np.zeros_like(x)
    y[order] = x * np.arange(6)
    y[order[:2]] += y[order[2:4]]
    y[np.argmax(x)] = 7 * x[1]
    row = y.reshape(2, 3)[np.argmin(x) % 2]
    row[1] = x[0] * x[0]
    return y


def by_functions(x):
    y = np.copy(x)
    np.putmask(y, x > 1, np.array([3.0, 4.0]))
    np.place(y, x < 0.8, x[3:])
    np.place(y, x < 0.6, [5.0, 6.0])
    np.put(y, np.argsort(x)[:2], x[1])
    np.put_along_axis(y, np.argsort(x)[-1:], x[:1] * 3, 0)
    np.add.at(y, np.argsort(x)[[0, 0, 1]], x[2])
    np.copyto(y, x * x, where=x > 1.2)
    return y


@pytest.mark.parametrize("program", [by_mask, by_computed_places, by_functions])
def test_places_that_are_computed_are_found_anew_at_each_call(program):
    loss = loss_of(program)
    value, gradient, twice = tg.compile(program), tg.compile(tg.grad(loss)), tg.compile(second(loss))
    for seed in range(4):
        x = np.random.default_rng(seed).uniform(0.4, 1.6, 6)
        np.testing.assert_allclose(value(x), program(x), rtol=1e-14)
        np.testing.assert_allclose(gradient(x), tg.grad(loss)(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(twice(x), second(loss)(x), rtol=1e-10, atol=1e-11)


# --- Tensors from outside ---------------------------------------------------------------------------------------------


def test_a_write_into_a_tensor_from_outside_is_an_update():
    w, buffer = tg.Tensor([1.0, 2.0, 3.0]), tg.Tensor(np.zeros(3), requires_grad=False)

    def step(x):
        loss = np.sum(w * w * x)
        loss.backward()
        with tg.no_grad():
            w[1:] -= 0.1 * w.grad[1:]
        buffer[0] = x[0]
        buffer[1:] += x[1:]
        w.grad = None
        return loss

    twin, twin_buffer = tg.Tensor([1.0, 2.0, 3.0]), np.zeros(3)
    compiled = tg.compile(step)
    for _ in range(3):
        x = np.array([1.0, 2.0, 3.0])
        compiled(x)
        twin.assign(twin.data - np.array([0, 0.1, 0.1]) * (2 * twin.data * x))
        twin_buffer[0] = x[0]
        twin_buffer[1:] += x[1:]
    np.testing.assert_allclose(w.data, twin.data)
    np.testing.assert_allclose(buffer.data, twin_buffer)


@pytest.mark.parametrize("write", ["w[0] = 5.0", "w[0] = x[0] * w[1]", "w[1:][0] = 2.0", "data[0] = w[1]"])
def test_a_write_that_would_leave_a_graph_on_a_tensor_from_outside_is_refused(write):
    w, data = tg.Tensor([1.0, 2.0, 3.0]), tg.Tensor(np.zeros(3), requires_grad=False)

    def step(x):
        exec(write, {"w": w, "data": data, "x": x})
        return np.sum(w * x)

    with pytest.raises(tg.UnsupportedError, match=r"from outside.*np.copy"):
        tg.compile(step)(np.ones(3))


def test_a_plain_array_from_outside_is_refused_and_the_way_out_works():
    plain = np.zeros(3)

    def refused(x):
        plain[0] = x[0]
        return plain

    def right(x):
        made: Any = np.zeros(3, like=x)
        made[0] = x[0]
        return made

    with pytest.raises(tg.UnsupportedError, match=r"plain array.*np.zeros\(shape, like=x\)"):
        tg.compile(refused)(np.ones(3))
    np.testing.assert_array_equal(tg.compile(right)(np.ones(3)), [1, 0, 0])


MADE_LIKE_A_TENSOR = {
    "arange": lambda t: np.arange(4.0, like=t),
    "array": lambda t: np.array([3.0, 1.0, 2.0, 0.5], like=t),
    "empty": lambda t: np.empty(4, like=t),
    "eye": lambda t: np.eye(4, like=t)[1],
    "full": lambda t: np.full(4, 1.5, like=t),
    "ones": lambda t: np.ones(4, like=t),
    "zeros": lambda t: np.zeros(4, like=t),
    "zeros of tinygraph.numpy": lambda t: tnp.zeros(4, like=t),
}


@pytest.mark.parametrize("name", sorted(MADE_LIKE_A_TENSOR))
def test_an_array_that_is_made_like_a_tensor_takes_tensors_in(name):
    def program(x):
        y = MADE_LIKE_A_TENSOR[name](x)
        y[:3] = x * x
        y[1:] += x
        np.multiply(y[:2], x[1:], out=y[:2])
        y[3] = y[0] * x[2]
        return y

    x = np.linspace(0.4, 1.4, 3)
    for derive in (tg.grad, second):
        expected = derive(loss_of(program))(x)
        np.testing.assert_allclose(tg.compile(derive(loss_of(program)))(x), expected, rtol=1e-12)
    w = tg.Tensor(x, name="w")
    np.testing.assert_array_equal(tg.compile(lambda x: program(w) * x)(np.ones(4)), program(w).data)


def test_a_copy_like_a_tensor_of_an_argument_leaves_the_argument():
    def program(w, u):
        y = np.array(u, like=w)
        y[1:-1] += w * (y[2:] - y[:-2])
        y[0] = y[1]
        return np.sum(y * y)

    w, u = np.linspace(0.4, 1.4, 4), np.arange(6.0) ** 2
    expected = tg.grad(program)(w, u)
    np.testing.assert_allclose(tg.compile(tg.grad(program))(w, u), expected, rtol=1e-12)
    np.testing.assert_array_equal(u, np.arange(6.0) ** 2)


WITHOUT_A_GRADIENT = {
    "x += c": lambda x, c, w: exec("x += c"),
    "x[1:] *= c[1:]": lambda x, c, w: exec("x[1:] *= c[1:]"),
    "x -= w.detach()": lambda x, c, w: exec("x -= w.detach()"),
    "out=": lambda x, c, w: np.add(x, c, out=x),
    "a sum into out=": lambda x, c, w: np.sum(c, out=x[0:1].reshape(())),
}


@pytest.mark.parametrize("name", sorted(WITHOUT_A_GRADIENT))
def test_a_tensor_without_a_gradient_is_written_into_an_array_as_an_array_is(name):
    w = tg.Tensor(np.arange(3.0) + 1, name="w")
    c = tg.Tensor(np.arange(3.0) + 2, requires_grad=False, name="c")

    def program(x):
        x = x * 1.0
        WITHOUT_A_GRADIENT[name](x, c, w)
        with tg.no_grad():
            x += w
            np.multiply(x, w, out=x)
        return x

    np.testing.assert_array_equal(tg.compile(program)(np.ones(3)), program(np.ones(3)))


@pytest.mark.parametrize(
    "write", ["x += w", "x *= w", "x @= np.multiply.outer(w, w)", "np.add(x, w, out=x)", "x[1:] -= w[1:]"]
)
def test_a_tensor_with_a_gradient_is_not_written_into_a_plain_array_and_the_error_says_what_to_write(write):
    w = tg.Tensor(np.ones(3), name="w")

    def program(x):
        exec(write, {"x": x, "w": w, "np": np})
        return x

    for run in (program, tg.compile(program)):
        with pytest.raises(tg.UnsupportedError, match=r"would lose its gradient.*np.zeros\(shape, like=t\)"):
            run(np.ones(3))


def test_a_program_that_writes_is_drawn():
    compiled = tg.compile(tg.grad(loss_of(PROGRAMS["stencil"])))
    compiled(np.linspace(0.4, 1.4, 6))
    assert "←" in compiled.draw().svg() and "←" in compiled.draw(rewritten=True).svg()


# --- in place ---------------------------------------------------------------------------------------------------------


def text_of(function, *args):
    """The text of a function's program, without what is done before the first call."""
    compiled = tg.compile(function)
    compiled(*args)
    return compiled.source.partition("\ndef " + function.__name__)[2]


def two_dimensional(u, v):
    for _ in range(5):
        u[1:-1, 1:-1] += 0.1 * (v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * v[1:-1, 1:-1])
        v[1:-1, 1:-1] += u[1:-1, 1:-1]
        v[0] = v[1]
        v[:, 0] = v[:, 1]


@pytest.mark.parametrize("shape", [(8, 9), (300, 200)], ids=["small", "by rows"])
def test_the_time_loop_of_a_stencil_copies_no_array_and_allocates_none(shape):
    text = text_of(two_dimensional, np.ones(shape), np.ones(shape))
    assert "np.copyto" not in text and "np.empty" not in text
    assert text_of(wave, np.ones(8), np.ones(8)).count("np.copyto") == 0


def test_what_is_written_is_computed_in_its_place():
    assert "np.add(u_part, scaled_v, out=u_part)" in text_of(wave, np.ones(8), np.ones(8))


def test_a_gradient_is_added_up_and_cleared_in_its_place():
    def loss(x):
        y = x * 2
        y[0] = y[1] * 2
        y[1:-1] += np.sin(y[2:])
        return np.sum(y * y)

    gradient = tg.grad(loss)
    x = np.linspace(0, 1, 8)
    np.testing.assert_allclose(tg.compile(gradient)(x), gradient(x), rtol=1e-14)
    compiled = tg.compile(gradient)
    compiled(x)
    assert not [made for made in ("np.copyto", "fill(0)", "np.zeros(") if made in compiled.source]
    assert "d_y[0] = 0" in compiled.source
    assert "np.add(d_y_part_2, y_slope, out=d_y_part_2)" in compiled.source


PARTS: list[Any] = [1, -1, slice(1, 2), slice(2), slice(None, None, -2), (slice(None), None), (None, 1), ..., [0, 1, 1]]


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (4, 4), (2, 2), (3, 3, 3)], ids=str)
@pytest.mark.parametrize("index", PARTS, ids=str)
def test_a_part_of_what_was_broadcast_is_another_part_than_that_of_the_whole(index, shape):
    """The gradient of np.sum(x, axis=0)[1] goes to the column x[:, 1], not to the row x[1]."""

    def of_one_part(x, weights):
        return sum([np.sum(weights * np.sum(x, axis=axis)[index]) for axis in range(x.ndim)])

    def of_several(x, weights):
        sums = np.sum(x * x, axis=-1)
        return np.sum(weights * sums[index]) * np.sum(np.sin(x)) + np.sum(np.mean(x, axis=0)[index] ** 2)

    def of_each_iteration(x, weights):
        h, total = x, 0.0
        for t in range(len(x)):
            h = np.sin(h @ x)
            total = total + np.sum(np.sum(h, axis=0)[t] * x[t : t + 1]) + np.sum(np.sum(h, axis=-1)[index] * weights)
        return total

    x = np.random.default_rng(3).normal(size=shape)
    for function in (of_one_part, of_several, of_each_iteration):
        if function is of_each_iteration and len({*shape}) > 1:
            continue
        gradient = tg.grad(lambda x, function=function: function(x, 1.5) + np.sum(x**3))
        np.testing.assert_allclose(tg.compile(gradient)(x), gradient(x), rtol=1e-12, atol=1e-12)


def reads_later(x):
    y = x * 2
    before = y + 0
    y[0] = 5
    z = before * y
    y[1] = z[0]
    return y, z, y[1:]


def is_another(x):
    y = x * 2
    held = y[:2] * 1
    kept = y
    y = y.copy()
    y[0] = 7
    return kept, y, held


@pytest.mark.parametrize("program", [reads_later, is_another])
def test_an_array_that_is_read_as_it_was_is_copied(program):
    for found, expected in zip(tg.compile(program)(np.arange(6.0)), program(np.arange(6.0)), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("size", [9, 50_000])
def test_no_call_reads_what_a_fusion_has_written_over(size):
    def step(u, v):
        u[1:-1] = u[2:] * 0.5 + np.sin(u[:-2])
        u[1:-1] = u[1:-1] * v[2:] + np.cos(u[1:-1])
        w = u * v
        v[1:-1] = w[:-2]
        w[2:] += u[2:]
        return w

    rng = np.random.default_rng(0)
    pairs = [[rng.normal(size=size) for _ in range(2)]]
    pairs.append([item.copy() for item in pairs[0]])
    compiled = tg.compile(step)
    for _ in range(2):
        np.testing.assert_allclose(compiled(*pairs[1]), step(*pairs[0]), rtol=1e-13)
        np.testing.assert_allclose(pairs[1], pairs[0], rtol=1e-13)


@pytest.mark.parametrize("name", ["stencil", "swaps", "views_of_views", "backwards", "matrices"])
def test_each_phase_can_be_left_out_of_a_program_that_writes(name):
    gradient = tg.grad(loss_of(PROGRAMS[name]))
    x = np.linspace(0.4, 1.4, 6)
    compiled = tg.compile(gradient)
    expected = compiled(x)
    version, leaves = compiled._programs.for_call((x,), {})
    given = version.bound(leaves)
    np.testing.assert_allclose(Interpreter(compiled.program).run(*given), expected, rtol=1e-12, atol=1e-13)
    for left_out in PHASES:
        phases = [phase for phase in PHASES if phase is not left_out]
        found = compile_program(compiled.program, phases=phases).run(*given)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, err_msg=left_out.name)


def test_a_loop_that_a_condition_ends_writes_in_place():
    def relaxed(u, b, tol):
        u = u * 1.0
        while np.max(np.abs(u[2:] - 2 * u[1:-1] + u[:-2] - b[1:-1])) > tol:
            u[1:-1] += 0.5 * (u[2:] - 2 * u[1:-1] + u[:-2] - b[1:-1])
        return u, u[1:] * 2

    rng = np.random.default_rng(0)
    compiled = tg.compile(relaxed)
    for tol in (1.0, 0.5, 0.3, 0.2):
        u, b = rng.normal(size=9), 0.1 * rng.normal(size=9)
        for found, expected in zip(compiled(u, b, tol), relaxed(u, b, tol), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- a view of an argument, an array of constants, a Tensor without a gradient ----------------------------------------


def a_row_with_a_name(a):
    s = a[0]
    s[:] = np.arange(4.0)
    s -= 3 * a[0]
    return a


def two_rows_with_names(a):
    s, t = a[0], a[1]
    s *= -3
    t[:] = s
    t -= a[2]
    return a, s, t


def constants_all_over(a):
    y = a[0].copy()
    y[:] = np.arange(4)
    a[...] = np.arange(16.0).reshape(4, 4)
    a += y
    a[:] = [1.0, 2.0, 3.0, 4.0]
    return y, a


def constants_that_python_changes(a):
    c = np.zeros((4, 4))
    c[1] = 3
    a[:] = c
    c[2] = 5
    a += c
    return a


def constants_in_a_loop(a):
    for i in range(8):
        a[:] = a * 0.5 + a[i % 4]
        if i % 3 == 0:
            a[:] = np.arange(16.0).reshape(4, 4) * i
        a[i % 4] += 1
    return a


def a_tensor_without_a_gradient(a):
    q, r = tnp.zeros((4, 4)), tnp.zeros((4, 4))
    for k in range(3):
        r[k, k] = np.sqrt(a[:, k] @ a[:, k])
        q[:, k] = a[:, k] / r[k, k]
        a[:, k + 1] -= q[:, k] * 0.5
        a *= 1 + q[0, 0]
    return q, a


WRITTEN = [
    a_row_with_a_name, two_rows_with_names, constants_all_over, constants_that_python_changes, constants_in_a_loop,
    a_tensor_without_a_gradient,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("function", WRITTEN, ids=lambda function: function.__name__)
def test_results_and_arguments_are_those_of_the_eager_call(function, dtype):
    compiled, rng = tg.compile(function), np.random.default_rng(0)
    for _ in range(2):
        x = rng.uniform(0.5, 1.5, (4, 4)).astype(dtype)
        given, expected = x.copy(), x.copy()
        results, eager = compiled(given), function(expected)
        for result, other in zip(results, eager, strict=True):
            np.testing.assert_allclose(result, np.asarray(other), rtol=1e-5 if dtype == np.float32 else 1e-12)
        np.testing.assert_allclose(given, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_a_row_of_a_tensor_outside_keeps_the_name_of_the_tensor():
    w = tg.Tensor(np.ones((2, 3)), name="w")

    def changed(x):
        with tg.no_grad():
            row = w[0]
            row[:] = np.arange(3.0)
            row *= x
        return np.sum(w)

    assert tg.compile(changed)(2.0) == 9.0
    assert w.data.tolist() == [[0.0, 2.0, 4.0], [1.0, 1.0, 1.0]]


def test_a_tensor_with_a_gradient_is_not_written_into_a_plain_array():
    def lost(x):
        x += tg.Tensor(np.ones(3)) * 2
        return x

    for function in (lost, tg.compile(lost)):
        with pytest.raises(tg.UnsupportedError, match="would lose its gradient"):
            function(np.ones(3))


def test_what_is_computed_of_a_matrix_with_more_axes_of_one_is_written_into():
    def slope(x, w):
        def loss(x):
            product = np.tensordot(x @ w, w.T, 1)
            z = product * 1.0
            z[0] = product[0] * 2
            return np.sum(z * z)

        return tg.grad(lambda x: np.sum(tg.grad(loss)(x) ** 2))(x)

    x, w = np.arange(6.0).reshape(1, 1, 3, 2), np.arange(8.0).reshape(2, 4)
    compiled = tg.compile(slope)
    for _ in range(2):
        np.testing.assert_allclose(compiled(x, w), slope(x, w))


def in_lists(x):
    y = np.copy(x).reshape(3, 2)
    pivot = np.argmax(np.abs(y[:, 0]))
    y[[0, pivot]] = y[[pivot, 0]]
    y[[0, pivot], 1] *= y[[pivot, 0], 0]
    y[[[0], [pivot]], [0, 1]] += x[2]
    y[:, [0, pivot % 2]] = y[:, [pivot % 2, 0]] * 2
    y[list(np.argsort(y[:, 0]))] = y * x[0]
    np.put(y, [pivot, 5], x[1])
    return y


def in_parts_at_computed_places(x):
    y = np.copy(x).reshape(3, 2)
    row = np.argmax(y[:, 0])
    y[row, :] /= y[row, 0]
    y[(row,)] *= 3.0
    y[row - 1, 1:] -= y[row, 0] * x[1:2]
    y[row:, 0] = y[row:, 1] * 2
    return y


@pytest.mark.parametrize("program", [in_lists, in_parts_at_computed_places])
def test_computed_numbers_stand_in_lists_and_beside_slices(program):
    loss = loss_of(program)
    value, gradient, twice = tg.compile(program), tg.compile(tg.grad(loss)), tg.compile(second(loss))
    for seed in range(4):
        x = np.random.default_rng(seed).uniform(0.4, 1.6, 6)
        np.testing.assert_allclose(value(x), program(x), rtol=1e-14)
        np.testing.assert_allclose(gradient(x), tg.grad(loss)(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(twice(x), second(loss)(x), rtol=1e-10, atol=1e-11)


def test_an_array_of_computed_numbers_beside_a_slice_is_an_index():
    def picked(x, places):
        return np.sum(np.sin(x[:, places[0]])) + np.sum(x[places[1], 1:] ** 2)

    gradient = tg.compile(tg.grad(picked))
    x = np.arange(6.0).reshape(2, 3)
    for places in ([0, 1], [2, 0], [1, 1]):
        np.testing.assert_allclose(gradient(x, np.array(places)), tg.grad(picked)(x, places))


@pytest.mark.parametrize("shape", [[2, 3], (3, 2), 6, [6], [-1, 2], (np.int64(2), -1)])
def test_a_part_of_another_shape_is_written_into_however_the_shape_is_given(shape):
    def program(x):
        y = (x * 2).reshape(shape)
        y[1:] *= 3.0
        return y

    x = np.arange(6.0)
    np.testing.assert_array_equal(tg.compile(program)(x), program(x))


def coupled(a, b):
    x = tnp.array(b)
    y, before, total = np.cos(x), x.copy(), 0.0
    x[0] = 0.7 + np.sum(before[:2] * 0.2)
    for _ in range(5):
        before = x.copy()
        x[0] = np.dot(a[1], before) * 0.3 + np.dot(a[1], x) * 0.3
        x[1] += np.dot(a[1], before) * 0.3 + before[1] * a[0, 0]
        x[0] += np.dot(a[1], x) * 0.3 + np.dot(a[1], before) * 0.3
        x[0] += np.sin(x[0]) + 0.7
    x *= 0.9
    return np.sum(x * x) + np.sum(y * x) + total


def test_a_row_of_what_is_repeated_is_written_into(monkeypatch):
    monkeypatch.setattr(runs, "ITERATIONS", 2)  # loops of few iterations, whose first row is that of all
    monkeypatch.setattr(runs, "SAVED", 1)
    rng = np.random.default_rng(3)
    args = rng.normal(size=(2, 2)) * 0.5, rng.normal(size=2)
    for arguments in (0, 1), (0,), (1,):
        gradient = tg.grad(coupled, arguments)
        compiled = tg.compile(gradient)
        for found, expected in zip(compiled(*args), gradient(*args), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
