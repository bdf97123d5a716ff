# SPDX-License-Identifier: BSD-2-Clause
"""A class keeps a registry of all its instances: strong references, for ever."""
import animal


class Session:
    registry = []

    def __init__(self, n):
        self.user = "user-%d" % n  # LEAK
        self.basket = [n] * 100  # LEAK
        Session.registry.append(self)  # LEAK


animal.leak("object_retention", type=["__main__.Session", "list"], holder="registry")
for n in animal.tick(250):
    Session(n)  # LEAK
