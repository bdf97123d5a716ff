# SPDX-License-Identifier: BSD-2-Clause
"""
The profile of system calls lets nothing through that the systemd unit refuses, and nothing that a runtime's default profile
refuses to these capabilities but what it is there for.
"""
import json
import sys

from runtime import NEWER, PROFILE, allowed, seccomp
from sources import DEPLOY, asked_for
from unit_calls import let_through

if not PROFILE.exists():
    print("no default profile of containers/common")
    sys.exit(77)
profile = json.loads((DEPLOY / "container/seccomp.json").read_text())
assert profile["defaultAction"] == "SCMP_ACT_ERRNO" and profile["defaultErrnoRet"] == 1
(rule,) = profile["syscalls"]
assert rule.keys() == {"action", "names"}
names = rule["names"]
assert names == sorted(set(names))
assert set(NEWER) <= set(names)
assert set(names) <= let_through(), set(names) - let_through()
default = allowed(seccomp(asked_for()))
assert set(names) <= default, set(names) - default
# As an older runtime has it: what is more are these two.
old = allowed(seccomp(asked_for() - set(NEWER.values())))
assert set(names) - old == set(NEWER), set(names) - old
