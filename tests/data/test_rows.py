"""Rows of arrays, batch by batch: the values of `array[order]`, in memory that is used again, and never a wrong row."""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.data import Rows


def copied(rows):
    """The batches of an epoch, copied: a batch lives until the next but one."""
    return [tuple(part.copy() for part in batch) for batch in rows]


def together(batches, place):
    return np.concatenate([batch[place] for batch in batches])


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), st.booleans())
def test_an_epoch_has_every_row_once_and_keeps_rows_together(rows, size, shuffle, drop_last):
    x, y = np.arange(rows * 6.0).reshape(rows, 2, 3), np.arange(rows)
    if drop_last and rows < size:
        with pytest.raises(ValueError, match="drop_last"):
            Rows([x, y], size, drop_last=True)
        return
    data = Rows([x, y], size, shuffle=shuffle, drop_last=drop_last, generator=np.random.default_rng(0))
    for _ in range(2):
        found = copied(data)
        assert len(found) == len(data) == (rows // size if drop_last else -(-rows // size))
        assert all(len(labels) == size for _, labels in found[: -1 + drop_last])
        order = together(found, 1)
        np.testing.assert_array_equal(together(found, 0), x[order])
        assert len(set(order)) == len(order) == (rows // size * size if drop_last else rows)
        assert shuffle or order.tolist() == list(range(len(order)))


def test_the_order_is_the_permutation_of_the_generator():
    x = np.arange(50)
    data, twin = Rows([x], 8, shuffle=True, generator=np.random.default_rng(3)), np.random.default_rng(3)
    for _ in range(3):
        np.testing.assert_array_equal(together(copied(data), 0), twin.permutation(50))


def test_a_state_of_the_generator_goes_on_with_the_same_epochs():
    x = np.arange(50)
    data = Rows([x], 8, shuffle=True, generator=np.random.default_rng(3))
    copied(data)
    resumed = Rows([x], 8, shuffle=True, generator=np.random.default_rng())
    resumed.generator.bit_generator.state = data.generator.bit_generator.state
    np.testing.assert_array_equal(together(copied(resumed), 0), together(copied(data), 0))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("cast", [False, True])
def test_a_batch_is_valid_until_the_next_but_one(shuffle, cast):
    x = np.arange(20.0)[:, None]
    data = Rows([x], 4, shuffle=shuffle, dtype=np.float32 if cast else None)
    before = None
    for (batch,) in data:
        if before is not None:
            np.testing.assert_array_equal(*before)
        before = batch, batch.copy()
    starts = [batch.__array_interface__["data"][0] for (batch,) in data]
    assert len(set(starts)) == (2 if shuffle or cast else 5)


def test_two_epochs_at_once_have_buffers_of_their_own():
    x = np.arange(12)
    data = Rows([x], 3, shuffle=True, generator=np.random.default_rng(0))
    for (outer,) in data:
        kept = outer.copy()
        copied(data)
        np.testing.assert_array_equal(outer, kept)


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_cast_and_a_scale_are_those_of_the_whole(shuffle):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (37, 5, 4)).astype(np.uint8), np.arange(37)
    values = rng.normal(size=37)
    data = Rows(
        [images, labels, values], 8, shuffle=shuffle, dtype=[np.float32, None, "float32"], scale=[1 / 255, None, None]
    )
    found = copied(data)
    x, y, v = (together(found, place) for place in range(3))
    np.testing.assert_array_equal(x, images[y].astype(np.float32) * np.float32(1 / 255))
    assert (x.dtype, y.dtype, v.dtype) == (np.float32, labels.dtype, np.float32)
    np.testing.assert_array_equal(v, values[y].astype(np.float32))


def test_one_dtype_is_for_floating_numbers():
    arrays = [np.ones(4), np.ones(4, int), np.ones(4, bool), np.ones(4, np.float16), np.array(list("abcd"))]
    (batch,) = Rows(arrays, 4, dtype=np.float32)
    assert [part.dtype.kind + str(part.dtype.itemsize) for part in batch] == ["f4", "i8", "b1", "f4", "U4"]


OTHERS = {
    "fortran": lambda x: np.asfortranarray(x),
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.lib.stride_tricks.as_strided(x, writeable=False),
}


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("name", sorted(OTHERS))
def test_arrays_in_any_order_of_memory(name, shuffle):
    x = np.arange(60.0).reshape(15, 4)
    data = Rows([OTHERS[name](x), np.arange(15)], 4, shuffle=shuffle)
    found = copied(data)
    np.testing.assert_array_equal(together(found, 0), x[together(found, 1)])
    assert all(batch.flags.c_contiguous and batch.dtype.isnative for batch, _ in data)


def test_a_file_in_memory_is_read_by_rows(tmp_path):
    x = np.memmap(tmp_path / "x", np.float32, "w+", shape=(30, 3))
    x[:] = np.arange(90).reshape(30, 3)
    found = copied(Rows([x, np.arange(30)], 7, shuffle=True))
    np.testing.assert_array_equal(together(found, 0), np.arange(90).reshape(30, 3)[together(found, 1)])


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0,)])
@pytest.mark.parametrize("shuffle", [False, True])
def test_empty_arrays(shape, shuffle):
    found = copied(Rows([np.ones(shape)], 3, shuffle=shuffle, dtype=np.float32))
    assert [len(batch) for (batch,) in found] == ([3, 1] if shape[0] else [])


def test_an_epoch_needs_no_copy_of_the_whole():
    images = np.zeros((20_000, 784), np.uint8)
    data = Rows([images], 128, shuffle=True, dtype=[np.float32], scale=[1 / 255])
    gc.collect()
    tracemalloc.start()
    for _ in data:
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000  # three buffers of 128 rows and an order of 20,000; the whole in float32 is 63 MB


REFUSED = {
    "no arrays": (lambda: Rows([], 2), ValueError, "no array"),
    "lengths": (lambda: Rows([np.ones(3), np.ones(4)], 2), ValueError, r"\[3, 4\]"),
    "size 0": (lambda: Rows([np.ones(3)], 0), ValueError, "at least 1"),
    "size 2.5": (lambda: Rows([np.ones(3)], 2.5), TypeError, "size must be a whole number, got 2.5"),
    "fractions to integers": (lambda: Rows([np.ones(3)], 2, dtype=int), TypeError, "float64 is not cast to int64"),
    "complex to real": (lambda: Rows([np.ones(3, complex)], 2, dtype=["f4"]), TypeError, "complex128 is not cast"),
    "texts to numbers": (lambda: Rows([np.array(["1"])], 2, dtype=["f4"]), TypeError, "<U1 is not cast to float32"),
    "dtypes": (lambda: Rows([np.ones(3)], 2, dtype=["f4", "f4"]), ValueError, "2 dtypes for 1 arrays"),
    "scales": (lambda: Rows([np.ones(3)], 2, scale=[1, 2]), ValueError, "2 numbers for 1 arrays"),
    "scaled integers": (lambda: Rows([np.ones(3, int)], 2, scale=[0.5]), TypeError, "Give a floating dtype"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_bad_arguments_are_refused_at_once(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
