"""docs/reference.md is what the docstrings say."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

import tinygraph as tg
from tinygraph import reference

COMMITTED = Path(__file__).parent.parent / "docs" / "reference.md"


def test_the_page_is_what_the_docstrings_say():
    assert COMMITTED.read_text() == reference.page(), (
        "docs/reference.md is out of date: python -m tinygraph.reference > docs/reference.md"
    )


def test_a_name_or_a_docstring_that_changes_makes_the_page_stale(monkeypatch):
    monkeypatch.setattr(tg.grad, "__doc__", "Another line.")
    assert COMMITTED.read_text() != reference.page()
    monkeypatch.undo()
    monkeypatch.setattr(tg.nn, "__all__", [*tg.nn.__all__, "Layer2"])
    monkeypatch.setattr(tg.nn, "Layer2", tg.nn.Layer, raising=False)
    assert "`tg.nn.Layer2" in reference.page()


@pytest.mark.parametrize("module", ["tinygraph", *[module for module, _ in reference.ROOMS.values()]])
def test_each_public_name_has_a_line_of_its_own(module):
    room = importlib.import_module(module)
    written = dict(reference.ROOMS.values()).get(module, "tg")
    lines = dict(
        re.findall(rf"^- `{re.escape(written)}\.(\w+)(?:\([^`]*)?`: (.+)$", COMMITTED.read_text(), re.MULTILINE)
    )
    for name in room.__all__:
        if not inspect.ismodule(getattr(room, name)):
            assert lines.get(name, "").endswith((".", ")", ":")), f"{module}.{name} has no docstring"
    assert set(lines) <= set(room.__all__)
