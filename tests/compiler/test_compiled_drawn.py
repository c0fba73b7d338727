"""Pictures, profiles and figures of a compiled function."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.test_compiled import X


def test_what_there_is_to_see(tmp_path):
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x):
        loss = np.mean((x @ w) ** 2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        return loss

    for ask in (step.draw, lambda: step.source, lambda: step.save(tmp_path / "step.js")):
        with pytest.raises(tg.GraphError, match=r"not been called yet.* Run it once"):
            ask()
    step(X)
    with pytest.raises(ValueError, match="rewritten must be False, True or \"diff\", got 'no'"):
        step.draw(rewritten="no")
    with pytest.raises(ValueError, match=r"must end in \.py, or in \.js .*'step\.txt'"):
        step.save("step.txt")
    before = w.data.copy()
    assert "update" in step.source
    assert step.cost.flops > 0
    assert "loss" in step.draw().source
    assert "loss" in step.draw(rewritten=True).source
    assert f"\nupdate {Path(__file__).name}:" in str(step.profile(X))
    np.testing.assert_array_equal(w.data, before)
    step.save(tmp_path / "step.py")
    space = {"__name__": "step", "__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(), space)
    saved = space["step"](X)
    np.testing.assert_allclose(saved, step(X))

    by_argument = tg.compile(lambda w, x: w.assign(w.data + x))
    by_argument(tg.Tensor(np.ones(3)), np.ones(3))
    with pytest.raises(tg.GraphError, match="arguments"):
        by_argument.save(tmp_path / "other.py")


def test_the_picture_of_a_step_has_its_sections_and_says_what_is_updated():
    w = tg.Tensor(np.ones(3), name="w")

    @tg.compile
    def step(x):
        with tg.scope("model"):
            loss = np.sum((w * x) ** 2)
        w.grad = None
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    step(np.arange(3.0))
    for rewritten in (False, True):
        drawn = step.draw(rewritten=rewritten, view="full").source
        assert "w, updated" in drawn
        for section in ("forward/model", "backward/model", "update"):
            assert f'tooltip="{section}"' in drawn or f"tooltip={section}" in drawn
    assert "update" in step.profile(np.arange(3.0)).draw().source
    forward = tg.compile(lambda x: np.exp(x))
    forward(np.arange(3.0))
    assert "tooltip=forward" not in forward.draw().source


def test_the_closed_layers_of_a_profile_have_their_time_in_both_passes():
    model = tg.nn.Sequential([tg.nn.Dense(4, activation="tanh") for _ in range(16)])
    model(np.ones((2, 4)))
    optimizer = tg.optim.Adam(list(model.parameters()))

    @tg.compile
    def step(x):
        loss = np.mean(model(x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.ones((5, 4))
    step(x)
    drawn = step.profile(x).draw()
    assert any(box.kind == "layer" and box.role == "gradient" for box in drawn._scene.boxes)
    pytest.importorskip("pygraphviz")
    groups = {group.get("data-box"): "".join(group.itertext()) for group in ElementTree.fromstring(drawn.svg()).iter()}
    assert all("µs" in groups[box] or "ms" in groups[box] for box in drawn._scene.heated)


def test_the_profile_of_a_large_step_is_drawn_in_columns_whose_boxes_have_all_of_its_time():
    weights = [tg.Tensor(np.full(shape, 0.1)) for shape in ((3, 4), (4,), (4, 1), (1,))]
    optimizer = tg.optim.Adam(weights)

    @tg.compile
    def step(x):
        loss = np.mean((np.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x = np.ones((5, 3))
    step(x)
    profile = step.profile(x)
    assert len(profile.graph) > 60
    for by, whole in (("time", sum(profile.heat().values())), ("bytes", sum(entry.bytes for entry in profile.entries))):
        scene = profile.draw(by)._scene
        assert scene.view == "columns" and {"pulled", "update"} <= {box.kind for box in scene.boxes}
        assert sum(scene.heated.values()) == pytest.approx(whole)
    dot, plan = profile.draw().source, profile.draw(view="full")
    assert dot.count("µs") >= len(profile.draw()._scene.heated)
    assert plan._scene.view == "full" and len(plan._scene.boxes) > len(profile.draw()._scene.boxes)


def test_the_bytes_of_a_profile_are_rounded_and_not_cut_off():
    step = tg.compile(lambda x: np.exp(x))
    step(np.ones(249))
    profile = step.profile(np.ones(249))
    assert [row[2] for row in profile.by_operation()] == [3984]
    assert "3.98 kB" in str(profile) and "3.98 kB" in profile._repr_html_()
