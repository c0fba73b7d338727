"""Layers of networks written out."""

from __future__ import annotations

from typing import Any

from .kernel import Kernel


def softmax(np: Any, x: Any, *, batch: int, heads: int, tokens: int) -> Any:
    """The softmax of attention scores."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def softmax_jax(jax: Any, x: Any, *, batch: int, heads: int, tokens: int) -> Any:
    return softmax(jax.numpy, x, batch=batch, heads=heads, tokens=tokens)


def conv_by_offsets(np: Any, x: Any, w: Any, b: Any, *, batch: int, n: int, k: int, channels: int, filters: int) -> Any:
    """A layer of filters: a product for each place of the kernel."""
    size = n - k + 1
    out = np.zeros((batch, size, size, filters))
    for i in range(k):
        for j in range(k):
            out += x[:, i : i + size, j : j + size] @ w[i, j]
    return np.maximum(out + b, 0)


def conv_by_offsets_jax(
    jax: Any, x: Any, w: Any, b: Any, *, batch: int, n: int, k: int, channels: int, filters: int
) -> Any:
    size = n - k + 1
    out = jax.numpy.zeros((batch, size, size, filters))
    for i in range(k):
        for j in range(k):
            out = out + x[:, i : i + size, j : j + size] @ w[i, j]
    return jax.numpy.maximum(out + b, 0)


def conv_by_pixels(np: Any, x: Any, w: Any, b: Any, *, batch: int, n: int, k: int, channels: int, filters: int) -> Any:
    """A layer of filters: a sum for each pixel of the output."""
    size = n - k + 1
    out = np.empty((batch, size, size, filters))
    for i in range(size):
        for j in range(size):
            window = x[:, i : i + k, j : j + k, :, np.newaxis] * w[np.newaxis]
            out[:, i, j, :] = np.sum(window, axis=(1, 2, 3))
    return np.maximum(out + b, 0)


def conv_by_pixels_jax(
    jax: Any, x: Any, w: Any, b: Any, *, batch: int, n: int, k: int, channels: int, filters: int
) -> Any:
    jnp, lax = jax.numpy, jax.lax
    size = n - k + 1

    def pixel(place: Any, out: Any) -> Any:
        i, j = place // size, place % size
        window = lax.dynamic_slice(x, (0, i, j, 0), (batch, k, k, channels))[..., None] * w[None]
        return out.at[:, i, j, :].set(jnp.sum(window, axis=(1, 2, 3)))

    out = lax.fori_loop(0, size * size, pixel, jnp.zeros((batch, size, size, filters)))
    return jnp.maximum(out + b, 0)


def rnn(np: Any, x: Any, w: Any, u: Any, b: Any, *, steps: int, batch: int, features: int, hidden: int) -> Any:
    """A recurrent layer whose states are written into an array."""
    states = np.zeros((steps, batch, hidden))
    h = np.zeros((batch, hidden))
    for t in range(steps):
        h = np.tanh(x[t] @ w + h @ u + b)
        states[t] = h
    return states


def rnn_jax(jax: Any, x: Any, w: Any, u: Any, b: Any, *, steps: int, batch: int, features: int, hidden: int) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = jax.numpy.tanh(x @ w + h @ u + b)
        return h, h

    return jax.lax.scan(step, jax.numpy.zeros((batch, hidden)), x)[1]


def lstm(np: Any, x: Any, w: Any, u: Any, b: Any, *, steps: int, batch: int, features: int, hidden: int) -> Any:
    """Long short-term memory, all gates in one product."""
    h, c = np.zeros((batch, hidden)), np.zeros((batch, hidden))
    for t in range(steps):
        gates = x[t] @ w + h @ u + b
        inlet = 1 / (1 + np.exp(-gates[:, :hidden]))
        forget = 1 / (1 + np.exp(-gates[:, hidden : 2 * hidden]))
        outlet = 1 / (1 + np.exp(-gates[:, 2 * hidden : 3 * hidden]))
        c = forget * c + inlet * np.tanh(gates[:, 3 * hidden :])
        h = outlet * np.tanh(c)
    return h


def lstm_jax(jax: Any, x: Any, w: Any, u: Any, b: Any, *, steps: int, batch: int, features: int, hidden: int) -> Any:
    jnp = jax.numpy

    def step(state: Any, x: Any) -> Any:
        h, c = state
        inlet, forget, outlet, new = jnp.split(x @ w + h @ u + b, 4, axis=1)
        inlet, forget, outlet = jax.nn.sigmoid(inlet), jax.nn.sigmoid(forget), jax.nn.sigmoid(outlet)
        c = forget * c + inlet * jnp.tanh(new)
        return (outlet * jnp.tanh(c), c), None

    start = jnp.zeros((batch, hidden))
    return jax.lax.scan(step, (start, start), x)[0][0]


def _scores(rng: Any, batch: int, heads: int, tokens: int) -> Any:
    return (rng.normal(size=(batch, heads, tokens, tokens)),)


def _images(rng: Any, batch: int, n: int, k: int, channels: int, filters: int) -> Any:
    weights = rng.normal(size=(k, k, channels, filters)) / (k * channels**0.5)
    return rng.normal(size=(batch, n, n, channels)), weights, rng.normal(size=filters)


def _sequence(gates: int) -> Any:
    def inputs(rng: Any, steps: int, batch: int, features: int, hidden: int) -> Any:
        w = rng.normal(size=(features, gates * hidden)) / features**0.5
        u = rng.normal(size=(hidden, gates * hidden)) / hidden**0.5
        return rng.normal(size=(steps, batch, features)), w, u, rng.normal(size=gates * hidden)

    return inputs


_TINY_IMAGES = {"batch": 2, "n": 4, "k": 2, "channels": 2, "filters": 3}
_TINY_SEQUENCE = {"steps": 3, "batch": 2, "features": 2, "hidden": 3}

KERNELS = [
    Kernel(
        "softmax", softmax, softmax_jax, _scores,
        {"batch": 16, "heads": 8, "tokens": 128}, {"batch": 1, "heads": 2, "tokens": 3},
    ),
    Kernel(
        "convolution, by offsets", conv_by_offsets, conv_by_offsets_jax, _images,
        {"batch": 16, "n": 40, "k": 5, "channels": 8, "filters": 16}, _TINY_IMAGES, 3,
    ),
    Kernel(
        "convolution, by pixels", conv_by_pixels, conv_by_pixels_jax, _images,
        {"batch": 8, "n": 16, "k": 3, "channels": 3, "filters": 16}, _TINY_IMAGES, 3,
    ),
    Kernel(
        "RNN", rnn, rnn_jax, _sequence(1),
        {"steps": 100, "batch": 32, "features": 32, "hidden": 64}, _TINY_SEQUENCE, 4,
    ),
    Kernel(
        "LSTM", lstm, lstm_jax, _sequence(4),
        {"steps": 50, "batch": 32, "features": 32, "hidden": 64}, _TINY_SEQUENCE, 4,
    ),
]  # fmt: skip
