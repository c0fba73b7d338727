"""Every picture that a demo promises is there and can be opened, and the page of the tour has all of them."""

import base64
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from PIL import Image

from demos import __main__ as command_line
from demos.page import GALLERY, Chapter, page

PICTURES = {
    "pythagoras": ["pythagoras_values.svg", "pythagoras_chain.svg"],
    "logistic_regression": [
        "logistic_regression_graph.svg",
        "logistic_regression_cost.png",
        "logistic_regression_samples.png",
    ],
    "deep_network": [
        "deep_network_small_start.svg",
        "deep_network_scaled_start.svg",
        "deep_network_cost.png",
        "deep_network_samples.png",
    ],
    "admissions": ["admissions_graph.svg", "admissions_error.png"],
    "digits_mlp": ["digits_mlp_graph.svg", "digits_mlp_errors.png", "digits_mlp_mistakes.png"],
    "iris": ["iris_network.svg", "iris_loss.png", "iris_flowers.png"],
    "mnist_mlp": ["mnist_mlp_network.svg", "mnist_mlp_errors.png", "mnist_mlp_mistakes.png"],
    "mnist_cnn": [
        "mnist_cnn_network.svg",
        "mnist_cnn_errors.png",
        "mnist_cnn_filters.png",
        "mnist_cnn_mistakes.png",
    ],
    "sklearn_compare": [
        "sklearn_compare_accuracy.png",
        "sklearn_compare_milliseconds.png",
        "sklearn_compare_graph.svg",
    ],
    "autoencoder": [
        "autoencoder_graph.svg",
        "autoencoder_loss.png",
        "autoencoder_copies.png",
        "autoencoder_plane.png",
        "autoencoder_between.png",
    ],
    "transfer": ["transfer_graph.svg", "transfer_features.png", "transfer_accuracy.png"],
    "microgpt": ["microgpt_graph.svg", "microgpt_loss.png", "microgpt_attention.png"],
    "transformer": ["transformer_graph.svg", "transformer_loss.png", "transformer_attention.png"],
    "rnn": ["rnn_unrolled.svg", "rnn_rolled.svg", "rnn_written.png", "rnn_rows.png"],
    "lstm": ["lstm_unrolled.svg", "lstm_rolled.svg", "lstm_perplexity.png", "lstm_surprise.png"],
    "gan": ["gan_samples.png", "gan_losses.png", "gan_generator_step.svg"],
    "rbm": ["rbm_graph.svg", "rbm_filters.png", "rbm_reconstructions.png", "rbm_dreams.png", "rbm_small.png"],
}


@pytest.mark.parametrize("name", PICTURES)
def test_promised_pictures_are_there_and_are_what_their_suffix_says(default_run, name):
    results, out = default_run(name)
    assert list(results.pictures) == PICTURES[name]
    assert all(results.pictures.values()), "each has a caption"
    for file in PICTURES[name]:
        if file.endswith(".svg"):
            assert ElementTree.parse(out / file).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        else:
            with Image.open(out / file) as image:
                assert image.format == "PNG"
                image.load()
                assert min(image.size) > 100
                assert image.convert("L").getextrema() != (255, 255), "not an empty sheet"


def test_logistic_regression_graph_shows_the_names_of_the_formula(default_run):
    _, out = default_run("logistic_regression")
    words = set(texts(out / "logistic_regression_graph.svg"))
    assert {"w", "b", "x", "y", "z", "y_head", "cost", "σ", "ln", "mean", "model", "mean log loss"} <= words


def test_deep_network_graph_shows_a_card_for_each_layer_with_norms(default_run):
    _, out = default_run("deep_network")
    for start in ("small", "scaled"):
        words = texts(out / f"deep_network_{start}_start.svg")
        assert {f"layer {number}" for number in (1, 2, 3, 4)} <= set(words)
        assert {f"W{number}" for number in (1, 2, 3, 4)} <= set(words)
        assert sum("‖∇‖" in word for word in words) >= 8


@pytest.mark.parametrize(("name", "steps"), [("rnn", 8), ("lstm", 4)])
def test_recurrent_networks_are_drawn_step_by_step_and_as_a_loop(default_run, name, steps):
    _, out = default_run(name)
    unrolled, rolled = (texts(out / f"{name}_{kind}.svg") for kind in ("unrolled", "rolled"))
    each = {"rnn": 1, "lstm": 2}[name]  # an LSTM squashes what it adds, and what it shows
    assert unrolled.count("tanh") == each * steps and rolled.count("tanh") == each
    assert f"loop × {steps}" in rolled and not any(word.startswith("loop") for word in unrolled)


def texts(path):
    return [
        "".join(element.itertext()).strip()
        for element in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
    ]


# --- the page ---------------------------------------------------------------------------------------------------------


class References(HTMLParser):
    """Whatever a page would load or run, and the places in it."""

    def __init__(self):
        super().__init__()
        self.loaded, self.links, self.places, self.tags = [], [], set(), []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        self.places.add(attributes.get("id"))
        for key in ("src", "srcset", "data", "poster", "action"):
            if key in attributes:
                self.loaded.append(attributes[key])
        for key in ("href", "xlink:href"):
            if key in attributes:
                (self.links if tag == "a" else self.loaded).append(attributes[key])


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The whole tour as a user takes it, in a process of its own: half a minute, with room for a busy machine."""
    out = tmp_path_factory.mktemp("tour")
    environment = {key: value for key, value in os.environ.items() if key != "TINYGRAPH_DATA"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-m", "demos", "--out", str(out / "deep" / "er")],
        capture_output=True, text=True, timeout=600, cwd=out, env=environment, encoding="utf-8",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    assert not finished.stderr
    return finished.stdout, out / "deep" / "er"


def test_tour_says_where_its_page_is(tour):
    printed, out = tour
    assert printed.rstrip().endswith(str((out / "index.html").resolve()))
    for name in command_line.NAMES:
        assert f"({name}: " in printed


def test_page_has_every_picture(tour):
    _, out = tour
    html = (out / "index.html").read_text("utf-8")
    for file in (file for files in PICTURES.values() for file in files):
        if file.endswith(".svg"):
            svg = (out / file).read_text("utf-8")
            assert svg[svg.index("<svg") :] in html
        else:
            assert base64.b64encode((out / file).read_bytes()).decode() in html


def test_page_needs_nothing_from_outside(tour):
    _, out = tour
    html = (out / "index.html").read_text("utf-8")
    found = References()
    found.feed(html)
    assert all(reference.startswith("data:") for reference in found.loaded)
    inside = [link for link in found.links if link.startswith("#")]
    assert inside and all(link[1:] in found.places for link in inside)
    files = [out / unquote(link) for link in found.links if link not in inside]
    assert {file.resolve() for file in files} == set((GALLERY / "pages").glob("*.html"))
    assert not {"script", "iframe", "link", "object", "embed"} & set(found.tags)
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", html)


def test_page_escapes_what_it_is_given(tmp_path):
    chapter = Chapter("odd", "A <b> & c.\n\nx < y, $money and `a < b`.", "1 < 2 & 3", "if a < b: pass", {})
    html = page([chapter], tmp_path, "A & B")
    assert "<h1>A &amp; B</h1>" in html
    assert "<h2>A &lt;b&gt; &amp; c</h2>" in html
    assert "<p>x &lt; y, $money and <code>a &lt; b</code>.</p>" in html
    assert "<pre>1 &lt; 2 &amp; 3</pre>" in html
