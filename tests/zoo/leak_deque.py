# SPDX-License-Identifier: BSD-2-Clause
"""The last events, says the comment; but the deque has no maxlen."""
import collections
import time

import animal

EVENTS = collections.deque()


def note(n):
    EVENTS.append((time.time(), n, "event %d " % n * 120))  # LEAK


animal.leak("object_retention", type=["str", "tuple"], holder="EVENTS")
for n in animal.tick(180):
    note(n)
