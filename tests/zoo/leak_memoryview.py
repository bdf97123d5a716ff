# SPDX-License-Identifier: BSD-2-Clause
"""Sixteen bytes of each packet are kept, as a view: it keeps the whole packet."""
import animal

HEADERS = []


def receive(n):
    packet = b"%08d" % n * 400  # LEAK
    HEADERS.append(memoryview(packet)[:16])  # LEAK


animal.leak("object_retention", type=["bytes", "memoryview", "managedbuffer"], holder="HEADERS")
for n in animal.tick(80):
    receive(n)
