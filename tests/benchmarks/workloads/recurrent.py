"""Recurrent networks over sequences, whose last state is classified."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workload import Adam, Workload, one_hot, uniform


def lstm(inputs: int = 32, hidden: int = 128, length: int = 50, batch: int = 32) -> Workload:
    """An LSTM: the gates are products of two matrices, written out."""
    rng = np.random.default_rng(1)
    classes = 10
    x = rng.normal(size=(length, batch, inputs)).astype(np.float32)
    labels, y = one_hot(rng, classes, batch)
    starts = {
        "w": uniform(rng, inputs, 4 * hidden), "u": uniform(rng, hidden, 4 * hidden),
        "b": np.zeros(4 * hidden, np.float32), "v": uniform(rng, hidden, classes),
    }  # fmt: skip
    work = Workload(
        f"LSTM {inputs}→{hidden}, T = {length}, Adam, batch {batch}", starts, Adam(), aim=1.5, eager_aim=1.0,
        without=("torch.compile",),
    )  # fmt: skip
    batch_first = np.ascontiguousarray(x.transpose(1, 0, 2))

    def by_slices(gates: Any) -> Any:
        return [gates[:, place * hidden : (place + 1) * hidden] for place in range(4)]

    def by_dots(gates: Any) -> Any:
        return [gates[..., place * hidden : (place + 1) * hidden] for place in range(4)]

    def by_split(gates: Any) -> Any:
        return np.split(gates, 4, axis=1)

    def by_cell(gates: Any) -> Any:
        cells = gates.reshape(batch, 4, hidden)
        return [cells[:, place] for place in range(4)]

    def cell_step(lib: Any, parts: Any, cell: Any) -> tuple[Any, Any]:
        i, f, g, o = parts
        cell = lib.sigmoid(f) * cell + lib.sigmoid(i) * lib.tanh(g)
        return lib.sigmoid(o) * lib.tanh(cell), cell

    def loss(lib: Any, w: Any, y: Any, gates_of: Callable[[int, Any], Any], parts: Callable[[Any], Any]) -> Any:
        h = cell = np.zeros((batch, hidden), np.float32)
        for t in range(length):
            h, cell = cell_step(lib, parts(gates_of(t, h)), cell)
        return lib.cross_entropy(h @ w["v"], y)

    for name, parts in {
        "x[t] @ w + h @ u": by_slices, "..., a:b": by_dots, "np.split": by_split, "reshaped to gates": by_cell
    }.items():  # fmt: skip
        work.spelling("numpy", name, x, y)(
            lambda lib, w, x, y, parts=parts: loss(lib, w, y, lambda t, h: x[t] @ w["w"] + h @ w["u"] + w["b"], parts)
        )

    @work.spelling("torch", "by hand", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        h = cell = lib.empty(batch, hidden)
        for t in range(length):
            h, cell = cell_step(lib, (x[t] @ w["w"] + h @ w["u"] + w["b"]).chunk(4, 1), cell)
        return lib.cross_entropy(h @ w["v"], labels)

    @work.spelling("torch", "its LSTM", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        import torch

        zero = torch.zeros(1, batch, hidden)
        flat = [w["w"].T, w["u"].T, w["b"], torch.zeros_like(w["b"])]
        out, _, _ = torch._VF.lstm(x, (zero, zero), flat, True, 1, 0.0, True, False, False)
        return lib.cross_entropy(out[-1] @ w["v"], labels)

    @work.spelling("jax", "scan", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        import jax

        def one(carry: Any, entering: Any) -> Any:
            h, cell = carry
            return cell_step(lib, lib.split(entering + h @ w["u"], 4, axis=1), cell), None

        zero = lib.zeros((batch, hidden), np.float32)
        (h, _), _ = jax.lax.scan(one, (zero, zero), x @ w["w"] + w["b"])
        return lib.cross_entropy(h @ w["v"], labels)

    @work.spelling("keras", "", batch_first, labels)
    def _(keras: Any, starts: Any) -> Any:
        layers = [keras.layers.LSTM(hidden, unit_forget_bias=False), keras.layers.Dense(classes, use_bias=False)]
        return keras.Sequential(layers), list(starts.values())

    @work.spelling("numpy", "hoisted, time first", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return loss(lib, w, y, lambda t, h: entering[t] + h @ w["u"], by_slices)

    @work.spelling("numpy", "batch first", batch_first, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return loss(lib, w, y, lambda t, h: x[:, t] @ w["w"] + h @ w["u"] + w["b"], by_slices)

    @work.spelling("numpy", "hoisted, batch first", batch_first, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return loss(lib, w, y, lambda t, h: entering[:, t] + h @ w["u"], by_slices)

    @work.spelling("numpy", "transposed product", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return loss(lib, w, y, lambda t, h: (w["w"].T @ x[t].T + w["u"].T @ h.T).T + w["b"], by_slices)

    @work.spelling("numpy", "x and h together", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        both = np.concatenate([w["w"], w["u"]])
        return loss(lib, w, y, lambda t, h: np.concatenate([x[t], h], axis=1) @ both + w["b"], by_slices)

    @work.spelling("numpy", "einsum", batch_first, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = np.einsum("bti,ij->btj", x, w["w"]) + w["b"]
        return loss(lib, w, y, lambda t, h: entering[:, t] + np.einsum("bi,ij->bj", h, w["u"]), by_split)

    gates = {"a:b": by_slices, "..., a:b": by_dots, "np.split": by_split, "reshaped": by_cell}
    products = {
        "@": lambda x, w: x @ w, "einsum": lambda x, w: np.einsum("bi,ij->bj", x, w),
        "(w.T @ x.T).T": lambda x, w: (w.T @ x.T).T,
    }  # fmt: skip
    orders = {"time first": (x, lambda x, t: x[t]), "batch first": (batch_first, lambda x, t: x[:, t])}

    def drawing(draws: Any) -> Any:
        gate, product, order, place = (
            draws.choice(list(each)) for each in (gates, products, orders, ("in the loop", "hoisted"))
        )
        given, at = orders[order]

        def drawn(lib: Any, w: Any, x: Any, y: Any) -> Any:
            hoisted = x @ w["w"] + w["b"] if place == "hoisted" else None

            def gates_of(t: int, h: Any) -> Any:
                entering = products[product](at(x, t), w["w"]) + w["b"] if hoisted is None else at(hoisted, t)
                return entering + products[product](h, w["u"])

            return loss(lib, w, y, gates_of, gates[gate])

        return f"{gate}, {product}, {order}, {place}", drawn, (given, y)

    work.drawing = drawing
    return work


def gru(inputs: int = 32, hidden: int = 128, length: int = 50, batch: int = 32) -> Workload:
    """A GRU whose examples are the first axis."""
    rng = np.random.default_rng(1)
    classes = 10
    x = rng.normal(size=(batch, length, inputs)).astype(np.float32)
    labels, y = one_hot(rng, classes, batch)
    starts = {
        "w": uniform(rng, inputs, 3 * hidden), "u": uniform(rng, hidden, 3 * hidden),
        "b": np.zeros(3 * hidden, np.float32), "v": uniform(rng, hidden, classes),
    }  # fmt: skip
    work = Workload(
        f"GRU {inputs}→{hidden}, batch first, T = {length}, Adam, batch {batch}", starts, Adam(), aim=1.0,
        without=("torch.compile",),
    )  # fmt: skip
    time_first = np.ascontiguousarray(x.transpose(1, 0, 2))

    def cell_step(lib: Any, given: Any, kept: Any, h: Any) -> Any:
        r = lib.sigmoid(given[:, :hidden] + kept[:, :hidden])
        z = lib.sigmoid(given[:, hidden : 2 * hidden] + kept[:, hidden : 2 * hidden])
        n = lib.tanh(given[:, 2 * hidden :] + r * kept[:, 2 * hidden :])
        return (1 - z) * n + z * h

    def loss(lib: Any, w: Any, y: Any, entering: Callable[[int], Any]) -> Any:
        h: Any = np.zeros((batch, hidden), np.float32)
        for t in range(length):
            h = cell_step(lib, entering(t), h @ w["u"], h)
        return lib.cross_entropy(h @ w["v"], y)

    @work.spelling("numpy", "batch first", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return loss(lib, w, y, lambda t: x[:, t] @ w["w"] + w["b"])

    @work.spelling("torch", "by hand", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        h = lib.empty(batch, hidden)
        for t in range(length):
            h = cell_step(lib, x[:, t] @ w["w"] + w["b"], h @ w["u"], h)
        return lib.cross_entropy(h @ w["v"], labels)

    @work.spelling("torch", "its GRU", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        import torch

        flat = [w["w"].T, w["u"].T, w["b"], torch.zeros_like(w["b"])]
        out, _ = torch._VF.gru(x, torch.zeros(1, batch, hidden), flat, True, 1, 0.0, True, False, True)
        return lib.cross_entropy(out[:, -1] @ w["v"], labels)

    @work.spelling("jax", "scan", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        import jax

        def one(h: Any, given: Any) -> Any:
            return cell_step(lib, given, h @ w["u"], h), None

        entering = (x @ w["w"] + w["b"]).transpose(1, 0, 2)
        h, _ = jax.lax.scan(one, lib.zeros((batch, hidden), np.float32), entering)
        return lib.cross_entropy(h @ w["v"], labels)

    @work.spelling("numpy", "hoisted, batch first", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return loss(lib, w, y, lambda t: entering[:, t])

    @work.spelling("numpy", "time first", time_first, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return loss(lib, w, y, lambda t: x[t] @ w["w"] + w["b"])

    @work.spelling("numpy", "hoisted, time first", time_first, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = x @ w["w"] + w["b"]
        return loss(lib, w, y, lambda t: entering[t])

    @work.spelling("numpy", "einsum, h + z (n − h)", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        entering = np.einsum("bti,ij->tbj", x, w["w"]) + w["b"]
        h: Any = np.zeros((batch, hidden), np.float32)
        for t in range(length):
            parts = np.split(entering[t], 3, axis=-1), np.split(h @ w["u"], 3, axis=-1)
            r, z = (lib.sigmoid(parts[0][place] + parts[1][place]) for place in range(2))
            h = h + (1 - z) * (np.tanh(parts[0][2] + r * parts[1][2]) - h)
        return lib.cross_entropy(h @ w["v"], y)

    return work
