"""Networks on images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workload import Adam, Workload, one_hot


def kernel(rng: Any, *shape: int) -> Any:
    """Weights of a convolution, shape (rows, columns, channels, filters)."""
    return (rng.normal(size=shape) / np.sqrt(np.prod(shape[:3]))).astype(np.float32)


def channels_first(x: Any) -> Any:
    """Images as PyTorch indexes them; their memory stays as it is, channels last."""
    return x.permute(0, 3, 1, 2)


def torch_conv(lib: Any, x: Any, w: Any, padding: int = 0) -> Any:
    """A convolution of images that are indexed channels first, with a kernel in the order of Keras."""
    return lib.functional.conv2d(x, w.permute(3, 2, 0, 1), padding=padding)


def jax_conv(x: Any, w: Any, padding: str = "VALID") -> Any:
    import jax

    return jax.lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def jax_pool(x: Any) -> Any:
    import jax

    return jax.lax.reduce_window(x, -np.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def cnn(size: int = 28, filters: tuple[int, int] = (32, 64), batch: int = 128) -> Workload:
    """Two convolutions with pooling: the network of the Keras tutorial, without its dropout."""
    rng = np.random.default_rng(0)
    x = rng.random((batch, size, size, 1)).astype(np.float32)
    labels, y = one_hot(rng, 10, batch)
    left = ((size - 2) // 2 - 2) // 2
    starts = {
        "k": kernel(rng, 3, 3, 1, filters[0]), "a": np.zeros(filters[0], np.float32),
        "l": kernel(rng, 3, 3, *filters), "b": np.zeros(filters[1], np.float32),
        "v": kernel(rng, left, left, filters[1], 10).reshape(-1, 10), "c": np.zeros(10, np.float32),
    }  # fmt: skip
    work = Workload(
        f"CNN {filters[0]}-{filters[1]}, Adam, batch {batch}",
        starts,
        Adam(),
        close=1e-3,
        aim=0.25,
        eager_aim=1.0,
    )

    @work.spelling("numpy", "conv2d, max_pool2d", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = lib.max_pool2d(lib.relu(lib.conv2d(x, w["k"]) + w["a"]), 2)
        h = lib.max_pool2d(lib.relu(lib.conv2d(h, w["l"]) + w["b"]), 2)
        return lib.cross_entropy(h.reshape(batch, -1) @ w["v"] + w["c"], y)

    @work.spelling("torch", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        pool = lib.functional.max_pool2d
        h = channels_first(x)
        h = pool(lib.relu(lib.functional.conv2d(h, w["k"].permute(3, 2, 0, 1), w["a"])), 2)
        h = pool(lib.relu(lib.functional.conv2d(h, w["l"].permute(3, 2, 0, 1), w["b"])), 2)
        return lib.cross_entropy(h.permute(0, 2, 3, 1).reshape(batch, -1) @ w["v"] + w["c"], labels)

    @work.spelling("jax", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        h = jax_pool(lib.relu(jax_conv(x, w["k"]) + w["a"]))
        h = jax_pool(lib.relu(jax_conv(h, w["l"]) + w["b"]))
        return lib.cross_entropy(h.reshape(batch, -1) @ w["v"] + w["c"], labels)

    @work.spelling("keras", "", x, labels)
    def _(keras: Any, starts: Any) -> Any:
        layers = keras.layers
        model = keras.Sequential([
            layers.Conv2D(filters[0], 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Conv2D(filters[1], 3, activation="relu"), layers.MaxPooling2D(2),
            layers.Flatten(), layers.Dense(10),
        ])  # fmt: skip
        return model, list(starts.values())

    def two_layers(lib: Any, w: Any, x: Any, y: Any, layer: Callable[[Any, Any, Any], Any]) -> Any:
        h = layer(layer(x, w["k"], w["a"]), w["l"], w["b"])
        return lib.cross_entropy(h.reshape(batch, -1) @ w["v"] + w["c"], y)

    @work.spelling("numpy", "ReLU after the pooling", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        return two_layers(lib, w, x, labels, lambda h, k, b: lib.relu(lib.max_pool2d(lib.conv2d(h, k), 2) + b))

    @work.spelling("numpy", "pooling by reshape and max", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        def layer(h: Any, k: Any, b: Any) -> Any:
            z = lib.relu(lib.conv2d(h, k) + b)
            half = z.shape[1] // 2
            return np.max(z[:, : 2 * half, : 2 * half].reshape(batch, half, 2, half, 2, -1), axis=(2, 4))

        return two_layers(lib, w, x, y, layer)

    @work.spelling("numpy", "windows and tensordot", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        def layer(h: Any, k: Any, b: Any) -> Any:
            windows = np.lib.stride_tricks.sliding_window_view(h, (3, 3), axis=(1, 2))
            return lib.max_pool2d(lib.relu(np.tensordot(windows, k, ((4, 5, 3), (0, 1, 2))) + b), 2)

        return two_layers(lib, w, x, y, layer)

    @work.spelling("numpy", "pictures with channels first", np.ascontiguousarray(x.transpose(0, 3, 1, 2)), y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        def layer(h: Any, k: Any, b: Any) -> Any:
            z = lib.conv2d(h.transpose(0, 2, 3, 1), k).transpose(0, 3, 1, 2) + b[:, None, None]
            return lib.max_pool2d(lib.relu(z).transpose(0, 2, 3, 1), 2).transpose(0, 3, 1, 2)

        h = layer(layer(x, w["k"], w["a"]), w["l"], w["b"])
        return lib.cross_entropy(h.transpose(0, 2, 3, 1).reshape(batch, -1) @ w["v"] + w["c"], y)

    return work


def residual(size: int = 28, filters: int = 16, blocks: int = 3, batch: int = 32) -> Workload:
    """Residual blocks of two convolutions, each with batch normalisation, and the mean of the pixels at the end."""
    rng = np.random.default_rng(0)
    x = rng.random((batch, size, size, 1)).astype(np.float32)
    labels, y = one_hot(rng, 10, batch)
    starts: dict[str, Any] = {}
    for n in range(2 * blocks + 1):
        starts |= {
            f"k{n}": kernel(rng, 3, 3, filters if n else 1, filters),
            f"scale{n}": np.ones(filters, np.float32), f"shift{n}": np.zeros(filters, np.float32),
        }  # fmt: skip
    starts["v"] = kernel(rng, 1, 1, filters, 10).reshape(filters, 10)
    work = Workload(
        f"residual CNN, {blocks} blocks of {filters} with batch normalisation, Adam, batch {batch}", starts, Adam(),
        close=2e-3, aim=1.0,
    )  # fmt: skip

    def through(lib: Any, w: Any, x: Any, layer: Callable[[Any, int], Any]) -> Any:
        """All blocks; `layer(h, n)` is a convolution and its normalisation."""
        h = lib.relu(layer(x, 0))
        for n in range(blocks):
            h = lib.relu(h + layer(lib.relu(layer(h, 2 * n + 1)), 2 * n + 2))
        return h

    def by_mean(lib: Any, w: Any, z: Any, n: int) -> Any:
        centered = z - lib.mean(z, axis=(0, 1, 2))
        deviation = lib.sqrt(lib.mean(centered * centered, axis=(0, 1, 2)) + np.float32(1e-3))
        return centered / deviation * w[f"scale{n}"] + w[f"shift{n}"]

    def by_var(lib: Any, w: Any, z: Any, n: int) -> Any:
        mean, variance = np.mean(z, axis=(0, 1, 2)), np.var(z, axis=(0, 1, 2))
        return (z - mean) * (w[f"scale{n}"] / np.sqrt(variance + np.float32(1e-3))) + w[f"shift{n}"]

    def by_squares(lib: Any, w: Any, z: Any, n: int) -> Any:
        mean = np.mean(z, axis=(0, 1, 2), keepdims=True)
        variance = np.mean(z**2, axis=(0, 1, 2), keepdims=True) - mean**2
        return (z - mean) / (variance + np.float32(1e-3)) ** 0.5 * w[f"scale{n}"] + w[f"shift{n}"]

    def by_rows(lib: Any, w: Any, z: Any, n: int) -> Any:
        rows = z.reshape(-1, filters)
        centered = rows - np.mean(rows, axis=0)
        deviation = np.sqrt(np.mean(centered**2, axis=0) + np.float32(1e-3))
        return (centered / deviation * w[f"scale{n}"] + w[f"shift{n}"]).reshape(z.shape)

    ways = {"mean of squares": by_mean, "np.var": by_var, "E[z²] − E[z]²": by_squares, "reshaped to rows": by_rows}
    for name, normal in ways.items():

        @work.spelling("numpy", name, x, y)
        def _(lib: Any, w: Any, x: Any, y: Any, normal: Any = normal) -> Any:
            h = through(lib, w, x, lambda h, n: normal(lib, w, lib.conv2d(h, w[f"k{n}"], padding="same"), n))
            return lib.cross_entropy(np.mean(h, axis=(1, 2)) @ w["v"], y)

    @work.spelling("numpy", "pictures with channels first", np.ascontiguousarray(x.transpose(0, 3, 1, 2)), y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        def layer(h: Any, n: int) -> Any:
            return by_mean(lib, w, lib.conv2d(h, w[f"k{n}"], padding="same"), n)

        h = through(lib, w, x.transpose(0, 2, 3, 1), layer).transpose(0, 3, 1, 2)
        return lib.cross_entropy(np.mean(h.reshape(batch, filters, -1), axis=-1) @ w["v"], y)

    @work.spelling("torch", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        def layer(h: Any, n: int) -> Any:
            z = torch_conv(lib, h, w[f"k{n}"], 1)
            return lib.functional.batch_norm(z, None, None, w[f"scale{n}"], w[f"shift{n}"], True, 0.1, 1e-3)

        return lib.cross_entropy(through(lib, w, channels_first(x), layer).mean((2, 3)) @ w["v"], labels)

    @work.spelling("jax", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        h = through(lib, w, x, lambda h, n: by_mean(lib, w, jax_conv(h, w[f"k{n}"], "SAME"), n))
        return lib.cross_entropy(lib.mean(h, axis=(1, 2)) @ w["v"], labels)

    @work.spelling("keras", "", x, labels)
    def _(keras: Any, starts: Any) -> Any:
        layers = keras.layers
        given = keras.Input((size, size, 1))

        def layer(h: Any) -> Any:
            return layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(h))

        h = layers.ReLU()(layer(given))
        for _ in range(blocks):
            h = layers.ReLU()(layers.add([h, layer(layers.ReLU()(layer(h)))]))
        model = keras.Model(given, layers.Dense(10, use_bias=False)(layers.GlobalAveragePooling2D()(h)))
        return model, _with_running_means(starts, filters)

    return work


def _with_running_means(starts: dict[str, Any], filters: int) -> list[Any]:
    """The weights as Keras has them: after the shift of each normalisation its running mean and variance."""
    found = []
    for name, start in starts.items():
        found.append(start)
        if name.startswith("shift"):
            found += [np.zeros(filters, np.float32), np.ones(filters, np.float32)]
    return found


def mixed(size: int = 28, filters: int = 16, batch: int = 32) -> Workload:
    """Two branches of convolutions, concatenated and pooled, and attention over the pixels that are left."""
    rng = np.random.default_rng(5)
    x = rng.random((batch, size, size, 1)).astype(np.float32)
    labels, y = one_hot(rng, 10, batch)
    channels, side = 2 * filters, (size - 2) // 4
    pixels = side * side
    starts = {
        "narrow": kernel(rng, 1, 1, filters, filters), "wide": kernel(rng, 3, 3, filters, filters),
        "stem": kernel(rng, 3, 3, 1, filters), "qkv": kernel(rng, 1, 1, channels, 3 * channels)[0, 0],
        "v": kernel(rng, 1, 1, channels, 10)[0, 0],
    }  # fmt: skip
    work = Workload(
        f"convolutions, concatenation and attention, {filters} filters, Adam, batch {batch}", starts, Adam(),
        close=2e-3,
    )  # fmt: skip
    scale = np.float32(channels**-0.5)

    def branches(lib: Any, w: Any, x: Any) -> Any:
        h = lib.max_pool2d(lib.relu(lib.conv2d(x, w["stem"])), 2)
        return lib.conv2d(h, w["narrow"]), lib.conv2d(h, w["wide"], padding="same")

    def attended(lib: Any, w: Any, h: Any) -> Any:
        z = h.reshape(batch, pixels, channels) @ w["qkv"]
        q, k, v = (z[:, :, place * channels : (place + 1) * channels] for place in range(3))
        return lib.softmax(q @ k.transpose(0, 2, 1) * scale) @ v

    def pooled(lib: Any, w: Any, x: Any) -> Any:
        return lib.max_pool2d(lib.relu(np.concatenate(branches(lib, w, x), axis=-1)), 2)

    @work.spelling("numpy", "concatenated, then ReLU", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        return lib.cross_entropy(np.mean(attended(lib, w, pooled(lib, w, x)), axis=1) @ w["v"], y)

    @work.spelling("numpy", "ReLU, pooled, then concatenated", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        parts = [lib.max_pool2d(lib.relu(part), 2) for part in branches(lib, w, x)]
        return lib.cross_entropy(np.mean(attended(lib, w, np.concatenate(parts, axis=-1)), axis=1) @ w["v"], y)

    @work.spelling("numpy", "1×1 convolution as a product", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = lib.max_pool2d(lib.relu(lib.conv2d(x, w["stem"])), 2)
        parts = [h @ w["narrow"][0, 0], lib.conv2d(h, w["wide"], padding="same")]
        h = lib.max_pool2d(lib.relu(np.concatenate(parts, axis=-1)), 2)
        return lib.cross_entropy(np.mean(attended(lib, w, h), axis=1) @ w["v"], y)

    @work.spelling("numpy", "attention by einsum and np.split", x, y)
    def _(lib: Any, w: Any, x: Any, y: Any) -> Any:
        h = pooled(lib, w, x).reshape(batch, pixels, channels)
        q, k, v = np.split(np.einsum("bpc,cd->bpd", h, w["qkv"]), 3, axis=-1)
        shares = lib.softmax(np.einsum("bqc,bkc->bqk", q, k) * scale)
        return lib.cross_entropy(np.einsum("bqk,bkc->bc", shares, v) / np.float32(pixels) @ w["v"], y)

    @work.spelling("torch", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        pool = lib.functional.max_pool2d
        h = pool(lib.relu(torch_conv(lib, channels_first(x), w["stem"])), 2)
        both = lib.concatenate([torch_conv(lib, h, w["narrow"]), torch_conv(lib, h, w["wide"], 1)], 1)
        h = pool(lib.relu(both), 2).permute(0, 2, 3, 1)
        q, k, v = (h.reshape(batch, pixels, channels) @ w["qkv"]).chunk(3, -1)
        seen = lib.functional.scaled_dot_product_attention(q, k, v)
        return lib.cross_entropy(seen.mean(1) @ w["v"], labels)

    @work.spelling("jax", "", x, labels)
    def _(lib: Any, w: Any, x: Any, labels: Any) -> Any:
        h = jax_pool(lib.relu(jax_conv(x, w["stem"])))
        both = lib.concatenate([jax_conv(h, w["narrow"]), jax_conv(h, w["wide"], "SAME")], -1)
        seen = attended(lib, w, jax_pool(lib.relu(both)))
        return lib.cross_entropy(lib.mean(seen, axis=1) @ w["v"], labels)

    return work
