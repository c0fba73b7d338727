"""Pictures in letters and lines: each box once, each arrow between its boxes, nothing written over."""

from __future__ import annotations

import html
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.formats.box_text import text_lines
from tinygraph.drawing.formats.terminal import DOWN, LEFT, LINES, RIGHT, UP, columns

PYTHAGORAS = """\
╭─────────────╮        ╭──────────────╮
│    a = 3    │        │    a² = 9    │
│ ∂c/∂a = 0.6 │──▶a²──▶│ ∂c/∂a² = 0.1 │─╮         ╭─────────────────────╮       ╭───────────╮
╰─────────────╯        ╰──────────────╯ │         │    a² + b² = 25     │       │   c = 5   │
                                        ╰─┬──▶+──▶│ ∂c/∂(a² + b²) = 0.1 │──▶√──▶│ ∂c/∂c = 1 │
╭─────────────╮        ╭──────────────╮   │       ╰─────────────────────╯       ╰───────────╯
│    b = 4    │        │   b² = 16    │   │
│ ∂c/∂b = 0.8 │──▶b²──▶│ ∂c/∂b² = 0.1 │───╯
╰─────────────╯        ╰──────────────╯

c = √(a² + b²)   after c.backward()"""


def pythagoras():
    a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    c = np.sqrt(a**2 + b**2)
    c.backward()
    return tg.draw(c)


def test_the_first_example_from_left_to_right():
    assert pythagoras().text(100).replace("\u00a0", " ") == PYTHAGORAS


def test_from_top_to_bottom_where_it_is_too_wide_and_a_list_where_nothing_fits():
    narrow = pythagoras().text(40)
    assert max(map(columns, narrow.splitlines())) <= 40
    assert narrow.count("▼") == 8 and "▶" not in narrow
    assert pythagoras().text(20).startswith("%0 a = parameter")


def test_many_boxes_are_a_list():
    x = tg.Tensor(1.0)
    for _ in range(200):
        x = x * 2
    assert tg.draw(x, view="full").text().startswith("%0")


def test_a_file_of_text(tmp_path):
    assert pythagoras().save(tmp_path / "c.txt").read_text("utf-8").startswith("╭──")


@st.composite
def graphs(draw):
    """The result of some operations, each of values made before."""
    values = [tg.Tensor(float(number + 1), name=name) for number, name in enumerate("ab")]
    for _ in range(draw(st.integers(1, 8))):
        first, second = (values[draw(st.integers(0, len(values) - 1))] for _ in range(2))
        values.append(draw(st.sampled_from([np.add, np.multiply, lambda x, y: np.tanh(x)]))(first, second))
    result = values[-1]
    result.backward()
    return result


SIDES = {letter: bits for bits, letter in LINES.items() if bits not in (UP, DOWN, LEFT, RIGHT)}


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from(["full", "values", "mirror"]), st.sampled_from([60, 400]))
def test_every_box_and_every_arrow_is_in_the_picture(result, view, width):
    drawing = tg.draw(result, view=view, title="")
    text = drawing.text(width)
    if text.startswith("%"):
        return
    scene = drawing._scene
    pairs = {(link.tail, link.head) for link in scene.links if link.kind == "value"}
    pairs |= {(link.head, link.tail) for link in scene.links if link.kind == "backflow"}
    # An arrow's tip stands before a box for all arrows that end there.
    tips = text.count("▶") + text.count("▼")
    assert tips == len({head for _, head in pairs})
    for box in scene.boxes:
        for line in text_lines(box, scene):
            assert line in text


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from([60, 400]))
def test_lines_are_unbroken(result, width):
    text = tg.draw(result, view="values", title="").text(width)
    if text.startswith("%"):
        return
    rows = text.splitlines()

    def at(x, y):
        return rows[y][x] if 0 <= y < len(rows) and 0 <= x < len(rows[y]) else " "

    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            for side, (dx, dy), back in ((RIGHT, (1, 0), LEFT), (DOWN, (0, 1), UP)):
                if SIDES.get(letter, 0) & side:
                    other = at(x + dx, y + dy)
                    assert other != " " and (other not in SIDES or SIDES[other] & back or letter in "─│")


@pytest.mark.parametrize(("text", "wide"), [("a²", 2), ("損失", 4), ("e\u0301", 1), ("", 0)])
def test_letters_of_two_columns_and_of_none(text, wide):
    assert columns(text) == wide


def test_names_of_wide_letters_keep_the_frames_straight():
    loss = tg.Tensor(2.0, name="損失")
    rows = tg.draw(loss * 3, view="values", title="").text(200).splitlines()
    framed = [row for row in rows if row.startswith(("╭", "│", "╰"))]
    ends = {columns(row[: row.index(end) + 1]) for row in framed for end in "╮╯" if end in row[:30]}
    assert len(ends) == 1


def spoilt():
    p = tg.Tensor([0.0, 1.0], name="p")
    with np.errstate(divide="ignore"):
        return np.mean(np.log(p))


def spoilt_on_the_way_back():
    p = tg.Tensor([0.0, 0.0], name="p")
    with np.errstate(divide="ignore", invalid="ignore"):
        d = np.sqrt(np.sum(p**2))
        d.backward()
    return d


def layered(function):
    x = np.ones((4, 3))
    for number in range(2):
        with tg.scope(f"layer {number}"):
            x = function(x @ tg.Tensor(np.full((3, 3), 1e-5 if number else 1.0), name=f"w{number}"))
    loss = np.mean(x)
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("drawing", "told"),
    [
        (lambda: tg.diff(layered(np.tanh), layered(np.sin)), ["was tanh"]),
        (lambda: tg.diff(layered(np.tanh), np.exp(tg.Tensor(1.0))), ["new", "gone"]),
        (lambda: tg.draw(layered(np.tanh), heat="bytes"), ["96 B"]),
        (lambda: tg.draw(layered(np.tanh), view="collapsed", heat="bytes"), ["192 B"]),
        (lambda: tg.draw(layered(np.tanh), view="health"), ["the largest", "of the largest"]),
        (lambda: tg.draw(layered(tg.relu) * -1, view="health"), ["‖∇‖"]),
        (lambda: tg.draw(spoilt()), ["1 of 2 are −∞", "test_terminal.py"]),
        (lambda: tg.draw(spoilt_on_the_way_back()), ["first ∞ is made here", "backward of √"]),
    ],
)
def test_what_colours_say_in_an_svg_is_said_in_words(drawing, told):
    drawn = drawing()
    for words in told:
        assert words in drawn.text(400) and words in html.unescape(drawn.mermaid().replace("#", "&#"))


def test_a_training_step_is_a_line_of_each_pass():
    w = tg.Tensor(np.ones((3, 1)))

    @tg.compile
    def step(x):
        loss = np.mean(np.tanh(x @ w) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    step(np.ones((4, 3)))
    rows = step.draw().text(200).splitlines()
    backward = next(row for row in rows if "∇ × " in row)
    assert re.fullmatch(r" *│ 1 ÷ 4 │─+▶│ ∇ × .* │─*▶│ × − │─*▶│ xᵀ @ ∇ │─*▶│ .* │─*▶│ .* │", backward)
