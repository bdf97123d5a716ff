# SPDX-License-Identifier: BSD-2-Clause
"""Decoded messages are kept for a replay that nobody asks for; they are made inside of json."""
import json

import animal

TEXT = json.dumps({"id": 1, "items": [{"sku": "abc-%d" % i, "count": i} for i in range(12)]})
REPLAY = []


def receive():
    REPLAY.append(json.loads(TEXT))  # LEAK


animal.leak("object_retention", type=["dict", "str", "list"], holder="REPLAY", library=json)
for n in animal.tick(60):
    receive()
