"""Vocabularies: words and categories as indices, texts as rows of them, numbers as bins."""

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn

WORDS = np.array([["earth", "wind", "and", "fire"], ["fire", "and", "earth", "michigan"]])
VOCABULARY = ["earth", "wind", "and", "fire"]
TEXTS = ["The cat, the DOG.", "a cat!", "the dog ran"]


def test_strings_and_their_indices():
    layer = nn.StringLookup(vocabulary=VOCABULARY)
    np.testing.assert_array_equal(layer(WORDS), [[1, 2, 3, 4], [4, 3, 1, 0]])
    assert layer.get_vocabulary() == ["[UNK]", *VOCABULARY]
    assert layer.vocabulary_size() == 5
    back = nn.StringLookup(vocabulary=layer.get_vocabulary(), invert=True)
    assert back(layer(WORDS)).tolist() == [*[VOCABULARY], ["fire", "and", "earth", "[UNK]"]]
    masked = nn.StringLookup(vocabulary=VOCABULARY, mask_token="", num_oov_indices=0)
    np.testing.assert_array_equal(masked(["", "fire"]), [0, 4])
    with pytest.raises(ValueError, match="'michigan' is not in the vocabulary"):
        masked(WORDS)
    again = nn.StringLookup.from_config(layer.get_config())
    np.testing.assert_array_equal(again(WORDS), layer(WORDS))


def test_the_most_frequent_strings_come_first():
    layer = nn.StringLookup(max_tokens=4)
    layer.adapt([["a", "b", "b"], ["c", "c", "b"], ["d", "a", "e"]])
    assert layer.get_vocabulary() == ["[UNK]", "b", "c", "a"]  # of equal ones the last in the alphabet, as in Keras
    again = nn.StringLookup.from_config(layer.get_config())
    assert again.get_vocabulary() == layer.get_vocabulary()
    with pytest.raises(ValueError, match="twice"):
        nn.StringLookup(vocabulary=["a", "a"])
    with pytest.raises(ValueError, match="it has no vocabulary yet"):
        nn.StringLookup()(["a"])
    with pytest.raises(TypeError, match="it takes strings, got dtype int64"):
        layer(np.array([1, 2]))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("multi_hot", [[0, 1, 1, 1, 1], [1, 1, 0, 1, 1]]),
        ("count", [[0, 1, 1, 1, 1], [1, 1, 0, 1, 1]]),
        ("tf_idf", [[0, 0.25, 0.75, 0.6, 0.4], [0.5, 0.25, 0, 0.6, 0.4]]),
    ],
)
def test_rows_of_numbers(mode, expected):
    weights = {"idf_weights": [0.25, 0.75, 0.6, 0.4]} if mode == "tf_idf" else {}
    layer = nn.StringLookup(vocabulary=VOCABULARY, output_mode=mode, **weights)
    np.testing.assert_allclose(layer(WORDS), expected, rtol=1e-6)
    padded = nn.StringLookup(9, vocabulary=VOCABULARY, output_mode=mode, pad_to_max_tokens=True, **weights)
    np.testing.assert_allclose(padded(WORDS), np.pad(expected, ((0, 0), (0, 4))), rtol=1e-6)


def test_whole_numbers_in_a_network():
    layer = nn.IntegerLookup(vocabulary=[12, 1138, 42])
    x = np.array([[12, 1138, 42], [42, 1000, 12]])
    np.testing.assert_array_equal(layer(x), [[1, 2, 3], [3, 0, 1]])
    np.testing.assert_array_equal(tg.compile(lambda x: layer(x))(x), layer(x))
    remainders = nn.IntegerLookup(vocabulary=[12, 42], num_oov_indices=2)
    np.testing.assert_array_equal(remainders(np.array([12, 7, 8])), [2, 1, 0])
    np.testing.assert_array_equal(nn.IntegerLookup(vocabulary=[12, 42], invert=True)(np.array([1, 0])), [12, -1])
    hot = nn.IntegerLookup(vocabulary=[12, 42], output_mode="one_hot")
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(2)(hot(inputs)))
    model.compile("sgd", "mse")
    rows = np.array([[12], [42], [5]])
    np.testing.assert_allclose(model.predict(rows, verbose=0), np.eye(3)[[1, 2, 0]] @ model.get_weights()[0], rtol=1e-6)
    model.fit(rows, np.ones((3, 2)), verbose=0)


def test_texts():
    layer = nn.TextVectorization()
    layer.adapt(TEXTS)
    assert layer.get_vocabulary() == ["", "[UNK]", "the", "dog", "cat", "ran", "a"]
    np.testing.assert_array_equal(layer(["the cat sat", "dog"]), [[2, 4, 1], [3, 0, 0]])
    np.testing.assert_array_equal(layer("The dog"), [2, 3])
    np.testing.assert_array_equal(layer([["the cat"]]), [[2, 4]])
    short = nn.TextVectorization(output_sequence_length=2, vocabulary=["the", "cat"])
    np.testing.assert_array_equal(short(["the cat the", "cat"]), [[2, 3], [3, 0]])
    pairs = nn.TextVectorization(ngrams=2, output_mode="count", vocabulary=["the cat", "cat"])
    np.testing.assert_array_equal(pairs(["the cat", "cat cat"]), [[1, 1, 1], [1, 0, 2]])
    letters = nn.TextVectorization(split="character", standardize=None, vocabulary=["a", "b"])
    np.testing.assert_array_equal(letters(["ab", "B"]), [[2, 3], [1, 0]])
    own = nn.TextVectorization(standardize=np.char.upper, split=lambda texts: [t.split("-") for t in texts.tolist()])
    own.adapt(["a-b", "a"])
    assert own.get_vocabulary() == ["", "[UNK]", "A", "B"]
    weighed = nn.TextVectorization(output_mode="tf_idf")
    weighed.adapt(TEXTS)
    assert weighed.get_vocabulary()[:2] == ["[UNK]", "the"]
    assert weighed(["the"])[0, 1] == pytest.approx(np.log(1 + 3 / 3))
    with pytest.raises(TypeError, match="a network computes with numbers alone"):
        layer(nn.Input((1,)))


def test_bins():
    layer = nn.Discretization([0.0, 1.0, 2.0])
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    np.testing.assert_array_equal(layer(x), [[0, 2, 3, 1], [1, 3, 2, 1]])
    np.testing.assert_array_equal(tg.compile(lambda x: layer(x))(x), layer(x))
    counts = nn.Discretization([0.0, 1.0], output_mode="count")(x)
    np.testing.assert_array_equal(counts, [[1, 1, 2], [0, 2, 2]])
    found = nn.Discretization(num_bins=4)
    found.adapt(np.arange(100.0))
    np.testing.assert_allclose(found.bin_boundaries, [24.75, 49.5, 74.25])
    assert nn.Discretization.from_config(found.get_config()).bin_boundaries == found.bin_boundaries
    with pytest.raises(ValueError, match="give bin_boundaries, or num_bins"):
        nn.Discretization()
