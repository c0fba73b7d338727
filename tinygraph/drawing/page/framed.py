"""A page inside a notebook: in a frame that carries it whole, so that it needs no file and no network."""

from __future__ import annotations

from html import escape
from typing import Any

__all__ = ["FramedPage"]


class FramedPage:
    """A page in a frame, the result of `Drawing.interactive`. At the end of a cell it shows itself.

    Attributes:
        html: the page.
        height: of the frame, in pixels of the screen; it is as wide as the cell.
    """

    def __init__(self, html: str, height: int, picture: str) -> None:
        self.html = html
        self.height = height
        self._picture = picture

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        style = f"display:block;width:100%;height:{self.height}px;border:1px solid #8884;border-radius:6px"
        title = escape(f"page of {self._picture}")
        frame = f'<iframe title="{title}" style="{style}" srcdoc="{escape(self.html)}"></iframe>'
        return {"text/html": frame, "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f'<Page of {self._picture}: a notebook shows it; elsewhere tg.draw(...).save("page.html")>'
