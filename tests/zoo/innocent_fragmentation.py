# SPDX-License-Identifier: BSD-2-Clause
"""A peak of chunks from malloc; one of twenty stays, and the memory between them is not given back."""
import animal

KEPT = []


def peak():
    chunks = [bytearray(2000) for _ in range(12000)]
    KEPT.extend(chunks[::20])


animal.innocent(["fragmentation", "arena_retention", "large_data", "warmup", None], settles=7)
for n in animal.tick(20):
    if n == 60:
        peak()
