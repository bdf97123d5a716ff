# SPDX-License-Identifier: BSD-2-Clause
"""A C function takes a reference to its argument and keeps nothing: the object is never freed."""
import animal

zooext = animal.extension()


class Request:
    def __init__(self, n):
        self.body = "x" * 1200 + str(n)  # LEAK


def handle(n):
    request = Request(n)  # LEAK
    zooext.inspect_argument(request)


animal.leak("refcount_leak", type=["__main__.Request", "str"], holder=[None, "native"])
for n in animal.tick(150):
    handle(n)
