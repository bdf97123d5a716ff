# SPDX-License-Identifier: BSD-2-Clause
"""gc.DEBUG_SAVEALL was left on: what the collector finds goes to gc.garbage."""
import gc

import animal


class Node:
    def __init__(self):
        self.myself, self.body = self, "x" * 1500 + str(id(self))  # LEAK


gc.set_debug(gc.DEBUG_SAVEALL)
animal.leak(
    ["object_retention", "uncollected_cycle"],
    type=["str", "__main__.Node"],
    holder=["garbage", None],
)
for n in animal.tick(150):
    Node()  # LEAK
