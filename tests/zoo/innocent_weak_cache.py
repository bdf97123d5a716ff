# SPDX-License-Identifier: BSD-2-Clause
"""A WeakValueDictionary: entries go with the last user of the value."""
import collections
import weakref

import animal


class Image:
    def __init__(self):
        self.pixels = bytearray(1500)


CACHE = weakref.WeakValueDictionary()
SHOWN = collections.deque(maxlen=300)
animal.innocent([None, "bounded_cache", "warmup"], settles=5)
for n in animal.tick(150):
    CACHE[n] = image = Image()
    SHOWN.append(image)
