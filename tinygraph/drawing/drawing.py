"""A requested picture. Its layout is made when the picture is shown or saved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygraph.drawing.errors import DrawingError, NoEngineError
from tinygraph.drawing.formats import pictures
from tinygraph.drawing.formats.box_text import text_lines
from tinygraph.drawing.formats.dot import dot
from tinygraph.drawing.formats.mermaid import mermaid
from tinygraph.drawing.formats.resolution import at_twice_the_resolution, with_resolution
from tinygraph.drawing.formats.terminal import terminal
from tinygraph.drawing.formats.tikz import tikz
from tinygraph.drawing.layout import engine
from tinygraph.drawing.page.framed import FramedPage
from tinygraph.drawing.page.live import live as live_parts
from tinygraph.drawing.page.page import page
from tinygraph.drawing.scenes.scene import Scene
from tinygraph.drawing.words.text import SPACE
from tinygraph.elsewhere import OF_DRAWING, Late, no_attribute
from tinygraph.whole_files import check_folder, write_whole

__all__ = ["Drawing"]

# Nobody finds the way through more boxes of letters.
MOST_IN_A_TERMINAL = 60


class Drawing:
    """A picture of a graph, the result of `tg.draw`.

    In a notebook it shows itself. `source`, `text()`, `mermaid()` and the suffixes .dot, .txt and .mmd work without
    Graphviz.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    if not TYPE_CHECKING:  # a checker is to know the attributes

        def __getattr__(self, name):
            told = Late(lambda: no_attribute("'Drawing' object", name, OF_DRAWING, dir(self)))
            raise AttributeError(told, name=name, obj=self)

    @cached_property
    def source(self) -> str:
        """The DOT text."""
        return dot(self._scene)

    def svg(self) -> str:
        """Return the picture as SVG. It follows the light or dark theme of its page; as a file, that of the reader.

        Raises:
            NoEngineError: Graphviz is not installed; the message has the way to get it.
            TooLargeError: Graphviz could not lay it out in time.
        """
        return self._svg

    @cached_property
    def _svg(self) -> str:
        return pictures.svg(self._scene, self._drawn)

    @cached_property
    def _drawn(self) -> str:
        """The DOT text that Graphviz draws."""
        return pictures.with_places(self._scene) or self.source

    def png(self) -> bytes:
        """Return the picture as PNG with two dots to a pixel of the SVG, on white: it cannot follow a theme.

        Raises:
            NoEngineError: Graphviz is not installed; the message has the way to get it.
            NoFontsError: the machine has no fonts to draw letters with.
            TooLargeError: Graphviz could not lay it out in time.
        """
        return with_resolution(self._render("png", at_twice_the_resolution(self._drawn)))

    def pdf(self) -> bytes:
        """Return the picture as PDF. Raises what `png` does."""
        return self._render("pdf")

    def mermaid(self) -> str:
        """Return the picture as a Mermaid flowchart, which GitHub and GitLab draw in Markdown."""
        return mermaid(self._scene)

    def text(self, width: int | None = None) -> str:
        """Return the picture in letters and lines, for a terminal: `print(tg.draw(c).text())`.

        It runs from left to right, or from top to bottom where that would be too wide. A picture that fits neither way,
        or has more than 60 boxes, is a list instead, a line a node: that of `print(graph)`.

        Args:
            width: the number of columns; None for those of the terminal, or 120.
        """
        scene = self._scene
        columns = width or shutil.get_terminal_size((120, 24)).columns
        if len(scene.boxes) <= MOST_IN_A_TERMINAL:
            for direction in ("LR", "TB"):
                drawn = terminal(scene, lambda box: text_lines(scene.box[box], scene), direction, columns)
                if drawn is not None:
                    return "\n".join([drawn, *(["", scene.title] if scene.title else [])]).replace(SPACE, " ")
        return str(scene.graph)

    def tikz(self) -> str:
        """Return the picture as a tikzpicture for LaTeX. Raises what `svg` does."""
        return tikz(self._scene, lambda: self._render("json"))

    def html(self, live: Any = True) -> str:
        """Return a page of its own, without network: step through both passes, hover, search, open layers in place.

        Where the values of the graph can be computed again, the inputs have sliders and fields, and the page computes
        all values and gradients itself. A picture with images, heat or health, or of the birth of a NaN, stays that of
        the recorded run.

        Args:
            live: False for a page that does not compute; a compiled step for one that trains: the picture is then that
                of its loss, whose parameters the step updates. The values that the step is given are those of the
                picture, by their names.

        Raises:
            TypeError: `live` is something else.
            ValueError: a step is given, and the picture is that of one run.
            GraphError: the graph does not have what the step needs.
            UnsupportedError: the step cannot be written as JavaScript.

        Also raises what `svg` does.
        """
        if self._scene.is_of_one_run and live not in (True, False):
            raise ValueError(
                "html: live= computes other values, and images, heat, health and the birth of a NaN are those "
                "of this run. Draw the loss without them, or leave live= out"
            )
        computes = live is not False and not self._scene.is_of_one_run
        parts = live_parts(self._scene.graph, None if live is True else live) if computes else None
        return page(self._scene, parts)

    def interactive(self, live: Any = True, height: int = 520) -> FramedPage:
        """Return the page of `html` in a frame, for the end of a notebook's cell: `tg.draw(c).interactive()`.

        The notebook keeps the page whole: it works without network, and in a notebook that was saved and opened again
        where that trusts its cells.

        Args:
            live: see `html`.
            height: of the frame, in pixels of the screen.

        Raises what `html` does.
        """
        return FramedPage(self.html(live), height, pictures.described(self._scene))

    def save(self, path: str | os.PathLike[str], live: Any = True) -> Path:
        """Write the picture in the format that the suffix names, and return the path.

        A file that is already there is only replaced once the picture is complete.

        Args:
            path: ends in .svg, .png, .pdf, .html, .dot, .mmd, .txt or .tex.
            live: of a page; see `html`.

        Raises:
            ValueError: another suffix.
            OSError: the file cannot be written.

        Also raises what `svg`, `png` and `html` do.
        """
        path = Path(path)
        writers: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg,
            ".png": self.png,
            ".pdf": self.pdf,
            ".html": lambda: self.html(live),
            ".dot": lambda: self.source,
            ".mmd": self.mermaid,
            ".txt": lambda: self.text(120) + "\n",
            ".tex": self.tikz,
        }
        if path.suffix.lower() not in writers:
            raise ValueError(f"cannot save {path.name!r}: the suffix must be one of {', '.join(writers)}")
        check_folder("save", path)
        content = writers[path.suffix.lower()]()
        write_whole("save", path, content.encode() if isinstance(content, str) else content)
        return path

    def _render(self, kind: str, source: str | None = None) -> bytes:
        with pictures.with_files_of_images(self._scene, source or self._drawn) as text:
            return engine.render(text, kind, len(self._scene.boxes))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return the picture for a notebook: an SVG, which follows the theme of the page; Mermaid without an engine."""
        try:
            drawn = self.svg()
        except NoEngineError as error:
            return {"text/vnd.mermaid": self.mermaid(), "text/plain": f"{self!r}\n{error}"}
        except DrawingError as error:
            return {"text/plain": f"{self!r}\n{error}"}
        return {"text/html": f"<div>{drawn}</div>", "image/svg+xml": drawn, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<Drawing: {pictures.described(self._scene)}, {self._scene.view} view, {len(self._scene.boxes)} boxes>"
