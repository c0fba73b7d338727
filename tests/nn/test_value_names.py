"""Names of values: layers name what they compute as their formulas do, in programs and in pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.graph import Graph

SEQUENCES = np.random.default_rng(0).normal(size=(2, 12, 3)).astype(np.float32)


def named_in(output: Any) -> set[str | None]:
    return {node.name for node in Graph.of(output).nodes if not node.is_input}


def program_of(layer: Any) -> str:
    """The program of a training step of a layer."""
    layer(SEQUENCES)
    optimizer = tg.optim.SGD(layer.parameters(), 0.1)

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.mean(layer(x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step(SEQUENCES)
    return step.source


def test_the_program_of_an_lstm_reads_as_its_formulas() -> None:
    program = program_of(tg.nn.LSTM(4, seed=0))
    assert "h_before, c_before = h, c\n" in program
    assert "np.multiply(outlet, tanh_c, out=h)" in program
    assert "d_inlet" in program


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (tg.nn.LSTM(4, return_sequences=True), {"gates", "inlet", "forget", "new", "outlet", "c", "h"}),
        (tg.nn.GRU(4, return_sequences=True), {"update", "reset", "new", "h"}),
        (tg.nn.SimpleRNN(4, return_sequences=True), {"h"}),
    ],
    ids=["LSTM", "GRU", "SimpleRNN"],
)
def test_the_values_of_a_time_step_have_names(layer: Any, names: set[str]) -> None:
    assert names <= named_in(layer(SEQUENCES))


def test_the_result_is_named_by_the_variable_that_it_is_assigned_to() -> None:
    encoded = tg.nn.LSTM(4)(SEQUENCES)
    assert str(Graph.of(encoded)).endswith(" encoded")


def test_a_picture_says_what_a_recurrent_layer_carries() -> None:
    assert "carries h and c" in tg.draw(tg.nn.LSTM(4)(SEQUENCES)).source


def test_attention_names_its_scores() -> None:
    attended = tg.nn.MultiHeadAttention(2, 4)(SEQUENCES, SEQUENCES)
    assert {"q", "k", "v", "logits", "scores"} <= named_in(attended)


def test_a_name_that_is_given_in_a_compiled_function_stands_in_its_program() -> None:
    w = tg.Tensor(np.ones((3, 4), np.float32))

    def first_layer(x: Any) -> Any:
        z = x @ w
        z.name = "logits of the layer"
        return z

    @tg.compile
    def step(x: Any) -> Any:
        loss = np.sum(np.tanh(first_layer(x)))
        loss.backward()
        return loss

    step(SEQUENCES[0])
    assert "out=logits_of_the_layer)" in step.source
