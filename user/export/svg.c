// SPDX-License-Identifier: BSD-2-Clause
/*
 * svg.c - self-contained interactive flame graph of live bytes, root at the bottom
 *
 * What is in it: flame_tree.h. Readable as a still picture 1200 pixels wide; flamegraph.js makes it
 * fit the window and adds zoom, search and keyboard. Frames too narrow to see are drawn as one per
 * parent, and the number of rectangles is bounded.
 */
#include <string.h>

#include "export/export.h"
#include "export/flame_layout.h"
#include "export/flamegraph_assets.h"
#include "lib/text.h"

#define WIDTH 1200.0
#define MARGIN 10.0
#define ROW 18
#define TOP 66                                 /* of the frames */
#define FOOT 58                                /* below them */
#define CHARACTER 7.3                          /* its width without a script to measure it */
#define NARROWEST (0.1 / (WIDTH - 2 * MARGIN)) /* share of all that a tenth of a pixel stands for */
#define SHADES 8

struct drawing {
	const struct report *report;
	FILE *out;
	struct flame_tree tree;
	struct flame_layout layout;
};

static double pixels(const struct drawing *d, __u64 bytes)
{
	return bytes * (WIDTH - 2 * MARGIN) / d->tree.nodes[0].bytes;
}

/* The start of a label that fits into so many pixels, or nothing where it would say nothing. */
static void put_clipped(FILE *out, const char *label, double pixels)
{
	char text[LABEL_MAX];
	size_t room = pixels > 6 ? (pixels - 6) / CHARACTER : 0, columns = 0;
	const char *next = label;

	if (room < 3)
		return;
	if (text__columns(label) <= room) {
		text__markup(out, label);
		return;
	}
	for (;;) {
		const char *from = next;

		text__next(&next);
		snprintf(text, sizeof(text), "%.*s", (int)(next - from), from);
		columns += text__columns(text);
		if (columns + 1 > room) {
			next = from;
			break;
		}
	}
	snprintf(text, sizeof(text), "%.*s", (int)(next - label), label);
	text__markup(out, text);
	fputs("…", out);
}

static void put_class(FILE *out, const struct named_frame *frame, bool process)
{
	const char *name = frame && frame->function ? frame->function : "";
	__u32 hash = 2166136261u;

	if (process || !frame || frame->kind == FRAME_NOTE) {
		fputs(process ? "root" : "note", out);
		return;
	}
	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	fprintf(out, "%c%u", frame->kind == FRAME_PYTHON ? 'p' : 'n', (hash >> 16) % SHADES);
}

static void put_figures(struct drawing *d, __u64 bytes, __u64 blocks)
{
	char human[32], exact[32], number[32];

	fprintf(d->out, "\n%s (%s bytes), %.2f %% of all", text__bytes(bytes, human, sizeof(human)),
		text__count(bytes, exact, sizeof(exact)), 100.0 * bytes / d->tree.nodes[0].bytes);
	if (blocks)
		fprintf(d->out, "\n%s %ss", text__count(blocks, number, sizeof(number)),
			label__unit(d->tree.layer));
}

/* One <g>: title, rectangle, and text if there is room for some. */
static void put_box(struct drawing *d, __u64 offset, unsigned depth, __u64 bytes, const char *label)
{
	double x = MARGIN + pixels(d, offset), width = pixels(d, bytes);
	int y = TOP + ROW * (int)(d->tree.depth - depth);

	fprintf(d->out, "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\"/>", x, y,
		width > 0.8 ? width - 0.5 : 0.3, ROW - 1);
	if (width >= 6 + 3 * CHARACTER) {
		fprintf(d->out, "<text x=\"%.2f\" y=\"%d\">", x + 3, y + 13);
		put_clipped(d->out, label, width);
		fputs("</text>", d->out);
	}
	fputs("</g>\n", d->out);
}

static void open_group(struct drawing *d, __u64 offset, __u64 bytes, unsigned depth)
{
	fprintf(d->out, "\" data-o=\"%llu\" data-b=\"%llu\" data-d=\"%u\"><title>",
		(unsigned long long)offset, (unsigned long long)bytes, depth);
}

static void put_node(struct drawing *d, size_t i, const char *label)
{
	const struct flame_node *node = &d->tree.nodes[i];
	char path[LABEL_MAX], self[32];

	fputs("<g class=\"f ", d->out);
	put_class(d->out, node->frame, !node->frame);
	open_group(d, d->layout.offset[i], node->bytes, node->depth);
	text__markup(d->out, label);
	if (node->frame && node->frame->path) {
		fputc('\n', d->out);
		text__markup(d->out, text__printable(node->frame->path, path, sizeof(path)));
	}
	put_figures(d, node->bytes, node->blocks);
	if (node->self_bytes && node->self_bytes < node->bytes)
		fprintf(d->out, "\n%s of it by this frame itself",
			text__bytes(node->self_bytes, self, sizeof(self)));
	fputs("</title>", d->out);
	put_box(d, d->layout.offset[i], node->depth, node->bytes, label);
}

static void put_rest(struct drawing *d, const struct flame_rest *rest)
{
	unsigned depth = d->tree.nodes[rest->parent].depth + 1;
	char label[64], number[32];

	snprintf(label, sizeof(label), "(%s small %s)",
		 text__count(rest->nodes, number, sizeof(number)),
		 rest->nodes == 1 ? "frame" : "frames");
	fputs("<g class=\"f note", d->out);
	open_group(d, rest->offset, rest->bytes, depth);
	fputs(label, d->out);
	put_figures(d, rest->bytes, 0);
	fputs("</title>", d->out);
	put_box(d, rest->offset, depth, rest->bytes, label);
}

static void put_frames(struct drawing *d)
{
	char root[LABEL_MAX] = "all processes";

	if (d->report->process_count == 1)
		label__process(&d->report->processes[0], root);
	fprintf(d->out, "<g class=\"frames\" data-top=\"%d\">\n", TOP);
	for (size_t i = 0; i < d->tree.node_count; i++) {
		if (d->layout.drawn[i])
			put_node(d, i, i ? d->tree.nodes[i].label : root);
	}
	for (size_t i = 0; i < d->layout.rest_count; i++)
		put_rest(d, &d->layout.rests[i]);
	fputs("</g>\n", d->out);
}

static void put_title(struct drawing *d)
{
	const struct report *report = d->report;
	const struct flame_node *root = &d->tree.nodes[0];
	char text[LABEL_MAX], total[32];

	if (report->process_count == 1)
		text__markup(d->out, label__process(&report->processes[0], text));
	else
		fprintf(d->out, "%zu processes", report->process_count);
	if (root->bytes)
		fprintf(d->out, ": %s %s", text__bytes(root->bytes, total, sizeof(total)),
			d->tree.layer == LABEL_HEAP    ? "live"
			: d->tree.layer == LABEL_SPACE ? "of address space"
						       : "resident");
	else
		fputs(": nothing is live", d->out);
}

static void put_subtitle(struct drawing *d)
{
	const struct report *report = d->report;
	const struct flame_node *root = &d->tree.nodes[0];
	char number[32], text[LABEL_MAX];

	if (root->blocks)
		fprintf(d->out, "%s %ss that were allocated and not released in ",
			text__count(root->blocks, number, sizeof(number)),
			label__unit(d->tree.layer));
	else
		fputs("Nothing that was allocated while tracing is left, after ", d->out);
	fputs(text__seconds(report->duration_s, number, sizeof(number)), d->out);
	if (report->process_count == 1 && report->processes[0].mode) {
		fputs(", mode ", d->out);
		text__markup(d->out,
			     text__printable(report->processes[0].mode, text, sizeof(text)));
	}
	if (report->started[0])
		fprintf(d->out, ", from %s", text__printable(report->started, text, sizeof(text)));
	if (d->tree.left_out_bytes)
		fprintf(d->out, " · address space is not in it: %s",
			text__bytes(d->tree.left_out_bytes, number, sizeof(number)));
}

static void put_legend(struct drawing *d, double y)
{
	static const struct {
		const char *shade, *text;
		int width;
	} rows[] = {
		{"p1", "Python", 80},
		{"n0", "native", 80},
		{"note", "note", 66},
	};
	double x = MARGIN;
	char number[32];

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fprintf(d->out,
			"<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\"/>",
			rows[i].shade, x, y - 10);
		fprintf(d->out, "<text class=\"soft\" x=\"%.0f\" y=\"%.0f\">%s</text>\n", x + 18, y,
			rows[i].text);
		x += rows[i].width;
	}
	fprintf(d->out, "<text class=\"soft\" x=\"%.0f\" y=\"%.0f\">width: live bytes", x + 8, y);
	if (d->layout.not_drawn)
		fprintf(d->out, " · too small to be drawn one by one: %s frame%s",
			text__count(d->layout.not_drawn, number, sizeof(number)),
			d->layout.not_drawn == 1 ? "" : "s");
	fputs("</text>\n", d->out);
}

static void put_svg(struct drawing *d)
{
	bool empty = !d->tree.nodes[0].bytes;
	int bottom = TOP + ROW * (int)(d->tree.depth + 1);
	FILE *out = d->out;

	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flame\" viewBox=\"0 0 %.0f %d\" "
		"width=\"%.0f\" height=\"%d\">\n<title>",
		WIDTH, bottom + FOOT, WIDTH, bottom + FOOT);
	put_title(d);
	fprintf(out, "</title>\n<style><![CDATA[\n%s]]></style>\n", flamegraph_css);
	fputs("<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n", out);
	fprintf(out, "<text class=\"head\" x=\"%.0f\" y=\"27\">", MARGIN);
	put_title(d);
	fprintf(out, "</text>\n<text class=\"soft\" x=\"%.0f\" y=\"47\">", MARGIN);
	put_subtitle(d);
	fputs("</text>\n", out);
	if (!empty) {
		put_frames(d);
		fprintf(out,
			"<g class=\"footer\"><text class=\"details\" x=\"%.0f\" y=\"%d\"></text>\n",
			MARGIN, bottom + 20);
		put_legend(d, bottom + 44);
		fputs("</g>\n", out);
		fprintf(out, "<script><![CDATA[\n%s]]></script>\n", flamegraph_js);
	}
	fputs("</svg>\n", out);
}

static int draw(const struct report *report, FILE *out, const char *head, const char *tail)
{
	struct drawing d = {.report = report, .out = out};
	int err;

	err = flame_tree__build(report, NULL, &d.tree);
	if (err)
		return err;
	err = flame_layout__make(&d.tree, NARROWEST, &d.layout);
	if (err)
		goto out;
	fputs(head, out);
	put_svg(&d);
	fputs(tail, out);
	err = export__finish(out);
out:
	flame_layout__free(&d.layout);
	flame_tree__free(&d.tree);
	return err;
}

int svg__write(const struct report *report, FILE *out)
{
	return draw(report, out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "");
}

int html__write(const struct report *report, FILE *out)
{
	return draw(report, out,
		    "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		    "<meta name=\"viewport\" content=\"width=device-width\">\n"
		    "<title>pyleak-bpf</title>\n"
		    "<style>body { margin: 0 } svg { display: block }</style>\n<body>\n",
		    "</body>\n</html>\n");
}
