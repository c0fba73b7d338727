"""Machine code: a run of calls as a loop over elements computes the same numbers, to the last bit.

Python runs the loops of the laws, with NumPy's functions. Where numba is installed, it compiles them, too.
"""

from __future__ import annotations

import importlib.util
import re
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compiler.loops_in_python import in_python, is_between
from tinygraph.compiler.fast import engine
from tinygraph.compiler.fast.calls import CALLS, Number
from tinygraph.compiler.fast.loops import Loop
from tinygraph.compiler.fast.runs import Runs
from tinygraph.compiler.fast.text import EXPRESSIONS

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")

# Arithmetic, to the bit, and what differs in the last digit.
OF_ONE = ("negative", "square", "sqrt", "absolute", "positive", "reciprocal", "sign")
OF_TWO = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
SERIES = ("exp", "log", "tanh")
QUESTIONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")

# Arrays of a program, by name: of the shape of its results, and such that are broadcast to it.
ARRAYS = {
    "x": lambda shape: shape, "y": lambda shape: shape, "z": lambda shape: shape,
    "row": lambda shape: shape[-1:], "column": lambda shape: (*shape[:-1], 1) if shape else (),
    "number": lambda shape: (),
}  # fmt: skip
MASKS = ("m", "n")
SHAPES = [(7,), (3, 4), (1, 5), (4, 1), (2, 3, 2), (2, 1, 3), (1, 1), (0, 3), ()]

# How an array of a shape may lie in memory, as the text of an array made from `base`, which is large enough.
LAYOUTS = ("whole", "part", "backward", "every other", "transposed")


@st.composite
def bodies(draw: Any, series: bool = False) -> list[str]:
    """Statements of a function of arrays."""
    readable = [*ARRAYS, "2", "0.5", "-np.inf", "constant", "x[...]"]
    targets = ["x", "y", "z", "x[...]"]
    lines = []
    for _ in range(draw(st.integers(1, 9))):
        item = st.sampled_from(readable)
        kind = draw(st.sampled_from(["one", "two", "two", "clip", "copy", "set", "ask", "and", "choose", "other"]))
        target = draw(st.sampled_from(targets))
        mask = draw(st.sampled_from(MASKS))
        if kind == "one":
            name = draw(st.sampled_from((*OF_ONE, *(SERIES if series else ()))))
            lines.append(f"np.{name}({draw(st.sampled_from([*ARRAYS]))}, out={target})")
        elif kind == "two":
            lines.append(f"np.{draw(st.sampled_from(OF_TWO))}({draw(item)}, {draw(item)}, out={target})")
        elif kind == "clip":
            lines.append(f"np.clip({draw(item)}, 0, np.inf, out={target})")
        elif kind == "copy":
            lines.append(f"np.copyto({target}, {draw(item)})")
        elif kind == "set":
            lines.append(f"{target.removesuffix('[...]')}[...] = {draw(item)}")
        elif kind == "ask":
            lines.append(f"np.{draw(st.sampled_from(QUESTIONS))}({draw(item)}, {draw(item)}, out={mask})")
        elif kind == "and":
            lines.append(f"np.logical_{draw(st.sampled_from(['and', 'or']))}(m, n, out={mask})")
        elif kind == "choose":
            lines.append(f"np.copyto({target}, {draw(item)}, where={mask})")
        else:
            lines.append(
                draw(st.sampled_from(["kept.append(float(np.sum(x)))", "z = z[...]", "np.logical_not(m, out=n)"]))
            )
    return lines


def laid_out(values: Any, layout: str) -> Any:
    """An array of these values that lies in memory in some way."""
    shape = values.shape
    if not shape:
        return values.copy()
    if layout == "part":
        whole = np.zeros((*shape[:-1], shape[-1] + 3), values.dtype)[..., 1 : shape[-1] + 1]
    elif layout == "backward":
        whole = np.zeros(shape, values.dtype)[::-1]
    elif layout == "every other":
        whole = np.zeros((*shape[:-1], 2 * shape[-1]), values.dtype)[..., ::2]
    elif layout == "transposed":
        whole = np.zeros(shape[::-1], values.dtype).T
    else:
        whole = np.zeros(shape, values.dtype)
    whole[...] = values
    return whole


@st.composite
def arguments(draw: Any) -> dict[str, Any]:
    """Arguments of such a function, some of which share memory."""
    kind = draw(st.sampled_from([np.float32, np.float64]))
    shape = draw(st.sampled_from(SHAPES))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, 1.0])

    def values(shape: Any) -> Any:
        return np.where(random.random(shape) < 0.3, random.choice(special, shape), random.normal(size=shape)).astype(
            kind
        )

    found = {
        name: laid_out(np.asarray(values(of(shape))), draw(st.sampled_from(LAYOUTS))) for name, of in ARRAYS.items()
    }
    found |= {name: laid_out(np.asarray(random.random(shape) < 0.5), "whole") for name in MASKS}
    shared = draw(st.sampled_from(["none", "same", "moved", "between", "number"]))
    if shared == "same":
        found["y"] = found["x"][...]
    elif shared == "moved" and shape and len(shape) > 1:
        whole = np.asarray(values((shape[0] + 1, *shape[1:])))
        found["x"], found["y"] = whole[1:], whole[:-1]
    elif shared == "between" and shape:
        whole = np.asarray(values((*shape[:-1], 2 * shape[-1])))
        found["x"], found["y"] = whole[..., : shape[-1]], whole[..., shape[-1] :]
    elif shared == "number":
        found["number"] = draw(st.sampled_from([kind(0.3), 0.3, 2]))
    return found


def copied(given_: dict[str, Any]) -> dict[str, Any]:
    """Copies that share memory as the arguments do."""
    bases: dict[int, Any] = {}
    made = {}
    for name, item in given_.items():
        if not isinstance(item, np.ndarray):
            made[name] = item
            continue
        base = item
        while isinstance(base.base, np.ndarray):
            base = base.base
        copy = bases.setdefault(id(base), base.copy())
        offset = item.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        made[name] = np.ndarray(item.shape, item.dtype, copy, offset, item.strides)
    return made


def results(source: str, given_: dict[str, Any], fast: bool, calls: int = 2) -> list[Any]:
    """The arguments of a function after it has written into them, called more than once."""
    kind = given_["x"].dtype
    space: dict[str, Any] = {"np": np, "constant": np.array(0.3, kind), "kept": []}
    exec(source, space)
    code = engine.MachineCode(source, "<test>", {}, space) if fast else None
    own = copied(given_)
    with np.errstate(all="ignore"):
        for _ in range(calls):
            space["function"](**own)
            if code is not None:
                code.prepared()
    return [*own.values(), np.array(space["kept"])]


def text_of(lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"def function({', '.join((*ARRAYS, *MASKS))}):\n{body}\n"


@given(bodies(), arguments())
def test_a_run_computes_what_its_calls_do(lines: list[str], given_: dict[str, Any]) -> None:
    source = text_of(lines)
    calls = results(source, given_, fast=False)
    with in_python():
        loops = results(source, given_, fast=True)
    for one, two in zip(calls, loops, strict=True):
        assert np.array_equal(one, two, equal_nan=True)
        if not re.search("maximum|minimum|clip|sign", source):  # of two zeros NumPy takes one or the other
            assert np.array_equal(np.signbit(one)[one == one], np.signbit(two)[two == two])


@needs_numba
@settings(max_examples=20)
@given(bodies(series=True), arguments())
def test_machine_code_computes_what_its_calls_do(lines: list[str], given_: dict[str, Any]) -> None:
    source = text_of(lines)
    calls = results(source, given_, fast=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FEWEST", 0)
        loops = results(source, given_, fast=True)
    for one, two in zip(calls, loops, strict=True):
        tolerance = 1e-5 if given_["x"].dtype == np.float32 else 1e-13
        assert np.allclose(one, two, rtol=tolerance, atol=0, equal_nan=True)


def loops_of(source: str, **given_: Any) -> list[Loop]:
    """The loops that are made of a function's runs."""
    made: list[Loop] = []
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    with in_python(made):
        engine.MachineCode(source, "<test>", {}, space)
        space["function"](**given_)
    return made


def test_what_does_not_go_element_by_element_is_no_run() -> None:
    for line in ("np.add.reduce(x, out=y)", "total = np.add(x, y)", "np.add(x, y, out=y, where=x)", "x[i] = y",
                 "np.add(x, np.exp(x), out=y)", "np.add(x, y.T, out=y)", "np.add(x, y, z)", "return x"):  # fmt: skip
        source = f"def function(x, y, i):\n    np.add(x, y, out=y)\n    {line}\n"
        assert not Runs.of(source).found, line


def test_an_index_is_a_view_where_it_is_certainly_whole() -> None:
    body = "        np.add(x[{}], y, out=y)\n        np.exp(y, out=y)\n"
    for index, is_view in (("0", True), ("-1", True), ("i, :3", True), ("j", False), ("...", True), ("x > 0", False)):
        found = Runs.of("def function(x, y, j):\n    for i in range(3):\n" + body.format(index)).found
        assert [len(run.calls) for run in found] == ([2] if is_view else []), index


@pytest.mark.parametrize("element", ["x[0]", "x[1:][0]", "x[-1]", "(x[...])[1]"])
def test_an_element_is_read_when_its_call_is_made(element: str) -> None:
    """`x[0]` is a number where x has one axis: given to a run at its beginning it is what it was before its calls."""
    source = f"def function(x, y):\n    np.add(x, x, out=x)\n    np.multiply(y, {element}, out=y)\n    y += 1\n"
    found = []
    for fast in (False, True):
        space: dict[str, Any] = {"np": np}
        exec(source, space)
        x, y = np.arange(1.0, 4.0), np.ones(3)
        with in_python():
            if fast:
                engine.MachineCode(source, "<test>", {}, space)
            space["function"](x, y)
        found.append(y)
    assert np.array_equal(*found)
    assert not Runs.of(source).found


def test_an_element_that_is_written_is_no_part_of_a_run() -> None:
    source = "def function(x):\n    x[0] = 2.0\n    x[1] = 3.0\n    x[2] = x[0]\n"
    space: dict[str, Any] = {"np": np}
    engine.MachineCode(source, "<test>", {}, space)
    exec(source, space)
    x = np.zeros(3)
    space["function"](x)
    assert np.array_equal(x, [2, 3, 2])
    assert not Runs.of(source).found


def test_a_row_of_an_array_of_known_axes_is_no_element() -> None:
    body = "    np.add(x, 1.0, out=y)\n    np.add(y, h[0], out=y)\n    h[1] = y\n"
    source = f"h = np.empty((3, 4))\n\ndef block_1(h, x, y):\n{body}\ndef step(x, y):\n    v = h[0]\n{body}"
    assert [len(run.calls) for run in Runs.of(source, {}, {"h": 2}).found] == [3]
    assert not Runs.of(source, {}, {"h": 1}).found
    assert not Runs.of(source.replace("v =", "h ="), {}, {"h": 2}).found
    source = source.replace("(x, y):\n    v", "(x, y, h):\n    v")
    assert [len(run.calls) for run in Runs.of(source, {}, {"h": 2}).found] == [3]


@pytest.mark.parametrize("shared", [False, True])
def test_a_number_that_lies_in_an_array_is_read_after_it_is_written(shared: bool) -> None:
    source = "def function(x, y, t):\n    np.multiply(x, 2.0, out=x)\n    np.add(y, t, out=y)\n"
    space: dict[str, Any] = {"np": np}
    made: list[Loop] = []
    with in_python(made):
        engine.MachineCode(source, "<test>", {}, space)
        for is_shared in (shared, not shared, shared):
            x, y = np.full((2, 3), 2.0), np.zeros((2, 3))
            space["function"](x, y, x[0, 1, ...] if is_shared else np.array(5.0))
            assert np.all(y == (4 if is_shared else 5))
    assert len(made) == (not shared)


def test_arrays_of_another_order_of_bytes_are_left_to_numpy() -> None:
    source = "def function(x):\n    np.sqrt(x, out=x)\n    np.add(x, x, out=x)\n"
    x = np.array([1.0, 4.0], ">f8")
    assert not loops_of(source, x=x)
    assert np.array_equal(x, [2, 4])


@pytest.mark.parametrize("which", ["of other lengths", "of another dtype", "every second", "moved"])
def test_arrays_that_a_loop_cannot_run_over_are_left_to_numpy(which: str) -> None:
    source = "def function(x, y):\n    np.multiply(x, 2.0, out=y)\n    np.add(y, x, out=y)\n"
    whole = np.arange(12.0)
    x, y = {
        "of other lengths": (np.ones(1), np.zeros(3)), "of another dtype": (np.ones(3, np.float32), np.zeros(3)),
        "every second": (whole[::2], np.zeros(6)), "moved": (whole[1:], whole[:-1]),
    }[which]  # fmt: skip
    expected = 3 * x + np.zeros(y.shape) if which != "moved" else None
    loops = loops_of(source, x=x, y=y)
    assert len(loops) == (which == "of other lengths")
    if expected is not None:
        assert np.array_equal(y, expected)


def test_arrays_of_other_shapes_later_have_loops_of_their_own() -> None:
    source = "def function(x, y):\n    np.multiply(x, 2.0, out=y)\n    np.add(y, 1.0, out=y)\n"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    made: list[Loop] = []
    with in_python(made):
        engine.MachineCode(source, "<test>", {}, space)
        for shape in [(3,), (2, 2), (3,), (0,), (5,)]:
            y = np.empty(shape)
            space["function"](np.ones(shape), y)
            assert np.all(y == 3)
    assert len(made) == 3


def test_a_loop_that_refuses_leaves_the_call_to_numpy() -> None:
    source = "def function(x, y, z):\n    np.multiply(x, 2.0, out=y)\n    np.add(y, z, out=y)\n"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    with in_python():
        engine.MachineCode(source, "<test>", {}, space)
        for _ in range(2 * engine.REFUSED):
            for moved in (False, True, True):
                whole = np.arange(10.0)
                x, y = (whole[:-1], whole[1:]) if moved else (whole[:-1].copy(), np.empty(9))
                expected = 2 * x + np.arange(9.0)
                space["function"](x, y, np.arange(9.0))
                assert np.array_equal(y, expected)
        for z in (np.arange(9.0, dtype=np.float32), np.ones(1), np.ones((1, 1))[0], 3.0):
            y = np.empty(9)
            space["function"](np.ones(9), y, z)
            assert np.array_equal(y, 2 + np.zeros(9) + z)


UNREAD = """
part = np.empty(4)
other = part
whole = np.empty(8)
half = whole[:4]
kept = np.empty(4)
again = np.empty(4)

def function(x, y):
    np.multiply(x, 2.0, out=part)
    np.add(part, 1.0, out=other)
    np.add(other, x, out=half)
    np.square(x, out=kept)
    np.add(again, x, out=again)
    np.add(half, again, out=y)
    y += np.sum(kept) + np.sum(whole)
"""
MEMORY = {"part": 1, "other": 1, "whole": 2, "half": 3, "kept": 4, "again": 5}


def test_memory_is_written_where_something_reads_it_later() -> None:
    (run,) = Runs.of(UNREAD, {name: array for name, array in MEMORY.items() if name != "half"}).found
    assert {*run.unread} == {"part", "other"}
    assert len({*run.unread.values()}) == 1
    found = []
    for fast in (False, True):
        space: dict[str, Any] = {"np": np}
        exec(UNREAD, space)
        space["whole"][:], space["again"][:] = 0, 1
        with in_python():
            if fast:
                engine.MachineCode(UNREAD, "<test>", {k: v for k, v in MEMORY.items() if k != "half"}, space)
            y = np.zeros(4)
            for _ in range(3):
                space["function"](np.arange(4.0), y)
        found.append(y)
    assert np.array_equal(*found)


def test_memory_that_another_loop_of_the_run_reads_is_written() -> None:
    source = (
        "part = np.empty(4)\ndef function(x, y, z):\n    np.multiply(x, 2.0, out=part)\n    np.add(part, x, out=y)\n"
    )
    source += "    np.add(z, part, out=z)\n    np.multiply(z, y, out=z)\n"
    (run,) = Runs.of(source, {"part": 1}).found
    assert {*run.unread} == {"part"}
    made: list[Loop] = []
    found = []
    for fast in (False, True):
        space: dict[str, Any] = {"np": np}
        exec(source, space)
        space["part"][:] = 99
        given_ = np.arange(4.0), np.zeros(4), np.ones((3, 4))
        with in_python(made):
            if fast:
                engine.MachineCode(source, "<test>", {"part": 1}, space)
            space["function"](*given_)
        found.append(given_)
    assert len(made) == 2
    assert all(map(np.array_equal, *found))


def test_a_number_of_another_dtype_is_left_to_numpy() -> None:
    source = (
        "tenth = np.array(0.1)\ndef function(x, y):\n    np.multiply(x, tenth, out=y)\n    np.add(y, tenth, out=y)\n"
    )
    for kind, count in ((np.float32, 0), (np.float64, 1)):
        made: list[Loop] = []
        found = []
        for fast in (False, True):
            space: dict[str, Any] = {"np": np}
            exec(source, space)
            with in_python(made):
                if fast:
                    engine.MachineCode(source, "<test>", {}, space)
                y = np.empty(40, kind)
                space["function"](np.linspace(1, 2, 40, dtype=kind), y)
            found.append(y)
        assert len(made) == count
        assert np.array_equal(*found)


def test_runs_without_a_loop_are_put_back_after_the_first_call() -> None:
    source = "def function(x, y, z):\n    np.add(x, 1.0, out=x)\n    np.tanh(x, out=x)\n    z.append(x.sum())\n"
    source += "    for i in range(2):\n        np.add(y, 1.0, out=y)\n        np.tanh(y, out=y)\n"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    expected: list[Any] = [np.zeros(3), np.zeros(300), []]
    found: list[Any] = [np.zeros(3), np.zeros(300), []]
    plain = space["function"]
    with in_python(fewest=100):
        code = engine.MachineCode(source, "<test>", {}, space)
        for names in (["__run_1__", "__run_2__"], ["__run_2__"]):
            function = space["function"]
            assert [name for name in function.__code__.co_names if name.startswith("__run")] == names
            plain(*expected)
            function(*found)
            assert all(map(np.array_equal, expected, found))
            assert code.prepared() is space


def test_runs_of_many_shapes_are_put_back_after_the_first_call() -> None:
    source = "def function(x, last):\n    for i in range(10, last):\n        y = x[:i]\n"
    source += "        np.add(y, 1.0, out=y)\n        np.tanh(y, out=y)\n"
    for last, runs in ((12, ["__run_1__"]), (40, [])):
        space: dict[str, Any] = {"np": np}
        exec(source, space)
        expected, found = np.zeros((2, 40))
        space["function"](expected, last)
        with in_python(fewest=1):
            code = engine.MachineCode(source, "<test>", {}, space)
            space["function"](found, last)
            assert np.array_equal(expected, found)
            code.prepared()
        assert [name for name in space["function"].__code__.co_names if name.startswith("__run")] == runs


@pytest.mark.parametrize(
    ("body", "calls"), [("z.append(x.sum())", 0), ("np.add(x, 1.0, out=x)\n    np.tanh(x, out=x)", 1)]
)
def test_a_program_without_a_loop_is_not_asked_about_errors(body: str, calls: int) -> None:
    source = f"def function(x, z):\n    {body}\n"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    with in_python(fewest=100):
        code = engine.MachineCode(source, "<test>", {}, space)
        for _ in range(calls):
            space["function"](np.zeros(3), [])
            code.prepared()
        with patch.object(np, "geterr", side_effect=AssertionError):
            assert code.prepared() is space
            space["function"](np.zeros(3), [])


def test_numbers_of_the_text_are_numbers_of_the_loop() -> None:
    source = "half = np.array(0.5)\nthree = np.array(3)\nsmall = np.array(0.1, dtype=np.float32)\n"
    source += "def function(x, y):\n    np.multiply(x, half, out=y)\n"
    source += "    np.add(y, small, out=y)\n    np.add(y, three, out=y)\n"
    (run,) = Runs.of(source).found
    numbers = [item for call in run.calls for item in call.operands if isinstance(item, Number)]
    assert numbers == [Number(0.5, "float64"), Number(0.1, "float32")]
    assert "three" in run.slots


def test_scratch_that_is_read_before_it_is_written_is_read_from_memory() -> None:
    call = "def rows_1():\n    block_1(x, scratch_1_1[thread])\n"
    (run,) = Runs.of(f"def block_1(x, y):\n    np.add(x, x, out=y)\n    np.add(x, y, out=x)\n{call}").found
    assert {*run.unread} == {"y"}
    (run,) = Runs.of(f"def block_1(x, y):\n    np.add(x, y, out=y)\n    np.add(x, y, out=x)\n{call}").found
    assert not run.unread
    (run,) = Runs.of(f"def block_1(x, y):\n    np.add(x, x, out=y)\n    np.add(x, y, out=x)\n    y.sum()\n{call}").found
    assert not run.unread


def test_scratch_that_a_function_has_by_two_names_is_written() -> None:
    body = "    np.add(x, x, out=y)\n    np.add(x, y, out=x)\n    x.sum()\n    np.add(z, x, out=x)\n"
    call = "def rows_1():\n    block_1(x, scratch_1_1[thread], scratch_1_{}[thread])\n"
    for number, unread in ((1, set()), (2, {"y"})):
        assert {*Runs.of(f"def block_1(x, y, z):\n{body}{call.format(number)}").found[0].unread} == unread


def test_a_parameter_that_has_the_name_of_memory_is_written() -> None:
    body = "    np.add(x, x, out=y)\n    np.add(x, y, out=x)\n"
    source = f"y = np.empty(4)\ndef {{}}:\n{body}def step(x, z):\n    other_1(x, z)\n    return z.sum()\n"
    assert not Runs.of(source.format("other_1(x, y)"), {"y": 1}).found[0].unread
    assert {*Runs.of(source.format("other_1(x, z)"), {"y": 1}).found[0].unread} == {"y"}


def test_an_array_that_the_user_calls_scratch_is_none() -> None:
    call = "def rows_1():\n    block_1(scratch_1, scratch_pad[1:2], scratch_1_1[thread, :3])\n"
    (run,) = Runs.of(f"def block_1(x, y, z):\n    np.add(x, y, out=z)\n    np.add(x, z, out=y)\n{call}").found
    assert {*run.unread} == {"z"}


@needs_numba
def test_each_call_of_a_run_has_an_expression_or_a_function() -> None:
    from tinygraph.compiler.fast.functions import functions

    for kind in (np.float32, np.float64):
        known = {*EXPRESSIONS, *functions(kind)}
        assert CALLS.keys() - known <= {"sin", "cos"}  # which double numbers have with FMA alone
        assert functions(kind).keys() - {"sqrt"} <= CALLS.keys()


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 9), st.integers(1, 12), st.integers(2, 4))
def test_rows_between_rows_share_no_bytes(width: int, other: int, apart: int, step: int, rows: int) -> None:
    if width > step or other > step:
        return
    own = {row * step + byte for row in range(rows) for byte in range(width)}
    theirs = {apart + row * step + byte for row in range(rows) for byte in range(other)}
    if is_between(apart, step, step, width, other):
        assert own.isdisjoint(theirs)


@needs_numba
@pytest.mark.parametrize("first", [2, 2.0, np.float64(2), np.array(2.0)])
def test_a_number_may_be_of_another_type_later(first: Any) -> None:
    source = "def function(x, y, a):\n    np.multiply(x, a, out=y)\n    np.add(y, a, out=y)\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FEWEST", 0)
        space: dict[str, Any] = {"np": np}
        engine.MachineCode(source, "<test>", {}, space)
        for a in (first, 2.5, 3, np.array(0.5), np.int64(4), np.float32(1.5), 2**70):
            y = np.empty(3)
            space["function"](np.ones(3), y, a)
            assert np.all(y == 2.0 * float(a))


@needs_numba
def test_a_number_in_an_array_in_machine_code() -> None:
    source = "def function(x, y, t):\n    np.multiply(x, 2.0, out=x)\n    np.add(y, t, out=y)\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "FEWEST", 0)
        space: dict[str, Any] = {"np": np}
        engine.MachineCode(source, "<test>", {}, space)
        for is_shared in (False, True, False):
            x, y = np.full((2, 3), 2.0), np.zeros((2, 3))
            space["function"](x, y, x[0, 1, ...] if is_shared else np.array(5.0))
            assert np.all(y == (4 if is_shared else 5))


@needs_numba
def test_rows_between_rows_in_machine_code() -> None:
    from tinygraph.compiler.fast import addresses

    compiled = addresses.is_between()
    for arguments_ in [(4, 12, 12, 4, 8), (4, 12, 12, 5, 8), (-4, 12, 12, 4, 4), (4, 12, 16, 4, 4), (4, 0, 0, 4, 4)]:
        assert compiled(*arguments_) == is_between(*arguments_)
