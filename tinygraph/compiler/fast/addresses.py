"""Addresses: where the elements of arrays lie in memory. numba compiles each function to a few instructions.

    fits(pattern)(a, n0, n1)         whether an array lies as a `Pattern` says
    row(pattern)(a, i0)              the address of the first element of a row, for a place in the outer loops
    load(0, 3)(r, i)                 an element of a row of the first of three arrays
    store(0, 3)(r, i, v)             writes it
    first()(a), last()(a)            the address of an array's first byte, and that behind its last one
    is_same()(a, b)                  whether two arrays are the same elements
    is_between()(...)                whether the rows of one array lie between those of another

Python has no words for addresses, so these are written with numba's `intrinsic`: a function of the types, which returns
a signature and another function, which writes LLVM's instructions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tinygraph.compiler.fast.layout import FREE, ONE, SAME, UNIT, Pattern

__all__ = ["first", "fits", "is_between", "is_same", "last", "load", "row", "store"]


@functools.cache
def fits(pattern: Pattern) -> Any:
    """Return the function that tells whether an array lies as a pattern says, for the sizes of the results."""
    import numba
    from numba.core import cgutils

    def typed(context: Any, array: Any, *sizes: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            shape, strides = _lies(context, builder, signature.args[0], given[0])[1:]
            sizes = cgutils.unpack_tuple(builder, given[1])
            pairs = []
            for own, (axis, rule) in enumerate(zip(pattern.axes, pattern.strides, strict=True)):
                number = shape[own].type
                pairs.append((shape[own], number(1) if axis == ONE else sizes[axis]))
                if rule in (SAME, UNIT):
                    pairs.append((strides[own], number(0 if rule == SAME else _itemsize(array))))
                elif rule != FREE:
                    pairs.append((strides[own], builder.mul(strides[rule], shape[rule])))
            return _all_equal(builder, pairs)

        return numba.types.boolean(array, numba.types.StarArgTuple(sizes)), write

    return _intrinsic(typed)


@functools.cache
def row(pattern: Pattern) -> Any:
    """Return the function that gives the address of a row. Truth values are bytes there."""
    import numba
    from llvmlite import ir
    from numba.core import cgutils

    byte = ir.IntType(8).as_pointer()

    def typed(context: Any, array: Any, *places: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            whole, _, strides = _lies(context, builder, signature.args[0], given[0])
            address = builder.bitcast(whole.data, byte)
            found = cgutils.unpack_tuple(builder, given[1]) if pattern.rows else []
            for axis, place in zip(pattern.rows, found, strict=True):
                if axis is not None:
                    address = builder.gep(address, [builder.mul(place, strides[axis])])
            return builder.bitcast(address, whole.data.type)

        element = numba.types.uint8 if array.dtype == numba.types.boolean else array.dtype
        return numba.types.CPointer(element)(array, numba.types.StarArgTuple(places)), write

    return _intrinsic(typed)


@functools.cache
def load(place: int, count: int) -> Any:
    """Return the function that reads an element of a row.

    Args:
        place: of the array among those of the loop.
        count: the number of these.
    """
    import numba

    def typed(context: Any, address: Any, index: Any) -> Any:
        is_mask = address.dtype == numba.types.uint8

        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            value = builder.load(builder.gep(given[0], [given[1]]))
            _set_apart(builder, value, place, count)
            return builder.icmp_unsigned("!=", value, value.type(0)) if is_mask else value

        return (numba.types.boolean if is_mask else address.dtype)(address, numba.types.intp), write

    return _intrinsic(typed)


@functools.cache
def store(place: int, count: int) -> Any:
    """Return the function that writes an element of a row; for its arguments see `load`."""
    import numba

    def typed(context: Any, address: Any, index: Any, value: Any) -> Any:
        is_mask = address.dtype == numba.types.uint8

        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            element = builder.zext(given[2], given[0].type.pointee) if is_mask else given[2]
            _set_apart(builder, builder.store(element, builder.gep(given[0], [given[1]])), place, count)
            return context.get_dummy_value()

        element = numba.types.boolean if is_mask else address.dtype
        return numba.types.void(address, numba.types.intp, element), write

    return _intrinsic(typed)


@functools.cache
def first() -> Any:
    """Return the function that gives the address of an array's first byte in memory."""
    return _end(is_last=False)


@functools.cache
def last() -> Any:
    """Return the function that gives the address behind an array's last byte in memory."""
    return _end(is_last=True)


@functools.cache
def is_same() -> Any:
    """Return the function that tells whether two arrays of one number of axes are the same elements."""
    import numba

    def typed(context: Any, array: Any, other: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            one, two = [_lies(context, builder, *item) for item in zip(signature.args, given, strict=True)]
            addresses = tuple([builder.ptrtoint(item[0].data, item[1][0].type) for item in (one, two)])
            return _all_equal(builder, [addresses, *zip(one[1], two[1]), *zip(one[2], two[2])])  # noqa: B905

        return numba.types.boolean(array, other), write

    return _intrinsic(typed)


@functools.cache
def is_between() -> Any:
    """Return the function that tells whether rows lie between those of another array.

    Its arguments are the bytes from the first row of one array to that of the other, the bytes from row to row of each
    array, and the bytes of a row of each.
    """
    import numba

    def between(apart: int, step: int, other_step: int, width: int, other_width: int) -> bool:
        if step <= 0 or step != other_step:
            return False
        return width <= apart % step <= step - other_width

    return numba.njit(between)


def _end(is_last: bool) -> Any:
    import numba

    def typed(context: Any, array: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            whole, shape, strides = _lies(context, builder, signature.args[0], given[0])
            number = context.get_value_type(numba.types.intp)
            address = builder.ptrtoint(whole.data, number)
            for size, stride in zip(shape, strides, strict=True):
                ahead = builder.mul(builder.sub(size, number(1)), stride)
                is_outside = builder.icmp_signed(">" if is_last else "<", ahead, number(0))
                address = builder.add(address, builder.select(is_outside, ahead, number(0)))
            return builder.add(address, number(_itemsize(array))) if is_last else address

        return numba.types.intp(array), write

    return _intrinsic(typed)


def _intrinsic(typed: Callable[..., Any]) -> Any:
    from numba.extending import intrinsic

    return intrinsic(typed)


def _lies(context: Any, builder: Any, kind: Any, value: Any) -> tuple[Any, list[Any], list[Any]]:
    """Return an array of LLVM's, its shape and its strides."""
    from numba.core import cgutils

    array = context.make_array(kind)(context, builder, value)
    return array, cgutils.unpack_tuple(builder, array.shape), cgutils.unpack_tuple(builder, array.strides)


def _itemsize(array: Any) -> int:
    from numba.np.numpy_support import as_dtype

    return int(as_dtype(array.dtype).itemsize)


def _all_equal(builder: Any, pairs: list[tuple[Any, Any]]) -> Any:
    from numba.core import cgutils

    return functools.reduce(builder.and_, [builder.icmp_signed("==", one, two) for one, two in pairs], cgutils.true_bit)


def _set_apart(builder: Any, access: Any, place: int, count: int) -> None:
    """Tell LLVM that no access to an array of the loop is one to another, since the loop has looked at where they lie.

    Without it LLVM compares the addresses of all arrays before each row, or makes no vector code at all.
    """
    add = builder.module.add_metadata
    domain = add(["arrays"])
    scopes = [add([f"array {number}", domain]) for number in range(count)]
    access.set_metadata("alias.scope", add([scopes[place]]))
    if count > 1:
        access.set_metadata("noalias", add([scope for number, scope in enumerate(scopes) if number != place]))
