# SPDX-License-Identifier: BSD-2-Clause
"""A C extension keeps objects in an array of its own: a holder that Python does not know."""
import animal

zooext = animal.extension()


def remember(n):
    zooext.stash(b"%08d" % n * 180)  # LEAK


animal.leak(["object_retention", "refcount_leak"], type="bytes", holder=[None, "native"])
for n in animal.tick(150):
    remember(n)
