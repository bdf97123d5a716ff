# SPDX-License-Identifier: BSD-2-Clause
"""Tables are loaded in the first twelve seconds, and then only read."""
import animal

TABLE = {}


def load(n):
    TABLE[n] = ["row %d" % n] * 80 + ["%d columns" % n * 60]


animal.innocent(["warmup", "bounded_cache", None], settles=14)
for n in animal.tick(200):
    if n < 2400:
        load(n)
    else:
        len(TABLE[n * 7919 % 2400])
