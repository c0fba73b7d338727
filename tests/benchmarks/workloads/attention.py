"""Networks of attention: a causal one with a loss at each token, and one whose mean over the tokens is classified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workload import Adam, Workload, one_hot, uniform

Attention = Callable[..., Any]


def layer_starts(rng: Any, n: int, width: int) -> dict[str, Any]:
    """The weights of a layer of attention and of a network of two layers, each behind a normalization."""
    return {
        f"qkv_{n}": uniform(rng, width, 3 * width), f"out_{n}": uniform(rng, width, width),
        f"up_{n}": uniform(rng, width, 4 * width), f"down_{n}": uniform(rng, 4 * width, width),
        f"scale_1_{n}": np.ones(width, np.float32), f"shift_1_{n}": np.zeros(width, np.float32),
        f"scale_2_{n}": np.ones(width, np.float32), f"shift_2_{n}": np.zeros(width, np.float32),
    }  # fmt: skip


class Shape:
    """The sizes of a network of attention, and its parts in the words of NumPy."""

    def __init__(self, layers: int, width: int, heads: int, length: int, batch: int) -> None:
        self.layers, self.width, self.heads, self.length, self.batch = layers, width, heads, length, batch
        self.head = width // heads
        self.scale = np.float32(self.head**-0.5)

    def normal(self, lib: Any, x: Any, scale: Any, shift: Any) -> Any:
        """A layer's normalization."""
        if hasattr(lib, "functional"):
            return lib.functional.layer_norm(x, (self.width,), scale, shift)
        centered = x - lib.mean(x, axis=-1, keepdims=True)
        variance = lib.mean(centered * centered, axis=-1, keepdims=True)
        return centered / lib.sqrt(variance + np.float32(1e-5)) * scale + shift

    def body(self, lib: Any, w: Any, x: Any, attention: Attention) -> Any:
        """All layers."""
        for n in range(self.layers):
            seen = attention(lib, self.normal(lib, x, w[f"scale_1_{n}"], w[f"shift_1_{n}"]), w[f"qkv_{n}"])
            x = x + seen @ w[f"out_{n}"]
            h = self.normal(lib, x, w[f"scale_2_{n}"], w[f"shift_2_{n}"])
            x = x + lib.relu(h @ w[f"up_{n}"]) @ w[f"down_{n}"]
        return x

    def joined(self, seen: Any) -> Any:
        """The heads beside each other, from (batch, heads, length, head)."""
        return seen.transpose(0, 2, 1, 3).reshape(self.batch, self.length, self.width)

    def by_slices(self, masked: Callable[[Any], Any] = lambda scores: scores) -> Attention:
        return self.attention(self.heads_of()["z[:, :, a]"], masked)

    def attention(
        self, heads_of: Callable[[Any], Any], masked: Callable[[Any], Any] = lambda scores: scores
    ) -> Attention:
        """Attention whose heads are taken from the product in one of several ways."""

        def attention(lib: Any, h: Any, qkv: Any) -> Any:
            q, k, v = heads_of(h @ qkv)
            return self.joined(lib.softmax(masked(q @ k.transpose(0, 1, 3, 2) * self.scale)) @ v)

        return attention

    def heads_of(self) -> dict[str, Callable[[Any], Any]]:
        """The ways to take queries, keys and values, (batch, heads, length, head), from (batch, length, 3 width)."""
        width, apart = self.width, (self.batch, self.length, self.heads, self.head)
        together = (self.batch, self.length, 3, self.heads, self.head)

        def of(parts: Any) -> list[Any]:
            return [part.reshape(apart).transpose(0, 2, 1, 3) for part in parts]

        return {
            "z[:, :, a]": lambda z: [z.reshape(together)[:, :, place].transpose(0, 2, 1, 3) for place in range(3)],
            "z[..., a:b]": lambda z: of(z[..., place * width : (place + 1) * width] for place in range(3)),
            "np.split": lambda z: of(np.split(z, 3, axis=-1)),
            "transpose(2, 0, 3, 1, 4)": lambda z: z.reshape(together).transpose(2, 0, 3, 1, 4),
        }

    def by_einsum(self, masked: Callable[[Any], Any] = lambda scores: scores) -> Attention:
        def attention(lib: Any, h: Any, qkv: Any) -> Any:
            z = (h @ qkv).reshape(self.batch, self.length, 3, self.heads, self.head)
            q, k, v = (z[:, :, place] for place in range(3))
            shares = lib.softmax(masked(np.einsum("bqhd,bkhd->bhqk", q, k) * self.scale))
            return np.einsum("bhqk,bkhd->bqhd", shares, v).reshape(self.batch, self.length, self.width)

        return attention

    def by_head(self, lib: Any, h: Any, qkv: Any) -> Any:
        z = (h @ qkv).reshape(self.batch, self.length, 3, self.heads, self.head)
        found = []
        for number in range(self.heads):
            q, k, v = (z[:, :, place, number] for place in range(3))
            found.append(lib.softmax(q @ k.transpose(0, 2, 1) * self.scale) @ v)
        return self.joined(np.stack(found, axis=1))

    def of_torch(self, causal: bool) -> Attention:
        def attention(lib: Any, h: Any, qkv: Any) -> Any:
            z = (h @ qkv).reshape(self.batch, self.length, 3, self.heads, self.head)
            q, k, v = z.permute(2, 0, 3, 1, 4)
            seen = lib.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return seen.transpose(1, 2).reshape(self.batch, self.length, self.width)

        return attention


def transformer(
    layers: int = 2, width: int = 64, heads: int = 4, length: int = 64, batch: int = 16, words: int = 50
) -> Workload:
    """Causal attention over words, each of which tells the next."""
    rng = np.random.default_rng(2)
    shape = Shape(layers, width, heads, length, batch)
    ids = rng.integers(0, words, (batch, length + 1))
    before, after = np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])
    starts: dict[str, Any] = {"table": uniform(rng, words, width) * np.float32(np.sqrt(words))}
    for n in range(layers):
        starts |= layer_starts(rng, n, width)
    starts["v"] = uniform(rng, width, words)
    work = Workload(
        f"causal transformer, {layers} layers of {width}, T = {length}, Adam, batch {batch}", starts, Adam(),
        aim=0.7, eager_aim=1.0,
    )  # fmt: skip
    lower = np.tril(np.ones((length, length), bool))
    added = np.where(lower, 0, -1e9).astype(np.float32)
    ones = np.eye(words, dtype=np.float32)

    def by_where(scores: Any) -> Any:
        return np.where(lower, scores, np.float32(-1e9))

    def by_addition(scores: Any) -> Any:
        return scores + added

    def logits(lib: Any, w: Any, embedded: Any, attention: Attention) -> Any:
        return shape.body(lib, w, embedded, attention) @ w["v"]

    @work.spelling("numpy", "table[ids], mask by where", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        return lib.cross_entropy(logits(lib, w, w["table"][before], shape.by_slices(by_where)), after)

    @work.spelling("torch", "", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        embedded = lib.functional.embedding(before, w["table"])
        return lib.cross_entropy(logits(lib, w, embedded, shape.of_torch(True)), after)

    @work.spelling("jax", "", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        masked = shape.by_slices(lambda scores: lib.where(lower, scores, np.float32(-1e9)))
        return lib.cross_entropy(logits(lib, w, w["table"][before], masked), after)

    @work.spelling("numpy", "mask by addition", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        return lib.cross_entropy(logits(lib, w, w["table"][before], shape.by_slices(by_addition)), after)

    @work.spelling("numpy", "flat logits", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        flat = logits(lib, w, w["table"][before], shape.by_slices(by_addition)).reshape(-1, words)
        return lib.cross_entropy(flat, after.reshape(-1))

    @work.spelling("numpy", "one-hot labels", before, ones[after])
    def _(lib: Any, w: Any, before: Any, y: Any) -> Any:
        return lib.cross_entropy(logits(lib, w, w["table"][before], shape.by_slices(by_addition)), y)

    @work.spelling("numpy", "one-hot product", ones[before], ones[after])
    def _(lib: Any, w: Any, before: Any, y: Any) -> Any:
        return lib.cross_entropy(logits(lib, w, before @ w["table"], shape.by_slices(by_addition)), y)

    @work.spelling("numpy", "np.take, einsum", before, after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        embedded = np.take(w["table"], before, axis=0)
        return lib.cross_entropy(logits(lib, w, embedded, shape.by_einsum(by_where)), after)

    @work.spelling("numpy", "log softmax by hand", before, ones[after])
    def _(lib: Any, w: Any, before: Any, y: Any) -> Any:
        z = logits(lib, w, w["table"][before], shape.by_slices(by_where))
        z = z - np.max(z, axis=-1, keepdims=True)
        return -np.mean(np.sum(y * (z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))), axis=-1))

    @work.spelling("numpy", "batch on axis 1 of the ids", np.ascontiguousarray(before.T), after)
    def _(lib: Any, w: Any, before: Any, after: Any) -> Any:
        embedded = w["table"][before].transpose(1, 0, 2)
        return lib.cross_entropy(logits(lib, w, embedded, shape.by_slices(by_where)), after)

    embeddings = {
        "table[ids]": (before, lambda table, ids: table[ids]),
        "np.take": (before, lambda table, ids: np.take(table, ids, axis=0)),
        "one-hot": (ones[before], lambda table, ids: ids @ table),
        "ids.T": (np.ascontiguousarray(before.T), lambda table, ids: table[ids].transpose(1, 0, 2)),
    }  # fmt: skip
    masks = {"where": by_where, "addition": by_addition}
    targets = {"labels": after, "one-hot labels": ones[after]}

    def drawing(draws: Any) -> Any:
        embedding, heads_of, product, mask, target = (
            draws.choice(list(each)) for each in (embeddings, shape.heads_of(), ("@", "einsum"), masks, targets)
        )
        given, embedded = embeddings[embedding]

        def attention(lib: Any, h: Any, qkv: Any) -> Any:
            q, k, v = shape.heads_of()[heads_of](h @ qkv)
            if product == "@":
                return shape.joined(lib.softmax(masks[mask](q @ k.transpose(0, 1, 3, 2) * shape.scale)) @ v)
            shares = lib.softmax(masks[mask](np.einsum("bhqd,bhkd->bhqk", q, k) * shape.scale))
            return shape.joined(np.einsum("bhqk,bhkd->bhqd", shares, v))

        def loss(lib: Any, w: Any, ids: Any, y: Any) -> Any:
            return lib.cross_entropy(logits(lib, w, embedded(w["table"], ids), attention), y)

        return f"{embedding}, {heads_of}, {product}, {mask}, {target}", loss, (given, targets[target])

    work.drawing = drawing
    return work


def encoder(width: int = 64, heads: int = 4, length: int = 64, batch: int = 16, layers: int = 2) -> Workload:
    """Attention without a mask over given numbers; the mean over the tokens is classified."""
    rng = np.random.default_rng(1)
    shape = Shape(layers, width, heads, length, batch)
    classes, words = 10, 50
    ids = rng.integers(0, words, (batch, length))
    table = uniform(rng, words, width) * np.float32(np.sqrt(words))
    x = table[ids]
    labels, y = one_hot(rng, classes, batch)
    starts: dict[str, Any] = {}
    for n in range(layers):
        starts |= layer_starts(rng, n, width)
    starts["v"] = uniform(rng, width, classes)
    work = Workload(
        f"transformer without a mask, {layers} layers of {width}, T = {length}, Adam, batch {batch}", starts, Adam(),
        aim=0.7, eager_aim=1.0,
    )  # fmt: skip

    def loss(lib: Any, w: Any, x: Any, y: Any, attention: Attention) -> Any:
        seen = shape.body(lib, w, x, attention)
        return lib.cross_entropy((seen.mean(1) if hasattr(lib, "functional") else lib.mean(seen, axis=1)) @ w["v"], y)

    slices = shape.by_slices()
    attentions = {name: shape.attention(heads_of) for name, heads_of in shape.heads_of().items()}
    attentions |= {"einsum": shape.by_einsum(), "head by head": shape.by_head}
    for name, attention in attentions.items():
        work.spelling("numpy", name, x, y)(lambda lib, w, x, y, attention=attention: loss(lib, w, x, y, attention))
    work.spelling("torch", "", x, labels)(lambda lib, w, x, y: loss(lib, w, x, y, shape.of_torch(False)))
    work.spelling("jax", "", x, labels)(lambda lib, w, x, y: loss(lib, w, x, y, slices))
    work.spelling("numpy", "table[ids]", ids, y)(lambda lib, w, ids, y: loss(lib, w, table[ids], y, slices))
    work.spelling("numpy", "np.take", ids, y)(
        lambda lib, w, ids, y: loss(lib, w, np.take(table, ids, axis=0), y, slices)
    )
    work.spelling("numpy", "one-hot product", np.eye(words, dtype=np.float32)[ids], y)(
        lambda lib, w, ids, y: loss(lib, w, ids @ table, y, slices)
    )
    work.spelling("numpy", "2-D input reshaped", x.reshape(batch, -1), y)(
        lambda lib, w, x, y: loss(lib, w, x.reshape(batch, length, width), y, slices)
    )
    work.spelling("numpy", "batch on axis 1", np.ascontiguousarray(x.transpose(1, 0, 2)), y)(
        lambda lib, w, x, y: loss(lib, w, x.transpose(1, 0, 2), y, slices)
    )
    return work
