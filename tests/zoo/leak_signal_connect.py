# SPDX-License-Identifier: BSD-2-Clause
"""Handlers by event name in a class: connect() in each request, disconnect() never."""
import functools

import animal


class Signal:
    handlers = {"saved": []}

    @classmethod
    def connect(cls, name, handler):
        cls.handlers[name].append(handler)  # LEAK


def on_saved(body, sender):
    pass


def request(n):
    body = "x" * 1200 + str(n)  # LEAK
    Signal.connect("saved", functools.partial(on_saved, body))  # LEAK


animal.leak("object_retention", type=["str", "functools.partial"], holder="handlers")
for n in animal.tick(150):
    request(n)
