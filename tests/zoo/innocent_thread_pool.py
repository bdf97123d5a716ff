# SPDX-License-Identifier: BSD-2-Clause
"""Threads are started when there is work, up to twelve, and stay: each with a stack and an arena."""
import concurrent.futures

import animal


def work(n):
    return len(bytearray(3000) + b"x" * (n % 1000))


animal.innocent(["warmup", "bounded_cache", None], settles=8)
with concurrent.futures.ThreadPoolExecutor(12) as pool:
    for n in animal.tick(100):
        pool.submit(work, n)
