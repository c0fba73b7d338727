"""The targets of instructions, read from bytecode: each holds the value that the instruction made."""

from __future__ import annotations

import itertools
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.users_code.reach import ways_to
from tinygraph.users_code.source import assigned_name, target
from tinygraph.users_code.targets import loop_variables, targets_in

# Each "T" becomes a new variable, and each "f()" makes a new object.
STATEMENTS = [
    "T = f()",
    "T = g(f(), f(1, 2), k=f())",
    "T: object = f()",
    "T = T = f()",
    "T, T = f(), f()",
    "T, T, T, T = f(), f(c), f(c, k=c), g(f())",
    "(T, T), (T, T, T) = (f(), f()), (f(), f(), f())",
    "[T, T, T, T, T] = [f(), f(), f(), f(), f()]",
    "T = f() if c else f()",
    "T = f() if not c else g(f())",
    "T = (c and f()) or f()",
    "g((T := f()), (T := f(c)))",
    "m.T = f()",
    "m.inner.T = (T := f())",
    'd["T"] = f()',
    "d[0]['T'] = f()",
    "xs[1] = f()",
    "m.T, d['T'] = f(), f()",
    "T = [f(), f(), f()]",
    "T = {'a': f(), 'b': f(c)}",
    "T = {'a': [f(), f()], 'b': (f(), m)}",
    "T = [f() for _ in range(3)][-1]",
    "T = f(*[c, c], **{})",
    "for _ in range(2):\n        T = f()",
    "while True:\n        T = f()\n        break",
    "with m.context as T:\n        T = f()",
    "try:\n        T = f()\n        T = g(c)\n    finally:\n        T = f(c)",
    "try:\n        raise ValueError\n    except ValueError as error:\n        T = f()",
    "if c:\n        T = f()\n    else:\n        T = f()",
    "def h():\n        return f()\n    T = h()",
    "T = (lambda: 1, f())[1]",
    "T = f'{f()}'",
    "T, *T = f(), f(), f()",
    "T = m.inner.f()",
    "T = xs[f(c) is None]",
    "assert f() is not None, 'T'\n    T = f()",
]


class Context:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *about: object) -> None:
        return None


def run(statements: list[str]) -> tuple[dict[str, object], dict[str, Any], list[tuple[object, Any, int]]]:
    """Run statements in a function; return its targets, its variables, and each object with its place in the code."""
    numbers = itertools.count()
    lines = "\n    ".join(statements)
    while "T" in lines.replace("True", ""):
        at = next(place for place in range(len(lines)) if lines[place] == "T" and lines[place : place + 4] != "True")
        lines = f"{lines[:at]}v{next(numbers)}{lines[at + 1 :]}"
    made: list[tuple[object, Any, int]] = []

    class Made:
        pass

    def f(*_: object, **__: object) -> object:
        frame = sys._getframe(1)
        made.append((Made(), frame.f_code, frame.f_lasti))
        return made[-1][0]

    m = SimpleNamespace(inner=SimpleNamespace(f=f), context=Context())
    known = {"f": f, "m": m, "d": {0: {}}, "xs": [0, 0], "c": True, "g": lambda *parts, **_: parts[-1]}
    scope: dict[str, Any] = {}
    exec(f"def run(f, g, m, d, xs, c):\n    {lines}\n    return locals(), run.__code__", known | scope, scope)
    code = scope["run"].__code__
    scope["run"].__globals__["run"] = scope["run"]
    variables, _ = scope["run"](**known)
    return targets_in(code), variables, [each for each in made if each[1] is code]  # type: ignore[return-value]


@given(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6))
def test_each_target_holds_what_was_made(statements: list[str]) -> None:
    _, variables, made = run(statements)
    latest: dict[str, object] = {}
    for thing, code, lasti in made:
        name = target(code, lasti)
        if name is not None:
            latest[name] = thing  # a loop makes several at one place
    for name, thing in latest.items():
        assert eval(name, {}, variables) is thing, (name, statements)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_was_stored_as_it_was_made_has_its_target(statement: str) -> None:
    """All objects that a variable, attribute or item holds are known, except those from inside other calls."""
    _, variables, made = run([statement])
    ways = ways_to([id(thing) for thing, *_ in made], variables)
    silent = ("and", "*", "[-1]", "(lambda")
    for thing, code, lasti in made:
        if id(thing) in ways and not any(word in statement for word in silent) and "g(f" not in statement:
            assert target(code, lasti) is not None, statement


def test_parts_of_a_result_have_their_targets() -> None:
    def unpack(f: Any, m: Any, d: Any) -> None:
        i, m.f, d["g"], o = f()
        first, *rest, last = f()
        (a, b), c = f()

    parts = list(targets_in(unpack.__code__).values())
    assert {(0,): "i", (1,): "m.f", (2,): 'd["g"]', (3,): "o"} in parts
    assert {(0,): "first", (-1,): "last"} in parts
    assert {(0, 0): "a", (0, 1): "b", (1,): "c"} in parts


def test_self_and_private_names_are_left_out() -> None:
    def store(self: Any, f: Any) -> None:
        self.w = f()
        self.cell.b = f()
        _hidden = f()
        self._hidden = f()

    assert [names[()] for names in targets_in(store.__code__).values() if () in names] == ["w", "cell.b"]


def test_variables_of_loops_are_those_that_nothing_else_assigns() -> None:
    def loop(xs: Any) -> None:
        for x in xs:
            y = x
        for y in xs:  # noqa: B007
            pass
        for a, b in xs:  # noqa: B007
            pass

    assert loop_variables(loop.__code__) == {"x", "a", "b"}


def test_an_assigned_name_is_an_identifier() -> None:
    def store(f: Any, m: Any, d: Any) -> None:
        m.w = f()
        d["b"] = f()

    names = {assigned_name(store.__code__, lasti) for lasti in range(0, len(store.__code__.co_code), 2)}
    assert names == {None, "w"}


def test_ways_run_no_code_of_the_users() -> None:
    class Guarded:
        def __init__(self) -> None:
            self.kept = [object()]
            self._private = object()

        @property
        def asked(self) -> object:
            raise AssertionError

        def __getattr__(self, name: str) -> object:
            raise AssertionError

    one = Guarded()
    loop: list[Any] = []
    loop.append(loop)
    assert ways_to([id(one.kept[0]), id(one._private)], {"loop": loop, "one": one, "_": one.kept}) == {
        id(one.kept[0]): "one.kept[0]"
    }


class Cell(tg.nn.Module):
    def __init__(self) -> None:
        self.W = tg.Tensor(np.ones((2, 8)))
        self.parts = {"b": tg.Tensor(np.zeros(8)), "ws": [tg.Tensor(1.0), tg.Tensor(2.0)]}

    def call(self, x: Any) -> Any:
        z = x @ self.W + self.parts["b"]
        i, f, g, o = np.split(z, 4, axis=1)
        return self.parts["ws"][0] * i * g + self.parts["ws"][1] * f * o


def names_of(graph: tg.Graph) -> list[str]:
    return [node.name for node in graph if node.name]


def test_a_cell_names_its_parts() -> None:
    x = tg.Tensor(np.ones((3, 2)), name="x", requires_grad=False)
    h = Cell()(x)
    names = names_of(tg.Graph.of(h))
    assert set(names) == {"x", "W", 'parts["b"]', "z", *"ifgo", 'parts["ws"][0]', 'parts["ws"][1]', "h"}
    for text in (str(tg.Graph.of(h)), tg.Graph.of(h).to_json()):
        assert 'parts["ws"][1]' in text.replace("\\", "")


def test_the_callers_way_to_a_value_names_it() -> None:
    params = {"w": tg.Tensor([1.0, 2.0]), "b": tg.Tensor(3.0)}
    m = SimpleNamespace()
    m.w = tg.Tensor(2.0)
    layers = [SimpleNamespace(w=tg.Tensor(1.0)), SimpleNamespace(w=tg.Tensor(2.0))]
    for layer in layers:
        layer.w.assign(1.5)
    ws = [tg.Tensor(float(number)) for number in range(3)]
    total = np.sum(params["w"] * m.w + params["b"])
    for w in ws:
        total = total * w
    outs = [total * layers[0].w, layers[1].w * 2]
    names = names_of(tg.Graph.of(*outs))
    for name in ('params["w"]', "m.w", 'params["b"]', "ws[0]", "ws[2]", "layers[0].w", "layers[1].w", "outs[0]"):
        assert name in names
    assert "w" not in names


def test_each_result_of_a_call_of_several_is_named() -> None:
    z = tg.Tensor(np.arange(24.0).reshape(4, 6) % 7)
    first, *between, last = np.split(z, 6, axis=1)
    a, b, c, d = z
    u, s, vt = np.linalg.svd(z, full_matrices=False)
    graph = tg.Graph.of(first, last, *between, a, b, c, d, np.sum(u), np.sum(s), np.sum(vt))
    assert {"first", "between[0]", "between[3]", "last", "a", "b", "c", "d", "u", "s", "vt"} <= set(names_of(graph))
    (whole,) = [node for node in graph if node.name == "last"]
    assert np.array_equal(whole.value, z.data[:, 5:])


def test_a_part_of_an_array_is_no_name_of_what_is_written_there() -> None:
    y, t = tg.Tensor(np.zeros(3)), tg.Tensor(2.0, name="t")
    y = y * 1
    y[0] = t * 3
    assert "y[0]" not in names_of(tg.Graph.of(np.sum(y)))
