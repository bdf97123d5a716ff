# SPDX-License-Identifier: BSD-2-Clause
"""Looking a client up in a defaultdict makes an entry, of clients that never were, too."""
import collections

import animal


def window():
    return [0] * 80  # LEAK


RATES = collections.defaultdict(window)


def is_known(client):
    return any(RATES[client])  # LEAK


animal.leak(["object_retention", "unbounded_cache"], type="list", holder="RATES")
for n in animal.tick(250):
    is_known("client-%d" % n)  # LEAK
