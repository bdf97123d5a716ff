# SPDX-License-Identifier: BSD-2-Clause
"""weakref.finalize() with a method of the object itself: what waits for its death keeps it."""
import weakref

import animal


class Document:
    def __init__(self):
        self.text = bytearray(3000)  # LEAK
        weakref.finalize(self, self.close)  # LEAK

    def close(self):
        pass


animal.leak(
    ["object_retention", "unbounded_cache"],  # the registry is a dict
    type=["bytearray", "__main__.Document"],
    holder="_registry",
    library=weakref,
)
for n in animal.tick(70):
    Document()  # LEAK
