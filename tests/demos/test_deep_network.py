"""The deep network against backpropagation written out by hand, and on folders of images of every kind."""

import numpy as np
import pytest
from PIL import Image

from demos import deep_network as demo

# --- backpropagation without an engine: a cache for each layer, and its gradients from the cache ----------------------


def linear_forward(a, w, b):
    return w @ a + b, (a, w)


def layer_forward(a, w, b, last):
    z, linear = linear_forward(a, w, b)
    return (1 / (1 + np.exp(-z)) if last else np.maximum(z, 0)), (linear, z)


def linear_backward(dz, cache):
    a, w = cache
    return w.T @ dz, dz @ a.T, dz.sum(axis=1, keepdims=True)


def layer_backward(da, cache, last):
    linear, z = cache
    s = 1 / (1 + np.exp(-z))
    return linear_backward(da * s * (1 - s) if last else da * (z > 0), linear)


def by_hand(x, y, weights):
    """The cost, and the gradient of each layer's weights and biases."""
    a, caches = x, []
    for number, (w, b) in enumerate(weights, start=1):
        a, cache = layer_forward(a, w, b, last=number == len(weights))
        caches.append(cache)
    count = y.shape[1]
    cost = -(y @ np.log(a).T + (1 - y) @ np.log(1 - a).T).item() / count
    da = ((1 - y) / (1 - a) - y / a) / count
    gradients = []
    for number, cache in reversed(list(enumerate(caches, start=1))):
        da, dw, db = layer_backward(da, cache, last=number == len(weights))
        gradients.insert(0, (dw, db))
    return cost, gradients


def train_by_hand(x, y, weights, rate, iterations):
    costs = []
    for _ in range(iterations):
        cost, gradients = by_hand(x, y, weights)
        weights = [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(weights, gradients, strict=True)]
        costs.append(cost)
    return costs, weights


STARTS = {"small": lambda inputs: 0.01, "scaled": lambda inputs: inputs**-0.5}


@pytest.mark.parametrize("start", STARTS)
def test_costs_and_gradients_agree_with_hand_written_backpropagation(start):
    pictures = demo.two_photographs()
    layers = demo.initial(demo.SIZES, STARTS[start])
    weights = [(w.data.copy(), b.data.copy()) for w, b in layers]

    cost = demo.mean_log_loss(demo.forward(pictures.x_train, layers), pictures.y_train)
    cost.backward()
    expected, gradients = by_hand(pictures.x_train, pictures.y_train, weights)
    assert cost.item() == pytest.approx(expected, abs=1e-10)
    for (w, b), (dw, db) in zip(layers, gradients, strict=True):
        np.testing.assert_allclose(w.grad, dw, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(b.grad, db, rtol=1e-10, atol=1e-12)
        w.grad = b.grad = None

    costs = demo.train(pictures.x_train, pictures.y_train, layers, rate=0.0075, iterations=40)
    costs_by_hand, weights = train_by_hand(pictures.x_train, pictures.y_train, weights, 0.0075, 40)
    np.testing.assert_allclose(costs, costs_by_hand, rtol=0, atol=1e-10)
    for (w, b), (w_by_hand, b_by_hand) in zip(layers, weights, strict=True):
        np.testing.assert_allclose(w.data, w_by_hand, rtol=0, atol=1e-10)
        np.testing.assert_allclose(b.data, b_by_hand, rtol=0, atol=1e-10)


def test_one_start_learns_and_the_other_does_not(default_run):
    figures = default_run("deep_network")[0].figures
    small, scaled = figures["costs"]["× 0.01"], figures["costs"]["÷ √n"]
    assert max(abs(cost - np.log(2)) for cost in small) < 1e-3
    assert scaled[-1] < 0.2
    assert figures["accuracy"]["÷ √n"]["train"] > 95 and figures["accuracy"]["÷ √n"]["test"] > 85
    assert figures["accuracy"]["× 0.01"]["test"] < 70


def test_gradients_vanish_from_the_small_start(default_run):
    norms = default_run("deep_network")[0].figures["norms"]
    assert len(norms["× 0.01"]) == len(norms["÷ √n"]) == 4
    assert all(small < scaled / 100 for small, scaled in zip(norms["× 0.01"], norms["÷ √n"], strict=True))
    assert norms["× 0.01"][0] < norms["÷ √n"][0] / 10_000


def test_no_square_is_both_learnt_and_tested():
    pictures = demo.two_photographs()
    assert pictures.x_train.shape == (12288, 84) and pictures.x_test.shape == (12288, 36)
    learnt = {column.tobytes() for column in np.ascontiguousarray(pictures.x_train.T)}
    assert not learnt & {column.tobytes() for column in np.ascontiguousarray(pictures.x_test.T)}
    assert pictures.y_train.mean() == pictures.y_test.mean() == 0.5


# --- a folder of images -----------------------------------------------------------------------------------------------


def paint(folder, cats=6, others=6):
    """Orange cats and blue others, all of different sizes."""
    folder.mkdir(exist_ok=True)
    for number in range(cats):
        Image.new("RGB", (30 + number, 80), (220, 120, number)).save(folder / f"cat.{number}.png")
    for number in range(others):
        Image.new("RGB", (90, 20 + number), (number, 60, 200)).save(folder / f"dog.{number}.jpg")
    return folder


def test_folder_of_images(tmp_path, capsys):
    results = demo.main(tmp_path, images=paint(tmp_path / "images"), iterations=60)
    assert results.figures["accuracy"]["÷ √n"] == {"train": 100.0, "test": 100.0}
    assert all((tmp_path / file).is_file() for file in results.pictures)
    assert "cat against other" in capsys.readouterr().out


def test_the_smallest_folder_that_can_be_learnt_from(tmp_path):
    pictures = demo.from_folder(paint(tmp_path / "images", cats=2, others=2))
    assert pictures.y_train.tolist() in ([[0, 1]], [[1, 0]])
    assert pictures.y_test.tolist() in ([[0, 1]], [[1, 0]])


@pytest.mark.parametrize(("cats", "others"), [(5, 0), (0, 5), (1, 5), (5, 1)])
def test_folder_with_one_class(tmp_path, cats, others):
    with pytest.raises(ValueError, match=f"{cats} files named cat.* and {others} others"):
        demo.main(tmp_path, images=paint(tmp_path / "images", cats, others))


def test_file_that_is_not_an_image_is_named(tmp_path):
    folder = paint(tmp_path / "images")
    (folder / "cat.notes.jpg").write_text("not an image")
    with pytest.raises(ValueError, match=r"cat\.notes\.jpg"):
        demo.main(tmp_path, images=folder)


def test_empty_folder(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(ValueError, match="no images"):
        demo.main(tmp_path, images=tmp_path / "images")


def test_compiled_steps_are_the_eager_ones():
    pictures = demo.two_photographs()
    runs = []
    for compiled in (False, True):
        layers = demo.initial(demo.SIZES, STARTS["scaled"])
        costs = demo.train(pictures.x_train, pictures.y_train, layers, iterations=10, compiled=compiled)
        runs.append([costs, *[parameter.data for layer in layers for parameter in layer]])
    for eager, compiled in zip(*runs, strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-10, atol=1e-13)
