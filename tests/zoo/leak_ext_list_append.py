# SPDX-License-Identifier: BSD-2-Clause
"""A C function appends to a list, which takes a reference, and forgets its own."""
import animal

zooext = animal.extension()


def query(n):
    rows = []
    for i in range(5):
        zooext.append_row(rows, n)  # LEAK
    return len(rows)


animal.leak("refcount_leak", type=["dict", "bytes", "list"], holder=[None, "native"])
for n in animal.tick(40):
    query(n)
