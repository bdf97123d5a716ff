# SPDX-License-Identifier: BSD-2-Clause
"""A thread for each subscriber; they wait for an event that is never set."""
import threading

import animal

STOP = threading.Event()


def subscriber(n):
    buffer = bytearray(60000)  # LEAK
    STOP.wait()  # LEAK
    return buffer


animal.leak(
    "thread_leak",
    type=["bytearray", "threading.Thread", None],
    holder=["thread", "_active", "subscriber", None],
    library=threading,
    line=[None],
)
for n in animal.tick(3):
    threading.Thread(target=subscriber, args=(n,), daemon=True).start()  # LEAK
