"""A training that goes on from a file takes the same steps, to the bit, as one that was never ended."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.training.callbacks import Callback, EarlyStopping, ReduceLROnPlateau

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)).astype(np.float32)
Y = rng.integers(0, 3, 50)


def momentum() -> Any:
    return tg.optim.SGD(tg.optim.ExponentialDecay(0.1, 5, 0.9), momentum=0.9, nesterov=True)


OPTIMIZERS = {
    "adam": lambda: tg.optim.Adam(0.01),
    "averages": lambda: tg.optim.RMSprop(0.01, momentum=0.5, centered=True, use_ema=True, ema_overwrite_frequency=3),
    "momentum, schedule": momentum,
}


def model_of(optimizer: Any, eager: bool = False, begin: list[Any] | None = None) -> Any:
    model = nn.Sequential(
        [
            *([nn.Input((4,))] if begin is None else begin),
            nn.Dense(8, activation="relu", kernel_constraint=nn.constraints.MaxNorm(1.0)),
            nn.Dropout(0.5),
            nn.BatchNormalization(),
            nn.GaussianNoise(0.1),
            nn.Dense(3),
        ]
    )
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], run_eagerly=eager)
    return model


def same(one: Any, other: Any) -> bool:
    """Return whether two models have the same weights and the same state of the optimiser, to the bit."""
    pairs = [*zip(one.get_weights(), other.get_weights(), strict=True)]
    pairs += zip(one.optimizer.state_dict().values(), other.optimizer.state_dict().values(), strict=True)
    return all([a.tobytes() == b.tobytes() for a, b in pairs])


@pytest.mark.parametrize("eager", [False, True], ids=["compiled", "eager"])
@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_three_epochs_and_three_are_six(name, eager, tmp_path):
    options: dict[str, Any] = {"batch_size": 16, "validation_split": 0.2, "verbose": 0}
    nn.set_seed(1)
    try:
        whole = model_of(OPTIMIZERS[name](), eager)
        at_once = whole.fit(X, Y, epochs=6, **options)
        nn.set_seed(1)
        begun = model_of(OPTIMIZERS[name](), eager)
        # Not after the fit: then the weights may be their averages.
        begun.fit(X, Y, epochs=3, callbacks=[Noting(tmp_path / "half.safetensors")], **options)
    finally:
        nn.set_seed(None)
    for model in (
        model_of(OPTIMIZERS[name](), eager),  # made in code, with other weights
        model_of(OPTIMIZERS[name](), eager, begin=[]),  # which has no weights yet
        nn.load_model(tmp_path / "half.safetensors"),
    ):
        history = model.fit(X, Y, epochs=6, resume_from=tmp_path / "half.safetensors", **options)
        assert same(model, whole)
        assert history.epoch == [0, 1, 2, 3, 4, 5] and history.history == at_once.history
        assert float(model.optimizer.steps.data) == 6 * 3


def test_batches_that_are_made_and_networks_of_symbols(tmp_path):
    def batches():
        for start in range(0, 48, 16):
            yield X[start : start + 16], Y[start : start + 16]

    def make():
        x = nn.Input((4,))
        model = nn.Model(x, nn.Dense(3)(nn.Dropout(0.3)(nn.Dense(8)(x))))
        loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss)
        return model

    nn.set_seed(2)
    try:
        whole, begun = make(), None
        for _ in range(4):
            whole.fit(batches(), verbose=0)
        nn.set_seed(2)
        begun = make()
        for _ in range(2):
            begun.fit(batches(), verbose=0)
    finally:
        nn.set_seed(None)
    begun.save(tmp_path / "half.safetensors", training=True)
    model = make()
    model.fit(batches(), epochs=2, verbose=0, resume_from=tmp_path / "half.safetensors")
    model.fit(batches(), verbose=0)
    assert same(model, whole)


def test_stateful_layers_go_on_with_their_states(tmp_path):
    steps = rng.normal(size=(8, 5, 2)).astype("f")

    def make():
        model = nn.Sequential([nn.LSTM(3, stateful=True), nn.Dense(2)])
        model.compile("sgd", "mse")
        return model

    options: dict[str, Any] = {"batch_size": 4, "shuffle": False, "verbose": 0}
    model = make()
    model.fit(steps, steps[:, 0], epochs=1, **options)
    model.save(tmp_path / "a.safetensors", training=True)
    twins = [make(), nn.load_model(tmp_path / "a.safetensors")]
    model.fit(steps, steps[:, 0], epochs=3, initial_epoch=1, **options)
    for twin in twins:
        twin.fit(steps, steps[:, 0], epochs=3, resume_from=tmp_path / "a.safetensors", **options)
        assert same(twin, model)


class Noting(Callback):
    """Notes the epochs, and saves in the third."""

    def __init__(self, path: Any = None) -> None:
        self.path, self.seen, self.best = path, 0, np.zeros(2)

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen, self.best = 0, np.zeros(2)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen += 1
        self.best = np.maximum(self.best, epoch)
        if epoch == 2 and self.path is not None:
            self.model.save(self.path, training=True)

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "nest": [(1, None), {"best": self.best}, np.inf]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        assert state["nest"][0] == (1, None) and state["nest"][2] == np.inf
        self.seen, self.best = state["seen"], state["nest"][1]["best"]


def test_averages_that_were_taken_over_are_no_place_to_go_on_from(tmp_path):
    model = model_of(OPTIMIZERS["averages"]())
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="the weights are their moving averages now"):
        model.save(tmp_path / "a.safetensors", training=True)
    model.save(tmp_path / "a.safetensors")


def test_early_stopping_and_smaller_rates_go_on_as_they_were(tmp_path):
    def callbacks():
        stopping = EarlyStopping(monitor="loss", patience=3, restore_best_weights=True)
        return [stopping, ReduceLROnPlateau("loss", factor=0.5, patience=1, cooldown=1, min_delta=0.05)]

    nn.set_seed(4)
    try:
        whole, begun = (model_of(tg.optim.SGD(0.5, momentum=0.9)), None)
        at_once = whole.fit(X, Y, epochs=12, verbose=0, callbacks=callbacks())
        nn.set_seed(4)
        begun = model_of(tg.optim.SGD(0.5, momentum=0.9))
    finally:
        nn.set_seed(None)
    path = tmp_path / "a.safetensors"
    begun.fit(X, Y, epochs=12, verbose=0, callbacks=[*callbacks(), Noting(path)])
    model = model_of(tg.optim.SGD(0.5, momentum=0.9))
    history = model.fit(X, Y, epochs=12, verbose=0, callbacks=callbacks(), resume_from=path)
    assert len(at_once.epoch) > 3 and len(set(at_once.history["learning_rate"])) > 2
    assert history.history == at_once.history and same(model, whole)


def test_callbacks_get_their_state_back_and_may_write_the_file(tmp_path):
    path = tmp_path / "kept.safetensors"
    nn.set_seed(3)
    try:
        whole = model_of(momentum())
    finally:
        nn.set_seed(None)
    whole.fit(X, Y, epochs=5, verbose=0, callbacks=[Noting(path)])
    model, noting, other = model_of(momentum()), Noting(), Noting()
    model.fit(X, Y, epochs=5, verbose=0, callbacks=[noting, other], resume_from=path)
    assert same(model, whole)
    assert noting.seen == 5 and other.seen == 2  # the second one had no state in the file
    np.testing.assert_array_equal(noting.best, [4, 4])


def test_a_finished_training_has_nothing_left_to_do(tmp_path):
    model = model_of(momentum())
    model.fit(X, Y, epochs=2, verbose=0)
    model.save(tmp_path / "a.safetensors", training=True)
    twin = model_of(momentum())
    history = twin.fit(X, Y, epochs=2, verbose=0, resume_from=tmp_path / "a.safetensors")
    assert history.epoch == [0, 1] and same(twin, model)


def test_files_of_other_models_are_refused_and_nothing_changes(tmp_path):
    path = tmp_path / "a.safetensors"
    model = model_of(momentum())
    model.fit(X, Y, epochs=1, verbose=0)

    def refused(twin: Any, match: str) -> None:
        twin.fit(X, Y, epochs=1, verbose=0)
        values, state = twin.get_weights(), twin.layers[1].generator.bit_generator.state
        moments = twin.optimizer.state_dict()
        with pytest.raises((ValueError, FileNotFoundError), match=match):
            twin.fit(X, Y, epochs=2, verbose=0, resume_from=path)
        assert all([np.array_equal(a, b) for a, b in zip(values, twin.get_weights(), strict=True)])
        assert twin.layers[1].generator.bit_generator.state == state
        assert all([np.array_equal(moments[name], value) for name, value in twin.optimizer.state_dict().items()])

    refused(model_of(momentum()), "there is no file")
    model.save(path)
    refused(model_of(momentum()), "has weights, and no state of a training")
    model.save(path, training=True)
    refused(model_of(tg.optim.Adam(0.1)), "mean of layers.0.kernel is missing")
    refused(model_of(momentum(), begin=[nn.Input((4,)), nn.Dense(4)]), "layers.5.kernel is missing")
    refused(model_of(momentum(), begin=[nn.Input((4,)), nn.ReLU()]), "is missing|generators")
    model.layers[1].generator = np.random.Generator(np.random.MT19937(1))
    model.save(path, training=True)
    refused(model_of(momentum()), "the model draws from")


def test_generators_of_other_kinds_go_on_too(tmp_path):
    path = tmp_path / "a.safetensors"

    def make():
        model = nn.Sequential(
            [nn.Input((4,)), nn.Dropout(0.5, seed=np.random.Generator(np.random.MT19937(5))), nn.Dense(3)]
        )
        model.compile("sgd", tg.training.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    model = make()
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(path, training=True)
    twin = make()
    twin.fit(X, Y, epochs=2, verbose=0, resume_from=path)
    model.fit(X, Y, epochs=2, initial_epoch=1, verbose=0)
    assert same(twin, model)


PROGRAM = """
    import hashlib, sys
    import numpy as np
    import tinygraph as tg
    from tinygraph import nn
    from tests.training.test_resuming import X, Y, model_of, momentum

    class Keep(tg.training.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(sys.argv[1], training=True)
            print(epoch, flush=True)
            if sys.argv[2] == "wait" and epoch == 2:
                sys.stdin.readline()

    nn.set_seed(7)
    model = model_of(momentum())
    start = sys.argv[1] if sys.argv[2] == "resume" else None
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[Keep()], resume_from=start)
    print(hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest())
"""


def test_a_killed_process_loses_nothing(tmp_path):
    path = str(tmp_path / "run.safetensors")
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), path]
    killed = subprocess.Popen([*command, "wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    while killed.stdout.readline().strip() != "2":
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    resumed = subprocess.run([*command, "resume"], capture_output=True, text=True, check=True).stdout.split()
    assert resumed[:3] == ["3", "4", "5"]
    nn.set_seed(7)
    try:
        whole = model_of(momentum())
    finally:
        nn.set_seed(None)
    whole.fit(X, Y, epochs=6, verbose=0)
    assert resumed[-1] == hashlib.sha256(b"".join(w.tobytes() for w in whole.get_weights())).hexdigest()
