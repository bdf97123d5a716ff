# SPDX-License-Identifier: BSD-2-Clause
"""When a tool has probes in place, seen from outside: each link of probes is a file descriptor."""
import os
import threading
import time

PERIOD_S = 0.002
BEFORE_S, AFTER_S = 0.05, 0.08  # putting in and taking out, beyond the life of the descriptors


class Activity:
    """Begins to watch at once; busy() ends it."""

    def __init__(self, pid):
        self.directory, self.counts, self.go = "/proc/%d/fd" % pid, [], True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _count(self):
        return os.stat(self.directory).st_size or len(os.listdir(self.directory))  # size: Linux 6.2

    def _watch(self):
        while self.go:
            try:
                self.counts.append((time.monotonic(), self._count()))
            except OSError:
                return
            time.sleep(PERIOD_S)

    def busy(self):
        self.go = False
        self.thread.join()
        return busy_times(self.counts)


def busy_times(counts):
    """[(from, to)] around every time at which more was open than at rest."""
    found = []
    at_rest = level_at_rest(counts)
    for (time_, count), (_, rest) in zip(counts, at_rest):
        if count <= rest:
            continue
        if found and time_ - BEFORE_S <= found[-1][1]:
            found[-1][1] = time_ + AFTER_S
        else:
            found.append([time_ - BEFORE_S, time_ + AFTER_S])
    return [tuple(pair) for pair in found]


def level_at_rest(counts, span=1500):
    """The low level of the seconds around each time: a layer may go over to other probes."""
    levels = []
    for i in range(0, len(counts), span // 3):
        around = sorted(count for _, count in counts[max(0, i - span // 3) : i + 2 * span // 3])
        level = around[len(around) // 20]
        levels += [(time_, level) for time_, _ in counts[i : i + span // 3]]
    return levels


def selfcheck():
    counts = [(i / 500, 66 + 3 * (1000 <= i < 1015 or 3000 <= i < 3020)) for i in range(5000)]
    (a, b), (c, d) = busy_times(counts)
    assert abs(a - 1.95) < 0.01 and abs(b - 2.108) < 0.01 and abs(d - c - 0.168) < 0.01, (a, b, c, d)
