"""Fingerprints of strings: FarmHash64 and SipHash, as TensorFlow computes them for Keras's hashing layers.

Sources: Pike and Alakuijala, "FarmHash" (2014), namespace farmhashna; Aumasson and Bernstein, "SipHash: a fast
short-input PRF" (2012), SipHash-2-4.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["fingerprint", "joined", "keyed_fingerprint"]

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_MURMUR = 0xC6A4A7935BD1E995
_FIRST = 0xDECAFCAFFE  # what a joined fingerprint begins with


def _word(text: bytes, place: int, size: int = 8) -> int:
    return int.from_bytes(text[place : place + size], "little")


def _turned(value: int, bits: int) -> int:
    """Return a word of 64 bits, turned to the right."""
    value &= _MASK
    return ((value >> bits) | (value << (64 - bits))) & _MASK


def _folded(value: int) -> int:
    value &= _MASK
    return value ^ (value >> 47)


def _of_two(u: int, v: int, factor: int) -> int:
    a = _folded((u ^ v) * factor)
    return _folded((v ^ a) * factor) * factor & _MASK


def fingerprint(text: bytes) -> int:
    """Return FarmHash's 64 bits of a string."""
    size = len(text)
    if size <= 16:
        return _of_short(text, size)
    if size <= 64:
        return _of_medium(text, size)
    return _of_long(text, size)


def _of_short(text: bytes, size: int) -> int:
    factor = _K2 + 2 * size
    if size >= 8:
        a, b = _word(text, 0) + _K2, _word(text, size - 8)
        return _of_two((_turned(b, 37) * factor + a) & _MASK, (_turned(a, 25) + b) * factor & _MASK, factor)
    if size >= 4:
        return _of_two(size + (_word(text, 0, 4) << 3), _word(text, size - 4, 4), factor)
    if size:
        y, z = text[0] + (text[size >> 1] << 8), size + (text[-1] << 2)
        return _folded((y * _K2 & _MASK) ^ (z * _K0 & _MASK)) * _K2 & _MASK
    return _K2


def _of_medium(text: bytes, size: int) -> int:
    factor = _K2 + 2 * size
    a, b = _word(text, 0) * (_K1 if size <= 32 else _K2), _word(text, 8)
    c, d = _word(text, size - 8) * factor, _word(text, size - 16) * _K2
    y = _turned(a + b, 43) + _turned(c, 30) + d & _MASK
    z = a + _turned(b + _K2, 18) + c & _MASK
    if size <= 32:
        return _of_two(y, z, factor)
    z = _of_two(y, z, factor)
    e, f = _word(text, 16) * factor, _word(text, 24)
    g, h = (y + _word(text, size - 32)) * factor, (z + _word(text, size - 24)) * factor
    return _of_two(
        _turned(e + f, 43) + _turned(g, 30) + h & _MASK, e + _turned(f + a, 18) + g & _MASK, factor
    )  # fmt: skip


def _of_block(text: bytes, place: int, a: int, b: int) -> tuple[int, int]:
    """Return two words of the 32 bytes at a place, and of two words."""
    w, x, y, z = (_word(text, place + 8 * number) for number in range(4))
    a += w
    b = _turned(b + a + z, 21)
    c, a = a, a + x + y
    return a + z & _MASK, b + _turned(a, 44) + c & _MASK


def _of_long(text: bytes, size: int) -> int:
    x, y = 81 * _K2 + _word(text, 0), 81 * _K1 + 113
    z, v, w = _folded(y * _K2 + 113) * _K2, (0, 0), (0, 0)
    for place in range(0, (size - 1) // 64 * 64, 64):
        x, y, z, v, w = _after_block(text, place, (x, y, z, v, w), _K1, 1)
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + ((size - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _after_block(text, size - 64, (x, y, z, v, w), factor, 9)
    first = _of_two(v[0], w[0], factor) + _folded(y) * _K0 + z
    return _of_two(first & _MASK, _of_two(v[1], w[1], factor) + x & _MASK, factor)


_State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _after_block(text: bytes, place: int, state: _State, factor: int, share: int) -> _State:
    """Return the state of a long string after the 64 bytes at a place."""
    x, y, z, v, w = state
    x = _turned(x + y + v[0] + _word(text, place + 8), 37) * factor
    y = _turned(y + v[1] + _word(text, place + 48), 42) * factor
    x = (x ^ (w[1] * share)) & _MASK
    y = y + v[0] * share + _word(text, place + 40) & _MASK
    z = _turned(z + w[0], 33) * factor & _MASK
    v = _of_block(text, place, v[1] * factor & _MASK, x + w[0])
    w = _of_block(text, place + 32, z + w[1], y + _word(text, place + 16))
    return z, y, x, v, w


def keyed_fingerprint(text: bytes, key: Sequence[int]) -> int:
    """Return SipHash's 64 bits of a string, under a key of two words."""
    low, high = key[0] & _MASK, key[1] & _MASK
    state = [low ^ 0x736F6D6570736575, high ^ 0x646F72616E646F6D, low ^ 0x6C7967656E657261, high ^ 0x7465646279746573]
    whole = len(text) // 8 * 8
    words = [_word(text, place) for place in range(0, whole, 8)]
    for word in [*words, _word(text, whole) | (len(text) & 0xFF) << 56]:
        state[3] ^= word
        state = _stirred(_stirred(state))
        state[0] ^= word
    state[2] ^= 0xFF
    for _ in range(4):
        state = _stirred(state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _stirred(state: list[int]) -> list[int]:
    """Return the state after a round of SipHash."""
    a, b, c, d = state
    a, c = a + b & _MASK, c + d & _MASK
    b, d = _turned(b, 51) ^ a, _turned(d, 48) ^ c
    a = _turned(a, 32)
    c, a = c + b & _MASK, a + d & _MASK
    b, d = _turned(b, 47) ^ c, _turned(d, 43) ^ a
    return [a, b, _turned(c, 32), d]


def joined(fingerprints: Sequence[int]) -> int:
    """Return one fingerprint of several."""
    result = _FIRST
    for item in fingerprints:
        result ^= _MURMUR ^ (_folded(item * _MURMUR) * _MURMUR & _MASK)
        result = _folded(_folded(result * _MURMUR) * _MURMUR)
    return result
