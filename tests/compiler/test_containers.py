"""Containers among the arguments and results of compiled functions: each comes in and out as what it is."""

from __future__ import annotations

import collections
import dataclasses
import types
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.containers import shaper


class Pair(NamedTuple):
    a: Any
    b: Any


@dataclasses.dataclass
class State:
    a: Any
    b: Any = 2.0
    t: int = 0

    def product(self) -> Any:
        return self.a * self.b


@dataclasses.dataclass(frozen=True)
class Frozen:
    b: Any
    a: Any


@dataclasses.dataclass(slots=True)
class Slotted:
    a: Any
    b: Any


class Named(dict):
    pass


class Row(list):
    pass


X = np.arange(3.0)
BY_KEY = {
    "dict": dict,
    "OrderedDict": collections.OrderedDict,
    "defaultdict": lambda **items: collections.defaultdict(float, items),
    "a dict's subclass": Named,
}
BY_NAME = {
    "a named tuple": Pair,
    "a dataclass": State,
    "a frozen dataclass": Frozen,
    "a dataclass with slots": Slotted,
    "a SimpleNamespace": types.SimpleNamespace,
}
BY_PLACE = {
    "a deque": lambda a, b: collections.deque([a, b], maxlen=2),
    "a list's subclass": lambda a, b: Row([a, b]),
}


def parts(container: Any) -> list[Any]:
    if isinstance(container, dict):
        return list(container.values())
    if isinstance(container, tuple | list | collections.deque):
        return list(container)
    return [container.a, container.b]


def agree(got: Any, expected: Any) -> None:
    assert type(got) is type(expected)
    for one, other in zip(parts(got), parts(expected), strict=True):
        assert type(one) is type(other)
        np.testing.assert_array_equal(one, other)


CASES = {
    **{name: (lambda a, b, kind=kind: kind(a=a, b=b), lambda c: (c["a"], c["b"])) for name, kind in BY_KEY.items()},
    **{name: (lambda a, b, kind=kind: kind(a=a, b=b), lambda c: (c.a, c.b)) for name, kind in BY_NAME.items()},
    **{name: (kind, lambda c: (c[0], c[1])) for name, kind in BY_PLACE.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_containers_come_in_and_out_as_what_they_are(name: str) -> None:
    make, read = CASES[name]

    def f(container: Any, x: Any) -> Any:
        a, b = read(container)
        return make(a * b + x, b)

    compiled = tg.compile(f)
    for a, b in [(X, 2.0), (X + 1, 3.0), (np.ones((3, 3)), 0.5), (X.astype(np.float32), 2.0)]:
        container = make(a, b)
        agree(compiled(container, a), f(container, a))
        agree(container, make(a, b))
    assert len(compiled.signatures) == 3


@pytest.mark.parametrize("name", CASES)
def test_nested_containers(name: str) -> None:
    make, read = CASES[name]

    def f(nest: Any) -> Any:
        inner, number = read(nest["of"][0])
        return {"of": [make(make(read(inner)[0] * number, 1.0), 2)], "plain": (number,)}

    nest = {"of": [make(make(X, 1.0), 3.0)]}
    got, expected = tg.compile(f)(nest), f(nest)
    assert got["plain"] == expected["plain"] and type(got["plain"][0]) is float
    agree(read(got["of"][0])[0], read(expected["of"][0])[0])


def test_a_state_goes_round_without_another_program() -> None:
    def step(state: State, g: Any) -> State:
        return dataclasses.replace(state, a=state.product() - g, t=state.t + 1)

    compiled = tg.compile(step)
    state, expected = State(X.astype(np.float32), 0.5), State(X.astype(np.float32), 0.5)
    for turn in range(8):
        state, expected = compiled(state, X.astype(np.float32)), step(expected, X.astype(np.float32))
        np.testing.assert_array_equal(state.a, expected.a)
        assert state.a.dtype == np.float32
        assert (state.b, state.t) == (expected.b, expected.t) == (0.5, turn + 1)
        assert type(state.t) is int
    assert len(compiled.signatures) == 3  # two ints, and then a counter


def test_a_change_of_an_attribute_is_seen() -> None:
    state = State(X, 2.0)
    state.mode = "double"
    compiled = tg.compile(lambda state: state.a * (2 if state.mode == "double" else 3))
    np.testing.assert_array_equal(compiled(state), X * 2)
    state.mode = "triple"
    np.testing.assert_array_equal(compiled(state), X * 3)
    state.a = X + 1
    np.testing.assert_array_equal(compiled(state), (X + 1) * 3)
    del state.mode
    with pytest.raises(AttributeError):
        compiled(state)


def test_the_order_of_keys_counts() -> None:
    compiled = tg.compile(lambda table: sum(place * item for place, item in enumerate(table.values())))
    for pairs in ([("a", X), ("b", X + 1)], [("b", X + 1), ("a", X)]):
        table = collections.OrderedDict(pairs)
        np.testing.assert_array_equal(compiled(table), pairs[1][1])


def test_keys_that_compare_equal_are_told_apart() -> None:
    compiled = tg.compile(lambda table: X * (2 if type(next(iter(table))) is int else 3))
    for key, times in ((1, 2), (1.0, 3), (1, 2)):
        np.testing.assert_array_equal(compiled(Named({key: X})), X * times)


def test_tensors_in_a_dataclass_are_trained() -> None:
    def step(net: State, x: Any) -> Any:
        loss = np.sum((x @ net.a + net.b) ** 2)
        net.a.grad = net.b.grad = None
        loss.backward()
        net.a.assign(net.a.data - 0.1 * net.a.grad)
        return loss

    compiled, x = tg.compile(step), np.ones((2, 3)) * 0.1
    for scale in (1.0, 2.0):
        nets = [State(tg.Tensor(np.ones(3) * scale), tg.Tensor(1.0)) for _ in range(2)]
        for _ in range(3):
            np.testing.assert_allclose(compiled(nets[0], x), step(nets[1], x).data)
        np.testing.assert_allclose(nets[0].a.data, nets[1].a.data)
    assert len(compiled.signatures) == 1


def test_writes_reach_the_arrays_of_the_caller() -> None:
    def write(state: State) -> Any:
        state.a[0] = 5.0
        return state.a * 1

    state = State(X.copy())
    np.testing.assert_array_equal(tg.compile(write)(state), [5, 1, 2])
    np.testing.assert_array_equal(state.a, [5, 1, 2])


def sets_an_attribute(state: State) -> Any:
    state.b = state.a * 2
    return state.a


def appends(items: Any) -> Any:
    items.append(items[-1])
    return items[0]


def fills_in(table: Any) -> Any:
    return table["a"] * table["missing"]


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (sets_an_attribute, State(X)),
        (appends, collections.deque([X, X])),
        (fills_in, collections.defaultdict(float, a=X)),
    ],
    ids=["an attribute", "a deque", "a default"],
)
def test_a_container_that_was_given_is_not_changed(function: Any, argument: Any) -> None:
    with pytest.raises(tg.UnsupportedError, match="changed a list, a dict or an object that it was given"):
        tg.compile(function)(argument)


def test_what_cannot_be_given_or_returned_says_why() -> None:
    table = Named(a=X)
    table.extra = 1
    with pytest.raises(TypeError, match="Give what is in it as arguments, or in a dict"):
        tg.compile(lambda table: table["a"])(table)

    def returns(x: Any) -> Any:
        made = Row([x])
        made.extra = 1
        return made

    with pytest.raises(tg.UnsupportedError, match="a Row, which has attributes beside its items"):
        tg.compile(returns)(X)
    with pytest.raises(tg.UnsupportedError, match="holds, a set"):
        tg.compile(lambda x: {1, 2})(X)
    with pytest.warns(RuntimeWarning, match="a gradient goes on"):
        found = tg.compile(lambda w: State(w * X))(tg.Tensor(X))
    assert isinstance(found, State)


def test_an_eager_call_returns_the_same() -> None:
    compiled = tg.compile(lambda state: State(np.sqrt(tg.Tensor(state.a)) * float(np.sum(state.a))), otherwise="eager")
    with pytest.warns(RuntimeWarning, match="eager"):
        got = compiled(State(X))
    assert type(got) is State and type(got.a) is np.ndarray
    np.testing.assert_array_equal(got.a, np.sqrt(X) * 3)


def test_a_file_knows_no_dataclasses(tmp_path: Any) -> None:
    for function, argument in ((lambda x: State(x), X), (lambda state: state.a, State(X))):
        compiled = tg.compile(function)
        compiled(argument)
        with pytest.raises(tg.UnsupportedError, match="save: "):
            compiled.save(tmp_path / "step.py")


@pytest.mark.parametrize(
    "made",
    [lambda s: s, lambda s: s * 2, lambda s: s > 1, lambda s: s * 1j, lambda s: [s, {"s": s}], lambda s: (s, 3, 2.5)],
    ids=["itself", "computed", "a comparison", "complex", "nested", "constants"],
)
def test_numbers_of_pythons_come_back_as_such(made: Any) -> None:
    for s in (0.5, 2.0):
        assert repr(tg.compile(made)(s)) == repr(made(s))


def test_a_counter_is_returned() -> None:
    f = lambda x, t: (x * t, t + 1, t // 2, t / 2, {"t": t})
    compiled = tg.compile(f)
    for t in (*range(6), 2**70):
        got, expected = compiled(X, t), f(X, t)
        assert repr(got[1:]) == repr(expected[1:])
    assert len(compiled.signatures) == 4


@dataclasses.dataclass
class WithDefault:
    a: Any
    z: Any = dataclasses.field(init=False, default=3.0)


def test_a_default_of_the_class_is_no_attribute_of_the_object() -> None:
    @tg.compile
    def doubled(state: Any) -> Any:
        assert "z" not in vars(state)
        return dataclasses.replace(state, a=state.a * 2)

    found = doubled(WithDefault(2.0))
    assert vars(found) == {"a": 4.0}
    assert found.z == 3.0


def test_a_nest_of_plain_dicts_lists_and_tuples_is_returned_as_it_is_opened() -> None:
    assert shaper({"a": [1, (2, {"b": (3,)})], "c": ()}) is None
    assert shaper((1, collections.OrderedDict(a=2))) is not None
