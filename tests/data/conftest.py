"""A server of files on this machine, which can cut files short, and a cache and a table of files of the test's own."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tinygraph import data
from tinygraph.data import downloads


class Server:
    """A server of files: its answers by path, the requests so far, and the time that an answer takes.

    An entry of `files` is bytes, a status, or a function that writes an answer with the handler of the request.
    """

    def __init__(self, address):
        self.address = address
        self.files = {}
        self.asked = []


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.lstrip("/")
            served.asked.append(name)
            answer = served.files.get(name, 404)
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                answer(self)
                return
            self.send_response(200 if isinstance(answer, bytes) else answer)
            self.send_header("Content-Length", str(len(answer) if isinstance(answer, bytes) else 0))
            self.end_headers()
            if isinstance(answer, bytes):
                self.wfile.write(answer)

        def log_message(self, *args):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Server(f"http://127.0.0.1:{running.server_port}/")
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the test's own, no data folder, and no time between attempts."""
    monkeypatch.setenv("TINYGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TINYGRAPH_DATA", raising=False)
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    return tmp_path / "cache"


@pytest.fixture
def published_at(server, cache, monkeypatch):
    """A function that serves bytes as a file of the table, and says that these are the expected ones."""

    def publish(name, content, *addresses, **others):
        server.files.setdefault(name, content)
        where = addresses or (server.address + name,)
        sha256 = hashlib.sha256(content).hexdigest()
        file = data.DataFile(name, sha256, "made by a test", "none", where, size=len(content), **others)
        monkeypatch.setitem(data.FILES, name, file)
        return file

    return publish
