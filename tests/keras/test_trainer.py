"""Keras's models and callbacks beside `fit` itself: own metrics, stops, averages, a rate with methods."""

import copy

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


def network(*more, **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *more, keras.layers.Dense(2)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


class Counted(keras.layers.Layer):
    """Takes the mean of its batches into a metric of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.seen = [keras.metrics.Mean(name="seen")]

    def call(self, x):
        self.seen[0].update_state(x)
        return x


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_metric_of_a_layer_or_of_a_loss_is_among_the_results_of_each_epoch(eagerly):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.own = keras.metrics.Mean(name="own")
            self.counted = Counted()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(self.counted(x))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x, y, y_pred, sample_weight)
            self.own.update_state(loss * 4)
            return loss

    model = Own()
    model.compile("sgd", "mse", run_eagerly=eagerly)
    history = model.fit(X, Y, epochs=2, verbose=0).history
    np.testing.assert_allclose(history["own"], 4 * np.array(history["loss"]), rtol=1e-6)
    np.testing.assert_allclose(history["seen"], X.mean(), rtol=1e-5)
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert found["own"] == pytest.approx(4 * found["loss"], rel=1e-6)
    assert [metric.name for metric in model.metrics] == ["loss", "own", "seen"]


@pytest.mark.parametrize(("method", "word"), [("evaluate", "evaluating"), ("predict", "predicting")])
def test_a_callback_ends_an_evaluation_and_a_prediction(method, word):
    class Stop(keras.callbacks.Callback):
        batches = 0

        def after(self, *args):
            self.batches += 1
            setattr(self.model, f"stop_{word}", self.batches == 3)

        on_test_batch_end = on_predict_batch_end = after

    def endless():
        while True:
            yield (X[:2],) if method == "predict" else (X[:2], Y[:2])

    model, stop = network(), Stop()
    getattr(model, method)(endless(), callbacks=[stop], verbose=0)
    assert stop.batches == 3
    assert not network().stop_evaluating


def test_a_callback_stops_a_loop_of_ones_own():
    model = network()
    called = keras.callbacks.CallbackList(
        [keras.callbacks.EarlyStopping("loss", patience=1)], add_history=True, model=model, epochs=9
    )
    called.on_train_begin()
    for epoch, loss in enumerate([3.0, 2.0, 2.5, 1.0]):
        called.on_epoch_begin(epoch)
        called.on_epoch_end(epoch, {"loss": loss})
        if model.stop_training:
            break
    called.on_train_end()
    assert called.history.history["loss"] == [3.0, 2.0, 2.5]
    model.fit(X, Y, verbose=0)
    assert not model.stop_training
    with pytest.raises(AttributeError, match="no attribute 'on_nothing'"):
        called.on_nothing()
    with pytest.raises(TypeError, match="has no bar"):
        keras.callbacks.CallbackList(add_progbar=True)


def test_a_model_makes_weights_of_its_own():
    class Scaled(keras.Model):
        def __init__(self):
            super().__init__()
            self.scale = self.add_weight(shape=(4,), initializer="ones")
            self.calls = self.add_variable(shape=(), initializer="zeros", trainable=False)

        def call(self, x):
            return x * self.scale

    model = Scaled()
    assert not model.compiled
    model.compile("sgd", "mse")
    model.fit(X, X * 2, verbose=0)
    assert model.compiled
    assert (model.scale.numpy() > 1).all()
    assert model.calls.numpy() == 0


def test_the_size_of_a_batch_is_no_condition():
    x = keras.Input(batch_shape=(8, 4))
    model = keras.Model(x, keras.layers.Dense(2)(x))
    assert model.predict(X[:3], verbose=0).shape == (3, 2)


@pytest.mark.parametrize("y", [Y, {"kept": Y}, [Y]])
def test_an_output_without_a_loss_needs_no_targets(y):
    x = keras.Input((4,))
    outputs = [keras.layers.Dense(2, name=name)(x) for name in ("kept", "free", "other")]
    model = keras.Model(x, outputs)
    model.compile("sgd", loss=["mse", None, None] if not isinstance(y, dict) else {"kept": "mse"})
    before = model.evaluate(X, y, verbose=0, return_dict=True)["loss"]
    model.fit(X, y, epochs=3, verbose=0)
    assert model.evaluate(X, y, verbose=0, return_dict=True)["loss"] < before


def test_a_learning_rate_has_the_methods_of_a_variable():
    optimizer = keras.optimizers.Adam(0.01)
    assert optimizer.learning_rate == optimizer.learning_rate.numpy() == optimizer.learning_rate.value == 0.01
    optimizer.learning_rate.assign(0.002)
    assert optimizer.learning_rate == 0.002
    assert type(copy.deepcopy(optimizer.learning_rate)) is float
    model = network(optimizer=keras.optimizers.SGD(0.1))
    half = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    assert set(map(type, model.fit(X, Y, verbose=0, callbacks=[half]).history["learning_rate"])) == {float}


@pytest.mark.parametrize("on_epoch", [False, True])
def test_averages_are_evaluated_and_the_weights_trained(on_epoch, tmp_path):
    def trained(*callbacks, **more):
        model = network(optimizer=keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
        found = model.fit(X, Y, epochs=3, verbose=0, shuffle=False, callbacks=callbacks, validation_data=(X, Y), **more)
        return model, found.history

    plain, _ = trained()
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.safetensors")
    model, history = trained(swap, saved)
    for ours, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)
    of_file = keras.models.load_model(tmp_path / "3.safetensors").get_weights()
    assert all((a == b).all() for a, b in zip(of_file, model.get_weights(), strict=True)) == on_epoch
    assert not model.optimizer.is_averaged
    with pytest.raises(ValueError, match=r"keeps no averages of the weights. Write Adam\(0.001, use_ema=True\)"):
        network(optimizer="adam").fit(X, Y, callbacks=[swap], verbose=0)


def test_batches_of_a_generator_may_be_lists():
    batches = [[X[:8], Y[:8]], [X[8:], Y[8:]]]
    ours = network().fit(iter(batches), verbose=0).history["loss"]
    assert ours == network().fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"]


LOSSES = {
    "softmax of one": (1, "softmax", "binary_crossentropy", "a softmax over one class is always 1"),
    "one class": (1, "sigmoid", "categorical_crossentropy", "categoricalcrossentropy of one class is 0"),
    "logits": (3, None, "sparse_categorical_crossentropy", r"the last layer gives logits.*from_logits=True\)"),
    "probabilities": (
        3, "softmax", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        r"it has a softmax. Write SparseCategoricalCrossentropy\(\)",
    ),
    "shares": (1, "sigmoid", keras.losses.BinaryCrossentropy(from_logits=True), r"it has a sigmoid"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOSSES)
def test_a_loss_that_does_not_fit_the_last_layer_is_told(case):
    units, activation, loss, message = LOSSES[case]
    labels = np.arange(16) % (units if units > 1 else 2)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])
    model.compile("sgd", loss)
    with pytest.warns(UserWarning, match=message):
        model.evaluate(X, labels, verbose=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [
        (3, "softmax", "sparse_categorical_crossentropy"),
        (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        (1, "sigmoid", "binary_crossentropy"),
        (1, None, keras.losses.BinaryCrossentropy(from_logits=True)),
        (1, None, "mse"),
    ],
)
def test_a_loss_that_fits_is_not(units, activation, loss):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, activation=activation)])
    model.compile("sgd", loss)
    model.evaluate(X, np.arange(16) % (units if units > 1 else 2), verbose=0)


def test_draws_have_the_moments_of_their_distributions():
    pytest.importorskip("scipy")
    draws, seed = keras.random, keras.random.SeedGenerator(3)
    cases = {
        "truncated_normal": (lambda: draws.truncated_normal((4000,), 1.0, 2.0, seed=seed), 1.0, 2 * 0.8796),
        "gamma": (lambda: draws.gamma((4000,), 2.5, seed=seed), 2.5, 2.5**0.5),
        "beta": (lambda: draws.beta((4000,), 2.0, 3.0, seed=seed), 0.4, 0.2),
        "binomial": (lambda: draws.binomial((4000,), 10.0, 0.3, seed=seed), 3.0, 2.1**0.5),
    }
    for name, (draw, mean, deviation) in cases.items():
        step = tg.compile(draw)
        first, second = np.asarray(step()), np.asarray(step())
        assert (first != second).any(), name
        for found in (np.asarray(draw()), second):
            assert found.dtype == np.float32
            assert found.mean() == pytest.approx(mean, abs=5 * deviation / 4000**0.5)
            assert found.std() == pytest.approx(deviation, rel=0.1)
    assert np.abs(np.asarray(cases["truncated_normal"][0]()) - 1).max() <= 4
    assert set(np.asarray(cases["binomial"][0]())) <= set(range(11))


def test_draws_of_a_wrong_dtype_or_shape_are_refused():
    with pytest.raises(ValueError, match="normal: the dtype must be floating, got int32"):
        keras.random.normal((2,), dtype="int32")
    with pytest.raises(ValueError, match="randint: the dtype must be one of whole numbers, got float32"):
        keras.random.randint((2,), 0, 3, dtype="float32")
    with pytest.raises(ValueError, match="the logits have two axes"):
        keras.random.categorical(np.zeros(3), 2)
    np.testing.assert_array_equal(keras.random.dropout(X, 1.0), 0 * X)
    kept = np.asarray(keras.random.dropout(np.ones((5, 3)), 0.5, noise_shape=(None, 1), seed=1))
    assert (kept == kept[:, :1]).all()
    seed = keras.random.SeedGenerator(5)
    again = keras.random.SeedGenerator.from_config(seed.get_config())
    np.testing.assert_array_equal(seed.next(), again.next())
