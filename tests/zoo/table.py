# SPDX-License-Identifier: BSD-2-Clause
"""The zoo's results as text."""
import judge

SIGNS = {judge.RIGHT: "ok", judge.WRONG: "WRONG", judge.SILENT: "-", judge.OPEN: "", None: ""}


def columns(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def short(text, width=60):
    text = "" if text is None else "".join(it if it.isprintable() else "?" for it in str(text))
    return text if len(text) <= width else text[: width - 1] + "…"


def answer_text(row):
    if row["error"]:
        return short(row["error"], 90)
    answer = row["answer"]
    if not answer:
        return "(no verdict)"
    line = (answer["line"] or "process").rsplit("/", 1)[-1]
    confidence = "" if answer["confidence"] is None else " %.2f" % answer["confidence"]
    words = [answer["kind"] + confidence, answer["cause"], line, answer["type"], answer["holder"]]
    return short(" · ".join(str(word) for word in words if word), 120)


def programs(rows):
    head = ["PYTHON", "PROGRAM", *(it.upper() for it in judge.ASPECTS), "CALM", "ANSWER"]
    lines = [head]
    for row in rows:
        aspects = row["aspects"] or {}
        signs = [SIGNS[aspects.get(it)] for it in (*judge.ASPECTS, "calm")]
        lines.append([row["python"], row["name"], *signs, answer_text(row)])
    return columns(lines)


def share(part, of):
    return "-" if part is None else "%.1f %% of %d" % (100 * part, of)


def scores(title, result):
    lines = [[title, "PRECISION", "RECALL"]]
    for aspect in judge.ASPECTS:
        it = result[aspect]
        lines.append([aspect, share(it["precision"], it["answered"]), share(it["recall"], it["asked"])])
    calm, spared = result["calm"], result["innocent"]
    lines.append(["innocent, not called a leak", "", share(spared["recall"], spared["asked"])])
    lines.append(["cause given to an innocent", share(calm["precision"], calm["answered"]), ""])
    return columns(lines)


def confidence(deciles):
    lines = [["CONFIDENCE", "LEAKS TRUE/ALL", "VERDICTS TRUE/ALL"]]
    for it in deciles:
        if it["any"][1]:
            cells = ["%d/%d" % tuple(it[column]) for column in ("leak", "any")]
            lines.append(["%.1f-%.1f" % (it["from"], it["from"] + 0.1), *cells])
    return columns(lines)


def bare(rows):
    lines = [["PYTHON", "PROGRAM", "GROWTH KB/s", "RSS MB", "CPU %", "TRUTH"]]
    for row in rows:
        figures = ["", "", ""]
        if row.get("rate") is not None:
            rate, rss, cpu = row["rate"] / 1e3, row["rss"] / 1e6, 100 * row["cpu"]
            figures = ["%.0f" % rate, "%.0f" % rss, "%.1f" % cpu]
        state = row["error"] or "; ".join(row["wrong"]) or "holds"
        lines.append([row["python"], row["name"], *figures, short(state, 200)])
    return columns(lines)
