# SPDX-License-Identifier: BSD-2-Clause
"""A handler that keeps the records for a page that shows the last ones; it keeps all of them."""
import logging

import animal


class Recent(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)  # LEAK


def handle(n):
    LOG.warning("request %d", n, extra={"body": bytearray(1000)})  # LEAK


LOG = logging.getLogger("service")
LOG.propagate = False
LOG.addHandler(Recent())
animal.leak(
    "object_retention",
    type=["logging.LogRecord", "bytearray", "dict"],
    holder="records",
    library=logging,
)
for n in animal.tick(100):
    handle(n)
