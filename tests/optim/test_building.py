"""Optimisers without their parameters, in groups, with given gradients, and as plain data."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import tinygraph as tg
from tinygraph import optim

KINDS = [
    optim.Adadelta,
    optim.Adagrad,
    optim.Adam,
    optim.AdamW,
    optim.Adamax,
    optim.Ftrl,
    optim.Lion,
    optim.Momentum,
    optim.Nadam,
    optim.RMSprop,
    optim.SGD,
]


def tensors():
    return {"w": tg.Tensor([1.0, -2.0]), "b": tg.Tensor([0.5])}


def given_gradients(parameters):
    for parameter in parameters.values():
        parameter.grad = np.arange(1.0, 1 + parameter.size)


# --- without parameters -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_may_come_later(kind):
    early, late = tensors(), tensors()
    one, other = kind(early, 0.25), kind(0.25)
    assert not other.built and other.parameters == {}
    other.build(late)
    other.build(list(late.values()))  # the same Tensors again
    assert other.built and list(other.parameters) == ["w", "b"]
    for parameters, optimizer in ((early, one), (late, other)):
        given_gradients(parameters)
        optimizer.step()
    assert all((early[name].data == late[name].data).all() for name in early)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ways_to_say_a_rate(kind):
    assert kind(0.25).learning_rate == kind(learning_rate=0.25).learning_rate == kind(None, 0.25).learning_rate == 0.25
    assert kind(np.float32(0.25)).learning_rate == kind(np.array(0.25)).learning_rate == 0.25
    assert kind(optim.StepDecay(0.25, 5)).learning_rate == kind(lambda steps: 0.25).learning_rate == 0.25
    assert kind(1).learning_rate == 1
    assert kind().learning_rate == kind(tensors()).learning_rate
    with pytest.raises(ValueError, match="learning_rate must be at least 0, got -1"):
        kind(-1.0)


def test_what_follows_the_rate_is_as_keras_has_it():
    sgd = optim.SGD(0.01, 0.9, True, 0.1)
    assert (sgd.momentum, sgd.nesterov, sgd.weight_decay) == (0.9, True, 0.1)
    adam = optim.Adam(0.01, 0.8, 0.99)
    assert (adam.beta_1, adam.beta_2) == (0.8, 0.99)
    assert optim.SGD([tg.Tensor([1.0])], 0.01, 0.9).momentum == 0.9
    assert optim.AdamW(0.01, 0.1).weight_decay == 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_without_parameters_there_is_no_step(kind):
    optimizer = kind(0.25)
    with pytest.raises(tg.GraphError, match=r"step: the optimiser has no parameters yet. Call optimizer.build\("):
        optimizer.step()
    with pytest.raises(tg.GraphError, match=r"apply: the optimiser has no parameters yet"):
        optimizer.apply([np.ones(2)])
    with pytest.raises(tg.GraphError, match=r"load_state_dict: the optimiser has no parameters yet"):
        optimizer.load_state_dict({"steps": 3.0})
    with pytest.raises(ValueError, match=r"is not among the optimiser's 0 parameters. Build the optimiser with it"):
        optimizer.constrain(tg.Tensor([1.0]), np.abs)
    assert optimizer.steps.item() == 0
    optimizer.zero_grad()


def test_other_parameters_are_refused():
    optimizer = optim.Adam(tensors())
    before = optimizer.state
    with pytest.raises(ValueError, match=r"Adam.build: the optimiser has 2 parameters already, and these are others"):
        optimizer.build(tensors())
    assert optimizer.state.keys() == before.keys()
    empty = optim.Adam()
    with pytest.raises(TypeError, match="parameter 1 must be a Tensor"):
        empty.build([tg.Tensor([1.0]), 3.0])
    assert not empty.built


def test_a_class_of_ones_own_gets_its_arguments_as_they_are():
    class Keras(optim.Optimizer):
        def __init__(self, learning_rate=0.1, power=2, **options):
            self.power = power
            super().__init__(learning_rate=learning_rate, **options)

        def move(self, value, gradient, rate):
            return (value - rate * gradient**self.power,)

    optimizer = Keras(0.5, 3, clipvalue=1.0)
    assert (optimizer.learning_rate, optimizer.power, optimizer.clipvalue) == (0.5, 3, 1.0)
    w = tg.Tensor([1.0])
    optimizer.apply_gradients([([7.0], w)])
    assert w.data == 0.5

    class Ours(optim.SGD):
        def __init__(self, parameters=None, learning_rate=0.5):
            super().__init__(parameters, learning_rate, momentum=0.5)

    assert Ours(0.25).learning_rate == 0.25 and Ours([w]).learning_rate == 0.5


# --- frozen parameters ------------------------------------------------------------------------------------------------


def test_frozen_parameters_do_not_move():
    model = tg.nn.Sequential([tg.nn.Dense(2, seed=0, dtype="float64"), tg.nn.Dense(1, seed=1, dtype="float64")])
    model(np.ones((3, 2)))
    kernel = model.named_parameters()["layers.0.kernel"]
    kernel.requires_grad = False
    optimizer = optim.AdamW(model.named_parameters())
    assert "layers.0.kernel" not in optimizer.parameters and len(optimizer.parameters) == 3
    later = optimizer.parameters["layers.1.kernel"]
    before = kernel.data.copy(), later.data.copy()
    np.sum(model(np.ones((3, 2)))).backward()
    later.requires_grad = False  # frozen with a gradient
    optimizer.step()
    assert (kernel.data == before[0]).all() and (later.data == before[1]).all()
    assert optimizer.parameters["layers.1.bias"].data != 0


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_have_rates_of_their_own():
    a, b, c = (tg.Tensor([1.0]) for _ in range(3))
    optimizer = optim.SGD(
        [
            {"params": [a], "learning_rate": 0.5},
            {"parameters": {"b": b}, "learning_rate": lambda steps: 0.25 / (1 + steps), "weight_decay": 1.0},
            {"params": iter([c])},
        ],
        0.125,
        weight_decay=0.0,
    )
    assert list(optimizer.parameters) == ["0.0", "1.b", "2.0"]
    assert len(optimizer.groups) == 3
    for parameter in (a, b, c):
        parameter.grad = [1.0]
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == [0.5, 0.5, 0.875]
    assert optimizer.groups[0].learning_rate == 0.5
    assert optimizer.groups[2].learning_rate is None
    optimizer.learning_rate = 0.25
    optimizer.groups[0].learning_rate = 1.0
    optimizer.step()
    assert [a.item(), b.item(), c.item()] == [-0.5, 0.5 - 0.125 * 0.5 - 0.125, 0.625]
    optimizer.groups[2].learning_rate = 0.5
    optimizer.step()
    assert c.item() == 0.125
    assert {"learning_rate", "learning_rate of group 0", "learning_rate of group 2"} < optimizer.state.keys()


def test_a_group_is_resumed_to_the_bit():
    def made(w):
        return optim.Adam([{"params": w[:1], "learning_rate": 0.5}, {"params": w[1:]}], 0.1, use_ema=True)

    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(6, 2, 3))
    straight = [tg.Tensor(np.ones(3)) for _ in range(2)]
    first = made(straight)
    for step in gradients[:3]:
        first.apply(step)
    twins = [tg.Tensor(w.data) for w in straight]
    second = made(twins)
    second.groups[0].learning_rate = 0.7
    second.load_state_dict(first.state_dict())
    for step in gradients[3:]:
        first.apply(step)
        second.apply(step)
    assert first.state_dict().keys() == second.state_dict().keys()
    for name, value in first.state_dict().items():
        np.testing.assert_array_equal(second.state_dict()[name], value, err_msg=name)
    np.testing.assert_array_equal([w.data for w in twins], [w.data for w in straight])


@pytest.mark.parametrize(
    ("groups", "error", "words"),
    [
        (lambda w: [{"params": [w], "momentum": 0.5}], TypeError, "group 0 has no option 'momentum'. It may have"),
        (lambda w: [{"params": [w], "lr": 0.5}], TypeError, "no option 'lr'. Write learning_rate"),
        (lambda w: [{"params": [w]}, [w]], TypeError, r"group 1 must be a dict, \{\"params\""),
        (lambda w: [{"params": [w], "parameters": [w]}], TypeError, "group 0 must be a dict"),
        (lambda w: [{"params": [w]}, {"params": [w]}], ValueError, "parameter 1.0 is among the parameters already"),
        (lambda w: [{"params": [w], "learning_rate": -1}], ValueError, "SGD: learning_rate must be"),
        (lambda w: [{"params": [w], "weight_decay": -1}], ValueError, "SGD: weight_decay must be"),
        (lambda w: [{"params": []}], ValueError, "there are no parameters"),
    ],
)
def test_what_is_no_group(groups, error, words):
    with pytest.raises(error, match=words):
        optim.SGD(groups(tg.Tensor([1.0])))


# --- gradients that are given -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [lambda f: f, tg.compile], ids=["eager", "compiled"])
def test_the_loop_of_keras(run):
    x, y = np.linspace(-1, 1, 8), 3 * np.linspace(-1, 1, 8) - 1
    straight, given = ({"w": tg.Tensor(0.0), "b": tg.Tensor(0.0)} for _ in range(2))
    one, other = optim.Adam(straight, 0.1), optim.Adam(0.1)
    other.build(given)

    def loss_of(parameters):
        return np.mean((parameters["w"] * x + parameters["b"] - y) ** 2)

    def step():
        gradients = tg.grad(lambda w, b: loss_of({"w": w, "b": b}), argnums=(0, 1))(given["w"], given["b"])
        return other.apply_gradients(zip(gradients, given.values(), strict=True))

    step = run(step)
    for _ in range(4):
        one.zero_grad()
        loss_of(straight).backward()
        one.step()
        step()
    assert int(other.iterations.item()) == 4
    for name in straight:
        np.testing.assert_allclose(given[name].data, straight[name].data, rtol=1e-12)


def test_given_gradients():
    parameters = tensors()
    optimizer = optim.SGD(1.0)
    optimizer.apply([np.ones(1), None], [parameters["b"], parameters["w"]])  # which builds it
    assert (parameters["b"].data, *parameters["w"].data) == (-0.5, 1.0, -2.0)
    optimizer.apply([[1.0], tg.Tensor([1.0, 2.0])])
    assert (parameters["b"].data, *parameters["w"].data) == (-1.5, 0.0, -4.0)
    assert optimizer.apply_gradients([([1.0], parameters["b"])]) is optimizer.iterations
    assert optimizer.iterations.item() == 3
    assert optimizer.variables == list(optimizer.state.values())
    before = optimizer.state_dict()
    for gradients, chosen, error, words in (
        ([np.ones(1)], None, ValueError, "SGD.apply: 1 gradients for 2 parameters"),
        ([np.ones(1)], tensors().values(), ValueError, "1 gradients for 2 parameters"),
        ([np.ones(1)], [tg.Tensor([1.0])], ValueError, "parameter 0 is not among those of the optimiser"),
        ([np.ones(2), None], None, tg.ShapeError, r"gradient 0 has shape \(2,\), its parameter \(1,\)"),
        ([None, None], None, ValueError, "no gradient for any parameter"),
    ):
        with pytest.raises(error, match=words):
            optimizer.apply(gradients, chosen)
    assert optimizer.state_dict() == before


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clipnorm": 0.0}, "Adam: clipnorm must be positive, got 0.0"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "here are clipnorm and clipvalue. Choose one"),
        ({"clipvalue": -1}, "clipvalue must be positive"),
        ({"ema_momentum": 1.5, "use_ema": True}, "ema_momentum must be"),
        ({"ema_overwrite_frequency": 0, "use_ema": True}, "ema_overwrite_frequency must be at least 1, got 0"),
        ({"global_clipnorm": np.inf}, "global_clipnorm must be positive and finite"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        optim.Adam(**options)


def test_numbers_of_the_new_ones_out_of_range():
    for make, words in (
        (lambda: optim.Adagrad(initial_accumulator_value=-1.0), "Adagrad: initial_accumulator_value"),
        (lambda: optim.Lion(beta_1=0.0), "Lion: beta_1 must be larger than 0"),
        (lambda: optim.Lion(beta_2=1.0), "Lion: beta_2"),
        (lambda: optim.RMSprop(momentum=1.0), "RMSprop: momentum"),
        (lambda: optim.SGD(momentum=-0.1), "SGD: momentum"),
    ):
        with pytest.raises(ValueError, match=words):
            make()
    with pytest.raises(TypeError, match="AdamW: weight_decay must be a number, got None"):
        optim.AdamW(weight_decay=None)


@pytest.mark.parametrize("limit", ["clipnorm", "global_clipnorm"])
def test_gradients_too_large_for_their_squares_are_clipped(limit):
    """1e30² does not fit into a float32, and a gradient divided by an infinite norm would vanish unseen."""
    w = tg.Tensor(np.zeros(2, np.float32))
    w.grad = np.array([3e30, -4e30], np.float32)
    optim.SGD([w], 1.0, **{limit: 5.0}).step()
    np.testing.assert_allclose(w.data, [-3, 4], rtol=1e-6)
    w.grad = np.array([np.inf, 1.0], np.float32)
    optim.SGD([w], 1.0, **{limit: 5.0}).step()
    assert np.isnan(w.data).all()


def test_small_gradients_are_not_clipped():
    for options in ({"clipnorm": 5.0}, {"clipvalue": 5.0}, {"global_clipnorm": 5.0}):
        w = tg.Tensor([1.0, 2.0])
        w.grad = [0.25, 0.0]
        optim.SGD([w], 1.0, **options).step()
        np.testing.assert_array_equal(w.data, [0.75, 2.0])


def test_the_average_takes_the_place_of_the_values_at_the_end():
    moved, left = tg.Tensor([0.0]), tg.Tensor([7.0])
    optimizer = optim.SGD([moved, left], 1.0, use_ema=True, ema_momentum=0.75)
    for _ in range(2):
        moved.grad = [-4.0]
        optimizer.step()
    assert (moved.item(), left.item()) == (8.0, 7.0)
    optimizer.finalize_variable_values([left])
    assert moved.item() == 8.0
    optimizer.finalize_variable_values()
    assert (moved.item(), left.item()) == (0.75 * 4 + 0.25 * 8, 7.0)
    plain = optim.SGD([moved], 1.0)
    plain.finalize_variable_values()
    assert moved.item() == 5.0


def test_constraints():
    a, b = tg.Tensor([3.0, 4.0]), tg.Tensor([1.0])
    optimizer = optim.SGD([a, b], 1.0)
    optimizer.constrain(a, lambda w: w / np.sqrt(np.sum(np.square(tg.Tensor(w)))))  # a Tensor may come back
    optimizer.constrain(b, np.abs)
    a.grad, b.grad = np.zeros(2), [3.0]
    optimizer.step()
    np.testing.assert_allclose(a.data, [0.6, 0.8])
    assert b.item() == 2.0
    optimizer.constrain(b, None)
    optimizer.step()
    assert b.item() == -1.0
    optimizer.constrain(a, np.sum)
    before = optimizer.state_dict()
    with pytest.raises(tg.ShapeError, match=r"the constraint of parameter 0 must keep the shape \(2,\), and returned"):
        optimizer.step()
    assert b.item() == -1.0 and optimizer.state_dict() == before
    with pytest.raises(ValueError, match="is not among the optimiser's 2 parameters"):
        optimizer.constrain(tg.Tensor([1.0]), np.abs)


def test_equal_gradients_have_no_variance():
    """Their squares' mean less the mean's square may round to a number below 0, whose root is NaN."""
    w = tg.Tensor(np.ones(3, np.float32))
    optimizer = optim.RMSprop([w], 0.001, centered=True)
    for _ in range(300):
        w.grad = np.full(3, [1e3, 77.7, 3e-3], np.float32)
        optimizer.step()
    assert np.isfinite(w.data).all()


# --- as plain data ----------------------------------------------------------------------------------------------------

CHANGED = {
    "Adadelta": {"rho": 0.9, "epsilon": 1e-6, "clipnorm": 0.5},
    "Adagrad": {"initial_accumulator_value": 0.2, "epsilon": 1e-6, "clipvalue": 0.5},
    "Adamax": {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-6},
    "Adam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "amsgrad": True, "weight_decay": 0.1},
    "AdamW": {"weight_decay": 0.1, "name": "decayed"},
    "Ftrl": {"learning_rate_power": -0.4, "l1_regularization_strength": 0.1, "beta": 0.2},
    "Lion": {"beta_1": 0.8, "beta_2": 0.9, "global_clipnorm": 2.0},
    "Nadam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
    "Momentum": {"momentum": 0.8, "nesterov": True},
    "RMSprop": {"rho": 0.8, "momentum": 0.5, "centered": True, "clipnorm": 0.5},
    "SGD": {"momentum": 0.5, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 5},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [0.25, optim.StepDecay(0.25, 3)], ids=["number", "schedule"])
def test_an_optimizer_is_plain_data(kind, rate):
    optimizer = kind(tensors(), rate, **CHANGED[kind.__name__])
    data = json.loads(json.dumps(optim.serialize(optimizer)))
    for again in (optim.get(data), kind.from_config(data["config"])):
        assert type(again) is kind and not again.built
        assert again.get_config() == optimizer.get_config()
    assert CHANGED[kind.__name__].items() <= optimizer.get_config().items()
    optimizer.learning_rate = 0.5
    assert optimizer.get_config()["learning_rate"] == 0.5


def test_optimizers_by_name():
    for kind in KINDS:
        for name in (kind.__name__, kind.__name__.lower(), kind.__name__.upper()):
            assert type(optim.get(name)) is kind
        assert optim.get(name).get_config() == kind().get_config()
    adam = optim.Adam()
    assert optim.get(adam) is adam
    assert type(optim.get(optim.Adam)) is optim.Adam
    with pytest.raises(ValueError, match=r"there is no optimiser 'adamm'. There are 'adadelta', 'adafactor', "):
        optim.get("adamm")
    with pytest.raises(ValueError, match=r'must be a name or an object, "adam" or .*, got float'):
        optim.get(0.1)


def test_keras_own_data_makes_an_optimizer():
    config = {"name": "adam", "learning_rate": 0.5, "loss_scale_factor": None, "gradient_accumulation_steps": None}
    assert optim.Adam.from_config(config).learning_rate == 0.5
    with pytest.raises(TypeError, match="there is no argument loss_scale_factor="):
        optim.Adam.from_config(config | {"loss_scale_factor": 2.0})


def test_what_is_no_data():
    with pytest.raises(TypeError, match="the learning rate is a plain function, which is no data"):
        optim.Adam(lambda steps: 0.1).get_config()

    class Forgetful(optim.SGD):
        def __init__(self, parameters=None, learning_rate=0.1, patience=3):
            super().__init__(parameters, learning_rate)

    with pytest.raises(TypeError, match=r"the argument patience is in no attribute. Keep it, self.patience = patience"):
        Forgetful().get_config()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
def test_copies_go_on_by_themselves(copied):
    optimizer = optim.Adam(tensors(), 0.25, use_ema=True, clipnorm=1.0)
    optimizer.constrain(optimizer.parameters["w"], np.abs)
    twin = copied(optimizer)
    for one in (optimizer, twin):
        given_gradients(one.parameters)
        one.step()
    assert twin.parameters["w"] is not optimizer.parameters["w"]
    assert all((twin.state_dict()[name] == value).all() for name, value in optimizer.state_dict().items())
    assert (twin.parameters["w"].data == optimizer.parameters["w"].data).all()


@pytest.mark.parametrize(("of_all", "of_group"), [(None, 0.5), (0.25, 0.0), (0.25, 0.5), (0.25, None)], ids=str)
def test_the_weight_decay_of_a_group_comes_before_that_of_the_optimizer(of_all, of_group):
    """Without a gradient of its own, a parameter shrinks by rate · weight_decay in a step."""
    own, other = tg.Tensor(np.ones(2)), tg.Tensor(np.ones(2))
    options = {} if of_group is None else {"weight_decay": of_group}
    sgd = optim.SGD([{"params": [own], **options}, {"params": [other]}], 0.5, weight_decay=of_all)
    own.grad, other.grad = np.zeros(2), np.zeros(2)
    sgd.step()
    np.testing.assert_allclose(own.data, 1 - 0.5 * (of_group if of_group is not None else of_all))
    np.testing.assert_allclose(other.data, 1 - 0.5 * (of_all or 0))
