# SPDX-License-Identifier: BSD-2-Clause
"""One large document is read at once and kept, as it should be: a step, no growth."""
import json

import animal

TEXT = json.dumps([{"id": i, "name": "row %d" % i, "tags": [str(i)] * 3} for i in range(60000)])
DATA = []
animal.innocent(["large_data", "warmup", None], settles=8)
for n in animal.tick(20):
    if n == 60:
        DATA = json.loads(TEXT)
