"""A transformer that writes Shakespeare, letter by letter.

This is nanoGPT's recipe for a computer without a GPU: 4 blocks with 4 heads, 128 numbers for each character, lines of
64 characters, 12 lines in a batch, 2,000 steps. At each place of a line the network gives a probability to each
character that may follow. The loss is the mean of −ln of the probability of the character that did. A block adds two
things to its input:

    x = x + attention(norm(x))            each place looks at the places before it
    x = x + narrow(gelu(wide(norm(x))))   128 → 512 → 128 numbers, at each place by itself

The layers are those of `tg.nn`, and the network is a class with a `call`. Its result is compared with the table of the
characters: the same weights at both ends. AdamW moves the weights. Its rate climbs for 100 steps, and falls along a
cosine. The top is 0.0025, where nanoGPT has 0.001: so small a network learns faster with it.

`fit` compiles the step: forward pass, backward pass, the limit on the gradient's length, and the update are one NumPy
program. Two thirds of its time are products of matrices, which a library computes at the speed of the processor.

With tinyshakespeare.txt in the data folder, the last tenth of it is kept for the validation. Otherwise a smaller
network reads Python's language reference for 300 steps: enough to see it learn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from demos.texts import english
from tinygraph import nn


class Sizes(NamedTuple):
    """The sizes of the network and its training.

    Attributes:
        layers, heads: the blocks, and the attentions in each.
        width: the numbers of a character.
        block: the characters that are seen at a time.
        batch: the lines in a batch.
        steps: the steps of the training.
        rate: the learning rate at the top.
    """

    layers: int = 4
    heads: int = 4
    width: int = 128
    block: int = 64
    batch: int = 12
    steps: int = 2000
    rate: float = 2.5e-3


SMALL = Sizes(layers=2, heads=2, width=32, block=32, batch=8, steps=300, rate=1e-2)
EPOCHS = 10  # parts of the training, with a validation after each
WARM_UP = 0.05  # of the steps

Tokens = NDArray[np.integer]


def main(out: Path, sizes: Sizes | None = None) -> Results:
    """Train, print the losses and a text that the network writes, and draw a block, the losses and the attention."""
    text = english()
    sizes = sizes or (Sizes() if text.title == "Shakespeare" else SMALL)
    characters = sorted(set(text.characters))
    tokens = np.searchsorted(np.array(characters), np.array(list(text.characters)))
    train, held_out = np.split(tokens, [len(tokens) * 9 // 10])
    rng = np.random.default_rng(0)

    model = GPT(len(characters), sizes, rng)
    model(train[None, : sizes.block])  # makes the weights
    print(f"data: {len(tokens):,} characters of {text.title}, {len(characters)} of them different", end="; ")
    print(f"{model.count_params():,} parameters")
    started = time.process_time()
    history = fitted(model, train, held_out, sizes, rng)
    seconds = time.process_time() - started
    loss = model.evaluate(*lines(held_out, sizes.block), batch_size=sizes.batch, verbose=0)
    print(f"validation loss {loss:.3f} nats a character after {sizes.steps:,} steps, {seconds:.0f} s of the processor")
    written = write(model, characters, sizes.block, 400 if sizes.steps > 1000 else 120, rng)
    print("it writes:\n" + written)

    losses = {"training": history.history["loss"], "validation": history.history["val_loss"]}
    plots.curves(out / "transformer_loss.png", losses, f"{sizes.steps // EPOCHS} steps", "nats a character", first=1)
    draw_graph(out / "transformer_graph.svg", model, train[: sizes.block + 1])
    draw_attention(out / "transformer_attention.png", model, held_out[:16], characters)
    return Results(
        {**losses, "loss": loss, "seconds": seconds, "written": written, "parameters": model.count_params()},
        {
            "transformer_graph.svg": "The network on one line, each block as a card, with the gradients of its "
            "weights.",
            "transformer_loss.png": "The loss on the text it learns from, and on the text that was kept. The training "
            "loss is the mean over the steps since the point before.",
            "transformer_attention.png": "The heads of the first block as they read held-out text: a row for the "
            "character being read, a column for each one up to it. Dark is a large share, a dot a space, ¶ a new line.",
        },
    )


# --- the network ------------------------------------------------------------------------------------------------------


class Block(nn.Layer):
    """Attention, and a hidden layer, each added to what the block is given."""

    def __init__(self, sizes: Sizes, seed: np.random.Generator, **options: Any) -> None:
        super().__init__(seed=seed, **options)
        rules: dict[str, Any] = {"use_bias": False, "kernel_initializer": small(), "seed": seed}
        self.norm1 = nn.LayerNormalization(epsilon=1e-5, center=False)
        self.attention = nn.MultiHeadAttention(sizes.heads, sizes.width // sizes.heads, **rules)
        self.norm2 = nn.LayerNormalization(epsilon=1e-5, center=False)
        self.wide = nn.Dense(4 * sizes.width, activation=gelu, **rules)
        self.narrow = nn.Dense(sizes.width, **rules)

    def call(self, x: Any) -> Any:
        """Return a batch of the shape of x."""
        read = self.norm1(x)
        x = x + self.attention(read, read, use_causal_mask=True)
        return x + self.narrow(self.wide(self.norm2(x)))


class GPT(nn.Model):
    """Logits of the next character, shape (batch, places, characters), from tokens of shape (batch, places)."""

    def __init__(self, characters: int, sizes: Sizes, seed: np.random.Generator) -> None:
        super().__init__(name="gpt")
        self.characters = nn.Embedding(characters, sizes.width, embeddings_initializer=small(), seed=seed)
        self.places = nn.Embedding(sizes.block, sizes.width, embeddings_initializer=small(), seed=seed)
        self.blocks = [Block(sizes, seed, name=f"block {number + 1}") for number in range(sizes.layers)]
        self.norm = nn.LayerNormalization(epsilon=1e-5, center=False)

    def call(self, x: Any) -> Any:
        """See the class."""
        h = self.characters(x) + self.places(np.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        return self.norm(h) @ self.characters.embeddings.T


def small() -> Any:
    """Return an initialiser: normal numbers of a deviation of 0.02."""
    return nn.initializers.RandomNormal(stddev=0.02)


def gelu(x: Any) -> Any:
    """Return the activation of GPT-2."""
    return tg.gelu(x, approximate=True)


def fitted(model: Any, train: Tokens, held_out: Tokens, sizes: Sizes, rng: np.random.Generator) -> Any:
    """Train, validate on a seventh of the held-out lines after each part of the training, and return the history."""
    climb = round(WARM_UP * sizes.steps)
    rate = tg.optim.CosineDecay(0.0, sizes.steps - climb, alpha=0.05, warmup_target=sizes.rate, warmup_steps=climb)
    adam = tg.optim.AdamW(rate, weight_decay=0.1, beta_2=0.99, epsilon=1e-8, global_clipnorm=1.0)
    model.compile(adam, loss=tg.training.losses.SparseCategoricalCrossentropy(from_logits=True))
    steps = sizes.steps // EPOCHS
    validation = tuple(part[::7] for part in lines(held_out, sizes.block))
    return model.fit(
        random_lines(train, sizes, rng), steps_per_epoch=steps, epochs=EPOCHS, validation_data=validation,
        validation_batch_size=sizes.batch, verbose=2 if sizes.steps > 1000 else 0,
    )  # fmt: skip


def random_lines(tokens: Tokens, sizes: Sizes, rng: np.random.Generator) -> Iterator[tuple[Tokens, Tokens]]:
    """Yield batches of lines from anywhere in the text, and of the characters that follow."""
    while True:
        begins = rng.integers(0, len(tokens) - sizes.block, size=(sizes.batch, 1))
        found = tokens[begins + np.arange(sizes.block + 1)]
        yield found[:, :-1], found[:, 1:]


def lines(tokens: Tokens, block: int) -> tuple[Tokens, Tokens]:
    """Return a text as lines, one after the other, and the characters that follow."""
    whole = (len(tokens) - 1) // block * block
    return tokens[:whole].reshape(-1, block), tokens[1 : whole + 1].reshape(-1, block)


def write(model: Any, characters: list[str], block: int, length: int, rng: np.random.Generator) -> str:
    """Draw characters, each from the probabilities that the model gives after those before it."""
    tokens = [characters.index("\n")]
    while len(tokens) <= length:
        read = np.zeros((1, block), np.int64)  # one shape, one program; no place looks at those after it
        seen = tokens[-block:]
        read[0, : len(seen)] = seen
        logits = model.predict(read, verbose=0)[0, len(seen) - 1].astype(float)
        tokens.append(int(rng.choice(len(characters), p=tg.softmax(logits / 0.8))))
    return "".join(characters[token] for token in tokens[1:])


# --- draw -------------------------------------------------------------------------------------------------------------


def draw_graph(path: Path, model: Any, line: Tokens) -> None:
    """Draw one step on one line, without the update."""
    for parameter in model.parameters():
        parameter.grad = None
    logits = model.call(line[None, :-1])  # not model(...), which is one card
    loss = tg.cross_entropy(logits, line[None, 1:], from_logits=True)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="collapsed", title="one step on one line").save(path)


def draw_attention(path: Path, model: Any, line: Tokens, characters: list[str]) -> None:
    """Draw the shares of the heads of the first block."""
    first = model.blocks[0]
    with tg.no_grad():
        read = first.norm1(model.characters(line[None]) + model.places(np.arange(len(line))))
        _, shares = first.attention(read, read, use_causal_mask=True, return_attention_scores=True)
    letters = [{"\n": "¶", " ": "·"}.get(characters[token], characters[token]) for token in line]
    captions = [f"head {number + 1}" for number in range(shares.shape[1])]
    plots.matrices(path, shares.numpy()[0], letters, captions)
