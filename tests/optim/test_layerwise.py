"""Lamb, Adafactor, Muon and ScheduleFreeAdamW, and gradients of several steps: in fit, compiled, saved."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn, optim

RNG = np.random.default_rng(0)
WORDS = RNG.integers(0, 20, (64, 6))
KINDS = (WORDS.sum(axis=1) % 3).astype(int)
EACH = pytest.mark.parametrize("name", ["Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW"])


def network():
    nn.set_seed(0)
    return nn.Sequential([nn.Embedding(20, 8), nn.Flatten(), nn.Dense(16, activation="relu"), nn.Dense(3)])


def trained(optimizer, model=None, epochs=3, **options):
    model = network() if model is None else model
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, **options)
    history = model.fit(WORDS, KINDS, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return history.history["loss"], model


@EACH
@pytest.mark.parametrize("several", [None, 3])
def test_a_compiled_training_is_the_eager_one_and_goes_on_from_a_file(name, several, tmp_path):
    def optimizer():
        return getattr(optim, name)(learning_rate=0.01, gradient_accumulation_steps=several)

    losses, model = trained(optimizer())
    np.testing.assert_allclose(trained(optimizer(), run_eagerly=True)[0], losses, rtol=1e-5)
    assert losses[-1] < losses[0]
    model.save(tmp_path / "model.safetensors")
    loaded = nn.load_model(tmp_path / "model.safetensors")
    goes_on = [item.fit(WORDS, KINDS, batch_size=16, epochs=2, shuffle=False, verbose=0).history["loss"]
               for item in (model, loaded)]  # fmt: skip
    assert goes_on[0] == goes_on[1]


def test_the_mean_of_several_gradients_is_that_of_the_batch_as_a_whole():
    def step(size, several):
        model = network()
        model.compile(optim.Adam(0.01, gradient_accumulation_steps=several), "mse")
        model.fit(WORDS, np.eye(3)[KINDS], batch_size=size, epochs=2, shuffle=False, verbose=0)
        return model.optimizer.steps.item(), model.get_weights()

    (of_parts, parts), (of_whole, whole) = step(16, 4), step(64, None)
    assert of_parts == of_whole == 2
    for one, other in zip(parts, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_adafactor_keeps_a_number_for_each_row_and_column():
    state = optim.Adafactor({"w": tg.Tensor(np.ones((3, 40, 50))), "b": tg.Tensor(np.ones(50))}).state
    assert state["rows of w"].shape == (3, 40, 1)
    assert state["columns of w"].shape == (3, 1, 50)
    assert state["rows of b"].shape == (50,)


def test_muon_moves_embeddings_and_chosen_layers_by_adam():
    _, model = trained(optim.Muon(0.01, exclude_layers=["dense_1"]), epochs=1)
    muon = model.optimizer
    rules = {muon.parameters[path].name: muon.rule(path) == muon.move for path in muon.parameters}
    assert [name for name, is_matrix in rules.items() if is_matrix] == [model.layers[2].kernel.name]
    assert {group.weight_decay for group in muon.groups} == {0.004}
    own = optim.Muon([{"params": [tg.Tensor(np.ones((2, 2))), tg.Tensor(np.ones(2))], "weight_decay": 0.5}])
    assert [(group.paths, group.weight_decay) for group in own.groups] == [(("0.0",), 0.5), (("0.1",), 0.5)]


def test_a_matrix_of_zeros_stays_finite():
    for name in ("Adafactor", "Lamb", "Muon"):
        w = tg.Tensor(np.zeros((3, 2)))
        optimizer = getattr(optim, name)([w], 0.1)
        for gradient in (np.zeros((3, 2)), np.ones((3, 2))):
            w.grad = gradient
            optimizer.step()
            assert np.isfinite(w.data).all()


def test_one_gradient_is_not_several():
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        optim.SGD(0.1, gradient_accumulation_steps=1)
