"""The lookup: the function in a saved file that finds the program for a call, and runs it.

def run(given):
    leaves = []
    kinds = kinds_of(given, leaves)
    if kinds not in KNOWN:
        ...                          the signature in words, which `PROGRAMS` has or not
    with lock:
        return program(*[leaves[place] for place in places])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinygraph.compiler.saving.header import ABSENT, Header
from tinygraph.compiler.saving.wrapping import divided, pieces
from tinygraph.compiler.write.literals import string_text

__all__ = ["Lookup", "lookup_lines"]


@dataclass(frozen=True)
class Lookup:
    """The names in a file that its lookup needs, and the checks that it makes.

    Attributes:
        run: the name of the lookup.
        name: of the saved function.
        header: the parameters of the saved function.
        described, literal, kinds, owner: the names of functions in the file.
        ordered: the order of arrays in memory is part of the signature.
        asks_identity: the function asks which array is which, `x is y`.
        is_guarded: the function may catch an error of a call, and go on.
        updates: some arrays of the file are updated.
        sized: the name of the function that finds the program of an open size; empty where there are none.
        told: the signatures of the file, for an error.
        writes_into: the function writes into the array of a Tensor, as opposed to giving the Tensor another.
    """

    run: str
    name: str
    header: Header
    described: str
    literal: str
    kinds: str
    owner: str
    ordered: bool
    asks_identity: bool
    is_guarded: bool
    updates: bool
    sized: str
    told: str
    writes_into: bool


def lookup_lines(lookup: Lookup) -> Iterator[str]:
    """Yield the lines of the lookup."""
    yield f"def {lookup.run}(given):"
    yield '    """Compute with the program that was made for such arguments."""'
    yield from _arguments(lookup)
    yield from _search(lookup) if lookup.ordered else _quick_search(lookup)
    yield from _told_apart(lookup) if lookup.asks_identity else ()
    yield from _apart(lookup) if lookup.updates else ()
    yield "    with lock:"
    if not lookup.is_guarded:
        yield "        return program(*[leaves[place] for place in places])"
        return
    yield "        try:"
    yield "            return program(*[leaves[place] for place in places])"
    yield "        except Exception as error:"
    said = (
        f"{lookup.name}: a call failed. The function has a try around it, and what it does then is not in this file. "
        "Call the compiled function with such arguments"
    )
    yield from divided("            raise RuntimeError(", [string_text(part) for part in [said]], ") from error")


def _arguments(lookup: Lookup) -> Iterator[str]:
    """Yield the lines that prepare what the function is given."""
    header = lookup.header
    yield "    leaves = []"
    if header.state:
        yield from divided("    for name in (", [string_text(name) for name in header.state], ",):")
        yield "        given[name] = np.asarray(given[name])  # of what a call returned some are numbers"
    if header.optional:
        yield f"    given = {{name: value for name, value in given.items() if value is not {ABSENT}}}"
    if header.static:
        yield f"    static = {sorted(header.static)!r}"


def _search(lookup: Lookup) -> list[str]:
    """Return the lines that find the program for the words of a call, or refuse the call."""
    found = _found_open(lookup) if lookup.sized else _found_closed(lookup)
    return [_signature(lookup), *found]


def _signature(lookup: Lookup) -> str:
    """Return the line that describes a call in words."""
    part = f"{lookup.described}(value, leaves{', order=True' if lookup.ordered else ''})"
    if lookup.header.static:
        part = f"{lookup.literal}(value) if name in static else {part}"
    return f'    signature = ", ".join([f"{{name}}: {{{part}}}" for name, value in given.items()])'


def _found_open(lookup: Lookup) -> list[str]:
    """Return the lines that find the program for the words of a call, whose size may be open, or refuse the call."""
    return [
        "    with lock:",
        f"        found = PROGRAMS.get(signature) or {lookup.sized}(signature, OPEN, MADE)",
        "    if found is None:",
        "        raise ValueError(",
        f'            f"{lookup.name}: this file has no program for {{signature}}. It has one for "',
        *[f"            {part}" for part in pieces(f"{lookup.told}; give it such arguments")],
        "        )",
        "    program, places = found",
    ]


def _found_closed(lookup: Lookup) -> list[str]:
    """Return the lines that find the program for the words of a call, or refuse the call."""
    return [
        "    if signature not in PROGRAMS:",
        "        raise ValueError(",
        f'            f"{lookup.name}: this file has no program for {{signature}}. It has one for "',
        "            f\"{'; one for '.join(PROGRAMS)}; give it such arguments, \"",
        '            "or call the compiled function with the others, too, before it is saved"',
        "        )",
        "    program, places = PROGRAMS[signature]",
    ]


def _quick_search(lookup: Lookup) -> Iterator[str]:
    """Yield the same, where a call of known kinds needs no words."""
    yield f"    kinds = {lookup.kinds}(given, leaves)"
    if lookup.sized:
        yield from _quick_open_search(lookup)
        return
    yield "    if kinds not in KNOWN:"
    yield "        count, leaves = len(leaves), []"
    yield from [f"    {line}" for line in _search(lookup)]
    yield "        if kinds is not None and len(leaves) == count:"
    yield "            KNOWN[kinds] = PROGRAMS[signature]"
    yield "    else:"
    yield "        program, places = KNOWN[kinds]"


def _quick_open_search(lookup: Lookup) -> Iterator[str]:
    """Yield the same where a size is open: the programs of few sizes are known."""
    yield "    known = KNOWN.get(kinds)"
    yield "    if known is None:"
    yield "        count, leaves = len(leaves), []"
    yield from [f"    {line}" for line in _search(lookup)]
    yield "        if kinds is not None and len(leaves) == count:"
    yield "            if len(KNOWN) >= 8:"
    yield "                KNOWN.clear()"
    yield "            KNOWN[kinds] = found"
    yield "    else:"
    yield "        program, places = known"


def _told_apart(lookup: Lookup) -> Iterator[str]:
    """Yield the lines that refuse one array for two, where a function asks which is which."""
    said = f"{lookup.name}: an array is given twice, and the function asks which is which. Give it a copy"
    yield "    arrays = [id(leaf) for leaf in leaves if type(leaf) is np.ndarray]"
    yield "    if len(set(arrays)) < len(arrays):"
    yield f"        raise ValueError({string_text(said)})"


def _apart(lookup: Lookup) -> Iterator[str]:
    """Yield the lines that keep arguments apart from the arrays that the programs update.

    As in an eager call, an argument that is a view of an updated array keeps its values to the end.
    """
    own = f"type(leaf) is np.ndarray and id({lookup.owner}(leaf)) in OWN"
    if lookup.writes_into:
        said = f"{lookup.name}: an array lies in the memory of a Tensor that is written into. Give it a copy"
        yield f"    if any([{own} for leaf in leaves]):"
        yield f"        raise ValueError({string_text(said)})"
    else:
        yield f"    leaves = [leaf.copy() if {own} else leaf for leaf in leaves]"
