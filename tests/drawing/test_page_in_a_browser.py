"""The page in a browser: it opens readable, steps, opens its layers in place, searches, and goes back."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.drawing import draw, palette

from .graphs import Recorder, hypotenuse, network
from .pages import Page, browser, opened

pytest.importorskip("pygraphviz")

ENTER, ESCAPE, TAB, HOME, LEFT, RIGHT = "\ue007", "\ue00c", "\ue004", "\ue011", "\ue012", "\ue014"


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


KEY = "[...document.querySelectorAll('#about button')]"
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


def test_a_narrow_screen_shows_the_boxes_and_not_the_ground_beside_them(driver: Any, tmp_path: Path) -> None:
    w = tg.Tensor(np.full((3, 2), 0.5))
    loss = np.mean(np.tanh(tg.Tensor(np.ones((4, 3)), requires_grad=False) @ w))
    loss.backward()
    page = opened(driver, tmp_path, draw(loss, view="full").html())
    page.size(360, 740)
    page.go()
    sides = "Object.values(groups).map(g => g.getBoundingClientRect())"
    assert page.run("sizes.wide * view.scale") > 360  # the legend is wider
    left, right = page.run(f"[Math.min(...{sides}.map(s => s.left)), Math.max(...{sides}.map(s => s.right))]")
    assert left >= 0 and right <= 360 and abs(left + right - 360) <= 20
    wide, high = page.run("[$('map').getBoundingClientRect().width, $('map').getBoundingClientRect().height]")
    assert 0 < wide <= 90 and 0 < high <= 72
    page.size(1200)


def test_each_step_rings_its_box_and_says_what_numpy_computes(chain: Page) -> None:
    a, b = 3.0, 4.0
    s, c = np.add(a**2, b**2), np.sqrt(a**2 + b**2)
    told = {}
    steps = chain.run("picture.steps.length")
    for step in range(1, steps + 1):
        chain.run(f"stepTo({step})")
        name, ring, said = chain.run(
            "[picture.steps[stepAt() - 1].at, svg.querySelectorAll('.ring').length, $('said').textContent]"
        )
        assert ring == 1
        (left, top, right, bottom), around = (
            chain.run(f"(r => [r.left, r.top, r.right, r.bottom])({element}.getBoundingClientRect())")
            for element in (f"groups['{name}']", "svg.querySelector('.ring')")
        )
        assert around[0] < left < right < around[2] and around[1] < top < bottom < around[3]
        assert chain.run("document.querySelector('#about h2').textContent") == chain.run(f"facts.boxes['{name}'].title")
        told[said.partition(": ")[2].partition(" = ")[0]] = said.rpartition(" = ")[2]
    assert told["s"] == f"{s:g}" and told["c"] == f"{c:g}"
    for name, value in {"c": 1, "s": 1 / (2 * c), "a²": 1 / (2 * c), "b²": 1 / (2 * c), "a": a / c, "b": b / c}.items():
        assert float(told[f"∂c/∂{name}"].partition(":")[0]) == pytest.approx(value)
    assert steps == 12 and not chain.complaints()


def test_a_step_out_of_sight_is_brought_into_sight(driver: Any, tmp_path: Path) -> None:
    page = opened(driver, tmp_path, wide_and_long().html())
    page.size(700, 500)
    page.go()
    for _ in range(5):
        page.press(HOME, LEFT, LEFT)  # Home, and then back: there is nothing before the start
    assert page.run("$('said').textContent") == "start"
    for step in range(1, page.run("picture.steps.length") + 1, 7):
        page.run(f"stepTo({step})")
        box = page.run("(r => [r.left, r.top, r.right, r.bottom])(groups[currentBox()].getBoundingClientRect())")
        stage = page.run("(r => [r.left, r.top, r.right, r.bottom])($('stage').getBoundingClientRect())")
        assert box[0] >= stage[0] and box[1] >= stage[1] and box[2] <= stage[2] and box[3] <= stage[3]


def test_a_layer_opens_in_place_and_closes_again(layers: Page) -> None:
    layer = layers.run("Object.keys(facts.layers).find(id => facts.layers[id].title === 'layer 2')")
    before = layers.run(
        f"(r => [r.left + r.width / 2, r.top + r.height / 2])(groups['{layer}'].getBoundingClientRect())"
    )
    scale = layers.run("view.scale")
    layers.click(f"[data-box={layer}]")
    assert layers.run("state.in") == layer and not layers.run(f"'{layer}' in groups")
    left, top, right, bottom = layers.run(
        f"(r => [r.left, r.top, r.right, r.bottom])(clusters['c{layer[1:]}'].getBoundingClientRect())"
    )
    assert left < before[0] < right and top < before[1] < bottom and layers.run("view.scale") == scale
    assert "layer 2" in layers.run("$('trail').textContent")
    layers.click(f"[data-scope=c{layer[1:]}] .sign")
    assert layers.run("state.in") == "" and layers.run(f"'{layer}' in groups")
    layers.run(f"groups['{layer}'].focus()")
    layers.press(ENTER)  # Enter
    assert layers.run("state.in") == layer
    layers.press(ENTER)  # the focus is on the sign that closes it
    assert layers.run("state.in") == "" and not layers.complaints()


def test_back_goes_one_step_back(layers: Page) -> None:
    layers.click("[data-box=s1]")
    layers.press(RIGHT, RIGHT, HOME, RIGHT, RIGHT, RIGHT)  # steps are no entries of the history
    assert layers.run("state.step") == 3
    layers.click("[data-box=v0]")
    assert (layers.run("state.in"), layers.run("state.box")) == ("s1", "v0")
    layers.driver.back()
    assert (layers.run("state.in"), layers.run("state.box"), layers.run("state.step")) == ("s1", "", 3)
    layers.driver.back()
    assert (layers.run("state.in"), layers.run("state.step")) == ("", None)
    layers.driver.forward()
    layers.driver.forward()
    assert (layers.run("state.in"), layers.run("state.box")) == ("s1", "v0")


def test_the_address_holds_zoom_and_pan(layers: Page) -> None:
    layers.run("panBy(40, -30)")
    layers.run("zoom(1.5)")
    layers.driver.execute_async_script("setTimeout(arguments[0], 250)")
    view = layers.run("view")
    layers.go(layers.run("location.hash.slice(1)"))
    assert layers.run("view") == pytest.approx(view, abs=2)
    layers.click("#all")
    assert layers.run("state.in") == "all" and layers.run("view") != pytest.approx(view, abs=2)
    layers.driver.back()
    assert layers.run("view") == pytest.approx(view, abs=2)


def test_the_search_finds_what_is_inside_closed_layers(layers: Page) -> None:
    layers.press("/")
    layers.press(*"tanh")
    assert layers.run("$('count').textContent") == "3"
    layers.press(ENTER)
    assert layers.run("$('count').textContent") == "1 of 3"
    first = layers.run("hits()[0][1]")
    assert layers.run(f"'{first}' in groups") and layers.run("svg.querySelectorAll('.ring').length") == 1
    layers.press(ENTER, ENTER)
    assert layers.run("$('count').textContent") == "3 of 3" and layers.run("hits()[2][1] in groups")
    layers.driver.execute_script(
        "$('search').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', shiftKey: true, bubbles: true}))"
    )
    assert layers.run("$('count').textContent") == "2 of 3" and layers.run("hits()[1][1] in groups")
    layers.press(ESCAPE)  # Escape
    assert layers.run("state.find") == "" and layers.run("$('count').textContent") == ""
    assert not layers.complaints()


def test_the_search_finds_what_is_in_a_layer_that_is_shown_alone(driver: Any, tmp_path: Path) -> None:
    r = Recorder()
    x = r.input(np.ones(3), "x")
    for place in range(90):
        x = r.call(np.exp, x, scope=("outer",), name=f"h{place}")
    for _ in range(3):
        x = r.call(np.tanh, x, scope=("outer", "inner"))
    page = opened(driver, tmp_path, draw(r.graph(r.call(np.sum, r.call(np.sin, x))), view="collapsed").html())
    page.press("/", *"tanh", ENTER, ENTER)
    assert page.run("$('count').textContent") == "2 of 3"
    assert page.run("state.in").startswith("inside ") and page.run("hits()[1][1] in groups")
    assert page.run("$('trail').textContent").replace("\u203a", ">") == "overview > outer > inner"
    page.run(f"{KEY}.find(b => b.textContent === 'light its paths').click()")
    assert page.run("state.box") == page.run("hits()[1][1]")


def test_two_fingers_pinch_and_one_drags(driver: Any, tmp_path: Path) -> None:
    page = opened(driver, tmp_path, wide_and_long().html())
    page.size(360, 640)
    page.go()

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": place} for place, (x, y) in enumerate(points)]
        driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    before = page.run("view")
    touch("touchStart", (180, 250))
    touch("touchMove", (160, 230))
    touch("touchMove", (120, 200))
    touch("touchEnd")
    after = page.run("view")
    assert after["x"] - before["x"] == pytest.approx(-60, abs=6) and after["y"] - before["y"] == pytest.approx(
        -50, abs=6
    )
    assert page.run("state.box") == ""
    touch("touchStart", (150, 250), (210, 250))
    touch("touchMove", (140, 250), (220, 250))
    touch("touchMove", (120, 250), (240, 250))
    touch("touchEnd")
    assert page.run("view.scale") / after["scale"] == pytest.approx(2, rel=0.1)


def test_a_chip_and_its_card_lead_to_each_other(driver: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w, h = tg.Tensor(rng.normal(size=(3, 3)), name="w"), tg.Tensor(np.ones((2, 3)), name="h0")
    for _ in range(6):
        h = np.tanh(h @ w)
    page = opened(driver, tmp_path, tg.draw(np.sum(h), view="full").html())
    chip, card = page.run("Object.entries(picture.cards)[0]")
    page.run(f"about('{chip}')")
    page.run("[...document.querySelectorAll('#about button')].find(b => b.textContent === 'go to its card').click()")
    assert page.run("document.activeElement.dataset.box") == card
    page.run("[...document.querySelectorAll('#about button')].find(b => b.textContent.includes('use')).click()")
    assert page.run("document.activeElement.dataset.box") in page.run("Object.keys(picture.cards)")
    assert page.run(f"groups['{card}'].classList.contains('same')")


def test_other_values_are_written_on_the_cards(chain: Page) -> None:
    chain.run("window.tinygraph.setValues({v0: {value: 5, gradient: 0.25}})")
    shown = chain.run("groups.v0.textContent")
    assert "= 5" in shown and "= 0.25" in shown and "= 3" not in shown
    chain.run("stepTo(picture.steps.findIndex(step => step.gradient === 'v0') + 1)")
    assert chain.run("$('said').textContent").endswith("∂c/∂a = ∂c/∂a² × 2a = 0.25")


def test_numbers_are_written_as_python_writes_them(chain: Page) -> None:
    from tinygraph.drawing.words.numbers import number

    values = [0.0, 1.0, -0.5, 1234.6, 12345.0, 9999.0, 1e-3, 9.994e-4, 6e-7, -3.14159e20, 0.1 + 0.2, 25.0]
    assert chain.run(f"{values}.map(x => window.tinygraph.number(x))") == [number(value) for value in values]
    assert chain.run("[NaN, Infinity, -Infinity].map(x => window.tinygraph.number(x))") == ["NaN", "∞", "−∞"]


def test_the_page_is_dark_where_its_reader_is_and_asks_nobody_for_anything(driver: Any, tmp_path: Path) -> None:
    page = opened(driver, tmp_path, draw(network(2), view="full").html())
    grounds = []
    for dark in (False, True):
        page.size(900, 700, dark)
        page.go()
        grounds.append(page.run("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(13, 17, 23)"]
    asked = [entry["message"] for entry in driver.get_log("performance") if "requestWillBeSent" in entry["message"]]
    assert asked and all("file://" in message or "about:blank" in message for message in asked)
    assert page.run("performance.getEntriesByType('resource').length") == 0 and not page.complaints()


def test_everything_is_reached_by_the_keyboard_and_named(layers: Page) -> None:
    named = "[...document.querySelectorAll('button, input, [role=button], canvas')]"
    assert layers.run(f"{named}.every(e => e.getAttribute('aria-label') || e.textContent.trim() || e.title)")
    seen = set()
    layers.run("document.body.focus()")
    for _ in range(40):
        layers.press(TAB)  # Tab
        seen.add(layers.run("document.activeElement.id || document.activeElement.dataset.box || ''"))
    assert set(layers.run("Object.keys(groups)")) | {"search", "play", "step", "fit", "theme"} <= seen


def test_it_works_in_a_frame_without_an_address(driver: Any, tmp_path: Path) -> None:
    html = draw(network(2), view="collapsed").html()
    page = opened(driver, tmp_path, f'<iframe width="600" height="500" srcdoc="{escape(html)}"></iframe>')
    driver.switch_to.frame(0)
    layer = page.run("Object.keys(groups).find(id => keyToOpen(id))")
    page.run(f"groups['{layer}'].focus()")
    page.press(ENTER)
    assert page.run("state.in") == layer and page.run(LETTERS) >= 9.99
    driver.switch_to.default_content()
    assert not page.complaints()


@pytest.mark.parametrize("theme", [*palette.LIGHT_THEMES, *palette.DARK_THEMES])
def test_a_notebook_shows_the_page_in_a_frame_with_its_theme(driver: Any, tmp_path: Path, theme: str) -> None:
    cell = draw(hypotenuse(), view="chain").interactive(height=400)._repr_mimebundle_()["text/html"]
    attribute = theme[1:-1] if theme[0] == "[" else f"class='{theme[1:]}'"
    page = opened(driver, tmp_path, f"<!DOCTYPE html><meta charset=utf-8><body {attribute}>{cell}")
    dark = theme in palette.DARK_THEMES
    page.size(900, dark=not dark)
    page.go()
    assert page.run("document.querySelector('iframe').clientHeight") == 400
    driver.switch_to.frame(0)
    assert page.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    page.run("$('stage').focus()")
    page.press(HOME, RIGHT)
    assert "a = 3" in page.run("$('said').textContent") and page.run(LETTERS) >= 9.99
    driver.switch_to.default_content()
    assert not page.complaints()
    page.size(1200)


def test_nothing_moves_for_who_wants_no_motion(chain: Page) -> None:
    moving = "[...document.querySelectorAll('#stage g')].some(g => getComputedStyle(g).transitionDuration !== '0s')"
    assert chain.run(moving)
    still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    chain.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": still})
    chain.go()
    assert not chain.run(moving) and chain.run("motionless")
