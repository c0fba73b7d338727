"""Each demo is run once on the data that everybody has, with the network blocked; the tests look at what came out."""

import importlib
import os
import socket
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

from demos.results import Results


def refuse(*args, **kwargs):
    raise AssertionError("a demo asked for the network")


@pytest.fixture(autouse=True)
def one_thread():
    """Tests run beside each other: a second thread for small matrices makes them wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="package")
def default_run(tmp_path_factory):
    """A function of a demo's name: its `Results` and the folder of its pictures, without a data folder or network."""
    runs: dict[str, tuple[Results, Path]] = {}

    def run(name):
        if name not in runs:
            out = tmp_path_factory.mktemp(name)
            with pytest.MonkeyPatch.context() as patch, threadpool_limits(1):
                patch.delenv("TINYGRAPH_DATA", raising=False)
                patch.setenv("TINYGRAPH_CACHE", str(out / "no-downloads"))
                patch.setattr(socket.socket, "connect", refuse)
                patch.setattr(socket, "getaddrinfo", refuse)
                runs[name] = importlib.import_module(f"demos.{name}").main(out), out
        return runs[name]

    return run


@pytest.fixture
def published():
    """A function that skips the test unless the data folder has a file."""

    def needs(name):
        folder = os.environ.get("TINYGRAPH_DATA")
        if not folder or not (Path(folder) / name).is_file():
            pytest.skip(f"TINYGRAPH_DATA names no folder with {name}")

    return needs


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    """Without a data folder, earlier downloads or a network."""

    def no_host(*args, **kwargs):
        raise socket.gaierror("there is no network here")

    monkeypatch.delenv("TINYGRAPH_DATA", raising=False)
    monkeypatch.setenv("TINYGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", no_host)
