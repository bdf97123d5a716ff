# SPDX-License-Identifier: BSD-2-Clause
"""A C function calls malloc() and forgets free()."""
import animal

zooext = animal.extension()


def convert(n):
    zooext.forget_malloc(1800)  # LEAK


animal.leak("native_leak")
for n in animal.tick(120):
    convert(n)
