# SPDX-License-Identifier: BSD-2-Clause
"""The flame graph of tests/golden, driven in headless Chromium: a script of ours acts, the page it leaves is judged.

Run by /usr/bin/python3 -m pytest. Skipped where there is no Chromium.
"""

import re
import shutil
import subprocess
import xml.dom.minidom
from pathlib import Path

import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--virtual-time-budget=2000",
]

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium")

HELPERS = """
const frames = () => Array.from(document.querySelectorAll(".frames > .f"));
const named = start => frames().find(g => g.querySelector("title").textContent.startsWith(start));
const shown = () => frames().filter(g => !g.hasAttribute("display"));
const width = g => Number(g.querySelector("rect").getAttribute("width"));
const box = document.querySelector("input");
const button = name => Array.from(document.querySelectorAll("button")).find(b => b.textContent === name);
const click = g => g.dispatchEvent(new MouseEvent("click", {bubbles: true}));
const type = text => { box.value = text; box.dispatchEvent(new InputEvent("input", {bubbles: true})); };
const key = (key, more) => {
    const event = new KeyboardEvent("keydown", Object.assign({key: key, bubbles: true, cancelable: true}, more));
    (document.activeElement || document.documentElement).dispatchEvent(event);
    return event.defaultPrevented;
};
const names = list => list.map(g => g.querySelector("title").textContent.split("\\n")[0]);
const answers = [];
const errors = [];
window.addEventListener("error", event => errors.push(event.message));
"""


def drive(tmp_path, actions, source="report.svg", size="1200,700"):
    """Runs JavaScript after the graph's own; what it pushes to `answers` comes back as text."""
    text = (GOLDEN / source).read_text(encoding="utf-8")
    end = "</svg>" if source.endswith(".svg") else "</body>"
    script = (
        "<script><![CDATA[%s\ntry { %s } catch (error) { errors.push(String(error)); }\n"
        'document.documentElement.setAttribute("data-answers", JSON.stringify([errors, answers]));]]></script>'
    ) % (HELPERS, actions)
    if end == "</body>":
        script = script.replace("<![CDATA[", "").replace("]]>", "")
    page = tmp_path / source
    page.write_text(text.replace(end, script + end), encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, "--window-size=" + size, "--user-data-dir=" + str(tmp_path / "profile"), "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'data-answers="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    import html
    import json
    errors, answers = json.loads(html.unescape(found.group(1)))
    assert errors == []
    return answers


def test_is_xml_and_loads_nothing():
    text = (GOLDEN / "report.svg").read_text(encoding="utf-8")
    document = xml.dom.minidom.parseString(text.encode())
    for element in document.getElementsByTagName("*"):
        for attribute in element.attributes.keys():
            assert not attribute.startswith("on") and "href" not in attribute and attribute != "src"
    for forbidden in ("@import", "url(", "fetch(", "XMLHttpRequest", "eval(", "innerHTML"):
        assert forbidden not in text


def test_fits_the_window(tmp_path):
    answers = drive(tmp_path, "answers.push(width(frames()[0]), shown().length === frames().length)", size="900,700")
    assert answers[0] == pytest.approx(900 - 20, abs=1)
    assert answers[1]


def test_search(tmp_path):
    answers = drive(tmp_path, """
        type("cache.put");
        answers.push(document.querySelector("output").textContent);
        answers.push(names(Array.from(document.querySelectorAll(".match"))));
        answers.push(getComputedStyle(named("Cache.put").querySelector("rect")).fill !==
                     getComputedStyle(named("serve_forever").querySelector("rect")).fill);
        type("no such frame");
        answers.push(document.querySelector("output").textContent);
        type("");
        answers.push(document.querySelector("output").textContent, document.querySelectorAll(".match").length);
        type("(");
        answers.push(document.querySelectorAll(".match").length > 10);
    """)
    assert answers[0] == "80.0 MiB matched, 82.4 % of all (2 frames)"
    assert answers[1] == ["Cache.put (cache.py:42)"] * 2
    assert answers[2:] == [True, "no match", "", 0, True]


def test_matches_inside_one_another_count_once(tmp_path):
    answers = drive(tmp_path, 'type("py"); answers.push(document.querySelector("output").textContent)')
    share = float(re.search(r"([\d.]+) %", answers[0]).group(1))
    assert 90 < share <= 100


def test_zoom_and_reset(tmp_path):
    answers = drive(tmp_path, """
        const before = [shown().length, width(named("Model.predict"))];
        click(named("Model.predict"));
        answers.push(before, [shown().length, width(named("Model.predict"))]);
        answers.push(named("serve_forever").classList.contains("up"), named("g_malloc").hasAttribute("display"));
        answers.push(button("Reset zoom").disabled);
        type("npy_alloc");
        answers.push(document.querySelector("output").textContent);
        button("Reset zoom").click();
        answers.push([shown().length, width(named("Model.predict"))], button("Reset zoom").disabled);
        click(named("Cache.put"));
        key("Escape");
        answers.push(shown().length);
    """)
    before, zoomed = answers[0], answers[1]
    assert before[1] < 200 and zoomed[1] == pytest.approx(1180, abs=1)
    assert zoomed[0] < before[0]
    assert answers[2:5] == [True, True, False]
    assert answers[5] == "9.0 MiB matched, 100.0 % of the zoomed frame (1 frame)"
    assert answers[6:] == [before, True, before[0]]


def test_text_grows_with_the_frame(tmp_path):
    answers = drive(tmp_path, """
        const text = () => { const t = named("npy_alloc_cache").querySelector("text"); return t ? t.textContent : ""; };
        answers.push(text());
        click(named("npy_alloc_cache"));
        answers.push(text());
    """)
    assert answers[0].endswith("…")
    assert answers[1] == "npy_alloc_cache (_multiarray_umath.cpython-311-x86_64-linux-gnu.so)"


def test_keyboard(tmp_path):
    answers = drive(tmp_path, """
        const here = () => names([document.activeElement.closest(".f")])[0];
        answers.push(document.querySelectorAll("[tabindex]").length);
        frames()[0].focus();
        answers.push(here());
        key("ArrowUp"); key("ArrowUp");
        answers.push(here());
        key("ArrowRight");
        answers.push(here());
        key("Enter");
        answers.push(width(document.activeElement));
        answers.push(document.querySelector(".details").textContent.includes("[stack not known]"));
        key("Escape");
        answers.push(key("f", {ctrlKey: true}), document.activeElement === box);
        answers.push(key("f", {ctrlKey: true}));
        answers.push(document.querySelectorAll("[tabindex]").length);
    """)
    assert answers[:4] == [1, "all processes", "<module> (app.py:12)", "[stack not known]"]
    assert answers[4] == pytest.approx(1180, abs=1)
    assert answers[5:] == [True, True, True, False, 1]


def test_flip(tmp_path):
    answers = drive(tmp_path, """
        const y = g => Number(g.querySelector("rect").getAttribute("y"));
        answers.push(y(frames()[0]) > y(named("Cache.put")));
        button("Flip").click();
        answers.push(y(frames()[0]) < y(named("Cache.put")));
    """)
    assert answers == [True, True]


def test_hostile_names_stay_text(tmp_path):
    answers = drive(tmp_path, """
        answers.push(document.querySelectorAll("script").length);
        click(named("<script>"));
        answers.push(document.querySelectorAll("script").length, named("<script>").querySelector("text").textContent);
    """)
    assert answers[:2] == [2, 2]
    assert answers[2].startswith("<script>alert('\"&x;y\")</script>\\x0a\\x1b[31mred\\u202e]]> (evil;name.py:7)")


def test_html(tmp_path):
    answers = drive(tmp_path, """
        type("cache.put");
        answers.push(document.querySelector("output").textContent, width(frames()[0]));
        click(named("Model.predict"));
        answers.push(width(named("Model.predict")));
    """, source="report.html", size="1000,700")
    assert answers[0] == "80.0 MiB matched, 82.4 % of all (2 frames)"
    assert answers[1:] == pytest.approx([980, 980], abs=1)
