# SPDX-License-Identifier: BSD-2-Clause
"""Two leaks at once, each half as large: naming either of them is right."""
import animal

USERS, PAGES = {}, []


def login(n):
    USERS["user-%d" % n] = [n] * 100  # LEAK


def visit(n):
    PAGES.append("/page/%d/" % n * 70)  # LEAK


animal.leak(
    ["object_retention", "unbounded_cache"], type=["list", "str"], holder=["USERS", "PAGES"]
)
for n in animal.tick(140):
    login(n)  # LEAK
    visit(n)
