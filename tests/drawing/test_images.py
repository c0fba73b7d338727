"""Values that are images are shown as they are: each law reads the pixels out of the picture."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.drawing.images.images import feature_maps, images_in
from tinygraph.drawing.images.thumbnails import WRONG, _grid, _palette, _places
from tinygraph.graph import Graph

from .graphs import one_value

SVG = "{http://www.w3.org/2000/svg}"
PLACEHOLDER = "#e2e8f1"


def decoded(png: bytes) -> np.ndarray[Any, Any]:
    """The pixels of one of our files: red, green, blue, alpha."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        chunks[kind] = png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(png[at + 4 : at + 8 + size])
        at += 12 + size
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    cells = lines[:, 1:].reshape(height, width, -1)
    if kind == 6:
        return cells
    colours = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    alphas = np.frombuffer(chunks[b"tRNS"], np.uint8)
    return np.concatenate([colours[cells[..., 0]], alphas[cells[..., 0]][..., None]], axis=-1)


def images_of(svg: str) -> dict[str, ElementTree.Element]:
    """The images in a picture, by the id of their box."""
    groups = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if "data-box" in group.attrib]
    return {str(group.get("data-box")): image for group in groups if (image := group.find(f"{SVG}image")) is not None}


def pixels_of(image: ElementTree.Element) -> np.ndarray[Any, Any]:
    address = image.get("href", "")
    assert address.startswith("data:image/png;base64,") and "pixelated" in image.get("style", "")
    return decoded(base64.b64decode(address.partition(",")[2]))


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 20),
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.integers(0, 9),
)
def test_a_brighter_pixel_is_a_larger_number(
    batch: int, height: int, width: int, channels: int, unsigned: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    value: Any = rng.normal(size=(batch, height, width, channels))
    if unsigned:
        value = rng.integers(0, 256, value.shape).astype(np.uint8)
    drawing = tg.draw(one_value(value, requires_grad=False), images=True)
    thumbnail = drawing._scene.thumbnails["v0"]
    cells = decoded(thumbnail.png)
    assert cells.shape[:2] == (thumbnail.height, thumbnail.width) and max(cells.shape) <= 4 * 48 + 3 * 5
    if max(height, width) <= 32:
        side = {True: 96, False: 48 if batch <= 4 else 32}[batch == 1]
        times = side // max(height, width)
        shown = cells[: height * times : times, : width * times : times, :3].astype(float)
        expected = (value[0] - value.min()) / max(float(np.ptp(value)), 1e-300) * 255
        assert np.abs(shown - expected).max() <= 1.6  # 253 levels
        assert (cells[: height * times, : width * times, 3] == 255).all()


def test_weights_are_green_above_zero_and_purple_below() -> None:
    kernels = np.zeros((2, 2, 1, 3))
    kernels[0, 0, 0], kernels[1, 1, 0] = 2.0, -1.0
    drawing = tg.draw(one_value(kernels, name="kernels"), images=True)
    cells = decoded(drawing._scene.thumbnails["v0"].png).astype(int)
    green, white, purple = cells[0, 0], cells[0, 47], cells[47, 47]
    assert green[1] > green[0] and green[1] > green[2] and np.ptp(white[:3]) == 0
    assert purple[1] < purple[0] and purple[1] < purple[2]
    assert np.ptp(purple[:3]) < np.ptp(green[:3])  # −1 is half as far from 0 as 2
    assert drawing._scene.thumbnails["v0"].words == "3 kernels of 2×2 · −2 … 0 … 2"


def test_what_is_not_finite_is_red_and_no_number() -> None:
    grid = _grid(np.array([[[0.0, np.nan], [1.0, np.inf]]]), 2)
    places = _places(grid)
    assert (places[:, 1] == WRONG).all() and (places[:, 0] != WRONG).all()
    assert tuple(_palette(False)[WRONG]) == (176, 0, 32, 255)


def test_the_picture_stands_inside_its_card() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(np.random.default_rng(0).random((5, 12, 12, 3)), name="x", requires_grad=False)
    kernel = tg.Tensor(np.random.default_rng(1).normal(size=(3, 3, 3, 6)), name="kernel")
    loss = np.mean(tg.relu(tg.conv2d(x, kernel)))
    svg = tg.draw(loss, images=True).svg()
    found = images_of(svg)
    assert PLACEHOLDER not in svg and len(found) == 3
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        image = group.find(f"{SVG}image")
        if image is None:
            continue
        assert pixels_of(image).shape[1::-1] == (float(image.get("width", 0)), float(image.get("height", 0)))
        numbers = [
            float(n) for n in re.findall(r"-?[\d.]+", "".join(p.get("d", "") for p in group.findall(f"{SVG}path")))
        ]
        left, right, top, bottom = min(numbers[::2]), max(numbers[::2]), min(numbers[1::2]), max(numbers[1::2])
        x0, y0 = float(image.get("x", 0)), float(image.get("y", 0))
        assert left <= x0 and x0 + float(image.get("width", 0)) <= right
        assert top <= y0 and y0 + float(image.get("height", 0)) <= bottom
    assert "<image" not in tg.draw(loss).svg()
    assert PLACEHOLDER not in tg.draw(loss, images=True).html()


def test_columns_of_a_weight_and_rows_of_a_batch_are_images_where_their_shape_is_given() -> None:
    rng = np.random.default_rng(0)
    x, w = tg.Tensor(rng.random((20, 12)), name="x", requires_grad=False), tg.Tensor(rng.normal(size=(12, 2)), name="w")
    loss = np.mean(x @ w)
    both = tg.draw(loss, image_shape=(3, 4))._scene.thumbnails
    assert {box: each.words.partition(" ·")[0] for box, each in both.items()} == {
        "v0": "the first 16 of 20 images",
        "v1": "2 columns",
    }
    one = tg.draw(loss, image_shape={"w": (3, 4, 1)})._scene.thumbnails
    assert list(one) == ["v1"]
    cells = decoded(one["v1"].png).astype(int)
    signs = np.sign(cells[:36:12, :48:12, 1] - cells[:36:12, :48:12, 0])
    np.testing.assert_array_equal(signs, np.sign(w.data[:, 0].reshape(3, 4)))


@pytest.mark.parametrize(
    ("given_shape", "message"),
    [
        ((5, 5), "25 numbers, and no value"), ({"w": (5, 5)}, "w has shape"), ({"v": (3, 4)}, "names 'v'"),
        ((3,), "is no image"), ((3, 4, 2), "is no image"), ({"w": (3.0, 4)}, "is no image"),
    ],
)  # fmt: skip
def test_a_shape_that_fits_nothing_is_refused(given_shape: Any, message: str) -> None:
    w = tg.Tensor(np.ones((12, 2)), name="w")
    with pytest.raises(ValueError, match=message):
        tg.draw(np.sum(w), image_shape=given_shape)


def test_maps_that_the_record_has_freed_are_computed_again_or_left_out() -> None:
    rng = np.random.default_rng(0)
    batch, kernel = rng.normal(size=(16, 14, 14, 1)), tg.Tensor(rng.normal(size=(3, 3, 1, 4)), name="kernel")

    def drawn(retain: bool) -> Any:
        loss = np.mean(tg.relu(tg.conv2d(batch, kernel)))
        loss.backward(retain_graph=retain)
        return loss

    kept, freed = (tg.draw(drawn(retain), images=True)._scene for retain in (True, False))
    (box,) = [box.id for box in kept.boxes if box.node.op == "relu" and box.kind == "variable"]
    assert kept.thumbnails[box].png == freed.thumbnails[box].png
    assert freed.thumbnails[box].words.endswith("computed again") and "again" not in kept.thumbnails[box].words
    loss = drawn(False)
    kernel.assign(kernel.data * 2)
    assert box not in tg.draw(loss, images=True)._scene.thumbnails


def test_only_images_are_images() -> None:
    rng = np.random.default_rng(0)
    attention = rng.normal(size=(2, 4, 8, 8))
    assert images_in(attention, None, False, False) is None
    assert images_in(rng.normal(size=(32, 20, 16)), None, False, False) is None
    assert images_in(rng.normal(size=(200, 10)), None, True, False) is None
    assert images_in(rng.normal(size=(1, 1, 3, 8)), None, True, False) is None
    alone = images_in(rng.normal(size=(40, 60, 3)), None, False, False)
    assert alone is not None and alone.pixels.shape == (1, 40, 60, 3)
    x, kernel = tg.Tensor(rng.normal(size=(2, 6, 6, 5))), tg.Tensor(rng.normal(size=(3, 3, 5, 7)))
    graph = Graph.of(np.exp(tg.conv2d(x, kernel)) * rng.normal(size=(2, 4, 4, 7)))
    assert [node.op for node in graph.nodes if node.index in feature_maps(graph)] == [
        "input",
        "conv2d",
        "exp",
        "multiply",
    ]


def test_many_images_stay_small() -> None:
    pytest.importorskip("pygraphviz")
    rng = np.random.default_rng(0)
    pictures = [tg.Tensor(rng.random((16, 32, 32, 3)), name=f"x{n}", requires_grad=False) for n in range(12)]
    w = tg.Tensor(2.0, name="w")
    svg = tg.draw(sum(np.mean(picture * w) for picture in pictures), view="full", images=True).svg()
    assert len(images_of(svg)) >= 12 and len(svg) < 200_000


def test_png_and_pdf_have_the_images_too() -> None:
    pytest.importorskip("pygraphviz")
    from tinygraph.drawing.layout import engine

    if not engine.has_fonts():
        pytest.skip("this machine has no fonts")
    noise = np.random.default_rng(0).random((16, 24, 24, 1))
    graph = one_value(noise, name="x", requires_grad=False)
    plain, pictured = (tg.draw(graph, images=images) for images in (False, True))
    assert len(pictured.png()) > len(plain.png()) + 3000
    assert len(pictured.pdf()) > len(plain.pdf()) + 3000


def test_a_page_with_images_does_not_compute_other_values_beside_them() -> None:
    pytest.importorskip("pygraphviz")
    x = tg.Tensor(np.random.default_rng(0).random((16, 16)), name="x")
    loss = np.mean(x * x)
    loss.backward()
    plain, pictured = tg.draw(loss, view="full").html(), tg.draw(loss, view="full", images=True).html()
    assert 'id="live-data"' in plain and 'id="live-data"' not in pictured
    assert "data:image/png" in pictured
    for told in ({"view": "heat"}, {"view": "health"}):
        assert 'id="live-data"' not in tg.draw(loss, **told).html()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="of this run"):
        tg.draw(loss, images=True).html(live=lambda: None)


def test_a_shape_in_place_of_images_is_told() -> None:
    with pytest.raises(TypeError, match=r"A shape is image_shape=\(28, 28\)"):
        tg.draw(tg.Tensor(np.ones((2, 784))) * 2, images=(28, 28))  # type: ignore[arg-type]


def test_images_with_a_gradient_are_images_and_not_kernels() -> None:
    rng = np.random.default_rng(0)
    pictures, bank = tg.Tensor(rng.normal(size=(2, 8, 8, 1))), tg.Tensor(rng.normal(size=(3, 3, 1, 1)))
    drawing = tg.draw(np.sum(tg.conv2d(pictures, bank)), images=True)
    words = [thumbnail.words for thumbnail in drawing._scene.thumbnails.values()]
    assert "2 images" in words and any(each.startswith("1 kernel of 3×3") for each in words)
