# SPDX-License-Identifier: BSD-2-Clause
"""Bursts come into a queue and are worked off."""
import queue
import threading

import animal

JOBS = queue.Queue()


def work():
    while True:
        JOBS.get()


threading.Thread(target=work, daemon=True).start()
animal.innocent([None, "warmup"], settles=5)
for n in animal.tick(2):
    for i in range(300):
        JOBS.put((n, "job %d " % i * 150))
