"""compile, fit, evaluate and predict: what they do is what the loop written by hand does."""

from __future__ import annotations

import functools
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn, optim
from tinygraph.compiler.guards.guards import Guards
from tinygraph.training.callbacks import Callback, LambdaCallback

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)).astype(np.float32)
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


@pytest.fixture(autouse=True)
def one_seed():
    nn.set_seed(0)
    yield
    nn.set_seed(None)


def network(**options):
    model = nn.Sequential([nn.Input((4,)), nn.Dense(8, activation="relu"), nn.Dense(3, activation="softmax")])
    model.compile(**{"optimizer": optim.Adam(0.01), "loss": "sparse_categorical_crossentropy", **options})
    return model


def test_fit_takes_the_steps_of_a_loop_by_hand():
    model, twin = network(metrics=["accuracy"]), network()
    twin.set_weights(model.get_weights())
    history = model.fit(X, LABELS, epochs=3, batch_size=16, shuffle=False)
    adam = optim.Adam(twin.parameters(), 0.01)
    losses = []
    for _ in range(3):
        total = 0.0
        for start in range(0, 50, 16):
            x, y = X[start : start + 16], LABELS[start : start + 16]
            loss = tg.cross_entropy(twin(x), y)
            adam.zero_grad()
            loss.backward()
            adam.step()
            total += float(loss.data) * len(x)
        losses.append(total / 50)
    np.testing.assert_allclose(history.history["loss"], losses, rtol=1e-5)
    for mine, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)
    assert list(history.history) == ["loss", "accuracy"] and history.epoch == [0, 1, 2]


def test_eager_steps_are_compiled_ones():
    results = []
    for run_eagerly in (False, True):
        nn.set_seed(0)
        model = network(metrics=["accuracy"], run_eagerly=run_eagerly)
        results.append(model.fit(X, LABELS, epochs=3, batch_size=16, validation_split=0.2).history)
    for name, values in results[0].items():
        np.testing.assert_allclose(values, results[1][name], rtol=1e-5)


def test_one_seed_is_one_run_to_the_bit():
    def run():
        nn.set_seed(5)
        model = nn.Sequential([nn.Input((4,)), nn.Dense(8, "relu"), nn.Dropout(0.5), nn.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model.fit(X, LABELS, epochs=2, batch_size=16).history, model.get_weights()

    (first, weights), (second, again) = run(), run()
    assert first == second
    for one, other in zip(weights, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype(np.float32)], ids=["n", "n x 1", "floats"])
def test_labels_of_each_form(labels):
    expected = network().evaluate(X, LABELS)
    nn.set_seed(0)
    assert network().evaluate(X, labels) == pytest.approx(expected)


def test_one_hot_labels_have_their_own_loss():
    expected = network(metrics=["accuracy"]).evaluate(X, LABELS)
    nn.set_seed(0)
    model = network(loss="categorical_crossentropy", metrics=["accuracy"])
    assert model.evaluate(X, ONE_HOT) == pytest.approx(expected, rel=1e-5)


def test_the_metrics_are_those_of_all_examples():
    model = network(metrics=["accuracy"])
    model.fit(X, LABELS, epochs=1)
    loss, accuracy = model.evaluate(X, LABELS, batch_size=7)
    p = model.predict(X)
    assert accuracy == pytest.approx(np.mean(np.argmax(p, axis=1) == LABELS))
    assert loss == pytest.approx(-np.mean(np.log(p[np.arange(50), LABELS])), rel=1e-5)
    assert model.evaluate(X, LABELS, return_dict=True).keys() == {"loss", "accuracy"}


def test_validation_is_of_the_last_rows_and_changes_nothing():
    model = network()
    history = model.fit(X, LABELS, epochs=2, validation_split=0.2, shuffle=False).history
    twin = network()
    nn.set_seed(0)
    twin = network()
    expected = twin.fit(X[:40], LABELS[:40], epochs=2, validation_data=(X[40:], LABELS[40:]), shuffle=False).history
    assert history == expected
    assert history["val_loss"][-1] == pytest.approx(twin.evaluate(X[40:], LABELS[40:]))


def test_weights_of_classes_and_of_examples():
    weights = np.array([1.0, 2.0, 0.5])
    first, second = network(), network()
    second.set_weights(first.get_weights())
    one = first.fit(X, LABELS, class_weight=dict(enumerate(weights)), shuffle=False).history
    other = second.fit(X, LABELS, sample_weight=weights[LABELS], shuffle=False).history
    assert one["loss"] == pytest.approx(other["loss"])
    with pytest.raises(ValueError, match="class_weight has no weight for class 2"):
        first.fit(X, LABELS, class_weight={0: 1.0, 1: 1.0})


def test_weights_of_classes_and_of_examples_are_multiplied():
    of_classes, of_rows = np.array([1.0, 2.0, 0.5]), np.linspace(0.1, 3, len(X))
    first, second = network(), network()
    second.set_weights(first.get_weights())
    options = {"shuffle": False, "verbose": 0}
    both = first.fit(X, LABELS, sample_weight=of_rows, class_weight=dict(enumerate(of_classes)), **options).history
    product = second.fit(X, LABELS, sample_weight=of_rows * of_classes[LABELS], **options).history
    assert both["loss"] == pytest.approx(product["loss"])


def test_metrics_count_each_example_once_and_weighted_metrics_by_its_weight():
    model = nn.Sequential([nn.Input(X.shape[1:]), nn.Dense(1, seed=1)])
    model.compile(tg.optim.SGD(learning_rate=0.0), "mse", metrics=["mae"], weighted_metrics=["mse"])
    y, w = rng.normal(size=(len(X), 1)).astype("float32"), np.linspace(0, 3, len(X))
    error = (model(X).numpy() - y)[:, 0]
    for logs in (
        model.evaluate(X, y, sample_weight=w, batch_size=16, verbose=0, return_dict=True),
        model.fit(X, y, sample_weight=w, batch_size=16, verbose=0).history,
    ):
        found = {name: float(np.ravel(value)[0]) for name, value in logs.items()}
        assert found["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
        assert found["mse"] == pytest.approx(np.average(error**2, weights=w), rel=1e-5)
        assert found["loss"] == pytest.approx(np.mean(error**2 * w), rel=1e-5)  # over an uneven last batch, too


def test_a_weighted_metric_beside_one_of_its_name_is_called_weighted_as_in_keras():
    one = nn.Sequential([nn.Input(X.shape[1:]), nn.Dense(1, seed=1)])
    one.compile("sgd", "mse", metrics=["mae", "mae"], weighted_metrics=["mae", "mse", "mae"])
    names = ["loss", "mae", "mae_1", "weighted_mae", "mse", "weighted_mae_1"]
    assert list(one.evaluate(X, X[:, :1], verbose=0, return_dict=True)) == names
    x = nn.Input(X.shape[1:])
    two = nn.Model(x, {"a": nn.Dense(1)(x), "b": nn.Dense(1)(x)})
    two.compile("sgd", "mse", metrics={"a": ["mae"]}, weighted_metrics={"a": ["mae"], "b": ["mae"]})
    found = two.evaluate(X, {"a": X[:, :1], "b": X[:, :1]}, verbose=0, return_dict=True)
    assert {"a_mae", "a_weighted_mae", "b_mae"} <= set(found)


def test_generators_and_batches():
    batches = [(X[start : start + 10], LABELS[start : start + 10]) for start in range(0, 50, 10)]
    first, second, third = network(), network(), network()
    for other in (second, third):
        other.set_weights(first.get_weights())
    expected = first.fit(X, LABELS, batch_size=10, epochs=2, shuffle=False).history
    assert second.fit(batches_of(batches), epochs=2).history == expected

    def forever():
        while True:
            yield from batches

    assert third.fit(forever(), steps_per_epoch=5, epochs=2).history == expected
    with pytest.raises(ValueError, match="the data have no batches left"):
        third.fit(iter(batches), epochs=2)


def test_a_generator_that_ends_before_the_epochs_ends_the_training_with_a_warning():
    batches = [(X[start : start + 10], LABELS[start : start + 10]) for start in range(0, 50, 10)]
    losses = {}
    for steps, epochs in ((5, 3), (4, 3), (3, 2), (2, 2)):
        model, seen = network(), []
        model.set_weights([np.full_like(value, 0.1) for value in model.get_weights()])
        ended = LambdaCallback(on_train_end=lambda logs, seen=seen: seen.append(logs))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            losses[steps] = model.fit(
                iter(batches), steps_per_epoch=steps, epochs=epochs, verbose=0, callbacks=[ended]
            ).history["loss"]
        early = [str(each.message) for each in told if "ended early" in str(each.message)]
        assert len(early) == (steps * epochs > 5) and len(seen) == 1
        assert all(f"steps_per_epoch={steps}" in text and text.startswith("fit") for text in early)
    assert [len(losses[steps]) for steps in (5, 4, 3, 2)] == [1, 2, 2, 2]  # an epoch of one batch counts


def test_an_evaluation_with_fewer_batches_than_steps_says_it():
    batches = [(X[start : start + 10], LABELS[start : start + 10]) for start in range(0, 50, 10)]
    model = network()
    with pytest.warns(UserWarning, match=r"evaluate: the data ended early, with fewer batches than steps=7"):
        found = model.evaluate(iter(batches), steps=7, verbose=0)
    assert found == pytest.approx(model.evaluate(X, LABELS, batch_size=10, verbose=0))


def batches_of(batches):
    return Again(batches)


class Again:
    """An iterable that begins again."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


def test_several_inputs_and_outputs():
    a, b = nn.Input((4,), name="a"), nn.Input((2,), name="b")
    h = nn.Dense(5, activation="tanh")(a)
    model = nn.Model({"a": a, "b": b}, [nn.Dense(3, name="kind")(h), nn.Dense(1, name="size")(b)])
    model.compile(
        "adam",
        loss={"kind": tg.training.losses.SparseCategoricalCrossentropy(from_logits=True), "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    history = model.fit({"a": X, "b": X[:, :2]}, {"kind": LABELS, "size": X[:, 0]}, epochs=2).history
    assert list(history) == ["loss", "kind_loss", "size_loss", "kind_accuracy", "size_mae"]
    size = np.multiply(0.5, history["size_loss"])  # the losses of the outputs are shown without their weights
    np.testing.assert_allclose(history["loss"], np.add(history["kind_loss"], size), rtol=1e-5)
    assert [p.shape for p in model.predict({"a": X, "b": X[:, :2]})] == [(50, 3), (50, 1)]


def test_layers_that_were_frozen_when_compiled_stay_so():
    discriminator = nn.Sequential([nn.Input((4,)), nn.Dense(1, activation="sigmoid")])
    discriminator.compile("sgd", "binary_crossentropy")
    discriminator.trainable = False
    generator = nn.Sequential([nn.Input((2,)), nn.Dense(4)])
    both = nn.Sequential([generator, discriminator])
    both.compile("sgd", "binary_crossentropy")
    before = discriminator.get_weights()
    both.fit(X[:, :2], np.ones((50, 1)))
    for mine, theirs in zip(before, discriminator.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    discriminator.train_on_batch(X, np.ones((50, 1)))
    assert not np.array_equal(before[0], discriminator.get_weights()[0])
    assert not discriminator.trainable


def test_bad_data_are_errors_that_lose_nothing():
    model = network()
    before = model.get_weights()
    with pytest.raises(ValueError, match="the numbers of rows differ: inputs 50, targets 49"):
        model.fit(X, LABELS[:49])
    with pytest.raises(ValueError, match="there are no rows"):
        model.fit(X[:0], LABELS[:0])
    broken = X.copy()
    broken[7, 1] = np.nan
    with pytest.raises(ValueError, match="the inputs have a NaN, first in row 7"):
        model.fit(broken, LABELS)
    with pytest.raises(ValueError, match="3"):
        model.fit(X, LABELS + 1)
    with pytest.raises(tg.ShapeError, match=r"a batch of shape \(32, 3\)"):
        model.fit(X[:, :3], LABELS)
    fresh = nn.Sequential([nn.Input((4,)), nn.Dense(3)])
    fresh.compile("adam", "sparse_categorical_crossentropy")
    for call in (fresh.fit, fresh.evaluate):  # whose layers make their weights on one row
        with pytest.raises(tg.ShapeError, match=r"a batch of shape \(32, 3\)"):
            call(X[:, :3], LABELS)
    with pytest.raises(RuntimeError, match="the model is not compiled"):
        nn.Sequential([nn.Dense(3)]).fit(X, LABELS)
    with pytest.raises(ValueError, match="adan"):
        model.compile("adan")
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    model.fit(X, LABELS)


def test_typical_mistakes_are_named():
    model = network()
    with pytest.raises(TypeError, match=r"loss_weights are numbers, got 'accuracy'.*metrics=\["):
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    with pytest.raises(ValueError, match=r"got 'sparse_categorical_crossentropi'\. Did you mean 'sparse_categorical_"):
        model.compile("adam", "sparse_categorical_crossentropi")
    with pytest.raises(ValueError, match=r"got 'acuracy'\. Did you mean 'accuracy'"):
        model.compile("adam", "mse", metrics=["acuracy"])
    with pytest.raises(TypeError, match=r"there are no targets\. Write fit\(x, y\)"):
        model.fit(X)
    for wrong in (X.astype(object), X.astype(str)):
        with pytest.raises(TypeError, match="fit: the inputs must be numbers, got an array of"):
            model.fit(wrong, LABELS)
    with pytest.raises(TypeError, match=r"class_weight is a dict with the weight of each class.*got 'balanced'"):
        model.fit(X, LABELS, class_weight="balanced")
    with pytest.raises(TypeError, match=r"epochs must be a whole number, got 1\.5"):
        model.fit(X, LABELS, epochs=1.5)


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_missing_value_of_a_frame_is_named_by_its_column(share):
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["a", "b", "c", "d"])
    frame.loc[7, "b"] = np.nan
    told = r"the inputs have a NaN, first in row 7 of the columns b\. .*x.fillna\(x.median\(\)\)"
    with pytest.raises(ValueError, match=told):
        network().fit(frame, LABELS, validation_split=share)
    with pytest.raises(ValueError, match=told):
        network().fit([frame], LABELS, validation_split=share)


def test_the_steps_can_be_read():
    model = network()
    with pytest.raises(RuntimeError, match="compiled_steps: the model is not compiled"):
        _ = nn.Sequential([nn.Dense(3)]).compiled_steps
    steps = model.compiled_steps
    with pytest.raises(tg.GraphError, match="compile: the step of fit has not been called yet"):
        _ = steps.train.source
    model.train_on_batch(X[:8], LABELS[:8])
    model.predict(X[:8], verbose=0)
    assert "backward" in steps.train.source and "update" in steps.train.source
    assert "backward" not in steps.predict.source
    np.testing.assert_allclose(steps.predict(X[:8].astype(np.float32)), model.predict(X[:8]), rtol=1e-6)


def test_a_loss_that_becomes_nan_puts_the_weights_back():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(1)])
    model.compile(optim.SGD(1e30), "mse")
    before = model.get_weights()
    with pytest.raises(FloatingPointError, match="the loss of epoch 1 is"), np.errstate(all="ignore"):
        model.fit(X, X[:, 0], epochs=3)
    for mine, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_infinite_number_is_found_when_the_loss_becomes_nan():
    x = X.copy()
    x[7, 1] = np.inf
    told = r"The weights are those before this epoch\. The inputs have an infinite number, first in row 7"
    with pytest.raises(FloatingPointError, match=told), np.errstate(all="ignore"):
        network().fit(x, LABELS)


def test_callbacks_are_called_and_may_stop():
    calls = []

    class Noted(Callback):
        def on_epoch_end(self, epoch, logs=None):
            calls.append((epoch, sorted(logs)))
            self.model.stop_training = epoch == 1

        def on_train_batch_end(self, batch, logs=None):
            calls.append(logs["loss"])

    history = network().fit(X, LABELS, epochs=5, batch_size=25, callbacks=[Noted()])
    assert history.epoch == [0, 1]
    assert [call for call in calls if isinstance(call, tuple)] == [(0, ["loss"]), (1, ["loss"])]
    assert calls[1] == history.history["loss"][0]
    with pytest.raises(TypeError, match="is no callback"):
        network().fit(X, LABELS, callbacks=["early"])


def test_a_model_without_input_is_built_by_its_first_batch():
    model = nn.Sequential([nn.Dense(8, activation="relu"), nn.Dense(3)])
    model.compile("adam", tg.training.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X.astype(np.float64), LABELS)
    assert model.layers[0].kernel.dtype == np.float32
    assert model.predict(X).dtype == np.float32


def test_a_class_of_ones_own():
    class Own(nn.Model):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Dense(8, activation="tanh")
            self.scale = tg.Tensor(np.ones(3, np.float32), name="scale")
            self.out = nn.Dense(3)

        def call(self, x, training=False):
            return self.out(self.hidden(x)) * self.scale

    model = Own()
    model.compile("adam", tg.training.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    first = model.fit(X, LABELS, epochs=10).history
    assert first["loss"][-1] < first["loss"][0]
    assert len(model.optimizer.parameters) == 5


def test_one_row_and_many_rows_are_predicted_alike():
    model = network()
    many = model.predict(X, batch_size=7)
    np.testing.assert_allclose(np.concatenate([model.predict(X[i : i + 1]) for i in range(50)]), many, rtol=1e-5)
    np.testing.assert_allclose(many, model(X).numpy(), rtol=1e-5)


def test_masked_steps_count_neither_in_the_loss_nor_in_the_metrics():
    words = rng.integers(1, 7, (10, 6))
    for row in range(10):
        words[row, 1 + row % 6 :] = 0
    labels = rng.integers(0, 3, (10, 6))
    inner = nn.Sequential([nn.Input((6,), dtype="int32"), nn.Embedding(7, 4, mask_zero=True), nn.Dense(3)])
    model = nn.Sequential([inner, nn.Activation("softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    p = model(words).numpy()
    counted = words != 0
    chosen = np.take_along_axis(p, labels[..., None], axis=-1)[..., 0]
    loss, accuracy = model.evaluate(words, labels)
    assert loss == pytest.approx(-np.log(chosen[counted]).mean(), rel=1e-5)
    assert accuracy == pytest.approx(np.mean((np.argmax(p, axis=-1) == labels)[counted]))
    assert model.fit(words, labels, epochs=1).history["loss"][0] == pytest.approx(loss, rel=1e-5)
    weight = np.arange(10.0)
    p = model(words).numpy()
    chosen = np.take_along_axis(p, labels[..., None], axis=-1)[..., 0]
    weighted = -(np.log(chosen) * weight[:, None])[counted].mean()
    assert model.evaluate(words, labels, sample_weight=weight)[0] == pytest.approx(weighted, rel=1e-5)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["ce"])
    found = model.evaluate(words, labels, sample_weight=weight, return_dict=True)
    assert found["accuracy"] == pytest.approx(np.mean((np.argmax(p, axis=-1) == labels)[counted]))
    entropy = np.average(-np.log(chosen), weights=weight[:, None] * counted)
    assert found["ce"] == pytest.approx(entropy, rel=1e-5)


def test_a_model_predicts_before_it_has_weights():
    for rows in (3, 50):
        model = nn.Sequential([nn.Dense(4, activation="relu"), nn.Dense(2)])
        found = model.predict(X[:rows])
        np.testing.assert_allclose(found, model(X[:rows]).numpy(), rtol=1e-5)


class Scaled(nn.Layer):
    """A layer with a setting."""

    scale = 1.0

    def call(self, x):
        return x * self.scale


def test_what_is_changed_between_two_calls_is_noticed():
    layer = Scaled()
    model = nn.Sequential([nn.Dense(2), layer])
    model.compile("sgd", "mse")
    targets = np.zeros((50, 2), np.float32)
    for scale in (1.0, 2.0, 3.0):
        layer.scale = scale
        np.testing.assert_allclose(model.predict(X), model(X).numpy(), rtol=1e-5)
        np.testing.assert_allclose(model.evaluate(X, targets), np.mean(model(X).numpy() ** 2), rtol=1e-5)
    model.add(nn.Dense(2))
    np.testing.assert_allclose(model.predict(X), model(X).numpy(), rtol=1e-5)


def test_what_a_callback_changes_between_two_batches_is_noticed():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.layers[1].scale = 0.0

    model = nn.Sequential([nn.Dense(2), Scaled()])
    model.compile("sgd", "mse")
    targets = np.ones((50, 2), np.float32)
    history = model.fit(X, targets, batch_size=25, epochs=2, callbacks=[Stop()], verbose=0)
    assert history.history["loss"][1] == 1


def test_a_step_again_takes_other_shapes_and_other_settings():
    """Of a batch of another size the guards are asked, and the program of that size runs."""
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    eager = network()
    eager.set_weights(model.get_weights())
    eager.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    for one in (model, eager):
        one.fit(X, LABELS, batch_size=16, epochs=3, shuffle=False, verbose=0)
    for now, expected in zip(model.get_weights(), eager.get_weights(), strict=True):
        np.testing.assert_allclose(now, expected, rtol=1e-4, atol=1e-6)


# --- layers that carry states -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("eager", [False, True])
def test_stateful_layers_begin_where_they_stand(built, eager):
    """The call that makes the weights and the losses leaves no trace in the states."""
    x, y = np.random.default_rng(0).normal(size=(2, 4, 3, 2)).astype(np.float32), np.ones((4, 1), np.float32)
    model, by_hand = (nn.Sequential([nn.LSTM(3, stateful=True, seed=1), nn.Dense(1, seed=2)]) for _ in range(2))
    model.compile(optim.SGD(0.1), "mse", run_eagerly=eager)
    by_hand(x[0])
    by_hand.layers[0].reset_states()
    if built:
        model(x[0])
        model.layers[0].reset_states()
    sgd = optim.SGD(by_hand.parameters(), 0.1)
    for part in x:
        expected = np.mean((by_hand(part) - y) ** 2)
        expected.backward()
        sgd.step()
        sgd.zero_grad()
        np.testing.assert_allclose(model.train_on_batch(part, y), expected.item(), rtol=1e-5)
    for tensor, other in zip(model.weights, by_hand.weights, strict=True):
        np.testing.assert_allclose(tensor.data, other.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_on_batch(x[0]), by_hand(x[0]).numpy(), rtol=1e-5, atol=1e-6)


def test_the_guards_are_asked_once_an_epoch_unless_the_users_code_runs_between_two_steps(monkeypatch):
    asked = []
    hold = Guards.hold
    monkeypatch.setattr(Guards, "hold", lambda self: asked.append(self) or hold(self))
    model = network()
    model.fit(X, LABELS, batch_size=5)

    class Watching(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    counts = []
    for callbacks in ([], [Watching()]):
        asked.clear()
        model.fit(X, LABELS, batch_size=5, epochs=3, callbacks=callbacks)
        counts.append(len(asked))
    assert counts == [3, 30]
    model.predict(X[:1])
    asked.clear()
    model.predict(X[1:2])
    assert len(asked) == 1


class _Subclass(np.ndarray):
    pass


def _mapped(x, path):
    mapped = np.memmap(path, x.dtype, "w+", shape=x.shape)
    mapped[:] = x
    return mapped


_AS_OTHER_ARRAYS = {
    "backwards": lambda x, path: x[::-1].copy()[::-1],
    "bytes the other way": lambda x, path: x.astype(x.dtype.newbyteorder()),
    "columns": lambda x, path: np.asfortranarray(x),
    "lists": lambda x, path: x.tolist(),
    "mapped": _mapped,
    "masked nowhere": lambda x, path: np.ma.masked_array(x),
    "subclass": lambda x, path: x.view(_Subclass),
}


def _results(x, y, shuffle):
    nn.set_seed(0)
    model = network(metrics=["accuracy"])
    found = [model.fit(x, y, epochs=2, batch_size=16, shuffle=shuffle, verbose=0).history["loss"]]
    found += [model.evaluate(x, y, verbose=0), model.predict(x, batch_size=16, verbose=0)]
    return [*found, model.train_on_batch(x, y), model.test_on_batch(x, y), model.predict_on_batch(x)]


@functools.cache
def _results_of_plain_arrays(shuffle):
    return _results(X, LABELS, shuffle)


@pytest.mark.parametrize("kind", sorted(_AS_OTHER_ARRAYS))
@pytest.mark.parametrize("shuffle", [False, True])
def test_arrays_of_each_kind_are_plain_ones(kind, shuffle, tmp_path):
    other = _AS_OTHER_ARRAYS[kind]
    found = _results(other(X, tmp_path / "x"), other(LABELS, tmp_path / "y"), shuffle)
    for mine, plain in zip(found, _results_of_plain_arrays(shuffle), strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("run_eagerly", [False, True])
def test_masked_elements_are_refused(place, shuffle, run_eagerly):
    model = network(run_eagerly=run_eagerly)
    data = [X, LABELS]
    data[place] = np.ma.masked_array(data[place], data[place] > 1)
    before = model.get_weights()
    with pytest.raises(tg.errors.UnsupportedError, match="fit: its mask would be lost"):
        model.fit(*data, shuffle=shuffle)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_models_are_made_and_fitted_in_several_threads():
    def fitted():
        model = nn.Sequential([nn.Input((4,)), nn.Dense(8, "relu", seed=0), nn.Dense(3, "softmax", seed=1)])
        model.compile(optim.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(X, LABELS, epochs=2, shuffle=False, verbose=0)
        return model.predict(X, verbose=0)

    for _ in range(4):
        with ThreadPoolExecutor(4) as pool:
            found = [future.result() for future in [pool.submit(fitted) for _ in range(4)]]
        for one in found:
            np.testing.assert_allclose(one, found[0], rtol=1e-5)
