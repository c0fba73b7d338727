"""A function that is being compiled may do some things and not others, and a refusal leaves everything as it was."""

from __future__ import annotations

import itertools
import logging
import math
import random
import re
import statistics
import threading
import time

import numpy as np
import pytest
from scipy import special

import tinygraph as tg
from tests.compiler.programs import interpreted
from tinygraph import draws
from tinygraph.engine import modes
from tinygraph.engine.links import Leaf
from tinygraph.engine.value import Value
from tinygraph.nests import tree_leaves
from tinygraph.testing import check_grads

X = np.linspace(-1.5, 2.0, 12).reshape(4, 3)
CAPTURED = np.arange(12.0).reshape(4, 3)
RATE = 0.5


def agree(f, *args, calls=2, **keywords):
    """Compiled, interpreted and eager calls of a function give the same; returns the compiled function."""
    compiled, plain = tg.compile(f, **keywords), interpreted(f, **keywords)
    for _ in range(calls):
        expected = [np.asarray(record_free(item)) for item in tree_leaves(f(*args))]
        for run in (compiled, plain):
            found = tree_leaves(run(*args))
            assert len(found) == len(expected)
            for a, b in zip(found, expected, strict=True):
                assert np.shape(a) == b.shape
                assert np.asarray(a).dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    return compiled


def record_free(item):
    return item.data if isinstance(item, tg.Tensor) else item


# --- what it may do ---------------------------------------------------------------------------------------------------


FUNCTIONS = {
    "elementwise": lambda x: np.tanh(x) * np.exp(-(x**2)) + np.maximum(x, 0.5),
    "functions without a derivative": lambda x: (np.argmax(x, axis=1), x > 0, np.floor(x), np.any(x > 1), x // 2),
    "array methods": lambda x: (x.T @ x, x.mean(axis=0), x.sum(), x.reshape(-1)[::2], x.astype(np.float32), x.std()),
    "methods of ufuncs": lambda x: (np.add.reduce(x, 0), np.add.accumulate(x, 1), np.maximum.reduce(x, axis=None)),
    "several results": lambda x: (np.split(x, 2), np.divmod(x, 0.7), np.meshgrid(x[0], x[1])),
    "named tuples": lambda x: np.linalg.svd(x, full_matrices=False),
    "arrays like another": lambda x: np.zeros_like(x) + np.ones_like(x, dtype=np.float32) + np.full_like(x, 3) + x,
    "iteration": lambda x: sum(row * place for place, row in enumerate(x)),
    "indices": lambda x: (x[1:, None], x[[0, 2]], x[..., -1], x[np.argmin(x, axis=0), np.arange(3)]),
    "choosing": lambda x: np.where(x > 0, np.sqrt(np.abs(x)), -1.0),
    "Tensors inside": lambda x: tg.Tensor(x) * tg.Tensor(2.0),
    "data and detach": lambda x: (lambda t: t * t.detach() + t.data + t.numpy())(tg.Tensor(x)),
    "numpy with a plain array": lambda x: x @ CAPTURED.T + CAPTURED[:1, :1] + CAPTURED.sum(),
    "dicts and lists": lambda x: {"a": [x, (x + 1,)], "b": None, "c": 5},
    "a constant": lambda x: np.arange(3.0) + 0 * x[0],
    "shapes": lambda x: x.reshape(len(x), -1) / x.shape[0] + np.zeros(x.shape) + np.ndim(x) + x.size,
    "quantiles": lambda x: (np.median(x, axis=0), np.percentile(x, 30)),
    "isinstance": lambda x: x + 1 if isinstance(x, np.ndarray) else None,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_arrays(name):
    agree(FUNCTIONS[name], X)


GRADIENTS = {
    "rules that ask for values": lambda x: np.sum(np.cumprod(x, axis=1)) + np.prod(x + 3) + tg.logsumexp(x),
    "linear algebra": lambda x: np.linalg.det(x.T @ x) + np.sum(np.linalg.inv(x.T @ x + np.eye(3))) + np.linalg.norm(x),
    "indices": lambda x: np.sum(x[[0, 0, 2]] ** 2) + np.sum(np.sort(x, axis=0)[0] * np.take(x, [1, 1], axis=1)[:, :1]),
    "losses": lambda x: tg.cross_entropy(tg.relu(x), np.array([0, 1, 2, 0]), from_logits=True) + np.sum(tg.gelu(x)),
    "extremes": lambda x: np.sum(np.max(x, axis=1) + np.std(x, axis=1)) + np.median(x),
    "clip and pad": lambda x: np.sum(np.clip(x, -0.5, 0.5) * np.pad(x, 1)[1:-1, 1:-1]),
    "interpolation": lambda x: np.sum(np.interp(x, np.linspace(-3, 3, 10), np.arange(10.0) ** 2)),
    "what np.where leaves out": lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 0)), 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    agree(tg.grad(GRADIENTS[name]), X)


def test_a_slope_that_is_left_out_is_not_infinite_times_nothing():
    def f(x):
        return np.sum(np.where(x > 0, np.sqrt(x), 0) + np.where(x > 0, np.log(x), 0) + np.where(x < 1, np.exp(x), 0))

    with np.errstate(all="ignore"):
        compiled = agree(tg.grad(f), np.array([0.0, 4.0, 1000.0]))
        assert np.isfinite(compiled(np.array([0.0, 4.0, 1000.0]))).all()


STEEP = (
    np.sqrt, np.cbrt, np.log, np.log2, np.log10, np.log1p, np.reciprocal, np.exp, np.exp2, np.expm1, np.sinh, np.cosh,
    np.tan, np.arcsin, np.arccos, np.arctanh, lambda x: 1 / x, lambda x: x**1.5, lambda x: x**x,
    lambda x: np.arccosh(x + 1),
)  # fmt: skip


@pytest.mark.parametrize("function", STEEP, ids=lambda function: function.__name__)
def test_steep_slopes_of_large_arrays_that_are_left_out_in_parts(function):
    x = np.linspace(0.1, 0.9, 4000).reshape(200, 20)  # of which what no rule reads is freed
    agree(tg.grad(lambda x: np.sum(function(x)[0]) + np.sum(np.where(x > 0.5, function(x * x), 0))), x)


TRANSFORMS = {
    "grad": tg.grad(lambda x: np.sum(np.sin(x) ** 3)),
    "value_and_grad": tg.value_and_grad(lambda x: np.sum(np.sin(x) ** 3)),
    "grad of grad": tg.grad(lambda x: np.sum(tg.grad(lambda y: np.sum(y**3))(x) ** 2)),
    "hvp": lambda x: tg.hvp(lambda y: np.sum(np.sin(y) ** 3), (x,), (x,)),
    "jvp": lambda x: tg.jvp(lambda y: np.sin(y) * y, (x,), (x,)),
    "jacobian": tg.jacobian(lambda x: np.exp(x[0]) * 2),
    "hessian": tg.hessian(lambda x: np.sum(np.sin(x) ** 3)),
    "checkpoint": tg.grad(lambda x: np.sum(tg.checkpoint(lambda y: np.sin(y) * y)(x))),
    "a compiled function inside": tg.grad(lambda x: np.sum(tg.compile(lambda y: y * y)(x))),
}


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if name != "a compiled function inside"])
def test_transforms_compile(name):
    agree(TRANSFORMS[name], X)


def test_a_compiled_function_in_a_compiled_function_is_part_of_it():
    inner = tg.compile(lambda y: y * y)
    outer = tg.compile(tg.grad(lambda x: np.sum(inner(x))))
    np.testing.assert_allclose(outer(X), 2 * X)
    assert inner.signatures == ()


def test_updates_in_place_of_what_the_function_made():
    def f(x):
        y = x * 2
        alias = y
        y += 1
        np.multiply(y, x, out=y)
        total = 0.0
        for row in y:
            total += np.sum(row)
        return y, alias, total

    agree(f, X)


def test_python_floats_keep_the_dtype_of_arrays():
    def f(x, rate):
        return x * rate, np.where(x > rate, rate, x), (1 - rate**2) * x, np.sqrt(rate), np.maximum(rate, x) < rate

    compiled = agree(f, X.astype(np.float32), 0.3)
    np.testing.assert_array_equal(compiled(X.astype(np.float32), 0.7)[0], X.astype(np.float32) * 0.7)
    assert len(compiled.signatures) == 1


def test_a_primitive_is_one_step():
    @tg.primitive
    def cube(x):
        assert type(x) is np.ndarray
        return x * x * x

    cube.derivative(lambda g, z, x: g * (3 * x * x))
    compiled = agree(tg.value_and_grad(lambda x: np.sum(cube(x))), X)
    assert any(node.function is cube for node in compiled.graph)


def test_sections_names_and_lines():
    w = tg.Tensor(np.ones(3), name="w")

    def step(x):
        prediction = x @ w
        loss = np.mean(prediction**2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        return loss

    compiled = tg.compile(step)
    compiled(X)
    program = compiled.program
    sections = [program.sections.get(node.index, "forward") for node in compiled.graph if not node.is_input]
    assert sections == sorted(sections, key=("forward", "backward", "update").index)
    assert set(sections) == {"forward", "backward", "update"}
    named = {node.name: node for node in compiled.graph if node.name}
    assert {"x", "w", "prediction", "loss", "d_prediction"} <= named.keys()
    assert named["prediction"].source.text == "prediction = x @ w"
    assert all(node.source is None or node.source.function == "step" for node in compiled.graph if not node.is_input)


def test_the_sections_of_a_step_with_two_losses_follow_each_other_twice():
    rng = np.random.default_rng(0)
    model = tg.nn.Sequential([tg.nn.Dense(4), tg.nn.Dense(2)])
    critic = tg.nn.Sequential([tg.nn.Dense(3), tg.nn.Dense(1)])
    x = rng.normal(size=(8, 3))
    critic(model(x))
    optimizers = [tg.optim.Adam(player.parameters(), 0.1) for player in (critic, model)]

    def step(x):
        for optimizer, sign in zip(optimizers, (1, -1), strict=True):
            loss = np.mean(sign * critic(model(x)) ** 2)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    compiled = tg.compile(step)
    compiled(x)
    program = compiled.program
    sections = [program.sections.get(node.index, "forward") for node in compiled.graph if not node.is_input]
    order = [section for section, _ in itertools.groupby(sections)]
    assert order == ["forward", "backward", "update"] * 2
    assert compiled.source.count("def update_1(") == 1 and compiled.source.count("update_1(") == 9
    assert not re.search(r"# (forward|backward) · optimizer.step", compiled.source)


def test_a_second_forward_pass_with_new_weights_is_one():
    model = tg.nn.Sequential([tg.nn.Dense(4), tg.nn.BatchNormalization()])
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
    model(x)
    optimizer = tg.optim.Adam(model.parameters(), 0.1)

    def step(x):
        for factor in (1.0, 2.0):
            loss = np.mean(np.abs(factor * model(x.astype(np.float64)) - 1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss

    compiled = tg.compile(step)
    compiled(x)
    program = compiled.program
    calls = [node for node in compiled.graph if node.op in ("mean_over", "absolute")]
    assert len(calls) > 4 and not any(node.index in program.sections for node in calls)
    assert {program.sections.get(node.index) for node in compiled.graph if node.op == "sqrt"} == {None, "update"}
    assert not re.search(r"# (forward|backward) · optimizer.step", compiled.source)


# --- what it may not --------------------------------------------------------------------------------------------------

log = []
counter = {"calls": 0}
generator = np.random.default_rng(3)


def as_float(x):
    return x * float(np.sum(x))


def as_math(x):
    return x * math.sqrt(np.sum(x * x))


def as_int(x):
    return x * int(np.sum(x))


def as_item(x):
    return x * np.sum(x).item()


def as_item_of_tensor(x):
    return x * tg.Tensor(x).sum().item()


def as_plain_array(x):
    return np.asarray(x) + 1


def into_a_plain_array(x):
    total = np.zeros(x.shape)
    total += x
    return total


def printed(x):
    print(np.sum(x))
    return x


def formatted(x):
    return x, f"{np.sum(x):.2f}"


def masked(x):
    return x[x > 0]


def places(x):
    return np.nonzero(x)[0]


def appended(x):
    log.append(x * 2)
    return x


def counted(x):
    counter["calls"] += 1
    return x * counter["calls"]


def drawn(x):
    return x * generator.normal(size=x.shape)


def drawn_globally(x):
    return x * np.random.rand(*x.shape)


def drawn_by_python(x):
    return x * random.random()


def timed(x):
    return x * time.perf_counter()


def bincounted(x):
    return np.bincount(np.argmax(x, axis=1))


def generated(x):
    return (row * 2 for row in x)


def in_an_object(x):
    result = Result()
    result.x = x * 2
    return [result]


class Result:
    pass


def under_a_key(x):
    return {Result: x * 2}


def as_a_key(x):
    return {np.sum(x): 1}


def in_a_library(x):
    logging.getLogger("nobody").critical("loss %s", statistics.fmean([np.sum(x)]))
    return x


def tried(x):
    try:
        return x @ x
    except ValueError:
        return x


def indexed(x):
    return x * np.arange(9.0)[np.argmax(x, axis=1)[:, None]]


def taken(x):
    return np.take(np.arange(9.0), np.argmax(x, axis=1))


def with_scipy(x):
    return x * special.comb(5, np.argmax(x, axis=1))[:, None]


def added_at(x):
    np.add.at(np.zeros(3), np.argmax(x, axis=1), x[:, 0])


REFUSALS = {
    indexed: r"plain array is indexed.*np.asarray\(plain, like=x\)\[indices\]",
    taken: r"np.asarray\(plain, like=x\)\[indices\]",
    with_scipy: r"special.comb makes a plain array.*Write scipy.special.binom\(N, k\)",
    added_at: r"add.at writes a computed value into a plain array.*np.zeros\(shape, like=x\)",
    tried: "matmul failed .*ValueError.* tried went on without it .*x.ndim",
    generated: "what generated returns.* a generator.*return what is in it",
    in_an_object: "what in_an_object returns.* a Result",
    under_a_key: "a key of a dict that under_a_key returns.* a type",
    as_a_key: "hashed",
    in_a_library: r"test_tracing\.py:\d+",
    as_float: r"float\(\) asks.*Keep it an array",
    as_math: r"float\(\) asks.*np.sqrt",
    as_int: r"int\(\) asks",
    as_item: r"item\(\) asks",
    as_item_of_tensor: r"item\(\) asks",
    as_plain_array: "turned into a plain one.*Leave np.asarray out",
    into_a_plain_array: "written into a plain array",
    printed: "printed.*Return it",
    formatted: "printed.*Return it",
    masked: "computed mask.*np.where",
    places: "nonzero of a computed value.*Keep the shape",
    bincounted: "bincount of a computed value.*Give minlength=n",
    appended: "changed the length of log.*Return what is to be kept",
    counted: "changed counter.'calls'. from 0 to 1.*belongs in a Tensor",
    drawn: "drew from generator.*tinygraph.draws",
    drawn_globally: "drew from np.random.*tinygraph.draws",
    drawn_by_python: "drew from random.*tinygraph.draws",
    timed: "clock.*pass the time as an argument",
}


@pytest.mark.parametrize("function", REFUSALS, ids=lambda function: function.__name__)
def test_refusals_name_the_line_and_the_way_out(function):
    before = (generator.bit_generator.state, np.random.get_state()[1].tolist(), random.getstate())
    for _ in range(2):
        with pytest.raises(tg.UnsupportedError, match=REFUSALS[function]) as caught:
            tg.compile(function)(X)
        assert "test_tracing.py:" in str(caught.value)
    assert log == []
    assert counter == {"calls": 0}
    assert before == (generator.bit_generator.state, np.random.get_state()[1].tolist(), random.getstate())
    assert modes.unusual == 0


def test_a_refusal_that_the_function_catches_is_one_all_the_same():
    def f(x):
        try:
            return x * float(np.sum(x))
        except TypeError:
            return x

    with pytest.raises(tg.UnsupportedError, match=r"float\(\)"):
        tg.compile(f)(X)


weight = tg.Tensor(np.ones(3))


def rebound(x):
    global weight
    loss = np.sum(x @ weight)
    loss.backward()
    weight = tg.Tensor(weight.data - weight.grad)
    return loss


def frozen(x):
    weight.requires_grad = False
    return x @ weight


def test_other_changes_of_a_tensor_are_refused():
    before = weight
    with pytest.raises(tg.UnsupportedError, match=r"put another Tensor in the place of weight.*assign"):
        tg.compile(rebound)(X)
    with pytest.raises(tg.UnsupportedError, match="requires_grad of a Tensor from outside"):
        tg.compile(frozen)(X)
    assert weight is before
    assert weight.requires_grad
    assert weight.grad is None


def test_an_exception_of_the_functions_own_comes_through():
    class OwnError(Exception):
        pass

    def f(x):
        log.append(1)
        raise OwnError

    with pytest.raises(OwnError):
        tg.compile(f)(X)
    assert log == []


def test_the_line_is_the_users_line():
    line = as_float.__code__.co_firstlineno + 1
    with pytest.raises(tg.UnsupportedError, match=f"test_tracing.py:{line}"):
        tg.compile(as_float)(X)


def test_a_failed_trace_leaves_all_as_it_was():
    w, moment = tg.Tensor(np.ones(3)), tg.Tensor(np.zeros(3), requires_grad=False)
    w.grad = np.full(3, 7.0)
    rng = np.random.default_rng(0)
    settings = {"rate": 0.1, "seen": []}
    before = (w.data, w.grad, moment.data, w._link.order, rng.bit_generator.state)

    def step(x):
        loss = np.sum((x @ w) ** 2) * np.mean(draws.uniform(rng, (2,)))
        loss.backward()
        moment.assign(0.9 * moment.data + w.grad)
        w.data -= settings["rate"] * moment.data
        w.grad = None
        settings["rate"] = 5.0
        settings["seen"].append(loss)
        settings["new"] = 1
        assert float(loss) > 0
        return loss

    with pytest.raises(tg.UnsupportedError, match=r"float\(\)"):
        tg.compile(step)(X)
    after = (w.data, w.grad, moment.data, w._link.order, rng.bit_generator.state)
    assert all(a is b or a == b for a, b in zip(before, after, strict=True))
    assert settings == {"rate": 0.1, "seen": []}
    assert "_value" in Value.__slots__
    assert type(vars(Value)["_value"]) is type(vars(Leaf)["_grad"])
    (np.sum(w * 2)).backward()


def test_a_tensor_that_was_kept_from_a_trace_says_so():
    def f(x):
        threading.current_thread().kept = tg.Tensor(x) * 2  # what a call finds is not looked at
        return x

    tg.compile(f)(X)
    kept = vars(threading.current_thread()).pop("kept")
    for use in (lambda t: t + 1, lambda t: np.sum(t), lambda t: t.item(), lambda t: bool(t), lambda t: t.numpy() + 1):
        with pytest.raises(tg.GraphError, match="must be returned"):
            use(kept)


def test_another_thread_sees_the_tensors_as_they_are():
    w = tg.Tensor(np.ones(3))
    inside, done, seen = threading.Event(), threading.Event(), []
    threading.current_thread().events = (inside, done)  # found in the function they would be refused

    def elsewhere():
        inside.wait(10)
        seen.append((type(w._value), (w * 2).data.tolist(), w.grad))
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()

    def step(x):
        np.sum(x @ w).backward()
        w.assign(w.data * 5)
        begun, over = threading.current_thread().events
        begun.set()
        assert over.wait(10)
        return np.sum(x)

    tg.compile(step)(X)
    thread.join()
    del threading.current_thread().events
    assert seen == [(np.ndarray, [2.0, 2.0, 2.0], None)]
    assert w.data.tolist() == [5.0] * 3


# --- gradients that go on outside -------------------------------------------------------------------------------------


def test_a_gradient_goes_back_through_a_compiled_function():
    compiled = tg.compile(lambda x: np.sum(x * x))
    w = tg.Tensor(X)
    with pytest.warns(RuntimeWarning, match=r"runs eagerly: a gradient goes on through its result.*tg\.compile"):
        compiled(w).backward()
    np.testing.assert_allclose(w.grad, 2 * X)
    compiled(w).backward()  # with one warning
    np.testing.assert_allclose(w.grad, 4 * X)
    with pytest.warns(RuntimeWarning, match="a Tensor that it is given, and that was computed"):
        np.testing.assert_allclose(tg.grad(lambda x: compiled(x * 2))(X), 8 * X)
    with pytest.warns(RuntimeWarning, match="a gradient goes on"):
        outer = tg.grad(lambda w: tg.compile(lambda x: np.sum(x * w))(X))(X)
    np.testing.assert_allclose(outer, X)
    assert "a gradient goes on through its result" in str(compiled.explain())
    with tg.no_grad():
        assert type(compiled(w)) is np.float64
    assert type(compiled((w * 2).detach())) is np.float64
    assert type(compiled(X)) is np.float64
    with pytest.raises(tg.UnsupportedError, match="a gradient goes on"):
        compiled.profile(w)


def test_an_eager_call_changes_what_it_finds_once():
    counts = tg.Tensor(0.0, requires_grad=False)

    def f(w):
        counts.assign(counts.data + 1)
        return w * 2

    with pytest.warns(RuntimeWarning, match="a gradient goes on"):
        for _ in range(3):
            tg.compile(f)(tg.Tensor(X))
    assert counts.item() == 3


def test_transforms_of_a_compiled_function_are_compiled():
    @tg.compile(static_argnames="power")
    def f(x, power=3):
        return np.sum(x**power)

    compiled = type(f)
    for transform in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.hvp):
        made, eager = transform(f), transform(f.__wrapped__)
        assert type(made) is compiled
        assert type(transform(f=f)) is compiled
        rest = (X,) if transform is tg.hvp else ()
        for one, other in zip(tree_leaves(made(X, *rest)), tree_leaves(eager(X, *rest)), strict=True):
            np.testing.assert_allclose(one, other)
        assert len(made.signatures) == 1
    np.testing.assert_allclose(tg.grad(f)(X, power=2), 2 * X)
    np.testing.assert_allclose(tg.grad(tg.grad(f))(np.float64(2)), 12.0)
    np.testing.assert_allclose(tg.vjp(f, X)[1](1.0)[0], 3 * X**2)
    np.testing.assert_allclose(tg.jvp(f, (X,), (X,))[1], np.sum(3 * X**3))
    np.testing.assert_allclose(tg.grad(tg.checkpoint(f))(X), 3 * X**2)
    tg.testing.check_grads(f, X)
    assert tg.trace(f, X).outputs


def test_an_attribute_of_what_was_compiled_is_looked_for_there():
    compiled = tg.compile(tg.nn.Dense(3))
    with pytest.raises(AttributeError, match=r"'parameters': the Dense that was compiled has it. Compile the step"):
        compiled.parameters()
    with pytest.raises(AttributeError, match=r"has no attribute 'sources'. Did you mean 'source'\?"):
        _ = compiled.sources
    assert not hasattr(compiled, "_anything")


def test_a_transform_of_a_compiled_function_has_its_options():
    cubed = tg.compile(lambda x, power: np.sum(x ** int(power)), static_argnames="power")  # int() of a float is known
    np.testing.assert_allclose(tg.grad(cubed)(X, 3.0), 3 * X**2)
    np.testing.assert_allclose(tg.hvp(cubed)(X, X, 3.0), 6 * X**2)
    few = tg.grad(tg.compile(lambda x: np.sum(x * x), maxsize=1))
    with pytest.warns(RuntimeWarning, match="more than 1 times"):
        few(X), few(X[:2])
    assert len(few.signatures) == 1
    told = tg.grad(tg.compile(lambda x: np.sum(x * float(x.data[0, 0])), otherwise="eager"))
    with pytest.warns(RuntimeWarning, match="runs eagerly"):
        np.testing.assert_allclose(told(X), np.full_like(X, X[0, 0]))


def test_the_gradient_of_a_compiled_method_is_compiled():
    class Scaled:
        def __init__(self):
            self.scale = tg.Tensor(2.0)

        @tg.compile
        def loss(self, x):
            return np.sum(x * x) * self.scale

    scaled = Scaled()
    gradient = tg.grad(scaled.loss)
    np.testing.assert_allclose(gradient(X), 4 * X)
    scaled.scale.assign(3.0)
    np.testing.assert_allclose(gradient(X), 6 * X)
    assert len(gradient.signatures) == 1


def test_a_gradient_does_not_flow_into_an_older_graph():
    w = tg.Tensor(np.ones(3))
    scaled = w * 2

    def step(x):
        loss = np.sum(x @ scaled)
        loss.backward()
        return loss

    with pytest.raises(tg.GraphError, match=r"recorded outside.*Compute it inside"):
        tg.compile(step)(X)
    assert w.grad is None
    np.sum(scaled).backward()
    assert w.grad.tolist() == [2.0] * 3


def test_an_array_inside_looks_like_one():
    def f(x):
        assert isinstance(x, np.ndarray)
        assert type(x) is np.ndarray
        assert x._recorder is not None
        assert (x.shape, x.ndim, x.size, x.dtype, len(x), x.nbytes) == ((4, 3), 2, 12, np.float64, 4, 96)
        assert np.result_type(x, np.float32(1)) == np.float64
        with pytest.raises(AttributeError):
            getattr(x, "something")  # noqa: B009
        return x

    tg.compile(f)(X)
    with pytest.raises(tg.UnsupportedError, match="strides"):
        tg.compile(lambda x: x.strides)(X)


LABELS = np.array([2, 0, 2, 1])


@pytest.mark.parametrize(
    "follow",
    [
        lambda x, i: x * np.asarray(np.arange(9.0) * 2, like=x)[i + 1],
        lambda x, i: x * np.arange(9.0, like=x)[np.argmax(x)],
        lambda x, i: x * np.asarray([1.0, 2.0, 3.0, 4.0], like=x)[np.argmin(x)],
        lambda x, i: x * np.asarray(np.arange(9.0), like=x).reshape(3, 3)[i, np.argsort(i) % 3],
        lambda x, i: np.ones(5) + np.bincount(i, x, minlength=5),
        lambda x, i: np.bincount(i + 1, np.ones(4), minlength=5) * x[0],
    ],
)  # fmt: skip
def test_what_refusals_of_places_name_works(follow):
    x = np.array([0.5, 2.0, -1.0, 1.5])
    np.testing.assert_array_equal(tg.compile(follow)(x, LABELS), follow(x, LABELS))
    slopes = tg.grad(lambda x: np.sum(np.tanh(follow(x, LABELS))))
    np.testing.assert_allclose(tg.compile(slopes)(x), slopes(x))
    check_grads(lambda x: follow(x, LABELS), x)


def test_a_compiled_bincount_holds_for_other_numbers_and_refuses_those_beyond():
    w = tg.Tensor(np.ones(3))

    @tg.compile
    def step(i, x):
        w.assign(w.data + np.bincount(i, x, minlength=3))
        return np.bincount(i, minlength=3)

    x = np.arange(4.0)
    np.testing.assert_array_equal(step(LABELS, x), [1, 1, 2])
    np.testing.assert_array_equal(step(LABELS * 0, x), [4, 0, 0])
    before = w.data.copy()
    with pytest.raises(ValueError, match=r"bincount: 3 is among the numbers.*Give a minlength above"):
        step(LABELS + 1, x)
    np.testing.assert_array_equal(w.data, before)
