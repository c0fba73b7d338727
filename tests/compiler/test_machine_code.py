"""Machine code: a block of simple arithmetic as a loop over elements computes the same numbers, to the last bit.

The laws run the text of the loop in Python. Where numba is installed, it runs as machine code, too.
"""

from __future__ import annotations

import builtins
import importlib.util
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.compiler.run import machine_code
from tinygraph.compiler.run.machine_code import loops_in, with_machine_code

has_numba = importlib.util.find_spec("numba") is not None
needs_numba = pytest.mark.skipif(not has_numba, reason="numba is not installed")

# Names that a loop has a use for itself, and names that look like its own.
NAMES = ("i", "x0", "v0", "len", "sqrt", "loop", "scale")
SCRATCH = ("part", "x1")
OPERATIONS = ("add", "subtract", "multiply", "divide", "square", "negative", "sqrt")


@st.composite
def blocks(draw: Any) -> str:
    """The text of a program with a block of simple arithmetic. Scratch is written before it is read."""
    readable, lines = [*NAMES, "constant", "2", "0.5"], []
    for _ in range(draw(st.integers(1, 8))):
        operation = draw(st.sampled_from(OPERATIONS))
        count = 1 if operation in ("square", "negative", "sqrt") else 2
        operands = [draw(st.sampled_from(readable)) for _ in range(count)]
        target = draw(st.sampled_from((*NAMES[:-1], *SCRATCH)))
        if not set(operands) <= {"2", "0.5", "constant", "scale"}:
            readable.append(target)
            lines.append(f"    np.{operation}({', '.join(operands)}, out={target})")
    parameters = ", ".join((*NAMES, *SCRATCH))
    given_ = ", ".join((*NAMES, "scratch_1_1[thread, :3]", "scratch_1_2[thread]"))
    body = "\n".join(lines) or "    np.add(i, i, out=i)"
    return f"def block_1({parameters}):\n    # a comment\n{body}\n\n\ndef rows_1():\n    block_1({given_})\n"


def in_python(text: str) -> Any:
    """The loop as Python runs it, number by number of NumPy's."""
    space: dict[str, Any] = {"sqrt": np.sqrt}
    exec(text, space)
    return space["loop"]


@given(blocks(), st.sampled_from([np.float32, np.float64]), st.sampled_from([(7,), (3, 2)]), st.integers(0, 99))
def test_a_loop_computes_what_the_calls_do(source: str, kind: Any, shape: tuple[int, ...], seed: int) -> None:
    draw = np.random.default_rng(seed)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, 1e-30])

    def arrays() -> list[Any]:
        return [draw.choice([*special, *draw.normal(size=7)], shape).astype(kind) for _ in (*NAMES[:-1], *SCRATCH)]

    given_ = arrays()
    spaces = []
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(machine_code, "_compiled", in_python)
        for fast in (False, True):
            space: dict[str, Any] = {"np": np, "constant": np.array(0.3, kind)}
            exec(source, space)
            block = space["block_1"]
            if fast:
                with_machine_code(source, space)
                assert space["block_1"] is not block
            own = [item.copy() for item in given_]
            space["block_1"](*own[:6], kind(1.5), *own[6:])
            spaces.append(own[:6])
    for calls, loop in zip(*spaces, strict=True):
        assert calls.tobytes() == loop.tobytes() or np.array_equal(calls, loop, equal_nan=True)


def test_what_is_not_simple_arithmetic_stays_numpys() -> None:
    for line in ("np.exp(x, out=y)", "np.maximum(x, y, out=y)", "np.add(x, np.exp(x), out=y)", "total = np.add(x, y)",
                 "np.add(x, y, out=y, where=x)", "np.add.reduce(x, out=y)", "y[...] = x", "return x"):  # fmt: skip
        assert not loops_in(f"def block_1(x, y):\n    np.add(x, y, out=y)\n    {line}\n")


def test_scratch_that_is_read_before_it_is_written_is_left_to_numpy() -> None:
    call = "def rows_1():\n    block_1(x, scratch_1_1[thread])\n"
    assert loops_in(f"def block_1(x, y):\n    np.add(x, x, out=y)\n    np.add(x, y, out=x)\n{call}")
    assert not loops_in(f"def block_1(x, y):\n    np.add(x, y, out=x)\n{call}")


def test_an_array_that_the_user_calls_scratch_is_none() -> None:
    call = "def rows_1():\n    block_1(scratch_1, scratch_pad[1:2], scratch_1_1[thread, :3])\n"
    (loop,) = loops_in(f"def block_1(x, y, z):\n    np.add(x, y, out=z)\n    np.add(x, z, out=y)\n{call}")
    assert loop.scratch == {"z"}


@pytest.mark.parametrize("which", ["row", "every second", "kind", "constant", "number"])
def test_arrays_that_do_not_go_element_by_element_are_left_to_numpy(which: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(machine_code, "_compiled", lambda text: pytest.fail("a loop was made"))
    source = "def block_1(x, y, n):\n    np.multiply(x, scale, out=y)\n    np.add(y, n, out=y)\n"
    space: dict[str, Any] = {"np": np, "scale": np.arange(4.0) if which == "constant" else np.array(2.0)}
    exec(source, space)
    with_machine_code(source, space)
    x = {"row": np.ones(4), "every second": np.ones((3, 8))[:, ::2], "kind": np.ones((3, 4), np.float32)}
    y = np.zeros((3, 4))
    space["block_1"](x.get(which, np.ones((3, 4))), y, 1.0 if which == "number" else np.float64(1))
    assert np.array_equal(y, np.broadcast_to(np.ones(4) * space["scale"] + 1, (3, 4)))


def test_an_update_of_arrays_of_other_lengths_is_left_to_numpy(monkeypatch: Any) -> None:
    monkeypatch.setattr(machine_code, "_compiled", in_python)
    source = "def update_1(parameter, g, work_1):\n    np.multiply(g, 2.0, out=work_1)\n"
    source += "    np.subtract(parameter, work_1, out=parameter)\n"
    space: dict[str, Any] = {"np": np}
    exec(source, space)
    with_machine_code(source, space)
    for length in (machine_code.FEWEST, 1):
        parameter, work = np.zeros(machine_code.FEWEST), np.zeros(length)
        space["update_1"](parameter, np.ones(length), work)
        assert np.all(parameter == -2)


WEIGHT = "    np.multiply(d_w, 0.5, out=part)\n    np.subtract(w, part, out=w)\n"
BIAS = "    np.multiply(d_b, 0.5, out=other)\n    np.subtract(b, other, out=b)\n"
CALL = "def rows_1():\n    block_1(w, d_w, scratch_1_1[thread], b, d_b, scratch_1_2[thread])\n"


@pytest.mark.parametrize(
    ("body", "loops"),
    [
        (WEIGHT + BIAS, 2),
        (WEIGHT, 1),
        (WEIGHT + BIAS + WEIGHT, 0),  # another order would be another program where arrays share memory
        (WEIGHT + "    np.add(w, b, out=w)\n", 0),
        (WEIGHT + "    np.multiply(0.5, 2.0, out=other)\n", 0),  # of no array
    ],
)
def test_arrays_of_two_shapes_have_a_loop_each(body: str, loops: int, monkeypatch: Any) -> None:
    made: list[str] = []
    monkeypatch.setattr(machine_code, "_compiled", lambda text: made.append(text) or in_python(text))
    source = f"def block_1(w, d_w, part, b, d_b, other):\n{body}\n\n{CALL}"
    results = []
    for fast in (False, True):
        space: dict[str, Any] = {"np": np}
        exec(source, space)
        if fast:
            with_machine_code(source, space)
        draw = np.random.default_rng(0)
        arrays = [draw.normal(size=shape) for shape in [(3, 4)] * 3 + [(3, 1)] * 3]
        for _ in range(2):
            space["block_1"](*arrays)
        results.append([arrays[0], arrays[3]])
    assert len(made) == loops
    for calls, fused in zip(*results, strict=True):
        assert calls.tobytes() == fused.tobytes()


def adam(fast: bool) -> list[Any]:
    """Steps of Adam, and the weights after them."""
    draw = np.random.default_rng(0)
    model = tg.nn.Sequential([tg.nn.Dense(300, activation="tanh", seed=0), tg.nn.Dense(3, seed=1)])
    x, y = draw.normal(size=(8, 400)).astype(np.float32), draw.normal(size=(8, 3)).astype(np.float32)
    model(x)
    optimizer = tg.optim.Adam(model.parameters())

    def step(x: Any, y: Any) -> Any:
        loss = np.mean((model(x) - y) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    compiled = tg.compile(step, fast=fast)
    losses = [compiled(x, y) for _ in range(4)]
    assert "def update_1" in compiled.source
    return [*losses, *[parameter.data.copy() for parameter in model.parameters()]]


@pytest.mark.parametrize("native", [pytest.param(True, marks=needs_numba), False])
def test_steps_of_an_optimiser_are_the_same(native: bool, monkeypatch: Any) -> None:
    made = []
    if not native:
        monkeypatch.setattr("tinygraph.compiler.compiled.check_installed", lambda: None)
        monkeypatch.setattr(machine_code, "_compiled", lambda text: made.append(text) or vectorized(text))
    for plain, fast in zip(adam(False), adam(True), strict=True):
        assert np.array_equal(plain, fast)
    assert native or len(set(made)) == 1


def test_what_is_read_behind_an_update_is_written(monkeypatch: Any) -> None:
    monkeypatch.setattr("tinygraph.compiler.compiled.check_installed", lambda: None)
    monkeypatch.setattr(machine_code, "_compiled", vectorized)

    def trained(fast: bool) -> list[Any]:
        draw = np.random.default_rng(1)
        parameters = [tg.Tensor(draw.normal(size=machine_code.FEWEST + size)) for size in range(3)]
        squares, last = [[tg.Tensor(np.ones(w.shape), requires_grad=False) for w in parameters] for _ in range(2)]

        def step(x: Any) -> Any:
            loss = sum(np.sum(np.tanh(w * x)) for w in parameters)
            loss.backward()
            moved = []
            for w, v in zip(parameters, squares, strict=True):
                v.assign(0.9 * v.data + 0.1 * np.square(w.grad))
                move = 0.1 * w.grad / (np.sqrt(v.data) + 0.1)
                w.assign(w.data - move)
                moved.append((move, w.grad))
                w.grad = None
            for before, (move, g) in zip(last, moved, strict=True):
                before.assign(0.5 * before.data + np.sqrt(np.square(move)) + g)
            return loss

        compiled = tg.compile(step, fast=fast)
        for x in (1.0, 2.0, 3.0):
            compiled(x)
        assert "def update_1(" in compiled.source
        return [item.data.copy() for item in (*parameters, *squares, *last)]

    for plain, fast in zip(trained(False), trained(True), strict=True):
        assert np.array_equal(plain, fast)


def vectorized(text: str) -> Any:
    """A loop that NumPy runs on whole arrays: quicker than Python on 120,000 elements."""
    lines = text.replace("    for i in range(len(x0)):\n", "").replace("        ", "    ").replace("[i] =", "[:] =")
    return in_python(lines.replace("[i]", ""))


def test_without_numba_the_error_says_what_to_install(monkeypatch: Any) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "numba":
            raise ImportError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install tinygraph\[fast\]"):
        tg.compile(fast=True)


@needs_numba
@settings(max_examples=5)
@given(blocks(), st.sampled_from([np.float32, np.float64]))
def test_machine_code_computes_what_the_calls_do(source: str, kind: Any) -> None:
    draw = np.random.default_rng(0)
    given_ = [draw.normal(size=50).astype(kind) for _ in (*NAMES[:-1], *SCRATCH)]
    found = []
    with np.errstate(all="ignore"):
        for fast in (False, True):
            space: dict[str, Any] = {"np": np, "constant": np.array(0.3, kind)}
            exec(source, space)
            if fast:
                with_machine_code(source, space)
            own = [item.copy() for item in given_]
            space["block_1"](*own[:6], kind(1.5), *own[6:])
            found.append(own[:6])
    for calls, loop in zip(*found, strict=True):
        assert np.array_equal(calls, loop, equal_nan=True)
