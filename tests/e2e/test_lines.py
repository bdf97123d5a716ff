# SPDX-License-Identifier: BSD-2-Clause
"""The lines view: the figures of a line are those of the report, its text is that of the file that the process runs."""

import os
import re
import shutil
import signal

import pytest

from harness import FIXTURES, Fixture, Tool, tool, trace

pytestmark = pytest.mark.usefixtures("can_trace")

UNITS = ("B", "KiB", "MiB", "GiB")
HEADS = re.compile(r"^(\S.*): [\d.]+ (?:B|KiB|MiB|GiB)$")


def amount(n):
    """As the tool writes bytes."""
    unit = 0
    while n >= 1024 and unit < len(UNITS) - 1:
        n, unit = n / 1024, unit + 1
    return "%d B" % n if not unit else "%.1f %s" % (n, UNITS[unit])


def files_of(text):
    """{path: lines below its head}"""
    files, here = {}, []
    for line in text.splitlines():
        head = HEADS.match(line)
        if head:
            here = files[head.group(1)] = []
        else:
            here.append(line)
    return files


def numbered(rows):
    """{line: (figures, source)}, by the column that the number ends in."""
    title = next(row for row in rows if "SOURCE" in row)
    end = title.index("LINE") + len("LINE")
    found = {}
    for row in rows[rows.index(title) + 1 :]:
        number = row[end - 6 : end].strip()
        if number.isdigit():
            found[int(number)] = row[: end - 6], row[end:].strip()
    return found


def copy_of(script, folder):
    for name in (script, "fixture.py"):
        shutil.copy(FIXTURES / name, folder)
        os.utime(folder / name, (1e9, 1e9))
    return folder / script


def check_figures(run, text, path):
    """Every line shown has its own text, and what the report has of it on the heap."""
    rows = numbered(files_of(text)[str(path)])
    source = path.read_text().splitlines()
    sums = {}
    for site in run.report.sites:
        if site["path"] == str(path) and site["domain"] in ("object", "raw"):
            figures = sums.setdefault(site["line"], [0, 0, 0])
            for i, key in enumerate(("live_bytes", "live_count", "alloc_bytes")):
                figures[i] += site[key]
    for line, (figures, shown) in rows.items():
        assert shown == source[line - 1].strip(), line
        if line not in sums:
            assert not figures.strip(), line
            continue
        words = " ".join(figures.split())
        live, blocks, allocated = sums[line]
        assert words.startswith(amount(live) + " "), (line, figures, sums[line])
        assert " %s %s" % (format(blocks, ","), amount(allocated)) in words, (line, figures, sums[line])
    return rows


def test_figures_and_text(tmp_path, python):
    path = copy_of("leak_raw.py", tmp_path)
    with Fixture(python.path, path) as target:
        run = trace(tmp_path, target, outputs=("out.json", "out.lines"))
    text = (tmp_path / "out.lines").read_text()
    rows = check_figures(run, text, path)
    (truth,) = run.truth
    assert truth["line"] in rows and "LEAK" in rows[truth["line"]][1]
    assert {truth["line"] - 3, truth["line"] + 3} <= set(rows)
    hottest = next(iter(files_of(text)))
    assert hottest == str(path)
    assert "Changed after" not in text
    assert "bytearray" in rows[truth["line"]][0]


def change(path):
    os.utime(path)


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "act, said",
    [
        (change, "Changed after the process started"),
        (os.unlink, "could not be read: there is no such file."),
        (replace_by_pipe, "could not be read: it is not a regular file."),
    ],
)
def test_file_is_not_what_it_was(tmp_path, one_python, act, said):
    path = copy_of("leak_raw.py", tmp_path)
    with Fixture(one_python.path, path) as target:
        with Tool("--pid", target.pid, "-m", "exact", "-o", tmp_path / "out.lines") as process:
            process.wait_started()
            (truth,) = target.run_to("live")
            act(path)
            assert process.finish(signal.SIGINT) == 0, process.stderr
    rows = files_of((tmp_path / "out.lines").read_text())[str(path)]
    assert said in rows[0]
    figures, text = numbered(rows)[truth["line"]]
    assert figures.split()
    assert bool(text) == (act is change)


PROGRAM = """import os

def keep(kept):
\tfor i in range(5000):
\t\tkept.append(bytearray(1000))

kept = []
keep(kept)
os._exit(0)
"""


@pytest.mark.parametrize("named", ["absolute", "relative"])
def test_command_that_has_ended(tmp_path, python, named):
    """Its files are still found; before 3.9 the script's name is that of the command line."""
    path = tmp_path / "keeps.py"
    path.write_text(PROGRAM)
    word = path if named == "absolute" else path.name
    code, out, lines = tool(
        "-q", "-m", "exact", "-o", "-", "-f", "lines", "--", python.path, word, cwd=tmp_path
    )
    assert code == 0, lines
    (file,) = [rows for head, rows in files_of(out).items() if head.endswith("keeps.py")]
    figures, text = numbered(file)[5]
    assert text == "kept.append(bytearray(1000))"
    kib = float(figures.split()[0]) * {"KiB": 1, "MiB": 1024}[figures.split()[1]]
    assert kib >= 5000 * 1001 / 1024 * 0.98


def test_no_lines_without_probes(one_python):
    with Fixture(one_python.path, "leak_raw.py") as target:
        code, out, lines = tool("--pid", target.pid, "-m", "census", "-d", "1s", "-o", "-", "-f", "lines")
    assert code == 0, lines
    assert "no line of Python is known" in out
