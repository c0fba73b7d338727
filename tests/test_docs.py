"""The documentation runs: every block of Python in the README and in docs/, page by page, makes what it says.

Run as a program it makes the pictures of the documentation anew, where they stand.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PICTURE = re.compile(r"!\[[^\]]*\]\(([^)]+)\)")


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_runs_and_makes_its_pictures(page, tmp_path):
    pictures = PICTURE.findall(page.read_text())
    printed = run(page, tmp_path)
    for match in BLOCK.finditer(page.read_text()):
        if match.group(1) == "text":
            assert _without_places(match.group(2)) in _without_places(printed)
    for picture in pictures:
        assert (page.parent / picture).is_file(), f"{picture} is not there: run {Path(__file__).name}"
        assert (tmp_path / Path(picture).name).is_file(), f"no code on this page makes {picture}"


def _without_places(text: str) -> str:
    """Text with runs of blanks as one, and without the lines of code it names."""
    return re.sub(r"\S+\.md\S*:\d+", "", re.sub(r"[ \t]+", " ", text)).replace(" \n", "\n")


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
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
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            run(page, Path(folder))
            for picture in PICTURE.findall(page.read_text()):
                shutil.copy(Path(folder) / Path(picture).name, page.parent / picture)
                print(page.parent / picture)
