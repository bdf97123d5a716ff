# SPDX-License-Identifier: BSD-2-Clause
"""Object churn: instances, strings, tuples, lists, dicts and bytes made and dropped at once."""


FINE = {"count": 4000}


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


def setup(count=70000):
    def work():
        for i in range(count):
            Point(i, str(i))
            (i, i + 1, i + 2)
            [i, (i,), {"key": i, "name": "n%d" % i}]
            b"%d" % i

    return work
