# SPDX-License-Identifier: BSD-2-Clause
"""An undo history as a linked list: one long chain from one name."""
import animal


class Edit:
    __slots__ = ("before", "text")

    def __init__(self, before, n):
        self.before = before
        self.text = "edit %d " % n * 60  # LEAK


HEAD = None
animal.leak("object_retention", type=["str", "__main__.Edit"], holder="HEAD")
for n in animal.tick(350):
    HEAD = Edit(HEAD, n)  # LEAK
