// SPDX-License-Identifier: BSD-2-Clause
//
// Keeps the page up to date, and finds processes by what is typed. Without it the page is whole, but stands still.
//
// The agent writes the page's parts, text of processes escaped; here they are only moved from the new page into this one. Text is never made
// markup.
(function () {
"use strict";
const EVERY_MS = 10000, PATIENCE_MS = 9000;
const LIVE = ["figures", "leaks", "closely", "processes"];
const status = document.getElementById("status");
let filter = "", busy = false;

function say(text, late) {
	status.textContent = text;
	status.classList.toggle("late", late);
}

function applyFilter() {
	for (const row of document.querySelectorAll("#processes tbody tr"))
		row.hidden = filter !== "" && !row.textContent.toLowerCase().includes(filter);
}

// The box exists only where it works; it is put back into each new table's section.
const box = document.createElement("input");
box.type = "search";
box.id = "filter";
box.placeholder = "Find by PID, name, cgroup, state";
box.setAttribute("aria-label", "Find processes");
box.addEventListener("input", function () {
	filter = box.value.trim().toLowerCase();
	applyFilter();
});

function placeBox() {
	const table = document.querySelector("#processes table");
	if (table)
		table.before(box);
	applyFilter();
}

// Where the focus is inside a part that is replaced, it goes to the same link of the new one.
function replace(id, page) {
	const old = document.getElementById(id), made = page.getElementById(id);
	const focused = old && old.contains(document.activeElement) ? document.activeElement : null;
	if (!old || !made)
		return;
	if (id === "processes" && focused === box) {
		old.querySelector("table").replaceWith(document.adoptNode(made.querySelector("table") || made));
		return;
	}
	old.replaceWith(document.adoptNode(made));
	if (focused && focused.getAttribute("href"))
		for (const link of made.querySelectorAll("a"))
			if (link.getAttribute("href") === focused.getAttribute("href")) {
				link.focus();
				break;
			}
}

// The flame graph keeps its zoom until there is another trace.
function replaceGraph(page) {
	const old = document.getElementById("graph"), made = page.getElementById("graph");
	const section = document.getElementById("selected");
	if (!section || (old && made && old.getAttribute("src") === made.getAttribute("src")))
		return;
	if (old && made)
		old.replaceWith(document.adoptNode(made));
	else if (made)
		section.append(document.adoptNode(made));
}

async function refresh() {
	if (busy || document.hidden)
		return;
	busy = true;
	try {
		const answer = await fetch(location.pathname + location.search,
			{cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS)});
		if (!answer.ok)
			throw new Error("HTTP " + answer.status);
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		// One that has ended is said to have.
		if (!page.getElementById("closely"))
			replace("selected", page);
		for (const id of LIVE)
			replace(id, page);
		replaceGraph(page);
		placeBox();
		say("as of " + new Date().toLocaleTimeString(), false);
	} catch (error) {
		say("The agent does not answer; what is shown is old. Trying again.", true);
	}
	busy = false;
}

placeBox();
say("as of " + new Date().toLocaleTimeString(), false);
setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
})();
