"""One network in several spellings, compiled: the time must follow from what is computed, not from how it is written.

    python tests/benchmarks/spellings.py                    every group
    python tests/benchmarks/spellings.py transformer lstm   only the groups with one of these words in their names
    python tests/benchmarks/spellings.py --json out.json    the numbers too

Each spelling is a training step of Adam in float32 on the same weights and data. The first losses of a group must
agree before a time is taken. Spellings take turns in one process. A time is the median of the rounds, of the processor;
a ratio is to the best of the group. The law: at most 1.2.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2]))  # a checkout that is not installed

import numpy as np

import tinygraph as tg

Array = Any
Weights = dict[str, Any]
LAW = 1.2


class Group:
    """Spellings of one network.

    Attributes:
        name: of the network.
        starts: the weights, by name.
        spellings: by name the loss, a function of the weights and of the arrays of a batch, and these arrays.
    """

    def __init__(self, name: str, starts: dict[str, Array]) -> None:
        self.name = name
        self.starts = starts
        self.spellings: dict[str, tuple[Callable[..., Any], tuple[Array, ...]]] = {}

    def add(self, name: str, arrays: tuple[Array, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Enter the function below as a spelling."""

        def entered(loss: Callable[..., Any]) -> Callable[..., Any]:
            self.spellings[name] = (loss, arrays)
            return loss

        return entered


def training(starts: dict[str, Array], loss: Callable[..., Any], arrays: tuple[Array, ...]) -> Callable[[], Any]:
    """Return a compiled step of Adam."""
    weights = {name: tg.Tensor(start.copy(), name=name) for name, start in starts.items()}
    optimizer = tg.optim.Adam(weights)

    @tg.compile
    def step(*arrays: Any) -> Any:
        value = loss(weights, *arrays)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return lambda: step(*arrays)


def uniform(rng: Any, *shape: int) -> Array:
    """Weights of a layer with `shape[0]` inputs."""
    return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)


def cross_entropy(logits: Any, y: Any) -> Any:
    """The mean loss of one-hot labels."""
    return tg.cross_entropy(logits, y, from_logits=True)


# --- transformer ------------------------------------------------------------------------------------------------------


def transformer(width: int = 64, heads: int = 4, length: int = 64, batch: int = 16, layers: int = 2) -> Group:
    """Attention and a network of two layers, each behind a normalization; the mean is classified."""
    rng = np.random.default_rng(1)
    classes, head, words = 10, width // heads, 50
    ids = rng.integers(0, words, (batch, length))
    table = uniform(rng, words, width) * np.float32(np.sqrt(words))
    x, y = table[ids], np.eye(classes, dtype=np.float32)[rng.integers(0, classes, batch)]
    starts: dict[str, Array] = {}
    for n in range(layers):
        starts |= {
            f"qkv_{n}": uniform(rng, width, 3 * width), f"out_{n}": uniform(rng, width, width),
            f"up_{n}": uniform(rng, width, 4 * width), f"down_{n}": uniform(rng, 4 * width, width),
            f"scale_1_{n}": np.ones(width, np.float32), f"shift_1_{n}": np.zeros(width, np.float32),
            f"scale_2_{n}": np.ones(width, np.float32), f"shift_2_{n}": np.zeros(width, np.float32),
        }  # fmt: skip
    starts["v"] = uniform(rng, width, classes)
    group = Group("transformer", starts)

    def normal(x: Any, scale: Any, shift: Any) -> Any:
        centered = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centered * centered, axis=-1, keepdims=True)
        return centered / np.sqrt(variance + np.float32(1e-5)) * scale + shift

    def attended(q: Any, k: Any, v: Any) -> Any:
        return tg.softmax(q @ k.transpose(0, 1, 3, 2) * np.float32(head**-0.5)) @ v

    def by_slices(h: Any, qkv: Any) -> Any:
        z = (h @ qkv).reshape(batch, length, 3, heads, head)
        return attended(*[z[:, :, place].transpose(0, 2, 1, 3) for place in range(3)])

    def by_dots(h: Any, qkv: Any) -> Any:
        z = h @ qkv
        parts = [z[..., place * width : (place + 1) * width] for place in range(3)]
        return attended(*[part.reshape(batch, length, heads, head).transpose(0, 2, 1, 3) for part in parts])

    def by_split(h: Any, qkv: Any) -> Any:
        parts = np.split(h @ qkv, 3, axis=-1)
        return attended(*[part.reshape(batch, length, heads, head).transpose(0, 2, 1, 3) for part in parts])

    def by_transpose(h: Any, qkv: Any) -> Any:
        q, k, v = (h @ qkv).reshape(batch, length, 3, heads, head).transpose(2, 0, 3, 1, 4)
        return attended(q, k, v)

    def by_einsum(h: Any, qkv: Any) -> Any:
        z = (h @ qkv).reshape(batch, length, 3, heads, head)
        q, k, v = (z[:, :, place] for place in range(3))
        shares = tg.softmax(np.einsum("bqhd,bkhd->bhqk", q, k) * np.float32(head**-0.5))
        return np.einsum("bhqk,bkhd->bhqd", shares, v)

    def by_head(h: Any, qkv: Any) -> Any:
        z = (h @ qkv).reshape(batch, length, 3, heads, head)
        found = []
        for number in range(heads):
            q, k, v = (z[:, :, place, number] for place in range(3))
            found.append(tg.softmax(q @ k.transpose(0, 2, 1) * np.float32(head**-0.5)) @ v)
        return np.stack(found, axis=1)

    def body(weights: Weights, x: Any, attention: Callable[..., Any] = by_slices) -> Any:
        *parts, _ = weights.values()
        for n in range(layers):
            qkv, out, up, down, scale_1, shift_1, scale_2, shift_2 = parts[8 * n : 8 * n + 8]
            seen = attention(normal(x, scale_1, shift_1), qkv)
            x = x + seen.transpose(0, 2, 1, 3).reshape(batch, length, width) @ out
            x = x + tg.relu(normal(x, scale_2, shift_2) @ up) @ down
        return x

    def mean_loss(weights: Weights, x: Any, y: Any, attention: Callable[..., Any] = by_slices) -> Any:
        return cross_entropy(np.mean(body(weights, x, attention), axis=1) @ weights["v"], y)

    ways = {
        "z[:, :, a]": by_slices, "z[..., a:b]": by_dots, "np.split": by_split, "transpose(2, 0, 3, 1, 4)": by_transpose,
        "einsum": by_einsum, "head by head": by_head,
    }  # fmt: skip
    for name, attention in ways.items():
        group.add(name, (x, y))(lambda w, x, y, attention=attention: mean_loss(w, x, y, attention))
    group.add("table[ids]", (ids, y))(lambda w, ids, y: mean_loss(w, table[ids], y))
    group.add("np.take", (ids, y))(lambda w, ids, y: mean_loss(w, np.take(table, ids, axis=0), y))
    group.add("one-hot product", (np.eye(words, dtype=np.float32)[ids], y))(lambda w, s, y: mean_loss(w, s @ table, y))
    group.add("2-D input reshaped", (x.reshape(batch, -1), y))(
        lambda w, x, y: mean_loss(w, x.reshape(batch, length, width), y)
    )
    group.add("batch on axis 1", (np.ascontiguousarray(x.transpose(1, 0, 2)), y))(
        lambda w, x, y: mean_loss(w, x.transpose(1, 0, 2), y)
    )
    return group


def language_model(width: int = 64, heads: int = 4, length: int = 64, batch: int = 16) -> Group:
    """A layer of causal attention with a loss at each token."""
    rng = np.random.default_rng(2)
    words, head = 50, width // heads
    ids = rng.integers(0, words, (batch, length + 1))
    before, after = np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    starts = {
        "table": uniform(rng, words, width), "qkv": uniform(rng, width, 3 * width), "out": uniform(rng, width, width),
        "up": uniform(rng, width, 4 * width), "down": uniform(rng, 4 * width, width), "v": uniform(rng, width, words),
    }  # fmt: skip
    group = Group("language model", starts)
    lower = np.tril(np.ones((length, length), bool))
    added = np.where(lower, 0, -1e9).astype(np.float32)
    one_hot = np.eye(words, dtype=np.float32)

    def logits(weights: Weights, h: Any, masked: Callable[[Any], Any]) -> Any:
        z = (h @ weights["qkv"]).reshape(batch, length, 3, heads, head)
        q, k, v = (z[:, :, place].transpose(0, 2, 1, 3) for place in range(3))
        shares = tg.softmax(masked(q @ k.transpose(0, 1, 3, 2) * np.float32(head**-0.5)))
        h = h + (shares @ v).transpose(0, 2, 1, 3).reshape(batch, length, width) @ weights["out"]
        h = h + tg.relu(h @ weights["up"]) @ weights["down"]
        return h @ weights["v"]

    def by_where(scores: Any) -> Any:
        return np.where(lower, scores, np.float32(-1e9))

    def by_addition(scores: Any) -> Any:
        return scores + added

    @group.add("mask by where, labels", (before, after))
    def _(w: Weights, before: Any, after: Any) -> Any:
        return cross_entropy(logits(w, w["table"][before], by_where), after)

    @group.add("mask by addition, labels", (before, after))
    def _(w: Weights, before: Any, after: Any) -> Any:
        return cross_entropy(logits(w, w["table"][before], by_addition), after)

    @group.add("flat logits, labels", (before, after))
    def _(w: Weights, before: Any, after: Any) -> Any:
        flat = logits(w, w["table"][before], by_addition).reshape(-1, words)
        return cross_entropy(flat, after.reshape(-1))

    @group.add("one-hot labels", (before, one_hot[after]))
    def _(w: Weights, before: Any, y: Any) -> Any:
        return cross_entropy(logits(w, w["table"][before], by_addition), y)

    @group.add("one-hot product", (one_hot[before], one_hot[after]))
    def _(w: Weights, before: Any, y: Any) -> Any:
        return cross_entropy(logits(w, before @ w["table"], by_addition), y)

    @group.add("log softmax by hand", (before, one_hot[after]))
    def _(w: Weights, before: Any, y: Any) -> Any:
        z = logits(w, np.take(w["table"], before, axis=0), by_where)
        z = z - np.max(z, axis=-1, keepdims=True)
        return -np.mean(np.sum(y * (z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))), axis=-1))

    return group


# --- recurrent networks -----------------------------------------------------------------------------------------------


def lstm(inputs: int = 32, hidden: int = 128, length: int = 50, batch: int = 32) -> Group:
    """An LSTM over sequences, whose last state is classified."""
    rng = np.random.default_rng(1)
    classes = 10
    x = rng.normal(size=(length, batch, inputs)).astype(np.float32)
    y = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, batch)]
    starts = {
        "w": uniform(rng, inputs, 4 * hidden), "u": uniform(rng, hidden, 4 * hidden),
        "b": np.zeros(4 * hidden, np.float32), "v": uniform(rng, hidden, classes),
    }  # fmt: skip
    group = Group("LSTM", starts)
    batch_first = np.ascontiguousarray(x.transpose(1, 0, 2))
    zeros = np.zeros((batch, hidden), np.float32)

    def by_slices(gates: Any) -> Any:
        return [gates[:, place * hidden : (place + 1) * hidden] for place in range(4)]

    def by_dots(gates: Any) -> Any:
        return [gates[..., place * hidden : (place + 1) * hidden] for place in range(4)]

    def by_split(gates: Any) -> Any:
        return np.split(gates, 4, axis=1)

    def states(w: Weights, gates_of: Callable[[int, Any], Any], parts: Callable[[Any], Any] = by_slices) -> Any:
        h, cell = zeros, zeros
        for t in range(length):
            i, f, g, o = parts(gates_of(t, h))
            cell = tg.sigmoid(f) * cell + tg.sigmoid(i) * np.tanh(g)
            h = tg.sigmoid(o) * np.tanh(cell)
        return h @ w["v"]

    for name, parts in {"x[t] @ w + h @ u": by_slices, "..., a:b": by_dots, "np.split": by_split}.items():
        group.add(name, (x, y))(
            lambda w, x, y, parts=parts: cross_entropy(
                states(w, lambda t, h: x[t] @ w["w"] + h @ w["u"] + w["b"], parts), y
            )
        )

    @group.add("hoisted, time first", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return cross_entropy(states(w, lambda t, h: entering[t] + h @ w["u"]), y)

    @group.add("batch first", (batch_first, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        return cross_entropy(states(w, lambda t, h: x[:, t] @ w["w"] + h @ w["u"] + w["b"]), y)

    @group.add("hoisted, batch first", (batch_first, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return cross_entropy(states(w, lambda t, h: entering[:, t] + h @ w["u"]), y)

    @group.add("transposed product", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        return cross_entropy(states(w, lambda t, h: (w["w"].T @ x[t].T + w["u"].T @ h.T).T + w["b"]), y)

    @group.add("x and h together", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        both = np.concatenate([w["w"], w["u"]])
        return cross_entropy(states(w, lambda t, h: np.concatenate([x[t], h], axis=1) @ both + w["b"]), y)

    return group


def gru(inputs: int = 32, hidden: int = 128, length: int = 50, batch: int = 32) -> Group:
    """A GRU over sequences, whose last state is classified."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(length, batch, inputs)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, batch)]
    starts = {
        "w": uniform(rng, inputs, 3 * hidden), "u": uniform(rng, hidden, 3 * hidden),
        "b": np.zeros(3 * hidden, np.float32), "v": uniform(rng, hidden, 10),
    }  # fmt: skip
    group = Group("GRU", starts)
    batch_first = np.ascontiguousarray(x.transpose(1, 0, 2))

    def logits(w: Weights, entering: Callable[[int], Any]) -> Any:
        h: Any = np.zeros((batch, hidden), np.float32)
        for t in range(length):
            given, kept = entering(t), h @ w["u"]
            z = tg.sigmoid(given[:, :hidden] + kept[:, :hidden])
            r = tg.sigmoid(given[:, hidden : 2 * hidden] + kept[:, hidden : 2 * hidden])
            n = np.tanh(given[:, 2 * hidden :] + r * kept[:, 2 * hidden :])
            h = (1 - z) * n + z * h
        return h @ w["v"]

    @group.add("time first", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        return cross_entropy(logits(w, lambda t: x[t] @ w["w"] + w["b"]), y)

    @group.add("hoisted, time first", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return cross_entropy(logits(w, lambda t: entering[t]), y)

    @group.add("batch first", (batch_first, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        return cross_entropy(logits(w, lambda t: x[:, t] @ w["w"] + w["b"]), y)

    @group.add("hoisted, batch first", (batch_first, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return cross_entropy(logits(w, lambda t: entering[:, t]), y)

    return group


# --- dense networks and convolutions ----------------------------------------------------------------------------------


def mlp(inputs: int = 784, hidden: int = 128, classes: int = 10, batch: int = 128) -> Group:
    """Two dense layers."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, inputs)).astype(np.float32)
    y = np.eye(classes, dtype=np.float32)[rng.integers(0, classes, batch)]
    starts = {
        "w": uniform(rng, inputs, hidden), "b": np.zeros(hidden, np.float32), "v": uniform(rng, hidden, classes),
        "c": np.zeros(classes, np.float32),
    }  # fmt: skip
    group = Group("MLP", starts)

    @group.add("x @ w + b", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        return cross_entropy(np.tanh(x @ w["w"] + w["b"]) @ w["v"] + w["c"], y)

    @group.add("examples in columns", (np.ascontiguousarray(x.T), y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        h = np.tanh(w["w"].T @ x + w["b"][:, None])
        return cross_entropy((w["v"].T @ h + w["c"][:, None]).T, y)

    @group.add("einsum", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        h = np.tanh(np.einsum("ij,jk->ik", x, w["w"]) + w["b"])
        return cross_entropy(np.einsum("ij,jk->ik", h, w["v"]) + w["c"], y)

    @group.add("tensordot, softmax and log", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        h = np.tanh(np.tensordot(x, w["w"], 1) + w["b"])
        return -np.mean(np.sum(y * np.log(tg.softmax(np.dot(h, w["v"]) + w["c"])), axis=1))

    @group.add("bias as a row of ones", (x, y))
    def _(w: Weights, x: Any, y: Any) -> Any:
        ones = np.ones((batch, 1), np.float32)
        h = np.tanh(np.concatenate([x, ones], 1) @ np.concatenate([w["w"], w["b"][None]]))
        return cross_entropy(np.concatenate([h, ones], 1) @ np.concatenate([w["v"], w["c"][None]]), y)

    return group


GROUPS: tuple[Callable[..., Group], ...] = (transformer, language_model, lstm, gru, mlp)
TINY: dict[str, dict[str, int]] = {
    "transformer": {"width": 8, "heads": 2, "length": 3, "batch": 2, "layers": 1},
    "language_model": {"width": 8, "heads": 2, "length": 3, "batch": 2},
    "lstm": {"inputs": 3, "hidden": 4, "length": 3, "batch": 2},
    "gru": {"inputs": 3, "hidden": 4, "length": 3, "batch": 2},
    "mlp": {"inputs": 5, "hidden": 4, "classes": 3, "batch": 4},
}


def measured(group: Group, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each spelling the milliseconds of a step, and its first call's."""
    steps, losses, found = {}, {}, {}
    for name, (loss, arrays) in group.spellings.items():
        steps[name] = training(group.starts, loss, arrays)
        begin = time.process_time()
        losses[name] = [float(steps[name]())]
        found[name] = {"first_ms": 1e3 * (time.process_time() - begin)}
        losses[name] += [float(steps[name]()) for _ in range(2)]
    first = next(iter(losses.values()))
    for name, values in losses.items():
        np.testing.assert_allclose(values, first, rtol=2e-4, err_msg=f"{group.name}, {name}")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            step()
            begin = time.process_time()
            step()
            times[name].append(1e3 * (time.process_time() - begin))
    for name, row in found.items():
        row["ms"] = statistics.median(times[name])
    best = min(row["ms"] for row in found.values())
    for row in found.values():
        row["ratio"] = row["ms"] / best
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure one network in several spellings.")
    parser.add_argument("words", nargs="*", help="only groups with one of these words in their names")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--tiny", action="store_true", help="at sizes that show only that every spelling agrees")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args(arguments)
    document = {}
    print("| Network | Spelling | ms | ÷ the best | first call, ms |\n|---|---|--:|--:|--:|")
    for make in GROUPS:
        if options.words and not any(word in make.__name__ for word in options.words):
            continue
        group = make(**TINY[make.__name__]) if options.tiny else make()
        document[group.name] = rows = measured(group, 1 if options.tiny else options.rounds)
        for name, row in rows.items():
            missed = " (over)" if row["ratio"] > LAW else ""
            print(f"| {group.name} | {name} | {row['ms']:.2f} | {row['ratio']:.2f}{missed} | {row['first_ms']:.0f} |")
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
