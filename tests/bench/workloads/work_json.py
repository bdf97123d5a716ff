# SPDX-License-Identifier: BSD-2-Clause
"""json: a document of 400 records dumped and loaded."""
import json

FINE = {"times": 2}


def setup(times=40):
    document = [
        {
            "id": i,
            "name": "customer %d" % i,
            "tags": ["t%d" % (i % n) for n in (2, 3, 5, 7)],
            "balance": i * 1.25,
            "address": {"street": "%d High Street" % i, "city": "Sampleton", "zip": None},
            "active": i % 2 == 0,
        }
        for i in range(400)
    ]

    def work():
        for _ in range(times):
            text = json.dumps(document)
            if json.loads(text)[-1]["id"] != 399:
                raise AssertionError(text)

    return work
