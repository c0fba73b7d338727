"""no_grad, enable_grad and scope: per thread, nested, as decorators, and put back after an error."""

from __future__ import annotations

import threading

import pytest

import tinygraph as tg
from tinygraph.engine import modes


def test_no_grad_is_a_context_and_a_decorator():
    t = tg.Tensor(2.0)
    with tg.no_grad():
        assert not (t * 2).requires_grad
        with tg.enable_grad():
            assert (t * 2).requires_grad
        assert not (t * 2).requires_grad
    assert (t * 2).requires_grad

    @tg.no_grad()
    def double(x):
        """Twice."""
        return x * 2

    assert not double(t).requires_grad
    assert (double.__name__, double.__doc__) == ("double", "Twice.")
    assert (t * 2).requires_grad


def test_settings_are_put_back_after_an_error():
    t = tg.Tensor(2.0)
    with pytest.raises(ZeroDivisionError), tg.no_grad(), tg.scope("s"):
        raise ZeroDivisionError
    assert (t * 2).requires_grad
    assert tg.Graph.of(t * 2).scopes == ()
    assert modes.unusual == 0


def test_one_instance_can_be_entered_again_inside_itself():
    t = tg.Tensor(2.0)
    quiet = tg.no_grad()
    with quiet:
        with quiet:
            assert not (t * 2).requires_grad
        assert not (t * 2).requires_grad
    assert (t * 2).requires_grad


def test_a_scope_as_a_decorator():
    @tg.scope("layer")
    def layer(x):
        return x * 2

    assert tg.Graph.of(layer(tg.Tensor(2.0))).scopes == (("layer",),)


def test_other_threads_are_not_affected():
    t = tg.Tensor(2.0)
    found = {}

    def look():
        result = t * 2
        found["records"] = result.requires_grad
        found["scopes"] = tg.Graph.of(result).scopes

    with tg.no_grad(), tg.scope("here"):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == {"records": True, "scopes": ()}
