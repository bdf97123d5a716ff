# SPDX-License-Identifier: BSD-2-Clause
"""A default argument is made once: what one call appends, the next one finds."""
import animal


def collect(n, seen=[]):
    seen.append(b"x" * 1000 + b"%d" % n)  # LEAK
    return len(seen)


animal.leak("object_retention", type="bytes", holder="collect")
for n in animal.tick(250):
    collect(n)
