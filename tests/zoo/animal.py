# SPDX-License-Identifier: BSD-2-Clause
"""
What the programs of the zoo share: their pace, and the truth that they print.

    animal.leak("object_retention", type="dict", holder="HISTORY")
    for n in animal.tick(200):
        handle(n)

leak() and innocent() print one line of JSON when the program is ready. Every line of the program
that ends in a comment LEAK allocates what stays: a verdict may name any of them. Where several
answers are right, a truth is a list; None in it: no answer is right too. Runs on CPython 3.8 to
3.14 without packages.
"""
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WAKES = 40  # a second at most: more often is CPU time for nothing
MARK = "# " + "LEAK"
ORDER = {"id": 1, "items": [{"sku": "a-%d" % i, "price": i * 1.5} for i in range(8)], "paid": False}


def serve(requests):
    """What every service does beside leaking: objects that come and go."""
    for _ in range(requests):
        json.loads(json.dumps(ORDER))


class Pace:
    """How many steps are due. A program that was held up for long does not make up for it."""

    def __init__(self, rate):
        self.rate, self.done, self.start = rate, 0, time.monotonic()
        self.pause = max(1.0 / rate, 1.0 / WAKES)

    def due(self):
        behind = int((time.monotonic() - self.start) * self.rate) - self.done
        if behind > self.rate + 1:
            self.start += behind / self.rate
            behind = 1
        self.done += behind
        return range(self.done - behind, self.done)


def tick(rate, requests=1):
    """0, 1, 2 ... at that rate a second; requests: other work at each wake."""
    pace = Pace(rate)
    while True:
        for n in pace.due():
            yield n
        serve(requests)
        time.sleep(pace.pause)


async def atick(rate, requests=1):
    """The same in an event loop."""
    import asyncio

    pace = Pace(rate)
    while True:
        for n in pace.due():
            yield n
        serve(requests)
        await asyncio.sleep(pace.pause)


def listed(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def name(type_):
    """As reports call a type."""
    if type_.__module__ == "builtins":
        return type_.__qualname__
    return "%s.%s" % (type_.__module__, type_.__qualname__)


def place(module):
    """Where a library's lines are: of a package its folder."""
    path = os.path.abspath(module.__file__)
    return os.path.dirname(path) if os.path.basename(path).startswith("__init__.") else path


def marked(path):
    with open(path, encoding="utf-8") as source:
        lines = enumerate(source, 1)
        return ["%s:%d" % (path, i) for i, line in lines if line.rstrip().endswith(MARK)]


def say(**truth):
    path = os.path.abspath(sys.modules["__main__"].__file__)
    truth.update(name=os.path.basename(path)[:-3], pid=os.getpid(), python=sys.version.split()[0])
    truth["line"] += marked(path)
    print(json.dumps(truth), flush=True)


def leak(cause, type=None, holder=None, library=(), line=()):
    """library: modules whose lines may be named where the stack goes through a marked one."""
    say(
        kind="leak",
        cause=listed(cause),
        type=listed(type),
        holder=listed(holder),
        library=[place(module) for module in listed(library)],
        line=list(line),
        settles=3,
    )


def innocent(cause=None, settles=3):
    """settles: seconds after which it grows no more."""
    say(
        kind="not_a_leak",
        cause=listed(cause),
        type=[None],
        holder=[None],
        library=[],
        line=[],
        settles=settles,
    )


def skip(why):
    print(json.dumps({"skip": why}), flush=True)
    sys.exit(0)


def build(source, target, *options):
    """Two programs may build the same at once: whoever is last puts it there."""
    if os.path.exists(target) and os.path.getmtime(target) >= os.path.getmtime(source):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    mine = "%s.%d" % (target, os.getpid())
    command = ["cc", "-O1", "-g", "-Wall", "-fPIC", "-shared", "-o", mine, source]
    if os.spawnvp(os.P_WAIT, "cc", command + list(options)):
        skip("cannot build %s" % os.path.basename(source))
    os.rename(mine, target)


def folder():
    there = os.environ.get("ZOO_BUILD") or os.path.join(HERE, "..", "..", "build", "zoo")
    return os.path.join(os.path.abspath(there), "native-" + sys.version.split()[0])


def extension():
    """native/zooext.c as a module of this Python."""
    import sysconfig

    include = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(include, "Python.h")):
        skip("no headers of this Python in %s" % include)
    build(
        os.path.join(HERE, "native", "zooext.c"),
        os.path.join(folder(), "zooext.so"),
        "-isystem",
        include,
    )
    sys.path.insert(0, folder())
    import zooext

    return zooext


def native():
    """native/zoolib.c: a library without Python."""
    import ctypes

    target = os.path.join(folder(), "zoolib.so")
    build(os.path.join(HERE, "native", "zoolib.c"), target)
    return ctypes.CDLL(target)
