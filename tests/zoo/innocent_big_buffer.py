# SPDX-License-Identifier: BSD-2-Clause
"""A buffer of 40 MB is allocated once and filled, and used from then on."""
import animal

BUFFER = bytearray()
animal.innocent(["large_data", "warmup", None], settles=6)
for n in animal.tick(20):
    if n == 40:
        BUFFER = bytearray(40 << 20)
    elif n > 40:
        BUFFER[n * 4096 % len(BUFFER)] = n % 256
