# SPDX-License-Identifier: BSD-2-Clause
"""Widgets subscribe to a long-lived subject with a bound method, and never unsubscribe."""
import animal


class Subject:
    def __init__(self):
        self.observers = []

    def subscribe(self, callback):
        self.observers.append(callback)  # LEAK


class Widget:
    def __init__(self, subject):
        self.pixels = bytearray(2000)  # LEAK
        subject.subscribe(self.on_change)  # LEAK

    def on_change(self):
        pass


SUBJECT = Subject()
animal.leak("object_retention", type=["bytearray", "__main__.Widget", "method"], holder="observers")
for n in animal.tick(120):
    Widget(SUBJECT)  # LEAK
