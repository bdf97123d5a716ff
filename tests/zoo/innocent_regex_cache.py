# SPDX-License-Identifier: BSD-2-Clause
"""Patterns that do not repeat: the cache of re is cleared when it is full."""
import re

import animal

animal.innocent(["bounded_cache", "warmup", None], settles=12)
for n in animal.tick(60):
    re.match("(a%d|b)+[0-9]" % n, "b1")
