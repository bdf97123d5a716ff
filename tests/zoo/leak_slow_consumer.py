# SPDX-License-Identifier: BSD-2-Clause
"""Threads: a queue without a bound and a worker that does not keep up."""
import queue
import threading
import time

import animal

JOBS = queue.Queue()


def work():
    while True:
        JOBS.get()
        time.sleep(0.2)


threading.Thread(target=work, daemon=True).start()
animal.leak("object_retention", type=["str", "tuple"], holder=["JOBS", "queue"], library=queue)
for n in animal.tick(150):
    JOBS.put((n, "job %d " % n * 150))  # LEAK
