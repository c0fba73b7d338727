"""Helpers: functions that JavaScript lacks, which stand in a file that uses them."""

from __future__ import annotations

__all__ = ["HELPERS"]

HELPERS: dict[str, str] = {
    "array": """\
// The numbers of an argument as a typed array: of an array, of nested arrays, or of a typed array.
function array(value, Kind, size, words) {
  if (value === undefined) throw new TypeError(`${words} is missing`);
  const flat = ArrayBuffer.isView(value) ? value : Array.isArray(value) ? value.flat(Infinity) : [value];
  if (flat.length !== size) throw new RangeError(`${words} has ${size} numbers, and ${flat.length} are given`);
  return flat instanceof Kind ? flat : Kind.from(flat);
}""",
    "decoded": """\
// Numbers from their bytes, the lowest first, in base64.
function decoded(text, Kind) {
  return new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}""",
    "whole": """\
// A whole number: above 2 ** 53 the numbers of JavaScript are no longer exact.
function whole(value) {
  if (!Number.isSafeInteger(value)) throw new RangeError(`the whole number ${value} is too large for JavaScript`);
  return value + 0;
}""",
    "position": """\
// The position that an index names: from the end, if it is negative.
function position(index, size) {
  if (!(index >= -size && index < size)) throw new RangeError(`index ${index} of an axis of ${size}`);
  return index < 0 ? index + size : index;
}""",
    "power": """\
// x to the power of y, where 1 to any power, and -1 to an infinite one, is 1.
function power(x, y) {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}""",
    "remainder": """\
// What division leaves, with the sign of the divisor.
function remainder(x, y) {
  const rest = x % y;
  if (rest === 0) return y < 0 || Object.is(y, -0) ? -0 : 0;
  return (rest < 0) !== (y < 0) && y !== 0 ? rest + y : rest;
}""",
    "floorDivide": """\
// The quotient, rounded down.
function floorDivide(x, y) {
  if (y === 0) return x / y;
  let rest = x % y;
  let quotient = (x - rest) / y;
  if (rest !== 0 && (rest < 0) !== (y < 0)) quotient -= 1;
  if (quotient === 0) return x / y < 0 || Object.is(x / y, -0) ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}""",
    "wholeRemainder": """\
// What the division of whole numbers leaves, with the sign of the divisor; 0 of a division by 0.
function wholeRemainder(x, y) {
  const rest = y === 0 ? 0 : x % y;
  return (rest !== 0 && (rest < 0) !== (y < 0) ? rest + y : rest) + 0;
}""",
    "wholeQuotient": """\
// The quotient of whole numbers, rounded down; 0 of a division by 0.
function wholeQuotient(x, y) {
  return y === 0 ? 0 : (x - wholeRemainder(x, y)) / y + 0;
}""",
    "wholeRest": """\
// What the division of whole numbers leaves, with the sign of the dividend; 0 of a division by 0.
function wholeRest(x, y) {
  return y === 0 ? 0 : (x % y) + 0;
}""",
    "rint": """\
// The nearest whole number, and the even one of two.
function rint(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest === 0 || !Number.isFinite(x)) return x;
  const nearest = rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  return nearest === 0 && x < 0 ? -0 : nearest;
}""",
    "logaddexp": """\
// log(exp(x) + exp(y)), which does not overflow.
function logaddexp(x, y) {
  return x === y ? x + Math.LN2 : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)));
}""",
    "logaddexp2": """\
// log2(2 ** x + 2 ** y), which does not overflow.
function logaddexp2(x, y) {
  return x === y ? x + 1 : Math.max(x, y) + Math.log1p(2 ** -Math.abs(x - y)) / Math.LN2;
}""",
    "copysign": """\
// x with the sign of y.
function copysign(x, y) {
  return y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x);
}""",
    "fmax": """\
// The larger of two numbers, of which one may be NaN.
function fmax(x, y) {
  return x !== x ? y : y !== y ? x : Math.max(x, y);
}""",
    "fmin": """\
// The smaller of two numbers, of which one may be NaN.
function fmin(x, y) {
  return x !== x ? y : y !== y ? x : Math.min(x, y);
}""",
    "heaviside": """\
// 0 below zero, 1 above it, and y at it.
function heaviside(x, y) {
  return x !== x ? NaN : x < 0 ? 0 : x > 0 ? 1 : y;
}""",
}
