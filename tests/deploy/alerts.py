# SPDX-License-Identifier: BSD-2-Clause
"""Each alert, at each severity, has a test in which it fires, and one moment at which it does not; and a text."""
from sources import documents

(rules,), (tests,) = documents("prometheus/rules.yml"), documents("prometheus/rules_test.yml")
alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
assert alerts
fired, quiet = set(), set()
for test in tests["tests"]:
    for case in test.get("alert_rule_test", []):
        expected = case["exp_alerts"]
        fired |= {(case["alertname"], alert["exp_labels"]["severity"]) for alert in expected}
        if not expected:
            quiet.add(case["alertname"])
for alert in alerts:
    name, severity = alert["alert"], alert["labels"]["severity"]
    assert (name, severity) in fired, f"{name} ({severity}): no test in which it fires"
    assert name in quiet, f"{name}: no test in which it does not fire"
    assert set(alert["annotations"]) == {"summary", "description"}, name
    assert severity in ("critical", "warning", "info"), name
recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
asked = {case["expr"].split("{")[0] for test in tests["tests"] for case in test.get("promql_expr_test", [])}
assert recorded == asked, f"recorded {sorted(recorded)}, tested {sorted(asked)}"
