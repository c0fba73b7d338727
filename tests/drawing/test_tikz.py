"""Pictures for LaTeX."""

from __future__ import annotations

import re

import numpy as np

import tinygraph as tg


def drawn():
    a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    c = np.sqrt(a**2 + b**2)
    c.backward()
    return tg.draw(c)


def test_each_box_is_a_node_and_each_arrow_a_curve():
    drawing = drawn()
    text = drawing.tikz()
    scene = drawing._scene
    assert re.findall(r"\\node\[draw=.*?\] \((\w+)\)", text) == [box.id for box in scene.boxes]
    assert text.count(r"\draw[") == len(scene.links)
    assert text.count("[<-, tgback, dashed]") == len([link for link in scene.links if link.kind == "backward"])
    assert r"{a = 3 \\ $\partial$c/$\partial$a = 0.6}" in text
    assert text.count("{") == text.count("}") and text.count("$") % 2 == 0
    assert r"\begin{tikzpicture}" in text and text.endswith("\\end{tikzpicture}\n")


def test_every_colour_that_is_used_is_defined():
    text = drawn().tikz()
    assert set(re.findall(r"=(tg\w+)|, (tg\w+)", text)) <= {
        pair for name in re.findall(r"\\definecolor\{(\w+)\}", text) for pair in ((name, ""), ("", name))
    }


def test_signs_of_latex_in_names_are_escaped(tmp_path):
    x = tg.Tensor(1.0, name="50%_{a}$^&#~\\")
    drawing = tg.draw(np.tanh(x))
    text = drawing.tikz()
    assert r"50\%\_\{a\}\$\^{}\&\#\~{}\textbackslash{}" in text
    assert drawing.save(tmp_path / "x.tex").read_text("utf-8") == text
