// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_export.c - every exporter on the sample report, against tests/golden/
 *
 * UPDATE_GOLDEN=1 writes the golden files anew; GOLDEN names their folder where it is not
 * tests/golden.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "export/export.h"
#include "export/flamegraph_assets.h"
#include "lib/text.h"
#include "render.h"
#include "sample_report.h"

static int write_wide(const struct report *report, FILE *out)
{
	return terminal__print(report, out, &(struct terminal_options){.width = 120});
}

static int write_narrow(const struct report *report, FILE *out)
{
	return terminal__print(report, out, &(struct terminal_options){.width = 80});
}

static int write_colour(const struct report *report, FILE *out)
{
	return terminal__print(report, out,
			       &(struct terminal_options){.width = 100, .colour = true});
}

/* With the text of some of the files: one that has all lines, one that is hostile, one that is not there. */
static int write_sources(const struct report *report, FILE *out)
{
	static const char *lines[60],
		*evil[] = {
			"",
			"def evil():",
			"\ttry:",
			"",
			"\t# \033]0;owned\a",
			"\twhile True:",
			"\t\tkept.append('\033[31m\u202e', \"<script>\", \"Größe.日本語\")",
		};
	static const struct report_source sources[] = {
		{"/srv/shop/cache.py", lines, 60, NULL, true},
		{"/srv/shop/evil;name.py", evil, 7, "it has too many lines", false},
		{"/srv/shop/model.py", NULL, 0, "there is no such file", false},
	};
	struct report copy = *report;
	struct report_process processes[2] = {report->processes[0], report->processes[1]};

	for (size_t i = 0; i < 60; i++)
		lines[i] = i % 4 ? "        do_something(with_it)" : "";
	lines[39] = "    def put(self, key, size):";
	lines[41] = "        self.kept[key] = bytearray(size)";
	processes[0].sources = sources;
	processes[0].source_count = 3;
	copy.processes = processes;
	return lines__write(&copy, out);
}

static const char *golden_path(const char *name)
{
	static char path[512];
	const char *folder = getenv("GOLDEN");

	snprintf(path, sizeof(path), "%s/%s", folder ? folder : "tests/golden", name);
	return path;
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file)
		fail_msg("%s: %s (UPDATE_GOLDEN=1 makes it)", path, strerror(errno));
	if (getdelim(&text, &size, '\0', file) < 0)
		fail_msg("%s: empty", path);
	fclose(file);
	return text;
}

/* Versions of json-c do not indent alike. */
static bool same_json(const char *a, const char *b)
{
	struct json_object *x = json_tokener_parse(a), *y = json_tokener_parse(b);
	bool same = x && y && json_object_equal(x, y);

	json_object_put(x);
	json_object_put(y);
	return same;
}

static void check_golden(write_fn write, const char *name)
{
	char *text = render(write, sample_report()), *golden;
	const char *path = golden_path(name);

	if (getenv("UPDATE_GOLDEN")) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
	}
	golden = read_file(path);
	if (write == json__write ? !same_json(text, golden) : strcmp(text, golden))
		fail_msg("%s differs; is that wanted? UPDATE_GOLDEN=1, and look at the diff", name);
	free(golden);
	free(text);
}

static void test_golden(void **state)
{
	(void)state;
	check_golden(json__write, "report.json");
	check_golden(folded__write, "report.folded");
	check_golden(svg__write, "report.svg");
	check_golden(html__write, "report.html");
	check_golden(write_sources, "report.lines");
	check_golden(write_wide, "report.txt");
	check_golden(write_narrow, "report-80.txt");
}

/* Parsers that are not ours. */
static void check_with_python(write_fn write, const char *program)
{
	char path[] = "/tmp/pyleak-test-XXXXXX", command[512];
	int fd = mkstemp(path);
	FILE *file = fdopen(fd, "w");

	assert_non_null(file);
	assert_int_equal(write(sample_report(), file), 0);
	fclose(file);
	snprintf(command, sizeof(command), "/usr/bin/python3 -c '%s' %s", program, path);
	assert_int_equal(system(command), 0);
	unlink(path);
}

static void test_parsers(void **state)
{
	(void)state;
	if (access("/usr/bin/python3", X_OK))
		skip();
	check_with_python(json__write, "import json, sys; json.load(open(sys.argv[1]))");
	check_with_python(svg__write, "import sys, xml.dom.minidom as m; m.parse(sys.argv[1])");
}

static void assert_key(struct json_object *object, const char *key)
{
	if (!json_object_object_get_ex(object, key, NULL))
		fail_msg("no key %s", key);
}

static struct json_object *get(struct json_object *object, const char *key)
{
	assert_key(object, key);
	return json_object_object_get(object, key);
}

static void check_verdicts(struct json_object *verdicts)
{
	static const char *const keys[] = {
		"kind",         "cause",     "confidence", "summary", "site",
		"growth_per_s", "types",     "held_by",    "advice",  "signature",
		"suppressed",   "growth_ci", "container",
	};
	struct json_object *first = json_object_array_get_idx(verdicts, 0), *interval;

	assert_int_equal(json_object_array_length(verdicts), 3);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		assert_key(first, keys[i]);
	assert_string_equal(json_object_get_string(get(first, "kind")), "leak");
	assert_string_equal(json_object_get_string(get(first, "cause")), "unbounded_cache");
	interval = get(first, "growth_ci");
	assert_true(json_object_get_double(json_object_array_get_idx(interval, 0)) == 2700000);
	assert_int_equal(json_object_array_length(get(first, "held_by")), 3);
	assert_string_equal(json_object_get_string(get(first, "container")), "app.CACHE");
	assert_null(get(json_object_array_get_idx(verdicts, 1), "container"));
	assert_null(get(json_object_array_get_idx(verdicts, 1), "growth_ci"));
	assert_null(get(json_object_array_get_idx(verdicts, 2), "site"));
}

static void test_json_keys(void **state)
{
	static const char *const process_keys[] = {
		"pid",   "comm", "cmdline", "exe",      "cgroup", "python", "allocators",
		"trace", "lost", "memory",  "verdicts", "sites",  "stacks",
	};
	static const char *const site_keys[] = {
		"id",           "file",       "path",       "line",         "function",
		"module",       "domain",     "live_bytes", "live_count",   "alloc_bytes",
		"alloc_count",  "free_bytes", "free_count", "growth_per_s", "oldest_s",
		"median_age_s", "error_pct",  "types",      "stacks",
	};
	static const char *const regime_keys[] = {
		"layers",   "windows",   "followed_up",        "follow_up_unknown",
		"attach_s", "detach_s",  "many_probes_a_link", "worst_second_overhead_pct",
		"reason",   "raw_limit",
	};
	char *text = render(json__write, sample_report());
	struct json_object *root = json_tokener_parse(text), *process, *site, *stacks, *frames;
	struct json_object *regime;

	(void)state;
	assert_non_null(root);
	assert_string_equal(json_object_get_string(get(root, "schema")), "pyleak.report/1");
	process = json_object_array_get_idx(get(root, "processes"), 0);
	for (size_t i = 0; i < sizeof(process_keys) / sizeof(*process_keys); i++)
		assert_key(process, process_keys[i]);
	assert_int_equal(
		json_object_get_int64(get(get(get(process, "memory"), "bridge"), "python_objects")),
		84 * MIB);
	check_verdicts(get(process, "verdicts"));
	assert_null(get(get(process, "trace"), "overhead_pct"));
	assert_null(get(get(get(process, "trace"), "coverage"), "raw"));

	regime = get(get(process, "trace"), "regime");
	for (size_t i = 0; i < sizeof(regime_keys) / sizeof(*regime_keys); i++)
		assert_key(regime, regime_keys[i]);
	assert_key(get(get(regime, "layers"), "object"), "scale");
	assert_key(get(get(regime, "layers"), "raw"), "watched");

	site = json_object_array_get_idx(get(process, "sites"), 3);
	for (size_t i = 0; i < sizeof(site_keys) / sizeof(*site_keys); i++)
		assert_key(site, site_keys[i]);
	assert_string_equal(json_object_get_string(get(site, "function")), HOSTILE);
	assert_null(get(site, "error_pct"));

	/* Stack 5 lives no more but a site lists it; nothing is left of stack 8. */
	stacks = get(process, "stacks");
	assert_int_equal(json_object_array_length(stacks), 8);
	assert_int_equal(json_object_get_int(get(json_object_array_get_idx(stacks, 5), "id")), 5);
	frames = get(json_object_array_get_idx(stacks, 0), "frames");
	assert_string_equal(
		json_object_get_string(get(json_object_array_get_idx(frames, 1), "function")),
		"Cache.put");
	json_object_put(root);
	free(text);
}

static void test_json_large_figures(void **state)
{
	struct report report = *sample_report();
	struct report_process process = report.processes[0];
	char *text;

	(void)state;
	process.lost.events = UINT64_MAX;
	process.memory.growth_per_s = INFINITY;
	process.overhead_pct = 0.1;
	report.processes = &process;
	report.process_count = 1;
	text = render(json__write, &report);
	assert_non_null(strstr(text, "\"events\": 18446744073709551615"));
	assert_non_null(strstr(text, "\"growth_per_s\": null"));
	assert_non_null(strstr(text, "\"overhead_pct\": 0.1,"));
	assert_null(strstr(text, "\033"));
	assert_null(strstr(text, "\u202e"));
	assert_non_null(strstr(text, "\\u202e"));
	free(text);
}

/* A name that is no UTF-8 does not make the file unreadable. */
static void test_json_broken_names(void **state)
{
	struct report report = *sample_report();
	struct report_process process = report.processes[0];
	struct report_site site = process.sites[0];
	struct json_object *root;
	char *text, *valid;

	(void)state;
	site.function = "a\xff\xed\xa0\x80z\xe2\x82";
	process.sites = &site;
	process.site_count = 1;
	report.processes = &process;
	report.process_count = 1;
	text = render(json__write, &report);
	valid = text__utf8(text, strlen(text));
	assert_string_equal(text, valid);
	root = json_tokener_parse(text);
	assert_non_null(root);
	assert_non_null(strstr(text, "\"a\\ufffd\\ufffd\\ufffd\\ufffdz\\ufffd\\ufffd\""));
	json_object_put(root);
	free(valid);
	free(text);
}

/* Each line is frames, one blank, a number; the sum is what lives on the heap. */
static void test_folded(void **state)
{
	char *text = render(folded__write, sample_report()), *line = text, *end;
	unsigned long long sum = 0;

	(void)state;
	for (; *line; line = end + 1) {
		char *number, *rest;

		end = strchr(line, '\n');
		assert_non_null(end);
		*end = '\0';
		number = strrchr(line, ' ');
		assert_non_null(number);
		sum += strtoull(number + 1, &rest, 10);
		assert_string_equal(rest, "");
		assert_null(strstr(line, ";;"));
		for (char *c = line; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
	}
	assert_true(sum == 64 * MIB + 16 * MIB + 9 * MIB + 512 + 3 * MIB + 56 + 70000 + 5 * MIB);
	free(text);
}

static void test_folded_merges(void **state)
{
	struct named_frame one[] = {PY("a;b", "x.py", 1)}, two[] = {PY("a:b", "x.py", 1)};
	struct profile_stack stacks[] = {
		STACK(DOMAIN_RAW, one, 10, 1, 1),
		STACK(DOMAIN_OBJECT, two, 5, 1, 1),
		STACK(DOMAIN_MMAP, two, 4096, 1, 1),
	};
	struct report_process process = {.pid = 1, .comm = "p", .profile = {stacks, 3, NULL}};
	struct report report = {.processes = &process, .process_count = 1};
	char *text = render(folded__write, &report);

	(void)state;
	assert_string_equal(text, "a:b (x.py:1) 15\n");
	free(text);

	/* Without heap stacks the address space is what there is to show. */
	process.profile = (struct profile){&stacks[2], 1, NULL};
	text = render(folded__write, &report);
	assert_string_equal(text, "a:b (x.py:1) 4096\n");
	free(text);

	/* No frame at all is still somebody's memory. */
	stacks[2].frame_count = 0;
	text = render(folded__write, &report);
	assert_string_equal(text, "[no stack] 4096\n");
	free(text);
}

static void test_empty(void **state)
{
	static const write_fn writers[] = {json__write,  folded__write, svg__write, html__write,
					   lines__write, pprof__write,  write_wide};
	struct report_process process = {.pid = 1, .comm = "p"};
	struct report reports[] = {{.top = 10}, {.processes = &process, .process_count = 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
		for (size_t j = 0; j < 2; j++) {
			char *text = render(writers[i], &reports[j]);

			if (writers[i] == svg__write)
				assert_non_null(strstr(text, "nothing is live"));
			if (writers[i] == folded__write)
				assert_string_equal(text, "");
			free(text);
		}
	}
}

static size_t occurrences(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)); text++)
		count++;
	return count;
}

#define MANY 60000
#define DEEP 40

/* More frames than anybody can look at: the file stays bounded, and nothing disappears unsaid. */
static void test_svg_is_bounded(void **state)
{
	struct profile_stack *stacks = calloc(MANY, sizeof(*stacks));
	struct named_frame *frames = calloc(MANY, DEEP * sizeof(*frames));
	struct report_process process = {.pid = 1, .comm = "p", .profile = {stacks, MANY, NULL}};
	struct report report = {.processes = &process, .process_count = 1};
	char *text;

	(void)state;
	assert_non_null(stacks);
	assert_non_null(frames);
	for (size_t i = 0; i < MANY; i++) {
		struct named_frame *of = &frames[i * DEEP];

		for (size_t j = 0; j < DEEP; j++)
			of[j] = (struct named_frame)NATIVE(NULL, "lib.so", i * (DEEP - j) % 60013);
		stacks[i] = (struct profile_stack){
			.domain = DOMAIN_RAW,
			.frames = of,
			.frame_count = DEEP,
			.live_bytes = 1 + (1ULL << 40) / (i + 1),
			.live_count = 1,
		};
	}
	text = render(svg__write, &report);
	assert_in_range(occurrences(text, "<rect "), 1000, 20000 + 10);
	assert_true(strlen(text) < 10 * MIB);
	assert_non_null(strstr(text, "too small"));
	free(text);
	free(frames);
	free(stacks);
}

static void test_svg_is_safe(void **state)
{
	char *text = render(svg__write, sample_report());

	(void)state;
	assert_int_equal(occurrences(text, "<script"), 1);
	assert_null(strstr(text, "\033"));
	assert_null(strstr(text, "\u202e"));
	assert_non_null(strstr(text, "&lt;script&gt;"));
	/* Nothing is loaded: no address but the names of namespaces. */
	assert_int_equal(occurrences(text, "://"), occurrences(text, "http://www.w3.org/"));
	free(text);
	assert_null(strstr(flamegraph_js, "]]>"));
	assert_null(strstr(flamegraph_js, "</script"));
	assert_null(strstr(flamegraph_css, "]]>"));
}

/* Columns of the longest line, escape sequences not counted. */
static size_t widest(const char *text)
{
	size_t most = 0, columns = 0;

	for (; *text; text++) {
		if (*text == '\n')
			columns = 0;
		else if (*text == '\033')
			text = strchr(text, 'm');
		else if ((*text & 0xc0) != 0x80)
			columns++;
		most = columns > most ? columns : most;
	}
	return most;
}

static void test_terminal(void **state)
{
	char *text = render(write_wide, sample_report());

	(void)state;
	assert_in_range(widest(text), 80, 120);
	assert_null(strchr(text, '\033'));
	assert_null(strstr(text, "\u202e"));
	free(text);

	text = render(write_narrow, sample_report());
	assert_in_range(widest(text), 60, 80);
	free(text);

	text = render(write_colour, sample_report());
	assert_in_range(widest(text), 60, 100);
	assert_null(strstr(text, "\033[2J"));
	assert_non_null(strstr(text, "\033[1;31m"));
	assert_int_equal(occurrences(text, "\033["), 2 * occurrences(text, "\033[0m"));
	free(text);
}

static void test_terminal_obeys_limits(void **state)
{
	struct report report = *sample_report();
	char *text;

	(void)state;
	report.process_count = 1;
	report.top = 1;
	text = render(write_wide, &report);
	assert_non_null(strstr(text, "Cache.put (cache.py:42)"));
	assert_null(strstr(text, "Model.predict"));
	free(text);

	report.top = 10;
	report.min_size = MIB;
	text = render(write_wide, &report);
	assert_non_null(strstr(text, "Model.predict"));
	assert_null(strstr(text, "tick (app.py:5)"));
	assert_non_null(strstr(text, "not shown"));
	free(text);
}

/* Where a line's row is in text; NULL = it has none. */
static const char *row_of(const char *text, const char *source)
{
	const char *at = strstr(text, source);

	while (at && at > text && at[-1] != '\n')
		at--;
	return at;
}

static void assert_row(const char *text, const char *source, const char *figures)
{
	const char *row = row_of(text, source);

	assert_non_null(row);
	if (strncmp(row, figures, strlen(figures)))
		fail_msg("%.120s: is not %s", row, figures);
}

#define OF_LINE(number, where, bytes, blocks)                                                      \
	{                                                                                          \
		.file = "a.py", .path = "/a.py", .line = (number), .domain = (where),              \
		.live_bytes = (bytes), .live_count = (blocks), .alloc_bytes = 3 * (bytes),         \
		.growth_per_s = (bytes), .error_pct = NAN                                          \
	}

static void test_lines(void **state)
{
	static const char *const lines[] = {"one",    "two",    "three", "four",   "five",
					    "six",    "seven",  "eight", "nine",   "\tten\tx",
					    "eleven", "twelve", "",      "\033[2J"};
	static const struct census_type buffers[] = {{"bytearray", 0, 0, 4096}};
	static const struct census_type heads[] = {{"app.Some", 10, 560, 0},
						   {"bytearray", 7, 400, 0}};
	struct report_site sites[] = {
		OF_LINE(3, DOMAIN_OBJECT, 1024, 17), OF_LINE(10, DOMAIN_RAW, 2048, 2),
		OF_LINE(3, DOMAIN_RAW, 4096, 7),     OF_LINE(9, DOMAIN_RAW, 1, 1),
		OF_LINE(14, DOMAIN_OBJECT, 512, 1),  OF_LINE(3, DOMAIN_MMAP, 1 << 20, 1),
		OF_LINE(2000, DOMAIN_RAW, 3000, 1),
	};
	const struct report_source source = {"/a.py", lines, 14, NULL, true};
	struct report_process process = {.pid = 1,
					 .comm = "p",
					 .sites = sites,
					 .site_count = sizeof(sites) / sizeof(*sites),
					 .sources = &source,
					 .source_count = 1};
	struct report report = {.processes = &process, .process_count = 1, .top = 3};
	char *text;

	(void)state;
	sites[0].types = heads;
	sites[0].type_count = 2;
	sites[2].types = buffers;
	sites[2].type_count = 1;
	text = render(lines__write, &report);
	/* Of objects and of malloc, but of no mapping; the object's count is from where the object is. */
	assert_row(text, " 3  three",
		   "     5.0 KiB    +5.0 KiB/s         24    15.0 KiB  7 bytearray ");
	assert_row(text, "10          ten     x",
		   "     2.0 KiB    +2.0 KiB/s          2     6.0 KiB ");
	assert_row(text, " 9  nine", "         1 B        +1 B/s          1         3 B ");
	assert_row(text, " 1  one", "              ");
	assert_row(text, "2000  [not in the text", "     2.9 KiB");
	assert_non_null(strstr(text, "       512 B  on 1 other line that holds less"));
	assert_non_null(strstr(text, "Changed after the process started"));
	/* What is between the lines shown is left out; the third line below the tenth is empty. */
	assert_non_null(row_of(text, " 6  six"));
	assert_null(row_of(text, "\033"));
	assert_non_null(strstr(text, "13\n"));
	free(text);

	/* The others have no text around them. */
	report.top = 1;
	text = render(lines__write, &report);
	assert_null(row_of(text, "  seven"));
	assert_null(row_of(text, "  ten"));
	assert_non_null(row_of(text, " 6  six"));
	free(text);

	report.top = 10;
	process.source_count = 0;
	text = render(lines__write, &report);
	assert_non_null(strstr(text, "Its text was not read."));
	assert_row(text, "   10\n", "     2.0 KiB");
	assert_row(text, "   14\n", "       512 B");
	free(text);
}

static void test_lines_gap(void **state)
{
	const char *lines[40];
	struct report_site sites[] = {OF_LINE(5, DOMAIN_RAW, 10, 1), OF_LINE(12, DOMAIN_RAW, 10, 1),
				      OF_LINE(30, DOMAIN_RAW, 10, 1)};
	const struct report_source source = {"/a.py", lines, 40, NULL, false};
	struct report_process process = {
		.pid = 1, .sites = sites, .site_count = 3, .sources = &source, .source_count = 1};
	struct report report = {.processes = &process, .process_count = 1, .top = 10};
	char *text;

	(void)state;
	for (size_t i = 0; i < 40; i++)
		lines[i] = "same";
	text = render(lines__write, &report);
	/* 2-8 and 9-15 touch; 27-33 do not. */
	assert_int_equal(occurrences(text, "  same\n"), 21);
	assert_int_equal(occurrences(text, "…\n"), 1);
	free(text);
}

static void test_full_disk(void **state)
{
	static const write_fn writers[] = {json__write, folded__write, svg__write,
					   html__write, lines__write,  write_wide};

	(void)state;
	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++) {
		FILE *full = fopen("/dev/full", "w");

		if (!full)
			skip();
		assert_int_equal(writers[i](sample_report(), full), -ENOSPC);
		fclose(full);
	}
}

static void test_table(void **state)
{
	char names[128];

	(void)state;
	assert_ptr_equal(exporter__by_name("json")->write, json__write);
	assert_ptr_equal(exporter__by_path("out/x.json")->write, json__write);
	assert_ptr_equal(exporter__by_path("x.svg")->write, svg__write);
	assert_ptr_equal(exporter__by_path("x.lines")->write, lines__write);
	assert_ptr_equal(exporter__by_path(".folded")->write, folded__write);
	assert_ptr_equal(exporter__by_path("x.pb.gz")->write, pprof__write);
	assert_null(exporter__by_path("x.speedscope.json"));
	assert_null(exporter__by_path("x.txt"));
	assert_null(exporter__by_path("json"));
	assert_null(exporter__by_name("speedscope"));
	assert_null(exporter__by_name(""));
	assert_string_equal(exporter__names(names, sizeof(names)),
			    "json, folded, svg, html, lines, pprof");
	assert_string_equal(exporter__endings(names, sizeof(names)),
			    ".json, .folded, .svg, .html, .lines, .pb.gz");
	assert_string_equal(exporter__names(names, 6), "json,");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_parsers),
		cmocka_unit_test(test_json_keys),
		cmocka_unit_test(test_json_large_figures),
		cmocka_unit_test(test_json_broken_names),
		cmocka_unit_test(test_folded),
		cmocka_unit_test(test_folded_merges),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_svg_is_bounded),
		cmocka_unit_test(test_svg_is_safe),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_obeys_limits),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_gap),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
