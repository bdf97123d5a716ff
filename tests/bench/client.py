# SPDX-License-Identifier: BSD-2-Clause
"""Requests one after the other, until a line comes on stdin, with the server's CPU time of each.

    python3 client.py CPU HOST:PORT PID
"""
import http.client
import json
import os
import select
import sys
import time


def main():
    cpu, server, pid = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    clock = ~pid << 3 | 2  # of another process: MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED)
    connection = http.client.HTTPConnection(server, timeout=600)
    when, used = [], []
    while not select.select([sys.stdin], [], [], 0)[0]:
        begin, before = time.perf_counter_ns(), time.clock_gettime_ns(clock)
        connection.request("GET", "/")
        connection.getresponse().read()
        when.append((begin, time.perf_counter_ns()))
        used.append(time.clock_gettime_ns(clock) - before)
    print("BENCH " + json.dumps({"when": when, "cpu": used}), flush=True)


if __name__ == "__main__":
    main()
