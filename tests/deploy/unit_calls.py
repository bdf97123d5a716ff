# SPDX-License-Identifier: BSD-2-Clause
"""The system calls that the systemd unit names, by systemd's own sets."""
import subprocess

from sources import unit


def members(name):
    """The system calls of a filter's word: itself, or those of the set."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True, capture_output=True,
                            text=True).stdout
    words = [line.strip() for line in listed.splitlines()[1:]]
    return set().union(*(members(word) for word in words if word and not word.startswith("#")))


def let_through():
    """What the unit lets through."""
    allowed = members("@default")
    for value in unit("SystemCallFilter"):
        named = set().union(*(members(word) for word in value.lstrip("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed
