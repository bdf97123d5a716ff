# SPDX-License-Identifier: BSD-2-Clause
"""What deploy/ says and what the program's source says, read for comparison."""
import os
import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"

# The metrics of the agent, all prefixed pyleak_: what rules, dashboards and people rely on.
METRICS = set("""
process_resident_bytes process_growth_bytes_per_second process_seconds_to_limit python_objects_bytes python_blocks
pymalloc_free_bytes malloc_in_use_bytes malloc_free_bytes gc_collections_total gc_uncollectable_total site_live_bytes
leak_growth_bytes_per_second target_overhead_ratio lost_events_total agent_cpu_seconds_total agent_resident_bytes
agent_map_entries agent_map_capacity build_info
""".split())


def documents(path):
    """All documents of a YAML file below deploy/."""
    return list(yaml.safe_load_all((DEPLOY / path).read_text()))


UNIT = "systemd/pyleak-bpf-agent.service"
SYS_ADMIN = UNIT + ".d/sys-admin.conf"


def unit(key, path=UNIT):
    """The values of a key of the systemd unit, or of its drop-in, in order."""
    return re.findall(rf"^{key}=(.*)$", (DEPLOY / path).read_text(), re.M)


def capabilities_in(path, table):
    """The capabilities that an array of a C file names: CAP_ at the start of its entries."""
    text = (ROOT / path).read_text()
    body = re.search(rf"{table}\[\] = \{{(.*?)\n\}};", text, re.S).group(1)
    return set(re.findall(r"^\t\{?(CAP_[A-Z_]+)", body, re.M))


def asked_for():
    """What the program refuses to trace without."""
    return capabilities_in("user/discover/requirements.c", "needs")


def needs_sys_admin():
    """What the drop-in says of kernels that need it."""
    release = tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])
    paranoid = int(pathlib.Path("/proc/sys/kernel/perf_event_paranoid").read_text())
    return release < (6, 6) or paranoid > 2
