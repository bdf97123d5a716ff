# SPDX-License-Identifier: BSD-2-Clause
"""Weak references whose callbacks are to clean up, and keep the very objects instead."""
import weakref

import animal

REFERENCES = {}


class Page:
    def __init__(self, n):
        self.text = "page %d " % n * 150  # LEAK


def remember(n):  # LEAK
    page = Page(n)  # LEAK

    def forget(reference):  # LEAK
        REFERENCES.pop(page, None)

    REFERENCES[n] = weakref.ref(page, forget)  # LEAK


animal.leak(
    ["object_retention", "unbounded_cache"],
    type=["str", "__main__.Page", "function", animal.name(weakref.ref)],
    holder=["REFERENCES", "forget"],
)
for n in animal.tick(150):
    remember(n)
