# SPDX-License-Identifier: BSD-2-Clause
"""The objects are gone, but not the weak references to them, nor what a subclass of these carries."""
import weakref

import animal


class Session:
    pass


class Reference(weakref.ref):
    def __init__(self, session, note):
        super().__init__(session)
        self.note = note  # LEAK

    def __new__(cls, session, note):
        return super().__new__(cls, session)  # LEAK


WATCHED = []


def watch(n):
    note = "session %d " % n * 120  # LEAK
    WATCHED.append(Reference(Session(), note))  # LEAK


animal.leak("object_retention", type=["str", "__main__.Reference"], holder="WATCHED")
for n in animal.tick(150):
    watch(n)
