# SPDX-License-Identifier: BSD-2-Clause
"""A handler that keeps the last five hundred records."""
import collections
import logging

import animal


class Recent(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = collections.deque(maxlen=500)

    def emit(self, record):
        self.records.append(record)


LOG = logging.getLogger("service")
LOG.propagate = False
LOG.addHandler(Recent())
animal.innocent(["bounded_cache", "warmup", None], settles=9)
for n in animal.tick(80):
    LOG.warning("request %d", n, extra={"body": bytearray(1000)})
