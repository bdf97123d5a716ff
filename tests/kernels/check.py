# SPDX-License-Identifier: BSD-2-Clause
"""check.py REPORT TRUTH: does the one site of the report at the place of TRUTH have its figures?"""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    truth = json.loads(sys.argv[2])
    place = ("file", "line", "function", "domain")
    process, = report["processes"]
    sites = [site for site in process["sites"] if all(site[key] == truth[key] for key in place)]
    lost = {key: value for key, value in process["lost"].items() if value}
    figures = [{key: site[key] for key in ("live_count", "live_bytes")} for site in sites]
    if figures == [{key: truth[key] for key in ("live_count", "live_bytes")}]:
        print("{live_count} blocks, {live_bytes} bytes at {file}:{line}".format(**truth))
        return 0
    print("no match: the truth is", truth)
    print("at that place:", figures, "lost:", lost)
    print("biggest sites:", *[{key: site[key] for key in (*place, "live_count", "live_bytes")}
                              for site in process["sites"][:5]], sep="\n  ")
    return 1


sys.exit(main())
