# SPDX-License-Identifier: BSD-2-Clause
"""gc.disable() "for speed", and nodes that refer to each other."""
import gc

import animal


class Node:
    def __init__(self):
        self.body = bytearray(1200)  # LEAK
        self.other = None


def pair():
    first, second = Node(), Node()  # LEAK
    first.other, second.other = second, first


gc.disable()
animal.leak("uncollected_cycle", type=["__main__.Node", "bytearray"])
for n in animal.tick(80):
    pair()
