# SPDX-License-Identifier: BSD-2-Clause
"""A logger for each request: logging never forgets a name."""
import logging

import animal


def handle(n):
    log = logging.getLogger("request.%d" % n)  # LEAK
    log.debug("done")  # LEAK


animal.leak(
    ["object_retention", "unbounded_cache"],
    type=["logging.Logger", "dict", "str", "list"],
    holder=["loggerDict", "loggerMap"],
    library=logging,
)
for n in animal.tick(300):
    handle(n)
