"""The fonts of a picture: one list for the layout and for the reader's browser.

Graphviz measures texts in the first of these fonts that the machine has, and a browser writes them in the first that
it has. Helvetica, Arial and Liberation Sans have the same widths. DejaVu Sans is a tenth wider. Each text of an SVG
says its width in the layout, so that a browser with another font draws the letters wider or narrower, never longer
than their box. A picture that others will look at is best laid out with Helvetica's widths, as those of the
documentation are: most browsers then show the letters as they are.
"""

from __future__ import annotations

__all__ = ["CSS_FONTS", "DOT_FONTS"]

FONTS = ("Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")
DOT_FONTS = ",".join(FONTS)
CSS_FONTS = ", ".join([f"'{font}'" if " " in font else font for font in (*FONTS, "sans-serif")])
