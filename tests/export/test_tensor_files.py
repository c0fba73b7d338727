"""Tensor files: bits come back, a write is whole or not at all, damage is refused by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

import tinygraph as tg
from tinygraph.errors import UnsupportedError
from tinygraph.export import check_arrays, differences, load_arrays, save_arrays

pytest.importorskip("safetensors")

DTYPES = [
    "bool",
    "float16",
    "float32",
    "float64",
    "int16",
    "int32",
    "int64",
    "int8",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
]
HEADER = {"layers": [{"class": "Dense", "units": 3, "bias": True, "rate": 0.5}], "note": "größer", "none": None}


@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda name: name != "__metadata__"),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(min_dims=0, min_side=0))
        ),
        max_size=4,
    )
)
def test_arrays_come_back_to_the_bit(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("files") / "model.safetensors"
    save_arrays(path, arrays, HEADER)
    found, header = load_arrays(path)
    assert header == HEADER
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].shape, found[name].dtype) == (array.shape, array.dtype)
        assert found[name].tobytes() == array.tobytes()
        found[name][...] = 0  # it can be written into
    assert differences(arrays, found) == []


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(12.0)[::-2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">f4"),
        np.broadcast_to(1.5, (2, 3)),
    ],
)
def test_any_order_in_memory_is_kept_as_values(tmp_path, array):
    save_arrays(tmp_path / "a.safetensors", {"a": array})
    found, header = load_arrays(tmp_path / "a.safetensors")
    assert header is None
    assert found["a"].dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found["a"], array)


@pytest.mark.parametrize("dtype", ["complex128", "complex64", "datetime64[s]", "longdouble", "object", "str"])
def test_a_dtype_that_the_file_lacks_is_refused_by_name(tmp_path, dtype):
    path = tmp_path / "a.safetensors"
    with pytest.raises(UnsupportedError, match=r"'layer\.w' has the dtype"):
        save_arrays(path, {"fine": np.zeros(2), "layer.w": np.zeros(2, dtype)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ({"a": np.float32(1)}, UnsupportedError),
        ({1: 2}, UnsupportedError),
        ([float("nan")], ValueError),
        (object, UnsupportedError),
    ],
    ids=["array", "key", "nan", "object"],
)
def test_a_header_that_json_lacks_is_refused(tmp_path, header, error):
    with pytest.raises(error, match=r"header|JSON"):
        save_arrays(tmp_path / "a.safetensors", {}, header)
    assert not list(tmp_path.iterdir())


def test_a_path_that_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.safetensors"):
        save_arrays(tmp_path / "a.npz", {})
    with pytest.raises(FileNotFoundError, match="make it first"):
        save_arrays(tmp_path / "none" / "a.safetensors", {})
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_arrays(tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="__metadata__"):
        save_arrays(tmp_path / "a.safetensors", {"__metadata__": np.zeros(1)})
    with pytest.raises(ValueError, match="names of arrays are strings"):
        save_arrays(tmp_path / "a.safetensors", {3: np.zeros(1)})


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "cut.safetensors"
    save_arrays(path, {"w": np.arange(6.0), "b": np.arange(3, dtype="float32")}, HEADER)
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"cut\.safetensors' is no whole safetensors file"):
            load_arrays(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x00" * 8, b"PK\x03\x04" * 40, b"\xff" * 64, (2).to_bytes(8, "little") + b"[]"]
)
def test_another_file_is_refused_by_name(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.safetensors' is no whole safetensors file"):
        load_arrays(path)


def test_a_file_of_another_program_has_no_header(tmp_path):
    from safetensors.numpy import save_file

    save_file({"w": np.ones(2)}, tmp_path / "a.safetensors", metadata={"format": "pt"})
    found, header = load_arrays(tmp_path / "a.safetensors")
    assert header is None
    np.testing.assert_array_equal(found["w"], np.ones(2))


def test_a_dtype_that_numpy_lacks_is_refused_by_name(tmp_path):
    from safetensors.numpy import save_file

    save_file({"half": np.ones(2, ml_dtypes.bfloat16)}, tmp_path / "a.safetensors")
    with pytest.raises(UnsupportedError, match=r"'half' in .* has the dtype BF16"):
        load_arrays(tmp_path / "a.safetensors")


# --- differences ------------------------------------------------------------------------------------------------------


def test_each_difference_is_told():
    wanted = {"a": np.zeros(2), "b": np.zeros((2, 3)), "c": np.zeros(1), "d": tg.Tensor(np.zeros(3))}
    found = {"b": np.zeros((3, 2)), "c": np.zeros(1, "float32"), "d": np.zeros(3), "e": np.zeros(1)}
    assert differences(wanted, found) == [
        "a is missing",
        "e is unknown",
        "b has the shape (3, 2), not (2, 3)",
        "c has the dtype float32, not float64",
    ]
    with pytest.raises(ValueError, match=r"'m\.safetensors' does not fit: a is missing; e is unknown; b has"):
        check_arrays("m.safetensors", wanted, found)
    check_arrays("m.safetensors", wanted, wanted)


def test_many_differences_are_cut_short():
    wanted = {f"w{number}": SimpleNamespace(shape=(), dtype="float64") for number in range(40)}
    with pytest.raises(ValueError, match="w11 is missing; and 28 more"):
        check_arrays("m", wanted, {})


# --- a write is whole or not at all -----------------------------------------------------------------------------------


def run(text: str, *arguments: object) -> subprocess.Popen[str]:
    """Start Python with a text."""
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_leaves_a_whole_file(tmp_path):
    path = tmp_path / "model.safetensors"
    text = """
        import sys
        import numpy as np
        from tinygraph.export import save_arrays
        for turn in range(100_000):
            save_arrays(sys.argv[1], {"w": np.full(2_000_000, float(turn))}, turn)
            print(turn, flush=True)
    """
    for wait in (0.0, 0.011, 0.023, 0.037):
        process = run(text, path)
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        arrays, turn = load_arrays(path)
        np.testing.assert_array_equal(arrays["w"], np.full(2_000_000, float(turn)))


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit of file sizes on this system")
def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.safetensors"
    save_arrays(path, {"w": np.ones(3)}, "old")
    text = """
        import resource, sys
        import numpy as np
        from tinygraph.export import save_arrays
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        save_arrays(sys.argv[1], {"w": np.ones(1_000_000)}, "new")
    """
    _, error = run(text, path).communicate()
    assert "the disk is full. The old file is as it was" in error
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert load_arrays(path)[1] == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is always full on this system")
def test_the_size_that_found_no_place_is_told(tmp_path, monkeypatch):
    from pathlib import Path

    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a: real(Path("/dev/full") if "unfinished" in self.name else self, *a)
    )
    with pytest.raises(OSError, match=r"bytes cannot be written: the disk is full\. There is no file"):
        save_arrays(tmp_path / "a.safetensors", {"w": np.ones(3)})


def test_a_safetensors_reader_of_another_program_reads_it(tmp_path):
    from safetensors import safe_open

    save_arrays(tmp_path / "a.safetensors", {"w": np.arange(4.0)}, HEADER)
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        np.testing.assert_array_equal(file.get_tensor("w"), np.arange(4.0))
        assert json.loads(file.metadata()["tinygraph"]) == HEADER
