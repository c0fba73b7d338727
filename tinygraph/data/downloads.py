"""Downloads of data files, by pooch: kept in a cache, which never has a file that is not whole.

A download is written beside its place, under a name of its own. It takes its place, in one step, when its sha256 is
right. So a download that is cut short or killed leaves nothing that is taken for the file, and two processes that
download the same file at once do not see each other's part.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinygraph.data.sources import DataFile

__all__ = ["CACHE", "VARIABLE", "cached", "digest", "download"]

# The environment variable with the user's folder of data files.
VARIABLE = "TINYGRAPH_DATA"
# The environment variable with the folder of the downloads, in place of the system's folder for caches.
CACHE = "TINYGRAPH_CACHE"
ATTEMPTS = 3
PAUSE = 1.0  # seconds before the second attempt; twice that before the third
TIMEOUT = 30.0  # seconds without an answer


def cached(file: DataFile, check: bool = False) -> Path | None:
    """Return the path of a file that was downloaded before; None if there is none, or none that passes the check."""
    place = _cache()
    if place is None or not (place / file.name).is_file():
        return None
    path = place / file.name
    return None if check and digest(path) not in file.hashes else path


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def download(file: DataFile, missing: str) -> Path:
    """Download a file into the cache, and return its path there.

    Args:
        file: the file.
        missing: the sentence that says where the file was looked for.

    Raises:
        FileNotFoundError: pooch or tqdm is not installed, no address is known, or none of them gave the file. The
            message says where to get the file and where to put it.
        OSError: the cache cannot be written.
    """
    if not file.addresses:
        raise FileNotFoundError(f"{missing}. No address that serves this very file is known. {_by_hand(file)}")
    place = _cache()
    if place is None or find_spec("tqdm") is None:
        raise FileNotFoundError(
            f'{missing}. Downloads need pooch and tqdm: pip install "tinygraph[data]". Without it: {_by_hand(file)}'
        )
    failures = []
    for address in file.addresses:
        error = _fetched(file, address, place)
        if error is None:
            return place / file.name
        failures.append(f"{address} {_in_words(error)}")
    raise FileNotFoundError(f"{missing}. The download failed: {'; '.join(failures)}. {_by_hand(file)}") from error


def _by_hand(file: DataFile) -> str:
    """Return the sentence that says where to get a file and where to put it."""
    source = f"Get it from {' or '.join(file.addresses)}" if file.addresses else "Make it from its origin"
    where = f"put it into a folder as {file.name}, and set {VARIABLE} to the path of this folder"
    return f"{source}, {where} ({file.origin}; sha256 {file.served or file.sha256})"


def _cache() -> Path | None:
    """Return the folder of the downloads; None where it is unknown, because pooch is not installed."""
    named = os.environ.get(CACHE, "")
    try:
        import pooch
    except ImportError:
        return None
    return Path(named).expanduser() if named else Path(pooch.os_cache("tinygraph"))


def _fetched(file: DataFile, address: str, place: Path) -> Exception | None:
    """Download a file from an address, with new attempts after a passing error. Return the last error, or None."""
    import pooch
    import requests

    last: Exception | None = None
    path = place / file.name
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE * attempt)
        try:
            pooch.retrieve(
                address,
                f"sha256:{file.served or file.sha256}",
                fname=path.name,
                path=path.parent,
                downloader=lambda url, part, pooch: _write(url, part, file),
            )
            return None
        except requests.RequestException as error:
            last = error
            if _has_no_file(error) or _is_out_of_reach(error):
                return error
        except ValueError as error:  # pooch's, of another sha256
            last = error
        except OSError as error:
            raise OSError(
                f"{file.name} could not be written to {path.parent}: {error}. Nothing was kept of it. Make room, or "
                f"set {CACHE} to the path of another folder"
            ) from error
    return last


def _write(address: str, part: str, file: DataFile) -> None:
    """Write what an address serves, with a progress bar."""
    import requests

    # pooch's own downloader leaves the connection open after an error.
    with requests.get(address, stream=True, timeout=TIMEOUT) as response, open(part, "wb") as stream:
        response.raise_for_status()
        with _bar(file) as bar:
            for block in response.iter_content(1 << 16):
                stream.write(block)
                bar.update(len(block))


def _has_no_file(error: Any) -> bool:
    return error.response is not None and bool(400 <= error.response.status_code < 500)


def _is_out_of_reach(error: Any) -> bool:
    """Return whether no connection was made: urllib3's error has a reason then. One that broke off has none."""
    return error.response is None and any(hasattr(cause, "reason") for cause in error.args)


def _in_words(error: Any) -> str:
    """Return the rest of a sentence that begins with an address."""
    if isinstance(error, ValueError) and not hasattr(error, "response"):
        return "served another file, or a part of it: its sha256 is not the expected one"
    if error.response is not None:
        return f"answered {error.response.status_code} {error.response.reason}"
    return "could not be reached" if _is_out_of_reach(error) else "broke off before the whole file had arrived"


def _bar(file: DataFile) -> Any:
    """Return a progress bar: in a terminal or a notebook, else one that shows nothing."""
    from tqdm.auto import tqdm

    silent = False if "ipykernel" in sys.modules else None  # None asks whether the output is a terminal
    return tqdm(total=file.size, desc=file.name, unit="B", unit_scale=True, disable=silent)
