# SPDX-License-Identifier: BSD-2-Clause
"""The Containerfile builds from what the repository has, in two stages, and its run stage has no compiler."""
import re

from sources import DEPLOY, ROOT, asked_for

lines = (DEPLOY / "container/Containerfile").read_text()
text = re.sub(r"\\\n\s*", "", lines)
stages = re.findall(r"^FROM (\S+)", text, re.M)
assert len(stages) == 2 and all(re.fullmatch(r"debian:12(-slim)?", stage) for stage in stages), stages
build, run = re.split(r"^FROM .*\n", text, flags=re.M)[1:]
for source in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.M):
    for path in source.split():
        assert (ROOT / path).exists(), f"COPY {path}"
for path in re.findall(r"^COPY --from=build (\S+)", run, re.M):
    assert path in build, f"the build stage makes no {path}"
assert not re.search(r"gcc|clang|-dev\b|tests/needs", run)
assert re.search(r'^ENTRYPOINT \["/usr/sbin/pyleak-bpf"\]$', run, re.M)
# What the example gives.
(given,) = re.findall(r"--cap-add=(\S+)", lines)
assert {"CAP_" + name for name in given.split(",")} == asked_for()
assert "--security-opt no-new-privileges" in lines
(profile,) = re.findall(r"--security-opt seccomp=(\S+)", lines)
assert (ROOT / profile).exists(), profile
