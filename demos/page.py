"""One HTML page of the results of the demos, text, figures and pictures, that works without a network."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from textwrap import dedent
from typing import NamedTuple
from urllib.parse import quote


class Chapter(NamedTuple):
    """A demo after its run.

    Attributes:
        name: the name of its module.
        text: the docstring, paragraphs separated by empty lines.
        printed: its output.
        source: its code.
        pictures: captions by file name.
    """

    name: str
    text: str
    printed: str
    source: str
    pictures: dict[str, str]


GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: #1f2937; --soft: #475569; --line: #e2e8f0; --paper: #ffffff; --tint: #f8fafc;
  --link: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e2e8f0; --soft: #94a3b8; --line: #334155; --paper: #0d1117;
  --tint: #161b22; --link: #56b4e9; } }
body { margin: 0 auto; max-width: 58rem; padding: 1.5rem; font: 16px/1.6 system-ui, sans-serif; color: var(--ink);
  background: var(--paper); }
h1, h2 { line-height: 1.25; }
h2 { margin-top: 4rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
a { color: var(--link); }
pre { overflow-x: auto; padding: 0.8rem 1rem; background: var(--tint); border: 1px solid var(--line);
  border-radius: 6px; font-size: 13px; line-height: 1.45; }
p, figcaption { max-width: 42rem; }
figure { margin: 2rem 0; }
figure > div { overflow-x: auto; }
figure svg, figure img { display: block; max-width: 100%; height: auto; }
figure img { background: #ffffff; border-radius: 6px; }
figcaption, summary { color: var(--soft); font-size: 14px; }
figcaption { margin-top: 0.5rem; }
</style>
</head>
<body>
<h1>$title</h1>
<p>Each chapter is ordinary NumPy code that was run, differentiated and drawn.
$gallery</p>
<nav><ol>
$contents
</ol></nav>
$chapters
</body>
</html>
""")


def page(chapters: Sequence[Chapter], folder: Path, title: str) -> str:
    """Return the page as text.

    Args:
        chapters: the chapters in reading order.
        folder: the folder with their pictures.
        title: the title of the page.
    """
    contents = (f'<li><a href="#{chapter.name}">{escape(heading(chapter.text))}</a></li>' for chapter in chapters)
    return PAGE.substitute(
        title=escape(title),
        gallery=_gallery(folder),
        contents="\n".join(contents),
        chapters="\n".join(_chapter(chapter, folder) for chapter in chapters),
    )


def _gallery(folder: Path) -> str:
    """Return a sentence with links to the pages of the gallery, as they are seen from a page in `folder`."""
    links = " · ".join(
        f'<a href="{escape(quote(_from(folder, path)))}">{escape(_title(path))}</a>'
        for path in sorted((GALLERY / "pages").glob("*.html"))
    )
    more = "<code>docs/gallery/README.md</code> has more pictures, each with its code."
    return f"{more} Pages to step through: {links}" if links else more


def _from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder.resolve())).as_posix()


def _title(path: Path) -> str:
    """Return the heading of the text that belongs to a page of the gallery."""
    return (GALLERY / f"{path.stem}.md").read_text("utf-8").partition("\n")[0].removeprefix("# ")


def heading(text: str) -> str:
    """Return the first line of a docstring, without its full stop."""
    return text.strip().splitlines()[0].removesuffix(".")


def _chapter(chapter: Chapter, folder: Path) -> str:
    paragraphs = chapter.text.strip().split("\n\n")[1:]
    return "\n".join(
        [
            f'<section id="{chapter.name}">',
            f"<h2>{escape(heading(chapter.text))}</h2>",
            *(_paragraph(paragraph) for paragraph in paragraphs),
            *(_figure(folder / name, caption) for name, caption in chapter.pictures.items()),
            f"<pre>{escape(chapter.printed.rstrip())}</pre>",
            f"<details><summary>The code: demos/{chapter.name}.py</summary>"
            f"<pre>{escape(chapter.source.rstrip())}</pre></details>",
            "</section>",
        ]
    )


def _paragraph(text: str) -> str:
    if text.startswith("    "):
        return f"<pre>{escape(dedent(text))}</pre>"
    words = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split())))
    return f"<p>{words}</p>"


def _figure(path: Path, caption: str) -> str:
    """Return a figure: an SVG goes into the page unchanged, so that it follows the page's theme; a PNG as base64."""
    if path.suffix == ".svg":
        picture = _only_element(path.read_text("utf-8"))
    else:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        picture = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    return f"<figure><div>{picture}</div><figcaption>{escape(caption)}</figcaption></figure>"


def _only_element(svg: str) -> str:
    """Return the <svg> element without the XML declaration before it."""
    return svg[svg.index("<svg") :]
