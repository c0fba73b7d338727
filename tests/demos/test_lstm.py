"""The writer: its perplexity beside counting, and a stateful network that goes on where it stopped."""

import numpy as np
import pytest

import tinygraph as tg
from demos import lstm as demo
from demos.texts import english

TEXT = "to be or not to be, that is the question " * 30


def test_default_run_beats_counting_pairs(default_run):
    figures = default_run("lstm")[0].figures
    perplexity = figures["perplexity"]
    assert perplexity["LSTM"] < perplexity["after the last one"] < perplexity["single characters, counted"]
    assert perplexity["single characters, counted"] < perplexity["uniform"]
    assert figures["curve"]["test"][-1] == perplexity["LSTM"] < figures["curve"]["test"][0]
    assert {len(sample) for sample in figures["written"].values()} == {300}


def test_a_text_of_one_sentence_is_learnt_by_heart():
    text = demo.numbered(TEXT)
    model = demo.network(len(text.characters), 32)
    curve = demo.train(model, text, demo.Plan(units=32, stretch=20, batch=4, epochs=15))
    assert curve["test"][-1] < 1.2
    line = text.kept[:41]
    assert demo.surprise(model, line)[-20:].max() < 1
    assert "to be or not to be, that" in demo.write(model, text, 120, 0.2)
    assert demo.write(model, text, 20, 1.0, seed=1) == demo.write(model, text, 20, 1.0, seed=1)


def test_perplexity_is_two_to_the_mean_surprise():
    text = demo.numbered(TEXT)
    model = demo.network(len(text.characters), 8)
    line = text.kept[:31]
    logits = model(line[None, :-1])
    loss = tg.cross_entropy(logits[0], line[1:], from_logits=True).item()
    assert 2 ** demo.surprise(model, line).mean() == pytest.approx(np.exp(loss), rel=1e-5)


def test_a_stateful_network_goes_on_where_it_stopped():
    text = demo.numbered(TEXT)
    model, writer = (demo.network(len(text.characters), 8, stateful) for stateful in (False, True))
    line = text.kept[None, :6]
    whole = model.predict(line)
    writer(line[:, :1])
    writer.load_state_dict(model.state_dict())
    writer.layers[1].reset_states()
    steps = [writer.predict_on_batch(line[:, [place]])[0, 0] for place in range(6)]
    np.testing.assert_allclose(steps, whole[0], rtol=1e-4, atol=1e-6)


def test_targets_are_one_character_later():
    x, y = demo.stretches(np.arange(23), 5)
    assert x.shape == y.shape == (4, 5)
    np.testing.assert_array_equal(y, x + 1)


def test_counting():
    counted = demo.counted(demo.Text("ab", np.array([0, 1] * 9), np.array([0, 1, 0])))
    assert list(counted.values()) == pytest.approx([2, 11 / 90**0.5, 11 / 9])


def test_shakespeare(published):
    published("tinyshakespeare.txt")
    text = demo.numbered(english().characters)
    assert len(text.characters) == 65 and len(text.learnt) + len(text.kept) == 1_115_394
    assert text.characters[0] == "\n", "a text begins after the end of a line"
