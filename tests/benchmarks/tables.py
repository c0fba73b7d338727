"""Results as tables in Markdown."""

from __future__ import annotations

from typing import Any

from libraries import EAGER, FAST, LIBRARIES, OURS

BUSY = "busy machine"


def times_table(entries: list[dict[str, Any]]) -> str:
    """The times of all libraries, and the ratios of ours to them."""
    lines = [
        "| Workload | Library | Time | Processor time | Compiled ÷ it | Eager ÷ it |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for entry in entries:
        workload = named(entry)
        for row in entry["rows"]:
            cells = [
                workload, f"{row['label']}, {threads(row['threads'])}",
                f"{duration(row['microseconds'])} per {entry['unit']}", duration(row["cpu_microseconds"]),
                ratio(row, OURS), ratio(row, EAGER),
            ]  # fmt: skip
            lines.append(f"| {' | '.join(cells)} |")
            workload = ""
        for where, why in entry["faults"].items():
            lines.append(f"| {workload} | {where} | left out: {short(why)} | | | |")
    return "\n".join(lines)


def aims_table(entries: list[dict[str, Any]]) -> str:
    """Compiled tinygraph over the fastest of the other libraries, and with machine code over it."""
    lines = [
        "| Workload | Compiled | With machine code | Beside | Compiled ÷ it | With machine code ÷ it | Aim |",
        "|---|--:|--:|---|--:|--:|--:|",
    ]
    for entry in entries:
        rows = {row["label"]: row for row in entry["rows"]}
        if OURS not in rows:
            continue
        others = [row for row in entry["rows"] if row["library"] not in (OURS, EAGER, FAST, "NumPy by hand")]
        fastest = min(others, key=lambda row: row["microseconds"], default=None)
        shown = [(fastest, entry["aim"])] + [(rows.get(label), aim) for label, aim in entry["aims"].items()]
        cells = [named(entry), *[duration(rows[own]["microseconds"]) if own in rows else "" for own in (OURS, FAST)]]
        for row, aim in shown:
            if row is not None:
                both = [against(row, OURS, aim)[0], *against(row, FAST, aim)]
                lines.append(f"| {' | '.join([*cells, described(row), *both])} |")
                cells = ["", "", ""]
        if cells[0]:
            lines.append(f"| {' | '.join(cells)} | | | | |")
    return "\n".join(lines)


def eager_table(entries: list[dict[str, Any]]) -> str:
    """tinygraph in eager mode over PyTorch in eager mode, and over the small libraries."""
    lines = ["| Workload | Eager | Beside | Eager ÷ it | Aim |", "|---|--:|---|--:|--:|"]
    for entry in entries:
        rows = {row["label"]: row for row in entry["rows"]}
        torch = next((row for row in entry["rows"] if row["library"] == "torch"), None)
        shown = [(torch, entry["eager_aim"])]
        if OURS not in rows:
            shown += [(rows.get(label), aim) for label, aim in entry["aims"].items()]
        cells = [named(entry), duration(rows[EAGER]["microseconds"]) if EAGER in rows else ""]
        for row, aim in shown:
            if row is not None and EAGER in rows:
                lines.append(f"| {' | '.join([*cells, described(row), *against(row, EAGER, aim)])} |")
                cells = ["", ""]
    return "\n".join(lines)


def conditions(entries: list[dict[str, Any]], quiet: float) -> str:
    """Return lines with the rounds that counted, and the share of other processes."""
    counted = sum(entry["rounds"] for entry in entries if not entry["busy"])
    others = [share for entry in entries for share in entry["others"]]
    busy = [entry["workload"] for entry in entries if entry["busy"]]
    missing = sorted({name for entry in entries for name in entry["missing"]})
    lines = [
        f"- {len(others)} rounds, of which others took more than {quiet:.0%} of a processor in "
        f"{sum(share > quiet for share in others)}; {counted} clean rounds count"
    ]
    if busy:
        lines.append(
            f"- no clean rounds, so that the least time of all counts, which says little about two threads: "
            f"{'; '.join(busy)}"
        )
    if missing:
        lines.append(f"- not installed, and left out: {'; '.join(missing)}")
    return "\n".join(lines)


def named(entry: dict[str, Any]) -> str:
    """The name of a workload, with a mark if the machine was busy."""
    return entry["workload"] + (f" ({BUSY})" if entry["busy"] else "")


def described(row: dict[str, Any]) -> str:
    """A library and its time."""
    return f"{row['label']}, {duration(row['microseconds'])}"


def against(row: dict[str, Any] | None, ours: str, aim: float | None) -> list[str]:
    """The ratio of ours to a row, marked if it misses the aim, and the aim."""
    aimed = "" if aim is None else f"≤ {aim}"
    if row is None or f"{ours} over it" not in row:
        return ["", aimed]
    found = row[f"{ours} over it"]
    missed = aim is not None and found > aim
    return [marked(found, missed), aimed]


def marked(ratio: float, missed: bool) -> str:
    """A ratio, which is marked where it misses what is wanted."""
    return f"**{ratio:.2f}** missed" if missed else f"{ratio:.2f}"


def ratio(row: dict[str, Any], ours: str) -> str:
    """The ratio of ours to a row; nothing for ours itself."""
    if row["library"] == ours or f"{ours} over it" not in row:
        return ""
    if ours == EAGER and not LIBRARIES[row["library"]].eager:
        return ""
    return f"{row[f'{ours} over it']:.2f}"


def threads(count: int | None) -> str:
    return "" if count is None else f"{count} thread{'s' * (count > 1)}"


def duration(microseconds: float) -> str:
    """A time with three significant digits."""
    if microseconds >= 10_000:
        return f"{three(microseconds / 1000)} ms"
    return f"{three(microseconds)} µs"


def three(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def short(text: str, length: int = 100) -> str:
    """The beginning of a text, in one line and fit for a table."""
    text = " ".join(text.replace("|", "/").split())
    return text if len(text) <= length else text[:length] + " …"
