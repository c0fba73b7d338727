"""Functions that write into a file: they refuse Tensors, and the error has a replacement."""

from __future__ import annotations

import numpy as np

from tinygraph.engine.notes import hint

for _function in (np.save, np.savez, np.savez_compressed, np.savetxt):
    hint(_function, "the file would hold the values without their graph; pass them as t.data")
