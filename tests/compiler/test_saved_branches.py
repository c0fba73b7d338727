"""Files with programs that branch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.branching import CASES, PROGRAMS, clipped, same, state_and_step
from tests.loading import loaded


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_a_file_with_all_paths_chooses_among_them(function, tmp_path):
    compiled = tg.compile(function)
    for args in PROGRAMS[function]:
        compiled(*args)
    compiled.save(tmp_path / "saved.py")
    saved = getattr(loaded(tmp_path / "saved.py"), function.__name__)
    assert "import tinygraph" not in (tmp_path / "saved.py").read_text()
    for args in [*PROGRAMS[function], *PROGRAMS[function]]:
        same(saved(*args), function(*args))


def test_a_file_with_one_path_refuses_the_others_by_line(tmp_path):
    tg.compile(clipped).save(tmp_path / "saved.py", np.array([3.0, 4.0]))
    module = loaded(tmp_path / "saved.py")
    same(module.clipped(np.array([3.0, 4.0])), np.array([0.6, 0.8]))
    line = clipped.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"no program for a call that comes to False at branching.py:{line}\."):
        module.clipped(np.array([0.3, 0.4]))
    same(module.clipped(np.array([3.0, 4.0])), np.array([0.6, 0.8]))


def test_save_and_profile_follow_the_path_of_their_arguments_and_update_nothing(tmp_path):
    w, *_, generator, _, step = state_and_step(True)
    before = w.data.copy(), generator.bit_generator.state
    step.profile(np.ones(3), 0.5)
    step.save(tmp_path / "low.py", np.ones(3), 0.5)
    step.save(tmp_path / "high.py", np.ones(3), 1e6)
    same(w.data, before[0])
    assert generator.bit_generator.state == before[1]
    assert "loss > bound" in (tmp_path / "low.py").read_text()


def test_a_saved_step_updates_nothing_on_a_path_that_it_leaves(tmp_path):
    w, moment, count, generator, legacy, step = state_and_step(True)
    bounds = [0.5, 5.0, 50.0, 1e9, 0.5]
    for bound in bounds:
        step(np.ones(3), bound)
    step.save(tmp_path / "saved.py")
    module = loaded(tmp_path / "saved.py")
    for own in ("generator_0", "generator_1"):
        getattr(module, own).bit_generator.state = np.random.default_rng(9).bit_generator.state
    twins = np.random.default_rng(9), np.random.default_rng(9)
    ran = 0
    for bound in [*bounds, *bounds]:
        states = [twin.bit_generator.state for twin in twins]
        drawn = twins[0].standard_normal(3) + twins[1].standard_normal(3) * 0.1
        w, total = module.w.copy(), module.count.copy()
        try:
            loss, noise = module.step(np.ones(3), bound)
        except ValueError:
            same(module.w, w)
            for twin, before in zip(twins, states, strict=True):
                twin.bit_generator.state = before
        else:
            same(loss, np.sum((w + drawn) ** 2))
            if loss > bound:
                drawn = drawn + twins[0].random(3)
            same(noise, drawn)
            assert module.count == total + 1
            ran += 1
        assert module.generator_0.bit_generator.state == twins[0].bit_generator.state
        assert module.generator_1.bit_generator.state == twins[1].bit_generator.state
    assert ran > len(bounds)


def test_paths_with_parameters_as_arguments_return_the_same_kind(tmp_path):
    w = tg.Tensor(np.ones(2), name="w")

    @tg.compile
    def step(x):
        if np.sum(x * w.data) > 1:
            w.assign(w.data + x)
        return x * 2

    step(np.ones(2))
    step(-np.ones(2))
    step.save(tmp_path / "saved.py", parameters="arguments")
    saved = loaded(tmp_path / "saved.py").step
    for sign in (1.0, -1.0, 1.0):
        result, new = saved(sign * np.ones(2), np.full(2, 2.0))
        same(result, np.full(2, 2.0 * sign))
        same(new, {"w": np.full(2, 3.0 if sign > 0 else 2.0)})
