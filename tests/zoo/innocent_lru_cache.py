# SPDX-License-Identifier: BSD-2-Clause
"""lru_cache with a bound: it fills for ten seconds, then as much goes as comes."""
import functools

import animal


@functools.lru_cache(maxsize=2000)
def render(page):
    return "<p>%06d</p>" % page * 110


animal.innocent(["bounded_cache", "warmup", None], settles=14)
for n in animal.tick(200):
    render(n)
