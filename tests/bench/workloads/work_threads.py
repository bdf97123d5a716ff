# SPDX-License-Identifier: BSD-2-Clause
"""threads: four workers take jobs from a queue, each job some string and list work."""
import queue
import threading

FINE = {"count": 60}


def job(number):
    words = ["%d-%d" % (number, i) for i in range(200)]
    return len(",".join(sorted(words)).split(","))


def setup(count=1500):
    def worker(jobs, results):
        for number in iter(jobs.get, None):
            results.put(job(number))

    def work():
        jobs, results = queue.Queue(), queue.Queue()
        threads = [threading.Thread(target=worker, args=(jobs, results)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(count):
            jobs.put(number)
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join()
        return sum(results.get() for _ in range(count))

    return work
