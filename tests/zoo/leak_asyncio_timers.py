# SPDX-License-Identifier: BSD-2-Clause
"""A timeout for each request, an hour ahead, never cancelled: the loop's heap keeps them."""
import asyncio

import animal


def expire(request):
    pass


async def main():
    loop = asyncio.get_running_loop()
    async for n in animal.atick(120):
        request = {"id": n, "body": b"x" * 1400 + b"%d" % n}  # LEAK
        loop.call_later(3600, expire, request)  # LEAK


animal.leak(
    "object_retention",
    type=["bytes", "dict", "asyncio.events.TimerHandle"],
    holder="_scheduled",
    library=asyncio,
)
asyncio.run(main())
