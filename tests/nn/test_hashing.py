"""Fingerprints of categories: the bins of Keras's layers, whatever the length of a string."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import keras, nn
from tinygraph.nn.fingerprints import fingerprint, keyed_fingerprint

LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]

LONG = {
    0: 11160318154034397263,
    2: 14024286643213798773,
    5: 13024315463276085577,
    12: 11517357035142004093,
    16: 1080060857502750420,
    17: 13526182118996909852,
    32: 1917831512995979081,
    33: 16750416167695635022,
    50: 12334112670463347188,
    64: 17691551913807367243,
    65: 14313328211205373374,
    128: 2037963038260878803,
    129: 14883169112474847294,
    200: 525935771297148851,
}


def test_fingerprints_are_those_of_the_papers():
    # TensorFlow's own tests have the first two; the others are of Google's C++, for every branch of the length.
    assert [fingerprint(text) for text in (b"Hello", b"World")] == [15404698994557526151, 18308117990299812472]
    text = bytes(range(200))
    for size, expected in LONG.items():
        assert fingerprint(text[:size]) == expected
    key = [int.from_bytes(bytes(range(start, start + 8)), "little") for start in (0, 8)]
    assert keyed_fingerprint(bytes(range(15)), key) == 0xA129CA6149BE45E5  # the example of the paper


def test_bins_are_those_of_the_documentation_of_keras():
    assert nn.Hashing(3)(LETTERS).ravel().tolist() == [1, 0, 1, 1, 2]
    assert nn.Hashing(3, mask_value="")([["A"], ["B"], [""], ["C"], ["D"]]).ravel().tolist() == [1, 1, 0, 2, 2]
    assert nn.Hashing(3, salt=[133, 137])(LETTERS).ravel().tolist() == [1, 2, 1, 0, 2]
    assert nn.Hashing(3, salt=133)(LETTERS).ravel().tolist() == [0, 0, 2, 1, 0]
    crossed = keras.layers.HashedCrossing(num_bins=5)((np.array(list("ABABA")), np.array([101, 101, 101, 102, 102])))
    assert crossed.tolist() == [1, 4, 1, 1, 3] and crossed.dtype == np.int64


def test_kinds_of_data_and_of_results():
    layer = nn.Hashing(7)
    numbers = layer(np.array([3, 5, 8]))
    assert numbers.tolist() == layer(["3", "5", "8"]).tolist() == layer(np.array([3.9, 5.0, 8.1])).tolist()
    assert layer(np.array([b"a", b"b"])).tolist() == layer(np.array(["a", "b"], object)).tolist()
    assert layer("a").shape == () and nn.Hashing(7, dtype="int32")([1]).dtype == np.int32
    hot = nn.Hashing(7, output_mode="one_hot")(LETTERS)
    assert hot.shape == (5, 7) and hot.dtype == np.float32
    assert hot.argmax(axis=1).tolist() == nn.Hashing(7)(LETTERS).ravel().tolist()
    counts = nn.Hashing(4, output_mode="count", dtype="float64")([["A", "B", "A"], ["C", "C", "C"]])
    assert counts.dtype == np.float64 and counts.sum(axis=1).tolist() == [3, 3] and counts.max() == 3
    assert nn.Hashing(4, output_mode="multi_hot")([["A", "B", "A"], ["C", "C", "C"]]).max() == 1
    rows = nn.HashedCrossing(4, "one_hot")([np.array([["a"], ["b"]]), np.array([["c"], ["d"]])])
    assert rows.shape == (2, 4) and rows.sum() == 2
    assert nn.Hashing(4, output_mode="count").compute_output_shape((None, 3)) == (None, 4)
    again = nn.Hashing.from_config(nn.Hashing(3, salt=133, output_mode="count").get_config())
    assert again.salt == 133 and again.output_mode == "count"


@pytest.mark.parametrize(
    ("made", "kind", "told"),
    [
        (lambda: nn.Hashing(0), ValueError, "num_bins must be at least 1"),
        (lambda: nn.Hashing(3, output_mode="tf_idf"), ValueError, "output_mode must be one of"),
        (lambda: nn.Hashing(3, dtype="float32"), ValueError, "a dtype of whole numbers"),
        (lambda: nn.Hashing(3, salt=[1]), ValueError, "salt must be a whole number, or two"),
        (lambda: nn.Hashing(3)([1j]), TypeError, "takes strings and numbers"),
        (lambda: nn.Hashing(3)(nn.Input((1,))), TypeError, "before a network"),
        (lambda: nn.HashedCrossing(3)(np.array([1])), TypeError, "a list of at least two arrays"),
        (lambda: nn.HashedCrossing(3)([np.zeros(2), np.zeros(2)]), TypeError, "not floating ones"),
        (lambda: nn.HashedCrossing(3)([np.zeros(2, int), np.zeros(3, int)]), tg.ShapeError, "must all have the shape"),
    ],
)
def test_arguments_that_are_no_good(made, kind, told):
    with pytest.raises(kind, match=told):
        made()
