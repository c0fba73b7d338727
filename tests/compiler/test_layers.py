"""Layers, optimisers and schedules: a compiled training step is the eager one, step after step."""

from __future__ import annotations

import copy
import importlib
import threading
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn, optim

pytestmark = pytest.mark.usefixtures("double_precision")

STEPS = 4

rng = np.random.default_rng(7)
ROWS = [rng.normal(size=(8, 5)) for _ in range(STEPS)]
IMAGES = [rng.normal(size=(4, 6, 6, 2)) for _ in range(STEPS)]
WORDS = [rng.integers(0, 9, size=(8, 3)) for _ in range(STEPS)]
VOLUMES = [rng.normal(size=(4, 4, 3, 5, 1)) for _ in range(STEPS)]

MODELS = {
    "Dense": (ROWS, [nn.Dense(4, activation="tanh", seed=1), nn.Dense(2, use_bias=False, seed=2)]),
    "every activation": (
        ROWS,
        [nn.Dense(4, activation=name, seed=1) for name in sorted(nn.activations.ACTIVATIONS)],
    ),
    "Dropout": (ROWS, [nn.Dense(6, seed=1), nn.Dropout(0.4, seed=3), nn.Dense(2, seed=2), nn.Dropout(0.2, seed=4)]),
    "BatchNormalization": (ROWS, [nn.Dense(4, seed=1), nn.BatchNormalization(momentum=0.8), nn.Dense(2, seed=2)]),
    "LayerNormalization": (ROWS, [nn.Dense(4, seed=1), nn.LayerNormalization(), nn.Dense(2, seed=2)]),
    "normalised within an example": (
        ROWS,
        [
            nn.Dense(4, seed=1), nn.GroupNormalization(2), nn.RMSNormalization(), nn.UnitNormalization(),
            nn.Dense(2, seed=2),
        ],
    ),
    "Embedding": (WORDS, [nn.Embedding(9, 4, seed=1, dtype=np.float64), nn.Flatten(), nn.Dense(2, seed=2)]),
    "Conv2D": (
        IMAGES,
        [
            nn.Conv2D(3, 3, activation="relu", padding="same", seed=1),
            nn.MaxPooling2D(2),
            nn.Conv2D(2, 2, seed=2),
            nn.AveragePooling2D(2),
            nn.Flatten(),
            nn.Dense(2, seed=3),
        ],
    ),
    "Conv1D": (
        ROWS,
        [
            nn.Reshape((5, 1)), nn.Conv1D(4, 2, padding="causal", seed=1), nn.UpSampling1D(), nn.ZeroPadding1D(),
            nn.Cropping1D((0, 2)), nn.MaxPooling1D(3, 1), nn.AveragePooling1D(), nn.Permute((2, 1)),
            nn.GlobalAveragePooling1D(), nn.RepeatVector(3), nn.GlobalMaxPooling1D(),
        ],
    ),
    "Conv2DTranspose": (
        IMAGES,
        [
            nn.DepthwiseConv2D(3, depth_multiplier=2, seed=1), nn.UpSampling2D(), nn.ZeroPadding2D(), nn.Cropping2D(2),
            nn.SeparableConv2D(3, 2, strides=2, seed=2), nn.Conv2DTranspose(2, 3, 2, "same", seed=3),
            nn.UpSampling2D(interpolation="bilinear"), nn.GlobalMaxPooling2D(keepdims=True),
            nn.GlobalAveragePooling2D(),
        ],
    ),
    "Conv3D": (
        VOLUMES,
        [
            nn.Conv3D(4, (2, 3, 2), padding="same", seed=1), nn.SpatialDropout3D(0.3, seed=6),
            nn.UpSampling3D(), nn.ZeroPadding3D(), nn.Cropping3D(1),
            nn.AlphaDropout(0.2, seed=7), nn.MaxPooling3D(),
            nn.Conv3DTranspose(2, 2, 2, seed=2), nn.AveragePooling3D(2),
            nn.GlobalMaxPooling3D(keepdims=True), nn.GlobalAveragePooling3D(), nn.Reshape((2, 1)),
            nn.Conv1DTranspose(3, 2, 2, seed=3), nn.DepthwiseConv1D(2, seed=4), nn.SeparableConv1D(2, 2, seed=5),
            nn.Flatten(),
        ],
    ),
    "SimpleRNN": (
        ROWS,
        [
            nn.Reshape((5, 1)), nn.SimpleRNN(3, return_sequences=True, seed=1), nn.ELU(0.5),
            nn.RNN(nn.StackedRNNCells([nn.SimpleRNNCell(2, seed=2), nn.GRUCell(2, seed=3)])),
        ],
    ),
    "ConvLSTM": (
        IMAGES,
        [
            nn.Reshape((3, 4, 3, 2)), nn.ConvLSTM2D(2, 2, padding="same", return_sequences=True, seed=1),
            nn.Reshape((3, 12, 2)), nn.ConvLSTM1D(2, 2, return_sequences=True, seed=2),
            nn.Reshape((3, 11, 1, 1, 2)), nn.ConvLSTM3D(2, (2, 1, 1), seed=3), nn.Flatten(), nn.Dense(2, seed=4),
        ],
    ),
    "images of another size": (
        IMAGES,
        [
            nn.RandomCrop(6, 5, seed=1), nn.CenterCrop(5, 5), nn.Resizing(7, 6),
            nn.SpectralNormalization(nn.Conv2D(4, 3, padding="same", seed=2)), nn.AdaptiveMaxPooling2D((5, 4)),
            nn.AdaptiveAveragePooling2D((4, 3)), nn.Reshape((12, 4)), nn.AdaptiveMaxPooling1D(8),
            nn.AdaptiveAveragePooling1D(6), nn.Reshape((2, 3, 2, 2)), nn.AdaptiveMaxPooling3D((2, 2, 2)),
            nn.AdaptiveAveragePooling3D((1, 2, 2)), nn.Flatten(), nn.Dense(2, seed=3),
        ],
    ),
    "images that change": (
        IMAGES,
        [
            nn.RandomShear(0.2, seed=1), nn.RandomPerspective(seed=2), nn.RandomSharpness(0.5, (-9, 9), seed=3),
            nn.RandomGaussianBlur(value_range=(-9, 9), seed=4), nn.RandomInvert(value_range=(0, 1), seed=5),
            nn.RandomErasing(value_range=(0, 1), seed=6), nn.MixUp(seed=7), nn.CutMix(seed=8),
            nn.AutoContrast((-9, 9)), nn.Equalization((-9, 9), 32), nn.Flatten(), nn.Dense(2, seed=9),
        ],
    ),
    "images in other colours": (
        IMAGES,
        [
            nn.Conv2D(3, 2, activation="sigmoid", seed=1), nn.RandomColorDegeneration(0.5, (0, 1), seed=2),
            nn.RandomGrayscale(seed=3), nn.RandomHue(0.3, (0, 1), seed=4), nn.RandomSaturation((0.3, 0.6), seed=5),
            nn.RandomColorJitter((0, 1), 0.1, 0.1, seed=6), nn.Solarization(0.1, 0.9, (0, 1), seed=7),
            nn.RandAugment((0, 1), seed=8), nn.Flatten(), nn.Dense(2, seed=9),
        ],
    ),
    "EinsumDense": (
        IMAGES,
        [nn.RandomTranslation(0.1, 0.1, seed=1), nn.Reshape((36, 2)),
         nn.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d", seed=2), nn.Flatten(), nn.Dense(2, seed=3)],
    ),
    "images with dropout": (
        IMAGES,
        [nn.Conv2D(3, 3, strides=2, seed=1), nn.BatchNormalization(), nn.Dropout(0.3, seed=2), nn.Flatten(),
         nn.Dense(2, seed=3)],
    ),
}  # fmt: skip

OPTIMIZERS = {
    "SGD": lambda parameters: optim.SGD(parameters, 0.05),
    "Momentum": lambda parameters: optim.Momentum(parameters, 0.05),
    "Nesterov": lambda parameters: optim.Momentum(parameters, 0.05, nesterov=True),
    "RMSprop": lambda parameters: optim.RMSprop(parameters, 0.01),
    "Adam": lambda parameters: optim.Adam(parameters, 0.01),
    "AdamW": lambda parameters: optim.AdamW(parameters, 0.01),
    "Adadelta": lambda parameters: optim.Adadelta(parameters, 1.0),
    "Adagrad": lambda parameters: optim.Adagrad(parameters, 0.1),
    "Adamax": lambda parameters: optim.Adamax(parameters, 0.01),
    "Ftrl": lambda parameters: optim.Ftrl(parameters, 0.1, l1_regularization_strength=0.01),
    "Lion": lambda parameters: optim.Lion(parameters, 0.01),
    "Nadam": lambda parameters: optim.Nadam(parameters, 0.01),
    "Adafactor": lambda parameters: optim.Adafactor(parameters, 0.05),
    "Lamb": lambda parameters: optim.Lamb(parameters, 0.01),
    "Muon": lambda parameters: optim.Muon(parameters, 0.01),
    "ScheduleFreeAdamW": lambda parameters: optim.ScheduleFreeAdamW(parameters, 0.01),
    "SGD with all": lambda parameters: optim.SGD(parameters, 0.05, 0.9, True, 0.01, clipnorm=0.3, use_ema=True),
    "RMSprop with all": lambda parameters: optim.RMSprop(parameters, 0.01, momentum=0.5, centered=True),
    "amsgrad": lambda parameters: optim.Adam(parameters, 0.01, amsgrad=True, weight_decay=0.1),
    "clipvalue": lambda parameters: optim.SGD(parameters, 0.05, clipvalue=0.1),
    "global_clipnorm": lambda parameters: optim.Adagrad(parameters, 0.1, global_clipnorm=0.2),
    "overwritten": lambda parameters: optim.Adam(
        parameters, 0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2
    ),
    "groups": lambda parameters: optim.AdamW(
        [
            {"params": parameters[:2], "learning_rate": 0.02, "weight_decay": 0.0},
            {"params": parameters[2:], "learning_rate": optim.ExponentialDecay(0.1, 2, 0.5)},
        ]
    ),
    "constrained": lambda parameters: constrained(optim.Adam(parameters, 0.05)),
    "built later": lambda parameters: built(optim.Adam(0.01), parameters),
}


def constrained(optimizer):
    """An optimiser whose first parameter has no negative numbers."""
    optimizer.constrain(optimizer.parameters["0"], lambda w: np.maximum(w, 0))
    return optimizer


def built(optimizer, parameters):
    optimizer.build(parameters)
    return optimizer


SCHEDULES = {
    "ExponentialDecay": optim.ExponentialDecay(0.1, 2, 0.5),
    "staircase": optim.ExponentialDecay(0.1, 2, 0.5, staircase=True),
    "StepDecay": optim.StepDecay(0.1, 2),
    "CosineDecay": optim.CosineDecay(0.1, 3),
    "warm-up": optim.CosineDecay(0.01, 3, alpha=0.1, warmup_target=0.1, warmup_steps=2),
    "PiecewiseConstant": optim.PiecewiseConstant([1, 2], [0.1, 0.05, 0.01]),
    "PolynomialDecay": optim.PolynomialDecay(0.1, 2, 0.01, power=2.0, cycle=True),
    "InverseTimeDecay": optim.InverseTimeDecay(0.1, 2, 0.5),
    "CosineDecayRestarts": optim.CosineDecayRestarts(0.1, 2, m_mul=0.9),
    "OneCycle": optim.OneCycle(0.1, 4),
    "three phases": optim.OneCycle(0.1, 8, 0.4, "linear", three_phase=True),
    "WarmUp": optim.WarmUp(optim.PolynomialDecay(0.1, 3, 0.0), 2),
    "an if": lambda steps: 0.1 if steps < 2 else 0.01,
}


def squares(output):
    """A loss that no output can hide from."""
    return np.mean((output - 0.5) ** 2)


def trained(layers, batches, optimizer_of, compiled):
    """Losses, and all that is left in the model and the optimiser, after a few steps from the same beginning."""
    model = nn.Sequential(copy.deepcopy(layers))
    with tg.no_grad():
        model.eval()
        model(batches[0])  # which makes the weights
        model.train()
    optimizer = optimizer_of(model.parameters())

    def step(x):
        optimizer.zero_grad()
        loss = squares(model(x))
        loss.backward()
        optimizer.step()
        return loss

    run = tg.compile(step) if compiled else lambda x: step(x).data
    losses = [float(run(x)) for x in batches]
    if compiled:
        # The gradients that a first step finds are None; those of all later ones are not.
        assert len(run.signatures) <= 2
    return losses, model.state_dict() | {f"optimizer's {name}": item for name, item in optimizer.state_dict().items()}


def assert_alike(layers, batches, optimizer_of):
    """Eager and compiled training end in the same place, having gone the same way, and have gone somewhere."""
    eager, compiled = (trained(layers, batches, optimizer_of, compiled) for compiled in (False, True))
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-9)
    assert compiled[1].keys() == eager[1].keys()
    for name, expected in eager[1].items():
        assert compiled[1][name].dtype == expected.dtype, name
        np.testing.assert_allclose(compiled[1][name], expected, rtol=1e-7, atol=1e-10, err_msg=name)
    assert len(set(eager[0])) == len(batches)


@pytest.mark.parametrize("kind", MODELS)
def test_a_compiled_step_trains_each_layer_as_the_eager_one_does(kind):
    batches, layers = MODELS[kind]
    assert_alike(layers, batches, OPTIMIZERS["Adam"])


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_compiled_step_of_each_optimiser_is_the_eager_one(kind):
    assert_alike([nn.Dense(3, activation="tanh", seed=1), nn.Dense(1, seed=2)], ROWS, OPTIMIZERS[kind])


@pytest.mark.parametrize("kind", SCHEDULES)
def test_each_schedule_goes_on_from_call_to_call(kind):
    assert_alike([nn.Dense(1, seed=1)], ROWS, lambda parameters: optim.SGD(parameters, SCHEDULES[kind]))


def test_every_layer_optimiser_and_schedule_is_tried():
    """A layer that is added and not tried here is noticed."""
    layers = [name for name in nn.__all__ if isinstance(kind := getattr(nn, name), type) and issubclass(kind, nn.Layer)]
    texts = [path.read_text("utf-8") for path in sorted(Path(__file__).parents[1].glob("nn/*.py"))]
    tried = {type(layer).__name__ for _, layers in MODELS.values() for layer in layers}
    tried |= {"InputLayer", "Layer", "Sequential", "StackedRNNCells", "Wrapper"}
    tried |= {"ActivityRegularization"}  # its numbers are for `fit`: see tests/keras/test_tutorials.py
    tried |= {name for name in layers if any(f"{name}(" in text and "tg.compile(" in text for text in texts)}
    tried |= {"HashedCrossing", "Hashing"}  # of strings, before a network
    assert tried >= set(layers)
    aliases_and_more = {
        "LearningRateSchedule",
        "Optimizer",
        "PiecewiseConstantDecay",
        "deserialize",
        "get",
        "schedules",
        "serialize",
    }
    assert {*OPTIMIZERS, *SCHEDULES} >= set(optim.__all__) - aliases_and_more


def test_a_float32_model_stays_float32_with_dropout():
    images = [batch.astype(np.float32) for batch in ROWS]
    layers = [nn.Dense(6, activation="relu", seed=1), nn.Dropout(0.5, seed=2), nn.Dense(2, seed=3)]
    eager, compiled = (trained(layers, images, OPTIMIZERS["Adam"], compiled) for compiled in (False, True))
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-4)
    assert all(compiled[1][name].dtype == item.dtype for name, item in eager[1].items())


def test_a_learning_rate_that_is_set_between_steps_is_used():
    w = tg.Tensor([1.0, -2.0], name="w")
    sgd = optim.SGD([w], 0.5)

    @tg.compile
    def step(x):
        sgd.zero_grad()
        loss = np.sum(w * x)
        loss.backward()
        sgd.step()
        return loss

    x = np.array([1.0, 1.0])
    for rate in (0.5, 0.25, 1.0):
        sgd.learning_rate = rate
        before = w.data.copy()
        step(x)
        assert (w.data == before - rate * x).all()


def test_a_step_is_not_made_again_after_the_model_was_used(tmp_path):
    model = nn.Sequential([nn.Dense(3), nn.BatchNormalization(), nn.Dropout(0.5, seed=0)])

    @tg.compile
    def step(x):
        return np.sum(model(x))

    x = np.ones((4, 2))
    model(x)
    step(x)
    before = [vars(module).copy().keys() for module in model.modules()]
    for _ in range(2):
        model.eval()
        model(x)
        model.train()
        assert all(module.training for module in model.modules())
    assert [vars(module).keys() for module in model.modules()] == before
    step.save(tmp_path / "step.py")
    model.eval()
    assert not any(module.training for module in model.modules())
    with pytest.raises(tg.UnsupportedError, match="has changed since it was compiled"):
        step.save(tmp_path / "step.py")


def test_training_and_use_are_two_programs():
    dropout = nn.Dropout(0.5, seed=0)
    run = tg.compile(lambda x: dropout(x))
    x = np.ones(1000)
    assert 300 < np.count_nonzero(run(x)) < 700
    dropout.eval()
    assert (run(x) == x).all()
    dropout.train()
    assert 300 < np.count_nonzero(run(x)) < 700


def test_a_compiled_embedding_looks_rows_up_and_refuses_those_that_are_not_there():
    table = nn.Embedding(4, 2, seed=0)
    table(np.array([0]))
    look_up = tg.compile(lambda x: table(x))
    assert (look_up(np.array([3, 0])) == table.embeddings.data[[3, 0]]).all()
    for lookup in (table, look_up):
        for outside in (4, -1):
            with pytest.raises(IndexError, match=r"Embedding .*rows 0 to 3"):
                lookup(np.array([outside, 0]))
    assert (look_up(np.array([3, 0])) == table.embeddings.data[[3, 0]]).all()


def test_a_saved_embedding_refuses_rows_that_are_not_there(tmp_path, monkeypatch):
    table = nn.Embedding(4, 2, seed=0)
    table(np.array([0]))

    @tg.compile
    def look_up(x):
        return table(x)

    expected = look_up(np.array([3, 0]))
    look_up.save(tmp_path / "saved_embedding.py")
    monkeypatch.syspath_prepend(tmp_path)
    saved = importlib.import_module("saved_embedding")
    assert (saved.look_up(np.array([3, 0])) == expected).all()
    with pytest.raises(IndexError, match="rows 0 to 3"):
        saved.look_up(np.array([-1, 0]))


def test_a_setting_that_the_class_had_is_seen_to_change_in_the_object():
    class Scaled:
        factor = 2.0

        def __call__(self, x):
            return self.factor * x

    scaled = Scaled()
    run = tg.compile(lambda x: scaled(x))
    assert run(np.ones(2)).tolist() == [2.0, 2.0]
    scaled.factor = 3.0
    assert run(np.ones(2)).tolist() == [3.0, 3.0]
    del scaled.factor
    assert run(np.ones(2)).tolist() == [2.0, 2.0]
    Scaled.factor = 5.0
    assert run(np.ones(2)).tolist() == [5.0, 5.0]


def test_the_first_module_that_a_thread_calls_can_be_in_a_compiled_function():
    found = []

    def call():
        flatten = nn.Flatten()
        found.append(tg.compile(lambda x: flatten(x))(np.ones((2, 3, 4))).shape)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert found == [(2, 12)]


def test_a_step_compares_the_settings_of_its_layers_and_no_table_of_tinygraph():
    model = nn.Sequential([nn.Dense(4, activation="relu", kernel_regularizer="l2"), nn.Dropout(0.5), nn.Dense(2)])
    model(np.ones((3, 2)))
    adam = optim.Adam(model.parameters(), 0.01)

    @tg.compile
    def step(x):
        loss = squares(model(x))
        loss.backward()
        adam.step()
        return loss

    step(np.ones((3, 2)))
    guards = step._programs.kept.last.guards
    names = {container.name for container in guards._containers if not container.name.startswith(("model.", "adam."))}
    assert names <= {"_registered"}
    assert not guards._contents and len(guards._locations) < 150


def test_a_change_of_a_setting_or_a_table_of_the_users_is_noticed():
    scales = {"twice": lambda x: x * 2}

    class Scaled(nn.Layer):
        factors = [1.0]

        def call(self, x):
            return scales["twice"](x) * self.factors[0]

    layer = nn.Sequential([Scaled(), nn.Activation("relu")])
    run = tg.compile(lambda x: layer(x))
    x = np.ones((2, 3), np.float32)
    assert (layer(x) == 2).all()
    assert (run(x) == 2).all()
    scales["twice"] = lambda x: x * 4
    assert (run(x) == 4).all()
    Scaled.factors[0] = 0.5
    assert (run(x) == 2).all()
    layer.layers[1].activation = nn.activations.get("leaky_relu")
    assert (run(-x) == layer(-x)).all()
    layer.layers.append(Scaled())
    assert (run(x) == layer(x)).all()


def test_layers_that_are_made_later_change_no_step():
    nn.set_seed(1)
    layer = nn.Dense(2)
    layer(np.ones((1, 3)))
    run = tg.compile(lambda x: layer(x))
    run(np.ones((1, 3)))
    nn.Dense(2)
    run(np.ones((1, 3)))
    nn.set_seed(None)
    run(np.ones((1, 3)))
    assert len(run.explain().programs) == 1
