"""One thread: on a busy machine two of them wait for each other, at ten times the time for matrices of this size."""

import pytest


@pytest.fixture(autouse=True)
def one_thread():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(1):
        yield
