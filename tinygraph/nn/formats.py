"""The order of axes in a batch of images or of sequences: channels last, or channels first."""

from __future__ import annotations

from typing import Any

__all__ = ["LAST", "check_format", "from_last", "shape_wanted", "to_last"]

LAST, FIRST = "channels_last", "channels_first"


def check_format(call: str, given: str | None) -> str:
    """Return the format, by default "channels_last".

    Raises:
        ValueError: there is no such format.
    """
    if given not in (None, LAST, FIRST):
        raise ValueError(f'{call}: data_format must be "{LAST}" or "{FIRST}", got {given!r}')
    return given or LAST


def to_last(x: Any, data_format: str) -> Any:
    """Return a batch with its channels in the last axis."""
    return x if data_format == LAST else x.transpose(0, *range(2, len(x.shape)), 1)


def from_last(x: Any, data_format: str) -> Any:
    """Return a batch whose channels are in the last axis in its own format."""
    return x if data_format == LAST else x.transpose(0, len(x.shape) - 1, *range(1, len(x.shape) - 1))


# A batch in words and its axes, by the number of axes between batch and channels, and the advice to whom has others.
_KINDS = {
    1: ("sequences", "steps", "a single sequence"),
    2: ("images", "height, width", "a single image"),
    3: ("volumes", "depth, height, width", "a single volume"),
}


def shape_wanted(rank: int, data_format: str, shape: tuple[int, ...]) -> str:
    """Return the message for a batch with too many or too few axes."""
    kind, axes, single = _KINDS[rank]
    order = f"{axes}, channels" if data_format == LAST else f"channels, {axes}"
    more = "x[..., np.newaxis]" if data_format == LAST else "x[:, np.newaxis]"
    return (
        f"{kind} must have the shape (batch, {order}), got {tuple(shape)}. Use {more} for {kind} of one channel, "
        f"x[np.newaxis] for {single}"
    )
