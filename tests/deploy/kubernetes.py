# SPDX-License-Identifier: BSD-2-Clause
"""The manifests parse, fit together, and give the agent what the systemd unit gives it, and no more."""
from sources import DEPLOY, asked_for, documents

for path in DEPLOY.rglob("*.y*ml"):
    assert all(documents(path.relative_to(DEPLOY))), path

objects = documents("kubernetes/daemonset.yaml")
kinds = {item["kind"]: item for item in objects}
assert set(kinds) == {"Namespace", "ServiceAccount", "DaemonSet", "NetworkPolicy"}, "what else is it for?"
namespace = kinds["Namespace"]["metadata"]["name"]
assert all(item["metadata"].get("namespace", namespace) == namespace for item in objects)
assert kinds["ServiceAccount"]["automountServiceAccountToken"] is False

daemonset = kinds["DaemonSet"]["spec"]
labels, pod = daemonset["template"]["metadata"]["labels"], daemonset["template"]["spec"]
chosen = daemonset["selector"]["matchLabels"]
assert chosen.items() <= labels.items()
assert kinds["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == chosen
assert kinds["NetworkPolicy"]["spec"]["egress"] == []
assert pod["hostPID"] is True and not pod["hostNetwork"] and "hostIPC" not in pod
assert pod["automountServiceAccountToken"] is False
assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"

(agent,) = pod["containers"]
context = agent["securityContext"]
assert context["privileged"] is False and context["allowPrivilegeEscalation"] is False
assert context["readOnlyRootFilesystem"] is True
assert context["capabilities"]["drop"] == ["ALL"]
assert {"CAP_" + name for name in context["capabilities"]["add"]} == asked_for()
assert "/" not in agent["image"], "a registry's name"
assert agent["resources"]["limits"].keys() == agent["resources"]["requests"].keys() == {"cpu", "memory"}
for probe, path in ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz"):
    assert agent[probe]["httpGet"] == {"path": path, "port": agent["ports"][0]["name"]}

mounts = {mount["name"]: mount for mount in agent["volumeMounts"]}
volumes = {volume["name"]: volume for volume in pod["volumes"]}
assert mounts.keys() == volumes.keys()
for name, volume in volumes.items():
    if "hostPath" in volume and name != "reports":
        assert mounts[name]["readOnly"] is True, f"the host's {name} can be written to"
options = dict(argument[2:].split("=", 1) for argument in agent["args"] if argument.startswith("--"))
assert options["listen"].startswith("$(POD_IP):") and "token-file" in options
assert options["token-file"].startswith(mounts["token"]["mountPath"] + "/")
assert options["oom-dir"] == mounts["reports"]["mountPath"]

(monitor,) = documents("kubernetes/podmonitor.yaml")
assert monitor["spec"]["selector"]["matchLabels"] == chosen
(endpoint,) = monitor["spec"]["podMetricsEndpoints"]
assert endpoint["authorization"]["credentials"]["name"] == volumes["token"]["secret"]["secretName"]
