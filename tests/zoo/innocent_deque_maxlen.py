# SPDX-License-Identifier: BSD-2-Clause
"""The last two thousand events."""
import collections

import animal

EVENTS = collections.deque(maxlen=2000)
animal.innocent(["bounded_cache", "warmup", None], settles=12)
for n in animal.tick(200):
    EVENTS.append((n, "event %06d " % n * 100))
