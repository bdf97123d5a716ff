# SPDX-License-Identifier: BSD-2-Clause
"""A profiler keeps the frames that it was called from, and these keep their locals."""
import sys

import animal

CALLERS = []


def note():
    CALLERS.append(sys._getframe(1))  # LEAK


def handle(n):
    body = b"x" * 2500 + b"%d" % n  # LEAK
    note()  # LEAK
    return len(body)


animal.leak("object_retention", type=["bytes", "frame"], holder="CALLERS")
for n in animal.tick(100):
    handle(n)  # LEAK
