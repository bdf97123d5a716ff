# SPDX-License-Identifier: BSD-2-Clause
"""Where a process runs: on this machine, or in the tree with newer packages (tree.sh)."""
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKLOADS = HERE / "workloads"


class Unavailable(Exception):
    """A tool, workload or place cannot be had here; the text says why, for the report."""


def environment(**more):
    """The caller's, less what would change a Python; the same hashes in every run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "LD_PRELOAD"}
    return dict(kept, PYTHONHASHSEED="0", **more)


class Host:
    name = "host"

    def __init__(self, python, scratch):
        self.python, self.scratch, self.workloads = python, scratch, str(WORKLOADS)

    def check(self):
        if not os.access(self.python, os.X_OK):
            raise Unavailable("no %s" % self.python)

    def command(self, argv, directory=None):
        """argv as it is to be started; paths of scratch() and workloads are the process's own."""
        return ["env", "--chdir=%s" % (directory or self.workloads), *argv]

    def scratch_path(self, name):
        """A file that a process here may write: its name there, and from outside."""
        path = os.path.join(self.scratch, name)
        return path, path

    def output(self, argv):
        done = subprocess.run(
            self.command(argv),
            env=environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        return done.stdout.strip()

    def python_version(self):
        return self.output([self.python, "-c", "import sys; print(sys.version.split()[0])"])

    def has_module(self, name):
        return self.output([self.python, "-c", "import %s; print('yes')" % name]).endswith("yes")


class Tree(Host):
    name = "tree"

    def __init__(self):
        super().__init__("/usr/bin/python3", "/tmp")
        self.path, self.reason, self.workloads = None, None, "/work"

    def check(self):
        """Makes the tree when it is first wanted."""
        if self.path is None and self.reason is None:
            made = subprocess.run(
                [str(HERE / "tree.sh")],
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            if made.returncode == 0:
                self.path = made.stdout.strip()
            else:
                self.reason = (made.stderr.strip().splitlines() or ["tree.sh failed"])[-1]
        if self.reason:
            raise Unavailable(self.reason)

    def command(self, argv, directory=None):
        inside = [str(HERE / "inside.sh"), self.path, str(WORKLOADS), directory or self.workloads]
        return ["unshare", "--mount", "--propagation", "private", *inside, *argv]

    def beside(self, pid, argv):
        """In the mount namespace of a process there: in another, gdb reads wrong libraries."""
        enter = ["nsenter", "--mount=/proc/%d/ns/mnt" % pid, "chroot", self.path]
        return [*enter, "/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv]

    def scratch_path(self, name):
        return "/tmp/" + name, os.path.join(self.path, "tmp", name)

    def version_of(self, package):
        for line in Path(self.path, "versions").read_text().splitlines():
            name, version = line.split()
            if name == package:
                return version
        return None


def debian_version(package):
    if not shutil.which("dpkg-query"):
        return None
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    return done.stdout.strip() or None
