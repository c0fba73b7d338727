"""A saved function returns what the live one returns, or refuses: whatever it is called with, it is no other number."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tests.compiler.test_naming import NASTY
from tests.compiler.test_random_steps import made, steps
from tests.loading import loaded
from tinygraph.errors import UnsupportedError


def saved(compiled: Any, folder: Path, *args: Any, **kwargs: Any) -> Any:
    """The module that a function is saved as."""
    compiled.save(folder / "saved.py", *args, **kwargs)
    return loaded(folder / "saved.py")


def same(got: Any, wanted: Any) -> None:
    """The same nest of the same types, with the same numbers."""
    if isinstance(wanted, dict):
        assert type(got) is type(wanted) and list(got) == list(wanted)
        same(list(got.values()), list(wanted.values()))
    elif isinstance(wanted, list | tuple):
        assert type(got).__name__ == type(wanted).__name__ and len(got) == len(wanted)
        assert getattr(got, "_fields", None) == getattr(wanted, "_fields", None)
        for pair in zip(got, wanted, strict=True):
            same(*pair)
    elif isinstance(wanted, np.ndarray | np.generic):
        assert type(got) is type(wanted) and got.shape == wanted.shape and got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5 if wanted.dtype == np.float32 else 1e-9, atol=1e-12)
    else:
        assert type(got) is type(wanted) and got == wanted


# Functions whose programs hold for one size alone, for all that their text shows.
FUNCTIONS: list[Callable[..., Any]] = [
    lambda x, y, s: np.sum(x) / x.shape[0],
    lambda x, y, s: np.sum(x * s) / len(x) if len(x) else s,
    lambda x, y, s: sum((x[i] * (i + 1) for i in range(len(x))), s),
    lambda x, y, s: x + y,
    lambda x, y, s: (x * y).sum(axis=0) * s,
    lambda x, y, s: x.T @ x,
    lambda x, y, s: x @ x.T / x.size if x.size else x,
    lambda x, y, s: x.reshape(-1)[:2],
    lambda x, y, s: np.ravel(x, order="F") * s,
    lambda x, y, s: x.reshape(x.shape[1], x.shape[0]),
    lambda x, y, s: np.zeros(x.shape) + np.mean(x, axis=0) if len(x) else x,
    lambda x, y, s: (x - x.mean()) / (x.std() + 1) if x.size else x,
    lambda x, y, s: np.concatenate([x, y])[: len(x)],
    lambda x, y, s: np.cumsum(x, axis=0)[-1:],
    lambda x, y, s: np.where(x > s, x, y),
    lambda x, y, s: x[:1] if x.shape[0] == y.shape[0] else x[-1:],
    lambda x, y, s: np.full(3, x.shape[0]) * s,
    lambda x, y, s: {"a": x * s, "b": [np.sum(y), (x.ndim, "c", None)]},
    lambda x, y, s: np.arange(x.shape[0]) @ x,
    lambda x, y, s: np.tanh(x) * np.float32(2),
    lambda x, y, s: np.sort(x, axis=0)[: s if type(s) is int else 1],
    lambda x, y, s: tg.softmax(x) if x.size else x,
    lambda x, y, s: tg.grad(lambda z: np.mean(np.sin(z) * z))(x) if x.size else x,
]
SHAPES = st.tuples(st.integers(0, 3), st.integers(1, 3))
DTYPES = st.sampled_from([np.float64, np.float64, np.float32, np.int64, np.bool_, ">f8"])
ORDERS = st.sampled_from(["C", "F", "strided", "reversed"])


@st.composite
def arrays(draw: Any, shape: Any = None) -> Any:
    shape = draw(SHAPES) if shape is None else shape
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    value = (rng.normal(size=shape) * 3).astype(draw(DTYPES))
    order = draw(ORDERS)
    if order == "F":
        return np.asfortranarray(value)
    if order == "strided":
        return np.repeat(value, 2, axis=1)[:, ::2]
    return value[::-1] if order == "reversed" else value


@st.composite
def calls(draw: Any) -> Any:
    """The arguments of a call: two arrays, of which one may have an axis of size one, and a number of some kind."""
    x = draw(arrays())
    y = draw(arrays(draw(st.sampled_from([x.shape, (1, x.shape[1]), (x.shape[0], 1), (1, 1), x.shape[::-1]]))))
    return (
        x,
        y,
        draw(st.sampled_from([2.0, 2, np.float64(2), np.float32(2), np.array(2.0), np.int64(2), True, -0.5, 1])),
    )


@given(st.sampled_from(range(len(FUNCTIONS))), st.lists(calls(), min_size=1, max_size=3), st.lists(calls(), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_another_shape_dtype_order_or_number_is_never_another_result(
    tmp_path_factory: Any, which: int, before: list[Any], after: list[Any]
) -> None:
    function = FUNCTIONS[which]
    compiled = tg.compile(function)
    known = []
    for call in before:
        try:
            compiled(*call)
        except (ValueError, TypeError, IndexError, tg.UnsupportedError):
            continue
        known.append(call)
    if not known:
        return
    step = saved(compiled, tmp_path_factory.mktemp("saved")).step
    for call in known:
        same(step(*call), compiled(*call))
        x, y, s = call
        same(step(x=np.array(x), s=s, y=np.array(y)), compiled(np.array(x), np.array(y), s))
    for x, y, s in [*after, *[(x[:1], y, s) for x, y, s in known], *[(y, x, s) for x, y, s in known]]:
        try:
            got = step(x, y, s)
        except (ValueError, TypeError):
            continue
        same(got, compiled(x, y, s))


@given(steps(), st.integers(0, 2), st.integers(1, 3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_saved_training_step_goes_on_as_the_live_one_does(
    tmp_path_factory: Any, case: Any, before: int, after: int
) -> None:
    try:
        step, tensors, generator = made(case, tg.compile)
        for _ in range(before + 1):
            step(np.arange(6.0).reshape(2, 3).astype(case[-1]) / 4, 0.25)
    except (tg.UnsupportedError, tg.GraphError, ValueError):
        return
    x = np.arange(6.0)[::-1].reshape(2, 3).astype(case[-1]) / 8
    try:
        module = saved(step, tmp_path_factory.mktemp("saved"))
    except UnsupportedError:
        return
    for name, item in vars(module).items():
        if name.startswith("generator_"):
            item.bit_generator.state = generator.bit_generator.state
    for _ in range(after):
        same(module.step(x, 0.25), step(x, 0.25))
    with pytest.raises(ValueError, match="no program for"):
        module.step(x[:1], 0.25)


def test_names_texts_and_paths_of_any_kind_are_written_as_such(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = list(dict.fromkeys(NASTY))[::3]
    tensors = {name: tg.Tensor(rng.normal(size=2), name=name) for name in names}
    table = {name: rng.normal(size=2) for name in names}
    texts = [*NASTY[::5], "'''", "\\", "a\nb\\", "{x}", "%s", "x: float64(2,)", "', y: '", '"""', 'a"b\\']

    def function(text: Any, **given: Any) -> Any:
        found = {}
        for name, tensor in tensors.items():
            tensor.assign(tensor.data * 0.5 + table[name] * given[name])
            found[name] = np.sum(tensor.data)
        return found, text

    compiled = tg.compile(function)
    arguments = {name: rng.normal(size=2) for name in names}
    for text in texts[-2:]:
        compiled(text, **arguments)
    folder = tmp_path / 'wéi\'rd """ {name}\n'
    folder.mkdir()
    path = folder / "wéird.py"
    compiled.save(path)
    module = loaded(path)
    compiled.save(tmp_path / "pure.py", parameters="arguments")
    pure = loaded(tmp_path / "pure.py").function
    state = {}
    parameters = list(inspect.signature(pure).parameters)
    for name, tensor in zip(parameters[1:-1], tensors.values(), strict=True):
        state[name] = tensor.data.copy()
    for text in texts[-2:]:
        wanted = compiled(text, **arguments)
        same(module.function(text, **arguments), wanted)
        got, new = pure(text, **arguments, **state)
        same(got, wanted)
        state.update(new)
    for text in texts[:-2]:
        with pytest.raises(ValueError, match="no program for"):
            module.function(text, **arguments)


SIGNATURES = [
    "a, b=2.0, c=3", "a, /, b=2.0, *, c=3", "a, b=2.0, *rest, c=3", "a, *rest, b=2.0, **more", "*rest, **more",
    "a, b, /, c=None, **more", "*, a, b=2.0, c=3", "run, rest=2.0, *, given=1", "a=1.0, b=2.0, c=3.0",
]  # fmt: skip


@st.composite
def forms(draw: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call: some arguments by place, and some by name."""
    values = st.sampled_from([0.5, 2, np.arange(3.0), np.ones((1, 3)), None, True])
    args = tuple(draw(st.lists(values, max_size=4)))
    names = draw(st.lists(st.sampled_from(["a", "b", "c", "d", "run", "rest", "given", "w"]), unique=True, max_size=3))
    return args, {name: draw(values) for name in names}


@given(
    st.sampled_from(SIGNATURES),
    st.lists(forms(), min_size=4, max_size=12),
    st.lists(forms(), max_size=12),
    st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_call_of_any_form_is_the_live_ones_or_refused(
    tmp_path_factory: Any, parameters: str, before: list[Any], after: list[Any], pure: bool
) -> None:
    w = tg.Tensor(np.array([1.0, 2.0, 4.0]), name="w")
    space: dict[str, Any] = {"w": w, "np": np}
    names = [part.strip("* ").partition("=")[0] for part in parameters.split(", ") if part not in ("/", "*")]
    given = "[" + ", ".join(names) + "]"
    exec(
        f"def function({parameters}):\n"
        "    total, place = np.sum(w.data), 1.0\n"
        f"    for item in {given}:\n"
        "        items = list(item) if type(item) is tuple else [y for _, y in sorted(item.items())] "
        "if type(item) is dict else [item]\n"
        "        for value in [len(items), *items]:\n"
        "            place = place * 1.5 + 1\n"
        "            value = -1.0 if value is None else value\n"
        "            total = total + place * np.sum(value) * w.data\n"
        "    return total",
        space,
    )
    compiled = tg.compile(space["function"])

    def live(args: Any, kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except TypeError:
            return None

    known = [call for call in before if live(*call) is not None]
    if not known:
        return
    compiled.save(path := tmp_path_factory.mktemp("saved") / "saved.py", parameters="arguments" if pure else "beside")
    step, state = loaded(path).function, {}
    if pure:
        (name,) = [name for name in inspect.signature(step).parameters if name.startswith("w")]
        state = {name: w.data.copy()}
    for number, (args, kwargs) in enumerate([*known, *after]):
        wanted = live(args, kwargs)
        try:
            got = step(*args, **kwargs, **state)
        except (TypeError, ValueError):
            assert number >= len(known) or (pure and (len(args) > len(names) - names.count("rest") or "w" in kwargs))
            continue
        same(got, wanted)


def test_an_argument_behind_an_object_is_given_by_name(tmp_path: Path) -> None:
    class Model:
        scale = 2.0

    model, x = Model(), np.arange(3.0)

    @tg.compile
    def step(x: Any, model: Any, y: Any) -> Any:
        return x * model.scale + y

    wanted = step(x, model, x + 1)
    function = saved(step, tmp_path).step
    assert str(inspect.signature(function)) == "(x, *, y)"
    same(function(x, y=x + 1), wanted)
    with pytest.raises(TypeError, match="positional"):
        function(x, x + 1)


@pytest.mark.parametrize("owner, name", [(os, "fsync"), (np.lib.format, "write_array")])
def test_a_save_that_fails_while_it_writes_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    table = np.arange(3.0)
    step = tg.compile(lambda x: x * table)
    step(np.ones(3))
    step.save(tmp_path / "saved.py")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert sorted(before) == ["saved.npz", "saved.py"]

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left on device")

    table[:] = 7
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(OSError, match="no space left"):
        step.save(tmp_path / "saved.py")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def lock(x: Any, times: int = 2) -> Any:
    return x if times == 0 else lock(2 * x, times - 1)


def doubled(x: Any, times: int = 2) -> Any:
    return x if times == 0 else doubled(2 * x, times - 1)


def test_a_function_that_calls_itself_needs_its_own_name(tmp_path: Path) -> None:
    x = np.arange(3.0)

    def compiled(function: Any) -> Any:
        primitive = tg.primitive(function)

        def step(x: Any) -> Any:
            return primitive(x) + 1

        return tg.compile(step)

    step = compiled(doubled)
    same(step(x), 4 * x + 1)
    same(saved(step, tmp_path).step(x), 4 * x + 1)
    step = compiled(lock)  # which a file has its own of
    step(x)
    with pytest.raises(UnsupportedError, match="calls itself, and its name means something else"):
        step.save(tmp_path / "saved.py")
