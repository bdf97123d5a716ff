# SPDX-License-Identifier: BSD-2-Clause
"""Cycles are made all the time, and collected from time to time."""
import animal


class Node:
    def __init__(self):
        self.body = bytearray(400)
        self.other = None


def pair():
    first, second = Node(), Node()
    first.other, second.other = second, first


animal.innocent([None, "warmup", "uncollected_cycle"], settles=10)
for n in animal.tick(300):
    pair()
