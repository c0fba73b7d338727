"""Learning on: frozen features stay as they are and cost no gradient; a new head learns."""

import numpy as np
import pytest

import tinygraph as tg
from demos import transfer as demo


@pytest.fixture
def high(no_data):
    return demo.task(large=False, first=5)


def test_default_run_learns_both_tasks(default_run):
    figures = default_run("transfer")[0].figures
    assert figures["known"] > 95
    assert figures["right"]["frozen features"] > 85
    assert figures["right"]["fine-tuned"] > 85
    assert figures["right"]["from random weights"] > 90


def test_classes_are_counted_from_nothing(high):
    low = demo.task(large=False, first=0)
    assert len(low.x) + len(high.x) == 1347
    assert np.unique(high.y).tolist() == np.unique(low.y).tolist() == [0, 1, 2, 3, 4]
    assert high.x.shape[1:] == (8, 8, 1)


def test_frozen_features_stay_and_the_head_moves(high):
    rng = np.random.default_rng(0)
    features = demo.new_features(rng)
    features(high.x[:1])
    features.trainable = False
    model = demo.network(features, rng)
    model(high.x[:1])
    before = model.state_dict()
    demo.trained(model, high, 1)
    for path, value in model.state_dict().items():
        assert np.array_equal(value, before[path]) == path.startswith("layers.0.")
    features.trainable = True
    demo.trained(model, high, 1)
    assert not np.array_equal(model.state_dict()["layers.0.layers.0.kernel"], before["layers.0.layers.0.kernel"])


def test_a_frozen_step_has_no_way_back_through_the_convolutions(high):
    operations = []
    for trainable in (False, True):
        rng = np.random.default_rng(0)
        features = demo.new_features(rng)
        features(high.x[:1])
        features.trainable = trainable
        model = demo.network(features, rng)
        model(high.x[:1])

        @tg.compile
        def gradients(x, y, model=model):
            tg.cross_entropy(model(x), y, from_logits=True).backward()
            found = [weight.grad for weight in model.parameters()]
            for weight in model.parameters():
                weight.grad = None
            return found

        assert len(gradients(high.x[:32], high.y[:32])) == (8 if trainable else 4)
        operations.append(len(gradients.graph.nodes))
    assert operations[0] < operations[1] - 10


def test_the_time_of_a_step_leaves_the_weights(high):
    model = demo.network(demo.new_features(np.random.default_rng(0)), np.random.default_rng(1))
    demo.trained(model, high, 1)
    before = model.state_dict()
    assert demo.step_time(model, high, steps=2) > 0
    assert all(np.array_equal(value, before[path]) for path, value in model.state_dict().items())
