"""Live pages: what can be computed again, the programs that a page carries, and the page at work in a browser."""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.node import calls_in_node, needs_node
from tests.compiler.test_random_programs import programs
from tests.drawing.pages import Page, browser, opened
from tinygraph.drawing.page.live import live, live_markup
from tinygraph.drawing.page.page import LIVE_SCRIPTS, SCRIPTS
from tinygraph.graph import Graph


def hypotenuse() -> Any:
    a, b = tg.Tensor(3.0, name="a"), tg.Tensor(4.0, name="b")
    c = np.sqrt(a**2 + b**2)
    c.backward()
    return c


def twice() -> Any:
    """A value whose gradients are the sums of two passes."""
    c = np.sqrt(tg.Tensor(3.0, name="a") ** 2 + 16)
    c.backward(retain_graph=True)
    c.backward()
    return c


def network(seed: int = 0) -> tuple[Any, Any]:
    """A network for the exclusive or: its loss, and the step that trains it."""
    random = np.random.default_rng(seed)
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    shapes = {"w1": (2, 3), "b1": (3,), "w2": (3, 1), "b2": (1,)}
    w1, b1, w2, b2 = [tg.Tensor(random.normal(size=shape), name=name) for name, shape in shapes.items()]
    optimizer = tg.optim.Adam([w1, b1, w2, b2], 0.05)

    @tg.compile
    def learn(x: Any, y: Any) -> Any:
        p = tg.sigmoid(np.tanh(x @ w1 + b1) @ w2 + b2)
        loss = tg.binary_cross_entropy(p, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    learn(x, y)
    h = np.tanh(x @ w1 + b1)
    p = tg.sigmoid(h @ w2 + b2)
    loss = tg.binary_cross_entropy(p, y)
    optimizer.zero_grad()
    loss.backward()
    return loss, learn


def masked() -> tuple[Any, Any]:
    """A loss of values that an infinite mask takes some out of, and the step that trains it."""
    w, mask = tg.Tensor(np.array([0.5, 1.0, 2.0]), name="w"), np.array([0.0, -np.inf, 0.0])

    @tg.compile
    def learn(mask: Any) -> Any:
        loss = np.exp(w + mask).sum()
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    learn(mask)
    loss = np.exp(w + mask).sum()
    w.grad = None
    loss.backward()
    return loss, learn


# --- the programs -----------------------------------------------------------------------------------------------------


@needs_node
def test_the_program_computes_values_gradients_and_slopes(tmp_path: Path):
    parts = live(Graph.of(hypotenuse()))
    assert parts is not None
    path = tmp_path / "compute.js"
    path.write_text(parts.programs["compute"])
    (found,) = calls_in_node([(path, [[3.0, 4.0], [5.0, 12.0]])])
    values, gradients, slopes = found["results"][1]
    order = {"a": values[0], "a²": values[1], "b": values[2], "b²": values[3], "sum": values[4], "c": values[5]}
    assert order == {"a": 5, "a²": 25, "b": 12, "b²": 144, "sum": 169, "c": 13}
    np.testing.assert_allclose(gradients, [5 / 13, 1 / 26, 12 / 13, 1 / 26, 1 / 26, 1])
    assert parts.data["slopes"] == [[0, 1], [2, 3], [1, 4], [3, 4], [4, 5]]
    np.testing.assert_allclose(slopes, [10, 24, 1, 1, 1 / 26])


@needs_node
@given(st.lists(programs(), min_size=8, max_size=8))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_page_shows_what_a_graph_that_is_made_up_has(tmp_path_factory: Any, drawn: Any):
    folder = tmp_path_factory.mktemp("live")
    asked: list[Any] = []
    graphs: list[Graph] = []
    for number, (function, arrays, _) in enumerate(drawn):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output = function(*[tg.Tensor(array) for array in arrays])
            if not output.requires_grad or output.shape:
                continue
            output.backward()
            graph = Graph.of(output)
            parts = live(graph)
        if parts is None:
            continue
        path = folder / f"compute_{number}.js"
        path.write_text(parts.programs["compute"])
        asked.append((path, [[node.value for node in graph.inputs]]))
        graphs.append(graph)
    for graph, found in zip(graphs, calls_in_node(asked), strict=True):
        assert "error" not in found, found
        values, gradients, _ = found["results"][0]
        kept = [(node, node.value, value) for node, value in zip(graph.nodes, values, strict=True)]
        with_gradient = [node for node in graph.nodes if node.grad is not None]
        kept += [(node, node.grad, value) for node, value in zip(with_gradient, gradients, strict=True)]
        for node, wanted, value in kept:
            if wanted is not None:
                accuracy = 1e-8 if node.dtype.itemsize > 4 else 1e-3
                got = np.asarray(value, float).reshape(-1)
                size = float(np.abs(wanted).max(initial=0.0))
                np.testing.assert_allclose(
                    got, wanted.reshape(-1), rtol=accuracy, atol=accuracy * size, err_msg=str(node)
                )


def test_graphs_that_cannot_be_computed_again_have_a_page_without_a_program():
    assert live(Graph.of(twice())) is None
    assert 'id="live-data"' not in tg.draw(twice()).html()
    w = tg.Tensor(2.0, name="w")
    loss = w * w
    w.assign(3.0)
    assert live(Graph.of(loss)) is None  # what is drawn is no longer its input
    assert live(Graph.of(np.sum(np.linalg.svd(tg.Tensor(np.eye(3) + 1))[1]))) is None
    assert live(Graph.of(tg.Tensor(np.ones(5000)) * 2)) is None  # too large
    assert live(Graph.of(tg.Tensor(1.0))) is None  # nothing is computed
    assert 'id="live-data"' not in tg.draw(hypotenuse()).html(live=False)


def test_values_without_a_backward_pass_are_live_too():
    parts = live(Graph.of(np.exp(tg.Tensor(1.0, name="x"))))
    assert parts is not None and parts.data["gradients"] == [] and parts.data["slopes"] == []


def test_what_ends_a_script_is_not_in_a_page():
    x = tg.Tensor(1.0, name="</script><!--")
    found = live_markup(live(Graph.of(x * 2)))
    assert found.count("</script>") == 2 and "<!--" not in found


def test_a_step_that_does_not_fit_the_picture_is_an_error():
    loss, learn = network()
    with pytest.raises(TypeError, match="takes a compiled step"):
        tg.draw(loss).html(live=lambda x: x)
    with pytest.raises(tg.GraphError, match="the step takes x, which is no value"):
        tg.draw(hypotenuse()).html(live=learn)
    with pytest.raises(tg.GraphError, match="cannot be computed in a page"):
        tg.draw(twice()).html(live=learn)
    other = tg.Tensor(1.0, name="other")

    @tg.compile
    def count() -> None:
        other.assign(other.data + 1)

    count()
    with pytest.raises(tg.GraphError, match="updates other, and none"):
        tg.draw(hypotenuse()).html(live=count)


def test_names_at_the_top_of_the_scripts_are_there_once():
    folder = files("tinygraph.drawing.page") / "script"
    names = [
        name
        for part in (*SCRIPTS, *LIVE_SCRIPTS)
        for name in re.findall(r"^(?:const|let|function) (\w+)", (folder / f"{part}.js").read_text("utf-8"), re.M)
    ]
    assert sorted(names) == sorted({*names})


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    pytest.importorskip("pygraphviz")
    with browser() as started:
        yield started


TEXTS = """[...document.querySelectorAll('#stage [data-box^="v"]')]
    .map(box => [...box.querySelectorAll('text')].map(text => text.textContent).join('').replace(/\\s+/g, ' '))"""


def set_input(page: Page, place: int, value: float, kind: str = "number") -> None:
    """Type a number into a field of the panel, or move a slider, and wait for the picture."""
    page.driver.execute_async_script(
        f"""const field = document.querySelectorAll('#live .control input[type={kind}]')[{place}];
        field.value = {value};
        field.dispatchEvent(new Event('input', {{ bubbles: true }}));
        requestAnimationFrame(() => requestAnimationFrame(arguments[0]));"""
    )


def test_a_slider_changes_every_number_of_the_picture(driver: Any, tmp_path: Path):
    page = opened(driver, tmp_path, tg.draw(hypotenuse()).html())
    before = page.run(TEXTS)
    assert "a = 3∂c/∂a = 0.6" in before and "c = 5∂c/∂c = 1" in before
    set_input(page, 0, 5)
    set_input(page, 1, 12)
    now = page.run(TEXTS)
    assert "a = 5∂c/∂a = 0.385" in now and "b = 12∂c/∂b = 0.923" in now and "c = 13∂c/∂c = 1" in now
    labels = page.run("[...document.querySelectorAll('#stage [data-link] text')].map(text => text.textContent).join()")
    assert "2a = 10" in labels and "2b = 24" in labels and "= 0.0385" in labels
    page.go("step=2")
    set_input(page, 0, -2, "range")
    assert "(−2)" in page.run("$('said').textContent") or "= 4" in page.run("$('said').textContent")
    page.driver.execute_script("[...document.querySelectorAll('#live button')].at(-1).click()")
    assert page.run(TEXTS) == before
    assert page.complaints() == []


def test_cards_keep_their_texts_within_them(driver: Any, tmp_path: Path):
    page = opened(driver, tmp_path, tg.draw(hypotenuse()).html())
    set_input(page, 0, -12345.678)
    wide = page.run("""[...document.querySelectorAll('#stage [data-box^="v"]')].flatMap(box => {
        const card = box.querySelector('path').getBoundingClientRect();
        return [...box.querySelectorAll('text')].filter(text => text.textContent.trim()).map(text => {
            const place = text.getBoundingClientRect();
            return Math.max(card.left - place.left, place.right - card.right); }); })""")
    assert max(wide) <= 1


def test_the_fields_of_a_wide_array_show_four_digits(driver: Any, tmp_path: Path):
    wide = tg.Tensor(np.linspace(-1, 1, 16).reshape(2, 8), name="wide")
    total = np.sum(wide**2)
    total.backward()
    page = opened(driver, tmp_path, tg.draw(total).html())
    assert page.run("Math.min(...[...document.querySelectorAll('#live .fields input')].map(e => e.offsetWidth))") > 45
    assert page.run("document.querySelector('#live').scrollWidth <= document.querySelector('#live').clientWidth")


def test_a_field_cuts_no_number_off(driver: Any, tmp_path: Path):
    small = np.array([[-1.23456e-7, -0.0123456, 1.23456e-9, 12345678.9], [-1234567.0, 0.898003, -0.061173, 3.0]])
    w, scalar = tg.Tensor(small, name="w"), tg.Tensor(-1.23456e-10, name="scalar")
    total = np.sum(w**2) * scalar
    total.backward()
    page = opened(driver, tmp_path, tg.draw(total).html())
    fields = "[...document.querySelectorAll('#live input[type=number]')]"
    assert page.run(f"{fields}.filter(e => e.scrollWidth > e.clientWidth).map(e => e.value)") == []
    shown = [float(text) for text in page.run(f"{fields}.map(e => e.value)")]
    np.testing.assert_allclose(shown, [-1.23456e-10, *small.ravel()], rtol=0.05)


def test_arrays_have_fields_and_their_cards_follow(driver: Any, tmp_path: Path):
    x = tg.Tensor(np.array([1.0, 2.0, 3.0]), name="x")
    s = (x**2).sum()
    s.backward()
    page = opened(driver, tmp_path, tg.draw(s).html())
    assert page.run("document.querySelectorAll('#live .fields input').length") == 3
    set_input(page, 2, 6)
    assert any("1 … 6" in text and "‖∇‖ 13" in text for text in page.run(TEXTS))
    assert any("s = 41" in text for text in page.run(TEXTS))
    columns = page.run(
        "document.querySelector('[data-box=\"v0\"] path[stroke=none]:not(.gradient-part)').getAttribute('d')"
    )
    assert columns.count("Z") == 9
    page.go("box=v0")
    set_input(page, 0, -1)
    assert "−1" in page.run("document.querySelector('#about td').textContent")


def test_closed_layers_follow_too(driver: Any, tmp_path: Path):
    model = tg.nn.Sequential([tg.nn.Dense(4, "tanh"), tg.nn.Dense(1)])
    x = tg.Tensor(some_numbers(3, 2), name="x", requires_grad=False)
    model(x)

    def loss_of() -> Any:
        loss = (model(x) ** 2).mean()
        loss.backward()
        return loss

    def norms(page: Page) -> list[str]:
        rows = "document.querySelectorAll('#stage [data-box^=s] text.gradient-part')"
        found: list[str] = page.run(f"[...{rows}].map(row => row.textContent.trim())")
        return found

    page = opened(driver, tmp_path, tg.draw(loss_of(), view="collapsed").html())
    before = norms(page)
    assert len(before) == 4
    weights = [parameter.data.copy() for parameter in model.parameters()]
    set_input(page, 0, 3.0)
    now = norms(page)
    assert now != before
    first = x.data.copy()
    first[0, 0] = 3
    x.assign(first)
    for parameter, value in zip(model.parameters(), weights, strict=True):
        parameter.grad = None
        parameter.assign(value)
    wanted = opened(driver, tmp_path, tg.draw(loss_of(), view="collapsed").html())
    assert norms(wanted) == now
    assert page.complaints() == []


def some_numbers(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def recurrent(first: float) -> Any:
    """A network over a sequence, whose first number is given."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(5, 2))
    numbers[0, 0] = first
    x = tg.Tensor(numbers, name="x")
    wx, wh = tg.Tensor(random.normal(size=(2, 3)), name="wx"), tg.Tensor(random.normal(size=(3, 3)) * 0.4, name="wh")
    h: Any = np.zeros(3)
    for t in range(5):
        with tg.scope("step"):
            h = np.tanh(x[t] @ wx + h @ wh)
    loss = (h**2).sum()
    loss.backward()
    return loss


SHOWN = """[...document.querySelectorAll('#stage text')].filter(text => getComputedStyle(text).visibility !== 'hidden')
    .map(text => text.textContent.replace(/\\s+/g, ' ').trim())"""


@pytest.mark.parametrize("view", ["auto", "full", "collapsed", "mirror"])
def test_every_word_of_a_changed_picture_is_in_the_picture_of_the_changed_values(
    driver: Any, tmp_path: Path, view: str
):
    page = opened(driver, tmp_path, tg.draw(recurrent(0.3), view=view).html())
    pictures = page.run("Object.keys(pictures)")[:4]
    page.run("(() => { inputs.find(input => input.name === 'x').now[0] = -2.5; recompute(); })()")
    got = {}
    for key in pictures:
        page.run(f"enter('{key}')")
        got[key] = Counter(page.run(SHOWN))
    page = opened(driver, tmp_path, tg.draw(recurrent(-2.5), view=view).html())
    for key in pictures:
        page.run(f"enter('{key}')")
        assert not got[key] - Counter(page.run(SHOWN)), key
    assert page.complaints() == []


def test_a_network_learns_in_the_page_as_in_python(driver: Any, tmp_path: Path):
    loss, learn = network()
    page = opened(driver, tmp_path, tg.draw(loss).html(live=learn))
    x, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    page.run("tinygraph.step(100)")
    costs = page.run("tinygraph.costs")
    np.testing.assert_allclose(costs, [float(learn(x, y)) for _ in range(100)], rtol=1e-8)
    assert costs[-1] < costs[0] / 3
    after = json.loads(page.run("JSON.stringify(tinygraph.inputs.map(input => input.now))"))
    assert len(after) == 4
    assert "100 steps, cost" in page.run("document.querySelector('.training .told').textContent")
    assert page.run("document.querySelectorAll('.curve polyline').length") == 1
    # The picture is that of the weights after the last step.
    shown = page.run("contents[Object.keys(contents).find(key => key[0] === 'v' && contents[key].value.length === 1 && "
                     "key === 'v' + Math.max(...liveData.values.map(({ node }) => node)))].value[0]")  # fmt: skip
    np.testing.assert_allclose(shown, float(learn(x, y)), rtol=1e-8)
    page.driver.execute_script("[...document.querySelectorAll('#live button')].at(-1).click()")
    assert page.run("tinygraph.costs.length") == 0
    page.run("tinygraph.step(3)")
    np.testing.assert_allclose(page.run("tinygraph.costs"), costs[:3], rtol=1e-12)
    assert page.complaints() == []


def test_an_infinite_number_stays_infinite_in_the_page(driver: Any, tmp_path: Path):
    limit = tg.Tensor(np.array([1.0, -np.inf, np.inf]), name="limit", requires_grad=False)
    page = opened(driver, tmp_path, tg.draw(np.maximum(tg.Tensor(2.0, name="a"), limit)).html())
    assert page.run("inputs.find(input => input.name === 'limit').now.map(String)") == ["1", "-Infinity", "Infinity"]
    page.run("(() => { inputs.find(input => input.name === 'a').now[0] = 5; recompute(); })()")
    last = "contents[`v${liveData.values.at(-1).node}`].value.map(String)"
    assert page.run(last) == ["5", "5", "Infinity"]
    fields = "[...document.querySelectorAll('#live .fields input')].map(field => field.value || field.placeholder)"
    assert page.run(fields) == ["1", "−∞", "∞"] and not page.complaints()


def test_a_step_is_given_an_infinite_mask_in_the_page(driver: Any, tmp_path: Path):
    loss, learn = masked()
    page = opened(driver, tmp_path, tg.draw(loss).html(live=learn))
    page.run("tinygraph.step(3)")
    wanted = [float(learn(np.array([0.0, -np.inf, 0.0]))) for _ in range(3)]
    np.testing.assert_allclose(page.run("tinygraph.costs"), wanted, rtol=1e-12)
    assert not page.complaints()


def test_costs_that_are_not_finite_have_no_curve(driver: Any, tmp_path: Path):
    loss, learn = masked()
    page = opened(driver, tmp_path, tg.draw(loss).html(live=learn))
    page.run("tinygraph.inputs.find(input => input.name === 'w').now.fill(NaN)")
    page.run("tinygraph.step(3)")
    assert page.run("document.querySelector('.curve').style.display") == "none"
    assert "NaN" in page.run("document.querySelector('.training .told').textContent") and not page.complaints()


def test_run_goes_on_until_it_is_paused_and_the_rate_is_a_slider(driver: Any, tmp_path: Path):
    loss, learn = network()
    page = opened(driver, tmp_path, tg.draw(loss).html(live=learn))
    assert page.run("document.querySelector('.training .control b').textContent") == "learning rate"
    page.driver.execute_async_script(
        """const button = [...document.querySelectorAll('.training button')].find(each => each.textContent === 'run');
        button.click();
        setTimeout(() => { button.click(); arguments[0](); }, 400);"""
    )
    steps = page.run("tinygraph.costs.length")
    assert steps > 2
    page.driver.execute_async_script("setTimeout(arguments[0], 200)")
    assert page.run("tinygraph.costs.length") == steps


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_small_screen(driver: Any, tmp_path: Path, dark: bool):
    loss, learn = network()
    page = opened(driver, tmp_path, tg.draw(loss).html(live=learn))
    page.size(360, 640, dark)
    page.go()
    page.run("tinygraph.step(5)")
    assert page.run("document.documentElement.scrollWidth") <= 360
    assert (
        page.run("Math.max(...[...document.querySelectorAll('#live *')].map(e => e.getBoundingClientRect().right))")
        <= 361
    )
    assert page.complaints() == []


def test_a_card_whose_words_are_a_formula_of_what_moves_is_not_live():
    x, mask = tg.Tensor([1.0, -2.0], name="x"), np.array([True, False])
    sums = [np.sum((x > 0) * x), np.sum(x * x.data)]
    sums += [np.sum(np.where(x > 0, x, 0.1 * x))]
    for total in sums:
        assert live(Graph.of(total)) is None
        assert "tinygraphPrograms =" not in tg.draw(total).html()
    stay = np.sum(mask * x)
    assert live(Graph.of(stay)) is not None
