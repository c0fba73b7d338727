"""Batches of whatever data come as: gone through again and again, in dicts and lists, from lists and frames."""

import numpy as np
import pandas as pd
import pytest

import tinygraph as tg
from tinygraph.data import batches


def test_batches_can_be_gone_through_again():
    data = batches(np.arange(10), np.arange(10) * 2, size=4)
    for _ in range(2):
        assert [x.tolist() for x, _ in data] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(data) == 3 and repr(data) == "<3 batches of 4, 10 rows>"


def test_next_goes_through_an_epoch_of_its_own():
    data = batches(np.arange(4), size=2)
    assert next(data)[0].tolist() == [0, 1]
    assert [x.tolist() for (x,) in data] == [[0, 1], [2, 3]]
    assert next(data)[0].tolist() == [2, 3]
    with pytest.raises(StopIteration):
        next(data)


def test_each_epoch_of_a_seed_has_its_order_and_a_second_run_has_the_same():
    def orders():
        data = batches(np.arange(50), size=50, shuffle=7)
        return [next(iter(data))[0].tolist() for _ in range(3)]

    first, second, third = orders()
    assert first != second != third and orders() == [first, second, third]


def test_the_order_is_drawn_when_an_epoch_begins():
    data = batches(np.arange(50), size=50, shuffle=7)
    one, other = iter(data), iter(data)
    drawn = next(other)[0].tolist(), next(one)[0].tolist()
    data = batches(np.arange(50), size=50, shuffle=7)
    assert [next(iter(data))[0].tolist() for _ in range(2)] == [drawn[1], drawn[0]]


@pytest.mark.parametrize(("rows", "steps"), [(0, 0), (4, 1), (7, 1), (8, 2)])
def test_a_shorter_last_batch_can_be_left_out(rows, steps):
    data = batches(np.arange(rows), size=4, drop_last=True)
    assert [len(x) for (x,) in data] == [4] * steps and len(data) == steps


def test_no_batch_left_is_an_error():
    with pytest.raises(ValueError, match="no batch is left of 3 rows in batches of 4"):
        batches(np.arange(3), size=4, drop_last=True)


def test_a_batch_larger_than_the_data_is_the_data():
    assert [x.tolist() for (x,) in batches(np.arange(3), size=100)] == [[0, 1, 2]]


@pytest.mark.parametrize("shuffle", [None, 0])
def test_dicts_and_lists_of_arrays_are_several_inputs(shuffle):
    x, z, y = np.arange(10.0).reshape(5, 2), np.arange(5), np.arange(5) * 10
    for inputs, labels in batches({"x": x, "more": [z, x]}, y, size=2, shuffle=shuffle):
        chosen = labels // 10
        np.testing.assert_array_equal(inputs["x"], x[chosen])
        assert isinstance(inputs["more"], list)
        np.testing.assert_array_equal(inputs["more"][0], z[chosen])
        np.testing.assert_array_equal(inputs["more"][1], x[chosen])


def test_none_stays_none():
    assert [weights for x, weights in batches(np.arange(3), None, size=2)] == [None, None]


def test_lists_of_numbers_are_arrays():
    ((x, y, z),) = batches([[1, 2], [3, 4]], [np.float64(0), np.float64(1)], range(2), size=2, shuffle=False)
    assert x.tolist() == [[1, 2], [3, 4]] and y.tolist() == [0, 1] and z.tolist() == [0, 1]


def test_tensors_are_recorded():
    x = tg.Tensor(np.arange(4.0))
    total = sum(np.sum(part**2) for (part,) in batches(x, size=2))
    total.backward()
    np.testing.assert_array_equal(x.grad, 2 * np.arange(4.0))


def test_frames_and_series_are_taken_by_place_not_by_index():
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "c": [True, False, True]}, index=[7, 7, 0])
    ((x, y),) = batches(frame, frame["a"], size=3)
    np.testing.assert_array_equal(x, [[1, 0.5, 1], [2, 1.5, 0], [3, 2.5, 1]])
    assert x.dtype == np.float64 and x.flags.c_contiguous and y.tolist() == [1, 2, 3]


def test_the_dtype_of_a_frame_is_that_of_its_columns():
    def dtype(**columns):
        return next(batches(pd.DataFrame(columns), size=2))[0].dtype

    assert dtype(a=np.array([1, 2], np.float32), b=np.array([1, 2], np.float32)) == np.float32
    assert dtype(a=np.array([1, 2], np.int16), b=np.array([1, 2], np.uint8)) == np.int16
    assert dtype(a=[True, False]) == np.bool_


def test_missing_values_of_a_frame_are_nan():
    whole = pd.array([1, 2], dtype="Int64")
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": whole})
    ((x, y, z),) = batches(frame, frame["a"], frame["b"], size=2)
    np.testing.assert_array_equal(x, [[1, 1], [np.nan, 2]])
    np.testing.assert_array_equal(y, [1, np.nan])
    assert z.dtype == np.int64 and z.tolist() == [1, 2]


def test_a_series_of_texts_stays_texts():
    ((labels,),) = batches(pd.Series(["cat", "dog"]), size=2)
    assert labels.tolist() == ["cat", "dog"]


class Sparse:
    shape = (3, 3)

    def toarray(self):
        return np.eye(3)


REFUSED = {
    "a column of texts": (
        lambda: batches(pd.DataFrame({"a": [1], "town": ["Bonn"]}), size=1), ValueError,
        r"the columns town of a frame are not numbers.*get_dummies",
    ),
    "a generator": (lambda: batches((x for x in range(3)), size=1), TypeError, "generator has no rows"),
    "a number": (lambda: batches(3, size=1), TypeError, "int has no rows"),
    "an array of no axes": (lambda: batches(np.array(3.0), size=1), TypeError, r"array\(3\.\) has no rows"),
    "a sparse matrix": (lambda: batches(Sparse(), size=1), TypeError, r"\.toarray"),
    "rows of different lengths": (lambda: batches([[1], [2, 3]], size=1), ValueError, "different lengths"),
    "lengths inside": (lambda: batches({"a": np.ones(3), "b": np.ones(4)}, size=1), ValueError, r"\[3, 4\]"),
    "nothing": (lambda: batches(None, size=1), ValueError, "no array"),
    "size": (lambda: batches(np.ones(3), size="32"), TypeError, "size must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_other_things_are_refused_at_once(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
