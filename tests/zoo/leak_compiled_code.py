# SPDX-License-Identifier: BSD-2-Clause
"""Filters are compiled and kept by their text; each text has a number in it."""
import animal

FIELDS = " and ".join("row.field%d > {0} + %d" % (i, i) for i in range(25))
CODE = {}


def filter_for(limit):
    text = FIELDS.format(limit)  # LEAK
    if text not in CODE:
        CODE[text] = compile(text, "<filter>", "eval")  # LEAK
    return CODE[text]


animal.leak("unbounded_cache", type=["code", "str", "tuple", "bytes"], holder="CODE")
for n in animal.tick(80):
    filter_for(n)
