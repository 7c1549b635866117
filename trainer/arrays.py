"""Names for the kinds of arrays that pass between the modules of the stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int32]
"""Token ids, and edges as attention kernels want them."""
Ints = npt.NDArray[np.int64]
"""Counts, places, seq_ids, labels."""
Codes = npt.NDArray[np.integer]
"""Places in a short list of names."""
Words = npt.NDArray[np.uint64]
"""Random bits."""
