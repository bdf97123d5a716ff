# SPDX-License-Identifier: BSD-2-Clause
"""A Pickler that is used again and again: its memo keeps whatever it has ever written."""
import pickle

import animal


class Sink:
    def write(self, data):
        return len(data)


PICKLER = pickle.Pickler(Sink())


def send(n):
    PICKLER.dump({"id": n, "body": "x" * 1500 + str(n)})  # LEAK


animal.leak("object_retention", type=["str", "dict"], holder=["PICKLER", "Pickler", None])
for n in animal.tick(150):
    send(n)
