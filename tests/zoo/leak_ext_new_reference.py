# SPDX-License-Identifier: BSD-2-Clause
"""A C function takes one reference too many to what it returns."""
import animal

zooext = animal.extension()


def encode(n):
    return len(zooext.new_reference(1500 + n % 100))  # LEAK


animal.leak("refcount_leak", type="bytes", holder=[None, "native"])
for n in animal.tick(150):
    encode(n)
