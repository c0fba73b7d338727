"""Downloads: the expected file or a clear refusal, from a server on this machine; the cache has whole files only."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tinygraph import data
from tinygraph.data import downloads

pytest.importorskip("pooch")
CONTENT = np.random.default_rng(0).bytes(300_000)


def left(cache):
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


def cut_short(handler):
    """Promise the whole file and close the connection in the middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(CONTENT)))
    handler.end_headers()
    handler.wfile.write(CONTENT[:200_000])
    handler.close_connection = True


def without_a_length(handler):
    """Promise nothing, as some servers do, and send a part."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(CONTENT[:200_000])
    handler.close_connection = True


def test_a_file_is_downloaded_once(published_at, server, cache):
    published_at("numbers.bin", CONTENT)
    assert not data.available("numbers.bin")
    path = data.find("numbers.bin")
    assert path == cache / "numbers.bin" and path.read_bytes() == CONTENT
    assert data.available("numbers.bin") and data.find("numbers.bin") == path
    assert server.asked == ["numbers.bin"] and left(cache) == ["numbers.bin"]


def test_a_file_of_a_folder_has_a_folder_in_the_cache(published_at, cache):
    published_at("fashion/labels.gz", CONTENT)
    assert data.find("fashion/labels.gz") == cache / "fashion" / "labels.gz"
    assert left(cache) == ["fashion/labels.gz"]


def test_the_folder_of_the_user_comes_first(published_at, server, cache, tmp_path, monkeypatch):
    published_at("numbers.bin", CONTENT)
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("TINYGRAPH_DATA", str(own))
    assert data.find("numbers.bin") == cache / "numbers.bin"
    (own / "numbers.bin").write_bytes(CONTENT)
    assert data.find("numbers.bin") == own / "numbers.bin"
    (own / "numbers.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(ValueError, match=r"own/numbers\.bin is not the expected file.*cut short"):
        data.find("numbers.bin")
    assert server.asked == ["numbers.bin"]


def test_the_file_as_it_is_served_is_taken_from_the_folder_too(published_at, cache, tmp_path, monkeypatch):
    served = hashlib.sha256(b"served").hexdigest()
    published_at("numbers.bin", CONTENT, served=served)
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path))
    for content in (CONTENT, b"served"):
        (tmp_path / "numbers.bin").write_bytes(content)
        assert data.find("numbers.bin") == tmp_path / "numbers.bin"


@pytest.mark.parametrize("broken", [cut_short, without_a_length, CONTENT[:-1], b"", CONTENT + b"more", 503])
def test_a_broken_download_is_tried_again(published_at, server, cache, broken):
    server.files["numbers.bin"] = [broken, broken, CONTENT]
    published_at("numbers.bin", CONTENT)
    assert data.find("numbers.bin").read_bytes() == CONTENT
    assert len(server.asked) == 3 and left(cache) == ["numbers.bin"]


@pytest.mark.parametrize("broken", [cut_short, without_a_length, CONTENT[:-1], b"", CONTENT + b"more", 503])
def test_nothing_is_kept_of_a_download_that_stays_broken(published_at, server, cache, broken):
    server.files["numbers.bin"] = broken
    published_at("numbers.bin", CONTENT)
    with pytest.raises(FileNotFoundError) as caught:
        data.find("numbers.bin")
    message = str(caught.value)
    words = {503: "answered 503", cut_short: "broke off before"}.get(broken, "its sha256 is not the expected one")
    for part in (
        words,
        "numbers.bin is needed",
        "TINYGRAPH_DATA is not set",
        f"Get it from {server.address}numbers.bin",
    ):
        assert part in message
    assert f"sha256 {hashlib.sha256(CONTENT).hexdigest()}" in message
    assert len(server.asked) == downloads.ATTEMPTS and left(cache) == []
    assert not data.available("numbers.bin")


def test_a_file_that_the_server_does_not_have_is_asked_for_once(published_at, server):
    server.files["numbers.bin"] = 404
    published_at("numbers.bin", CONTENT)
    with pytest.raises(FileNotFoundError, match=r"The download failed: http.*answered 404 Not Found"):
        data.find("numbers.bin")
    assert server.asked == ["numbers.bin"]


def test_the_second_address_is_asked_after_the_first(published_at, server, cache):
    server.files |= {"first": 404, "second": CONTENT}
    published_at("numbers.bin", CONTENT, server.address + "first", server.address + "second")
    assert data.find("numbers.bin").read_bytes() == CONTENT
    assert server.asked == ["first", "second"] and left(cache) == ["numbers.bin"]


def test_offline_says_what_to_do(published_at, cache, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 100.0)  # it must not wait: there is nobody to answer
    file = published_at("numbers.bin", CONTENT, "http://127.0.0.1:9/numbers.bin")
    with pytest.raises(FileNotFoundError) as caught:
        data.find("numbers.bin")
    message = str(caught.value)
    for part in (
        "Get it from http://127.0.0.1:9/numbers.bin, put it into a folder as numbers.bin, and set TINYGRAPH_DATA",
        "The download failed: http://127.0.0.1:9/numbers.bin could not be reached",
        "made by a test",
        file.sha256,
    ):
        assert part in message
    assert left(cache) == []


def test_a_damaged_file_in_the_cache_is_downloaded_again(published_at, server, cache):
    published_at("numbers.bin", CONTENT)
    data.find("numbers.bin").write_bytes(CONTENT[:1000])
    assert data.find("numbers.bin").read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_an_interrupt_while_writing_leaves_nothing(published_at, server, cache, monkeypatch):
    def interrupted(address, part, file):
        Path(part).write_bytes(CONTENT[:1000])
        raise KeyboardInterrupt

    published_at("numbers.bin", CONTENT)
    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            data.find("numbers.bin")
    assert left(cache) == []
    assert data.find("numbers.bin").read_bytes() == CONTENT


def test_a_full_disk_is_said_and_nothing_is_kept(published_at, cache, monkeypatch):
    def full(address, part, file):
        Path(part).write_bytes(CONTENT[:1000])
        raise OSError(28, "No space left on device")

    published_at("numbers.bin", CONTENT)
    monkeypatch.setattr(downloads, "_write", full)
    with pytest.raises(OSError, match=r"numbers\.bin could not be written to .*No space left.*TINYGRAPH_CACHE"):
        data.find("numbers.bin")
    assert left(cache) == []


PROGRAM = """
import sys
from tinygraph import data
name, sha256, address, size = sys.argv[1:]
data.FILES[name] = data.DataFile(name, sha256, "made by a test", "none", (address,), size=int(size))
"""


def process(server, code, cache, stderr=subprocess.PIPE):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    arguments = ["numbers.bin", sha256, server.address + "numbers.bin", str(len(CONTENT))]
    environment = os.environ | {"TINYGRAPH_CACHE": str(cache), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", PROGRAM + code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment)


def test_two_processes_at_once(server, cache):
    both = threading.Barrier(2, timeout=60)

    def together(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:100_000])
        both.wait()  # each has a half now
        handler.wfile.write(CONTENT[100_000:])

    server.files["numbers.bin"] = together
    code = 'import hashlib; print(hashlib.sha256(data.find("numbers.bin").read_bytes()).hexdigest())'
    started = [process(server, code, cache) for _ in range(2)]
    for one in started:
        out, errors = one.communicate(timeout=60)
        assert out.decode().strip() == hashlib.sha256(CONTENT).hexdigest(), errors.decode()
    assert left(cache) == ["numbers.bin"]


def test_a_process_that_is_killed_leaves_no_file_of_that_name(server, cache):
    half, over = threading.Event(), threading.Event()

    def never_ends(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.end_headers()
        handler.wfile.write(CONTENT[:200_000])
        handler.wfile.flush()
        half.set()
        over.wait(60)

    server.files["numbers.bin"] = [never_ends, CONTENT]
    with process(server, 'data.find("numbers.bin")', cache) as first:
        assert half.wait(60)
        first.kill()
    over.set()
    assert not (cache / "numbers.bin").exists()
    with process(server, 'print(len(data.find("numbers.bin").read_bytes()))', cache) as second:
        out, errors = second.communicate(timeout=60)
    assert out.split() == [b"300000"], errors.decode()


def test_no_bar_where_nobody_looks(server, cache):
    server.files["numbers.bin"] = CONTENT
    with process(server, 'data.find("numbers.bin")', cache) as one:
        _, errors = one.communicate(timeout=60)
    assert b"%" not in errors


def test_a_bar_in_a_terminal(server, cache):
    termios = pytest.importorskip("termios")
    server.files["numbers.bin"] = CONTENT
    terminal, end = os.openpty()
    termios.tcsetwinsize(end, (24, 80))
    with process(server, 'data.find("numbers.bin")', cache, stderr=end) as one:
        one.communicate(timeout=60)
    os.close(end)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert "numbers.bin: 100%" in shown and "300k/300k" in shown


def test_without_pooch_the_error_says_what_brings_it(published_at, monkeypatch):
    published_at("numbers.bin", CONTENT)
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert not data.available("numbers.bin")
    with pytest.raises(FileNotFoundError, match=r"pip install \"tinygraph\[data\]\".*Get it from http"):
        data.find("numbers.bin")


@pytest.mark.parametrize("name", ["admissions.csv", "sign_digits.npz"])
def test_a_file_without_an_address_says_so(cache, name):
    with pytest.raises(FileNotFoundError, match=f"{name} is needed.*No address that serves this very file is known"):
        data.find(name)


def test_every_address_is_of_a_file_with_a_hash_and_a_size():
    for file in data.FILES.values():
        assert all(len(known) == 64 and int(known, 16) for known in file.hashes)
        assert bool(file.addresses) == bool(file.size)
        assert all(address.startswith("https://") for address in file.addresses)


# --- the datasets, with made-up files ---------------------------------------------------------------------------------


def idx(array):
    codes = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
    shape = b"".join(length.to_bytes(4, "big") for length in array.shape)
    return (
        bytes([0, 0, codes[array.dtype.name], array.ndim])
        + shape
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def test_fashion_mnist_is_four_files(published_at, server):
    import gzip

    rng = np.random.default_rng(0)
    x = [rng.integers(0, 256, (rows, 28, 28)).astype(np.uint8) for rows in (6, 2)]
    y = [rng.integers(0, 10, rows).astype(np.uint8) for rows in (6, 2)]
    parts = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for part, array in zip(parts, (x[0], y[0], x[1], y[1]), strict=True):
        published_at(f"fashion_mnist/{part}-ubyte.gz", gzip.compress(idx(array)))
    from tinygraph.keras.datasets import fashion_mnist

    for load in (data.fashion_mnist, fashion_mnist.load_data):
        for (images, labels), one, other in zip(load(), x, y, strict=True):
            np.testing.assert_array_equal(images, one)
            np.testing.assert_array_equal(labels, other)
    assert len(server.asked) == 4 and len(data.FASHION) == 10


def test_mnist_is_read_without_running_code_from_the_file(published_at, tmp_path):
    class Harm:
        def __reduce__(self):
            return exec, ("raise SystemExit('code of the file has run')",)

    np.savez(tmp_path / "harm.npz", x_train=np.array([Harm()], object), y_train=np.ones(1))
    published_at("mnist.npz", (tmp_path / "harm.npz").read_bytes())
    with pytest.raises(ValueError, match="allow_pickle"):
        data.mnist()
