# SPDX-License-Identifier: BSD-2-Clause
"""Entries live for eight seconds."""
import time

import animal

CACHE = {}


def put(n):
    CACHE[n] = (time.monotonic() + 8, "value %06d " % n * 100)


def expire():
    now = time.monotonic()
    for key in [key for key, (end, _) in CACHE.items() if end < now]:
        del CACHE[key]


animal.innocent(["bounded_cache", "warmup", None], settles=12)
for n in animal.tick(150):
    put(n)
    if n % 75 == 0:
        expire()
