# SPDX-License-Identifier: BSD-2-Clause
"""A real memory cgroup of a test's own, in version 1 or 2."""

import time
import uuid
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")


def own_path(controllers):
    """Of this process, in the hierarchy that has these."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if names == controllers:
            return path.strip("/")
    return None


class MemoryCgroup:
    def __init__(self, limit):
        self.limit = limit
        name = "pyleak-test-" + uuid.uuid4().hex[:8]
        self.version = 1 if (ROOT / "memory").is_dir() else 2
        self.root = ROOT / "memory" if self.version == 1 else ROOT
        self.folder = self.root / own_path("memory" if self.version == 1 else "") / name

    def __enter__(self):
        try:
            if self.version == 2:
                (self.folder.parent / "cgroup.subtree_control").write_text("+memory")
            self.folder.mkdir()
            name = "memory.limit_in_bytes" if self.version == 1 else "memory.max"
            (self.folder / name).write_text(str(self.limit))
        except OSError as error:
            pytest.skip("no memory cgroup can be made here: %s" % error)
        return self

    def __exit__(self, *_):
        while True:
            try:
                return self.folder.rmdir()
            except OSError:  # the last of its processes is on its way out
                time.sleep(0.05)

    @property
    def path(self):
        """As /proc/PID/cgroup has it."""
        return "/" + str(self.folder.relative_to(self.root))

    def wrap(self, *inside):
        """A command in front of another one, which has it run in this group."""
        script = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return ["sh", "-c", script, str(self.folder), *inside]

    def wrap_with_own_view(self):
        """The same in cgroup and mount namespaces of its own, as in a container: its group is the root there."""
        kind = "-t cgroup -o memory" if self.version == 1 else "-t cgroup2"
        script = 'umount -l "$0" && mount %s none "$0" && exec "$@"' % kind
        return self.wrap("unshare", "--cgroup", "--mount", "sh", "-c", script, str(self.root))
