# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard is one that Grafana shows as meant: ids, places, units, words, variables."""
import json
import re

from sources import DEPLOY

dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
panels = dashboard["panels"]
assert dashboard["schemaVersion"] >= 39 and dashboard["uid"] and "id" not in dashboard

ids = [panel["id"] for panel in panels]
assert len(set(ids)) == len(ids), "two panels have one id"
variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
assert {"datasource", "host", "cgroup"} <= set(variables)
assert variables["datasource"]["type"] == "datasource"

cells = {}
for panel in panels:
    title, place = panel["title"], panel["gridPos"]
    assert 0 <= place["x"] and place["x"] + place["w"] <= 24, title
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            other = cells.setdefault((x, y), title)
            assert other == title, f"{title} lies upon {other}"
    if panel["type"] == "row":
        continue
    assert panel["description"], title
    assert panel["datasource"]["uid"] == "${datasource}", title
    assert panel["targets"], f"{title}: nothing is asked"
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), title
    units = [panel["fieldConfig"]["defaults"].get("unit")]
    for override in panel["fieldConfig"]["overrides"]:
        units += [p["value"] for p in override["properties"] if p["id"] == "unit"]
    assert any(units) or title == "Versions", f"{title}: no unit"
    for target in panel["targets"]:
        names = set(re.findall(r"\$\{?(\w+)\}?", target["expr"])) - {"__rate_interval"}
        assert names <= set(variables), f"{title}: no variable {names}"
        assert "host" in names, f"{title}: of all hosts, whichever is chosen"
        assert target["expr"].count("(") == target["expr"].count(")"), title
        assert target["expr"].count("{") == target["expr"].count("}"), title
