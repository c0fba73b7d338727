"""A GPT in a page: the smallest transformer that makes up words.

Andrej Karpathy's microgpt is a GPT of 200 lines of Python that computes with one number at a time. This is the same
network as an array program, with the same sizes: 16 numbers for each letter, 4 heads, one layer, 4,192 parameters. A
document is a word, between two signs for its beginning and its end. The network reads it from the left, and guesses
each letter from those before it:

    x      = rms(letter + place)                         a row of 16 numbers for each letter
    scores = softmax(q · k / 2), from the letters up to this one alone
    x      = x + (scores · v) · output                   each of 4 heads has its own q, k and v, of 4 numbers
    x      = x + relu(rms(x) · up) · down                64 hidden units
    logits = x · head                                    27 of them: 26 letters and the end

`rms(x)` divides a row by the root of its mean square. There are no biases. One step learns from one word, with Adam,
and the learning rate falls in a straight line to nothing.

The letters of a word are rows of a matrix, so that no letter is computed after another. A word shorter than 16 letters
is filled up, and what is filled up counts as 0 in the loss: all steps have the same shapes, and one program.

Then the network writes by itself: it draws a letter, reads it, and draws the next one.

With tinyshakespeare.txt in the data folder the words are Shakespeare's; otherwise those of Python's language reference.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from demos.texts import english

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENDS = len(LETTERS)  # the token before a word and after it
WIDTH, HEADS, BLOCK = 16, 4, 16
TEMPERATURE = 0.5
AVERAGED = 50  # steps

Parameters = dict[str, tg.Tensor]


class Words(NamedTuple):
    """Words as tokens, filled up to one length.

    Attributes:
        inputs, targets: the tokens and those that follow them, of shape (words, BLOCK).
        weights: 1 ÷ the number of targets for each that counts, else 0, float32 of the same shape.
    """

    inputs: NDArray[np.int64]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32]


def main(out: Path, steps: int = 1000) -> Results:
    """Train on a word a step, print the loss, the time and words that the network makes up, and draw."""
    text = english()
    rng = np.random.default_rng(1)
    known = words_of(text.characters)
    words = as_tokens(rng.permutation(known).tolist())
    parameters = initial(rng)
    count = sum(parameter.size for parameter in parameters.values())
    print(f"data: {len(known):,} different words of {text.title}; {count:,} parameters")

    started = time.process_time()
    losses = train(words, parameters, steps)
    seconds = time.process_time() - started
    first, last = (float(np.mean(part)) for part in (losses[:AVERAGED], losses[-AVERAGED:]))
    print(f"{steps:,} steps in {seconds:.2f} s, the compiling of the step among them")
    print(f"loss {first:.2f} nats a letter at first, {last:.2f} at the end; a guess without any knowledge has 3.30")

    made_up = [sample(parameters, rng) for _ in range(24)]
    new = sum(word not in set(known) for word in made_up)
    print(f"made up, {new} of {len(made_up)} are not in the text:\n" + ", ".join(made_up))

    mean = np.convolve(losses, np.ones(AVERAGED) / AVERAGED, "valid").tolist()
    plots.curves(out / "microgpt_loss.png", {"loss": mean}, "step", f"nats a letter, mean of {AVERAGED} words")
    draw_graph(out / "microgpt_graph.svg", words, parameters)
    draw_scores(out / "microgpt_attention.png", max(made_up, key=len), parameters)
    return Results(
        {"losses": losses, "first": first, "last": last, "seconds": seconds, "words": made_up, "parameters": count},
        {
            "microgpt_graph.svg": "One step on one word. Each card is a part of the network, with the gradients of its "
            "weights.",
            "microgpt_loss.png": "The loss as it learns.",
            "microgpt_attention.png": "Where the four heads look while they read the longest of the words made up: a "
            "row for the letter being read, a column for each letter up to it. The dot is the beginning.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def initial(rng: np.random.Generator) -> Parameters:
    """Draw all matrices from a normal distribution with a deviation of 0.08."""
    shapes = {
        "letters": (ENDS + 1, WIDTH), "places": (BLOCK, WIDTH),
        "query": (WIDTH, WIDTH), "key": (WIDTH, WIDTH), "value": (WIDTH, WIDTH), "output": (WIDTH, WIDTH),
        "up": (WIDTH, 4 * WIDTH), "down": (4 * WIDTH, WIDTH),
        "head": (WIDTH, ENDS + 1),
    }  # fmt: skip
    return {
        name: tg.Tensor(np.float32(0.08) * rng.standard_normal(shape, dtype=np.float32), name=name)
        for name, shape in shapes.items()
    }


def gpt(tokens: Any, p: Parameters) -> Any:
    """Return the logits of the token after each one, shape (BLOCK, 27), from tokens of shape (BLOCK,)."""
    with tg.scope("embedding"):
        x = rms(p["letters"][tokens] + p["places"])
    with tg.scope("attention"):
        read = rms(x)
        values = scores(read, p) @ heads(read @ p["value"])
        x = x + values.swapaxes(0, 1).reshape(BLOCK, WIDTH) @ p["output"]
    with tg.scope("hidden layer"):
        x = x + tg.relu(rms(x) @ p["up"]) @ p["down"]
    with tg.scope("head"):
        return x @ p["head"]


def scores(x: Any, p: Parameters) -> Any:
    """Return the share of each letter up to the one being read, shape (HEADS, BLOCK, BLOCK)."""
    later = np.where(np.tri(BLOCK, dtype=bool), np.float32(0), np.float32(-1e9))
    products = heads(x @ p["query"]) @ heads(x @ p["key"]).swapaxes(1, 2)
    return tg.softmax(products * np.float32((WIDTH // HEADS) ** -0.5) + later)


def heads(x: Any) -> Any:
    """Return rows as those of each head: from shape (BLOCK, WIDTH) to (HEADS, BLOCK, WIDTH ÷ HEADS)."""
    return x.reshape(BLOCK, HEADS, WIDTH // HEADS).swapaxes(0, 1)


def rms(x: Any) -> Any:
    """Divide each row by the root of its mean square."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + np.float32(1e-5))


def mean_log_loss(logits: Any, targets: Any, weights: Any) -> Any:
    """Return the mean over a word of −ln of the probability of the letter that follows."""
    with tg.scope("mean log loss"):
        return -np.sum(weights * tg.log_softmax(logits)[np.arange(BLOCK), targets])


def train(words: Words, parameters: Parameters, steps: int, compiled: bool = True) -> list[float]:
    """Train with Adam, one word a step, and return the losses."""
    falling = tg.optim.PolynomialDecay(0.01, decay_steps=steps, end_learning_rate=0.0)
    adam = tg.optim.Adam(parameters, falling, beta_1=0.85, beta_2=0.99, epsilon=1e-8)

    def step(inputs: Any, targets: Any, weights: Any) -> Any:
        loss = mean_log_loss(gpt(inputs, parameters), targets, weights)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    run = tg.compile(step) if compiled else step
    return [run(*(part[number % len(words.inputs)] for part in words)).item() for number in range(steps)]


def sample(parameters: Parameters, rng: np.random.Generator) -> str:
    """Make up a word: draw letters until the end is drawn, or the block is full."""
    tokens = np.full(BLOCK + 1, ENDS)
    for place in range(BLOCK):
        with tg.no_grad():
            logits = gpt(tokens[:BLOCK], parameters).numpy()[place].astype(float)
        tokens[place + 1] = rng.choice(ENDS + 1, p=tg.softmax(logits / TEMPERATURE))
        if tokens[place + 1] == ENDS:
            break
    return "".join(LETTERS[token] for token in tokens[1:] if token != ENDS)


# --- the words --------------------------------------------------------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Return the different words of a text, of 3 letters to as many as fit."""
    return sorted({word for word in re.findall("[a-z]+", text.lower()) if 3 <= len(word) < BLOCK})


def as_tokens(words: list[str]) -> Words:
    """Return words as tokens, each between two ends."""
    tokens = np.full((len(words), BLOCK + 1), ENDS)
    for row, word in zip(tokens, words, strict=True):
        row[1 : len(word) + 1] = [LETTERS.index(letter) for letter in word]
    counted = np.array([len(word) + 1 for word in words])[:, None]
    weights = ((np.arange(BLOCK) < counted) / counted).astype(np.float32)
    return Words(tokens[:, :-1], tokens[:, 1:], weights)


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graph(path: Path, words: Words, parameters: Parameters) -> None:
    """Draw one step on one word, without the update."""
    for parameter in parameters.values():
        parameter.grad = None
    inputs, targets, weights = (part[0] for part in words)
    loss = mean_log_loss(gpt(inputs, parameters), targets, weights)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="collapsed", title="one step on one word").save(path)


def draw_scores(path: Path, word: str, parameters: Parameters) -> None:
    """Draw the scores of all heads while they read a word."""
    inputs = as_tokens([word]).inputs[0]
    with tg.no_grad():
        read = rms(rms(parameters["letters"][inputs] + parameters["places"]))
        shares = scores(read, parameters).numpy()
    letters = ["·", *word][:BLOCK]
    plots.matrices(path, shares[:, : len(letters), : len(letters)], letters, [f"head {n + 1}" for n in range(HEADS)])
