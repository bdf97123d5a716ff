# SPDX-License-Identifier: BSD-2-Clause
"""check.py REPORT TRUTHS LIMIT: has the report one site at the place of each truth, with its figures, and that memory limit (0: any)?

What the report gives as limit is what the process has and what its cgroup leaves: other pages of the cgroup, file and kernel, are off it.
"""
import json
import sys

PLACE = ("file", "line", "function", "domain")
FIGURES = ("live_count", "live_bytes")


def of(keys, site):
    return {key: site[key] for key in keys}


def check(process, truth):
    found = [of(FIGURES, site) for site in process["sites"] if of(PLACE, site) == of(PLACE, truth)]
    if found == [of(FIGURES, truth)]:
        print("{live_count} blocks, {live_bytes} bytes at {file}:{line}".format(**truth))
        return True
    print("no match: the truth is", truth)
    print("at that place:", found, "lost:", {key: value for key, value in process["lost"].items() if value})
    print("biggest sites:", *[of((*PLACE, *FIGURES), site) for site in process["sites"][:5]], sep="\n  ")
    return False


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        process, = json.load(file)["processes"]
    right = [check(process, truth) for truth in json.loads(sys.argv[2])]
    limit = int(sys.argv[3])
    if limit and abs(process["memory"]["limit"] - limit) > limit / 5:
        print("the limit is %d, reported %s" % (limit, process["memory"]["limit"]))
        right.append(False)
    elif limit:
        print("limit of its cgroup: %d bytes" % limit)
    return 0 if all(right) else 1


sys.exit(main())
