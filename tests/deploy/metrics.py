# SPDX-License-Identifier: BSD-2-Clause
"""Rules and dashboard ask for metrics that the agent has, by labels that these have."""
import json
import re

from sources import DEPLOY, METRICS, ROOT, documents

COMMON = {"instance", "job", "pid", "comm", "python", "cgroup"}
OWN = {"generation", "file", "line", "function", "signature", "cause", "reason", "map"}


def expressions():
    """(where, PromQL) of everything in deploy/ that is asked of Prometheus."""
    (rules,) = documents("prometheus/rules.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            where = rule.get("alert") or rule["record"]
            yield where, rule["expr"]
            for text in rule.get("annotations", {}).values():
                for query in re.findall(r'printf "(.*?)"', text):
                    yield where, query.replace("%q", '""')
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def labels_of(expression):
    """Names that the expression groups, matches and looks up by."""
    found = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    for names in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression):
        found += re.split(r"[,\s]+", names.strip())
    found += re.findall(r"label_values\(.*,\s*(\w+)\)", expression)
    return set(found)


used = set()
for where, expression in expressions():
    # A recorded series, level:metric:operation, is one of ours; rules_test.yml says which there are.
    bare = re.sub(r"\w+:pyleak_\w+:\w+", "", expression)
    names = set(re.findall(r"\bpyleak_(\w+)", bare))
    assert names <= METRICS, f"{where}: no metric {sorted(names - METRICS)}"
    unknown = labels_of(expression) - COMMON - OWN
    assert not unknown, f"{where}: no label {sorted(unknown)}"
    used |= names
assert used == METRICS, f"shown nowhere: {sorted(METRICS - used)}"

# What the agent exports, once it does: every name is written out in one of its files.
exported = "".join(path.read_text() for path in sorted(ROOT.glob("user/agent/metrics*.c")))
if exported:
    missing = [name for name in sorted(METRICS) if not re.search(rf'"(pyleak_)?{name}"', exported)]
    assert not missing, f"user/agent/metrics*.c has no {missing}"
