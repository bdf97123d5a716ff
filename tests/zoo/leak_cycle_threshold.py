# SPDX-License-Identifier: BSD-2-Clause
"""The collector is on, but its threshold is so high that it never runs."""
import gc

import animal


class Parent:
    def __init__(self):
        self.children = []  # LEAK


class Child:
    def __init__(self, parent):
        self.parent, self.data = parent, "x" * 700 + str(id(self))  # LEAK
        parent.children.append(self)  # LEAK


def tree():
    parent = Parent()  # LEAK
    for _ in range(4):
        Child(parent)  # LEAK


gc.set_threshold(500000000, 1000, 1000)
animal.leak("uncollected_cycle", type=["str", "__main__.Child", "__main__.Parent"])
for n in animal.tick(80):
    tree()
