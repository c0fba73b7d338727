"""The functions of keras.utils: Keras's own numbers, and errors where Keras is silently wrong."""

import os
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import keras
from tinygraph.keras.utils import (
    normalize,
    pad_sequences,
    set_random_seed,
    timeseries_dataset_from_array,
    to_categorical,
)


@pytest.fixture(scope="module")
def keras_utils():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras").utils


# --- to_categorical ---------------------------------------------------------------------------------------------------

LABELS = {
    "a column": [[0], [2]],
    "a list": [0, 1, 2, 3],
    "a matrix": [[0, 1], [2, 2]],
    "a number": 2,
    "floating": np.array([0.0, 2.0]),
    "nested columns": [[[0], [1]], [[2], [0]]],
    "one": [3],
    "true and false": [True, False],
    "uint8": np.array([7, 0], np.uint8),
}


def test_labels_become_rows_of_zeros_and_a_one():
    np.testing.assert_array_equal(to_categorical([0, 2]), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(to_categorical([[0], [2]], 4), [[1, 0, 0, 0], [0, 0, 1, 0]])
    assert to_categorical([0, 2]).dtype == np.float64
    assert to_categorical(tg.Tensor(np.array([0, 2]))).tolist() == to_categorical([0, 2]).tolist()
    assert to_categorical(np.zeros((0,), int), 3).shape == (0, 3)
    assert to_categorical([[0, 1], [2, 2]]).shape == (2, 2, 3)


@pytest.mark.parametrize("classes", [None, 9])
@pytest.mark.parametrize("name", sorted(LABELS))
def test_to_categorical_is_that_of_keras(keras_utils, name, classes):
    theirs = keras_utils.to_categorical(LABELS[name], classes)
    ours = to_categorical(LABELS[name], classes)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize(
    ("labels", "classes", "error"), [([0, 3], 3, IndexError), ([], None, ValueError), (["cat"], None, ValueError)]
)
def test_to_categorical_raises_what_keras_does(keras_utils, labels, classes, error):
    for function in (keras_utils.to_categorical, to_categorical):
        with pytest.raises(error):
            function(labels, classes)


@pytest.mark.parametrize(
    ("labels", "classes", "error", "message"),
    [
        ([0, 3], 3, IndexError, "the label 3 is not one of 3 classes, which are 0 to 2"),
        ([0, -1], 3, IndexError, "the label -1 is not one of 3 classes"),
        ([0, -1], None, IndexError, "the label -1"),
        ([], None, ValueError, "no labels"),
        ([0.5, 1], None, ValueError, "whole numbers"),
        (["cat", "dog"], None, ValueError, "LabelEncoder"),
        ([None], None, ValueError, "not class numbers"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels, classes, error, message):
    with pytest.raises(error, match=message):
        to_categorical(labels, classes)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_a_missing_label_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        to_categorical([0, np.nan], 3)


def test_labels_as_texts_go_through_scikit_learn():
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    numbers = preprocessing.LabelEncoder().fit_transform(["dog", "cat", "dog"])
    np.testing.assert_array_equal(to_categorical(numbers), [[0, 1], [1, 0], [0, 1]])


# --- pad_sequences ----------------------------------------------------------------------------------------------------

SEQUENCES = st.lists(st.lists(st.integers(1, 9), max_size=6), min_size=1, max_size=5)
SIDES = st.sampled_from(["pre", "post"])


def test_sequences_are_filled_up_and_cut():
    sequences = [[1], [2, 3], [4, 5, 6]]
    assert pad_sequences(sequences).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
    assert pad_sequences(sequences, value=-1).tolist() == [[-1, -1, 1], [-1, 2, 3], [4, 5, 6]]
    assert pad_sequences(sequences, padding="post").tolist() == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert pad_sequences(sequences, maxlen=2).tolist() == [[0, 1], [2, 3], [5, 6]]
    assert pad_sequences(sequences, maxlen=2, truncating="post").tolist() == [[0, 1], [2, 3], [4, 5]]
    assert pad_sequences(sequences).dtype == np.int32
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences([[], [1, 2]], maxlen=0).shape == (2, 0)
    assert pad_sequences([["a", "b"], ["c"]], dtype=object, value="").tolist() == [["a", "b"], ["", "c"]]


@given(SEQUENCES, SIDES, SIDES, st.one_of(st.none(), st.integers(0, 8)))
def test_each_row_is_its_sequence(sequences, padding, truncating, maxlen):
    padded = pad_sequences(sequences, maxlen, padding=padding, truncating=truncating)
    length = max(map(len, sequences)) if maxlen is None else maxlen
    assert padded.shape == (len(sequences), length)
    for row, sequence in zip(padded, sequences, strict=True):
        kept = sequence[-length:] if truncating == "pre" and length else sequence[:length]
        fill = [0] * (length - len(kept))
        assert row.tolist() == (fill + kept if padding == "pre" else kept + fill)


@given(SEQUENCES, SIDES, SIDES, st.one_of(st.none(), st.integers(1, 8)))
def test_pad_sequences_is_that_of_keras(keras_utils, sequences, padding, truncating, maxlen):
    theirs = keras_utils.pad_sequences(sequences, maxlen, padding=padding, truncating=truncating)
    ours = pad_sequences(sequences, maxlen, padding=padding, truncating=truncating)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


def test_sequences_of_arrays():
    padded = pad_sequences([np.ones((2, 3)), np.ones((1, 3))], dtype="float32", maxlen=3)
    assert padded.shape == (2, 3, 3) and padded.sum(axis=(1, 2)).tolist() == [6, 3]


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([], {}, "no sequences"),
        ((x for x in [[1]]), {}, "generator has no length"),
        ([1, 2], {}, "must be a sequence, and 1 is none"),
        ([[1]], {"padding": "left"}, "padding= is 'pre' or 'post', got 'left'"),
        ([[1]], {"truncating": "left"}, "truncating="),
        ([[1]], {"value": "x"}, "cannot hold 'x'"),
        ([np.ones((2, 3)), np.ones((2, 4))], {}, r"sequence 1 have shape \(4,\)"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(sequences, **options)


# --- normalize --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, np.inf])
@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_norms_are_one(axis, order):
    x = np.random.default_rng(0).normal(size=(4, 4))
    found = normalize(x, axis, order)
    np.testing.assert_allclose(np.linalg.norm(found, order, axis), 1)
    np.testing.assert_allclose(found / np.abs(found).max(axis, keepdims=True), x / np.abs(x).max(axis, keepdims=True))


def test_a_row_of_zeros_stays():
    np.testing.assert_array_equal(normalize([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0, 0]])
    assert normalize(np.ones((2, 3), np.float32)).dtype == np.float32
    np.testing.assert_allclose(normalize(np.array([3.0, 4.0]), axis=None), [[0.6, 0.8]])
    assert normalize(np.ones((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("shape", "axis"), [((4, 3), -1), ((4, 3), 1), ((2, 3, 4), -1), ((2, 3, 4), 1), ((5,), -1)])
def test_normalize_is_that_of_keras(keras_utils, shape, axis, order):
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(normalize(x, axis, order), keras_utils.normalize(x, axis, order))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("axis", [-1, 0, 1, None])
def test_rows_of_a_tensor_keep_their_gradient(axis, order):
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(normalize(tg.Tensor(x), axis, order).data, normalize(x, axis, order))
    tg.testing.check_grads(lambda t: normalize(t, axis, order), x, order=2)
    zeros = tg.Tensor(np.zeros((2, 3)))
    normalize(zeros).sum().backward()
    assert np.isfinite(zeros.grad).all()


def test_rows_are_normalized_inside_of_a_network():
    x = keras.Input((4,))
    model = keras.Model(x, keras.utils.normalize(keras.layers.Dense(3)(x), axis=1))
    found = model.predict(np.random.default_rng(0).normal(size=(5, 4)), verbose=0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)


# --- time series ------------------------------------------------------------------------------------------------------


@given(
    st.integers(3, 20), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.booleans(),
    st.integers(0, 2),
)  # fmt: skip
def test_windows_of_a_series(steps, length, stride, rate, size, has_targets, begin):
    data, targets = np.arange(2.0 * steps).reshape(steps, 2), -np.arange(steps) if has_targets else None
    options = {"sequence_stride": stride, "sampling_rate": rate, "batch_size": size, "start_index": begin}
    starts = [at for at in range(begin, steps, stride) if at + (length - 1) * rate + 1 <= steps]
    starts = [at for at in starts if at + (length - 1) * rate < steps]
    if not starts:
        with pytest.raises(ValueError, match="Take shorter windows"):
            timeseries_dataset_from_array(data, targets, length, **options)
        return
    batches = list(timeseries_dataset_from_array(data, targets, length, **options))
    windows = [batch[0] if has_targets else batch for batch in batches]
    assert [len(window) for window in windows[:-1]] == [size] * (len(windows) - 1)
    expected = [[data[at + step * rate] for step in range(length)] for at in starts]
    np.testing.assert_array_equal(np.concatenate(windows), expected)
    if has_targets:
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in batches]), targets[starts])


def test_windows_are_batches_of_fit():
    series = np.sin(np.arange(60) / 4).astype("float32")
    windows = keras.preprocessing.timeseries_dataset_from_array(series[:, None], series[5:], 5, batch_size=16)
    assert len(windows) == 4
    model = keras.Sequential([keras.Input((5, 1)), keras.layers.LSTM(3), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(windows, epochs=3, validation_data=windows, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    drawn = [timeseries_dataset_from_array(series, None, 5, shuffle=True, seed=seed)[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    np.testing.assert_array_equal(np.sort(drawn[0][:, 0]), np.sort(series[:56]))
    with pytest.raises(ValueError, match="batch_size must be a number here, got None"):
        timeseries_dataset_from_array(series, None, 5, batch_size=None)
    with pytest.raises(ValueError, match="must lie in 0 to 60, got 50 and 70"):
        timeseries_dataset_from_array(series, None, 5, start_index=50, end_index=70)
    with pytest.raises(IndexError):
        windows[4]


# --- seeds ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def untouched_seeds():
    python, numpy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)


def test_one_seed_is_for_everything(untouched_seeds):
    if "set_seed" not in tg.nn.__all__:
        pytest.skip("layers have no common seed")

    def drawn():
        set_random_seed(7)
        layer = tg.nn.Dense(3)
        layer(np.ones((1, 2), np.float32))
        return random.random(), np.random.rand(), layer.kernel.numpy().tolist()

    try:
        assert drawn() == drawn()
    finally:
        tg.nn.set_seed(None)


@pytest.mark.parametrize("seed", [1.0, "1", None, True, -1, 2**32])
def test_a_seed_that_is_none_is_refused(untouched_seeds, seed):
    before = random.getstate()
    with pytest.raises(ValueError, match=r"(?i)seed"):
        set_random_seed(seed)
    assert random.getstate() == before


def test_a_variable_has_the_attributes_of_keras():
    weight = keras.Variable([1.0, 2.0], name="w")
    assert weight.dtype == np.float32 and weight.requires_grad and weight.name == "w"
    drawn = keras.Variable("he_normal", shape=(3, 2), trainable=False)
    assert drawn.shape == (3, 2) and drawn.dtype == np.float32 and not drawn.requires_grad
    assert keras.Variable(3).dtype == np.int64 and keras.Variable(np.ones(2), dtype="float64").dtype == np.float64
    weight.assign_add([1.0, 1.0])
    assert weight.numpy().tolist() == [2.0, 3.0]


def test_the_shape_of_a_result_is_asked_without_weights():
    dense = keras.layers.Dense(3)
    assert dense.compute_output_shape((None, 4)) == (None, 3) and dense.compute_output_shape((5, 4)) == (5, 3)
    assert not dense.built
    joined = keras.layers.Concatenate().compute_output_shape([(None, 2), (None, 3)])
    assert joined == (None, 5)
    model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten()])
    assert model.compute_output_shape((None, 5, 5, 1)) == (None, 36)
    assert keras.layers.Dense(2)(keras.KerasTensor((None, 4))).shape == (None, 2)


def test_metrics_begin_anew_after_reset_metrics():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], auto_scale_loss=True)
    x = np.ones((4, 2))
    model.test_on_batch(x, np.zeros(4))
    model.reset_metrics()
    assert model.metrics[1].count.item() == 0


def test_a_class_is_known_in_a_scope(tmp_path):
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    keras.Sequential([keras.Input((2,)), Doubled()]).save(tmp_path / "m.safetensors")
    with keras.saving.custom_object_scope({"Doubled": Doubled}):
        assert keras.models.load_model(tmp_path / "m.safetensors").layers[0](np.ones((1, 2))).tolist() == [[2, 2]]
    with pytest.raises(ValueError, match="Doubled"):
        keras.models.load_model(tmp_path / "m.safetensors")
