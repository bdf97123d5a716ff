# SPDX-License-Identifier: BSD-2-Clause
"""Each failure is raised from the one before it: the last one keeps all of them."""
import animal

LAST = [None]


def call(n):
    try:
        raise ConnectionError("attempt %d: " % n + "x" * 2000) from LAST[0]  # LEAK
    except ConnectionError as error:
        LAST[0] = error


animal.leak(
    "object_retention", type=["str", "ConnectionError", "frame", "traceback"], holder="LAST"
)
for n in animal.tick(100):
    call(n)  # LEAK
