"""Nothing that a training was asked to do is left out in silence: parameters, rows, weights, constraints."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn, optim, training
from tinygraph.training.feeding import split_off

rng = np.random.default_rng(0)
X = rng.normal(size=(20, 3)).astype(np.float32)
Y = rng.normal(size=(20, 1)).astype(np.float32)


def line(loss="mse", optimizer=None, units=1, **options):
    model = nn.Sequential([nn.Input((3,)), nn.Dense(units, seed=2, **options)])
    model.compile(optimizer or optim.SGD(learning_rate=0.0), loss)
    return model


def loss_of_fit(model, x, y, **options):
    return model.fit(x, y, batch_size=len(x), verbose=0, **options).history["loss"][0]


# --- parameters that the optimiser does not have ----------------------------------------------------------------------


def test_an_optimiser_of_two_models_is_refused():
    shared = optim.SGD(learning_rate=0.1)
    line(optimizer=shared).fit(X, Y, verbose=0)
    second = line(optimizer=shared)
    with pytest.raises(ValueError, match=r"would not train layers\.0\.kernel and 1 more.*Give compile a new one, SGD"):
        second.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="would not train"):
        second.train_on_batch(X, Y)


def test_an_optimiser_from_before_a_layer_was_unfrozen_is_refused():
    sgd = optim.SGD(learning_rate=0.1)
    model = nn.Sequential([nn.Input((3,)), nn.Dense(2, seed=1), nn.Dense(1, seed=2)])
    model.layers[0].trainable = False
    model.compile(sgd, "mse")
    model.fit(X, Y, verbose=0)
    model.layers[0].trainable = True
    model.compile(sgd, "mse")
    with pytest.raises(ValueError, match=r"would not train layers\.0\.kernel"):
        model.fit(X, Y, verbose=0)
    model.layers[0].trainable = False
    model.compile(sgd, "mse")
    model.fit(X, Y, verbose=0)  # what is frozen is not asked for


@pytest.mark.parametrize("change", ["add", "replace"])
def test_layers_that_come_after_the_optimiser_are_refused(change):
    model = line(optimizer=optim.SGD(learning_rate=0.1))
    model.fit(X, Y, verbose=0)
    if change == "add":
        model.add(nn.Dense(1, seed=3))
    else:
        model.layers[0].kernel = tg.Tensor(np.ones((3, 1), np.float32))
    with pytest.raises(ValueError, match=r"before layers were added, replaced or unfrozen"):
        model.fit(X, Y, verbose=0)


def test_constraints_hold_for_an_optimiser_with_parameters_too():
    model = line(kernel_constraint="non_neg")
    model.compile(optim.SGD(model.parameters(), learning_rate=0.5), "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    assert (model.layers[0].kernel.data >= 0).all()


# --- rows -------------------------------------------------------------------------------------------------------------


def rows_of(epochs, **options):
    """Return the first targets of the batches that a training takes."""
    model, found = line(), []
    see = training.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: found.append(int(model.last_batch[1][0, 0]))
    )
    targets = np.arange(20, dtype=np.float32).reshape(-1, 1)
    model.fit(X, targets, batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=[see], **options)
    return found


def test_short_epochs_in_order_go_over_all_rows():
    assert rows_of(4, steps_per_epoch=2) == [0, 4, 8, 12, 16, 0, 4, 8]
    assert rows_of(2, steps_per_epoch=6) == [0, 4, 8, 12, 16, 0, 4, 8, 12, 16, 0, 4]
    assert rows_of(2) == [0, 4, 8, 12, 16] * 2


def test_a_resumed_training_takes_the_rows_that_come_next(tmp_path):
    path = tmp_path / "state.safetensors"
    whole, halves = line(optimizer=optim.SGD(learning_rate=0.1)), line(optimizer=optim.SGD(learning_rate=0.1))
    options = {"batch_size": 4, "steps_per_epoch": 2, "shuffle": False, "verbose": 0}
    whole.fit(X, Y, epochs=4, **options)
    halves.fit(X, Y, epochs=2, **options)
    halves.save(path, training=True)
    again = line(optimizer=optim.SGD(learning_rate=0.1))
    again.fit(X, Y, epochs=4, resume_from=path, **options)
    for mine, theirs in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


# --- weights of classes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_classes_may_have_negative_numbers(dtype):
    signs = np.where(np.arange(20) % 4 == 0, 1, -1).astype(dtype)
    model = line("hinge")
    scores = model.predict(X, verbose=0)[:, 0]
    expected = np.mean(np.maximum(0, 1 - signs * scores) * np.where(signs > 0, 5, 1))
    assert loss_of_fit(model, X, signs, class_weight={-1: 1.0, 1: 5.0}) == pytest.approx(expected, rel=1e-5)


def test_labels_are_rounded_to_classes():
    labels = np.where(np.arange(20) % 4 == 0, 0.999, 0.001)
    model = line()
    errors = (model.predict(X, verbose=0)[:, 0] - labels) ** 2
    expected = np.mean(errors * np.where(labels > 0.5, 5, 1))
    assert loss_of_fit(model, X, labels, class_weight={0: 1.0, 1: 5.0}) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(20, 2), (20, 2, 1), (20, 4, 2)])
def test_rows_of_several_classes_have_no_one_weight(shape):
    labels = np.ones(shape, int)
    with pytest.raises(ValueError, match=r"class_weight needs one class for each row.*give sample_weight="):
        line("binary_crossentropy", units=2).fit(X, labels, class_weight={0: 1.0, 1: 5.0}, verbose=0)


# --- several outputs --------------------------------------------------------------------------------------------------


def two_outputs():
    x = nn.Input((3,))
    model = nn.Model(x, [nn.Dense(1, name="p", seed=1)(x), nn.Dense(1, name="q", seed=2)(x)])
    model.compile(optim.SGD(learning_rate=0.0), "mse", loss_weights=[1.0, 0.5])
    p, q = model.predict(X, verbose=0)
    return model, (p - Y)[:, 0] ** 2, (q - 2 * Y)[:, 0] ** 2


def test_targets_and_weights_go_to_the_output_of_their_name():
    model, p, q = two_outputs()
    w = np.arange(20.0)
    targets = {"q": 2 * Y, "p": Y}
    assert loss_of_fit(model, X, targets) == pytest.approx(np.mean(p) + 0.5 * np.mean(q), rel=1e-5)
    both = {"q": w, "p": 2 * w}
    expected = np.mean(p * 2 * w) + 0.5 * np.mean(q * w)
    assert loss_of_fit(model, X, targets, sample_weight=both) == pytest.approx(expected, rel=1e-5)
    expected = np.mean(p) + 0.5 * np.mean(q * w)
    assert loss_of_fit(model, X, targets, sample_weight={"q": w}) == pytest.approx(expected, rel=1e-5)


def test_losses_weights_and_metrics_go_to_the_output_of_their_name():
    model, p, q = two_outputs()
    for names in (["p", "q"], ["q", "p"]):
        each = {"p": ("mse", 2.0, ["mae"]), "q": ("mae", 0.25, ["mse"])}
        loss, weights, metrics = ({name: each[name][place] for name in names} for place in range(3))
        model.compile(optim.SGD(learning_rate=0.0), loss, loss_weights=weights, metrics=metrics)
        found = model.evaluate(X, [Y, 2 * Y], verbose=0, return_dict=True)
        assert found["loss"] == pytest.approx(2 * np.mean(p) + 0.25 * np.mean(np.sqrt(q)), rel=1e-5)
        assert found["p_mae"] == pytest.approx(np.mean(np.sqrt(p)), rel=1e-5)
        assert found["q_mse"] == pytest.approx(np.mean(q), rel=1e-5)


@pytest.mark.parametrize(("rows", "share", "trained"), [(10, 0.25, 7), (10, 0.5, 5), (7, 0.2, 5), (20, 0.1, 18)])
def test_a_validation_split_rounds_the_rows_of_the_training_down(rows, share, trained):
    x = np.arange(2.0 * rows).reshape(rows, 2)
    (first, _, _), (last, _, _) = split_off("fit", share, x, x, None)
    np.testing.assert_array_equal(first, x[:trained])
    np.testing.assert_array_equal(last, x[trained:])


@pytest.mark.parametrize("nest", [tuple, list, lambda pair: dict(zip("ab", pair, strict=True))])
def test_batches_of_a_generator_have_several_inputs(nest):
    a, b = nn.Input((3,), name="a"), nn.Input((3,), name="b")
    model = nn.Model([a, b], nn.Dense(1, seed=1)(a - b))
    model.compile("sgd", "mse")
    expected = model.evaluate([X, X[::-1]], Y, verbose=0)
    assert model.evaluate(iter([(nest((X, X[::-1])), Y)]), verbose=0) == pytest.approx(expected, rel=1e-5)


def test_names_that_no_output_has_are_refused():
    model, _, _ = two_outputs()
    with pytest.raises(ValueError, match="nothing for output 'p' in a dict of"):
        model.fit(X, {"q": Y, "r": Y}, verbose=0)
    with pytest.raises(ValueError, match="the weights name 'r', and the outputs are p, q"):
        model.fit(X, [Y, Y], sample_weight={"r": np.ones(20)}, verbose=0)
    with pytest.raises(ValueError, match="the model has 2 outputs, and there are weights for 1"):
        model.fit(X, [Y, Y], sample_weight=[np.ones(20)], verbose=0)


def test_a_metric_of_several_outputs_is_refused():
    x = nn.Input((3,))
    error = training.metrics.MeanAbsoluteError()
    for metrics in (error, [[error], [error]]):
        model = nn.Model(x, [nn.Dense(1, name="p")(x), nn.Dense(1, name="q")(x)])
        model.compile("sgd", "mse", metrics=metrics)
        with pytest.raises(ValueError, match="one object that would count several times"):
            model.evaluate(X, [Y, Y], verbose=0)
    assert error.name == "mean_absolute_error"
    model.compile("sgd", "mse", metrics="mae")
    results = model.evaluate(X, [Y, Y], verbose=0, return_dict=True)
    p, q = model.predict(X, verbose=0)
    found = [results["p_mae"], results["q_mae"]]
    assert found == pytest.approx([np.mean(np.abs(p - Y)), np.mean(np.abs(q - Y))], rel=1e-5)


# --- attributes that are set later ------------------------------------------------------------------------------------


@pytest.mark.parametrize("eager", [False, True])
def test_an_argument_of_a_loss_may_be_set_later(eager):
    huber = training.losses.Huber(delta=1.0)
    model = line()
    model.compile("sgd", huber, run_eagerly=eager)
    model.evaluate(X, Y, verbose=0)
    huber.delta, huber.reduction = 0.1, "sum"
    expected = float(training.losses.Huber(delta=0.1, reduction="sum")(Y, model.predict(X, verbose=0)).data)
    assert model.evaluate(X, Y, batch_size=20, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert huber.get_config()["delta"] == 0.1


def test_a_regulariser_may_be_set_later():
    model = line(kernel_regularizer="l2")
    layer = model.layers[0]
    model.evaluate(X, Y, verbose=0)
    error, kernel = np.mean((model.predict(X, verbose=0) - Y) ** 2), layer.kernel.numpy()
    for name in ("kernel_regularizer", "bias_regularizer"):
        for rule, penalty in ((None, 0), (nn.regularizers.L2(2.0), 2 * np.sum(kernel**2)), (None, 0)):
            setattr(layer, name, rule)
            expected = error + (penalty if name == "kernel_regularizer" else 0)  # the bias is zero
            assert model.evaluate(X, Y, batch_size=20, verbose=0) == pytest.approx(expected, rel=1e-5)
            assert len(model.losses) == (rule is not None)


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
def test_a_constraint_may_be_set_later(eager):
    model = nn.Sequential([nn.Input((3,)), nn.Dense(1, seed=2)])
    model.compile(optim.SGD(learning_rate=0.1), "mse", run_eagerly=eager)
    layer = model.layers[0]
    model.fit(X, -10 - Y, verbose=0)
    layer.kernel_constraint = "non_neg"
    model.fit(X, -10 - Y, verbose=0)
    assert np.all(layer.kernel.numpy() >= 0) and isinstance(layer.kernel_constraint, nn.constraints.NonNeg)
    layer.kernel.assign(np.zeros_like(layer.kernel.numpy()))
    layer.kernel_constraint = None
    model.fit(X, -X[:, :1] * 5, verbose=0)
    assert np.any(layer.kernel.numpy() < 0)
    model.optimizer.constrain(layer.bias, lambda b: b * 0 + 7)  # one of the user's own stays
    model.fit(X, -10 - Y, verbose=0)
    assert np.all(layer.bias.numpy() == 7)


# --- float16 ----------------------------------------------------------------------------------------------------------


def test_the_mean_of_a_loss_in_float16_is_finite():
    model = nn.Sequential([nn.Input((3,)), nn.Dense(1, dtype="float16", seed=2)])
    model.compile(optim.SGD(learning_rate=0.0), "mse")
    x, y = np.ones((400, 3), np.float16), np.full((400, 1), 30, np.float16)
    expected = np.mean((model.predict(x, verbose=0).astype(float) - 30) ** 2)
    assert model.evaluate(x, y, batch_size=400, verbose=0) == pytest.approx(expected, rel=2e-3)
