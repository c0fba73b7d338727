"""The documentation runs: every block of Python in the README and in docs/, page by page, makes what it says.

Run as a program it makes the pictures of the documentation anew, where they stand: of all pages, or of those that are
named. Some pictures of the gallery show photographs of `TINYGRAPH_DATA`. A machine with Helvetica, Arial or Liberation
Sans (the system package fonts-liberation) is needed, so that all pictures have the widths of these fonts.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "gallery").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"(?<!\[)!\[[^\]]*\]\(([^)]+)\)")
# A small picture that leads to the page of the gallery that makes it.
LINKED_PICTURE = re.compile(r"""\[!\[[^\]]*\]\(([^)]+)\)\]\(([^)]+)\)|<a href="([^"]+)"><img src="([^"]+)"[^>]*></a>""")
# Files of the gallery that a page links to, made by its code as its pictures are.
MADE = re.compile(r"\]\(((?:pages|programs)/[^)]+)\)")
# The widths of Helvetica's letters, in thousandths of the font's size.
WIDTHS = dict(
    zip("abcdefghijklmnopqrstuvwxyz \N{NO-BREAK SPACE}",
        (556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500,
         722, 500, 500, 500, 278, 278), strict=True)
)  # fmt: skip
TARGET = re.compile(r"""(?:\]\(|<a href="|<img src=")([^)#"]+)""")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(page: Path, folder: Path) -> str:
    """Run a page's blocks one after the other in a folder, and return what they printed."""
    space: dict[str, object] = {"__name__": "__main__"}
    text = page.read_text()
    linecache.cache[page.name] = (len(text), None, _lines_of_code(text), page.name)
    printed = io.StringIO()
    before = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            for match in BLOCK.finditer(text):
                if match.group(1) == "python":
                    above = text.count("\n", 0, match.start(2))  # so that the lines are those of the page
                    exec(compile("\n" * above + match.group(2), page.name, "exec"), space)
    finally:
        os.chdir(before)
    return printed.getvalue()


def _lines_of_code(text: str) -> list[str]:
    """Return the lines of a page as a module of Python: those outside its code are empty."""
    lines: list[str] = []
    for match in BLOCK.finditer(text):
        if match.group(1) == "python":
            lines += ["\n"] * (text.count("\n", 0, match.start(2)) - len(lines))
            lines += match.group(2).splitlines(keepends=True)
    return lines


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_page_runs_and_makes_its_pictures(page, tmp_path):
    pictures = _made(page)
    printed = run(page, tmp_path)
    for match in BLOCK.finditer(page.read_text()):
        if match.group(1) == "text":
            assert _without_places(match.group(2)) in _without_places(printed)
    for picture in pictures:
        assert (page.parent / picture).is_file(), f"{picture} is not there: run {Path(__file__).name}"
        assert (tmp_path / Path(picture).name).is_file(), f"no code on this page makes {picture}"


def _made(page: Path) -> list[str]:
    """Return the pictures, the HTML pages and the programs that the code of a page makes, as the page names them."""
    text = page.read_text()
    return PICTURE.findall(text) + MADE.findall(text)


def _without_places(text: str) -> str:
    """Text with runs of blanks as one, and without the lines of code it names."""
    return re.sub(r"\S+\.md\S*:\d+", "", re.sub(r"[ \t]+", " ", text)).replace(" \n", "\n")


def strange_widths(svg: str) -> list[str]:
    """Return the words of a picture that have not the widths of Helvetica, Arial and Liberation Sans."""
    found = []
    for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        word, width = text.text or "", float(text.get("textLength", 0))
        if len(word) >= 4 and set(word) <= set(WIDTHS) and width and text.get("font-weight") != "bold":
            usual = sum(WIDTHS[letter] for letter in word) / 1000 * float(text.get("font-size", 0))
            found += [word] * (not 0.95 <= width / usual <= 1.05)
    return found


def test_the_pictures_of_the_documentation_have_the_widths_of_the_fonts_that_most_browsers_have():
    pictures = list((ROOT / "docs").rglob("*.svg"))
    assert pictures
    for picture in pictures:
        assert not strange_widths(picture.read_text()), picture
    wide = re.sub(r'textLength="([\d.]+)"', lambda match: f'textLength="{1.1 * float(match[1])}"', _a_legend())
    assert strange_widths(wide) and not strange_widths(_a_legend())


def _a_legend() -> str:
    return (ROOT / "docs" / "pictures" / "drawing-collapsed.svg").read_text()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_small_picture_leads_to_the_page_that_makes_it(page):
    for picture, of, other, shown in LINKED_PICTURE.findall(page.read_text()):
        picture, of = picture or shown, of or other
        made = [(page.parent / of).parent / name for name in PICTURE.findall((page.parent / of).read_text())]
        assert (page.parent / picture).resolve() in [path.resolve() for path in made], picture


def test_the_gallery_shows_each_of_its_pages_and_stays_small():
    folder = ROOT / "docs" / "gallery"
    shown = {of or other for _, of, other, _ in LINKED_PICTURE.findall((folder / "README.md").read_text())}
    assert shown == {page.name for page in folder.glob("*.md")} - {"README.md"}
    made = {folder / name for page in folder.glob("*.md") for name in _made(page)}
    arrays = {path for path in folder.rglob("*.npz") if path.with_suffix(".py") in made}
    assert made | arrays == {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"}
    for path in made:
        assert path.stat().st_size < (160_000 if path.suffix == ".html" else 120_000), path
    for page in folder.glob("*.md"):
        code = "".join(text for language, text in BLOCK.findall(page.read_text()) if language == "python")
        assert len([line for line in code.splitlines() if line.strip()]) <= 60, page.name


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=_name)
def test_links_lead_somewhere(page):
    for target in TARGET.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=_name)
def test_files_that_are_named_are_there(page):
    named = re.findall(r"`(tinygraph/[\w/.]+)`", page.read_text())
    missing = [path for path in named if not (ROOT / path).exists()]
    assert not missing, missing


def test_ci_calls_the_readmes_test_command():
    command = [
        text.strip() for language, text in BLOCK.findall((ROOT / "README.md").read_text()) if language == "bash"
    ][-1]
    assert "pytest" in command
    assert command in (ROOT / ".ci" / "run").read_text()
    assert command in (ROOT / "CONTRIBUTING.md").read_text()


if __name__ == "__main__":
    sys.path[0] = str(ROOT)  # in place of tests/, whose rooms have names such as numpy
    os.environ |= {"SOURCE_DATE_EPOCH": "0"}  # a chart of matplotlib's says when it was made
    import matplotlib as mpl

    import tinygraph as tg

    mpl.rcParams["svg.hashsalt"] = "tinygraph"
    if strange_widths(tg.draw(2 * tg.Tensor(1.0)).svg()):
        sys.exit("The fonts of this machine are not as wide as Helvetica's. Install fonts-liberation")
    named = [Path(name).resolve() for name in sys.argv[1:]]
    for page in named or PAGES:
        with tempfile.TemporaryDirectory() as folder:
            run(page, Path(folder))
            for name in _made(page):
                made = Path(folder) / Path(name).name
                arrays = made.with_suffix(".npz") if made.suffix == ".py" else made  # beside a program
                for path in {made, arrays} if arrays.exists() else {made}:
                    (page.parent / name).parent.mkdir(exist_ok=True)
                    shutil.copy(path, (page.parent / name).parent / path.name)
                    print((page.parent / name).parent / path.name)
