# SPDX-License-Identifier: BSD-2-Clause
"""Each job registers its cleanup with atexit: kept by the interpreter, by no object."""
import atexit

import animal


def clean(path, buffer):
    pass


def job(n):
    buffer = bytearray(2000)  # LEAK
    atexit.register(clean, "/tmp/job-%d" % n, buffer)  # LEAK


animal.leak(
    ["object_retention", "refcount_leak"],
    type=["bytearray"],
    holder=[None, "atexit", "native"],
)
for n in animal.tick(120):
    job(n)
