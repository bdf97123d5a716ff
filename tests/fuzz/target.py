# SPDX-License-Identifier: BSD-2-Clause
"""Objects of every kind, and memory of no use but to be pointed at; waits to be spoilt. See fuzz_heap.c."""

import array
import asyncio
import collections
import ctypes
import gc
import sys
import threading
import time
import weakref

TERABYTE = 1 << 40
NORESERVE_PRIVATE_ANONYMOUS = 0x4022


def reserve(protection):
    """A terabyte of addresses without memory; 0 where the kernel gives none."""
    mmap = ctypes.CDLL(None).mmap
    mmap.restype = ctypes.c_size_t
    mmap.argtypes = [ctypes.c_size_t] * 2 + [ctypes.c_int] * 3 + [ctypes.c_long]
    address = mmap(0, TERABYTE, protection, NORESERVE_PRIVATE_ANONYMOUS, -1, 0)
    return 0 if address == ctypes.c_size_t(-1).value else address


class Plain:
    def __init__(self, n):
        self.n, self.text, self.other = n, "text %d" % n, None


class Slots:
    __slots__ = ("first", "second", "__weakref__")


class Dicts(dict):
    pass


class Numbers(int):
    pass


def generate(n):
    local = [n]
    yield local
    yield n


async def wait(n):
    await asyncio.sleep(n)


def closure(n):
    def inner(default=[n]):
        return n, default

    return inner


def frame(n):
    return sys._getframe()


def failure(n):
    try:
        raise ValueError(n)
    except ValueError as error:
        return error


def slots(n):
    made = Slots()
    made.first, made.second = n, [n]
    return made


MAKERS = [
    Plain,
    slots,
    closure,
    frame,
    failure,
    wait,
    generate,
    Numbers,
    str,
    float,
    lambda n: list(range(n % 50)),
    lambda n: tuple(range(n % 50)),
    lambda n: {i: str(i) for i in range(n % 50)},
    lambda n: set(range(n % 50)),
    lambda n: frozenset(range(n % 9)),
    lambda n: Dicts(a=n),
    lambda n: collections.OrderedDict(a=n),
    lambda n: collections.defaultdict(list, a=[n]),
    lambda n: collections.deque(range(n % 200)),
    lambda n: array.array("d", range(n % 50)),
    lambda n: bytes(n),
    lambda n: bytearray(n),
    lambda n: 1 << n,
    lambda n: "\u20ac" * n,
    lambda n: Plain(n).__init__,
    lambda n: weakref.ref(Plain),
    lambda n: type("Made%d" % n, (Plain,), {"attribute": n, "__slots__": ("x",)}),
    lambda n: memoryview(b"memory"),
    lambda n: slice(n, [n]),
    lambda n: iter([n]),
]
KEPT = [[make(n) for make in MAKERS] for n in range(60)]
for row in KEPT:
    next(row[6])
    row[0].other = row
CYCLE = Plain(0)
CYCLE.other = CYCLE
gc.disable()
for n in range(50):
    garbage = Plain(n)
    garbage.other = garbage
for n in range(3):
    threading.Thread(target=time.sleep, args=(10000,), daemon=True).start()
LARGE = [bytes(200000) for n in range(5)]
print("%x %x" % (reserve(0), reserve(3)), flush=True)
sys.stdin.readline()
