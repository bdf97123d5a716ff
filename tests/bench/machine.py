# SPDX-License-Identifier: BSD-2-Clause
"""What the figures were taken on."""
import os
import platform
import shutil
import subprocess
import time

from place import ROOT, debian_version


def first_line(path, prefix):
    try:
        with open(path, encoding="utf-8") as lines:
            return next(
                (
                    line.partition(prefix)[2].strip(' :=\t\n"')
                    for line in lines
                    if line.startswith(prefix)
                ),
                None,
            )
    except OSError:
        return None


def commit():
    if not shutil.which("git"):
        return None

    def git(*words):
        done = subprocess.run(
            ["git", "-C", str(ROOT), *words],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    head = git("describe", "--always", "--tags")
    return (
        head + ("-dirty" if head and git("status", "--porcelain", "-uno") else "") if head else None
    )


def describe(bench):
    load = os.getloadavg()[0]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpu": first_line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "hypervisor": (" hypervisor" in (first_line("/proc/cpuinfo", "flags") or "")),
        "memory": first_line("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "system": first_line("/etc/os-release", "PRETTY_NAME"),
        "python": "%s %s" % (bench.host.python, bench.host.python_version()),
        "load_before": load,
        "commit": commit(),
        "workload_cpu": bench.cpu,
        "versions": {
            name: debian_version(package)
            for name, package in (
                ("python3-django", "python3-django"),
                ("gunicorn", "gunicorn"),
                ("wrk", "wrk"),
            )
        },
    }
