# SPDX-License-Identifier: BSD-2-Clause
"""A row of each matrix, copied, and only the last hundred."""
import collections

import animal

try:
    import numpy
except ImportError:
    animal.skip("no numpy")

ROWS = collections.deque(maxlen=100)
animal.innocent([None, "bounded_cache", "warmup"], settles=9)
for n in animal.tick(20):
    ROWS.append(numpy.full((16, 256), n, dtype=float)[0].copy())
