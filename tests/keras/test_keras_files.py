"""Files of Keras: a model of Keras loads here with the same predictions, and one of ours there."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras as ours
from tinygraph import nn

from . import beside

h5py = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)
WORDS = np.array([[1, 2, 0, 3, 0], [4, 0, 2, 1, 1]])


def images(k):
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(3, (3, 2), padding="same", activation="relu", kernel_regularizer="l2"),
            k.layers.MaxPooling2D(),
            k.layers.SeparableConv2D(4, 2, pointwise_initializer=k.initializers.HeNormal()),
            k.layers.DepthwiseConv2D(2),
            k.layers.Conv2DTranspose(2, 3, strides=(2, 2)),
            k.layers.LeakyReLU(),
            k.layers.BatchNormalization(),
            k.layers.Dropout(0.3),
            k.layers.GlobalAveragePooling2D(),
            k.layers.Dense(3, activation="softmax", kernel_constraint=k.constraints.MaxNorm(2)),
        ]
    )


def sequences(k):
    x = given = k.Input((8, 6))
    x = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True))(x)
    x = k.layers.MultiHeadAttention(2, 3)(x, x)
    x = k.layers.LayerNormalization()(x)
    y = k.layers.TimeDistributed(k.layers.Dense(3, activation="relu"))(x)
    x = k.layers.Add()([k.layers.Dense(3)(x), y])
    x = k.layers.GRU(3)(x)
    inner = k.Sequential([k.layers.Dense(4), k.layers.Dense(2)], name="inner")
    return k.Model(given, inner(x) * 2.0 + 1.0)


def shared(k):
    a, b = k.Input((5,), name="a"), k.Input((5,), name="b")
    layer = k.layers.Dense(4, name="shared")
    x = k.layers.Concatenate()([layer(a), layer(b)])
    inner_input = k.Input((8,))
    inner = k.Model(inner_input, k.layers.Dense(8)(inner_input), name="inside")
    x = inner(inner(x)) - x
    return k.Model([a, b], [k.layers.Dense(2, name="p")(x), k.layers.Dense(1, name="q")(x[:, :3])])


def words(k):
    given = k.Input((5,), dtype="int32")
    x = k.layers.Embedding(9, 4, mask_zero=True)(given)
    s, h, c = k.layers.LSTM(3, return_state=True, return_sequences=True)(x)
    y = k.layers.LSTM(3)(s, initial_state=[h, c])
    x = k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(2)])(s)
    attended = k.layers.GRU(2)(k.layers.MultiHeadAttention(2, 3)(s, s))
    return k.Model(given, [y, x, attended])


def rarer(k):
    x = given = k.Input((6,))
    scaled = k.layers.Normalization()
    scaled.adapt(np.arange(12.0).reshape(2, 6))
    x = k.layers.GroupNormalization(2)(k.layers.PReLU()(k.layers.Dense(4)(scaled(x))))
    x = k.layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")(k.layers.Reshape((2, 2))(x))
    return k.Model(given, k.layers.Flatten()(x))


MODELS = {
    "images": (images, [RNG.normal(size=(2, 8, 8, 2))]),
    "rarer": (rarer, [RNG.normal(size=(2, 6))]),
    "sequences": (sequences, [RNG.normal(size=(2, 8, 6))]),
    "shared": (shared, [RNG.normal(size=(2, 5)), RNG.normal(size=(2, 5))]),
    "words": (words, [WORDS]),
}
EACH = pytest.mark.parametrize("name", MODELS)


def given(name):
    arrays = [item.astype(np.float32) if item.dtype.kind == "f" else item for item in MODELS[name][1]]
    return arrays if len(arrays) > 1 else arrays[0]


def predicted(model, x):
    found = model.predict(x, verbose=0)
    return found if isinstance(found, list | tuple) else [found]


def assert_same(one, other, x):
    for these, those in zip(predicted(one, x), predicted(other, x), strict=True):
        np.testing.assert_allclose(these, those, rtol=1e-5, atol=3e-6)


@EACH
@pytest.mark.filterwarnings("ignore")
def test_models_go_both_ways(name, tmp_path):
    theirs = beside.keras()
    make, x = MODELS[name][0], given(name)
    model = make(theirs)
    model.compile("adam", theirs.losses.MeanSquaredError(), metrics=["mae"])
    model.save(tmp_path / "theirs.keras")
    loaded = ours.models.load_model(tmp_path / "theirs.keras")
    assert_same(loaded, model, x)
    assert type(loaded.optimizer) is tg.optim.Adam and loaded.name == model.name
    again = make(ours)
    model.save_weights(tmp_path / "theirs.weights.h5")
    again.load_weights(tmp_path / "theirs.weights.h5")
    assert_same(again, model, x)
    for weight in again.trainable_weights:
        weight.assign(0.3 * RNG.random(weight.shape).astype(weight.dtype))
    again.save_weights(tmp_path / "ours.weights.h5")
    model.load_weights(tmp_path / "ours.weights.h5")
    assert_same(again, model, x)
    rate = ours.optimizers.schedules.CosineDecay(0.1, 10)
    again.compile(ours.optimizers.Adam(rate), "mse", metrics=["mae", ours.metrics.RootMeanSquaredError()])
    for saved in (again, loaded):
        saved.save(tmp_path / "ours.keras")
        back = theirs.models.load_model(tmp_path / "ours.keras")
        assert_same(back, saved, x)
        assert type(back.optimizer).__name__ == "Adam"


@EACH
def test_a_model_comes_back(name, tmp_path):
    """The same without Keras."""
    make, x = MODELS[name][0], given(name)
    model = make(ours)
    for weight in model.trainable_weights:
        weight.assign(0.3 * RNG.random(weight.shape).astype(weight.dtype))
    model.compile("rmsprop", "mse", metrics=["mae"])
    model.save(tmp_path / "model.keras")
    loaded = nn.load_model(tmp_path / "model.keras")
    assert_same(loaded, model, x)
    assert type(loaded.optimizer) is tg.optim.RMSprop
    fresh = make(ours)
    fresh.load_weights(tmp_path / "model.keras")
    assert_same(fresh, model, x)


@ours.saving.register_keras_serializable()
class TwoDense(ours.layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor, self.inside = factor, [ours.layers.Dense(3), ours.layers.Dense(3)]

    def call(self, x):
        return self.factor * self.inside[1](self.inside[0](x))


def test_layers_of_ones_own(tmp_path):
    model = ours.Sequential([ours.Input((3,)), TwoDense(3.0)])
    model.save(tmp_path / "own.keras")
    x = RNG.normal(size=(2, 3)).astype(np.float32)
    assert_same(ours.models.load_model(tmp_path / "own.keras"), model, x)
    model.save_weights(tmp_path / "own.weights.h5")
    with h5py.File(tmp_path / "own.weights.h5") as file:
        assert set(file["layers/two_dense/inside"]) == {"dense", "dense_1"}


def test_what_is_wrong_is_said_and_changes_nothing(tmp_path):
    model = ours.Sequential([ours.Input((3,)), ours.layers.Dense(2), ours.layers.Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    other = ours.Sequential([ours.Input((3,)), ours.layers.Dense(4), ours.layers.BatchNormalization()])
    before = other.get_weights()
    with pytest.raises(ValueError) as caught:
        other.load_weights(tmp_path / "m.weights.h5")
    for part in ("array 0: shape (3, 2), and (3, 4) here", "0 arrays in the file, and 4 weights here",
                 "layers/dense_1: a layer of the file that is not here"):  # fmt: skip
        assert part in str(caught.value)
    assert all(map(np.array_equal, before, other.get_weights()))
    with pytest.raises(FileNotFoundError):
        model.load_weights(tmp_path / "missing.weights.h5")
    (tmp_path / "cut.keras").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"cut\.keras' is no whole zip file"):
        ours.models.load_model(tmp_path / "cut.keras")
    (tmp_path / "cut.weights.h5").write_bytes(b"HDF")
    with pytest.raises(ValueError, match="is no whole HDF5 file"):
        model.load_weights(tmp_path / "cut.weights.h5")
    with pytest.raises(TypeError, match="the code of a Lambda is written into no file"):
        ours.Sequential([ours.Input((3,)), ours.layers.Lambda(np.tanh)]).save(tmp_path / "l.keras")
    assert not (tmp_path / "l.keras").exists()


def described(path, change):
    """Write a file of Keras whose description is another."""
    model = ours.Sequential([ours.Input((3,)), ours.layers.Dense(2)])
    stream = io.BytesIO()
    model.save(path)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(stream, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                data = json.loads(content)
                change(data["config"]["layers"][1])
                content = json.dumps(data).encode()
            other.writestr(name, content)
    path.write_bytes(stream.getvalue())


CHANGES = {
    "code": (lambda data: data.update(class_name="Lambda"), "has code in the file, which is not run"),
    "another argument": (lambda data: data["config"].update(rank=3), "no argument rank here"),
    "another layer": (lambda data: data.update(class_name="Denser"), "no layer 'Denser' here"),
    "another function": (
        lambda data: data["config"].update(activation={"class_name": "function", "config": "system"}),
        "'system' is not known here",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_descriptions_that_make_no_model(change, message, tmp_path):
    described(tmp_path / "m.keras", change)
    with pytest.raises(ValueError, match=message):
        ours.models.load_model(tmp_path / "m.keras")


def test_links_to_other_files_are_not_followed(tmp_path):
    model = ours.Sequential([ours.Input((3,)), ours.layers.Dense(2)])
    model.save_weights(tmp_path / "m.weights.h5")
    model.save_weights(tmp_path / "other.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5", "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(tmp_path / "other.weights.h5"), "layers/dense/vars/0")
    with pytest.raises(ValueError, match="lies in another file"):
        model.load_weights(tmp_path / "m.weights.h5")


def test_the_best_model_of_a_training(tmp_path):
    x, y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))
    model = ours.Sequential([ours.Input((3,)), ours.layers.Dense(2)])
    model.compile("sgd", "mse")
    whole = ours.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True, monitor="loss")
    weights = ours.callbacks.ModelCheckpoint(tmp_path / "e{epoch}.weights.h5", save_weights_only=True)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[whole, weights])
    assert_same(ours.models.load_model(tmp_path / "best.keras"), model, x)
    assert (tmp_path / "e2.weights.h5").exists()


def test_a_batch_among_other_tensors_has_no_mask_unless_the_argument_says_whose():
    """The argument `mask` is that of the only batch; with several they are query_mask and the like, as in Keras."""
    given = ours.Input((5,), dtype="int32")
    x = ours.layers.Embedding(9, 4, mask_zero=True)(given)
    query = ours.layers.MultiHeadAttention(2, 3)
    model = ours.Model(given, query(x, x))
    embedded = model.layers[1](WORDS)
    mask = WORDS != 0
    expected = query(embedded, embedded, query_mask=mask, value_mask=mask, key_mask=mask)
    np.testing.assert_allclose(model(WORDS).numpy(), expected.numpy(), rtol=1e-6, atol=1e-7)
    s, h, c = ours.layers.LSTM(3, return_state=True, return_sequences=True)(x)
    last = ours.layers.LSTM(3)
    model = ours.Model(given, [s, h, c, last(s, initial_state=[h, c])])
    s, h, c, y = model(WORDS)
    np.testing.assert_allclose(y.numpy(), last(s, initial_state=[h, c]).numpy(), rtol=1e-6, atol=1e-7)


def test_a_model_without_an_input_layer_comes_back_with_its_weights(tmp_path):
    model = ours.Sequential([ours.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.save(tmp_path / "model.keras")
    again = ours.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predicted(again, np.ones((4, 3)))[0], predicted(model, np.ones((4, 3)))[0])


def test_a_class_of_ones_own_comes_back_with_its_weights(tmp_path):
    class Own(ours.Model):
        def __init__(self, units=3):
            super().__init__()
            self.units, self.dense = units, ours.layers.Dense(units)

        def call(self, x):
            return self.dense(x)

        def get_config(self):
            return {"units": self.units}

    model = Own(2)
    model(np.ones((4, 3), np.float32))
    model.save(tmp_path / "model.keras")
    again = ours.models.load_model(tmp_path / "model.keras", custom_objects={"Own": Own})
    np.testing.assert_array_equal(predicted(again, np.ones((4, 3)))[0], predicted(model, np.ones((4, 3)))[0])


def test_numbers_given_to_a_normalization_are_written(tmp_path):
    layer = ours.layers.Normalization(mean=[1.0, 2.0], variance=np.array([4.0, 9.0]))
    model = ours.Sequential([ours.Input((2,)), layer])
    model.save(tmp_path / "model.keras")
    again = ours.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(predicted(again, np.ones((1, 2)))[0], [[0.0, -1 / 3]], atol=1e-6)


def test_a_registered_function_comes_back_as_an_activation(tmp_path):
    def squared(x):
        return x**2

    with ours.saving.custom_object_scope({"squared": squared}):
        model = ours.Sequential([ours.Input((2,)), ours.layers.Dense(3, activation=squared)])
        model.save(tmp_path / "model.keras")
        again = ours.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predicted(again, np.ones((1, 2)))[0], predicted(model, np.ones((1, 2)))[0])
