# SPDX-License-Identifier: BSD-2-Clause
"""A batch grows for four seconds, is written out and dropped; again and again."""
import animal

BATCH = []


def write_out():
    del BATCH[:]


animal.innocent(["bounded_cache", "warmup", None], settles=10)
for n in animal.tick(200):
    BATCH.append("row %d " % n * 150)
    if len(BATCH) == 800:
        write_out()
