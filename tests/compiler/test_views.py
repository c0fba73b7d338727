"""Views in a compiled function: they show what the array under them becomes, or are refused as eager ones are."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.sharing import METHODS, SQUARE, VIEWS, WITH_VIEWS, check_alike, first


def taken_before(view, x):
    a = x * 1.0
    v = first(view(a))
    a += 100.0
    return v * 1.0


def taken_after(view, x):
    a = x * 1.0
    a += 100.0
    return first(view(a)) * 1.0


def written_into(view, x):
    a = x * 1.0
    v = first(view(a))
    v += 1.0
    return a, v


def used_between(view, x):
    a = x * 1.0
    v = first(view(a))
    a += 100.0
    u = v * 1.0
    np.multiply(a, 2.0, out=a)
    return u, v * 1.0, v


def of_a_tensor(view, x):
    t = tg.Tensor(x) * 1.0
    v = view(t)
    t *= 2.0
    return t.data, first(v).data


def into_a_view_of_a_tensor(view, x):
    t = tg.Tensor(x) * 1.0
    v = first(view(t))
    v *= 2.0
    return t.data, v.data


def test_numpy_has_functions_with_views():
    assert len(WITH_VIEWS) > 60
    for name in ("diag", "nan_to_num", "real", "split", "broadcast_arrays", "rot90", "atleast_3d", "real_if_close"):
        assert any(key.startswith(name) for key in WITH_VIEWS)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_what_the_array_under_it_becomes(name):
    for use in (taken_before, taken_after, used_between):
        function = functools.partial(use, VIEWS[name])
        function.__name__ = use.__name__
        passed = check_alike(function, SQUARE)
        if name in METHODS:
            assert passed, (name, use)


@pytest.mark.parametrize("name", VIEWS)
def test_what_eager_refuses_to_write_into_is_refused_when_compiled(name):
    for use in (written_into, of_a_tensor, into_a_view_of_a_tensor):
        function = functools.partial(use, VIEWS[name])
        function.__name__ = use.__name__
        try:
            function(SQUARE.copy())
        except Exception:
            if "[0, 1]" not in name:  # the first part is empty, and shares no memory
                with pytest.raises(Exception):  # noqa: B017 - the one that eager raises
                    tg.compile(function)(SQUARE)
        else:
            check_alike(function, SQUARE)
