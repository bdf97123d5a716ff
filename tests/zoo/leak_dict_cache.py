# SPDX-License-Identifier: BSD-2-Clause
"""A cache by page in a module's dict, without a bound: there are more pages than memory."""
import animal

CACHE = {}


def render(page):
    if page not in CACHE:
        CACHE[page] = "<li>%d</li>" % page * 120  # LEAK
    return CACHE[page]


animal.leak("unbounded_cache", type="str", holder="CACHE")
for n in animal.tick(200):
    render(n)  # LEAK
    render(n // 2)
