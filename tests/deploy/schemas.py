# SPDX-License-Identifier: BSD-2-Clause
"""
The manifests and the dashboard as values of the types that Kubernetes, the Prometheus operator and Grafana publish: the
TypeScript compiler refuses a key that there is not, one that is missing, and a value of another kind. That it does is
tried with keys that are spelt wrongly.

Types and compiler are npm's, kept in build/schemas; exits with 77 where they cannot be had.
"""
import json
import re
import shutil
import subprocess
import sys

from sources import DEPLOY, ROOT, documents

PACKAGES = {
    "typescript": "5.9.3",
    "kubernetes-models": "5.1.0",
    "@kubernetes-models/prometheus-operator": "6.0.0",
    "@grafana/schema": "13.2.3",
}
# What is JSON cannot name a member of an enum: its value does. A panel leaves out what is as by default.
HELPERS = """\
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Part<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]?: Part<T[K]> } : T;
"""
PANELS = {"stat": "Stat", "table": "Table", "timeseries": "TimeSeries"}
# Keys, and of which types: to a dashboard the options of its panels are anything.
MISSPELT = {
    "automountServiceAccountToken": "ServiceAccount",
    "hostPID": "DaemonSet",
    "recursiveReadOnly": "DaemonSet",
    "namespaceSelector": "NetworkPolicy",
    "sourceLabels": "PodMonitor",
    "gridPos": "Dashboard",
    "includeAll": "Dashboard",
    "reduceOptions": "Stat",
    "sortBy": "Table",
    "showLegend": "TimeSeries",
    "lineWidth": "GraphFieldConfig",
}


def fetch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "type": "module", "dependencies": PACKAGES})
    done = folder / "installed"
    if done.exists() and done.read_text() == wanted:
        return
    if not shutil.which("npm"):
        print("no npm")
        sys.exit(77)
    (folder / "package.json").write_text(wanted)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--fetch-retries=1"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        codes = re.findall(r"\bcode (\w+)", result.stderr) or [result.returncode]
        print("npm has not got the types:", codes[0])
        sys.exit(77)
    done.write_text(wanted)


def kubernetes(item):
    package = "kubernetes-models"
    if item["apiVersion"].startswith("monitoring.coreos.com/"):
        package = "@kubernetes-models/prometheus-operator"
    return f'import("{package}/{item["apiVersion"]}/{item["kind"]}").I{item["kind"]}'


def panel_types(panel):
    """(type, value) of what a kind of panel defines for itself, which to the dashboard is any object."""
    name = PANELS[panel["type"]]
    module = f"@grafana/schema/dist/esm/raw/composable/{name.lower()}/panelcfg/x/{name}PanelCfg_types.gen"
    yield f'Part<import("{module}").Options>', panel["options"]
    custom = panel["fieldConfig"]["defaults"].get("custom")
    if custom:
        assert name == "TimeSeries", panel["title"]
        yield 'Part<import("@grafana/schema").GraphFieldConfig>', custom


def values():
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for item in documents(path.relative_to(DEPLOY)):
            yield kubernetes(item), item
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    yield 'Plain<import("@grafana/schema").Dashboard>', dashboard
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield from panel_types(panel)


def source():
    yield HELPERS
    untried = set(MISSPELT)
    for number, (kind, value) in enumerate(values()):
        yield f"export const value{number}: {kind} = {json.dumps(value, indent=1)};\n"
        text = json.dumps(value)
        for key, where in MISSPELT.items():
            if where in kind and f'"{key}":' in text:
                wrong = text.replace(f'"{key}":', f'"{key}s":')
                yield f"// @ts-expect-error\nexport const {key}{number}: {kind} = {wrong};\n"
                untried.discard(key)
    assert not untried, f"nothing has {untried} any more"


folder = ROOT / "build/schemas"
fetch(folder)
(folder / "values.ts").write_text("".join(source()))
command = ["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022",
           "--pretty", "values.ts"]
sys.exit(subprocess.run(command, cwd=folder).returncode)
