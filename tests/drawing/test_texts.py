"""The texts of a picture: one list of fonts for all who write them, and titles of scopes beside the arrows."""

from __future__ import annotations

import itertools
from importlib.resources import files
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.formats.fonts import CSS_FONTS, DOT_FONTS, FONTS
from tinygraph.drawing.formats.scope_titles import clear_titles

SVG = "{http://www.w3.org/2000/svg}"
LEFT, RIGHT, WIDTH = 0, 200, 60


def test_the_layout_the_picture_and_its_page_have_one_list_of_fonts():
    pytest.importorskip("pygraphviz")
    drawing = tg.draw(np.sqrt(tg.Tensor(3.0)))
    assert f'"{DOT_FONTS}"' in drawing.source
    texts = [*ElementTree.fromstring(drawing.svg()).iter(f"{SVG}text")]
    assert texts and {text.get("font-family") for text in texts} == {CSS_FONTS}
    assert f"--letters: {CSS_FONTS};" in files("tinygraph.drawing.page").joinpath("page.css").read_text("utf-8")
    assert all(font in CSS_FONTS for font in FONTS)


def scope_with(arrows: list[tuple[float, float]]) -> ElementTree.Element:
    """A scope with a title at its left, and straight arrows through the title's row, from x to x."""
    paths = "".join(
        f'<g class="edge"><path d="M{begin},-50C{begin},-50 {end},50 {end},50"/></g>' for begin, end in arrows
    )
    title = f'<text x="{LEFT + 8}" y="0" font-size="11" textLength="{WIDTH}">a title</text>'
    corners = f"M{LEFT},-90C{LEFT},-90 {RIGHT},5 {RIGHT},5"
    return ElementTree.fromstring(
        f'<svg xmlns="http://www.w3.org/2000/svg"><g class="cluster"><path d="{corners}"/>{title}</g>{paths}</svg>'
    )


def place_of_title(root: ElementTree.Element) -> float:
    return float(next(root.iter(f"{SVG}text")).attrib["x"])


@given(st.lists(st.integers(LEFT - 20, RIGHT + 20), max_size=5))
def test_a_title_stands_where_no_arrow_crosses_it_if_there_is_such_a_place(places):
    root = scope_with([(x, x) for x in places])
    clear_titles(root)
    x = place_of_title(root)
    assert x >= LEFT + 4 and x + WIDTH <= RIGHT - 4
    crossed = any(x <= place <= x + WIDTH for place in places)
    stops = sorted([LEFT, RIGHT, *[place for place in places if LEFT < place < RIGHT]])
    assert not crossed or max(b - a for a, b in itertools.pairwise(stops)) < WIDTH + 8
    if not any(LEFT + 8 <= place <= LEFT + 8 + WIDTH for place in places):
        assert x == LEFT + 8  # it was free


def test_of_several_places_the_nearest_is_taken():
    root = scope_with([(30, 30), (110, 110)])
    clear_titles(root)
    assert place_of_title(root) == 34


def test_a_slanted_arrow_crosses_a_title_only_where_it_passes_the_row():
    far = scope_with([(-400, 600)])  # it passes the row near the middle, at 100
    clear_titles(far)
    assert place_of_title(far) == LEFT + 8
    near = scope_with([(-500, 560)])  # near 30
    clear_titles(near)
    assert place_of_title(near) > 30
