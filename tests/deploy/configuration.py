# SPDX-License-Identifier: BSD-2-Clause
"""The example configuration has every option that the agent takes from a file, with its default, all commented out."""
import os
import re
import subprocess

from sources import DEPLOY, ROOT

source = (ROOT / "user/fleet_options.c").read_text()
settings = re.findall(r'^\t\{"([a-z-]+)", [^,]+, (?:TEXT|TIME|SHARE|NUMBER|SWITCH), (?:BOTH|AGENT_ONLY),', source, re.M)
wanted = set(settings) - {"config"}
assert {"listen", "token-file", "budget", "max-traced"} <= wanted, "fleet_options.c has changed its form"

shown = {}
for line in (DEPLOY / "pyleak-bpf.conf").read_text().splitlines():
    assert not line or line.startswith("#"), f"not commented out: {line}"
    setting = re.fullmatch(r"#([a-z-]+) =(?: (\S+))?", line)
    assert setting or not line or line == "#" or line.startswith("# "), line
    if setting:
        assert setting[1] not in shown, f"twice: {setting[1]}"
        shown[setting[1]] = setting[2]
assert set(shown) == wanted, f"missing {sorted(wanted - set(shown))}, too many {sorted(set(shown) - wanted)}"

# Defaults are those that the program says.
text = subprocess.run([os.environ["PYLEAK"], "agent", "--help"], capture_output=True, text=True, check=True).stdout
for key, value in shown.items():
    said = re.search(rf"--{key} [^\n]*default ([^\s;]+)", text)
    assert (said[1] if said else None) == value, f"{key}: {value}, and --help: {said and said[1]}"
