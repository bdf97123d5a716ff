# SPDX-License-Identifier: BSD-2-Clause
"""The futures of a pool are kept, and with each its result; made in the workers' threads."""
import concurrent.futures
import threading

import animal

FUTURES = []


def work(n):
    return "result %d " % n * 150  # LEAK


animal.leak(
    "object_retention",
    type=["str", "concurrent.futures._base.Future"],
    holder="FUTURES",
    library=[concurrent.futures, threading],
)
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    for n in animal.tick(80):
        FUTURES.append(pool.submit(work, n))  # LEAK
