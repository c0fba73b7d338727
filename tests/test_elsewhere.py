"""A name that other libraries have is answered with code that works here as it stands."""

from __future__ import annotations

import copy
import pickle
import re
import sys

import numpy as np
import pytest
from PIL import Image

import tinygraph as tg
from tinygraph import elsewhere

TABLES = {
    "tinygraph": (elsewhere.OF_TINYGRAPH, lambda: tg),
    "nn": (elsewhere.OF_NN, lambda: tg.nn),
    "optim": (elsewhere.OF_OPTIM, lambda: tg.optim),
    "keras": (elsewhere.OF_KERAS, lambda: tg.keras),
    "keras.losses": (elsewhere.OF_KERAS_LOSSES, lambda: tg.keras.losses),
    "keras.callbacks": (elsewhere.OF_KERAS_CALLBACKS, lambda: tg.keras.callbacks),
    "keras.utils": (elsewhere.OF_KERAS_UTILS, lambda: tg.keras.utils),
    "drawing": (elsewhere.OF_DRAWING, lambda: tg.draw(tg.Tensor(1.0) * 2)),
    "data": (elsewhere.OF_DATA, lambda: tg.data),
    "optimizer": (elsewhere.OF_OPTIMIZER, lambda: tg.optim.Adam(tg.Tensor([1.0]))),
    "model": (elsewhere.OF_MODULE, tg.nn.Module),
    "tensor": (elsewhere.OF_TENSOR, lambda: tg.Tensor([1.0])),
}
ENTRIES = [(table, name) for table, (entries, _) in TABLES.items() for name in entries]


def space(folder):
    """Return the variables that the code of the tables uses."""
    rng = np.random.default_rng(0)
    t = tg.Tensor([0.5, 1.5, 2.5])
    model = tg.nn.Sequential([tg.nn.Dense(3)])
    x = tg.Tensor(rng.normal(size=(4, 3)))
    loss = np.sum(model(x) ** 2) + np.sum(t**2)
    tg.nn.save_weights(model, folder / "model.safetensors")
    (folder / "photos" / "cats").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "photos" / "cats" / "1.png")
    return {
        "np": np, "tg": tg, "t": t, "u": tg.Tensor([2.0, 1.0, 0.5]), "x": x, "model": model, "loss": loss,
        "parameters": model.parameters(), "optimizer": tg.optim.Adam(model.parameters()), "seed": 3, "shape": (3, 1),
        "values": np.array([1.0, 2.0]), "f": lambda v: np.sum(v**2), "kernel": np.ones((3, 3, 2)), "bias": 1.0,
        "p": tg.Tensor(np.full((4, 3), 1 / 3)), "y": np.ones((4, 3)), "labels": np.array([0, 2, 1, 0]),
        "places": np.array([0, 2, 0]), "a": x.T @ x, "n": 2, "axis": 0, "axes": (0,), "value": 3.0, "low": 1, "high": 2,
        "rows": [[1], [2, 3]],
        "condition": np.array([True, False, True]),
    }  # fmt: skip


@pytest.mark.parametrize(("table", "name"), ENTRIES)
def test_what_is_written_in_place_of_a_name_works(table, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entries, owner = TABLES[table]
    with pytest.raises(AttributeError) as caught:
        getattr(owner(), name)
    assert str(caught.value).endswith(f"has no attribute {name!r}. Write {entries[name]}")
    assert caught.value.name == name
    code = re.split(r", (?:as|with|of) ", entries[name])[0]
    if code.startswith("a class of your own"):
        return  # tests/nn has modules of one's own
    names = space(tmp_path)
    if table == "drawing":
        pytest.importorskip("pygraphviz")
        names["drawing"] = owner()
    if "sklearn" in code:
        names["sklearn"] = pytest.importorskip("sklearn")
        pytest.importorskip("sklearn.datasets")
    if "scipy" in code:
        names["scipy"] = pytest.importorskip("scipy")
        pytest.importorskip("scipy.special")
        pytest.importorskip("scipy.optimize")
    if "conv2d" in code:
        names["x"] = tg.Tensor(np.ones((2, 6, 3)))
    elif "kernel" in code:
        names["kernel"] = np.ones((3, 2))
    if "broadcast_to" in code:
        names["shape"] = (2, 3)
    if "(t, y, from_logits" in code:
        names["y"] = np.array([1.0, 0.0, 1.0])
    try:
        result = eval(compile(code, "<typed>", "eval"), names)
    except SyntaxError:
        exec(compile(code, "<typed>", "exec"), names)
        return
    if code.startswith("lambda x"):
        assert isinstance(result(tg.Tensor(np.ones((2, 3, 3, 1)))), tg.Tensor)


def test_what_is_written_in_place_of_a_method_computes_what_the_method_does():
    """The numbers are PyTorch's, for a matrix and the arguments of the call."""
    m = np.array([[1.0, -2.0, 0.5], [4.0, 3.0, -1.0]])
    other = np.array([[2.0, 1.0, 1.0], [0.0, -1.0, 3.0]])
    softmax = np.exp(m) / np.exp(m).sum(axis=0)
    for name, arguments, expected in [
        ("flip", {"axis": 0}, m[::-1]),
        ("softmax", {"axis": 0}, softmax),
        ("log_softmax", {"axis": 0}, np.log(softmax)),
        ("roll", {"shift": 1, "axis": 1}, m[:, [2, 0, 1]]),
        ("median", {"axis": 1}, [0.5, 3.0]),
        ("quantile", {"q": 0.5, "axis": 1}, [0.5, 3.0]),
        ("maximum", {"u": other}, np.maximum(m, other)),
        ("outer", {"u": other}, np.outer(m, other)),
        ("kron", {"u": other}, np.kron(m, other)),
        ("tile", {"reps": 2}, [[*row, *row] for row in m]),
        ("matmul", {"u": other.T}, m @ other.T),
        ("unsqueeze", {"axis": 1}, m[:, None]),
        ("permute", {"axes": (1, 0)}, m.T),
        ("pow", {"n": 3}, m * m * m),
        ("gather", {"axis": 1, "places": np.array([[0, 0], [2, 1]])}, [[1.0, 1.0], [-1.0, 3.0]]),
        ("index_select", {"axis": 1, "places": [2, 0]}, m[:, [2, 0]]),
        ("clamp", {"low": 0, "high": 3}, np.minimum(np.maximum(m, 0), 3)),
        ("where", {"condition": m > 0, "u": other}, np.where(m > 0, m, other)),
        ("masked_fill", {"condition": m > 0, "value": 9.0}, np.where(m > 0, 9.0, m)),
        ("masked_select", {"condition": m > 0}, m[m > 0]),
        ("expand", {"shape": (2, 2, 3)}, np.stack([m, m])),
        ("add_", {"value": 2.0}, m + 2),
        ("sub_", {"value": 2.0}, m - 2),
        ("mul_", {"value": 2.0}, m * 2),
        ("div_", {"value": 2.0}, m / 2),
        ("copy_", {"u": tg.Tensor(other)}, other),
        ("fill_", {"value": 2.0}, np.full((2, 3), 2.0)),
        ("tanh_", {}, np.tanh(m)),
        ("lerp", {"u": tg.Tensor(other), "value": 0.25}, m + (other - m) / 4),
        ("clamp_", {"low": 0, "high": 3}, np.minimum(np.maximum(m, 0), 3)),
    ]:
        t = tg.Tensor(m)
        with pytest.raises(AttributeError) as caught:
            getattr(t, name)
        code = str(caught.value).partition(". Write ")[2]
        result = eval(code, {"np": np, "tg": tg, "t": t, **arguments})
        np.testing.assert_allclose((t if name.endswith("_") else result).data, expected, err_msg=code)
    rows = tg.Tensor(np.arange(5.0))
    for name, expected in [("split", [[0, 1], [2, 3], [4]]), ("chunk", [[0, 1, 2], [3, 4]])]:
        with pytest.raises(AttributeError) as caught:
            getattr(rows, name)
        parts = eval(str(caught.value).partition(". Write ")[2], {"np": np, "t": rows, "n": 2})
        assert [part.tolist() for part in parts] == expected


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from tinygraph import tensor", r"cannot import name 'tensor' from 'tinygraph'\. Write tg\.Tensor\(values\)$"),
        ("from tinygraph.nn import Linear", r"from 'tinygraph\.nn'\. Write tg\.nn\.Dense\(3\)$"),
        ("from tinygraph.nn import Dense, relu", r"from 'tinygraph\.nn'\. Write tg\.relu$"),
        ("from tinygraph.nn import functional as F", r"import tinygraph as F$"),
        ("from tinygraph.optim import lr_scheduler", r"Write tg\.optim\.ExponentialDecay"),
        ("from tinygraph.keras.utils import np_utils", r"Write tg\.keras\.utils\.to_categorical\(labels\)$"),
        ("from tinygraph.numpy import sofmax", r"from 'tinygraph\.numpy'\. Did you mean 'fmax'\?$"),
    ],
)
def test_a_name_that_is_imported_is_answered_too(line, told):
    with pytest.raises(ImportError, match=told):
        exec(line, {})


def test_a_module_that_is_being_loaded_is_imported_as_before():
    """Python looks for it among the loaded modules, if the module around it raises an AttributeError."""
    for module in ("nn", "optim", "keras"):
        assert not hasattr(sys.modules.get(f"tinygraph.{module}", tg), "does_not_exist")
    code = "import sys, types; sys.modules['tinygraph.nn.made'] = made = types.ModuleType('made')\n"
    code += "from tinygraph.nn import made as found; assert found is made; del sys.modules['tinygraph.nn.made']"
    exec(code, {})


def test_a_function_of_pytorch_is_answered_as_the_method_of_its_name():
    with pytest.raises(AttributeError, match=r"'masked_fill'\. Write np\.where\(condition, value, t\)$"):
        tg.masked_fill  # noqa: B018


@pytest.mark.parametrize("name", ["nn", "optim", "keras", "testing", "Tensor", "Graph"])
def test_a_tensor_has_no_attribute_for_what_is_no_function(name):
    getattr(tg, name)
    assert not hasattr(tg.Tensor(1.0), name)


def test_names_that_numpy_or_a_room_has_are_found_there():
    for name, instead in {
        "exp": "np.exp",
        "stack": "np.stack",
        "Dense": "tg.nn.Dense",
        "Adam": "tg.optim.Adam",
    }.items():
        tg.nn, tg.optim  # noqa: B018 - they are read
        with pytest.raises(
            AttributeError, match=rf"'tinygraph' has no attribute '{name}'\. Write {re.escape(instead)}$"
        ):
            getattr(tg, name)
        assert callable(eval(instead))
    with pytest.raises(AttributeError, match=r"'tinygraph\.nn' has no attribute 'relu'\. Write tg\.relu$"):
        tg.nn.relu  # noqa: B018
    with pytest.raises(AttributeError, match=r"'tinygraph' has no attribute 'sofmax'\. Did you mean 'softmax'\?"):
        tg.sofmax  # noqa: B018
    with pytest.raises(AttributeError, match=r"'Sequential' object has no attribute 'layer'\. Did you mean 'layers'\?"):
        tg.nn.Sequential().layer  # noqa: B018
    with pytest.raises(AttributeError, match=r"'Tensor' object has no attribute 'relu'\. Write tg\.relu\(t\)$"):
        tg.Tensor(1.0).relu  # noqa: B018
    assert not hasattr(tg, "tensor") and not hasattr(tg.nn.Dense(3), "forward")


def test_models_and_optimisers_are_copied_and_pickled_as_before():
    model = tg.nn.Sequential([tg.nn.Dense(3, seed=0), np.tanh])
    model(np.ones((2, 3)))
    adam = tg.optim.Adam(model.parameters())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin(np.ones((2, 3))).data, model(np.ones((2, 3))).data)
    for twin in (copy.deepcopy(adam), pickle.loads(pickle.dumps(adam))):
        assert twin.learning_rate == adam.learning_rate


PARAMETERS = [tg.Tensor([1.0, 2.0])]
WRONG = {
    "Adam(lr=)": (lambda: tg.optim.Adam(PARAMETERS, lr=0.1), r"no argument lr=\. Write learning_rate="),
    "Adam(betas=)": (lambda: tg.optim.Adam(PARAMETERS, betas=(0.9, 0.99)), r"Write beta_1= and beta_2="),
    "Adam(eps=)": (lambda: tg.optim.Adam(PARAMETERS, eps=1e-8), r"Write epsilon="),
    "Adam(params=)": (lambda: tg.optim.Adam(params=PARAMETERS), r"Write parameters="),
    "Adam(learing_rate=)": (lambda: tg.optim.Adam(PARAMETERS, learing_rate=0.1), r"Write learning_rate="),
    "Adam(rho=)": (lambda: tg.optim.Adam(PARAMETERS, rho=0.9), r"It takes parameters, learning_rate, beta_1"),
    "SGD(decay=)": (lambda: tg.optim.SGD(0.1, decay=1e-6), r"Write learning_rate=tg\.optim\.InverseTimeDecay\("),
    "SGD(lr=)": (lambda: tg.optim.SGD(lr=0.1), r"no argument lr=\. Write learning_rate="),
    "Adam([{lr}])": (lambda: tg.optim.Adam([{"params": PARAMETERS, "lr": 0.1}]), r"no option 'lr'\. Write learning_ra"),
    "Adam(model)": (lambda: tg.optim.Adam(tg.nn.Dense(2)), r"got Dense\. Write Adam\(model\.parameters\(\)\)$"),
    "Adam(model.parameters)": (
        lambda: tg.optim.Adam(tg.nn.Dense(2).parameters), r"Call it: Adam\(model\.parameters\(\)\)$",
    ),
    "Adam([array])": (lambda: tg.optim.Adam([np.ones(2)]), r"Make it one, tg\.Tensor\(values\), and compute with that"),
    "Adam([t * 2])": (lambda: tg.optim.Adam([PARAMETERS[0] * 2]), r"make a leaf of its values, tg\.Tensor\(t\.data\)"),
    "Adam([integers])": (
        lambda: tg.optim.Adam([tg.Tensor(np.arange(2))]), r"or give tg\.Tensor\(t\.data, dtype=float\)",
    ),
    "Dense(in_features=)": (lambda: tg.nn.Dense(2, in_features=3), r"Write model\(x\): .* from its first batch"),
    "GRUCell(10, 16)": (lambda: tg.nn.GRUCell(10, 16), r"got 16\. .* write Dense\(16\) for PyTorch's Linear\(10, 16\)"),
    "optimiser adamm": (lambda: tg.optim.get("adamm"), r"no optimiser 'adamm'.*Did you mean 'adam"),
    "Dense(bias=)": (lambda: tg.nn.Dense(2, bias=False), r"Write use_bias="),
    "Conv2D(stride=)": (lambda: tg.nn.Conv2D(2, 3, stride=2), r"Write strides="),
    "Sequential(a, b)": (
        lambda: tg.nn.Sequential(tg.nn.Dense(2), tg.nn.Dense(3)), r"one list, not .* Write Sequential\(\[a, b\]\)$",
    ),
    "Sequential(a, b, c)": (lambda: tg.nn.Sequential(tg.nn.Dense(2), np.tanh, np.tanh), r"Sequential\(\[a, b\]\)"),
    "Sequential([Dense])": (lambda: tg.nn.Sequential([tg.nn.Dense]), r"a class and no layer\. Write Dense\(\.\.\.\)"),
    "Sequential(['relu'])": (lambda: tg.nn.Sequential(["relu"]), r"'relu' is no layer\. Write the function, tg\.relu"),
}  # fmt: skip
RIGHT = [
    lambda: tg.optim.Adam(0.1),
    lambda: tg.optim.SGD(learning_rate=tg.optim.InverseTimeDecay(0.01, 1, 1e-6)),
    lambda: tg.optim.SGD(PARAMETERS, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda: tg.optim.Adam(PARAMETERS, weight_decay=0.004, clipnorm=1.0),
    lambda: tg.optim.Adam([{"params": PARAMETERS, "learning_rate": 0.1}]),
    lambda: tg.optim.Adam(PARAMETERS, learning_rate=0.1),
    lambda: tg.optim.Adam(PARAMETERS, beta_1=0.9, beta_2=0.99, epsilon=1e-8),
    lambda: tg.optim.Momentum(PARAMETERS, momentum=0.9),
    lambda: tg.optim.AdamW(PARAMETERS, weight_decay=0.004),
    lambda: tg.optim.Adam([tg.Tensor((PARAMETERS[0] * 2).data)]),
    lambda: tg.optim.Adam([tg.Tensor(tg.Tensor(np.arange(2)).data, dtype=float)]),
    lambda: tg.nn.Dense(2, use_bias=False),
    lambda: tg.nn.Conv2D(2, 3, strides=2),
    lambda: tg.nn.Sequential([tg.nn.Dense(2), tg.relu, tg.nn.Dense(3)]),
]


@pytest.mark.parametrize("name", WRONG)
def test_an_argument_that_others_take_is_answered_with_ours(name):
    call, said = WRONG[name]
    with pytest.raises((TypeError, ValueError), match=said):
        call()


def test_the_answers_work():
    for call in RIGHT:
        call()


def test_a_class_of_the_users_may_take_what_it_likes():
    class Scaled(tg.nn.Dense):
        def __init__(self, units, **more):
            self.factor = more.pop("factor", 1.0)
            super().__init__(units, **more)

    class Slow(tg.optim.SGD):
        def __init__(self, parameters, patience):
            super().__init__(parameters)
            self.patience = patience

    assert Scaled(2, factor=3.0, name="s").factor == 3.0
    assert Slow(PARAMETERS, patience=3).patience == 3


def test_a_module_that_says_forward_is_told_to_say_call():
    class Net(tg.nn.Module):
        def forward(self, x):
            return x * 2

    with pytest.raises(NotImplementedError, match=r"Net: .* Rename its `forward` to `call`"):
        Net()(tg.Tensor(1.0))

    class Own(tg.nn.Layer):
        def __init__(self):
            self.units = 3

        def build(self, shape):
            self.kernel = self.weight("kernel", (shape[-1], 3), "zeros")

    with pytest.raises(AttributeError, match=r"Call super\(\)\.__init__\(\*\*options\)"):
        Own().generator  # noqa: B018


@pytest.mark.parametrize("key", elsewhere.OF_TRANSFORMS)
@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian])
def test_a_transform_says_what_replaces_a_keyword(transform, key):
    message = f"{transform.__name__}: there is no argument {key}=. Write {elsewhere.OF_TRANSFORMS[key]}"
    with pytest.raises(TypeError, match=re.escape(message)):
        transform(np.sum, **{key: 0})
    with pytest.raises(TypeError, match=r"no argument argnumms=\. Write argnums="):
        transform(np.sum, argnumms=0)


def test_names_of_jax_numpy_are_answered_by_ours():
    import tinygraph.numpy as tnp

    for name, way in (("vmap", "np.stack"), ("lax", "tg.compile(f)"), ("relu", "tg.relu"), ("zeross", "mean 'zeros'")):
        with pytest.raises(AttributeError, match=re.escape(f"has no attribute {name!r}")) as caught:
            getattr(tnp, name)
        assert way in str(caught.value)


def test_elementwise_grad_is_the_gradient_of_the_sum():
    values = np.array([1.0, 2.0])
    found = eval(elsewhere.OF_TINYGRAPH["elementwise_grad"], {"tg": tg, "np": np, "f": np.square, "values": values})
    np.testing.assert_allclose(found, 2 * values)
