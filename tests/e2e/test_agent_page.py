# SPDX-License-Identifier: BSD-2-Clause
"""The page in a browser, of a process whose names are markup: shown, as text, and nothing breaks the policy."""

import html
import re
import shutil
import subprocess

import pytest

import harness
from test_agent import PYTHON, Agent
from test_svg import OPTIONS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.usefixtures("built"),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium"),
]

COMM = "<script>'\"&amp;"
ARGUMENT = "</td></table><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE = """
import sys, time
open("/proc/self/comm", "w").write(%r)
print("there", flush=True)
kept = []
while True:
    kept.append(bytearray(2000))
    time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def page(built):
    """The agent, and the hostile process when it has been traced."""
    with subprocess.Popen(
        [PYTHON, "-c", HOSTILE % COMM, ARGUMENT], stdout=subprocess.PIPE
    ) as target:
        try:
            assert target.stdout.readline()
            with Agent("--comm", "[<]script*") as agent:
                agent.until(lambda: target.pid in agent.processes())
                agent.get("/debug/pprof/heap?pid=%d&seconds=3" % target.pid)
                yield agent, target.pid
        finally:
            target.kill()


def browse(agent, path, milliseconds, tmp_path):
    """The document after so much of the browser's own time, and what it complained of."""
    done = subprocess.run(
        [CHROMIUM, *(one for one in OPTIONS if "virtual-time" not in one),
         "--virtual-time-budget=%d" % milliseconds, "--enable-logging=stderr",
         "--user-data-dir=%s" % tmp_path, "--dump-dom",
         "http://127.0.0.1:%d%s" % (agent.port, path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=harness.HANG, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_page(page, tmp_path):
    agent, pid = page
    document, complaints = browse(agent, "/?pid=%d" % pid, 25000, tmp_path)
    assert not complaints
    assert "owned" not in re.search("<title>(.*?)</title>", document).group(1)
    assert re.findall(r"<script[^>]*>", document) == ['<script src="/page.js" defer="">']
    assert not re.search(r"<img|\son\w+=", re.sub(r"&lt;.*?&gt;", "", document))
    shown = html.unescape(re.sub(r"<[^>]*>", "", document))
    assert COMM in shown and ARGUMENT in shown
    # The script ran: the box is there, and the parts that it put in the place of the old ones.
    assert document.count('id="filter"') == 1
    for part in ("figures", "leaks", "closely", "processes", "graph"):
        assert document.count('id="%s"' % part) == 1
    assert "as of" in re.search(r'id="status"[^>]*>([^<]*)', document).group(1)


def test_flame_graph_runs(page, tmp_path):
    """Its script is let run by its hash; the policy lets it do nothing else."""
    agent, pid = page
    document, complaints = browse(agent, "/api/v1/flamegraph?pid=%d" % pid, 2000, tmp_path)
    assert not complaints
    assert "Reset zoom" in document and "role=\"treeitem\"" in document


def test_without_a_script(page):
    agent, pid = page
    text = agent.get("/?pid=%d" % pid).decode()
    assert '<a href="/?pid=%d#selected">%d</a>' % (pid, pid) in text
    assert "bytearray" in text or "&lt;string&gt;:8" in text
    assert "<script>" not in text and "<img" not in text
