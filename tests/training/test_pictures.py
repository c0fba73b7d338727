"""Pictures of a training: the curves of its history, the network, TensorBoard's files."""

from __future__ import annotations

import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.training import callbacks

X = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


def model(*layers):
    tg.nn.set_seed(1)
    made = tg.nn.Sequential([*layers, tg.nn.Dense(2, activation="softmax")])
    made.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return made


# --- curves -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_a_panel_for_each_quantity_with_its_validation(pyplot):
    rate = callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model().fit(X, Y, epochs=5, validation_split=0.25, callbacks=[rate])
    panels = history.plot().axes
    assert [panel.get_title() for panel in panels] == ["loss", "accuracy", "learning rate"]
    for panel, name in zip(panels, ("loss", "accuracy"), strict=False):
        training, validation = panel.lines
        assert list(training.get_xdata()) == [1, 2, 3, 4, 5]
        assert list(training.get_ydata()) == history.history[name]
        assert list(validation.get_ydata()) == history.history[f"val_{name}"]
        assert [text.get_text() for text in panel.get_legend().get_texts()] == ["training", "validation"]
    assert len(panels[2].lines) == 1 and panels[2].get_legend() is None


def test_a_validation_of_some_epochs_stands_at_these_epochs(pyplot):
    history = model().fit(X, Y, epochs=7, validation_split=0.25, validation_freq=[2, 3, 7])
    training, validation = history.plot("loss").axes[0].lines
    assert list(training.get_xdata()) == [1, 2, 3, 4, 5, 6, 7] and list(validation.get_xdata()) == [2, 3, 7]


def test_arrays_are_left_out_of_the_curves(pyplot):
    made = tg.nn.Sequential([tg.nn.Dense(2, activation="softmax")])
    made.compile(loss="categorical_crossentropy", metrics=["f1_score"])
    assert [panel.get_title() for panel in made.fit(X, np.eye(2)[Y]).plot().axes] == ["loss"]


def test_many_quantities_take_several_rows(pyplot, tmp_path):
    made = tg.nn.Sequential([tg.nn.Dense(1, activation="sigmoid")])
    made.compile(loss="binary_crossentropy", metrics=["accuracy", "AUC", "precision"])
    figure = made.fit(X, Y, epochs=2).plot()
    assert [panel.get_title() for panel in figure.axes] == ["loss", "accuracy", "AUC", "precision", "", ""]
    figure.savefig(tmp_path / "training.png")


def test_nothing_to_plot_is_an_error(pyplot, monkeypatch):
    with pytest.raises(ValueError, match="the history has no epoch"):
        callbacks.History().plot()
    history = model().fit(X, Y)
    with pytest.raises(ValueError, match="there is no 'los' in the history, which has loss, accuracy"):
        history.plot("los")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install 'tinygraph\\[train\\]'"):
        history.plot()


def test_a_notebook_shows_the_figure_once(pyplot, monkeypatch):
    history = model().fit(X, Y)
    monkeypatch.setattr(pyplot, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    open_before = pyplot.get_fignums()  # another test may have left some
    history.plot()
    assert pyplot.get_fignums() == open_before


# --- the network ------------------------------------------------------------------------------------------------------


def parts():
    return tg.nn.Dense(5, activation="relu"), tg.nn.BatchNormalization(), tg.nn.Dropout(0.5)


def test_the_network_is_drawn_with_its_gradients_and_trains_as_it_would(tmp_path):
    drawn = callbacks.DrawNetwork(tmp_path / "pictures" / "{epoch:02d}.dot")
    made, twin = model(*parts()), model(*parts())
    history = made.fit(X, Y, epochs=3, callbacks=[drawn]).history
    assert history == twin.fit(X, Y, epochs=3).history
    assert all(map(np.array_equal, made.get_weights(), twin.get_weights()))
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["01.dot", "02.dot", "03.dot"]
    text = (tmp_path / "pictures" / "03.dot").read_text()
    assert f"Epoch 3, loss {history['loss'][2]:.4g}" in text
    assert all(name in text for name in ("dense", "batch_norm", "∇", "kernel"))
    assert all(tensor.grad is None for tensor in made.weights)


def test_a_batch_of_ones_own_and_every_other_epoch(tmp_path):
    path = tmp_path / "network.mmd"
    drawn = callbacks.DrawNetwork(path, X[:3], Y[:3], every=2)
    made = model()
    made.fit(X, Y, callbacks=[drawn])
    assert drawn.drawing is None and not path.exists()
    made.fit(X, Y, initial_epoch=1, epochs=2, callbacks=[drawn])
    assert "3×4" in path.read_text()


def test_the_batch_of_a_drawn_step_is_data(tmp_path):
    path = tmp_path / "network.mmd"
    trained = model(tg.nn.Dense(3))
    trained.fit(X, Y, callbacks=[callbacks.DrawNetwork(path, X[:8], Y[:8])])
    for text in (path.read_text(), trained.draw(X[:8], Y[:8]).mermaid()):
        assert "x 8×4" in text and "8×4 → 8×3" in text and "15 params" in text


def test_a_network_of_several_inputs_and_outputs_is_drawn(tmp_path):
    first, second = tg.nn.Input((4,), name="first"), tg.nn.Input((4,), name="second")
    both = tg.nn.Add()([tg.nn.Dense(3)(first), tg.nn.Dense(3)(second)])
    made = tg.nn.Model([first, second], [tg.nn.Dense(1, name="a")(both), tg.nn.Dense(2, "softmax", name="b")(both)])
    made.compile("sgd", ["mse", "sparse_categorical_crossentropy"], loss_weights=[1.0, 0.5])
    drawn = callbacks.DrawNetwork(tmp_path / "network.dot")
    made.fit([X, X], [X[:, :1], Y], sample_weight=np.ones(64), callbacks=[drawn])
    assert all(name in (tmp_path / "network.dot").read_text() for name in ("dense_1", "loss"))


def test_a_generator_is_drawn_too_and_loses_no_batch(tmp_path):
    def batches():
        for place in range(0, 64, 16):
            yield X[place : place + 16], Y[place : place + 16]

    steps = []
    count = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    model().fit(batches(), callbacks=[callbacks.DrawNetwork(tmp_path / "network.dot"), count])
    assert steps == [0, 1, 2, 3]


def test_a_notebook_shows_one_picture_that_is_drawn_anew(monkeypatch, tmp_path):
    shown = []

    class Handle:
        def update(self, drawing):
            shown.append(("update", drawing))

    def display(drawing, display_id):
        shown.append(("display", drawing))
        return Handle()

    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    monkeypatch.chdir(tmp_path)
    drawn = callbacks.DrawNetwork()
    model().fit(X, Y, epochs=3, verbose=0, callbacks=[drawn])
    assert [how for how, _ in shown] == ["display", "update", "update"] and shown[-1][1] is drawn.drawing
    assert not list(tmp_path.iterdir())


def test_the_loss_of_a_batch_has_a_graph():
    made = model()
    made.fit(X, Y, batch_size=64)
    loss = made.compute_loss(X, Y, training=False)
    assert float(loss.data) == pytest.approx(made.evaluate(X, Y, batch_size=64)[0], rel=1e-6)
    loss.backward()
    assert all(tensor.grad is not None for tensor in made.parameters())
    predictions = made(X)
    assert float(made.compute_loss(y=Y, y_pred=predictions).data) == pytest.approx(float(loss.data), rel=1e-6)
    assert made.last_batch is None


# --- TensorBoard ------------------------------------------------------------------------------------------------------


def events(folder: Path):
    """Return what the files of a folder have: (step, tag, kind, number)."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.iterdir()):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (size,) = struct.unpack("<Q", data[place : place + 8])
            event = Event.FromString(data[place + 12 : place + 12 + size])
            found += [(event.step, v.tag, v.WhichOneof("value"), v.simple_value) for v in event.summary.value]
            place += size + 16
    return found


def test_tensorboard_has_the_results_under_keras_names(tmp_path):
    pytest.importorskip("tensorboardX")
    board = callbacks.TensorBoard(tmp_path / "run", write_graph=False)
    history = model().fit(X, Y, epochs=2, validation_split=0.5, callbacks=[board]).history
    trained = {(step, tag): number for step, tag, _, number in events(tmp_path / "run" / "train")}
    validated = {(step, tag): number for step, tag, _, number in events(tmp_path / "run" / "validation")}
    for epoch in range(2):
        for name in ("loss", "accuracy"):
            assert trained.pop((epoch, f"epoch_{name}")) == pytest.approx(history[name][epoch], rel=1e-6)
            number = pytest.approx(history[f"val_{name}"][epoch], rel=1e-6)
            assert validated.pop((epoch, f"epoch_{name}")) == number
            assert validated.pop((epoch + 1, f"evaluation_{name}_vs_iterations")) == number
        assert trained.pop((epoch, "epoch_learning_rate")) == pytest.approx(0.001)
    assert not trained and not validated


def test_tensorboard_has_batches_weights_images_and_the_network(tmp_path):
    pytest.importorskip("tensorboardX")
    pytest.importorskip("PIL")
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=1, write_images=True, write_steps_per_second=True, update_freq=2
    )
    made = model(tg.nn.Reshape((2, 2, 1)), tg.nn.Conv2D(2, 2), tg.nn.Flatten())
    made.fit(X, Y, batch_size=16, callbacks=[board])
    found = {(step, tag): kind for step, tag, kind, _ in events(tmp_path / "train")}
    assert {(2, "batch_loss"), (4, "batch_loss"), (4, "batch_steps_per_second"), (0, "epoch_steps_per_second")} <= set(
        found
    )
    assert (1, "batch_loss") not in found
    for path in made.tensors():
        assert found[0, f"{path.replace('.', '/')}/histogram"] == "histo"
        assert found[0, f"{path.replace('.', '/')}/image"] == "image"
    assert found.get((0, "network"), "image") == "image"


def test_tensorboard_closes_its_files_after_an_error_and_says_what_it_needs(tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")

    class Failing(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("no more")

    board = callbacks.TensorBoard(tmp_path, write_graph=False)
    with pytest.raises(RuntimeError):
        model().fit(X, Y, callbacks=[board, Failing()])
    assert not board._writers and (0, "epoch_loss") in {event[:2] for event in events(tmp_path / "train")}
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install 'tinygraph\\[train\\]'"):
        model().fit(X, Y, callbacks=[board])


@pytest.mark.parametrize("wrong", [{"profile_batch": 2}, {"embeddings_freq": 1}, {"update_freq": 0}])
def test_tensorboard_refuses_what_it_does_not_do(wrong):
    with pytest.raises(ValueError, match=f"TensorBoard: .*{next(iter(wrong))}"):
        callbacks.TensorBoard(**wrong)
