# SPDX-License-Identifier: BSD-2-Clause
"""A pool of connections grows with demand up to its size, and stays."""
import animal


class Connection:
    def __init__(self, n):
        self.number, self.buffer = n, bytearray(16000)


POOL = []
animal.innocent(["warmup", "bounded_cache", None], settles=12)
for n in animal.tick(20):
    if len(POOL) < 200:
        POOL.append(Connection(n))
    POOL[n % len(POOL)].buffer[n % 16000] = 1
