"""keras.saving.serialize_keras_object and its like: what they describe is made again, and JSON holds it."""

import json

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras
from tinygraph.keras.saving import deserialize_keras_object, serialize_keras_object

schedules = keras.optimizers.schedules
THINGS = {
    "activation": keras.activations.relu,
    "constraint": keras.constraints.MaxNorm(3.0),
    "initialiser": keras.initializers.VarianceScaling(2.0, "fan_out"),
    "layer": keras.layers.Dense(3, "relu", kernel_regularizer=keras.regularizers.L2(0.1), name="d"),
    "layer around a layer": keras.layers.Bidirectional(keras.layers.LSTM(3, return_sequences=True)),
    "loss": keras.losses.Huber(2.0, name="mine"),
    "metric": keras.metrics.AUC(num_thresholds=50, curve="PR"),
    "model": keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)]),
    "optimiser": keras.optimizers.Adam(schedules.CosineDecay(0.1, 10), clipnorm=1.0),
    "regulariser": keras.regularizers.L1L2(0.1, 0.2),
    "schedule": schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("name", sorted(THINGS))
def test_a_thing_is_made_again_from_text(name):
    data = serialize_keras_object(THINGS[name])
    again = deserialize_keras_object(json.loads(json.dumps(data)))
    if name == "activation":
        assert keras.activations.get(again) is keras.activations.get("relu")
        return
    assert type(again) is type(THINGS[name]) and set(data) == {"module", "class_name", "config", "registered_name"}
    assert serialize_keras_object(again) == data


def test_plain_values_and_nests():
    nest = {"a": [1, 2.5, None, "text", True], "b": (np.float32(2), np.arange(3)), "c": keras.losses.MeanSquaredError()}
    again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(nest))))
    assert again["a"] == nest["a"] and again["b"][0] == 2 and isinstance(again["b"], tuple)
    np.testing.assert_array_equal(again["b"][1], np.arange(3))
    assert isinstance(again["c"], keras.losses.MeanSquaredError)


def test_losses_metrics_and_layers_have_it_under_their_names():
    for room, thing in ((keras.losses, THINGS["loss"]), (keras.metrics, THINGS["metric"])):
        assert type(room.deserialize(room.serialize(thing))) is type(thing)
    assert keras.losses.serialize(keras.losses.mean_squared_error) == "mean_squared_error"
    bare = {"class_name": "MeanSquaredError", "config": {}}  # as older versions of Keras wrote it
    assert isinstance(keras.losses.deserialize(bare), keras.losses.MeanSquaredError)
    assert isinstance(keras.metrics.deserialize(bare), keras.metrics.MeanSquaredError)
    assert keras.losses.deserialize("mse") is keras.losses.mean_squared_error
    assert keras.metrics.deserialize(keras.metrics.serialize(keras.metrics.binary_accuracy)) is not None
    assert keras.layers.deserialize(keras.layers.serialize(THINGS["layer"])).get_config()["units"] == 3
    assert keras.utils.serialize_keras_object is serialize_keras_object


def test_a_layer_around_another_is_saved_as_the_guide_of_keras_writes_it(tmp_path):
    @keras.saving.register_keras_serializable()
    class Around(keras.layers.Layer):
        def __init__(self, inside, activation, **options):
            super().__init__(**options)
            self.inside, self.activation = inside, keras.activations.get(activation)

        def call(self, x):
            return self.activation(self.inside(x))

        def get_config(self):
            names = ("inside", "activation")
            return {**super().get_config(), **{name: serialize_keras_object(getattr(self, name)) for name in names}}

        @classmethod
        def from_config(cls, config):
            inside, activation = (deserialize_keras_object(config.pop(name)) for name in ("inside", "activation"))
            return cls(inside, activation, **config)

    model = keras.Sequential([keras.Input((4,)), Around(keras.layers.Dense(2), "softplus")])
    x = np.random.default_rng(0).normal(size=(5, 4))
    for name in ("model.keras", "model.safetensors"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name)
        np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_is_your_own_is_registered_or_given():
    class Mine(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 2

    with pytest.raises(TypeError, match=r"Mine is no class of tinygraph\.keras\. Register your own"):
        serialize_keras_object(Mine())
    with pytest.raises(TypeError, match="cannot be written as data"):
        serialize_keras_object(lambda x: x)
    with keras.saving.custom_object_scope({"Mine": Mine}):
        data = serialize_keras_object(Mine())
    assert data["module"] is None and data["registered_name"] == "Custom>Mine"
    assert isinstance(deserialize_keras_object(data, custom_objects={"Mine": Mine}), Mine)
    with pytest.raises(ValueError, match="Mine"):
        deserialize_keras_object(data)
    assert tg.keras.saving.serialize_keras_object(None) is None
