r"""A scene as TikZ, for papers: Graphviz lays it out, LaTeX sets the letters.

\usepackage{tikz}
\input{graph.tex}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tinygraph.drawing.formats.box_text import text_lines
from tinygraph.drawing.palette import COLOURS, ROLES
from tinygraph.drawing.scenes.scene import Box, Scene
from tinygraph.drawing.words.text import SPACE, clean

__all__ = ["tikz"]

# Kinds of arrows.
ORANGE, DASHED = ("backward", "backflow", "update"), ("backward", "saved", "again")

ESCAPED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$", "|": "$|$",
}  # fmt: skip
SIGNS = {
    "−": "-", "×": r"\times", "÷": r"\div", "·": r"\cdot", "√": r"\sqrt{\ }", "∛": r"\sqrt[3]{\ }", "∂": r"\partial",
    "∇": r"\nabla", "‖": r"\|", "∞": r"\infty", "→": r"\to", "←": r"\leftarrow", "↗": r"\nearrow", "≤": r"\le",
    "≥": r"\ge", "≠": r"\ne", "∧": r"\wedge", "∨": r"\vee", "¬": r"\neg", "σ": r"\sigma", "Σ": r"\Sigma",
    "Π": r"\Pi", "Φ": r"\Phi", "π": r"\pi", "μ": r"\mu", "α": r"\alpha", "β": r"\beta", "γ": r"\gamma",
    "δ": r"\delta", "ε": r"\varepsilon", "θ": r"\theta", "λ": r"\lambda", "η": r"\eta", "ρ": r"\rho", "τ": r"\tau",
    "φ": r"\varphi", "ω": r"\omega", "Δ": r"\Delta", "‹": r"\langle", "›": r"\rangle", "…": r"\ldots",
    "ᵀ": r"^{\top}", "⟨": r"\langle", "⟩": r"\rangle",
}  # fmt: skip
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ", "0123456789-n")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
NUMBERS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ]+|[₀₁₂₃₄₅₆₇₈₉]+|.")


def tikz(scene: Scene, lay_out: Callable[[], bytes]) -> str:
    """Return a tikzpicture.

    Args:
        scene: the scene.
        lay_out: returns Graphviz's JSON of its layout.
    """
    layout = json.loads(lay_out())
    parts = {part["id"]: part for key in ("objects", "edges") for part in layout.get(key, ()) if "id" in part}
    lines = [*_colours(scene), r"\begin{tikzpicture}[x=1bp, y=1bp, line width=1.2bp, >=stealth, align=center,"]
    lines += [r"    every node/.style={inner sep=2bp, font=\small\sffamily}]"]
    lines += [line for box in scene.boxes if box.id in parts for line in _node(box, scene, parts[box.id])]
    lines += [_arrow(scene, number, parts[f"e{number}"]) for number in range(len(scene.links)) if f"e{number}" in parts]
    return "\n".join([*lines, r"\end{tikzpicture}"]) + "\n"


def _colours(scene: Scene) -> Iterator[str]:
    """Yield the definitions of the colours in use."""
    for role in dict.fromkeys(box.role for box in scene.boxes):
        stroke, fill = _look(role)
        yield rf"\definecolor{{tg{_letters(role)}}}{{HTML}}{{{stroke.lstrip('#').upper()}}}"
        yield rf"\definecolor{{tg{_letters(role)}fill}}{{HTML}}{{{fill.lstrip('#').upper()}}}"
    for name, colour in (("edge", COLOURS["edge"]), ("back", COLOURS["gradient"])):
        yield rf"\definecolor{{tg{name}}}{{HTML}}{{{colour.lstrip('#').upper()}}}"


def _look(role: str) -> tuple[str, str]:
    return (ROLES[role].stroke, ROLES[role].fill) if role in ROLES else (COLOURS["operation"], COLOURS["operation"])


def _letters(role: str) -> str:
    return "".join(letter for letter in role if letter.isalpha())


def _node(box: Box, scene: Scene, part: dict[str, Any]) -> Iterator[str]:
    x, y = part["pos"].split(",")
    wide, high = (72 * float(part[size]) for size in ("width", "height"))
    dark = box.role not in ROLES
    first, *rest = [_set(line) for line in text_lines(box, scene)]
    text = r" \\ ".join([rf"\textbf{{{first}}}" if dark else first, *rest])
    colour = f"tg{_letters(box.role)}"
    looks = [f"draw={colour}", f"fill={colour}fill", f"minimum width={wide:.0f}bp", f"minimum height={high:.0f}bp"]
    looks += ["text=white", "rounded corners=8bp"] if dark else ["rounded corners=6bp"]
    yield rf"\node[{', '.join(looks)}] ({box.id}) at ({float(x):.1f},{float(y):.1f}) {{{text}}};"


def _arrow(scene: Scene, number: int, part: dict[str, Any]) -> str:
    """Write an arrow along the curve of the layout."""
    link = scene.links[number]
    looks = ["tgback" if link.kind in ORANGE else "tgedge", *(["dashed"] if link.kind in DASHED else [])]
    start, end, points = _curve(part["pos"])
    tips = ("<" if start else "") + "-" + (">" if end else "")
    knots = [start or points[0], *points[1:-1], end or points[-1]]
    path = f"({knots[0]})" + "".join(
        f" .. controls ({knots[place]}) and ({knots[place + 1]}) .. ({knots[place + 2]})"
        for place in range(1, len(knots) - 2, 3)
    )
    drawn = rf"\draw[{tips}, {', '.join(looks)}] {path};"
    if link.label and "lp" in part:
        drawn += rf" \node[{looks[0]}, font=\scriptsize\sffamily] at ({part['lp']}) {{{_set(link.label)}}};"
    return drawn


def _curve(text: str) -> tuple[str, str, list[str]]:
    """Return the tip at the start and that at the end, or "", and the points between; "e,8,4 1,1 2,2 3,3 4,4"."""
    start = end = ""
    points = []
    for item in text.split(";")[0].split():
        if item.startswith("s,"):
            start = item[2:]
        elif item.startswith("e,"):
            end = item[2:]
        else:
            points.append(item)
    return start, end, points


def _set(text: str) -> str:
    """Return a text for LaTeX, whose signs are set as mathematics."""
    return "".join(map(_piece, NUMBERS.findall(clean(text))))


def _piece(piece: str) -> str:
    if piece[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ⁿ":
        return f"$^{{{piece.translate(RAISED)}}}$"
    if piece[0] in "₀₁₂₃₄₅₆₇₈₉":
        return f"$_{{{piece.translate(LOWERED)}}}$"
    if piece in SIGNS:
        return f"${SIGNS[piece]}$"
    return "~" if piece == SPACE else ESCAPED.get(piece, piece)
