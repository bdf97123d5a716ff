# SPDX-License-Identifier: BSD-2-Clause
"""A cache class of its own that is a dict; it lives in another object that the module has."""
import animal


class Cache(dict):
    def fetch(self, key):
        if key not in self:
            self[key] = [key] * 150  # LEAK
        return self[key]


class Service:
    def __init__(self):
        self.results = Cache()


SERVICE = Service()
animal.leak("unbounded_cache", type="list", holder=["results", "__main__.Cache"])
for n in animal.tick(200):
    SERVICE.results.fetch("key-%d" % n)  # LEAK
