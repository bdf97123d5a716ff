# SPDX-License-Identifier: BSD-2-Clause
"""A C function gets an object's buffer and never releases it."""
import animal

zooext = animal.extension()


def receive(n):
    packet = b"%08d" % n * 200  # LEAK
    return zooext.checksum(packet)


animal.leak("refcount_leak", type="bytes", holder=[None, "native"])
for n in animal.tick(150):
    receive(n)
