"""The page in a browser: it opens readable, steps, opens its layers in place, searches, and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygraph.drawing import draw

from .graphs import Recorder, hypotenuse, network
from .pages import Page, browser, opened

pytest.importorskip("pygraphviz")


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def chain(driver: Any, tmp_path: Path) -> Page:
    return opened(driver, tmp_path, draw(hypotenuse(), view="chain").html())


@pytest.fixture
def layers(driver: Any, tmp_path: Path) -> Page:
    return opened(driver, tmp_path, draw(network(3), view="collapsed").html())


def wide_and_long() -> Any:
    """Many values side by side, and many after one another."""
    r = Recorder()
    x = r.input(np.ones(3), "x", grad=np.ones(3))
    rows = [r.call(np.multiply, x, float(place), name=f"row {place}", grad=np.ones(3)) for place in range(2, 16)]
    for row in rows[1:]:
        rows[0] = r.call(np.add, rows[0], row, name=f"sum of {row.name}", grad=np.ones(3))
    return draw(r.graph(), view="full")


LETTERS = """Math.min(...[...svg.querySelectorAll('text')]
    .filter(text => text.textContent.trim() && !text.closest('.sign'))
    .map(text => Number(getComputedStyle(text).fontSize.replace('px', '')) * text.getScreenCTM().a))"""


@pytest.mark.parametrize("width", [1200, 700, 360])
def test_it_opens_readable_at_any_width(driver: Any, tmp_path: Path, width: int) -> None:
    for drawing in (draw(hypotenuse(), view="chain"), draw(network(4), view="collapsed"), wide_and_long()):
        page = opened(driver, tmp_path, drawing.html())
        page.size(width, 640)
        page.go()
        assert page.run(LETTERS) >= 9.99
        assert page.run("document.documentElement.scrollWidth") <= width
        buttons = page.run(
            "[...document.querySelectorAll('button:not([hidden]), input')].map(b => b.getBoundingClientRect())"
            ".filter(b => b.width).map(b => [b.left, b.right, b.top, b.bottom])"
        )
        assert all(left >= 0 and right <= width and top >= 0 and bottom <= 640 for left, right, top, bottom in buttons)
        assert page.run("$('stage').clientHeight") >= 200
        wider, longer = (
            page.run(f"sizes.{part} * view.scale > $('stage').{room} + 1")
            for part, room in (("wide", "clientWidth"), ("high", "clientHeight"))
        )
        assert page.run("$('map').hasAttribute('hidden')") is not (wider or longer)
    assert not page.complaints()
