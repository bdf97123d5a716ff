# SPDX-License-Identifier: BSD-2-Clause
"""re: a log searched, split into groups and rewritten."""
import re

FINE = {"lines": 250, "times": 1}
LINE = re.compile(
    r"(?P<ip>[\d.]+) - (?P<user>\w+) \[(?P<when>[^]]+)\] \"(?P<verb>[A-Z]+) (?P<path>\S+)\" (\d{3})"
)


def setup(lines=3000, times=2):
    log = "\n".join(
        '10.0.%d.%d - user%d [21/Nov/2026:10:%02d:%02d] "GET /shop/item/%d?page=%d" 200'
        % (i % 256, i * 7 % 256, i % 50, i // 60 % 60, i % 60, i, i % 9)
        for i in range(lines)
    )

    def work():
        for _ in range(times):
            by_user = {}
            for match in LINE.finditer(log):
                by_user.setdefault(match["user"], []).append(match.groupdict())
            words = re.findall(r"\w+", log)
            short = re.sub(r"\d+", lambda m: m.group()[:1], log)
        return len(by_user) + len(words) + len(short)

    return work
