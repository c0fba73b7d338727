"""Results as tables in Markdown."""

from __future__ import annotations

from typing import Any

from libraries import EAGER, LIBRARIES, OURS

BUSY = "busy machine"


def times_table(entries: list[dict[str, Any]]) -> str:
    """The times of all libraries, and the ratios of ours to them."""
    lines = [
        "| Workload | Library | Time | Processor time | Compiled ÷ it | Eager ÷ it |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for entry in entries:
        workload = entry["workload"] + (f" ({BUSY})" if entry["busy"] else "")
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
    """Ours over the fastest of the others, and over PyTorch in eager mode."""
    lines = [
        "| Workload | Compiled | Fastest other | Compiled ÷ fastest | Aim | Eager ÷ PyTorch eager | Aim |",
        "|---|--:|---|--:|--:|--:|--:|",
    ]
    for entry in entries:
        rows = {row["label"]: row for row in entry["rows"]}
        others = [row for row in entry["rows"] if row["library"] not in (OURS, EAGER, "NumPy by hand")]
        fastest = min(others, key=lambda row: row["microseconds"], default=None)
        cells = [entry["workload"] + (f" ({BUSY})" if entry["busy"] else "")]
        cells.append(duration(rows[OURS]["microseconds"]) if OURS in rows else "")
        cells.append(f"{fastest['label']}, {duration(fastest['microseconds'])}" if fastest else "")
        cells += against(fastest, OURS, entry["aim"])
        cells += against(
            next((row for row in entry["rows"] if row["library"] == "torch"), None), EAGER, entry["eager_aim"]
        )
        lines.append(f"| {' | '.join(cells)} |")
        for label, aim in entry["aims"].items():
            compiled = against(rows.get(label), OURS, aim) if OURS in rows else ["", ""]
            eager = against(rows.get(label), EAGER, aim) if OURS not in rows else ["", ""]
            if label in rows:
                lines.append(f"| beside {label} | | | {' | '.join([*compiled, *eager])} |")
    return "\n".join(lines)


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
