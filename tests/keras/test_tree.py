"""keras.tree: Keras's own results, and its errors."""

import os
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygraph.keras import tree

Point = namedtuple("Point", ["x", "y"])
OtherPoint = namedtuple("OtherPoint", ["x", "y"])

leaves = st.one_of(st.integers(-9, 9), st.none(), st.text("ab", max_size=2))
nests = st.recursive(
    leaves,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.lists(inside, max_size=3).map(tuple),
        st.lists(inside, max_size=3).map(deque),
        st.tuples(inside, inside).map(lambda pair: Point(*pair)),
        st.dictionaries(st.sampled_from("cab"), inside),
        st.dictionaries(st.sampled_from("cab"), inside).map(OrderedDict),
        st.dictionaries(st.sampled_from("cab"), inside).map(lambda given: defaultdict(list, given)),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def theirs():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras").tree


@given(nests)
def test_values_packed_as_they_were_flattened_are_the_nest(nest):
    assert tree.pack_sequence_as(nest, tree.flatten(nest)) == nest
    assert tree.map_structure(lambda leaf: leaf, nest) == nest
    assert type(tree.map_structure(lambda leaf: 0, nest)) is (type(nest) if tree.is_nested(nest) else int)
    tree.assert_same_structure(nest, tree.map_structure(lambda leaf: [leaf][0], nest))
    tree.assert_same_paths(nest, tree.lists_to_tuples(nest))
    assert tree.traverse(lambda part: None, nest) == nest
    assert [leaf for _, leaf in tree.flatten_with_path(nest)] == tree.flatten(nest)


@given(nests)
def test_results_are_those_of_keras(theirs, nest):
    for name in ("is_nested", "flatten", "flatten_with_path", "lists_to_tuples"):
        assert getattr(tree, name)(nest) == getattr(theirs, name)(nest), name
    for none_is_leaf in (True, False):
        found, expected = (
            each.map_structure(lambda leaf: [leaf], nest, none_is_leaf=none_is_leaf) for each in (tree, theirs)
        )
        assert found == expected and list(found or []) == list(expected or [])
    for top_down in (True, False):
        seen = [], []
        for each, parts in zip((tree, theirs), seen, strict=True):
            each.traverse(parts.append, nest, top_down)
        assert seen[0] == seen[1]


@given(nests, nests)
def test_layouts_are_the_same_where_keras_says_so(theirs, one, other):
    for name in ("assert_same_structure", "assert_same_paths"):
        outcomes = []
        for each in (tree, theirs):
            try:
                getattr(each, name)(one, other)
                outcomes.append(True)
            except ValueError:
                outcomes.append(False)
        assert outcomes[0] == outcomes[1], name


def test_a_dict_is_taken_in_the_order_of_its_keys_and_keeps_its_own():
    assert tree.flatten({"b": 1, "a": [2, 3]}) == [2, 3, 1]
    assert tree.flatten(OrderedDict(b=1, a=2)) == [1, 2]
    assert tree.pack_sequence_as({"b": 0, "a": 0}, [1, 2]) == {"a": 1, "b": 2}
    assert list(tree.map_structure(abs, {"b": 1, "a": 2})) == ["b", "a"]
    assert tree.flatten_with_path([{"foo": 42}]) == [((0, "foo"), 42)]


def test_two_structures_are_mapped_together():
    assert tree.map_structure(lambda x, y: x * y, {"a": [1, 2]}, {"a": [3, 4]}) == {"a": [3, 8]}
    assert tree.map_structure_up_to([None, [None, None]], str, [[1, 1], [2, 2]]) == ["[1, 1]", ["2", "2"]]
    assert tree.map_shape_structure(len, {"a": (None, 3), "b": [(2,)]}) == {"a": 2, "b": [1]}


def test_traverse_replaces_what_the_function_returns():
    assert tree.traverse(lambda x: tree.MAP_TO_NONE if x == 1 else None, [1, (2, 1)]) == [None, (2, None)]
    assert tree.traverse(lambda x: len(x) if isinstance(x, tuple) else None, [1, (2, (3,))]) == [1, 2]
    assert tree.traverse(lambda x: sum(x) if isinstance(x, tuple) else None, [1, (2, (3,))], top_down=False) == [1, 5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tree.map_structure(3, [1]), TypeError, "expected a function, got int"),
        (lambda: tree.map_structure(abs), TypeError, "expected a structure"),
        (lambda: tree.map_structure(max, [1], [1, 2]), ValueError, "do not have the same layout"),
        (lambda: tree.map_structure(max, [1], (1,)), ValueError, "do not have the same layout"),
        (lambda: tree.map_structure_up_to([0, [0]], str, [1, 2]), ValueError, "do not have the same layout"),
        (lambda: tree.pack_sequence_as([0, 0], [1]), ValueError, "2 leaves, and there are 1 values"),
        (lambda: tree.pack_sequence_as([0, 0], 1), TypeError, "must be a list, got int"),
        (lambda: tree.assert_same_structure(Point(1, 2), OtherPoint(1, 2)), ValueError, "same layout"),
        (lambda: tree.assert_same_paths([0], [0, 1]), ValueError, "same paths"),
        (lambda: tree.map_shape_structure(len, "ab"), ValueError, "expected shapes"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
