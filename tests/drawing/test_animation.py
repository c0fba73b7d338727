"""Animations: every value and every gradient appears once, in the order of the passes; films change numbers alone."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.drawing.formats.svg import SVG
from tinygraph.drawing.palette import COLOURS


def pythagoras():
    a, b = tg.Tensor(3.0), tg.Tensor(4.0)
    c = np.sqrt(a**2 + b**2)
    c.backward()
    return c


def losses(steps, rate=0.03):
    w, found = tg.Tensor(0.0), []
    for _ in range(steps):
        loss = (w * 2.0 - 3.0) ** 2
        w.grad = None
        loss.backward()
        found.append(tg.draw(loss, title=""))
        w.assign(w.data - rate * w.grad)
    return found


def texts(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{{{SVG}}}text")]


def test_the_captions_are_the_steps_of_both_passes():
    captions = tg.animate(pythagoras()).captions
    assert len(captions) == 12
    assert captions[4] == "a² + b² = 9 + 16 = 25"
    assert captions[-1] == "∂c/∂a = ∂c/∂a² × 2a = 0.1 × 6 = 0.6"


def test_it_is_small_and_without_script_and_stands_still_where_that_is_wanted():
    svg = tg.animate(pythagoras()).svg()
    assert len(svg.encode()) < 50_000 and "<script" not in svg and ' id="' not in svg
    moving = svg.index("@media (prefers-reduced-motion:no-preference)")
    assert "animation:" in svg[moving:] and "animation:" not in svg[:moving]


def test_a_viewer_that_knows_no_movement_shows_the_last_step():
    for animation in (tg.animate(pythagoras()), tg.animate(losses(5))):
        root = ElementTree.fromstring(animation.svg())
        for parent in list(root.iter()):
            for part in list(parent):
                if part.get("opacity") == "0":
                    parent.remove(part)
        assert texts(ElementTree.tostring(root)) == texts(animation.frames()[-1])


def test_every_class_that_moves_has_its_keyframes_and_a_part():
    for svg in (tg.animate(pythagoras()).svg(), tg.animate(losses(5)).svg()):
        moving = re.findall(r"\.(\w+)\{animation:([\w-]+) ", svg)
        assert moving and {frames for _, frames in moving} == set(re.findall(r"@keyframes ([\w-]+)\{", svg))
        used = {name for names in re.findall(r'class="([^"]*)"', svg) for name in names.split()}
        assert {name for name, _ in moving} <= used


@pytest.mark.parametrize("view", ["chain", "values", "full", "collapsed", "mirror"])
def test_every_rule_is_for_the_class_of_the_picture(view):
    drawn = [tg.draw(pythagoras(), view=view) for _ in range(2)]
    for animation in (tg.animate(pythagoras(), view=view), tg.animate(drawn)):
        svg = animation.svg()
        assert set(re.findall(r"tinygraph-\w+", svg)) == {ElementTree.fromstring(svg).get("class")}


def test_frames_show_what_was_computed_so_far():
    frames = tg.animate(pythagoras()).frames()
    assert len(frames) == 12
    assert "∂c/∂c = 1" not in texts(frames[5]) and "∂c/∂c = 1" in texts(frames[6])
    assert "∂c/∂a = 0.6" in texts(frames[-1]) and 'opacity="0.08"' not in frames[-1]
    faint = [len(re.findall(r'opacity="0.08"', frame)) for frame in frames]
    assert faint == sorted(faint, reverse=True) and faint[0] > 5


def test_a_film_has_the_numbers_of_every_step():
    drawings = losses(8)
    film = tg.animate(drawings)
    assert [caption.split(":")[0] for caption in film.captions] == [f"step {number}" for number in range(1, 9)]
    for drawing, frame in zip(drawings, film.frames(), strict=True):
        boxes = {text for text in texts(drawing.svg()) if "=" in text}
        shown = set(texts(frame))
        assert boxes <= shown
        others = {text for other in drawings if other is not drawing for text in texts(other.svg()) if "=" in text}
        assert not (others - boxes) & shown


def test_each_text_of_a_film_has_its_font_and_its_spaces_without_a_style_sheet():
    space = "{http://www.w3.org/XML/1998/namespace}space"
    film = tg.animate(losses(3))
    for svg in (film.svg(), *film.frames()):
        root = ElementTree.fromstring(svg)
        assert "Helvetica" in root.get("font-family") and root.get(space) == "preserve"


def test_a_film_of_arrays_changes_their_bars():
    w = tg.Tensor(np.linspace(-1, 1, 40).reshape(8, 5), name="w")
    drawings = []
    for step in range(3):
        loss = np.sum(w**2)
        w.grad = None
        loss.backward()
        drawings.append(tg.draw(loss, title=""))
        w.assign(np.tanh(w.data * 3) + step)
    frames = tg.animate(drawings).frames()
    assert len(set(frames)) == 3
    for drawing, frame in zip(drawings, frames, strict=True):
        assert {text for text in texts(drawing.svg()) if "…" in text} <= set(texts(frame))


def test_a_film_of_fifty_steps_stays_small_and_a_long_one_leaves_steps_out():
    assert len(tg.animate(losses(50)).captions) == 50
    long = tg.animate(losses(120, 0.001))
    assert len(long.svg().encode()) <= 200_000 and len(long.captions) < 120
    assert long.captions[0].startswith("step 1:") and long.captions[-1].startswith("step 120:")


def test_graphs_of_other_shapes_are_no_film():
    x = tg.Tensor(1.0)
    with pytest.raises(ValueError, match="animate: graph 1 has other calls than the first"):
        tg.animate([x * 2, np.exp(x * 2)])
    with pytest.raises(ValueError, match="animate: the list is empty"):
        tg.animate([])


def test_files(tmp_path):
    animation = tg.animate(pythagoras())
    assert animation.save(tmp_path / "c.svg").read_text("utf-8") == animation.svg()
    frames = animation.save(tmp_path / "c.svg", frames=True)
    assert [path.name for path in frames] == [f"c_{number:02}.svg" for number in range(1, 13)]
    with pytest.raises(ValueError, match=r"cannot save 'c.gif': an animation is an .svg"):
        animation.save(tmp_path / "c.gif")
    assert "<Animation of 12 steps, 14.4 seconds>" in repr(animation)
    assert set(animation._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/plain"}


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_step_takes_time(seconds):
    for given in (pythagoras(), losses(2)):
        with pytest.raises(ValueError, match="more than 0 seconds"):
            tg.animate(given, seconds=seconds)


def words_of_frames(film: Any) -> list[list[str]]:
    """The texts of each frame."""
    return [
        [str(part.text).replace("\u00a0", " ").strip() for part in ElementTree.fromstring(frame).iter(f"{{{SVG}}}text")]
        for frame in film.frames()
    ]


def test_a_film_says_of_a_step_only_what_is_true_of_it():
    def step(factor: int, part: str) -> Any:
        x = tg.Tensor(2.0, name="x")
        with tg.scope(part):
            y = np.tanh(x) * 2
            z = y**2
        loss = z * factor
        loss.backward()
        return loss

    first, second = words_of_frames(tg.animate([step(2, "early"), step(3, "late")], view="full"))
    assert "early" in first and "late" not in first and "late" in second and "early" not in second
    assert "z × 2" in first and "z × 3" in second

    def line(slope: int) -> Any:
        x = tg.Tensor(2.0, name="x")
        cost = x * slope + 1
        cost.backward()
        return cost

    first, second = words_of_frames(tg.animate([line(2), line(3)]))
    assert not any("after cost.backward()" in text for text in first + second), "no formula is that of both"
    alike = words_of_frames(tg.animate([line(2), line(2)]))
    assert all(any(text.startswith("cost = x × 2 + 1") for text in each) for each in alike)


def test_names_in_an_animation_are_those_of_the_users_variables():
    x = tg.Tensor(3.0)
    params = {"b": tg.Tensor(2.0)}
    total = x * params["b"]
    total.backward()
    for moving in (tg.animate(total), tg.animate([total, total])):
        words = words_of_frames(moving)[-1]
        assert "∂total/∂x = 2" in words and '∂total/∂params["b"] = 3' in words
        assert not any("given" in text or "item" in text for text in words)


def test_a_film_that_diverges_is_red_only_where_it_has_diverged():
    def step(value: float) -> Any:
        w = tg.Tensor(value, name="w")
        with np.errstate(all="ignore"):
            e = np.exp(w * w) * w
            e.backward()
            return tg.draw(e)

    def red(svg: str) -> int:
        root = ElementTree.fromstring(svg)
        groups = [group for key in ("data-box", "data-link") for group in root.iter(f"{{{SVG}}}g") if group.get(key)]
        parts = [part for group in groups for part in group.iter()]
        return sum({part.get("stroke"), part.get("fill")} & spoilt != set() for part in parts)

    spoilt = {COLOURS["non-finite"], COLOURS["spoilt operation"]}
    drawings = [step(value) for value in (1.0, 2.0, 1e3, 1e200)]
    frames = tg.animate(drawings).frames()
    alone = [red(drawing.svg()) for drawing in drawings]
    assert [red(frame) > 0 for frame in frames] == [count > 0 for count in alone] == [False, False, True, True]


def test_drawings_that_are_no_list_are_told_to_be_one() -> None:
    a = tg.Tensor(2.0)
    drawings = [tg.draw(a * a), tg.draw(a * a)]
    with pytest.raises(TypeError, match=r"Write tg\.animate\(\[first, second"):
        tg.animate(*drawings)
