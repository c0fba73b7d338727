"""The transformer: no place sees those after it, compiled is eager, and it learns."""

import numpy as np
import pytest

import tinygraph as tg
from demos import transformer as demo

TINY = demo.Sizes(layers=1, heads=2, width=8, block=6, batch=3, steps=20, rate=1e-2)


def made(sizes=TINY, characters=11):
    model = demo.GPT(characters, sizes, np.random.default_rng(0))
    model(np.zeros((1, sizes.block), int))
    return model


def test_default_run_learns(default_run):
    figures = default_run("transformer")[0].figures
    assert len(figures["training"]) == len(figures["validation"]) == demo.EPOCHS
    assert figures["loss"] < 2.8 < figures["validation"][0]  # ln 94 = 4.5 without any knowledge, 3.2 with the shares
    assert len(figures["written"]) == 120


def test_the_whole_network_has_the_parameters_of_the_recipe():
    blocks = 4 * (4 * 128 * 128 + 8 * 128 * 128 + 2 * 128)
    assert made(demo.Sizes(), 65).count_params() == (65 + 64 + 1) * 128 + blocks


def test_no_place_sees_those_after_it():
    model, tokens = made(), np.arange(6)[None]
    other = tokens.copy()
    other[0, 4:] = 10
    one, two = (model(line).numpy() for line in (tokens, other))
    np.testing.assert_array_equal(one[0, :4], two[0, :4])
    assert np.all(np.abs(one[0, 4:] - two[0, 4:]).max(axis=-1) > 0)


def test_compiled_steps_are_the_eager_ones():
    tokens = np.random.default_rng(1).integers(0, 11, 300)
    runs = []
    for eager in (False, True):
        model = made()
        compiled = model.compile
        model.compile = lambda *args, eager=eager, compiled=compiled, **more: compiled(*args, run_eagerly=eager, **more)
        history = demo.fitted(model, tokens[:200], tokens[200:], TINY, np.random.default_rng(0))
        runs.append(history.history)
    np.testing.assert_allclose(runs[0]["loss"], runs[1]["loss"], rtol=1e-4)
    np.testing.assert_allclose(runs[0]["val_loss"], runs[1]["val_loss"], rtol=1e-4)


def test_gradients_reach_all_weights():
    model = made()
    line = np.arange(7)
    tg.cross_entropy(model(line[None, :-1]), line[None, 1:], from_logits=True).backward()
    assert all(np.any(weight.grad) for weight in model.parameters())


def test_lines_are_the_text_and_what_follows():
    x, y = demo.lines(np.arange(14), 4)
    np.testing.assert_array_equal(x, np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(y, x + 1)
    batch = next(demo.random_lines(np.arange(50), TINY, np.random.default_rng(0)))
    np.testing.assert_array_equal(batch[0] + 1, batch[1])
    assert batch[0].shape == (3, 6)


def test_shakespeare(published, tmp_path):
    published("tinyshakespeare.txt")
    figures = demo.main(tmp_path, demo.SMALL).figures
    assert figures["loss"] < 2.6
    assert pytest.approx(np.log(65), abs=1) == figures["training"][0]
