"""Steps of a model's own: `train_step`, `test_step` and `predict_step` as classes of Keras's users have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn
from tinygraph.keras import layers, ops

RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 5)).astype(np.float32)
Y = RNG.normal(size=(40, 3)).astype(np.float32)
WEIGHTS = RNG.random(40).astype(np.float32)
WORDS = np.where(RNG.random((40, 6)) < 0.3, 0, RNG.integers(1, 9, size=(40, 6)))

EAGERLY = pytest.mark.parametrize("run_eagerly", [False, True])


class Written(keras.Model):
    """The step of the guide "Customizing what happens in fit", as it is written for PyTorch."""

    def train_step(self, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=weight)
        loss.backward()
        trainable_weights = list(self.trainable_weights)
        gradients = [v.grad for v in trainable_weights]
        self.optimizer.apply(gradients, trainable_weights)
        return self._results(y, y_pred, weight, loss)

    def test_step(self, data: Any) -> Any:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)
        return self._results(y, y_pred, weight, self.compute_loss(y=y, y_pred=y_pred, sample_weight=weight))

    def _results(self, y: Any, y_pred: Any, weight: Any, loss: Any) -> Any:
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=len(y))
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Inherited(keras.Model):
    """Steps that are the inherited ones."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)

    def test_step(self, data: Any) -> Any:
        return super().test_step(data)

    def predict_step(self, data: Any) -> Any:
        return super().predict_step(data)


class Penalised(layers.Layer):
    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * ops.mean(ops.square(x)))
        return x


def network(kind: type[Any]) -> Any:
    keras.utils.set_random_seed(2)
    x = keras.Input((5,))
    h = layers.Dense(6, activation="tanh", kernel_regularizer="l2")(x)
    h = layers.Dropout(0.3)(layers.BatchNormalization()(Penalised()(h)))
    return kind(x, layers.Dense(3)(h))


def of_words(kind: type[Any]) -> Any:
    keras.utils.set_random_seed(2)
    x = keras.Input((None,), dtype="int32")
    h = layers.LSTM(4, return_sequences=True)(layers.Embedding(9, 3, mask_zero=True)(x))
    return kind(x, layers.Dense(1)(h))


CASES = {
    "layers": (network, X, Y, None),
    "weights": (network, X, Y, WEIGHTS),
    "masks": (of_words, WORDS, RNG.normal(size=(40, 6, 1)).astype(np.float32), None),
}


def fitted(name: str, kind: type[Any], run_eagerly: bool) -> tuple[Any, ...]:
    make, x, y, weight = CASES[name]
    model = make(kind)
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=run_eagerly)
    history = model.fit(x, y, sample_weight=weight, epochs=3, batch_size=16, verbose=0, validation_data=(x, y)).history
    found = model.evaluate(x, y, verbose=0), model.train_on_batch(x, y), model.test_on_batch(x, y)
    return history, *found, model.predict(x, verbose=0), model.get_weights()


# The metrics of the step that is written out are given no masks.
PAIRS = [(name, kind) for name in CASES for kind in (Written, Inherited) if (name, kind) != ("masks", Written)]


@EAGERLY
@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_a_step_that_is_written_out_trains_as_fit_does(name: str, kind: type[Any], run_eagerly: bool) -> None:
    expected, found = fitted(name, keras.Model, False), fitted(name, kind, run_eagerly)
    assert expected[0].keys() == found[0].keys()
    for one, other in zip(expected[0].values(), found[0].values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5)
    for one, other in zip(expected[1:], found[1:], strict=True):
        for part, its in zip(one, other, strict=True):
            np.testing.assert_allclose(part, its, rtol=2e-4, atol=1e-6)


class Adversarial(keras.Model):
    """Two networks, each with an optimiser of its own; no `call`, and metrics of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
        self.maker = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
        self.seed = keras.random.SeedGenerator(3)
        self.of_judge, self.of_maker = keras.metrics.Mean("judge"), keras.metrics.Mean("maker")

    def compile(self, first: Any, second: Any, **options: Any) -> None:
        super().compile(**options)
        self.first, self.second = first, second

    @property
    def metrics(self) -> list[Any]:
        return [self.of_judge, self.of_maker]

    def _take(self, loss: Any, part: Any, optimizer: Any) -> None:
        self.zero_grad()
        loss.backward()
        optimizer.apply([w.grad for w in part.trainable_weights], part.trainable_weights)

    def train_step(self, data: Any) -> Any:
        rows = ops.shape(data)[0]
        made = self.maker(keras.random.normal((rows, 2), seed=self.seed))
        labels = ops.concatenate([ops.ones((rows, 1)), ops.zeros((rows, 1))])
        judged = self.judge(ops.concatenate([data, made]))
        loss = ops.mean(keras.losses.binary_crossentropy(labels, judged, from_logits=True))
        self._take(loss, self.judge, self.first)
        judged = self.judge(self.maker(keras.random.normal((rows, 2), seed=self.seed)))
        other = ops.mean(keras.losses.binary_crossentropy(ops.ones((rows, 1)), judged, from_logits=True))
        self._take(other, self.maker, self.second)
        self.of_judge.update_state(loss)
        self.of_maker.update_state(other)
        return {"judge": self.of_judge.result(), "maker": self.of_maker.result()}


def test_two_networks_are_trained_in_turn(recwarn: pytest.WarningsRecorder) -> None:
    def trained(run_eagerly: bool) -> Any:
        keras.utils.set_random_seed(1)
        model = Adversarial()
        model.compile(keras.optimizers.Adam(0.01), keras.optimizers.Adam(0.02), run_eagerly=run_eagerly)
        seen: list[Any] = []
        watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(dict(logs)))
        history = model.fit(Y, epochs=4, batch_size=20, verbose=0, callbacks=[watch]).history
        assert [list(logs) for logs in seen] == [["judge", "maker"]] * 8
        assert [logs["judge"] for logs in seen[1::2]] == history["judge"]
        return history, model.get_weights(), model

    (history, weights, model), (eager, of_eager, _) = trained(False), trained(True)
    assert not recwarn.list
    assert "judge" in str(model.compiled_steps.train.step.source)
    for name in ("judge", "maker"):
        np.testing.assert_allclose(history[name], eager[name], rtol=1e-4)
    for one, other in zip(weights, of_eager, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    with pytest.raises(ValueError, match=r"first is an optimiser of the model's own.* Save without training=True"):
        model.save("never.safetensors", training=True)


def test_losses_of_the_last_call_are_those_of_a_step() -> None:
    found: list[int] = []

    class Twice(keras.Model):
        def train_step(self, data: Any) -> Any:
            x, _ = data
            self(x, training=True)
            y_pred = self(x, training=True)
            found.append(len(self.losses))
            return {"loss": ops.mean(y_pred)}

    model = network(Twice)
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, Y, batch_size=20, verbose=0)
    assert found == [2, 2]  # a penalty, and the number of one call
    assert not calling_is_left()


def calling_is_left() -> bool:
    from tinygraph.nn.calling import calling

    return calling.own is not None or calling.masks is not None


def test_a_prediction_is_a_program_where_a_layer_adds_to_the_loss(recwarn: pytest.WarningsRecorder) -> None:
    model = network(keras.Model)
    expected = model(X).numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5)
    assert not recwarn.list
    assert len(model.losses) == 2


def test_data_may_be_other_than_the_inputs_of_the_model() -> None:
    """Two images of each class, which are called one after the other, as in the example of metric learning."""

    class Pairs(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> Any:
            return np.stack([X[:8] + index, X[8:16]])

    class Embedding(keras.Model):
        def train_step(self, data: Any) -> Any:
            self.zero_grad()
            first, second = self(data[0], training=True), self(data[1], training=True)
            alike = ops.einsum("ae,pe->ap", first, second)
            labels = ops.arange(8)
            loss = self.compute_loss(y=labels, y_pred=alike)
            loss.backward()
            self.optimizer.apply([w.grad for w in self.trainable_weights], self.trainable_weights)
            for metric in self.metrics:
                metric.update_state(*((loss,) if metric.name == "loss" else (labels, alike)))
            return {m.name: m.result() for m in self.metrics}

    def trained(run_eagerly: bool) -> Any:
        model = network(Embedding)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], run_eagerly=run_eagerly)
        return model.fit(Pairs(), epochs=2, verbose=0).history

    history, eager = trained(False), trained(True)
    assert list(history) == ["loss", "accuracy"]
    np.testing.assert_allclose(history["loss"], eager["loss"], rtol=1e-5)


def test_results_must_have_names() -> None:
    class Nameless(nn.Sequential):
        def train_step(self, data: Any) -> Any:
            return 0.0

    model = Nameless([nn.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"Nameless.train_step must return its results by name, got float"):
        model.fit(X, Y, verbose=0)
    assert not calling_is_left()


def test_a_loss_that_is_no_number_ends_the_training() -> None:
    class Broken(nn.Sequential):
        def train_step(self, data: Any) -> Any:
            return {"loss": np.mean(data[1]) * np.nan}

    model = Broken([nn.Dense(3)])
    model.compile("sgd", "mse")
    with pytest.raises(FloatingPointError, match="the loss of epoch 1 is nan"):
        model.fit(X, Y, verbose=0)


def test_a_step_without_a_loss_among_its_results() -> None:
    class Counted(nn.Sequential):
        def train_step(self, data: Any) -> Any:
            return {"rows": len(data[0])}

    model = Counted([nn.Dense(3)])
    model.compile("sgd", "mse")
    assert model.fit(X, Y, epochs=2, batch_size=20, verbose=0).history == {"rows": [20.0, 20.0]}
    assert model.train_on_batch(X, Y) == 40


def test_data_of_a_step() -> None:
    pack, unpack = keras.utils.pack_x_y_sample_weight, keras.utils.unpack_x_y_sample_weight
    for given, data in [((1,), 1), (([1, 2],), ([1, 2],)), ((1, 2), (1, 2)), ((1, None, 3), (1, None, 3))]:
        assert pack(*given) == data
        assert unpack(data) == (*given, None, None)[:3]
    with pytest.raises(ValueError, match="got 4 parts"):
        unpack((1, 2, 3, 4))


def test_several_ranks_do_not_take_a_step_of_the_models_own() -> None:
    from tinygraph.training.steps import Steps

    model = network(Written)
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"distribute= would leave out Written\.train_step"):
        Steps(model, model._state.recipe, comm=object())


def test_gradients_are_forgotten() -> None:
    layer = nn.Sequential([nn.Dense(3), nn.Dense(2)])
    np.sum(layer(tg.Tensor(X))).backward()
    assert all([tensor.grad is not None for tensor in layer.parameters()])
    layer.zero_grad()
    assert all([tensor.grad is None for tensor in layer.parameters()])
