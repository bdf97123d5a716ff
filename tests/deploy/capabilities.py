# SPDX-License-Identifier: BSD-2-Clause
"""The unit gives what requirements.c asks for; what privileges.c keeps beyond that is the interactive command's."""
from sources import SYS_ADMIN, asked_for, capabilities_in, unit

INTERACTIVE = {
    "CAP_DAC_OVERRIDE",  # -o FILE into a directory of another user
    "CAP_KILL",  # the command that it started
}

needed, kept = asked_for(), capabilities_in("user/privileges.c", "kept")
assert len(needed) >= 4, needed
for key in "CapabilityBoundingSet", "AmbientCapabilities":
    (given,) = unit(key)
    assert set(given.split()) == needed, f"{key}={given}; requirements.c asks for {sorted(needed)}"
    assert unit(key, SYS_ADMIN) == ["CAP_SYS_ADMIN"]
assert kept - INTERACTIVE == needed, f"privileges.c keeps {sorted(kept)}: the unit has not been told"
assert unit("NoNewPrivileges") == ["yes"]
