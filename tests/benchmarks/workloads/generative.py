"""Networks that generate: a pair of adversaries, and a restricted Boltzmann machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from workload import Adam, Descent, Workload, uniform


def gan(noise: int = 64, hidden: tuple[int, int] = (128, 256), pixels: int = 784, batch: int = 64) -> Workload:
    """A step of the discriminator, then one of the generator, each with Adam."""
    rng = np.random.default_rng(3)
    sizes = [noise, *hidden, pixels]
    starts: dict[str, Any] = {}
    for player, widths in (("g", sizes), ("d", [*reversed(sizes[1:]), 1])):
        for layer in range(3):
            starts[f"{player}w{layer}"] = uniform(rng, widths[layer], widths[layer + 1])
            starts[f"{player}b{layer}"] = np.zeros(widths[layer + 1], np.float32)
    stages = tuple(tuple(name for name in starts if name[0] == player) for player in "dg")
    work = Workload(
        f"GAN, {noise}-{'-'.join(map(str, hidden))}-{pixels} and back, Adam, batch {batch}", starts, Adam(0.0005),
        stages, aim=0.9,
    )  # fmt: skip
    z = rng.normal(size=(batch, noise)).astype(np.float32)
    real = rng.random((batch, pixels)).astype(np.float32)

    def generator(lib: Any, w: Any, z: Any) -> Any:
        for layer in range(2):
            z = lib.leaky_relu(z @ w[f"gw{layer}"] + w[f"gb{layer}"])
        return lib.sigmoid(z @ w["gw2"] + w["gb2"])

    def discriminator(lib: Any, w: Any, x: Any) -> Any:
        for layer in range(2):
            x = lib.leaky_relu(x @ w[f"dw{layer}"] + w[f"db{layer}"])
        return x @ w["dw2"] + w["db2"]

    def apart(lib: Any, w: Any, z: Any, real: Any, stage: int) -> Any:
        made = generator(lib, w, z)
        if stage == 1:
            return lib.mean(lib.softplus(-discriminator(lib, w, made)))
        on_made, on_real = discriminator(lib, w, lib.stop(made)), discriminator(lib, w, real)
        return lib.mean(lib.softplus(-on_real)) + lib.mean(lib.softplus(on_made))

    for family in ("numpy", "torch", "jax"):
        work.spelling(family, "real and made apart" if family == "numpy" else "", z, real)(apart)

    @work.spelling("numpy", "real and made together", z, real)
    def _(lib: Any, w: Any, z: Any, real: Any, stage: int) -> Any:
        made = generator(lib, w, z)
        if stage == 1:
            return np.mean(lib.softplus(-discriminator(lib, w, made)))
        on_both = discriminator(lib, w, np.concatenate([real, lib.stop(made)]))
        return np.mean(lib.softplus(-on_both[:batch])) + np.mean(lib.softplus(on_both[batch:]))

    @work.spelling("numpy", "signs, logaddexp", z, real)
    def _(lib: Any, w: Any, z: Any, real: Any, stage: int) -> Any:
        made = generator(lib, w, z)
        if stage == 1:
            return np.mean(np.logaddexp(np.float32(0), -discriminator(lib, w, made)))
        on_both = discriminator(lib, w, np.concatenate([real, lib.stop(made)]))
        signs = np.concatenate([-np.ones((batch, 1), np.float32), np.ones((batch, 1), np.float32)])
        return 2 * np.mean(np.logaddexp(np.float32(0), signs * on_both))

    @work.spelling("numpy", "pictures in columns", np.ascontiguousarray(z.T), np.ascontiguousarray(real.T))
    def _(lib: Any, w: Any, z: Any, real: Any, stage: int) -> Any:
        def through(player: str, x: Any) -> Any:
            for layer in range(3):
                x = w[f"{player}w{layer}"].T @ x + w[f"{player}b{layer}"][:, None]
                x = lib.leaky_relu(x) if layer < 2 else x
            return x

        made = lib.sigmoid(through("g", z))
        if stage == 1:
            return np.mean(lib.softplus(-through("d", made)))
        return np.mean(lib.softplus(-through("d", real))) + np.mean(lib.softplus(through("d", lib.stop(made))))

    return work


def rbm(visible: int = 784, hidden: int = 128, batch: int = 64) -> Workload:
    """Contrastive divergence with one round of Gibbs sampling, whose random numbers are given."""
    rng = np.random.default_rng(4)
    starts = {
        "w": (0.05 * rng.normal(size=(visible, hidden))).astype(np.float32),
        "b": np.zeros(visible, np.float32), "c": np.zeros(hidden, np.float32),
    }  # fmt: skip
    work = Workload(
        f"RBM {visible}-{hidden}, gradient descent, batch {batch}", starts, Descent(0.1), close=1e-2, aim=0.8
    )
    v = (rng.random((batch, visible)) < 0.3).astype(np.float32)
    for_h = rng.random((batch, hidden)).astype(np.float32)
    for_v = rng.random((batch, visible)).astype(np.float32)

    def free_energy(lib: Any, w: Any, v: Any) -> Any:
        return -(v @ w["b"]) - lib.softplus(v @ w["w"] + w["c"]).sum(-1)

    def samples(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        w = {name: lib.stop(weight) for name, weight in w.items()}
        h = lib.drawn(lib.sigmoid(v @ w["w"] + w["c"]), for_h)
        return lib.drawn(lib.sigmoid(h @ w["w"].T + w["b"]), for_v)

    def apart(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        drawn = samples(lib, w, v, for_h, for_v)
        return lib.mean(free_energy(lib, w, v)) - lib.mean(free_energy(lib, w, drawn))

    for family in ("numpy", "torch", "jax"):
        work.spelling(family, "data and samples apart" if family == "numpy" else "", v, for_h, for_v)(apart)

    @work.spelling("numpy", "data and samples together", v, for_h, for_v)
    def _(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        energies = free_energy(lib, w, np.concatenate([v, samples(lib, w, v, for_h, for_v)]))
        return np.mean(energies[:batch]) - np.mean(energies[batch:])

    @work.spelling("numpy", "difference of energies", v, for_h, for_v)
    def _(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        return np.mean(free_energy(lib, w, v) - free_energy(lib, w, samples(lib, w, v, for_h, for_v)))

    @work.spelling("numpy", "examples in columns", *(np.ascontiguousarray(x.T) for x in (v, for_h, for_v)))
    def _(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        def energy(v: Any) -> Any:
            return -(w["b"] @ v) - lib.softplus(w["w"].T @ v + w["c"][:, None]).sum(0)

        u = {name: lib.stop(weight) for name, weight in w.items()}
        h = lib.drawn(lib.sigmoid(u["w"].T @ v + u["c"][:, None]), for_h)
        return np.mean(energy(v)) - np.mean(energy(lib.drawn(lib.sigmoid(u["w"] @ h + u["b"][:, None]), for_v)))

    @work.spelling("numpy", "einsum, log1p of exp", v, for_h, for_v)
    def _(lib: Any, w: Any, v: Any, for_h: Any, for_v: Any) -> Any:
        def energy(v: Any) -> Any:
            hidden = np.log1p(np.exp(np.einsum("bv,vh->bh", v, w["w"]) + w["c"]))
            return -np.einsum("bv,v->b", v, w["b"]) - np.einsum("bh->b", hidden)

        return np.mean(energy(v)) - np.mean(energy(samples(lib, w, v, for_h, for_v)))

    return work
