"""Files of the IDX format: every dtype, compressed or not; damaged files are refused by name."""

import gzip

import numpy as np
import pytest

from tests.data.test_downloads import idx
from tinygraph.data import load_idx

ARRAY = np.arange(24).reshape(2, 3, 4)
DTYPES = ["float32", "float64", "int16", "int32", "int8", "uint8"]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_written_array_is_read(tmp_path, dtype, compress):
    (tmp_path / "x").write_bytes(compress(idx(ARRAY.astype(dtype))))
    found = load_idx(tmp_path / "x")
    np.testing.assert_array_equal(found, ARRAY)
    assert found.dtype == dtype and found.dtype.isnative and found.flags.writeable


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_arrays_without_numbers_and_without_axes(tmp_path, shape):
    (tmp_path / "x").write_bytes(idx(np.ones(shape, np.uint8)))
    assert load_idx(tmp_path / "x").shape == shape


WHOLE = idx(ARRAY.astype(np.int32))
COMPRESSED = gzip.compress(WHOLE)
DAMAGED = {
    "a byte less": WHOLE[:-1],
    "a byte more": WHOLE + b"x",
    "compressed, a byte more inside": gzip.compress(WHOLE + b"x"),
    "compressed, another byte": COMPRESSED[:-9] + bytes([COMPRESSED[-9] ^ 1]) + COMPRESSED[-8:],
    "compressed, cut in the header": COMPRESSED[:5],
    "compressed, cut in the middle": COMPRESSED[: len(COMPRESSED) // 2],
    "compressed, cut off": COMPRESSED[:-1],
    "empty": b"",
    "no shape": WHOLE[:7],
    "of another dtype": b"\0\0\x0a\1\0\0\0\1x",
    "of another kind": b"a text of some length",
    "only a shape": WHOLE[:16],
    "too large": b"\0\0\x08\3" + b"\xff" * 12,
}


@pytest.mark.parametrize("name", sorted(DAMAGED))
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / "labels.gz").write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=r"labels\.gz"):
        load_idx(tmp_path / "labels.gz")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_idx(tmp_path / "x")
