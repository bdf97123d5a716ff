# SPDX-License-Identifier: BSD-2-Clause
"""A ring of buffers: each is replaced by a new one when its turn comes."""
import animal

RING = [None] * 500
animal.innocent(["warmup", "bounded_cache", None], settles=8)
for n in animal.tick(100):
    RING[n % len(RING)] = bytearray(8000)
