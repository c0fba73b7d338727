"""The engine asks a tracer what `Tracer` states and no more, and a rule asks it nothing."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from tinygraph.compiler.trace import Trace
from tinygraph.engine.hooks import Tracer

PACKAGE = Path(__file__).parent.parent / "tinygraph"
RULES = sorted(path for room in ("derivatives", "functions") for path in (PACKAGE / room).rglob("*.py"))
HOOKS = sorted(name for name in {*vars(Tracer), *Tracer.__annotations__} if not name.startswith("_"))


def asked_below_the_compiler():
    """The attributes of a tracer that modules below the compiler name."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if "compiler" in path.relative_to(PACKAGE).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                holder = node.value
                name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", None)
                if name in ("tracing", "tracer"):
                    found.add(node.attr)
    return found


def test_the_engine_asks_each_hook_and_no_other():
    assert asked_below_the_compiler() == set(HOOKS)


@pytest.mark.parametrize("hook", [name for name in HOOKS if inspect.isfunction(vars(Tracer).get(name))])
def test_the_trace_of_a_compilation_has_each_hook(hook):
    stated = [*inspect.signature(vars(Tracer)[hook]).parameters][1:]  # without self
    given = inspect.signature(getattr(Trace("step"), hook)).parameters
    assert list(given)[: len(stated)] == stated
    assert all(item.default is not item.empty for item in list(given.values())[len(stated) :])


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_know_of_no_tracer(path):
    text = path.read_text()
    assert "tracing" not in text
    assert "tracer" not in text
    assert "Traced" not in text
