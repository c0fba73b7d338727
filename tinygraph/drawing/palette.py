"""The colours, light and dark. A shape, a border or a word always says the same as a colour."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COLOURS", "HEAT", "ROLES", "HeatLook", "Role", "heat_look", "stylesheet"]


class Role(NamedTuple):
    """The look of one kind of box, and the words for it in the legend; "{kind}" is NaN or ∞."""

    stroke: str
    fill: str
    width: float
    words: str
    dashed: bool = False

    @property
    def border(self) -> int:
        """The width of the border of the swatch in DOT; the roles of one stroke and fill have different ones."""
        return 1 if self.dashed else round(self.width)


ROLES = {
    "parameter": Role("#0072b2", "#e6f1f8", 1.8, "parameter"),
    "data": Role("#475569", "#f1f5f9", 1.8, "data"),
    "constant": Role("#475569", "#f1f5f9", 1.0, "constant"),
    "intermediate": Role("#7c8aa0", "#ffffff", 1.0, "intermediate"),
    "output": Role("#6a1b9a", "#f3e8fa", 1.8, "output"),
    "layer": Role("#475569", "#f8fafc", 1.6, "layer"),
    "gradient": Role("#c2410c", "#fff1e6", 1.3, "gradient"),
    "update": Role("#0072b2", "#ffffff", 1.0, "new value"),
    "origin": Role("#b00020", "#b00020", 1.8, "first non-finite value"),
    "birth": Role("#b00020", "#b00020", 1.8, "first {kind} of a gradient"),
    "birth_layer": Role("#b00020", "#f8fafc", 1.6, "layer with the first {kind} of a gradient"),
    "origin_value": Role("#b00020", "#fde8e8", 1.8, "first non-finite value"),
    "origin_layer": Role("#b00020", "#f8fafc", 1.6, "layer with the first non-finite value"),
    "spoilt_layer": Role("#b00020", "#f8fafc", 1.6, "layer with non-finite values"),
    "spoilt": Role("#b00020", "#fde8e8", 1.8, "made non-finite by it", dashed=True),
}

COLOURS = {
    "text": "#1f2937",
    "muted": "#55637a",
    "operation": "#334155",
    "on operation": "#fffffe",  # not #ffffff, the fill of an intermediate: the two differ in the dark
    "spoilt operation": "#b0474c",
    "edge": "#64748b",
    "bars": "#6b7a92",
    "scope": "#8491a5",
    "scope fill": "#f8fafc",
    "ground": "#fffffc",
    "gradient": "#c2410c",
    "on gradient": "#fffffd",
    "gradient fill": "#fff1e6",
    "gradient track": "#fed7bf",
    "backward fill": "#fffaf5",
    "backward side": "#b3602f",
    "parameter": "#0072b2",
    "added": "#15803d",
    "added fill": "#ecfdf3",
    "changed": "#a16207",
    "changed fill": "#fef9e7",
    "removed": "#858d9d",
    "removed fill": "#fafbfc",
    "removed text": "#6b7280",
    "non-finite": "#b00020",
    "non-finite fill": "#fde8e8",
    "image": "#e2e8f1",  # a block that an image takes the place of, in every format but DOT
    # Heat is the same in the dark, and so is the text on it.
    "on warm": "#1f2936",
    "on hot": "#fffefe",
}


class HeatLook(NamedTuple):
    """The look of a box whose share of the whole is at most `most`, from 0 to 1.

    Attributes:
        most: the share.
        fill: the colour, light and dark.
        stroke: in the light. In the dark a warm box needs none, and the hottest has a light one: see `DARK`.
        text: the key of the colour of the text.
    """

    most: float
    fill: str
    stroke: str
    text: str


# From cold to hot.
HEAT = (
    HeatLook(0.03, "#fff7bc", "#8a3c0a", "on warm"),
    HeatLook(0.10, "#fee391", "#8a3c0b", "on warm"),
    HeatLook(0.20, "#fec44f", "#8a3c0c", "on warm"),
    HeatLook(0.30, "#fe9929", "#8a3c0d", "on warm"),
    HeatLook(0.50, "#cc4c02", "#cc4c02", "on hot"),
    HeatLook(1.00, "#7a2a04", "#7a2a05", "on hot"),
)


def heat_look(share: float) -> HeatLook:
    """Return the look of a share of the whole, from 0 to 1."""
    return next((level for level in HEAT if share <= level.most), HEAT[-1])


# In an SVG each light value above has one meaning as a fill, and one as a stroke, so a stylesheet can replace it by the
# dark value.
DARK = {
    "#15803d": "#4ade80",
    "#ecfdf3": "#10301d",
    "#a16207": "#facc15",
    "#fef9e7": "#33290a",
    "#858d9d": "#7d8798",
    "#fafbfc": "#151b24",
    "#6b7280": "#98a2b3",
    "#0072b2": "#56b4e9",
    "#e6f1f8": "#0f2f47",
    "#475569": "#94a3b8",
    "#f1f5f9": "#252d3a",
    "#7c8aa0": "#64748b",
    "#ffffff": "#1f2733",
    "#6a1b9a": "#d7a6f5",
    "#f3e8fa": "#2c1a3d",
    "#f8fafc": "#1a212c",
    "#c2410c": "#ff9a62",
    "#fff1e6": "#43220f",
    "#fed7bf": "#6b3a1c",
    "#fffaf5": "#1d1713",
    "#b00020": "#ff6b81",
    "#fde8e8": "#4a1518",
    "#b0474c": "#e07a82",
    "#1f2937": "#e5e9f0",
    "#55637a": "#a3b0c2",
    "#334155": "#cbd5e1",
    "#fffffe": "#111827",
    "#fffffd": "#111827",
    "#fffffc": "#0d1117",
    "#64748b": "#94a3b9",
    "#6b7a92": "#8d9db4",
    "#8491a5": "#6b7a90",
    "#8a3c0a": "#fff7bc",
    "#8a3c0b": "#fee391",
    "#8a3c0c": "#fec44f",
    "#8a3c0d": "#fe9929",
    "#7a2a05": "#f08c3c",
}
PAGE_DARK = "#0d1117"
LIGHT_THEMES = ("[data-jp-theme-light='true']", ".vscode-light", "[data-theme='light']")
DARK_THEMES = ("[data-jp-theme-light='false']", ".vscode-dark", ".vscode-high-contrast", "[data-theme='dark']")


def stylesheet(figure: str, used: set[tuple[str, str]]) -> str:
    """Return CSS that recolours the SVG of class `figure` where the page around it is dark.

    Each colour of an element becomes `light-dark()` of two, so that the picture follows the `color-scheme` of its page.
    JupyterLab's and VS Code's theme classes decide where they are present. As a file of its own the picture follows
    the reader's preference, with a dark ground. A renderer without `light-dark()` does so by a media query, and shows
    the picture inside a page light, except under a theme class. A renderer without variables keeps the light colours.

    Args:
        figure: the class.
        used: the pairs of an attribute, "fill" or "stroke", and a colour that stand in the SVG.
    """
    known = sorted((part, colour) for part, colour in used if colour in DARK)
    names = {colour: f"--c{colour[1:]}" for _, colour in known}
    both = "".join(f"{name}:light-dark({colour},{DARK[colour]});" for colour, name in names.items())
    dark = "".join(f"{name}:{DARK[colour]};" for colour, name in names.items())
    uses = "".join(f".{figure} [{part}='{colour}']{{{part}:var({names[colour]},{colour})}}\n" for part, colour in known)
    alone, in_dark = f":root.{figure}", _inside(DARK_THEMES, figure)
    return (
        "@supports (color:light-dark(red,red)){\n"
        f".{figure}{{{both}}}\n"
        f"{alone}{{color-scheme:light dark;background:light-dark(transparent,{PAGE_DARK})}}\n"
        f"{_inside(LIGHT_THEMES, figure)}{{color-scheme:light}}\n"
        f"{in_dark}{{color-scheme:dark}}\n"
        "}\n"
        "@supports not (color:light-dark(red,red)){\n"
        f"@media (prefers-color-scheme:dark){{{alone}{{{dark}background:{PAGE_DARK}}}}}\n"
        f"{in_dark}{{{dark}}}\n"
        "}\n"
        f"@supports (--c:red){{\n{uses}}}\n"
    )


def _inside(places: tuple[str, ...], figure: str) -> str:
    return ",".join(f"{place} .{figure}" for place in places)
