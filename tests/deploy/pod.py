# SPDX-License-Identifier: BSD-2-Clause
"""
The image with what the DaemonSet grants, and nothing else: a container in the host's PID namespace and in a network of its
own, as a node's runtime would start it. It becomes ready, asks for the token, lists a worker that runs outside, traces
it, and names the line that leaks.

    unshare --net pod.py FOLDER [PROFILE]

FOLDER is as tests/deploy/image leaves it; PROFILE is one for seccomp in place of the runtime's own (type: Localhost).

Where the kernel needs CAP_SYS_ADMIN besides, as the manifest says of some, it is added. Not tried: AppArmor and SELinux.
"""
import contextlib
import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from runtime import bundle
from sources import ROOT, documents, needs_sys_admin

FIXTURE = ROOT / "tests/fixtures/fleet_worker.py"
POD_IP = "192.0.2.1"  # nobody's: reserved for documentation
TOKEN = "only-for-this-test"
PATIENCE_S = 120


class Pod:
    def __init__(self, image, folder, profile):
        self.image, self.folder, self.profile = image, folder, profile
        self.name = f"pyleak-test-{os.getpid()}"
        (self.manifest,) = [item for item in documents("kubernetes/daemonset.yaml") if item["kind"] == "DaemonSet"]
        self.container = self.manifest["spec"]["template"]["spec"]["containers"][0]
        if needs_sys_admin():
            self.container["securityContext"]["capabilities"]["add"].append("SYS_ADMIN")
        self.runc = ["runc", f"--root={folder}/runc"]

    def __enter__(self):
        self.log = open(self.folder / "log", "w")
        bundle(self.image, self.folder, self.manifest, {"POD_IP": POD_IP}, TOKEN, self.profile)
        self.process = subprocess.Popen([*self.runc, "run", f"--bundle={self.folder}", self.name], stdout=self.log,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, kind, *_):
        if kind:
            subprocess.run([*self.runc, "delete", "--force", self.name], stderr=subprocess.DEVNULL)
        self.process.wait()
        if kind:
            print((self.folder / "log").read_text(), file=sys.stderr)

    def stop(self):
        """As the kubelet does it; the exit status."""
        subprocess.run([*self.runc, "kill", self.name, "TERM"], check=True)
        return self.process.wait(PATIENCE_S)

    def writable(self):
        """What can be written to at and below the volumes that are to be read only."""
        state = json.loads(subprocess.run([*self.runc, "state", self.name], check=True, stdout=subprocess.PIPE).stdout)
        mounts = [line.split() for line in pathlib.Path(f"/proc/{state['pid']}/mounts").read_text().splitlines()]
        volumes = [mount["mountPath"] for mount in self.container["volumeMounts"] if mount.get("readOnly")]
        return {at for _, at, _, options, *_ in mounts for volume in volumes
                if pathlib.Path(at).is_relative_to(volume) and "ro" not in options.split(",")}

    def ask(self, path, token=TOKEN):
        (port,) = [port["containerPort"] for port in self.container["ports"]]
        request = urllib.request.Request(f"http://{POD_IP}:{port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read()

    def until(self, what, condition):
        """What the condition returns, once it is something."""
        end, said = time.monotonic() + PATIENCE_S, ""
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the agent has ended with {self.process.returncode}"
            try:
                if value := condition():
                    return value
            except urllib.error.HTTPError as error:
                said = error.read().decode()
            except urllib.error.URLError as error:
                said = error.reason
            time.sleep(0.2)
        raise AssertionError(f"{what}: {said}")

    def probe(self, name):
        """One of the manifest's, as the kubelet makes it: without the token."""
        return self.ask(self.container[name]["httpGet"]["path"], token=None)


@contextlib.contextmanager
def worker():
    command = ["/usr/bin/python3", FIXTURE, "leak"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "READY\n"
            yield process.pid
        finally:
            process.kill()


def main(image, folder, profile):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", f"{POD_IP}/32", "dev", "lo"], check=True)
    with worker() as pid, Pod(image, folder, profile) as pod:
        for probe in "startupProbe", "livenessProbe", "readinessProbe":
            pod.until(probe, lambda: pod.probe(probe))
        assert not pod.writable(), pod.writable()
        try:
            pod.ask("/metrics", token=None)
            raise AssertionError("metrics without a token")
        except urllib.error.HTTPError as error:
            assert error.code == 401, error.code
        pod.until("the worker among the metrics", lambda: f'pid="{pid}"' in pod.ask("/metrics").decode())
        # Others may be traced just now, as many as may be at once.
        heap = pod.until("a trace", lambda: pod.ask(f"/debug/pprof/heap?pid={pid}&seconds=15"))
        assert FIXTURE.name.encode() in gzip.decompress(heap)
        report = json.loads(pod.ask(f"/api/v1/report?pid={pid}"))
        (process,) = report["processes"]
        lines = FIXTURE.read_text().splitlines()
        named = {lines[site["line"] - 1] for site in process["sites"] if site["file"] == FIXTURE.name}
        assert any("bytearray(" in line for line in named), process["sites"]
        assert pod.stop() == 0
    # What the manifest cannot help: certificates are the cluster's.
    warnings = [line for line in (folder / "log").read_text().splitlines() if "warning" in line]
    assert all("--tls-cert" in line for line in warnings), warnings


signal.signal(signal.SIGTERM, lambda *_: sys.exit("no answer"))  # the container goes before this does
image, profiles = pathlib.Path(sys.argv[1]).resolve(), [json.loads(pathlib.Path(path).read_text()) for path in sys.argv[2:]]
with tempfile.TemporaryDirectory(dir=image) as own:
    main(image, pathlib.Path(own), profiles[0] if profiles else None)
