# SPDX-License-Identifier: BSD-2-Clause
"""A C function frees its copy, but not on the way out through an error."""
import animal

zooext = animal.extension()
TEXT = "<html>" * 300


def handle(n):
    try:
        zooext.parse(TEXT if n % 2 else "{}")  # LEAK
    except ValueError:
        pass


animal.leak("native_leak")
for n in animal.tick(250):
    handle(n)
