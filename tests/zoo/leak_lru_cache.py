# SPDX-License-Identifier: BSD-2-Clause
"""functools.lru_cache(maxsize=None) on a function whose arguments do not repeat."""
import functools

import animal


@functools.lru_cache(maxsize=None)
def render(page):
    return "<p>%d</p>" % page * 120  # LEAK


animal.leak("unbounded_cache", type="str", holder=["render", "lru_cache"])
for n in animal.tick(200):
    render(n)  # LEAK
