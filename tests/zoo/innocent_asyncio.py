# SPDX-License-Identifier: BSD-2-Clause
"""Tasks that end, all of them; a thousand live at any time."""
import asyncio

import animal


async def handle(n):
    body = bytearray(1000)
    await asyncio.sleep(3)
    return len(body)


async def main():
    async for n in animal.atick(100):
        asyncio.ensure_future(handle(n))


animal.innocent([None, "warmup", "bounded_cache"], settles=7)
asyncio.run(main())
