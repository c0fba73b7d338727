"""Arrays that share memory, and what a function may do to the arrays that it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.engine import ownership

rng = np.random.default_rng(7)
X = rng.normal(size=(4, 3))


def test_counts_of_references_are_asked_for_in_one_file():
    package = Path(tg.__file__).parent
    counting = [path.name for path in sorted(package.rglob("*.py")) if "getrefcount" in path.read_text("utf-8")]
    assert counting == ["ownership.py"]


def test_the_first_array_that_a_list_alone_holds():
    arrays = [np.empty(2), np.empty(3), np.empty(4)]
    first, view = arrays[0], arrays[1][1:]
    assert ownership.held_alone(arrays) is arrays[2]
    del view
    assert ownership.held_alone(arrays) is arrays[1]
    assert ownership.held_alone([first]) is None
    assert ownership.held_alone([]) is None


# --- arrays are asked themselves --------------------------------------------------------------------------------------


def test_the_owner_of_a_view_of_a_view():
    x = np.arange(12.0).reshape(3, 4).copy()
    for view in (x.T[1:][::-1], x.reshape(-1)[3:].reshape(3, 3), x.real, np.diag(x), np.broadcast_to(x, (2, 3, 4))):
        assert ownership.owner(view) is x
        assert ownership.share_memory(view, x)
        assert not ownership.share_memory(view, x.copy())
    assert not ownership.share_memory(np.float64(3.0), x)


def test_arrays_that_are_apart_are_left_as_they_are():
    x, y = np.ones(3), np.zeros(3)
    assert all(one is other for one, other in zip(ownership.apart([x, y]), [x, y], strict=True))
    found = ownership.apart([x, x, x[1:], y], [y])
    assert found[0] is x
    for place, one in enumerate(found):
        assert not np.shares_memory(one, y)
        assert not any(np.shares_memory(one, other) for other in found[:place])


def test_a_read_only_look_leaves_the_array_writeable():
    x = np.ones(3)
    look = ownership.read_only(x)
    with pytest.raises(ValueError, match="read-only"):
        look += 1
    x += 1
    assert look.tolist() == [2.0] * 3


# --- a function may write into its arguments --------------------------------------------------------------------------


def centred(w):
    w -= w.mean()
    return np.sum((X @ w) ** 2)


def centred_apart(w):
    w = w - w.mean()
    return np.sum((X @ w) ** 2)


def doubled(w):
    w *= 2.0
    w **= 2
    return np.sum(w * w * w)


def doubled_apart(w):
    w = w * 2.0
    w = w**2
    return np.sum(w * w * w)


def scaled(w):
    s = np.sum(w * w)
    w /= s
    return np.sum(np.sin(w)) * s


def scaled_apart(w):
    s = np.sum(w * w)
    w = w / s
    return np.sum(np.sin(w)) * s


def in_a_loop(w):
    total = 0.0
    for _ in range(3):
        total = total + np.sum(np.exp(w))
        w *= 0.5
    return total


def in_a_loop_apart(w):
    total = 0.0
    for _ in range(3):
        total = total + np.sum(np.exp(w))
        w = w * 0.5
    return total


def by_a_matrix(w):
    w @= np.eye(3) * 3.0
    w += w
    return np.sum(np.tanh(w))


def by_a_matrix_apart(w):
    w = w @ (np.eye(3) * 3.0)
    w = w + w
    return np.sum(np.tanh(w))


PAIRS = [
    (centred, centred_apart), (doubled, doubled_apart), (scaled, scaled_apart), (in_a_loop, in_a_loop_apart),
    (by_a_matrix, by_a_matrix_apart),
]  # fmt: skip
DIRECTION = rng.normal(size=3)
TRANSFORMS = {
    "grad": lambda f: lambda x: [tg.grad(f)(x)],
    "value_and_grad": lambda f: lambda x: list(tg.value_and_grad(f)(x)),
    "vjp": lambda f: lambda x: list(tg.vjp(f, x)[1](np.float64(2.0))),
    "jvp": lambda f: lambda x: list(tg.jvp(f, (x,), (DIRECTION,))),
    "hvp": lambda f: lambda x: list(tg.hvp(f, (x,), (DIRECTION,))),
    "jacobian": lambda f: lambda x: [tg.jacobian(f)(x)],
    "hessian": lambda f: lambda x: [tg.hessian(f)(x)],
    "nested": lambda f: lambda x: [tg.grad(lambda y: np.sum(tg.grad(f)(y) ** 2))(x)],
    "checkpoint": lambda f: lambda x: [tg.grad(tg.checkpoint(f))(x)],
    "keywords": lambda f: lambda x: [tg.grad(lambda y, *, k: f(y) * k)(x, k=2.0)],
    "containers": lambda f: lambda x: tg.grad(lambda p: f(p["a"][0]) * np.sum(p["b"]))({"a": [x], "b": x})["a"],
    "several": lambda f: lambda x: list(tg.grad(lambda y, z: f(y) * f(z), argnums=(0, 1))(x, x)),
    "has_aux": lambda f: lambda x: list(tg.grad(lambda y: (f(y), y), has_aux=True)(x)),
}


@pytest.mark.parametrize(("writes", "pure"), PAIRS, ids=[writes.__name__ for writes, _ in PAIRS])
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("kind", ["array", "Tensor without a gradient"])
def test_a_function_may_write_into_its_arguments(name, writes, pure, kind):
    w = rng.normal(size=3) + 2.0
    given = w.copy() if kind == "array" else tg.Tensor(w, requires_grad=False)
    expected = TRANSFORMS[name](pure)(w)
    for make in (lambda f: f, tg.compile):
        run = make(TRANSFORMS[name](writes))
        for _ in range(2):
            found = run(given)
            for one, other in zip(found, expected, strict=True):
                assert type(one) in (np.ndarray, np.float64)
                if not (name == "has_aux" and one is found[-1]):  # aux is the argument as it was left
                    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(getattr(given, "data", given), w)


@pytest.mark.parametrize(("writes", "pure"), PAIRS, ids=[writes.__name__ for writes, _ in PAIRS])
def test_a_tensor_that_requires_a_gradient_stays_as_it_was(writes, pure):
    w = tg.Tensor(rng.normal(size=3) + 2.0, name="w")
    before = w.data.copy()
    for name in ("grad", "hessian", "jvp"):
        found, expected = TRANSFORMS[name](writes)(w), TRANSFORMS[name](pure)(w)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one.data, other.data, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(w.data, before)


def test_a_function_may_change_the_containers_that_it_is_given():
    def f(p):
        p["w"] = p["w"] * 3.0
        p["b"].append(1.0)
        p["b"][0] *= 2.0
        del p["unused"]
        return np.sum(p["w"] ** 2) + np.sum(p["b"][0])

    p = {"w": np.ones(2), "b": [np.ones(3)], "unused": np.ones(1)}
    found = tg.grad(f)(p)
    assert found["w"].tolist() == [18.0, 18.0]
    assert found["b"][0].tolist() == [2.0, 2.0, 2.0]
    assert found["unused"].tolist() == [0.0]
    assert list(p) == ["w", "b", "unused"]
    assert len(p["b"]) == 1


@pytest.mark.parametrize("writes", [writes for writes, _ in PAIRS], ids=lambda writes: writes.__name__)
def test_check_grads_gives_a_function_the_same_arguments_again(writes):
    w = rng.normal(size=3) + 2.0
    before = w.copy()
    tg.testing.check_grads(writes, w, order=2)
    np.testing.assert_array_equal(w, before)


@pytest.mark.parametrize("with_mask", [False, True])
def test_a_checkpoint_gives_its_function_the_same_arguments_again(with_mask):
    def f(w, index, mask=None):
        index += 1
        total = np.sum(w[index] ** 2)
        if mask is not None:
            mask ^= True
            total = total * np.sum(w * mask)
        return total

    w, found = tg.Tensor([1.0, 2.0, 3.0, 4.0], name="w"), []
    for function in (f, tg.checkpoint(f)):
        index, mask = np.array([0, 1]), np.array([True, False, False, True]) if with_mask else None
        loss = function(w, index, mask=mask)
        for _ in range(2):
            loss.backward(retain_graph=True)
            found.append(w.grad)
            w.grad = None
        assert index.tolist() == [1, 2]
        assert mask is None or mask.tolist() == [False, True, True, False]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0])


UNSEEN = {
    "assign": lambda x: x.assign(x.data * 2), "data -=": lambda x: x.data.__isub__(1.0),
    "out=": lambda x: np.multiply(x.data, 2.0, out=x.data), "data =": lambda x: setattr(x, "data", x.data * 3),
}  # fmt: skip


@pytest.mark.parametrize("how", UNSEEN)
@pytest.mark.parametrize("make", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_a_value_that_the_graph_does_not_see_is_refused(how, make):
    def f(x):
        UNSEEN[how](x)
        return np.sum(x**2)

    for transform in (tg.grad, tg.jacobian, tg.value_and_grad):
        with pytest.raises(tg.GraphError, match=r"another value.*x = x \* 2"):
            make(transform(f))(np.ones(3))


# --- no two results are one array -------------------------------------------------------------------------------------


def test_two_gradients_and_a_cotangent_are_three_arrays():
    x, seed = np.ones(3), np.ones(3)
    one, other = tg.grad(lambda u, v: np.sum(u + v), argnums=(0, 1))(x, x)
    assert not np.shares_memory(one, other)
    y, pull = tg.vjp(lambda u, v: (u, v), x, x)
    found = [*y, *pull((seed, seed))]
    for place, array in enumerate(found):
        assert not np.shares_memory(array, seed)
        assert not np.shares_memory(array, x)
        assert not any(np.shares_memory(array, item) for item in found[:place])


def test_leaves_have_gradients_of_their_own():
    u, v = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    np.sum(u + v).backward()
    for p in (u, v):
        p.grad *= 0.5
    assert u.grad.tolist() == v.grad.tolist() == [0.5, 0.5]
    u.grad = v.grad = None
    np.sum(u + v).backward(create_graph=True)
    assert u.grad is not v.grad


def test_nested_gradients_are_tensors_of_their_own():
    def f(a, b):
        one, other = tg.grad(lambda u, v: np.sum((u + v) ** 2), argnums=(0, 1))(a, b)
        one *= 2.0
        return np.sum(one * other)

    for make in (lambda f: f, tg.compile):
        assert make(tg.grad(f))(np.ones(2), np.ones(2)).tolist() == [32.0, 32.0]


# --- what looks into a leaf's array -----------------------------------------------------------------------------------


LOOKS = {
    "detached": lambda w: w.detach(), "a part of it": lambda w: w.detach()[1:], "twice": lambda w: w.detach().detach(),
    "turned": lambda w: w.detach()[::-1], "shaped": lambda w: np.reshape(w.detach(), (3, 1))[:, 0],
}  # fmt: skip


def without_recording(w):
    with tg.no_grad():
        return w[::-1]


@pytest.mark.parametrize("look", [*LOOKS.values(), without_recording])
def test_a_detached_tensor_whose_array_was_written_into_is_refused(look):
    w, u = tg.Tensor([1.0, 2.0, 3.0], name="w"), tg.Tensor(2.0)
    loss = np.sum(u * look(w))
    w.data -= 5.0
    with pytest.raises(tg.GraphError, match="w was written into"):
        loss.backward()
    assert u.grad is None
    loss = np.sum(u * look(w))
    w.assign(w.data + 1.0)  # gives w another array
    v = tg.Tensor([1.0, 1.0, 1.0], name="v")
    loss = np.sum(u * look(v))
    v.assign(v.data.copy() * 2.0)
    loss = np.sum(u * look(v))
    loss.backward()
    assert u.grad == np.sum(look(v).data)


def test_a_detached_tensor_with_a_gradient_has_an_array_of_its_own():
    w = tg.Tensor([1.0, 2.0])
    d = w.detach()
    d.requires_grad = True
    loss = np.sum(d**2)
    w.data -= 5.0
    loss.backward()
    assert d.grad.tolist() == [2.0, 4.0]


# --- what is said of a write ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_the_ways_around_a_write_change_the_whole(make):
    u = tg.Tensor(np.arange(1.0, 6.0), name="u")

    def written():
        t = u * 2.0
        t[1:-1] += 10.0
        return np.sum(t**2)

    total = make(written)()
    assert (total.data if type(total) is tg.Tensor else total) == np.sum(np.array([2.0, 14.0, 16.0, 18.0, 10.0]) ** 2)

    def chosen():
        t, v, mask = u * 2.0, 10.0, np.array([False, True, True, True, False])
        t = np.where(mask, t + v, t)
        np.sum(t**2).backward()
        found, u.grad = u.grad, None
        return t, found

    def joined():
        t, v = u * 2.0, 10.0
        t = np.concatenate([t[:1], t[1:] + v])
        t = np.concatenate([t[:-1], t[-1:] - v])
        np.sum(t**2).backward()
        found, u.grad = u.grad, None
        return t, found

    right = np.array([2.0, 14.0, 16.0, 18.0, 10.0])
    for way in (chosen, joined):
        t, gradient = make(way)()
        np.testing.assert_allclose(getattr(t, "data", t), right)
        np.testing.assert_allclose(gradient, 4.0 * right)


@pytest.mark.parametrize("value", [np.sum, lambda t: t[0], lambda t: t[:1]], ids=["a number", "an element", "a part"])
def test_a_tensor_written_into_a_plain_array_names_what_joins(value):
    t = tg.Tensor([1.0, 2.0, 3.0])
    y = np.zeros(3)
    with pytest.raises(ValueError, match="setting an array element") as caught:
        y[0] = value(t)
    assert "np.stack" in str(caught.value.__cause__)
    with pytest.raises(tg.UnsupportedError, match=r"array\[index\] = t.*np\.stack"):
        y[:] = t * 2.0
    with pytest.raises(tg.UnsupportedError, match=r"array\[index\] = t.*np\.where"):
        y[np.array([True, False, True])] = t[:2]

    def step(x):
        y = np.zeros(3)
        y[0] = value(t * x)
        return y

    for transformed in (tg.compile(step), tg.grad(lambda x: np.sum(step(x)))):
        with pytest.raises(tg.UnsupportedError, match=r"array\[index\] = t.*np\.stack"):
            transformed(2.0)
    np.sum(np.stack([np.sum(t), t[0], t[1]])).backward()
    assert t.grad.tolist() == [2.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "view",
    [
        lambda x: (x * 2).T,
        lambda x: np.reshape(x * 2, (2, 6)),
        lambda x: (x * 2)[0],
        lambda x: np.exp(x).T[1:][::-1],
        lambda x: np.transpose(np.sqrt(x * x + 1)).reshape(3, 2, 2),
    ],
)
def test_a_view_that_nobody_else_looks_into_is_updated_in_place(view):
    def updated(x):
        t = view(x)
        t *= 3.0
        return np.sum(t * t)

    np.testing.assert_allclose(tg.grad(updated)(X), tg.grad(lambda x: np.sum((view(x) * 3.0) ** 2))(X))
    computed = tg.Tensor(X) * 2
    t = computed.T
    t *= 3.0
    np.testing.assert_array_equal(computed.data, X * 6)
