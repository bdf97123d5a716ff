# SPDX-License-Identifier: BSD-2-Clause
"""Generators that are closed when they have been read half."""
import animal


def stream(n):
    chunk = bytearray(2000)
    for i in range(n + 10):
        yield chunk, i


animal.innocent([None, "warmup"])
for n in animal.tick(150):
    rows = stream(n)
    next(rows)
    rows.close()
