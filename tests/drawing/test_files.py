"""Formats, files, notebooks, and machines where something is missing."""

from __future__ import annotations

import os
import re
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tinygraph.drawing import DrawingError, NoEngineError, NoFontsError, draw
from tinygraph.drawing.layout import engine

from .graphs import hypotenuse, network

needs_engine = pytest.mark.skipif(
    engine.importlib.util.find_spec("pygraphviz") is None, reason="pygraphviz is not installed"
)


@needs_engine
@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".svg", b"<svg"),
        (".png", b"\x89PNG"),
        (".pdf", b"%PDF"),
        (".html", b"<!DOCTYPE html>"),
        (".dot", b"digraph"),
        (".mmd", b"flowchart"),
        (".SVG", b"<svg"),
    ],
)
def test_save_writes_what_the_suffix_names(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"c{suffix}"
    assert draw(hypotenuse()).save(path) == path
    assert path.read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [path.name]


@needs_engine
def test_a_png_is_on_white_and_an_svg_on_the_page(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image").open(draw(hypotenuse()).save(tmp_path / "c.png"))
    assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert "bgcolor=transparent" in draw(hypotenuse()).source


def test_saved_dot_is_the_source(tmp_path: Path) -> None:
    drawing = draw(network())
    assert drawing.save(tmp_path / "n.dot").read_text("utf-8") == drawing.source


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.svg, \.png, \.pdf, \.html, \.dot, \.mmd"):
        draw(hypotenuse()).save(tmp_path / "c.jpeg")


def test_a_failed_save_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.svg"
    path.write_text("before")
    monkeypatch.setattr(engine, "_begun", lambda *_: (_ for _ in ()).throw(DrawingError("broken")))
    with pytest.raises(DrawingError):
        draw(hypotenuse()).save(path)
    monkeypatch.undo()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        draw(hypotenuse()).save(tmp_path / "c.dot")
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["c.svg"]


@needs_engine
def test_the_same_graph_is_the_same_picture() -> None:
    assert draw(network()).svg() == draw(network()).svg()


def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)
    monkeypatch.setattr(engine.importlib.util, "find_spec", lambda _: None)
    engine.has_fonts.cache_clear()


def test_without_an_engine_the_error_names_both_ways_to_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_engine(monkeypatch)
    drawing = draw(hypotenuse())
    for ask in (drawing.svg, drawing.png, drawing.pdf, drawing.html):
        with pytest.raises(
            NoEngineError, match=r'pip install "tinygraph\[draw\]"(.|\n)*system package graphviz'
        ) as info:
            ask()
    assert drawing.source.startswith("digraph")
    assert drawing.mermaid().startswith("flowchart LR")
    assert 'Drawing.text(), .mermaid() and .save("x.dot") work' in str(info.value) and "╭" in drawing.text(120)
    for suffix in (".svg", ".png", ".pdf", ".html"):
        with pytest.raises(NoEngineError):
            drawing.save(tmp_path / f"c{suffix}")
    for suffix in (".dot", ".mmd"):
        drawing.save(tmp_path / f"c{suffix}")
    assert sorted(os.listdir(tmp_path)) == ["c.dot", "c.mmd"]
    for page in ("README.md", "docs/drawing.md"):  # what they say of a machine without Graphviz
        told = " ".join((Path(__file__).parents[2] / page).read_text("utf-8").split())
        assert re.search(r"`\.svg`, `\.png`, `\.pdf` and `\.html` (need Graphviz|do not)", told)
    assert drawing._repr_mimebundle_()["text/vnd.mermaid"] == drawing.mermaid()
    bundle = drawing._repr_mimebundle_()
    assert "tinygraph[draw]" in bundle["text/plain"] and "image/svg+xml" not in bundle


@needs_engine
def test_without_fonts_a_png_is_refused_and_an_svg_is_not_squeezed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "has_fonts", lambda: False)
    with pytest.raises(NoFontsError, match=r"no fonts(.|\n)*\.svg"):
        draw(hypotenuse()).png()
    assert "textLength" not in draw(hypotenuse()).svg()


@needs_engine
def test_a_notebook_gets_the_svg_in_the_page() -> None:
    bundle = draw(hypotenuse())._repr_mimebundle_()
    assert "<svg" in bundle["text/html"] and "prefers-color-scheme:dark" in bundle["text/html"]
    assert bundle["image/svg+xml"].startswith("<svg")


@needs_engine
def test_a_frame_of_a_notebook_carries_the_page_whole() -> None:
    page = draw(hypotenuse()).interactive(live=False, height=300)
    assert page.html == draw(hypotenuse()).html(live=False)
    bundle = page._repr_mimebundle_()
    frame = re.fullmatch(r'<iframe title="page of c = [^"]*" style="[^"]*height:300px[^"]*" srcdoc="([^"]*)"></iframe>',
                         bundle["text/html"], re.S)  # fmt: skip
    assert frame is not None and unescape(frame[1]) == page.html
    assert bundle["text/plain"].startswith("<Page of c = ") and ".html" in bundle["text/plain"]


@needs_engine
def test_figures_on_one_page_do_not_share_ids() -> None:
    root = ElementTree.fromstring(draw(hypotenuse()).svg())
    assert not [element for element in root.iter() if "id" in element.attrib]
    assert draw(hypotenuse()).svg()[:400] != draw(network()).svg()[:400]


@needs_engine
def test_every_text_has_the_width_that_was_laid_out() -> None:
    if not engine.has_fonts():
        pytest.skip("this machine has no fonts")
    root = ElementTree.fromstring(draw(network(), title="a title").svg())
    texts = list(root.iter("{http://www.w3.org/2000/svg}text"))
    assert texts and all("textLength" in text.attrib for text in texts)


def test_mermaid_has_a_box_for_each_box_and_an_arrow_for_each_link() -> None:
    for graph in (hypotenuse(), network(), network(25)):
        drawing = draw(graph)
        lines = [line.strip() for line in drawing.mermaid().splitlines()]
        arrows = [line for line in lines if " --> " in line or " -->|" in line or " -.-" in line]
        assert len(arrows) == len(drawing._scene.links)
        assert len([line for line in lines if line.startswith("subgraph")]) == lines.count("end")
        for box in drawing._scene.boxes:
            assert sum(line.startswith((f"{box.id}(", f"{box.id}[")) for line in lines) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*pictures'; make it first"):
        draw(hypotenuse()).save(tmp_path / "pictures" / "c.dot")
