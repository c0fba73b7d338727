"""A machine that dreams digits: contrastive divergence as the gradient of a difference of free energies.

A restricted Boltzmann machine has visible units v, the pixels, and hidden units h, all 0 or 1. It gives each picture a
free energy F, and the probability e⁻ᶠ / Z, where Z is the sum over all pictures that there could be:

    F(v) = −v · b − Σ softplus(v @ W + c)

To learn is to lower F where the data are, and to raise it where the machine itself would be. Samples of the machine
come from Gibbs sampling: hidden units given the visible ones, visible units given the hidden ones, and so on.
Contrastive divergence starts at the data and takes one such round only. So the whole algorithm is one line and its
gradient:

    loss = mean(F(data)) − mean(F(samples))

Nobody derives the update; `backward` finds it in the graph: what v and h have in common in the data, minus what they
have in common in the samples. The samples are arrays without a record, so no gradient goes through them.

Z is a sum over all pictures, or over all states of the hidden units. With eight hidden units there are 256 states, and
the likelihood is exact. For 128 hidden units it is estimated by annealed importance sampling: many chains walk in small
steps from a machine without weights, whose Z is known, to the machine, and keep the ratio of probabilities on the way.
On the small machine the estimate stands beside the exact value. The small machine is also trained by the exact
gradient, through the sum itself, to see how far contrastive divergence gets.

The last part recommends films. A machine with two hidden units learns who liked what; the probability that somebody who
liked some films likes another is a ratio of two sums, here exact as well.

With mnist.npz in the data folder the pictures have 28 × 28 pixels. Otherwise they are scikit-learn's digits, 8 × 8.
Sources: Hinton, "Training products of experts by minimizing contrastive divergence" (2002); Salakhutdinov and Murray,
"On the quantitative analysis of deep belief networks" (2008), section 4.1; the table of films is that of Edwin Chen's
"Introduction to restricted Boltzmann machines" (2011).
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygraph as tg
from demos import plots
from demos.results import Results
from tinygraph import draws

BATCH = 50
FILMS = ("Harry Potter", "Avatar", "Lord of the Rings", "Gladiator", "Titanic", "Glitter")
LIKED = {
    "Alice": (1, 1, 1, 0, 0, 0),
    "Bob": (1, 0, 1, 0, 0, 0),
    "Carol": (1, 1, 1, 0, 0, 0),
    "David": (0, 0, 1, 1, 1, 0),
    "Eric": (0, 0, 1, 1, 0, 0),
    "Fred": (0, 0, 1, 1, 1, 0),
}
Array = NDArray[Any]


class Machine(NamedTuple):
    """The weights W, shape (visible, hidden), and the biases b of the visible and c of the hidden units."""

    w: tg.Tensor
    b: tg.Tensor
    c: tg.Tensor


def main(out: Path, epochs: int | None = None) -> Results:
    """Train on digits, compare likelihoods on a small machine, recommend films, and draw what there is to see."""
    large = tg.data.available("mnist.npz")
    train_set, test_set = mnist() if large else eight_by_eight()
    epochs = epochs or (5 if large else 15)
    print("data:", "MNIST, 28 × 28" if large else "scikit-learn's digits, 8 × 8", end=", pixels 0 or 1, ")
    print(f"{len(train_set):,} pictures to learn from, {len(test_set):,} to test")

    rng = np.random.default_rng(0)
    machine = initial(train_set, 128 if large else 64, rng)
    errors = train(machine, train_set, epochs, rng, rate=0.05)
    log_z = annealed(machine, rng, chains=100, steps=1000)
    likelihood = {
        "learnt": mean_log_likelihood(machine, test_set, log_z),
        "without hidden units": independent(train_set, test_set),
    }
    print(
        f"mean ln p of a test picture: {likelihood['learnt']:.2f}, of pixels that know nothing of each other:", end=" "
    )
    print(f"{likelihood['without hidden units']:.2f}")
    restored = reconstructions(machine, test_set)
    small = small_machines(rng)
    films = recommend()

    draw_grids(out, machine, test_set, rng)
    plots.curves(out / "rbm_small.png", small["traces"], "steps / 20", "exact mean ln p of the data")
    draw_graph(out / "rbm_graph.svg", machine, train_set[:BATCH], rng)
    return Results(
        {"errors": errors, "log likelihood": likelihood, "restored": restored, "small": small, "films": films},
        {
            "rbm_graph.svg": "One step: the free energy of the data, the free energy of samples, and their difference. "
            "The samples come in as constants.",
            "rbm_filters.png": "The weights of sixteen hidden units as pictures: bright pixels switch the unit on.",
            "rbm_reconstructions.png": "Test pictures above. Below each what comes back from its hidden units: the "
            "probabilities of the pixels.",
            "rbm_dreams.png": "Samples of the machine itself, after 1,000 rounds that began at test pictures.",
            "rbm_small.png": "A machine of 16 pixels and 8 hidden units, so small that its likelihood is exact: "
            "contrastive divergence beside the exact gradient.",
        },
    )


# --- the machine ------------------------------------------------------------------------------------------------------


def initial(data: Array, hidden: int, rng: np.random.Generator) -> Machine:
    """Draw small weights, and set the visible biases to the log odds of the pixels (Hinton's practical guide, 2010)."""
    mean = np.clip(data.mean(axis=0), 0.01, 0.99)
    weights = 0.05 * rng.standard_normal((data.shape[1], hidden))
    return Machine(
        tg.Tensor(weights, dtype=data.dtype, name="W"),
        tg.Tensor(np.log(mean / (1 - mean)), dtype=data.dtype, name="b"),
        tg.Tensor(np.zeros(hidden), dtype=data.dtype, name="c"),
    )


def free_energy(machine: Machine, v: Any) -> Any:
    """Return F of each picture: minus ln of the sum of e^(v·b + h·c + v·W·h) over all hidden states h."""
    w, b, c = machine
    return -(v @ b) - np.sum(tg.softplus(v @ w + c), axis=-1)


def gibbs(machine: Machine, v: Any, rng: np.random.Generator, rounds: int = 1) -> Any:
    """Draw hidden units given the visible ones, and visible units given the hidden ones, a number of times."""
    w, b, c = (parameter.data for parameter in machine)
    for _ in range(rounds):
        h = drawn(tg.sigmoid(v @ w + c), rng)
        v = drawn(tg.sigmoid(h @ w.T + b), rng)
    return v


def drawn(probability: Any, rng: np.random.Generator) -> Any:
    """Draw 1 with the given probabilities, else 0."""
    return (draws.uniform(rng, probability.shape, probability.dtype) < probability).astype(probability.dtype)


def contrastive_divergence(machine: Machine, data: Any, samples: Any) -> Any:
    """Return the difference of the mean free energies of data and of samples."""
    with tg.scope("free energy of the data"):
        of_data = np.mean(free_energy(machine, data))
    with tg.scope("free energy of the samples"):
        of_samples = np.mean(free_energy(machine, samples))
    return of_data - of_samples


def train(
    machine: Machine, data: Array, epochs: int, rng: np.random.Generator, rate: float, compiled: bool = True
) -> list[float]:
    """Train with one round of Gibbs sampling a step, and return the mean squared change by a round in each epoch.

    The step is compiled, with the sampling and its draws in it.
    """
    sgd = tg.optim.SGD(machine, learning_rate=rate, momentum=0.5)

    def step(v: Any) -> Any:
        samples = gibbs(machine, v, rng)
        loss = contrastive_divergence(machine, v, samples)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        return np.mean((v - samples) ** 2)

    run = tg.compile(step) if compiled else step
    errors = []
    for epoch in range(epochs):
        batches = tg.data.batches(data, size=BATCH, shuffle=rng, drop_last=True)
        errors.append(float(np.mean([run(v) for (v,) in batches])))
        print(f"epoch {epoch + 1:2d}   {100 * errors[-1]:.2f} % of the pixels change in a round")
    return errors


# --- likelihood -------------------------------------------------------------------------------------------------------


def mean_log_likelihood(machine: Machine, data: Array, log_z: float) -> float:
    """Return the mean of ln p of pictures, given ln Z."""
    with tg.no_grad():
        return float(np.mean(-free_energy(machine, data.astype(np.float64)).data)) - log_z


def exact_log_z(machine: Machine) -> Any:
    """Return ln Z: the sum over the visible units has a closed form, and the hidden states are counted through."""
    w, b, c = machine
    states = all_states(c.shape[0])
    return tg.logsumexp(states @ c + np.sum(tg.softplus(states @ w.T + b), axis=1))


def all_states(units: int) -> Array:
    """Return all states of some units as rows, shape (2^units, units)."""
    return (np.arange(2**units)[:, None] >> np.arange(units) & 1).astype(np.float64)


def annealed(machine: Machine, rng: np.random.Generator, chains: int, steps: int) -> float:
    """Estimate ln Z by annealed importance sampling.

    The chains begin at a machine with the same visible biases and no weights, whose Z is 2^hidden Π (1 + e^b). On the
    way the weights and hidden biases are multiplied by β, from 0 to 1.
    """
    w, b, c = (parameter.data for parameter in machine)
    v = drawn(np.broadcast_to(tg.sigmoid(b), (chains, len(b))), rng)
    log_ratio = np.zeros(chains)
    betas = np.linspace(0, 1, steps + 1).astype(w.dtype)
    for before, beta in pairwise(betas):
        hidden = v @ w + c
        log_ratio += np.sum(tg.softplus(beta * hidden) - tg.softplus(before * hidden), axis=1)
        h = drawn(tg.sigmoid(beta * hidden), rng)
        v = drawn(tg.sigmoid(beta * (h @ w.T) + b), rng)
    log_z_of_first = len(c) * np.log(2) + np.sum(tg.softplus(b.astype(np.float64)))
    return float(log_z_of_first + tg.logsumexp(log_ratio) - np.log(chains))


def independent(train_set: Array, test_set: Array) -> float:
    """Return the mean ln p of test pictures under pixels that are independent of each other."""
    mean = np.clip(train_set.mean(axis=0, dtype=np.float64), 1e-3, 1 - 1e-3)
    return float(np.mean(np.sum(np.where(test_set > 0, np.log(mean), np.log(1 - mean)), axis=1)))


def small_machines(rng: np.random.Generator, steps: int = 600) -> dict[str, Any]:
    """Train a small machine by contrastive divergence and by the exact gradient; compare the estimates of ln Z."""
    data = four_by_four()
    traces: dict[str, list[float]] = {}
    compared = (0.0, 0.0)
    for name in ("contrastive divergence", "exact gradient"):
        machine = initial(data, 8, np.random.default_rng(1))
        adam = tg.optim.Adam(machine, learning_rate=0.02)

        def step(v: Any, exact: bool, machine: Machine = machine, adam: Any = adam) -> None:
            if exact:
                loss = np.mean(free_energy(machine, v)) + exact_log_z(machine)
            else:
                loss = contrastive_divergence(machine, v, gibbs(machine, v, rng))
            adam.zero_grad()
            loss.backward()
            adam.step()

        run = tg.compile(step)
        traces[name] = []
        for number in range(steps + 1):
            if number % 20 == 0:
                traces[name].append(mean_log_likelihood(machine, data, exact_log_z(machine).item()))
            run(data[rng.integers(len(data), size=500)], name == "exact gradient")
        compared = exact_log_z(machine).item(), annealed(machine, rng, chains=200, steps=1000)
        print(f"16 pixels, 8 hidden units, {name}: mean ln p {traces[name][-1]:.3f}, exactly;", end=" ")
        print(f"ln Z is {compared[0]:.3f}, estimated {compared[1]:.3f}")
    return {"traces": traces, "log z": compared}


# --- recommendation ---------------------------------------------------------------------------------------------------


def recommend(steps: int = 200) -> dict[str, float]:
    """Learn who liked which films, and return the probabilities of the others for someone who liked two."""
    data = np.array(list(LIKED.values()), np.float64)
    machine = initial(data, 2, np.random.default_rng(1))
    adam, rng = tg.optim.Adam(machine, learning_rate=0.05), np.random.default_rng(0)

    @tg.compile
    def step(v: Any) -> None:
        loss = contrastive_divergence(machine, v, gibbs(machine, v, rng))
        adam.zero_grad()
        loss.backward()
        adam.step()

    for _ in range(steps):
        step(data)
    liked = {"Gladiator": 1.0, "Titanic": 1.0}
    answers = probabilities(machine, liked)
    print("someone liked Gladiator and Titanic; the probabilities of the other films:")
    for film, probability in sorted(answers.items(), key=lambda item: -item[1]):
        print(f"  {film:18} {probability:.2f}")
    for film, (first, second) in zip(FILMS, machine.w.data, strict=True):
        print(f"  weights of {film:18} {first:6.2f} {second:6.2f}")
    return answers


def probabilities(machine: Machine, known: dict[str, float]) -> dict[str, float]:
    """Return the probability of each film that is not known, exactly: all ways to fill in the others are counted."""
    rows = all_states(len(FILMS))
    fits = np.all([rows[:, FILMS.index(film)] == value for film, value in known.items()], axis=0)
    rows = rows[fits]
    with tg.no_grad():
        weights = tg.softmax(-free_energy(machine, rows)).numpy()
    return {film: float(weights @ rows[:, place]) for place, film in enumerate(FILMS) if film not in known}


# --- the pictures -----------------------------------------------------------------------------------------------------


def mnist() -> tuple[Array, Array]:
    """Load 20,000 pictures to learn from and 2,000 to test, each pixel 1 where it is more than half bright."""
    (train_set, _), (test_set, _) = tg.data.mnist()
    return tuple((x.reshape(len(x), -1) > 127).astype(np.float32) for x in (train_set[:20000], test_set[:2000]))


def eight_by_eight() -> tuple[Array, Array]:
    """Load scikit-learn's digits, each pixel 1 where it is more than half bright; every fifth one is for the test."""
    from sklearn.datasets import load_digits

    x = (load_digits().data > 7).astype(np.float32)
    test = np.arange(len(x)) % 5 == 0
    return x[~test], x[test]


def four_by_four() -> Array:
    """Shrink scikit-learn's digits to 4 × 4 pixels, 0 or 1."""
    from sklearn.datasets import load_digits

    means = load_digits().images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    return (means > 7).reshape(-1, 16).astype(np.float64)


# --- draw -------------------------------------------------------------------------------------------------------------


def reconstructions(machine: Machine, pictures: Array) -> float:
    """Return the share of pixels that come back right from the expected hidden units, in percent."""
    return float(100 * np.mean((restored(machine, pictures) > 0.5) == pictures))


def restored(machine: Machine, pictures: Array) -> Array:
    """Return the probabilities of the pixels, given the probabilities of the hidden units, given the pixels."""
    w, b, c = (parameter.data for parameter in machine)
    return np.asarray(tg.sigmoid(tg.sigmoid(pictures @ w + c) @ w.T + b))


def draw_grids(out: Path, machine: Machine, pictures: Array, rng: np.random.Generator) -> None:
    """Draw filters, reconstructions and dreams."""
    width = round(pictures.shape[1] ** 0.5)
    w = machine.w.data
    strongest = np.argsort(-np.sum(w**2, axis=0))[:16]
    filters = w[:, strongest].T
    bright = np.abs(filters).max(axis=1, keepdims=True)
    grid(out / "rbm_filters.png", (filters / bright + 1) / 2, width)
    some = pictures[:8]
    grid(out / "rbm_reconstructions.png", np.concatenate([some, restored(machine, some)]), width)
    with tg.no_grad():
        dreams = gibbs(machine, pictures[rng.integers(len(pictures), size=16)], rng, rounds=1000)
    grid(out / "rbm_dreams.png", restored(machine, np.asarray(dreams)), width)


def grid(path: Path, rows: Array, width: int) -> None:
    """Draw rows of numbers as square pictures, eight side by side."""
    plots.image_grid(path, rows.reshape(-1, width, width), [""] * len(rows), [False] * len(rows))


def draw_graph(path: Path, machine: Machine, pictures: Array, rng: np.random.Generator) -> None:
    """Draw one step, without the update."""
    for parameter in machine:
        parameter.grad = None  # of the last step
    v = tg.Tensor(pictures, name="v", requires_grad=False)
    samples = tg.Tensor(gibbs(machine, pictures, rng), name="v after a round", requires_grad=False)
    loss = contrastive_divergence(machine, v, samples)
    loss.backward(retain_graph=True)
    tg.draw(loss, view="full", title="one step of contrastive divergence").save(path)
    for parameter in machine:
        parameter.grad = None
