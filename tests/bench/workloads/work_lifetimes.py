# SPDX-License-Identifier: BSD-2-Clause
"""Known lifetimes, a line each: what judging survivors by looking later can get wrong.

Counted in work, not in time, so that every run has the same shares. A request does all of it.
"""
from collections import deque

ring = deque(maxlen=3000)
cache = {}
session = []
leaked = []


class Thing:
    __slots__ = ("number", "text")

    def __init__(self, number):
        self.number = number


def at_once(number):
    for i in range(60):
        "temporary %d" % (number + i)


def until_return(number):
    things = [Thing(number + i) for i in range(60)]
    for thing in things:
        thing.text = "text %d" % thing.number
    return len(things)


def in_ring(number):
    ring.append("ring %d" % number)


def in_cache(number):
    cache[number % 500] = "cached %d" % number


def for_a_session(number):
    session.append("session %d" % number)
    if len(session) == 20000:
        session.clear()


def one_in_a_hundred(number):
    for i in range(20):
        text = "rarely kept %d" % (number + i)
        if (number * 20 + i) % 100 == 0:
            leaked.append(text)


def every_other(number):
    text = "half kept %d" % number
    if number % 2:
        leaked.append(text)


def always(number):
    leaked.append("kept %d" % number)


def buffers(number):
    for i in range(4):
        data = bytes(1000 + i)
    if number % 50 == 0:
        leaked.append(data)


ACTS = (
    at_once,
    until_return,
    in_ring,
    in_cache,
    for_a_session,
    one_in_a_hundred,
    every_other,
    always,
    buffers,
)


def setup():
    state = [0]

    def work():
        for _ in range(1000):
            state[0] += 1
            for act in ACTS:
                act(state[0])

    return work
