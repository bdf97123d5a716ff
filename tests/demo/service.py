"""A small web-like service with a leak: every request leaves its session in a dictionary for good."""

import json
import random
import sys
import time


class Session:
    def __init__(self, user):
        self.user = user
        self.history = []

    def remember(self, request):
        self.history.append(request)


SESSIONS = {}


def parse(body):
    return json.loads(body)


def render(request):
    return "".join(f"<li>{key}: {value}</li>" for key, value in request.items())


def handle(number):
    request = parse(json.dumps({"id": number, "body": "x" * random.randint(10, 400)}))
    session = SESSIONS.setdefault(number, Session(number))  # never removed: the leak
    session.remember(bytearray(2000))
    return render(request)


def main():
    print("READY", flush=True)
    end = time.monotonic() + float(sys.argv[1])
    number = 0
    while time.monotonic() < end:
        for _ in range(20):
            handle(number)
            number += 1
        time.sleep(0.02)


main()
