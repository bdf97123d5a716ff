// SPDX-License-Identifier: BSD-2-Clause
//
// Zoom, search and keyboard for the flame graph that svg.c writes; it runs from a file, without a network.
//
// Each frame is <g class="f ..." data-o="bytes to its left" data-b="its bytes" data-d="depth, 0 = root"> with
// <title>, <rect> and perhaps <text>; the first line of the title is the frame's whole name. All text from the
// traced process goes in and out through textContent, never through markup.
(function () {
"use strict";
const SVG = "http://www.w3.org/2000/svg", HTML = "http://www.w3.org/1999/xhtml";
const ROW = 18, MARGIN = 10, BAR = 36, MIN_WIDTH = 0.3, MIN_PAGE = 320;
const svg = document.currentScript.closest("svg");
const group = svg.querySelector(".frames");
const details = svg.querySelector(".details");
const footer = svg.querySelector(".footer");
const top = Number(group.dataset.top);
const baseHeight = svg.viewBox.baseVal.height + BAR;

const frames = Array.from(group.querySelectorAll(".f"), function (g) {
	const title = g.querySelector("title").textContent;
	return {
		g: g, rect: g.querySelector("rect"), text: g.querySelector("text"),
		o: Number(g.dataset.o), b: Number(g.dataset.b), d: Number(g.dataset.d),
		title: title, name: title.split("\n", 1)[0], shown: true, match: false,
	};
});
// Left to right, and below before above: the order in which one frame contains the next.
frames.sort((a, b) => a.o - b.o || a.d - b.d);
const byElement = new Map(frames.map(f => [f.g, f]));
const root = frames[0];
const depth = frames.reduce((max, f) => Math.max(max, f.d), 0);
let zoomed = root, focused = root, flipped = false, width = 1200, charWidth = 7.3;

function contains(outer, inner) {
	return outer.o <= inner.o && outer.o + outer.b >= inner.o + inner.b;
}

// "1.4 MiB", as the rest of the graph writes it.
function human(bytes) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let unit = 0;
	while (bytes >= (unit ? 1023.95 : 1023.5) && unit < units.length - 1) {
		bytes /= 1024;
		unit++;
	}
	return bytes.toFixed(unit ? 1 : 0) + " " + units[unit];
}

function fit(f, room) {
	const limit = Math.floor((room - 6) / charWidth);
	let letters;
	if (limit < 3)
		return "";
	if (f.name.length <= limit)
		return f.name;
	letters = Array.from(f.name);
	return letters.length <= limit ? f.name : letters.slice(0, limit - 1).join("") + "\u2026";
}

function label(f, x, y, room) {
	const text = fit(f, room);
	if (!text) {
		if (f.text)
			f.text.setAttribute("display", "none");
		return;
	}
	if (!f.text)
		f.text = f.g.appendChild(document.createElementNS(SVG, "text"));
	f.text.removeAttribute("display");
	f.text.setAttribute("x", (x + 3).toFixed(2));
	f.text.setAttribute("y", y + 13);
	if (f.text.textContent !== text)
		f.text.textContent = text;
	// Only letters wider than most can stick out.
	if (/[^\x20-\x7e\u2026]/.test(text) && f.text.getComputedTextLength() > room - 4)
		f.text.textContent = fit(f, (room - 6) * (room - 6) / f.text.getComputedTextLength());
}

function place(f) {
	const scale = (width - 2 * MARGIN) / zoomed.b;
	const above = f.d < zoomed.d;
	const x = above ? MARGIN : MARGIN + (f.o - zoomed.o) * scale;
	const w = above ? width - 2 * MARGIN : f.b * scale;
	const y = top + ROW * (flipped ? f.d : depth - f.d);

	f.shown = above ? contains(f, zoomed) : contains(zoomed, f) && w >= MIN_WIDTH;
	if (!f.shown) {
		f.g.setAttribute("display", "none");
		return;
	}
	f.g.removeAttribute("display");
	f.g.classList.toggle("up", above);
	f.rect.setAttribute("x", x.toFixed(2));
	f.rect.setAttribute("y", y);
	f.rect.setAttribute("width", Math.max(w - 0.5, 0.3).toFixed(2));
	label(f, x, y, w);
}

function layout() {
	const page = svg.ownerDocument.documentElement.clientWidth || window.innerWidth;
	width = Math.max(page, MIN_PAGE);
	svg.setAttribute("width", width);
	svg.setAttribute("viewBox", "0 0 " + width + " " + baseHeight);
	bar.setAttribute("width", width - 2 * MARGIN);
	frames.forEach(place);
}

function say(f) {
	details.textContent = f ? f.title.split("\n").join("  \u00b7  ") : "";
}

function zoom(f) {
	zoomed = f;
	reset.disabled = f === root;
	frames.forEach(place);
	tally();
}

// Tab reaches one frame; the arrow keys go on from there.
function focus(f) {
	focused.g.removeAttribute("tabindex");
	focused = f;
	f.g.setAttribute("tabindex", "0");
	f.g.focus();
	say(f);
}

function tally() {
	let bytes = 0, end = -1, count = 0;
	if (!svg.classList.contains("searching")) {
		result.textContent = "";
		return;
	}
	// A match inside a match is not counted twice.
	for (const f of frames) {
		if (!f.match || !contains(zoomed, f))
			continue;
		count++;
		if (f.o >= end) {
			bytes += f.b;
			end = f.o + f.b;
		}
	}
	result.textContent = !count ? "no match" :
		human(bytes) + " matched, " + (100 * bytes / zoomed.b).toFixed(1) + " % of " +
		(zoomed === root ? "all" : "the zoomed frame") + " (" + count + (count === 1 ? " frame)" : " frames)");
}

function search(term) {
	term = term.trim().toLowerCase();
	svg.classList.toggle("searching", term !== "");
	for (const f of frames) {
		f.match = term !== "" && f.name.toLowerCase().includes(term);
		f.g.classList.toggle("match", f.match);
	}
	tally();
}

function element(kind, properties, parent) {
	const made = document.createElementNS(HTML, kind);
	Object.assign(made, properties);
	return parent.appendChild(made);
}

// The controls exist only where they work; everything else moves down to make room.
const bar = document.createElementNS(SVG, "foreignObject");
bar.setAttribute("x", MARGIN);
bar.setAttribute("y", top - 8);
bar.setAttribute("height", BAR - 4);
const controls = element("div", {className: "controls"}, bar);
const box = element("input", {type: "search", placeholder: "Search (Ctrl-F)"}, controls);
box.setAttribute("aria-label", "Search frames");
const reset = element("button", {type: "button", textContent: "Reset zoom", disabled: true}, controls);
const flip = element("button", {type: "button", textContent: "Flip", title: "Root at the top or at the bottom"}, controls);
const result = element("output", {}, controls);
svg.insertBefore(bar, group);
for (const part of [group, footer])
	part.setAttribute("transform", "translate(0 " + BAR + ")");
svg.setAttribute("height", baseHeight);
group.setAttribute("role", "tree");
group.setAttribute("aria-label", "Flame graph of live bytes");
for (const f of frames) {
	f.g.setAttribute("role", "treeitem");
	f.g.setAttribute("aria-level", f.d + 1);
}
root.g.setAttribute("tabindex", "0");

function frameOf(event) {
	const g = event.target.closest ? event.target.closest(".f") : null;
	return g ? byElement.get(g) : null;
}

function neighbour(f, key) {
	const shown = frames.filter(other => other.shown);
	const outward = flipped ? "ArrowDown" : "ArrowUp", inward = flipped ? "ArrowUp" : "ArrowDown";
	if (key === inward)
		return shown.find(other => other.d === f.d - 1 && contains(other, f));
	if (key === outward)
		return shown.filter(other => other.d === f.d + 1 && contains(f, other))
			.reduce((big, other) => !big || other.b > big.b ? other : big, null);
	const row = shown.filter(other => other.d === f.d);
	return row[row.indexOf(f) + (key === "ArrowRight" ? 1 : -1)];
}

group.addEventListener("click", function (event) {
	const f = frameOf(event);
	if (f) {
		focus(f);
		zoom(f);
	}
});
group.addEventListener("mouseover", event => say(frameOf(event)));
group.addEventListener("mouseleave", () => say(null));
group.addEventListener("focusin", event => say(frameOf(event)));
group.addEventListener("keydown", function (event) {
	const f = frameOf(event);
	if (!f || event.ctrlKey || event.metaKey || event.altKey)
		return;
	if (event.key === "Enter" || event.key === " ") {
		zoom(f);
	} else if (event.key.startsWith("Arrow")) {
		const next = neighbour(f, event.key);
		if (next)
			focus(next);
	} else {
		return;
	}
	event.preventDefault();
});
window.addEventListener("keydown", function (event) {
	const find = event.key === "/" || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "f");
	if (find && document.activeElement !== box) {
		box.focus();
		box.select();
		event.preventDefault();
	} else if (event.key === "Escape" && document.activeElement === box && box.value) {
		box.value = "";
		search("");
	} else if (event.key === "Escape") {
		zoom(root);
	}
});
box.addEventListener("input", () => search(box.value));
reset.addEventListener("click", () => zoom(root));
flip.addEventListener("click", function () {
	flipped = !flipped;
	layout();
});
window.addEventListener("resize", layout);

const sample = details.textContent;
details.textContent = "0".repeat(50);
charWidth = details.getComputedTextLength() / 50 || charWidth;
details.textContent = sample;
layout();
// The root is at the bottom: begin there when the graph is taller than the window.
if (svg.ownerDocument.documentElement === svg)
	window.scrollTo(0, baseHeight);
})();
