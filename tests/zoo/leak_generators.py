# SPDX-License-Identifier: BSD-2-Clause
"""Generators that were begun and never finished keep their frames and locals."""
import animal

STREAMS = []


def stream(n):  # LEAK
    chunk = bytearray(2000)  # LEAK
    for i in range(n + 10):
        yield chunk, i


def begin(n):
    rows = stream(n)  # LEAK
    next(rows)
    STREAMS.append(rows)  # LEAK


animal.leak("object_retention", type=["bytearray", "generator", "frame"], holder="STREAMS")
for n in animal.tick(120):
    begin(n)
