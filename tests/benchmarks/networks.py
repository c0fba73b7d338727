"""Training steps of networks, compiled, against PyTorch: a CNN, an MLP with dropout, an LSTM and a transformer.

Each is one step of Adam on a batch, in float32. Where numbers are drawn at random, no two libraries draw the same: the
losses that are compared are then those of the first weights without dropout.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from peers import numpy_contenders, torch, torch_contenders, torch_losses
from timing import OURS, Contender, Workload

import tinygraph as tg
from tinygraph.training.losses import SparseCategoricalCrossentropy

Array = Any


EAGER = "tinygraph, eager"
ITS_STEPS = "tinygraph, its steps"


def _data(shape: tuple[int, ...], classes: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, shape[0])
    return rng.random(shape).astype(np.float32), labels, np.eye(classes, dtype=np.float32)[labels]


def _training(logits_of: Callable[[Any], Any], optimizer: Any) -> Callable[[Any, Any], Any]:
    """A step of training, as a plain function."""

    def step(x: Any, y: Any) -> Any:
        loss = tg.cross_entropy(logits_of(x), y, from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def _torch_training(model: Callable[[Any], Any], parameters: Any, x: Any, labels: Any) -> Callable[[int], list[float]]:
    """Steps of training in torch, with Keras' epsilon."""
    optimizer = torch.optim.Adam(parameters, lr=0.001, eps=1e-7)
    return lambda steps: torch_losses(optimizer, lambda: torch.nn.functional.cross_entropy(model(x), labels), steps)


def _with_first_loss(step: Callable[[], Any], loss: float, steps: int) -> Callable[[], list[float]]:
    """Some steps, and in place of their losses one that does not depend on what is drawn."""

    def run() -> list[float]:
        for _ in range(steps):
            step()
        return [loss]

    return run


def _model_workload(
    name: str, layers: list[Any], x: Array, labels: Array, y: Array, torch_model: Callable[[list[Array]], Any],
    torch_input: Callable[[Any], Any], bound: float, steps: int,
) -> Workload:  # fmt: skip
    """A workload of a `Sequential` with dropout: ours compiled, ours eager, torch."""
    model = tg.nn.Sequential(layers)
    model(x[:1])
    starts = [np.array(parameter.data) for parameter in model.parameters()]
    model.eval()
    first = float(tg.cross_entropy(model(x), y, from_logits=True))
    model.train()
    step = _training(model, tg.optim.Adam(model.parameters()))
    compiled = tg.compile(step)
    contenders = [
        *numpy_contenders(OURS, _with_first_loss(lambda: compiled(x, y), first, steps)),
        *numpy_contenders(EAGER, _with_first_loss(lambda: step(x, y), first, steps)),
    ]
    if torch is not None:
        net = torch_model(starts)
        given, targets = torch_input(torch.tensor(x)), torch.tensor(labels)
        net.eval()
        theirs = float(torch.nn.functional.cross_entropy(net(given), targets).item())
        net.train()
        train = _torch_training(net, net.parameters(), given, targets)
        contenders += torch_contenders(_with_first_loss(lambda: train(1), theirs, steps))
    return Workload(name, "step", steps, contenders, {"torch": bound})


def mlp(sizes: tuple[int, int, int] = (784, 128, 10), batch: int = 32, steps: int = 20) -> Workload:
    """Two layers with dropout between them."""
    inputs, hidden, classes = sizes
    x, labels, y = _data((batch, inputs), classes)
    layers = [tg.nn.Dense(hidden, activation="relu", seed=0), tg.nn.Dropout(0.2), tg.nn.Dense(classes, seed=1)]

    def torch_model(starts: list[Array]) -> Any:
        nn = torch.nn
        net = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, classes))
        _copy(net.parameters(), [np.swapaxes(start, 0, -1) for start in starts])
        return net

    name = f"MLP {'-'.join(map(str, sizes))}, dropout 0.2, Adam, batch {batch}, float32"
    return _model_workload(name, layers, x, labels, y, torch_model, lambda x: x, 0.7, steps)


def fitted(sizes: tuple[int, int, int] = (784, 128, 10), batch: int = 32, batches: int = 100) -> Workload:
    """An epoch of `fit` with accuracy, beside its compiled steps called on batches that were made before."""
    inputs, hidden, classes = sizes
    x, labels, y = _data((batch * batches, inputs), classes)
    layers = [tg.nn.Dense(hidden, activation="relu", seed=0), tg.nn.Dropout(0.2), tg.nn.Dense(classes, seed=1)]
    model = tg.nn.Sequential(layers)
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    first = float(tg.cross_entropy(model(x, training=False), y, from_logits=True))
    model.fit(x, labels, batch_size=batch, verbose=0)
    step = model._state.steps.train
    ready = [(x[i : i + batch], labels[i : i + batch]) for i in range(0, len(x), batch)]

    def fit() -> list[float]:
        model.fit(x, labels, batch_size=batch, verbose=0)
        return [first]

    def steps() -> list[float]:
        for images, classes_of in ready:
            step(images, classes_of, None)
        return [first]

    name = f"fit of the MLP {'-'.join(map(str, sizes))}, accuracy, batch {batch}, float32"
    contenders = [*numpy_contenders(OURS, fit), *numpy_contenders(ITS_STEPS, steps)]
    return Workload(name, "step", batches, contenders, {ITS_STEPS: 1.05})


def cnn(size: int = 28, filters: tuple[int, int] = (32, 64), batch: int = 128, steps: int = 3) -> Workload:
    """Two convolutions with pooling, and dropout: the network of the Keras tutorial. In torch with channels last."""
    x, labels, y = _data((batch, size, size, 1), 10)
    layers = [
        tg.nn.Conv2D(filters[0], 3, activation="relu", seed=0), tg.nn.MaxPooling2D(2),
        tg.nn.Conv2D(filters[1], 3, activation="relu", seed=1), tg.nn.MaxPooling2D(2),
        tg.nn.Flatten(), tg.nn.Dropout(0.5), tg.nn.Dense(10, seed=2),
    ]  # fmt: skip
    left = ((size - 2) // 2 - 2) // 2

    def torch_model(starts: list[Array]) -> Any:
        nn = torch.nn
        net = nn.Sequential(
            nn.Conv2d(1, filters[0], 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(filters[0], filters[1], 3), nn.ReLU(),
            nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(left * left * filters[1], 10),
        )  # fmt: skip
        kernel_1, bias_1, kernel_2, bias_2, dense, bias = starts
        by_channel = dense.reshape(left, left, filters[1], 10).transpose(3, 2, 0, 1).reshape(10, -1)
        images = [kernel.transpose(3, 2, 0, 1) for kernel in (kernel_1, kernel_2)]
        _copy(net.parameters(), [images[0], bias_1, images[1], bias_2, by_channel, bias])
        return net.to(memory_format=torch.channels_last)

    def torch_input(x: Any) -> Any:
        return x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)

    name = f"CNN {filters[0]}-{filters[1]}, {size}x{size}, dropout 0.5, Adam, batch {batch}, float32"
    return _model_workload(name, layers, x, labels, y, torch_model, torch_input, 0.5, steps)


def deep(sizes: tuple[int, ...] = (12288, 20, 7, 5, 1), images: int = 13, steps: int = 10) -> Workload:
    """The network of the demo on pictures, which are columns: relu, a sigmoid at the end, gradient descent."""
    rng = np.random.default_rng(0)
    x = rng.random((sizes[0], images)).astype(np.float32)
    y = (rng.random((1, images)) > 0.5).astype(np.float32)
    starts = [
        start.astype(np.float32)
        for inputs, outputs in pairwise(sizes)
        for start in (rng.standard_normal((outputs, inputs)) / np.sqrt(inputs), np.zeros((outputs, 1)))
    ]
    rate = np.float32(0.0075)
    names = [f"{letter}{layer}" for layer in range(1, len(sizes)) for letter in "wb"]
    parameters = [tg.Tensor(start, name=name) for start, name in zip(starts, names, strict=True)]

    def forward(parameters: list[Any], x: Any, relu: Callable[[Any], Any], sigmoid: Callable[[Any], Any]) -> Any:
        a = x
        for layer in range(0, len(parameters), 2):
            w, b = parameters[layer : layer + 2]
            a = (relu if layer + 2 < len(parameters) else sigmoid)(w @ a + b)
        return a

    def step(x: Any, y: Any) -> Any:
        a = forward(parameters, x, tg.relu, tg.sigmoid)
        cost = -np.mean(y * np.log(a) + (1 - y) * np.log(1 - a))
        for parameter in parameters:
            parameter.grad = None
        cost.backward()
        for parameter in parameters:
            parameter.assign(parameter.data - rate * parameter.grad)
        return cost

    compiled = tg.compile(step)

    def ours(step: Callable[[Any, Any], Any]) -> list[float]:
        for parameter, start in zip(parameters, starts, strict=True):
            parameter.assign(start.copy())
        return [float(step(x, y)) for _ in range(steps)]

    def with_torch() -> list[float]:
        leaves = [torch.tensor(start, requires_grad=True) for start in starts]

        def cost() -> Any:
            a = forward(leaves, given, torch.relu, torch.sigmoid)
            return -torch.mean(targets * torch.log(a) + (1 - targets) * torch.log(1 - a))

        return torch_losses(torch.optim.SGD(leaves, lr=float(rate)), cost, steps)

    if torch is not None:
        given, targets = torch.tensor(x), torch.tensor(y)
    name = f"network {'-'.join(map(str, sizes))}, {images} images, gradient descent, float32"
    contenders = [
        *numpy_contenders(OURS, lambda: ours(compiled)), *numpy_contenders(EAGER, lambda: ours(step)),
        *torch_contenders(with_torch),
    ]  # fmt: skip
    return Workload(name, "step", steps, contenders, {"torch": 0.7})


def _copy(parameters: Any, values: list[Array]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(torch.tensor(np.ascontiguousarray(value)))


def _written_workload(
    name: str, starts: dict[str, Array], logits_of: Callable[..., Any], x: Array, labels: Array, y: Array,
    others: dict[str, Callable[[list[Any], Any], Any]], bounds: dict[str, float], steps: int,
) -> Workload:  # fmt: skip
    """A workload whose model is written out, the same way for tinygraph and torch.

    Args:
        logits_of: called with a library, the parameters and x.
        others: by name the models of torch, called with the parameters and x.
        steps: training steps of a run, whose losses must agree.
    """
    weights = {key: tg.Tensor(start, name=key) for key, start in starts.items()}
    optimizer = tg.optim.Adam(weights)
    fresh = optimizer.state_dict()
    step = _training(lambda x: logits_of(weights, x), optimizer)
    compiled = tg.compile(step)

    def ours(step: Callable[[Any, Any], Any]) -> list[float]:
        for key, weight in weights.items():
            weight.assign(starts[key].copy())
        optimizer.load_state_dict(fresh)
        return [float(step(x, y)) for _ in range(steps)]

    contenders = [
        *numpy_contenders(OURS, lambda: ours(compiled)),
        *numpy_contenders(EAGER, lambda: ours(step)),
    ]
    if torch is not None:
        given, targets = torch.tensor(x), torch.tensor(labels)
        for key, model in others.items():

            def run(model: Any = model) -> list[float]:
                leaves = [torch.tensor(start, requires_grad=True) for start in starts.values()]
                return _torch_training(lambda x: model(leaves, x), leaves, given, targets)(steps)

            contenders += [
                Contender(key, contender.run, contender.prepare, contender.threads)
                for contender in torch_contenders(run)
            ]
    return Workload(name, "step", steps, contenders, bounds)


def lstm(inputs: int = 32, hidden: int = 128, length: int = 50, batch: int = 32, steps: int = 3) -> Workload:
    """An LSTM over sequences, whose last state is classified: written out, and torch's own."""
    rng = np.random.default_rng(1)
    classes = 10
    _, labels, y = _data((batch, 1), classes)
    x = rng.normal(size=(length, batch, inputs)).astype(np.float32)
    wide = 1 / np.sqrt(hidden)

    def start(*shape: int) -> Array:
        return rng.uniform(-wide, wide, shape).astype(np.float32)

    starts = {
        "w": start(inputs, 4 * hidden), "u": start(hidden, 4 * hidden), "b": start(4 * hidden),
        "v": start(hidden, classes), "c": start(classes),
    }  # fmt: skip
    zeros = np.zeros((batch, hidden), np.float32)

    def logits_of(weights: dict[str, Any], x: Any) -> Any:
        w, u, b, v, c = weights.values()
        h, cell = zeros, zeros
        for t in range(length):
            gates = x[t] @ w + h @ u + b
            i, f = tg.sigmoid(gates[:, :hidden]), tg.sigmoid(gates[:, hidden : 2 * hidden])
            g, o = np.tanh(gates[:, 2 * hidden : 3 * hidden]), tg.sigmoid(gates[:, 3 * hidden :])
            cell = f * cell + i * g
            h = o * np.tanh(cell)
        return h @ v + c

    def by_hand(leaves: list[Any], x: Any) -> Any:
        w, u, b, v, c = leaves
        h = cell = torch.zeros(batch, hidden)
        for t in range(length):
            i, f, g, o = (x[t] @ w + h @ u + b).chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(cell)
        return h @ v + c

    def by_gate(leaves: list[Any], x: Any) -> Any:
        w, u, b, v, c = leaves
        gates = list(zip(w.chunk(4, 1), u.chunk(4, 1), b.chunk(4), strict=True))
        h = cell = torch.zeros(batch, hidden)
        for t in range(length):
            i, f, g, o = (x[t] @ w + h @ u + b for w, u, b in gates)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(cell)
        return h @ v + c

    def fused(leaves: list[Any], x: Any) -> Any:
        w, u, b, v, c = leaves
        zero = torch.zeros(1, batch, hidden)
        flat = [w.T, u.T, b, torch.zeros_like(b)]
        out, _, _ = torch._VF.lstm(x, (zero, zero), flat, True, 1, 0.0, True, False, False)
        return out[-1] @ v + c

    name = f"LSTM {inputs}->{hidden}, {length} steps, Adam, batch {batch}, float32"
    others = {"torch, gate by gate": by_gate, "torch, gates at once": by_hand, "torch, its LSTM": fused}
    bounds = {"torch, gate by gate": 0.25, "torch, gates at once": 0.25, "torch, its LSTM": 1.9}
    return _written_workload(name, starts, logits_of, x, labels, y, others, bounds, steps)


def transformer(
    layers: int = 2, width: int = 64, heads: int = 4, length: int = 64, batch: int = 16, steps: int = 3
) -> Workload:
    """Layers of attention and of a network of two layers, each behind a normalization; the mean is classified."""
    rng = np.random.default_rng(1)
    classes, head = 10, width // heads
    _, labels, y = _data((batch, 1), classes)
    x = rng.normal(size=(batch, length, width)).astype(np.float32)

    def start(*shape: int) -> Array:
        return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)

    starts: dict[str, Array] = {}
    for n in range(layers):
        starts |= {
            f"qkv_{n}": start(width, 3 * width), f"out_{n}": start(width, width),
            f"up_{n}": start(width, 4 * width), f"down_{n}": start(4 * width, width),
            f"scale_1_{n}": np.ones(width, np.float32), f"shift_1_{n}": np.zeros(width, np.float32),
            f"scale_2_{n}": np.ones(width, np.float32), f"shift_2_{n}": np.zeros(width, np.float32),
        }  # fmt: skip
    starts["v"] = start(width, classes)

    def normal(x: Any, scale: Any, shift: Any) -> Any:
        centered = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centered * centered, axis=-1, keepdims=True)
        return centered / np.sqrt(variance + np.float32(1e-5)) * scale + shift

    def logits_of(weights: dict[str, Any], x: Any) -> Any:
        *parts, v = weights.values()
        for n in range(layers):
            qkv, out, up, down, scale_1, shift_1, scale_2, shift_2 = parts[8 * n : 8 * n + 8]
            z = (normal(x, scale_1, shift_1) @ qkv).reshape(batch, length, 3, heads, head)
            q, k, values = (z[:, :, place].transpose(0, 2, 1, 3) for place in range(3))
            shares = tg.softmax(q @ k.transpose(0, 1, 3, 2) * np.float32(head**-0.5))
            x = x + (shares @ values).transpose(0, 2, 1, 3).reshape(batch, length, width) @ out
            x = x + tg.relu(normal(x, scale_2, shift_2) @ up) @ down
        return np.mean(x, axis=1) @ v

    def with_torch(leaves: list[Any], x: Any) -> Any:
        *parts, v = leaves
        functional = torch.nn.functional
        for n in range(layers):
            qkv, out, up, down, scale_1, shift_1, scale_2, shift_2 = parts[8 * n : 8 * n + 8]
            z = (functional.layer_norm(x, (width,), scale_1, shift_1) @ qkv).reshape(batch, length, 3, heads, head)
            q, k, values = z.permute(2, 0, 3, 1, 4)
            seen = functional.scaled_dot_product_attention(q, k, values)
            x = x + seen.transpose(1, 2).reshape(batch, length, width) @ out
            x = x + torch.relu(functional.layer_norm(x, (width,), scale_2, shift_2) @ up) @ down
        return x.mean(1) @ v

    name = f"transformer, {layers} layers of {width}, {heads} heads, {length} tokens, Adam, batch {batch}, float32"
    return _written_workload(name, starts, logits_of, x, labels, y, {"torch": with_torch}, {"torch": 1.0}, steps)
