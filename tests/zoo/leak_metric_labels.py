# SPDX-License-Identifier: BSD-2-Clause
"""A counter with the user's name as a label: each user is a new series."""
import animal


class Counter:
    def __init__(self):
        self.series = {}

    def add(self, **labels):
        key = tuple(sorted(labels.items()))  # LEAK
        self.series[key] = self.series.get(key, 0) + 1  # LEAK


REQUESTS = Counter()
animal.leak(["unbounded_cache", "object_retention"], type=["str", "tuple"], holder="series")
for n in animal.tick(300):
    user, path = "user-%d" % n, "/profile/%d/" % n * 20  # LEAK
    REQUESTS.add(user=user, path=path)  # LEAK
