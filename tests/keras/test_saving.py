"""Models of Keras's face in files, and pictures."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tinygraph import keras, nn

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 4)).astype(np.float32)
Y = rng.integers(0, 3, 40)


def trained():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", kernel_initializer=keras.initializers.HeNormal()),
            keras.layers.Dropout(0.5),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def test_a_model_comes_back_with_keras_classes(tmp_path):
    path = tmp_path / "model.safetensors"
    model = trained()
    keras.saving.save_model(model, path)
    twin = keras.models.load_model(path)
    assert type(twin.loss) is keras.losses.SparseCategoricalCrossentropy
    assert [type(layer) for layer in twin.layers] == [type(layer) for layer in model.layers]
    assert type(twin) is keras.Sequential and twin.layers[1].training is False
    np.testing.assert_array_equal(twin(X).numpy(), model(X).numpy())
    np.testing.assert_array_equal(twin.predict(X, verbose=0), model.predict(X, verbose=0))
    assert twin.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    assert twin.optimizer.get_config() == model.optimizer.get_config()
    assert keras.models.model_from_json(model.to_json()).to_json() == model.to_json()
    assert type(keras.models.clone_model(model).layers[1]) is keras.layers.Dropout
    keras.saving.save_weights(model, path)
    fresh = keras.models.clone_model(model)
    keras.saving.load_weights(fresh, path)
    np.testing.assert_array_equal(fresh(X).numpy(), model(X).numpy())


def test_a_process_that_does_not_know_keras_face_loads_the_model(tmp_path):
    model = trained()
    model.save(tmp_path / "model.safetensors")
    program = (
        "import sys; from tinygraph import nn; assert 'tinygraph.keras' not in sys.modules; "
        f"print([type(layer).__module__ for layer in nn.load_model({str(tmp_path / 'model.safetensors')!r}).layers][1])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tinygraph.keras.in_use"


def test_classes_are_registered_as_in_keras(tmp_path):
    @keras.saving.register_keras_serializable(package="tests")
    class Halved(keras.layers.Layer):
        def call(self, x):
            return x / 2

    model = keras.Sequential([keras.Input((4,)), Halved()])
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "model.safetensors")(X), X / 2)
    with pytest.raises(ValueError, match="Halved is found by its own name, not by 'half'"):
        keras.saving.register_keras_serializable(name="half")(Halved)


def test_a_model_is_plotted(tmp_path):
    model = trained()
    drawing = keras.utils.plot_model(model, tmp_path / "model.dot", show_shapes=True)
    assert "batch_normalization" in (tmp_path / "model.dot").read_text() == drawing.source
    wide = keras.utils.plot_model(model, None, rankdir="LR", expand_nested=True)
    assert "rankdir=LR" in wide.source.replace('"', "") and len(wide.source) > len(drawing.source)
    with pytest.raises(ValueError, match="Give a batch"):
        keras.utils.plot_model(keras.Sequential([nn.Dense(3)]), None)
