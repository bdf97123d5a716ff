# SPDX-License-Identifier: BSD-2-Clause
"""A match object keeps the string that it was found in."""
import re

import animal

REQUEST = re.compile(r"(\w+) (\S+)")
MATCHES = []


def parse(n):
    text = "GET /item/%d " % n + "x" * 3000  # LEAK
    MATCHES.append(REQUEST.match(text))  # LEAK


animal.leak("object_retention", type=["str", "re.Match"], holder="MATCHES")
for n in animal.tick(90):
    parse(n)
