# SPDX-License-Identifier: BSD-2-Clause
"""A least-recently-used cache by hand: an OrderedDict that is cut at the front."""
import collections

import animal

CACHE = collections.OrderedDict()


def fetch(key):
    if key in CACHE:
        CACHE.move_to_end(key)
    else:
        CACHE[key] = [key] * 150
        if len(CACHE) > 1800:
            CACHE.popitem(last=False)
    return CACHE[key]


animal.innocent(["bounded_cache", "warmup", None], settles=14)
for n in animal.tick(200):
    fetch("key-%06d" % n)
    fetch("key-%06d" % (n - n % 7))
