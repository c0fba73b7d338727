"""Compiled functions, their explanations and profiles in a notebook: tables and a picture."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import tinygraph as tg
from tinygraph.drawing import TooLargeError
from tinygraph.drawing.drawing import Drawing


def step() -> Any:
    w = tg.Tensor(np.ones((3, 1)), name="w")

    @tg.compile
    def train(x, y):
        loss = np.mean((x @ w - y) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    return train


def test_a_compiled_function_is_a_table_a_picture_and_its_text():
    train = step()
    assert repr(train).endswith("train, 0 signatures>") and "<svg" not in train._repr_html_()
    assert "It has no program yet." in train._repr_html_() and "<table>" not in train._repr_html_()
    train(np.ones((4, 3)), np.ones((4, 1)))
    page = train._repr_html_()
    assert repr(train).endswith("train, 1 signature>")
    assert "<svg" in page and "def train" in page and train.signatures[0] in page
    assert page.count("<table>") == 1 and page.count("<details>") == 2


def test_without_an_engine_the_reason_stands_in_the_place_of_the_picture(monkeypatch):
    train = step()
    train(np.ones((4, 3)), np.ones((4, 1)))

    def too_large(self):
        raise TooLargeError("this picture has too many boxes <...>\nWays out:")

    monkeypatch.setattr(Drawing, "svg", too_large)
    assert "<p>this picture has too many boxes &lt;...&gt;</p>" in train._repr_html_()


def test_a_profile_is_two_tables_and_says_its_time():
    train = step()
    profile = train.profile(np.ones((4, 3)), np.ones((4, 1)))
    assert re.fullmatch(r"<Profile of \d+ calls, [\d.,]+ µs a run>", repr(profile))
    page = profile._repr_html_()
    assert page.count("<table>") == 2 and "test_notebook.py" in page and "a run</p>" in page
    assert str(profile).splitlines()[0].endswith("µs a run")
