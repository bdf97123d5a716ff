# SPDX-License-Identifier: BSD-2-Clause
"""A peak of small objects; of fifty one stays, in every arena, and no arena can be given back."""
import animal

KEPT = []


def peak():
    rows = [(i, "row %d" % i) for i in range(150000)]
    KEPT.extend(rows[::50])


animal.innocent(["arena_retention", "fragmentation", "large_data", "warmup", None], settles=7)
for n in animal.tick(20):
    if n == 60:
        peak()
