"""A place in the user's code is named as the user knows it: a file and a line, or a cell of a notebook."""

from __future__ import annotations

import array
import dis
import doctest
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.users_code.instructions import instructions, plain_instructions
from tinygraph.users_code.source import assigned_name, names_read, place, subscripted_name

FAULT = "import numpy as np, tinygraph as tg\ntg.Tensor(np.ones(2)) + tg.Tensor(np.ones(3))\n"


def told(text: str, name: str) -> str:
    with pytest.raises(tg.ShapeError) as caught:
        exec(compile(text, name, "exec"), {"__name__": "__main__"})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("/home/ada/train.py", "(train.py:2)"),
        ("<stdin>", "(<stdin>:2)"),
        ("<string>", "(<string>:2)"),
        ("<doctest docs/page.md[0]>", "(<doctest docs/page.md[0]>:2)"),
        ("<ipython-input-12-0a1b2c3d4e5f>", "(cell 12, line 2)"),
        ("a.py\nprint(1)\n#", "(a.py\\nprint(1)\\n#:2)"),
    ],
)
def test_a_place_is_named_as_its_file_is_and_stands_in_one_line(name, where):
    assert where in told(FAULT, name)


def test_a_cell_of_a_notebook_is_named_as_ipython_says_it():
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    made_here = not shell_module.InteractiveShell.initialized()
    shell = shell_module.InteractiveShell.instance()
    try:
        shell.execution_count = 12
        result = shell.run_cell(FAULT, store_history=True)
        assert "(cell 12, line 2)" in str(result.error_in_exec)
        shell.run_cell("loss = np.sum(tg.Tensor([1.0, 2.0]) ** 2)", store_history=True)
        graph = tg.Graph.of(shell.user_ns["loss"])
        assert str(graph.outputs[0].source) == "cell 13, line 1"
        assert "cell 13, line 1" in tg.draw(graph, view="full").html()
        with pytest.raises(tg.UnsupportedError, match=r"made at cell 13, line 1\).*, at test_source\.py:\d+"):
            np.asarray(shell.user_ns["loss"])
    finally:
        if made_here:
            shell_module.InteractiveShell.clear_instance()


def test_a_file_that_is_no_cell_keeps_its_name_beside_ipython():
    pytest.importorskip("IPython")
    assert place("/tmp/ipykernel_12/339960.py", 3) == "339960.py:3"


def test_a_doctest_is_a_place():
    test = doctest.DocTestParser().get_doctest(
        f">>> {FAULT.splitlines()[0]}\n>>> tg.Tensor([1.0])[5]\n", {}, "x", "x", 0
    )
    out: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=out.append)
    assert "<doctest x[1]>:1" in "".join(out)


def test_what_takes_a_number_is_known_without_the_text():
    """The instructions tell what is called, also where no file holds the text."""
    for text in ("math.sqrt(t)", "f(t if t > 0 else 1.0)", "np.float64(t)", "np.fromiter([t], np.float64)"):
        with pytest.raises((tg.UnsupportedError, ValueError)) as caught:
            eval(compile(text, "<stdin>", "eval"), {"math": math, "np": np, "t": tg.Tensor(2.0), "f": math.exp})
        assert "would lose the gradient" in str(caught.value.__cause__ or caught.value) or "np.float64" in text
    for text in ("list(map(math.sqrt, [t]))", "sum(map(math.sqrt, [t]))", "array.array('d', [t])"):
        with pytest.raises(
            tg.UnsupportedError, match=r"would lose the gradient\. Write (\[f\(x\) for x in t\]|it out)"
        ):
            eval(compile(text, "<stdin>", "eval"), {"math": math, "array": array, "t": tg.Tensor(2.0)})
    for text in (
        "float(t)",
        "list(map(float, [t]))",
        "sum(map(float, [t]))",
        "f'{t:.2f}'",
        "'%f' % t",
        "deque(map(float, [t]))",
    ):
        eval(compile(text, "<stdin>", "eval"), {"t": tg.Tensor(2.0), "deque": __import__("collections").deque})


@pytest.mark.parametrize(
    "text",
    [
        "[f(t) for t in ts]",
        "{f(t): k for t in ts}",
        "(k, f(ts[0]))",
        "[m.exp(t) for t in ts]",
        "[f(t + k) for t in ts]",
        "(k, m.hypot(ts[0], k))",
        "(g := f, g(ts[0]))",
        "list(map(f, ts))",
    ],
)
def test_what_takes_a_number_is_known_of_local_names_too(text):
    """Python 3.13 loads two names with one instruction, and stores and loads with one in a comprehension."""
    scope: dict[str, Any] = {"m": math}
    exec(f"def loss(ts, f=m.exp, m=m, k=1.0):\n    {text}\n    return ts[0]", scope)
    with pytest.raises(tg.UnsupportedError, match="would lose the gradient"):
        tg.grad(scope["loss"])(np.array([1.0, 2.0]))


@pytest.mark.parametrize("text", ["list(map(float, ts))", "[number(t) for t in ts]", "(k, number(ts[0]))"])
def test_a_number_that_is_asked_for_by_a_local_name_is_given(text):
    scope: dict[str, Any] = {}
    exec(f"def loss(ts, float=float, number=float, map=map, k=1.0):\n    {text}\n    return ts[0]", scope)
    assert np.array_equal(tg.grad(scope["loss"])(np.array([1.0, 2.0])), [1.0, 0.0])


def test_each_name_has_an_instruction_of_its_own():
    def f(x, y, z):
        return (w := x), [w * s for s in (y, z)], w * z

    steps = list(instructions(f.__code__))
    assert not any(isinstance(step.argval, tuple) and "FAST" in step.opname for step in steps)
    assert names_read(f.__code__, [step.offset for step in steps if step.opname == "BINARY_OP"][-1]) == {"w", "z"}


def test_a_program_read_from_stdin_is_told_the_line():
    done = subprocess.run([sys.executable], input=FAULT, capture_output=True, text=True, check=False)
    assert "(<stdin>:2)" in done.stderr


def test_bytecode_is_read_in_one_room() -> None:
    house = Path(tg.__file__).parent
    reading = re.compile(r"^\s*(import|from) dis\b|\bco_(code|names)\b", re.MULTILINE)
    found = {file.relative_to(house).parts[0] for file in house.rglob("*.py") if reading.search(file.read_text())}
    assert found == {"users_code"}


def test_the_array_that_a_part_is_read_or_written_of():
    def written(y, t, i, model):
        y[2] = t
        y[i] = t
        y[1:] = t
        y[i + 1 : 3] = t
        model.y[0] = t
        y[0][1] = t
        return y[i], y[1:-1], y.T[0], np.abs(y)[0], y[t[0]]

    names = [
        subscripted_name(written.__code__, step.offset)
        for step in dis.get_instructions(written)
        if step.opname.endswith(("_SUBSCR", "_SLICE")) and step.opname != "BUILD_SLICE"
    ]
    assert names == ["y", "y", "y", "y", None, "y", None, "y", "y", None, None, "t", "y"]


def test_what_a_call_of_a_c_function_is_assigned_to_in_code_that_has_run_before() -> None:
    class Noted:
        def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> str | None:
            frame = sys._getframe(1)
            return assigned_name(frame.f_code, frame.f_lasti)

    def made(like: Any) -> Any:
        buffer = np.zeros(3, like=like)
        return [buffer]

    assert [made(Noted()) for _ in range(50)] == [["buffer"]] * 50


SILENT = ("CACHE", "NOP", "PUSH_NULL", "PRECALL", "EXTENDED_ARG")
# More names than a byte can number.
MANY = "def f(x):\n" + "".join(f"    x.a{n} = g{n}.b{n}(c{n} % {n}.5) is x\n" for n in range(300))


@pytest.mark.parametrize("text", [MANY, *(Path(module.__file__).read_text() for module in (dis, doctest, subprocess))])
def test_plain_instructions_are_those_of_dis(text):
    codes = [compile(text, "text", "exec")]
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, type(code))]
        expected = [step for step in dis.get_instructions(code) if step.opname not in SILENT]
        found = plain_instructions(code)
        assert [step.opname for step in found] == [step.opname for step in expected]
        for step, other in zip(found, expected, strict=True):
            op = dis.opmap[step.opname]
            if step.opname != "KW_NAMES" and (op in dis.hasname or op in dis.hasconst or op in dis.hasfree):
                assert step.argval is other.argval or step.argval == other.argval
    assert len(codes) > 1


def test_a_line_of_tinygraph_is_told_as_no_line_of_the_user() -> None:
    """A function without a line of its own is called by tinygraph, on a line that the user does not know."""
    total = tg.primitive(lambda x: np.sum(x))
    total.derivative(lambda g, z, x: g)  # of another shape than x
    with pytest.raises(tg.ShapeError) as failed:
        tg.grad(total)(np.ones(3))
    assert failed.value.__notes__ == ["in the backward pass of <lambda>"]
    with pytest.raises(tg.NonFiniteError) as found, np.errstate(divide="ignore"), tg.detect_nonfinite():
        tg.grad(np.log)(0.0)
    assert ".py" not in str(found.value) and "operand 0: shape ()" in str(found.value)
    assert ".py" not in str(tg.trace(np.sin, np.ones(3)))


def test_weights_made_before_the_first_batch_have_the_line_that_made_the_model() -> None:
    model = tg.nn.Sequential([tg.nn.Input((4,)), tg.nn.Dense(3)])
    images = tg.nn.Input((4,))
    other = tg.nn.Model(images, tg.nn.Dense(2)(images))
    for made in (model, other):
        source = tg.Graph.of(made(np.ones((8, 4)))).inputs[0].source
        assert source is not None and source.file == __file__
