"""Writing like Shakespeare, one character after another: an LSTM, its perplexity, and text drawn from it.

The network reads a text character by character and says, at each, how probable each next character is. It has an
embedding, 32 numbers for each character, a layer of long short-term memory, and a dense layer of logits. The memory is
a state c. Gates between 0 and 1 forget parts of it, add to it, and show it:

    f, i, o = σ(...), σ(...), σ(...)        of the character and of the output before
    c' = f · c + i · tanh(...)
    h' = o · tanh(c')

The gradient goes back through c' by a factor of f alone. That is why an LSTM remembers over more steps than a plain
recurrent network (Hochreiter and Schmidhuber, 1997; the forget gate is that of Gers et al., 2000).

The perplexity is e to the mean of −ln p of the characters of a text that it has not seen: as if it chose among so many
equally probable characters each time. Counting how often a character follows the last one or two gives the figures to
compare with.

For writing there is a second network of the same weights whose LSTM is stateful: it keeps c and h from call to call,
and is called with one character at a time.

The record of a step has each time step: unrolled. The compiler finds the repetition, and its program is a loop, of the
same length for any number of time steps: rolled. Both are drawn for four characters.

With tinyshakespeare.txt in the data folder the text is 1.1 million characters of Shakespeare. Otherwise it is 100,000
characters of the reference of the Python language, which comes with Python.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from demos.texts import english
from tinygraph import nn

Array = NDArray[Any]


class Plan(NamedTuple):
    """The units of the memory, the characters of a stretch, the stretches of a batch, and the epochs."""

    units: int
    stretch: int
    batch: int
    epochs: int


LARGE = Plan(units=128, stretch=64, batch=64, epochs=4)
SMALL = Plan(units=64, stretch=32, batch=32, epochs=6)


class Text(NamedTuple):
    """A text as character numbers; the last tenth is for the test.

    Attributes:
        characters: all characters, in order; a character's number is its place.
        learnt, kept: the numbers of the text to learn from and to test.
    """

    characters: str
    learnt: Array
    kept: Array


def main(out: Path, plan: Plan | None = None) -> Results:
    """Train, print perplexities and texts, and draw graphs, the curve, and the surprise at each character."""
    large = tg.data.available("tinyshakespeare.txt")
    title, characters = english()
    text = numbered(characters if large else characters[:100_000])
    plan = plan or (LARGE if large else SMALL)
    print("data:", title, end=", ")
    print(f"{len(text.learnt):,} characters to learn from, {len(text.kept):,} to test, {len(text.characters)} distinct")

    nn.set_seed(0)
    model = network(len(text.characters), plan.units)
    curve = train(model, text, plan)
    perplexity = {"uniform": float(len(text.characters)), **counted(text), "LSTM": curve["test"][-1]}
    for name, value in perplexity.items():
        print(f"perplexity on the test text   {value:6.2f}   {name}")
    written = {heat: write(model, text, 300, heat) for heat in (0.5, 1.0)}
    for heat, sample in written.items():
        print(f"\nwritten at temperature {heat}:\n\n{sample}")

    plots.curves(out / "lstm_perplexity.png", curve, "epoch", "perplexity", first=1)
    line = text.kept[2:62]
    plots.letters(out / "lstm_surprise.png", spelt(text, line), surprise(model, line), "bits of surprise")
    draw_graphs(out, len(text.characters), text.kept)
    return Results(
        {"perplexity": perplexity, "curve": curve, "written": written},
        {
            "lstm_unrolled.svg": "Four characters, as the calls were recorded: the gates of each time step, one step "
            "after another.",
            "lstm_rolled.svg": "The same as a program: the box of the loop has the calls of one time step, and the "
            "states that it hands on to the next.",
            "lstm_perplexity.png": "The perplexity of each epoch; in training it is a mean over the epoch.",
            "lstm_surprise.png": "Sixty characters of the test text: −log₂ of the probability of each. The beginnings "
            "of words are surprising, their ends are not.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


def network(characters: int, units: int, stateful: bool = False) -> nn.Sequential:
    """Make the network: character numbers of shape (texts, steps) in, logits (texts, steps, characters) out.

    Args:
        characters: the number of distinct characters.
        units: the size of the memory.
        stateful: keep the memory from call to call.
    """
    return nn.Sequential(
        [
            nn.Embedding(characters, 32),
            nn.LSTM(units, return_sequences=True, stateful=stateful),
            nn.Dense(characters, name="logits"),
        ],
        name="characters",
    )


def train(model: nn.Sequential, text: Text, plan: Plan) -> dict[str, list[float]]:
    """Train on stretches of the text; return the perplexities of each epoch, in training and on the test text."""
    x, y = stretches(text.learnt, plan.stretch)
    rate = tg.optim.CosineDecay(0.008, decay_steps=plan.epochs * -(-len(x) // plan.batch))
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tg.optim.Adam(rate, global_clipnorm=1.0), loss)
    test = stretches(text.kept, plan.stretch)
    found = model.fit(x, y, plan.batch, plan.epochs, validation_data=test, validation_batch_size=100, verbose=0).history
    return {"training": np.exp(found["loss"]).tolist(), "test": np.exp(found["val_loss"]).tolist()}


def stretches(numbers: Array, length: int) -> tuple[Array, Array]:
    """Cut a text into stretches; return them and the same one character later, both of shape (stretches, length)."""
    count = (len(numbers) - 1) // length
    return numbers[: count * length].reshape(count, length), numbers[1 : count * length + 1].reshape(count, length)


def surprise(model: nn.Sequential, numbers: Array) -> Array:
    """Return −log₂ of the probability of each character of a text but the first."""
    logits = model.predict(numbers[None, :-1])[0].astype(np.float64)
    return -tg.log_softmax(logits)[np.arange(len(numbers) - 1), numbers[1:]] / np.log(2)


def write(model: nn.Sequential, text: Text, length: int, temperature: float, seed: int = 0) -> str:
    """Draw a text from the network, character by character, after the end of a line, which is the first in order.

    Args:
        model: the trained network.
        text: the text that it has learnt.
        length: the number of characters.
        temperature: below 1 the probable characters become more probable.
        seed: the seed of the draws.
    """
    units = model.layers[1].units
    writer = network(len(text.characters), units, stateful=True)
    number = np.zeros((1, 1), text.kept.dtype)
    writer(number)
    writer.load_state_dict(model.state_dict())
    writer.layers[1].reset_states()
    rng = np.random.default_rng(seed)
    written = []
    for _ in range(length):
        logits = writer.predict_on_batch(number)[0, 0].astype(np.float64)
        number[0, 0] = rng.choice(len(logits), p=tg.softmax(logits / temperature))
        written.append(text.characters[number[0, 0]])
    return "".join(written)


# --- the text ---------------------------------------------------------------------------------------------------------


def numbered(text: str) -> Text:
    """Number the characters of a text."""
    characters = "".join(sorted(set(text)))
    place = {character: number for number, character in enumerate(characters)}
    numbers = np.array([place[character] for character in text], np.int32)
    end = len(numbers) * 9 // 10
    return Text(characters, numbers[:end], numbers[end:])


def spelt(text: Text, numbers: Array) -> list[str]:
    """Return the characters of a text but the first, with signs for a space and the end of a line."""
    return [{" ": "␣", "\n": "⏎"}.get(text.characters[number], text.characters[number]) for number in numbers[1:]]


def counted(text: Text) -> dict[str, float]:
    """Return the perplexities of counting on the test text: of single characters, and after the last one or two.

    One is added to each count (Laplace), so that nothing is impossible.
    """
    found = {}
    for before, name in enumerate(("single characters, counted", "after the last one", "after the last two")):
        follow, seen = Counter(groups(text.learnt, before + 1)), Counter(groups(text.learnt, before))
        kinds = len(text.characters)
        probability = [(follow[group] + 1) / (seen[group[:-1]] + kinds) for group in groups(text.kept, before + 1)]
        found[name] = float(np.exp(-np.mean(np.log(probability))))
    return found


def groups(numbers: Array, length: int) -> list[tuple[int, ...]]:
    """Return all runs of so many characters, as tuples."""
    listed = numbers.tolist()
    return list(zip(*[listed[start:] for start in range(length)], strict=False)) if length else [()] * len(listed)


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graphs(out: Path, characters: int, numbers: Array) -> None:
    """Draw an LSTM of three units on four characters, as it was recorded and as a program."""
    model = network(characters, 3)
    few = numbers[:8].reshape(2, 4)
    drawn = model(tg.Tensor(few, name="characters", requires_grad=False))
    tg.draw(drawn, view="full", title="four characters, unrolled").save(out / "lstm_unrolled.svg")

    @tg.compile
    def forward(characters: Any) -> Any:
        return model(characters)

    forward(few)
    forward.draw(rewritten=True, view="full", title="four characters, rolled").save(out / "lstm_rolled.svg")
