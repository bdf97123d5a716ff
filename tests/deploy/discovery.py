# SPDX-License-Identifier: BSD-2-Clause
"""
Parca's configuration, in as much as it is Prometheus' own, given to promtool beside an agent's list of processes: each
process becomes one request, to the agent that listed it.
"""
import http.server
import json
import pathlib
import subprocess
import sys
import threading

import yaml

from sources import DEPLOY, documents

# What the agent is to serve; its own name for itself is no address to reach it by.
PROCESSES = {"41": "gunicorn", "42": 'a"b\n'}
TARGETS = [{"targets": ["localhost:1"], "labels": {"__param_pid": pid, "pid": pid, "comm": comm}}
           for pid, comm in PROCESSES.items()]


class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/api/v1/targets"
        body = json.dumps(TARGETS).encode() if found else b""
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def discovered(job, folder):
    """The labels of the targets that Prometheus makes of a job."""
    config = pathlib.Path(folder) / "discovery.yml"
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    command = ["promtool", "check", "service-discovery", "--timeout=5s", str(config), job["job_name"]]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return [target["labels"] for target in json.loads(result.stdout)]


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Agent)
threading.Thread(target=server.serve_forever, daemon=True).start()
(parca,) = documents("pprof/parca.yml")
(job,) = parca["scrape_configs"]
profiles = job.pop("profiling_config")["pprof_config"]
# Other kinds are on by default, and an agent has only this.
assert {name for name, profile in profiles.items() if profile["enabled"]} == {"memory"}
assert set(profiles) == {"memory", "block", "goroutine", "mutex", "process_cpu"}
assert profiles["memory"]["path"] == "/debug/pprof/heap"
# Parca wants it longer than the interval, Prometheus shorter.
assert int(job.pop("scrape_timeout")[:-1]) > int(job["scrape_interval"][:-1])

address = f"127.0.0.1:{server.server_port}"
(discovery,) = job["http_sd_configs"]
assert discovery["url"] == "http://127.0.0.1:9797/api/v1/targets"
discovery["url"] = discovery["url"].replace("127.0.0.1:9797", address)
targets = discovered(job, sys.argv[1])
assert len(targets) == len(PROCESSES), targets
for labels in targets:
    assert labels["__address__"] == address, labels
    assert labels["instance"] == "127.0.0.1", labels
    assert labels["comm"] == PROCESSES[labels["__param_pid"]], labels
    assert labels["pid"] == labels["__param_pid"], labels

# Alloy's says the same in its own words.
alloy = (DEPLOY / "pprof/pyroscope.alloy").read_text()
for word in discovery["url"].replace(address, "127.0.0.1:9797"), '"/debug/pprof/heap"', "profile.memory":
    assert word in alloy, word
for rule in job["relabel_configs"]:
    assert json.dumps(rule["regex"]) in alloy, rule["regex"]
for name in set(profiles) - {"memory"}:
    assert f"profile.{name} {{\n\t\t\tenabled = false" in alloy, name
assert alloy.count("{") == alloy.count("}")
