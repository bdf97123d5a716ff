# SPDX-License-Identifier: BSD-2-Clause
"""Compressors of connections that are gone: small objects that own 256 KB each from malloc."""
import zlib

import animal

STREAMS = {}
TEXT = b"".join(b"%d %x\n" % (i * i, i) for i in range(9000))


def connect(n):
    STREAMS[n] = zlib.compressobj()  # LEAK
    STREAMS[n].compress(TEXT)


animal.leak(
    ["object_retention", "unbounded_cache"],
    type=[animal.name(type(zlib.compressobj())), None],
    holder="STREAMS",
)
for n in animal.tick(1):
    connect(n)
