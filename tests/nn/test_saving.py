"""Models in files: what comes back, what differs is told, nothing is run, and nothing is lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import nn
from tinygraph.export import load_arrays, save_arrays
from tinygraph.training import callbacks

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
Y = rng.integers(0, 3, 40)


def layers() -> list[Any]:
    return [nn.Dense(8, activation="relu"), nn.BatchNormalization(), nn.Dropout(0.5), nn.Dense(3)]


def trained(begin: list[Any] | None = None, **options: Any) -> Any:
    """Return a model that was compiled and fitted."""
    model = nn.Sequential([*(begin or []), *layers()])
    loss = tg.training.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": tg.optim.Adam(0.01), "loss": loss, "metrics": ["accuracy"], **options})
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def bits(model: Any) -> list[bytes]:
    return [value.tobytes() for value in model.get_weights()]


def changed(path: Any, change: Any) -> None:
    """Write a file again with a changed header."""
    arrays, header = load_arrays(path)
    change(header)
    save_arrays(path, arrays, header)


# --- whole models -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [[], [nn.Input((4,))]], ids=["built by data", "built by Input"])
def test_a_model_comes_back_with_its_recipe_and_its_optimiser(begin, tmp_path):
    path = tmp_path / "model.safetensors"
    model = trained(begin)
    model.save(path)
    twin = nn.load_model(path)
    assert bits(twin) == bits(model)
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    assert twin.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    moments = model.optimizer.state_dict()
    for name, value in twin.optimizer.state_dict().items():
        np.testing.assert_array_equal(value, moments[name])
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    lines: list[str] = []
    twin.summary(print_fn=lines.append)
    model.summary(print_fn=lines.append)
    assert lines[0] == lines[1]
    assert nn.load_model(path, compile=False).optimizer is None
    model.save(path, include_optimizer=False)
    assert not nn.load_model(path).optimizer.built


def test_a_network_with_several_outputs_and_losses_comes_back(tmp_path):
    a, b = nn.Input((4,), name="a"), nn.Input((2,), name="b")
    h = np.tanh(nn.Dense(5)(a)) * 2.0
    model = nn.Model(
        [a, b], {"one": nn.Dense(1, name="one")(h), "two": nn.Dense(2, name="two")(nn.Concatenate()([h, b]))}
    )
    optimizer = tg.optim.SGD(tg.optim.ExponentialDecay(0.1, 10, 0.9), momentum=0.9, clipnorm=1.0)
    metric = tg.training.metrics.MeanAbsoluteError()
    model.compile(optimizer, {"one": "mse", "two": tg.training.losses.Huber(delta=0.5)}, [1.0, 0.5], {"two": [metric]})
    given, targets = [X, X[:, :2]], {"one": X[:, :1], "two": X[:, 1:3]}
    model.fit(given, targets, epochs=2, verbose=0)
    model.save(tmp_path / "model.safetensors")
    twin = nn.load_model(tmp_path / "model.safetensors")
    assert twin.evaluate(given, targets, verbose=0, return_dict=True) == model.evaluate(
        given, targets, verbose=0, return_dict=True
    )
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, twin):
        each.fit(given, targets, epochs=1, shuffle=False, verbose=0)
    assert bits(twin) == bits(model)


def test_frozen_layers_and_dtypes_are_kept(tmp_path):
    model = nn.Sequential([nn.Input((4,)), nn.Dense(5, dtype="float64"), nn.Dense(3)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.layers[0].trainable = True  # Keras trains what was trainable when the model was compiled
    model.fit(X, X[:, :3], verbose=0)
    try:
        nn.set_floatx("float16")
        model.save(tmp_path / "model.safetensors")
        twin = nn.load_model(tmp_path / "model.safetensors")
    finally:
        nn.set_floatx("float32")
    assert [w.dtype for w in twin.weights] == [w.dtype for w in model.weights]
    assert twin.layers[0].trainable and len(twin.optimizer.parameters) == 2
    before = twin.layers[0].kernel.numpy().copy()
    twin.fit(X, X[:, :3], verbose=0)
    np.testing.assert_array_equal(twin.layers[0].kernel.data, before)


def test_recurrent_layers_keep_their_dtype_inside(tmp_path):
    model = nn.Sequential([nn.Bidirectional(nn.LSTM(3, dtype="float64")), nn.Dense(2)])
    model(rng.normal(size=(2, 5, 3)))
    model.layers[0].trainable = False
    model.save(tmp_path / "model.safetensors")
    twin = nn.load_model(tmp_path / "model.safetensors")
    assert [w.dtype for w in twin.weights] == [w.dtype for w in model.weights]
    assert [*twin.named_parameters()] == [*model.named_parameters()] == ["layers.1.kernel", "layers.1.bias"]


# --- classes and functions of the user's own --------------------------------------------------------------------------


def residual() -> Any:
    class Residual(nn.Layer):
        def __init__(self, units, factor=0.5, **options):
            super().__init__(**options)
            self.inner, self.factor = nn.Dense(units), factor

        def call(self, x):
            return x + self.factor * self.inner(x)

    return Residual


def test_layers_of_the_users_own_load_their_weights_alone_or_are_registered(tmp_path):
    path = tmp_path / "model.safetensors"
    kind = residual()
    model = nn.Sequential([kind(4, factor=0.25), nn.Dense(2)])
    wanted = model(X).numpy()
    model.save(path)
    with pytest.raises(
        ValueError, match=r"(?s)load_model: .*Residual is no class of tinygraph.*register.*load_weights"
    ):
        nn.load_model(path)
    in_code = nn.Sequential([kind(4, factor=0.25), nn.Dense(2)])
    in_code.load_weights(path)  # which makes the weights, too
    np.testing.assert_array_equal(in_code(X).numpy(), wanted)
    twin = nn.load_model(path, custom_objects={"Residual": kind})
    np.testing.assert_array_equal(twin(X).numpy(), wanted)
    with pytest.raises(ValueError, match="no class of tinygraph"):
        nn.load_model(path)
    nn.register(type("Residual3", (kind,), {}))
    with pytest.raises(ValueError, match="register: Dense is there already"):
        nn.register(type("Dense", (kind,), {}))


def test_a_class_of_the_users_own_is_not_taken_for_one_of_tinygraph(tmp_path):
    class Dense(nn.Layer):
        def call(self, x):
            return -x

    model = nn.Sequential([Dense(), nn.Dense(2)])
    model(X)
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"has weights alone, as its layers could not be written: .*Dense"):
        nn.load_model(tmp_path / "model.safetensors")


def test_a_model_class_of_the_users_own(tmp_path):
    path = tmp_path / "model.safetensors"

    @nn.register
    class Twofold(nn.Model):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.first, self.second = nn.Dense(units, activation="tanh"), nn.LSTM(2)

        def call(self, x):
            return self.second(self.first(x)[:, None])

    model = Twofold(5)
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    model.save(path)
    twin = nn.load_model(path)
    assert type(twin) is Twofold
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))


def test_plain_modules_have_weights_in_files(tmp_path):
    class Scale(nn.Module):
        def __init__(self):
            self.scale = tg.Tensor(2.0, name="scale")

        def call(self, x):
            return self.scale * x

    module = Scale()
    nn.save_weights(module, tmp_path / "scale.safetensors")
    module.scale.assign(5.0)
    nn.load_weights(module, tmp_path / "scale.safetensors")
    assert float(module.scale.data) == 2.0
    model = nn.Sequential([Scale(), nn.Dense(2)])
    model(X)
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="as its layers could not be written"):
        nn.load_model(tmp_path / "model.safetensors")
    model.load_weights(tmp_path / "model.safetensors")


def test_losses_of_the_users_own(tmp_path):
    def doubled(y_true, y_pred):
        return np.sum((y_true - y_pred) ** 2, axis=-1) * 2

    path = tmp_path / "model.safetensors"
    model = nn.Sequential([nn.Input((4,)), nn.Dense(2)])
    model.compile("sgd", doubled, metrics=[doubled, "mae"])
    model.fit(X, X[:, :2], verbose=0)
    model.save(path)
    with pytest.raises(ValueError, match=r"(?s)loss: doubled is nothing of tinygraph.*compile=False"):
        nn.load_model(path)
    assert bits(nn.load_model(path, compile=False)) == bits(model)
    twin = nn.load_model(path, custom_objects={"doubled": doubled})
    assert twin.evaluate(X, X[:, :2], verbose=0) == model.evaluate(X, X[:, :2], verbose=0)


def test_what_cannot_be_written_leaves_a_model_that_is_not_compiled(tmp_path):
    path = tmp_path / "model.safetensors"
    model = nn.Sequential([nn.Input((4,)), nn.Dense(2)])
    model.compile(type("Adam", (tg.optim.SGD,), {})(0.1), "mse")
    model.save(path)
    with pytest.warns(UserWarning, match="the optimiser Adam has the name of one of tinygraph"):
        nn.load_model(path)
    model.compile(tg.optim.SGD(lambda step: 0.1), "mse")
    model.save(path)
    with pytest.warns(UserWarning, match="the model is not compiled, as its recipe could not be written"):
        assert nn.load_model(path).optimizer is None


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_are_saved_and_loaded(tmp_path):
    path = tmp_path / "weights.safetensors"
    model = trained()
    model.save_weights(path)
    arrays, header = load_arrays(path)
    assert sorted(arrays) == sorted(model.tensors()) and "architecture" not in header
    twin = nn.Sequential(layers())
    twin.load_weights(path)
    assert bits(twin) == bits(model)
    with pytest.raises(ValueError, match=r"has weights and no architecture.*load_weights"):
        nn.load_model(path)
    save_arrays(path, model.state_dict())  # as another program writes it
    twin.load_weights(path)
    with pytest.raises(ValueError, match=r'load_weights: Dense "dense" has no weights before its first batch'):
        nn.Sequential(layers()).load_weights(path)


def test_all_differences_are_told_and_the_model_stays(tmp_path):
    path = tmp_path / "weights.safetensors"
    trained().save_weights(path)
    other = nn.Sequential([nn.Input((4,)), nn.Dense(7), nn.Dense(3, dtype="float64", use_bias=False)])
    before = bits(other)
    with pytest.raises(ValueError) as error:
        other.load_weights(path)
    told = str(error.value)
    assert "layers.0.kernel has the shape (4, 8), not (4, 7)" in told
    assert "layers.1.kernel is missing" in told and "layers.3.bias is unknown" in told
    assert bits(other) == before
    unbuilt = nn.Sequential([nn.Dense(8), nn.Dense(3, dtype="float64")])
    with pytest.raises(ValueError, match="does not fit"):
        unbuilt.load_weights(path)
    assert unbuilt.weights == [] and not unbuilt.layers[0].built
    wrong = nn.Sequential([nn.Input((4,)), nn.Dense(2, dtype="float64")])
    nn.save_weights(nn.clone_model(wrong), path)
    narrow = nn.Sequential([nn.Input((4,)), nn.Dense(2)])
    with pytest.raises(ValueError, match=r"layers.0.kernel has the dtype float64, not float32"):
        narrow.load_weights(path)


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.h5", "model", "model.npz"])
def test_other_endings_say_what_to_write(name, tmp_path):
    model = trained()
    for call in (model.save, model.save_weights):
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            call(tmp_path / name)
    for call in (model.load_weights, nn.load_model):
        with pytest.raises(ValueError, match=r"model\.load_weights\('model\.weights\.h5'\) here"):
            call(tmp_path / name)
    assert [*tmp_path.iterdir()] == []


def test_paths_that_cannot_be_written_or_read(tmp_path):
    model = trained()
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        model.save(tmp_path / "missing" / "model.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        nn.load_model(tmp_path / "model.safetensors")
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save(tmp_path / "model.safetensors", overwrite=False)
    with pytest.raises(ValueError, match=r"model\.export"):
        model.save(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="has no weights before its first batch"):
        nn.Sequential(layers()).save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="training=True needs a model that was trained"):
        nn.Sequential([nn.Input((4,)), nn.Dense(2)]).save(tmp_path / "model.safetensors", training=True)


# --- files that were changed ------------------------------------------------------------------------------------------


def set_class(header: Any) -> None:
    header["architecture"]["config"]["layers"][0]["class"] = "Popen"


def set_function(header: Any) -> None:
    header["architecture"]["config"]["layers"][0] = {"function": "np.load"}


def set_activation(header: Any) -> None:
    header["architecture"]["config"]["layers"][0]["config"]["activation"] = {"function": "np.memmap"}


def set_loss(header: Any) -> None:
    header["compile"]["loss"] = {"function": "system"}


def set_loss_class(header: Any) -> None:
    header["compile"]["loss"] = {"class": "losses.names", "config": {}}


def set_metric(header: Any) -> None:
    header["compile"]["metrics"] = [{"class": "metrics.get", "config": {}}]


def set_optimizer(header: Any) -> None:
    header["compile"]["optimizer"]["class_name"] = "Path"


def drop_units(header: Any) -> None:
    del header["architecture"]["config"]["layers"][0]["config"]["units"]


def set_units(header: Any) -> None:
    header["architecture"]["config"]["layers"][0]["config"]["units"] = 9


def drop_layers(header: Any) -> None:
    del header["architecture"]["config"]["layers"]


def set_same(header: Any) -> None:
    header["architecture"]["config"]["layers"][0] = {"same": 3}


def set_format(header: Any) -> None:
    header["format"] = 99


TAMPERED = {
    set_class: "Popen is no class of tinygraph",
    set_function: "np.load is no function that a model may name",
    set_activation: "np.memmap is no function that a model may name",
    set_loss: "loss: system is nothing of tinygraph",
    set_loss_class: "loss: losses.names is nothing of tinygraph",
    set_metric: "metrics: metrics.get is nothing of tinygraph",
    set_optimizer: "there is no optimiser 'Path'",
    drop_units: "makes no model: TypeError",
    set_units: r"layers.0.kernel has the shape \(4, 8\), not \(4, 9\)",
    drop_layers: "stands for nothing",
    set_same: "the data were changed",
    set_format: "has the format 99, and 1 is known here",
}


@pytest.mark.parametrize("change", sorted(TAMPERED, key=lambda change: change.__name__), ids=lambda c: c.__name__)
def test_a_file_whose_header_was_changed_is_refused_by_name(change, tmp_path):
    path = tmp_path / "model.safetensors"
    trained([nn.Input((4,))]).save(path)
    changed(path, change)
    with pytest.raises(ValueError, match=TAMPERED[change]):
        nn.load_model(path)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    model = trained()
    model.save(path)
    before = bits(model)
    content = path.read_bytes()
    for damaged in (content[:-8], content[:100], b"", b"\x80\x04K\x01.", content[:8] + b"[" + content[9:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="is no whole safetensors file"):
            nn.load_model(path)
        with pytest.raises(ValueError, match="is no whole safetensors file"):
            model.load_weights(path)
    assert bits(model) == before


# --- a full disk, a process that ends ---------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit of file sizes on this system")
def test_a_full_disk_leaves_the_old_model(tmp_path):
    path = tmp_path / "model.safetensors"
    model = trained()
    model.save(path)
    program = """
        import resource, sys
        from tinygraph import nn
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        nn.Sequential([nn.Input((400,)), nn.Dense(400)]).save(sys.argv[1])
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    error = subprocess.run(command, capture_output=True, text=True).stderr
    assert "the disk is full. The old file is as it was" in error
    assert bits(nn.load_model(path)) == bits(model)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_another_process_loads_the_model(tmp_path):
    path = tmp_path / "model.safetensors"
    model = trained()
    model.save(path)
    np.save(tmp_path / "x.npy", X)
    program = """
        import sys
        import numpy as np
        from tinygraph import nn
        model = nn.load_model(sys.argv[1] + "/model.safetensors")
        print(model.predict(np.load(sys.argv[1] + "/x.npy"), verbose=0).tobytes().hex())
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == model.predict(X, verbose=0).tobytes().hex()


# --- other formats, and pictures --------------------------------------------------------------------------------------


def test_an_inference_module_predicts_alone(tmp_path):
    model = trained()
    model.save(tmp_path / "digits.py")
    program = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import numpy as np
        import digits
        assert "tinygraph" not in sys.modules
        x = np.random.default_rng(1).normal(size=(7, 4))
        print(digits.predict(x).tobytes().hex(), digits.predict(x[:0]).shape)
        try:
            digits.predict(x[:, :3])
        except ValueError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    x = np.random.default_rng(1).normal(size=(7, 4))
    wanted = model.predict(x, verbose=0)
    numbers, refusal = done.stdout.split("\n")[:2]
    given, shape = numbers.split(" ", 1)
    np.testing.assert_allclose(np.frombuffer(bytes.fromhex(given), "f").reshape(7, 3), wanted, rtol=1e-6)
    assert shape == "(0, 3)"
    assert "x has the shape (7, 3), and must have (rows, 4)" in refusal


def test_a_module_of_several_inputs(tmp_path, monkeypatch):
    a, b = nn.Input((4,), name="a"), nn.Input((), dtype="int32", name="b")
    model = nn.Model({"a": a, "b": b}, [nn.Dense(2)(a), nn.Embedding(5, 3)(b)])
    model.save(tmp_path / "several_inputs.py")
    monkeypatch.syspath_prepend(tmp_path)
    import several_inputs

    x = {"a": X, "b": np.arange(40) % 5}
    for one, other in zip(several_inputs.predict(x), model(x), strict=True):
        np.testing.assert_allclose(one, other.data, rtol=1e-6)


def test_a_model_that_begins_with_indices_needs_no_input(tmp_path, monkeypatch):
    words = rng.integers(0, 10, (5, 7))
    model = nn.Sequential([nn.Embedding(10, 4, mask_zero=True), nn.LSTM(3)])
    wanted = model.predict(words, verbose=0)
    model.save(tmp_path / "words.safetensors")
    twin = nn.load_model(tmp_path / "words.safetensors")
    np.testing.assert_array_equal(twin.predict(words, verbose=0), wanted)
    twin.save(tmp_path / "of_words.py")
    monkeypatch.syspath_prepend(tmp_path)
    import of_words

    np.testing.assert_allclose(of_words.predict(words), wanted, rtol=1e-5)
    assert "embedding" in model.draw().source
    assert nn.Sequential([nn.Embedding(10, 4, input_shape=(7,)), nn.Flatten()]).output_shape == (None, 28)


def test_an_open_axis_needs_an_example(tmp_path):
    model = nn.Sequential([nn.Input((None, 3)), nn.LSTM(2)])
    with pytest.raises(
        ValueError, match=r"does not know the shape of its input. Give a batch, model.save\(.*x\[:1\]\)"
    ):
        model.save(tmp_path / "sequence.py")
    model.save(tmp_path / "sequence.py", rng.normal(size=(1, 5, 3)).astype("f"))
    with pytest.raises(ValueError, match=r"model.draw\(x\[:1\]\)"):
        nn.Sequential([nn.Dense(3)]).draw()


def test_a_model_is_exported_to_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    model = trained()
    model.export(tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X})
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5, atol=1e-5)


def test_a_model_is_drawn_with_its_layers_and_stays_as_it_was():
    model = trained()
    before, state = bits(model), model.layers[2].generator.bit_generator.state
    text = model.draw().source
    assert all(name in text for name in ("dense", "batch_normalization", "dense_1"))
    assert len(model.draw(X[:2], view="full").source) > 2 * len(text)
    step = model.draw(X, Y).source
    assert "loss" in step.lower()
    assert model.draw(X, Y, view="mirror").source
    assert bits(model) == before and model.layers[2].generator.bit_generator.state == state
    assert all(weight.grad is None for weight in model.parameters())
    with pytest.raises(ValueError, match=r"has no loss\. Call compile before"):
        nn.Sequential([nn.Dense(3)]).draw(X, Y)


def test_json_of_a_model_is_short_and_readable():
    model = nn.Sequential([nn.Input((4,)), nn.Dense(3, activation="relu", name="hidden")], name="net")
    assert json.loads(model.to_json()) == {
        "class": "Sequential",
        "config": {
            "name": "net",
            "input": {"shape": [None, 4], "dtype": "float32", "name": None},
            "layers": [
                {"class": "Dense", "config": {"units": 3, "activation": "relu", "name": "hidden", "dtype": "float32"}}
            ],
        },
    }


def test_the_input_of_a_drawn_model_is_data_and_none_of_its_parameters():
    model = nn.Sequential([nn.Input((8, 8, 1)), nn.Conv2D(4, 3), nn.Flatten(), nn.Dense(2)])
    text = model.draw().mermaid()
    assert "40 params" in text and "x 1×8×8×1" in text


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("runs/1/best.h5", "runs/1/best.safetensors"),
        ("e{epoch:02d}-{val_loss:.2f}", "e{epoch:02d}-{val_loss:.2f}.safetensors"),
        ("net.v2.pt", "net.v2.safetensors"),
        ("model", "model.safetensors"),
    ],
)
def test_the_path_of_another_format_is_answered_with_ours(theirs, ours):
    model = nn.Sequential([nn.Input((3,)), nn.Dense(2)])
    for call in (model.save, model.save_weights, callbacks.ModelCheckpoint):
        with pytest.raises(ValueError, match=rf"Write {re.escape(repr(ours))}"):
            call(theirs)


def test_a_drawing_has_the_names_of_inputs_and_outputs_and_all_data_outside():
    age, income = nn.Input((3,), name="age"), nn.Input((2,), name="income")
    joined = nn.Concatenate()([nn.Dense(2)(age), nn.Dense(2)(income)])
    model = nn.Model([age, income], [nn.Dense(1, name="price")(joined), nn.Dense(2, name="kind")(joined)])
    scene = model.draw()._scene
    data = [box for box in scene.boxes if box.kind == "variable" and box.node.is_input and not box.node.requires_grad]
    assert [box.node.name for box in data] == ["age", "income"] and not any(box.place for box in data)
    assert [output.name for output in scene.graph.outputs] == ["price", "kind"]

    model.compile("adam", "mse")
    scene = model.draw([np.ones((4, 3)), np.ones((4, 2))], [np.ones((4, 1)), np.ones((4, 2))])._scene
    assert {"age", "income"} <= {node.name for node in scene.graph.inputs} and scene.graph.outputs[0].name == "loss"

    assert nn.Sequential([nn.Input((3,)), nn.Dense(2)]).draw()._scene.graph.outputs[0].name == "output"

    class Both(nn.Model):
        def __init__(self):
            super().__init__()
            self.dense = nn.Dense(2)

        def call(self, x):
            return {"left": self.dense(x["u"]), "right": self.dense(x["v"])}

    graph = Both().draw({"u": np.ones((2, 3)), "v": np.ones((2, 3))})._scene.graph
    assert [output.name for output in graph.outputs] == ["left", "right"]
    assert {"u", "v"} <= {node.name for node in graph.inputs}


def test_the_names_of_losses_stand_whole_in_a_picture():
    model = nn.Sequential([nn.Input((3,)), nn.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    mermaid = model.draw(np.ones((4, 3)), np.arange(4) % 2).mermaid()
    assert "sparse_categorical_crossentropy" in mermaid


@pytest.mark.parametrize("name", ["model.py", "model.js", "model.safetensors"])
def test_export_of_a_file_that_save_writes_is_told(name, tmp_path):
    model = nn.Sequential([nn.Input((3,)), nn.Dense(2)])
    with pytest.raises(ValueError, match=rf"export: write model\.save\(.*{name}"):
        model.export(tmp_path / name)
