"""The optimisers, against their formulas written out, and in what can go wrong."""

import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.engine.fitting import wide
from tinygraph.optim import SGD, Adagrad, Adam, AdamW, ExponentialDecay, Lion, Momentum, Optimizer, RMSprop

ALL = [SGD, Momentum, Lion, RMSprop, Adagrad, Adam, AdamW]


# --- the formulas, for one number and the list of its gradients -------------------------------------------------------


def sgd(w, gradients, rate):
    for g in gradients:
        w = w - rate * g
    return w


def momentum(w, gradients, rate, momentum=0.9, nesterov=False):
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - rate * g
        w = w + (momentum * velocity - rate * g if nesterov else velocity)
    return w


def rmsprop(w, gradients, rate, rho=0.9, epsilon=1e-7):
    square = 0.0
    for g in gradients:
        square = rho * square + (1 - rho) * g**2
        w = w - rate * g / math.sqrt(square + epsilon)
    return w


def adam(w, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0):
    """Algorithm 1 of the paper, with epsilon where the end of its section 2 has it."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        w = w - rate * weight_decay * w
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g**2
        m_hat, v_hat = m / (1 - beta_1**t), v / (1 - beta_2**t)
        w = w - rate * m_hat / (math.sqrt(v_hat) + epsilon / math.sqrt(1 - beta_2**t))
    return w


def adamw(w, gradients, rate, weight_decay=0.004, **rest):
    return adam(w, gradients, rate, weight_decay=weight_decay, **rest)


SHARE = st.floats(0, 0.99)
FORMULAS = [
    (SGD, sgd, {}),
    (Momentum, momentum, {"momentum": SHARE, "nesterov": st.booleans()}),
    (RMSprop, rmsprop, {"rho": SHARE, "epsilon": st.floats(1e-8, 1)}),
    (Adam, adam, {"beta_1": SHARE, "beta_2": SHARE, "epsilon": st.floats(1e-8, 1)}),
    (AdamW, adamw, {"weight_decay": st.floats(0, 1), "beta_1": SHARE}),
]


@pytest.mark.parametrize(("kind", "formula", "options"), FORMULAS, ids=lambda item: getattr(item, "__name__", ""))
@given(data=st.data())
def test_the_formula(kind, formula, options, data):
    chosen = data.draw(st.fixed_dictionaries({}, optional=options))
    rate = data.draw(st.floats(0, 1))
    values = st.floats(-4, 4).map(lambda value: round(value, 3))
    start = data.draw(st.lists(values, min_size=3, max_size=3))
    gradients = data.draw(st.lists(st.lists(values, min_size=3, max_size=3), max_size=5))
    parameter = tg.Tensor(start)
    optimizer = kind([parameter], rate, **chosen)
    for gradient in gradients:
        parameter.grad = gradient
        optimizer.step()
    expected = [formula(w, [g[i] for g in gradients], rate, **chosen) for i, w in enumerate(start)]
    np.testing.assert_allclose(parameter.data, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ALL)
def test_it_goes_downhill(kind):
    parameters = {"x": tg.Tensor([3.0, -2.0]), "y": tg.Tensor(1.5)}

    def loss():
        return np.sum(parameters["x"] ** 2) + parameters["y"] ** 2

    optimizer, first = kind(parameters, {Adagrad: 1.0, Lion: 0.03}.get(kind, 0.05)), loss().item()
    for _ in range(100):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < first / 10


@pytest.mark.parametrize("kind", ALL)
def test_dtypes_stay(kind):
    parameters = [tg.Tensor(np.ones(3, dtype)) for dtype in (np.float64, np.float32, np.float16)]
    optimizer = kind(parameters)
    for parameter in parameters:
        parameter.grad = np.ones(3)
    optimizer.step()
    assert [parameter.dtype for parameter in parameters] == [np.float64, np.float32, np.float16]
    assert all((parameter.data < 1).all() for parameter in parameters)
    for name, parameter in optimizer.parameters.items():
        assert {tensors[name].dtype for tensors in optimizer._moments.values()} <= {wide(parameter.dtype)}


class Layer(NamedTuple):
    weight: tg.Tensor
    bias: tg.Tensor


def test_parameters_come_in_any_nest():
    a, b, c, d = (tg.Tensor([float(i)]) for i in range(4))
    assert list(SGD(a).parameters) == ["0"]
    assert list(SGD([a, b]).parameters) == ["0", "1"]
    assert list(SGD(iter([a, b])).parameters) == ["0", "1"]
    nest = SGD({"first": Layer(a, b), "rest": [c, (d,)]})
    assert nest.parameters == {"first.weight": a, "first.bias": b, "rest.0": c, "rest.1.0": d}


WRONG = [
    ([tg.Tensor([1.0]), np.ones(2)], TypeError, r"parameter 1 must be a Tensor, got ndarray"),
    ({"w": "weights"}, TypeError, r"parameter w must be a Tensor, got str"),
    ("weights", TypeError, r"the parameters must be a Tensor, got str"),
    ([tg.Tensor([1.0]) * 2], TypeError, r"parameter 0 is computed"),
    ([tg.Tensor([1.0], requires_grad=False)], TypeError, r"parameter 0, of dtype float64, requires no gradient"),
    ([], ValueError, r"no parameters. Layers make theirs when they see the first batch"),
]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(("parameters", "error", "words"), WRONG)
def test_what_is_no_parameter(kind, parameters, error, words):
    with pytest.raises(error, match=f"{kind.__name__}: .*{words}"):
        kind(parameters)


def test_a_parameter_counts_once():
    w = tg.Tensor([1.0])
    with pytest.raises(ValueError, match="parameter 1 is among the parameters already"):
        Adam([w, w])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: SGD(w, -0.1), ValueError, "SGD: learning_rate must be at least 0, got -0.1"),
        (lambda w: SGD(w, math.nan), ValueError, "got nan"),
        (lambda w: SGD(w, "fast"), TypeError, "must be a number or a schedule, got 'fast'"),
        (lambda w: Momentum(w, momentum=1), ValueError, "momentum must be at least 0 and less than 1, got 1"),
        (lambda w: RMSprop(w, rho=-1), ValueError, "RMSprop: rho"),
        (lambda w: Adam(w, beta_2=1.0), ValueError, "Adam: beta_2"),
        (lambda w: AdamW(w, beta_1=2.0), ValueError, "AdamW: beta_1"),
        (lambda w: AdamW(w, weight_decay=-1), ValueError, "AdamW: weight_decay"),
    ],
)
def test_numbers_out_of_range(make, error, words):
    with pytest.raises(error, match=words):
        make(tg.Tensor([1.0]))


@pytest.mark.parametrize("kind", ALL)
def test_without_a_gradient_a_parameter_stays(kind):
    moved, left = tg.Tensor([1.0]), tg.Tensor([1.0])
    optimizer = kind([moved, left])
    moved.grad = [1.0]
    optimizer.step()
    assert moved.data[0] < 1
    assert left.data[0] == 1
    assert all(tensors["1"].data[0] == optimizer.initial("square") for tensors in optimizer._moments.values())
    assert optimizer.steps.item() == 1


def test_a_step_that_fails_changes_nothing():
    class Stumbling(Adam):
        def move(self, value, gradient, *rest):
            if value.shape == (2,):
                raise MemoryError
            return super().move(value, gradient, *rest)

    parameters = [tg.Tensor([1.0]), tg.Tensor([1.0, 2.0])]
    optimizer = Stumbling(parameters)
    for parameter in parameters:
        parameter.grad = np.ones(parameter.shape)
    before = optimizer.state_dict()
    with pytest.raises(MemoryError):
        optimizer.step()
    np.testing.assert_array_equal(parameters[0].data, [1.0])
    assert all((before[name] == value).all() for name, value in optimizer.state_dict().items())


def test_the_learning_rate_can_be_set():
    w = tg.Tensor([0.0])
    optimizer = SGD(w, 0.5)
    rate = optimizer.state["learning_rate"]
    w.grad = [1.0]
    optimizer.step()
    optimizer.learning_rate = 0.25
    optimizer.step()
    assert optimizer.learning_rate == 0.25
    assert w.data[0] == -0.75
    assert optimizer.state["learning_rate"] is rate  # the same Tensor: a program recorded with it sees the new value
    with pytest.raises(ValueError, match="learning_rate"):
        optimizer.learning_rate = -1
    assert optimizer.learning_rate == 0.25
    optimizer.learning_rate = ExponentialDecay(1.0, 1, 0.5)
    assert optimizer.learning_rate == 0.25
    optimizer.step()
    assert w.data[0] == -1.0
    assert repr(optimizer) == "SGD(1 parameters, learning_rate=0.125)"


@pytest.mark.parametrize("kind", ALL)
def test_a_step_only_assigns(kind):
    """The attributes are the same objects, so that a step that was recorded can be repeated."""
    w = tg.Tensor([1.0])
    optimizer = kind(w)
    w.grad = [1.0]
    before, tensors = dict(vars(optimizer)), optimizer.state
    optimizer.step()
    assert all(value is before[name] for name, value in vars(optimizer).items())
    assert all(tensor is tensors[name] for name, tensor in optimizer.state.items())


def test_a_schedule_sees_the_steps_before():
    w, seen = tg.Tensor([0.0]), []

    def schedule(steps):
        seen.append(float(steps))
        return np.float64(0.1)

    optimizer = SGD(w, schedule)
    w.grad = [1.0]
    for _ in range(3):
        optimizer.step()
    assert seen == [0, 1, 2]
    assert "learning_rate" not in optimizer.state


@pytest.mark.parametrize("kind", ALL)
def test_saved_and_loaded_it_goes_on(kind, tmp_path):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(6, 3))

    def take(optimizer, parameter, some):
        for gradient in some:
            parameter.grad = gradient
            optimizer.step()

    straight = tg.Tensor(np.ones(3))
    take(kind({"w": straight}, 0.1), straight, gradients)

    first = tg.Tensor(np.ones(3))
    optimizer = kind({"w": first}, 0.1)
    take(optimizer, first, gradients[:3])
    np.savez(tmp_path / "state.npz", **optimizer.state_dict())

    second = tg.Tensor(first.data)
    other = kind({"w": second}, 0.7)
    with np.load(tmp_path / "state.npz") as saved:
        other.load_state_dict(saved)
    assert other.learning_rate == 0.1
    take(other, second, gradients[3:])
    np.testing.assert_array_equal(second.data, straight.data)


def test_what_was_saved_is_a_copy():
    w = tg.Tensor(np.ones(3))
    optimizer = Adam(w)
    saved = optimizer.state_dict()
    w.grad = np.ones(3)
    optimizer.step()
    assert saved["steps"] == 0
    assert not saved["mean of 0"].any()


def test_a_state_that_does_not_fit_changes_nothing():
    w = tg.Tensor(np.ones(3))
    optimizer = Adam({"w": w})
    w.grad = np.ones(3)
    optimizer.step()
    before, wrong = optimizer.state_dict(), Adam({"w": tg.Tensor(np.ones(4))}).state_dict()
    with pytest.raises(tg.ShapeError, match=r"mean of w has shape \(3,\), the value for it \(4,\)"):
        optimizer.load_state_dict(wrong)
    with pytest.raises(KeyError, match=r"missing are .*'mean of w'.*called .*'mean of v'"):
        optimizer.load_state_dict(Adam({"v": w}).state_dict())
    with pytest.raises(TypeError, match="steps is of dtype float64"):
        optimizer.load_state_dict(before | {"steps": np.array("three")})
    assert all((before[name] == value).all() for name, value in optimizer.state_dict().items())


def test_gradients_that_are_tensors():
    w = tg.Tensor([1.0, 2.0])
    optimizer = Adam(w)
    np.sum(w * w).backward(create_graph=True)
    assert isinstance(w.grad, tg.Tensor)
    optimizer.step()
    np.testing.assert_allclose(w.data, [0.999, 1.999], rtol=1e-6)
    assert w.is_leaf
    optimizer.zero_grad()
    assert w.grad is None


def test_an_optimizer_of_ones_own():
    class Sign(Optimizer):
        """The sign of the gradient."""

        def move(self, value, gradient, rate):
            return (value - rate * np.sign(gradient),)

    w = tg.Tensor([1.0, 1.0])
    w.grad = [5.0, -0.1]
    Sign(w, 0.5).step()
    np.testing.assert_array_equal(w.data, [0.5, 1.5])
    with pytest.raises(NotImplementedError, match="Give it a method `move`"):
        Optimizer(w, 0.5).step()


def test_an_optimizer_of_ones_own_may_return_what_it_was_given():
    class Still(Optimizer):
        moments = ("seen",)

        def move(self, value, gradient, rate, seen):
            return value, gradient

    w = tg.Tensor([1.0, 1.0])
    w.grad = [5.0, -0.1]
    optimizer = Still(w, 0.5)
    optimizer.step()
    w.grad[0] = 7
    w.data[1] = 3
    np.testing.assert_array_equal(optimizer.state["seen of 0"].data, [5.0, -0.1])
    np.testing.assert_array_equal(w.data, [1.0, 3.0])


def test_an_optimizer_that_forgets_a_moment_is_told_so():
    class Forgetful(Adam):
        def move(self, value, gradient, *rest):
            return super().move(value, gradient, *rest)[:2]

    w = tg.Tensor([1.0])
    w.grad = [5.0]
    with pytest.raises(ValueError, match=r"Forgetful\.move: must return the new value and 2 new moments, got 2 arrays"):
        Forgetful(w).step()
    assert w.data[0] == 1


def test_a_parameter_cannot_be_written_into_by_a_step():
    class Hasty(Optimizer):
        def move(self, value, gradient, rate):
            value -= rate * gradient
            return (value,)

    w = tg.Tensor([1.0, 1.0])
    w.grad = [5.0, -0.1]
    with pytest.raises(ValueError, match="read-only"):
        Hasty(w, 0.5).step()
    np.testing.assert_array_equal(w.data, [1.0, 1.0])


def test_a_schedule_may_return_a_plain_number():
    w = tg.Tensor([1.0])
    optimizer = SGD(w, lambda steps: 0.5 if steps < 1 else 1)
    for expected in (0.5, -0.5):
        w.grad = [1.0]
        optimizer.step()
        assert w.data[0] == expected


@pytest.mark.parametrize("kind", [RMSprop, Adagrad, Adam, AdamW, Momentum, Lion])
@pytest.mark.parametrize("scale", [1e-4, 3e-3, 300.0])
@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_steps_of_float16_are_those_of_float32(kind, scale, run):
    """The square of a gradient of 1e-4 is 0 in float16, and that of 300 is infinite."""
    ways = {}
    for dtype in (np.float16, np.float32):
        w = tg.Tensor(np.array([0.75, -0.25, 0.5], dtype), name="w")
        options = {"initial_accumulator_value": 0.0} if kind is Adagrad else {}
        optimizer = kind(w, 0.01 if kind is not Momentum else 0.01 / scale, **options)

        def step(x, w=w, optimizer=optimizer):
            loss = np.sum(x * w)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return loss

        step = run(step)
        for sign in (1, 1, -1, 1, 1, 1):
            step(np.array([1.0, -1.0, 0.3], dtype) * dtype(sign * scale))
        ways[dtype] = w.data
    assert ways[np.float16].dtype == np.float16
    assert np.abs(ways[np.float32] - [0.75, -0.25, 0.5]).min() > 0.003
    np.testing.assert_allclose(ways[np.float16], ways[np.float32], atol=1.5e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_gradients_have_no_variance_and_no_nan(dtype):
    """The variance of equal gradients is 0, and its rounding error may be below 0: the root is of epsilon alone."""
    w = tg.Tensor(np.zeros(4, dtype))
    optimizer = RMSprop(w, 1e-9, rho=0.7, centered=True)
    gradient = np.array([1e5, 0.3e5, -0.7e5, 1.1e5], dtype)
    lowest = np.inf
    for number in range(900):
        w.grad = gradient * (2 if number < 5 else 1)
        optimizer.step()
        square, mean = (optimizer.state[f"{moment} of 0"].data for moment in ("square", "mean"))
        lowest = min(lowest, np.min(square - mean * mean))
    assert lowest < -1e-6  # what the root must not be taken of
    assert np.all(np.isfinite(w.data))
