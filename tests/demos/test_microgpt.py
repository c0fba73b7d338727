"""The GPT of one page: one number at a time, the compiled steps, and the words that it makes up."""

import math
from itertools import pairwise

import numpy as np
import pytest

from demos import microgpt as demo
from demos.texts import english


def test_default_run_learns_from_words(default_run):
    figures = default_run("microgpt")[0].figures
    assert figures["parameters"] == 4192
    assert len(figures["losses"]) == 1000
    assert figures["last"] < 2.5 < figures["first"] < 3.3
    assert len(figures["words"]) == 24
    assert all(len(word) <= demo.BLOCK and word.isalpha() for word in figures["words"] if word)


def by_hand(word, parameters):
    """Return the mean log loss of a word, computed with one number at a time."""
    p = {name: parameter.data.tolist() for name, parameter in parameters.items()}

    def linear(x, w):
        return [sum(a * row[j] for a, row in zip(x, w, strict=True)) for j in range(len(w[0]))]

    def rms(x):
        root = math.sqrt(sum(a * a for a in x) / len(x) + 1e-5)
        return [a / root for a in x]

    def softmax(x):
        powers = [math.exp(a - max(x)) for a in x]
        return [a / sum(powers) for a in powers]

    tokens = [demo.ENDS, *map(demo.LETTERS.index, word), demo.ENDS]
    size = demo.WIDTH // demo.HEADS
    keys, values, losses = [], [], []
    for place, (token, target) in enumerate(pairwise(tokens)):
        x = rms([a + b for a, b in zip(p["letters"][token], p["places"][place], strict=True)])
        read = rms(x)
        query = linear(read, p["query"])
        keys.append(linear(read, p["key"]))
        values.append(linear(read, p["value"]))
        found = []
        for head in range(demo.HEADS):
            mine = range(head * size, (head + 1) * size)
            shares = softmax([sum(query[i] * key[i] for i in mine) / math.sqrt(size) for key in keys])
            found += [sum(share * value[i] for share, value in zip(shares, values, strict=True)) for i in mine]
        x = [a + b for a, b in zip(x, linear(found, p["output"]), strict=True)]
        hidden = [max(a, 0) for a in linear(rms(x), p["up"])]
        x = [a + b for a, b in zip(x, linear(hidden, p["down"]), strict=True)]
        losses.append(-math.log(softmax(linear(x, p["head"]))[target]))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("word", ["abc", "fifteenletterss", "king"])
def test_the_arrays_compute_what_single_numbers_do(word):
    parameters = demo.initial(np.random.default_rng(0))
    for parameter in parameters.values():
        parameter.assign(parameter.data * 10)  # so that scores differ
    inputs, targets, weights = (part[0] for part in demo.as_tokens([word]))
    loss = demo.mean_log_loss(demo.gpt(inputs, parameters), targets, weights)
    assert loss.item() == pytest.approx(by_hand(word, parameters), rel=1e-4)


def test_compiled_steps_are_the_eager_ones():
    words = demo.as_tokens(demo.words_of(english().characters)[:20])
    runs = []
    for compiled in (False, True):
        parameters = demo.initial(np.random.default_rng(0))
        runs.append((demo.train(words, parameters, 12, compiled), parameters["query"].data))
    np.testing.assert_allclose(runs[1][0], runs[0][0], rtol=1e-4)
    np.testing.assert_allclose(runs[1][1], runs[0][1], rtol=1e-2, atol=1e-4)


def test_shakespeare(published, tmp_path):
    published("tinyshakespeare.txt")
    figures = demo.main(tmp_path).figures
    assert figures["last"] < 2.5
    assert figures["seconds"] < 6  # of the process; 0.7 on an idle machine
