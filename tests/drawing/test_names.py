"""Whatever a user calls a value, a scope or a picture, it is drawn, once, and readable."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tinygraph.drawing import draw
from tinygraph.drawing.words.text import clean, clip, markup
from tinygraph.graph import Graph

from .graphs import Recorder
from .pages import data_of, facts_of

pytest.importorskip("pygraphviz")

SVG = "{http://www.w3.org/2000/svg}"
WORD_JOINER = "\u2060"
ISOLATES = "\u200e\u2068\u2069"
NASTY = [
    *('"', "<b>", "a&b", "&amp;", "&nbsp;", "</TD>", "<", ">", "]]>", "-->", "</script>", "<!--", "{a|b}", "@@DATA@@"),
    *(
        "\\",
        "\\N",
        "\\G\\L\\E\\T\\H",
        'a\\"',
        "\\n",
        "a\nb",
        "\r",
        "\0",
        "\x1b[31m",
        "\ud800",
        "\udfff",
        "\ufffe",
        "\x85",
    ),
    *("", "   ", "n" * 10_000, "😀" * 40, "漢字", "مرحبا", "\u202e", 'charset="latin1"', "%s", "$x$", "e\u0301" * 30),
]
names = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec=None), max_size=40))


def texts(svg: str, box: str) -> str:
    """All that is written in one box."""
    root = ElementTree.fromstring(svg)
    (group,) = (g for g in root.iter(f"{SVG}g") if g.get("data-box") == box)
    return "".join(text.text or "" for text in group.iter(f"{SVG}text"))


def without_joiners(text: str) -> str:
    return "".join(text.translate(dict.fromkeys(map(ord, WORD_JOINER + ISOLATES))).split())


@settings(deadline=None, max_examples=60)
@given(names, names, names)
@example("\\N", "<b>", "\0")
@example("n" * 10_000, "\ud800", "</script>")
def test_any_text_makes_one_card_that_says_it(name: str, scope: str, title: str) -> None:
    r = Recorder()
    x = r.input(np.ones(3), name, grad=np.ones(3))
    y = r.call(np.exp, x, scope=(scope, "inner"))
    drawing = draw(r.graph(r.call(np.sum, y, name="total", grad=1.0)), view="full", title=title)
    svg = drawing.svg()
    root = ElementTree.fromstring(svg)
    assert sum("data-box" in g.attrib for g in root.iter(f"{SVG}g")) == 4
    said = without_joiners(texts(svg, "v0"))
    assert said.startswith(without_joiners(clip(clean(name))))
    assert drawing.source.encode("utf-8")
    drawing.mermaid().encode("utf-8")


@pytest.mark.parametrize("name", NASTY)
@pytest.mark.parametrize("view", ["chain", "values", "collapsed"])
def test_every_view_takes_every_name(name: str, view: str) -> None:
    r = Recorder()
    x = r.input(2.0, name, grad=1.0)
    r.call(np.multiply, x, x, name=name, scope=(name, name), grad=1.0)
    drawing = draw(r.graph(), view=view, title=name)  # type: ignore[arg-type]
    ElementTree.fromstring(drawing.svg())


@pytest.mark.parametrize("name", NASTY)
def test_a_name_cannot_leave_the_data_of_the_page(name: str) -> None:
    r = Recorder()
    r.call(np.exp, r.input(2.0, name), name=name, scope=(name,))
    page = draw(r.graph(), view="collapsed", title=name).html()
    assert data_of(page)[""]["svg"] and facts_of(page)["boxes"]
    assert page.count("</script>") == 5  # two of them carry the program of the page


@given(names, names)
def test_no_name_means_anything_to_mermaid(name: str, scope: str) -> None:
    r = Recorder()
    r.call(np.exp, r.input(np.ones(3), name), name=name, scope=(scope,))
    written = draw(r.graph(), view="full").mermaid().replace("<br/>", "")
    assert len(written.splitlines()) == len(draw(plain(), view="full").mermaid().splitlines())
    for line in written.splitlines():
        assert line.count('"') in {0, 2}
        _, _, quoted = line.partition('"')
        assert not set(quoted.partition('"')[0]) & set("<>[]{}`|\\&")


def plain() -> Graph:
    r = Recorder()
    r.call(np.exp, r.input(np.ones(3), "x"), name="y", scope=("s",))
    return r.graph()


@given(names)
def test_cleaning_is_idempotent_and_printable(name: str) -> None:
    once = clean(name)
    assert clean(once) == once
    assert not any(ord(c) < 32 for c in once)
    once.encode("utf-8")


@given(st.text(max_size=300), st.integers(1, 50))
def test_clipping_keeps_both_ends(text: str, length: int) -> None:
    clipped = clip(text, length)
    assert len(clipped) <= length
    assert clipped == text or "…" in clipped
    if len(text) > length > 2:
        assert clipped[0] == text[0] and clipped[-1] == text[-1]


@given(names)
def test_markup_has_no_bare_signs_and_no_graphviz_escape(name: str) -> None:
    written = markup(name)
    assert not set(written) & set("<>\"'")
    assert all(after == WORD_JOINER for before, after in pairwise(written) if before == "\\")
