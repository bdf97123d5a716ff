# SPDX-License-Identifier: BSD-2-Clause
"""Which Pythons are tested, what must be there, and what is compiled for the tests."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import harness

# Runs on 2.7 too.
PROBE = """
import json, sys, sysconfig
of = sysconfig.get_config_var
print(json.dumps({
    "version": sys.version.split()[0],
    "info": sys.version_info[:2],
    "build": "debug" if hasattr(sys, "gettotalrefcount") else
             "free-threaded" if of("Py_GIL_DISABLED") else "",
    "include": sysconfig.get_path("include")}))
"""
FIRST, LAST = (3, 8), (3, 14)
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"


class Python:
    """An interpreter under test."""

    def __init__(self, path):
        self.path = str(path)
        facts = json.loads(subprocess.check_output([self.path, "-c", PROBE], text=True))
        self.version, self.include, self.build = facts["version"], facts["include"], facts["build"]
        self.info = tuple(facts["info"])
        self.supported = FIRST <= self.info <= LAST and not self.build
        self.is_system = self.path == "/usr/bin/python3"
        self.is_installed = self.is_system or Path(self.path).is_relative_to(PYENV)
        debian = self.is_system and Path("/etc/debian_version").exists()
        self.id = "debian" if debian else "-".join(filter(None, (self.version, self.build)))


def find_pythons():
    paths = [str(path) for path in PYENV.glob("*/bin/python")]
    paths += ["/usr/bin/python3"] if Path("/usr/bin/python3").exists() else []
    paths += filter(None, os.environ.get("PYLEAK_PYTHONS", "").split(":"))
    return sorted(map(Python, paths), key=lambda python: (python.is_system, python.info))


FOUND = find_pythons()
PYTHONS = [python for python in FOUND if python.supported]
REFUSED_PYTHONS = [python for python in FOUND if not python.supported]


def two_pythons():
    """The system's and the newest other that is installed, for what does not depend on the version."""
    system = [python for python in PYTHONS if python.is_system]
    others = [python for python in PYTHONS if python.is_installed and not python.is_system]
    return system + others[-1:]


def pytest_generate_tests(metafunc):
    for name, values in (
        ("python", PYTHONS),
        ("some_python", two_pythons()),
        ("one_python", two_pythons()[-1:]),
        ("refused_python", REFUSED_PYTHONS),
    ):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, values, ids=[python.id for python in values])


@pytest.fixture(scope="session")
def built():
    if not os.access(harness.PYLEAK, os.X_OK):
        pytest.fail("%s is not built" % harness.PYLEAK)


@pytest.fixture(scope="session")
def can_trace(built):
    """Skip where the right to load BPF is missing."""
    with harness.Fixture("/usr/bin/python3", "leak_raw.py") as target:
        code, _, lines = harness.tool("--pid", target.pid, "-m", "exact", "-d", "100ms")
    if code == harness.CANNOT_TRACE:
        pytest.skip("cannot trace here: " + " ".join(lines))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="session")
def alloc_cases(folder):
    source = harness.FIXTURES / "alloc_cases.c"
    return harness.compile_library(
        source, folder / "alloc_cases.so", "-Wno-alloc-size-larger-than", "-lpthread"
    )


@pytest.fixture
def leakyext(python, folder):
    """The folder of leakyext.so, built for this Python."""
    if not (Path(python.include) / "Python.h").exists():
        pytest.skip("no headers of Python %s in %s" % (python.version, python.include))
    target = folder / python.id / "leakyext.so"
    if not target.exists():
        target.parent.mkdir()
        harness.compile_library(
            harness.FIXTURES / "ext" / "leakyext.c",
            target,
            "-Wno-missing-field-initializers",
            "-isystem",
            python.include,
        )
    return target.parent


@pytest.fixture
def needs():
    """needs("capsh"): skip without that program."""

    def check(*programs):
        for program in programs:
            if not shutil.which(program):
                pytest.skip("%s is not installed" % program)

    return check
