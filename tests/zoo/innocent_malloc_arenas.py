# SPDX-License-Identifier: BSD-2-Clause
"""Eight threads each allocate much and free it, now and again: malloc keeps it in as many arenas."""
import threading

import animal


def work():
    for n in animal.tick(1, requests=0):
        chunks = [bytearray(1500) for _ in range(1000)]
        chunks.clear()


for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
animal.innocent(["fragmentation", "arena_retention", "warmup", None], settles=16)
for n in animal.tick(1):
    pass
