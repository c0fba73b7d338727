"""Datasets: files checked by sha256, images from a folder, and batches of arrays.

    >>> import numpy as np, tinygraph as tg
    >>> [len(x) for x, y in tg.data.batches(np.arange(10), np.arange(10), size=4)]
    [4, 4, 2]

Nothing here downloads anything. The environment variable TINYGRAPH_DATA names the folder with the files.
"""

import sys
from typing import Any

from tinygraph.data.batches import Batches, batches
from tinygraph.data.files import FILES, DataFile, available, find, folder
from tinygraph.data.images import class_of, load_image, load_images
from tinygraph.data.rows import Rows
from tinygraph.data.tables import Admissions, admissions, mnist, sign_digits, tiny_shakespeare

__all__ = [
    "FILES",
    "Admissions",
    "Batches",
    "DataFile",
    "Rows",
    "admissions",
    "available",
    "batches",
    "class_of",
    "find",
    "folder",
    "load_image",
    "load_images",
    "mnist",
    "sign_digits",
    "tiny_shakespeare",
]


def __getattr__(name: str) -> Any:
    from tinygraph.elsewhere import OF_DATA, no_attribute

    raise AttributeError(
        no_attribute(f"module {__name__!r}", name, OF_DATA, __all__), name=name, obj=sys.modules[__name__]
    )
