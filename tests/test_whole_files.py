"""Files are written as a whole or not at all, by any number of threads."""

from __future__ import annotations

import threading

import pytest

from tinygraph.whole_files import checked_path, with_ending, write_together, write_whole


def test_one_that_fails_leaves_all_of_them_as_they_were(tmp_path):
    arrays, module = tmp_path / "step.npz", tmp_path / "step.py"
    write_together("save", {arrays: b"old arrays", module: b"old text"})

    def fails(stream):
        stream.write(b"new")
        raise OSError(28, "no space")

    with pytest.raises(
        OSError, match=r"save: step\.py cannot be written: the disk is full\. The old file is as it was"
    ):
        write_together("save", {arrays: b"new arrays", module: fails})
    assert (arrays.read_bytes(), module.read_bytes()) == (b"old arrays", b"old text")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["step.npz", "step.py"]


def test_threads_that_write_one_file_leave_the_bytes_of_one_of_them(tmp_path):
    path = tmp_path / "a"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=("save", path, content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("my-model", "my_model"),
        ("1a", "model_1a"),
        ("class", "model_class"),
        ("two words", "two_words"),
        ("--", "model"),
    ],
)
def test_a_module_can_be_imported_by_its_name(tmp_path, name, instead):
    with pytest.raises(ValueError, match=f"cannot be imported by its name. Write '{instead}.py'"):
        checked_path("save", tmp_path / f"{name}.py", ".py")
    assert checked_path("save", tmp_path / f"{instead}.py", ".py").stem == instead
    assert checked_path("onnx", tmp_path / f"{name}.onnx", ".onnx").stem == name


def test_a_module_hides_none_of_pythons(tmp_path):
    for name in ("numpy", "random"):
        with pytest.raises(ValueError, match=f"in place of the module {name}. Write 'my_{name}.py'"):
            checked_path("save", tmp_path / f"{name}.py", ".py")


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("run/m.weights.h5", "run/m.safetensors"),
        ("m.keras", "m.safetensors"),
        ("m", "m.safetensors"),
        ("run.2/m", "run.2/m.safetensors"),
        ("m-0.5", "m-0.5.safetensors"),
    ],
)
def test_an_ending_takes_the_place_of_that_of_a_format(path, other):
    assert with_ending(path, ".safetensors") == other
