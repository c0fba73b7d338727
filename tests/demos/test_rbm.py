"""The machine: its free energy, gradient and likelihood against sums over all states."""

import itertools

import numpy as np
import pytest

import tinygraph as tg
from demos import rbm as demo


@pytest.fixture
def machine():
    rng = np.random.default_rng(3)
    return demo.Machine(*[tg.Tensor(rng.normal(size=shape)) for shape in ((6, 4), (6,), (4,))])


def states(units):
    return np.array(list(itertools.product([0.0, 1.0], repeat=units)))


def joint(machine):
    """e^(v·b + h·c + v·W·h) of all pairs of states, shape (2^visible, 2^hidden)."""
    w, b, c = (parameter.data for parameter in machine)
    v, h = states(len(b)), states(len(c))
    return np.exp((v @ b)[:, None] + h @ c + v @ w @ h.T)


def test_free_energy_sums_over_the_hidden_states(machine):
    expected = -np.log(joint(machine).sum(axis=1))
    np.testing.assert_allclose(demo.free_energy(machine, states(6)).data, expected, rtol=1e-12)
    np.testing.assert_allclose(demo.exact_log_z(machine).item(), np.log(joint(machine).sum()), rtol=1e-12)


def test_gradient_is_the_rule_of_contrastive_divergence(machine):
    rng = np.random.default_rng(0)
    data, samples = ((rng.random((20, 6)) < 0.5).astype(float) for _ in range(2))
    demo.contrastive_divergence(machine, data, samples).backward()
    w, b, c = (parameter.data for parameter in machine)
    h_data, h_samples = (1 / (1 + np.exp(-(v @ w + c))) for v in (data, samples))
    np.testing.assert_allclose(machine.w.grad, (samples.T @ h_samples - data.T @ h_data) / 20, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(machine.b.grad, (samples - data).mean(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(machine.c.grad, (h_samples - h_data).mean(axis=0), rtol=1e-12, atol=1e-14)


def test_gibbs_sampling_ends_in_the_distribution_of_the_machine(machine):
    rng = np.random.default_rng(0)
    v = np.asarray(demo.gibbs(machine, np.zeros((20_000, 6)), rng, rounds=50))
    expected = joint(machine).sum(axis=1) / joint(machine).sum() @ states(6)
    np.testing.assert_allclose(v.mean(axis=0), expected, atol=0.015)


def test_annealing_finds_the_exact_sum(machine):
    estimate = demo.annealed(machine, np.random.default_rng(0), chains=200, steps=300)
    assert estimate == pytest.approx(demo.exact_log_z(machine).item(), abs=0.05)


def test_probabilities_of_films_are_those_of_the_sum(machine):
    found = demo.probabilities(machine, {"Avatar": 1.0, "Glitter": 0.0})
    v, weights = states(6), joint(machine).sum(axis=1)
    fits = (v[:, 1] == 1) & (v[:, 5] == 0)
    expected = weights[fits] @ v[fits] / weights[fits].sum()
    assert list(found) == ["Harry Potter", "Lord of the Rings", "Gladiator", "Titanic"]
    np.testing.assert_allclose(list(found.values()), expected[[0, 2, 3, 4]], rtol=1e-12)


def test_default_run_learns(default_run):
    figures = default_run("rbm")[0].figures
    assert figures["errors"][-1] < 0.75 * figures["errors"][0]
    assert figures["log likelihood"]["learnt"] > figures["log likelihood"]["without hidden units"] + 3
    assert figures["restored"] > 85


def test_small_machine_beside_its_exact_likelihood(default_run):
    small = default_run("rbm")[0].figures["small"]
    exact, estimate = small["log z"]
    assert estimate == pytest.approx(exact, abs=0.05)
    for trace in small["traces"].values():
        assert trace[-1] > trace[0] + 0.3
    assert small["traces"]["contrastive divergence"][-1] == pytest.approx(
        small["traces"]["exact gradient"][-1], abs=0.1
    )


def test_who_liked_gladiator_and_titanic_is_sent_to_the_ring(default_run):
    films = default_run("rbm")[0].figures["films"]
    assert films["Lord of the Rings"] > 0.9
    assert max(films["Harry Potter"], films["Avatar"], films["Glitter"]) < 0.3


def test_compiled_steps_are_the_eager_ones():
    data, _ = demo.eight_by_eight()
    runs = []
    for compiled in (False, True):
        rng = np.random.default_rng(0)
        machine = demo.initial(data, 8, rng)
        errors = demo.train(machine, data[:200], 2, rng, 0.05, compiled)
        runs.append((errors, machine.w.data, rng.bit_generator.state))
    np.testing.assert_allclose(runs[1][0], runs[0][0], rtol=1e-6)
    np.testing.assert_allclose(runs[1][1], runs[0][1], rtol=1e-4, atol=1e-6)
    assert runs[1][2] == runs[0][2]


def test_mnist(published):
    published("mnist.npz")
    train_set, test_set = demo.mnist()
    assert train_set.shape == (20000, 784) and test_set.shape == (2000, 784)
    assert set(np.unique(train_set)) == {0, 1}
