// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_metrics.c - what Prometheus is told of a host, sample by sample, and that promtool has nothing to say about it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/metrics.h"
#include "fake_host.h"
#include "pages/pages_report.h"

#define REPLACED "\xef\xbf\xbd"
#define LABELS                                                                                     \
	"pid=\"12\",comm=\"gunicorn\",python=\"3.11.2\",cgroup=\"/system.slice/shop.service\""

static struct finding leak(const char *signature, const char *file, int line, double growth_per_s)
{
	struct finding finding = {
		.kind = VERDICT_LEAK,
		.cause = CAUSE_UNBOUNDED_CACHE,
		.confidence = 0.97,
		.growth_per_s = growth_per_s,
		.file = file,
		.function = "Cache.put",
		.line = line,
		.type = "bytearray",
		.holder = "module app -> app.CACHE (dict)",
		.summary = "s",
		.advice = "a",
	};

	snprintf(finding.signature, sizeof(finding.signature), "%s", signature);
	return finding;
}

static char *written(struct host *host, size_t max_sites)
{
	struct metrics_options options = {.max_sites = max_sites, .max_processes = 4096};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(metrics__write(host, &options, out), 0);
	fclose(out);
	return text;
}

static size_t occurrences(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		count++;
	return count;
}

static void assert_has(const char *text, const char *line)
{
	char wanted[4096];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (!strstr(text, wanted))
		fail_msg("not there: %s", line);
}

static void test_names_of_the_contract(void **state)
{
	static const char *const lines[] = {
		"pyleak_process_resident_bytes{" LABELS "} 83886080",
		"pyleak_process_growth_bytes_per_second{" LABELS "} 20480.5",
		"pyleak_process_seconds_to_limit{" LABELS "} 22117.86001",
		"pyleak_python_objects_bytes{" LABELS "} 9876543",
		"pyleak_python_blocks{" LABELS "} 12345",
		"pyleak_pymalloc_free_bytes{" LABELS "} 40960",
		"pyleak_malloc_in_use_bytes{" LABELS "} 111",
		"pyleak_malloc_free_bytes{" LABELS "} 222",
		"pyleak_gc_collections_total{" LABELS ",generation=\"0\"} 300",
		"pyleak_gc_collections_total{" LABELS ",generation=\"2\"} 1",
		"pyleak_gc_uncollectable_total{" LABELS "} 0",
		"pyleak_site_live_bytes{" LABELS
		",file=\"app.py\",line=\"42\",function=\"Cache.put\"} 5000",
		"pyleak_leak_growth_bytes_per_second{" LABELS
		",signature=\"00112233aabbccdd\",cause=\"unbounded_cache\",file=\"app.py\",line="
		"\"42\","
		"function=\"Cache.put\"} 51200",
		"pyleak_target_overhead_ratio{" LABELS "} 0.014",
		"pyleak_lost_events_total{" LABELS ",reason=\"live_full\"} 9",
		"pyleak_agent_cpu_seconds_total 1.5",
		"pyleak_agent_resident_bytes 20971520",
		"pyleak_agent_map_entries{map=\"processes\"} 1",
		"pyleak_agent_map_capacity{map=\"processes\"} 4096",
		"pyleak_build_info{version=\"" PYLEAK_VERSION "\"} 1",
	};
	static struct host host;
	struct finding found = leak("00112233aabbccdd", "app.py", 42, 51200);
	struct site_figure site = {"app.py", "Cache.put", 42, 5000};
	struct trace_result result = {
		.overhead_pct = 1.4,
		.lost = {.live_full = 9},
		.bridge = {.malloc_in_use = 111, .malloc_free = 222},
		.has_bridge = true,
		.findings = &found,
		.finding_count = 1,
		.sites = &site,
		.site_count = 1,
	};
	char *text;

	(void)state;
	fake_measured(&host, 12, "gunicorn", 20480.5)->result = &result;
	text = written(&host, 20);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_has(text, lines[i]);
	free(text);
}

/* Neither 0 nor NaN: no sample. What is infinite was measured. */
static void test_unmeasured(void **state)
{
	static struct host host;
	struct finding found = leak("1", "app.py", 1, NAN);
	struct trace_result result = {.overhead_pct = NAN, .findings = &found, .finding_count = 1};
	struct host_process *still;
	char *text;

	(void)state;
	fake_process(&host, 12, "python3")->result = &result;
	text = written(&host, 20);
	assert_int_equal(occurrences(text, "{pid=\"12\""), 2 + 13 + 1);
	assert_non_null(strstr(text, "\npyleak_process_traced{pid=\"12\""));
	assert_int_equal(occurrences(text, "\npyleak_lost_events_total{"), 13);
	assert_int_equal(occurrences(text, "\npyleak_trace_timestamp_seconds{"), 1);
	assert_null(strstr(text, "NaN"));
	assert_null(strstr(text, "nan"));
	free(text);

	still = fake_measured(&host, 13, "python3", 0);
	assert_true(isinf(still->seconds_to_limit));
	text = written(&host, 20);
	assert_non_null(strstr(text, "\npyleak_process_seconds_to_limit{pid=\"13\""));
	assert_non_null(strstr(text, "\"} +Inf\n"));
	free(text);
}

static void test_no_leak_no_series(void **state)
{
	static struct host host;
	struct finding found[3] = {leak("1", "a.py", 1, 10), leak("2", "a.py", 2, 20),
				   leak("3", "a.py", 3, 30)};
	struct trace_result result = {.overhead_pct = NAN, .findings = found, .finding_count = 3};
	char *text;

	(void)state;
	found[0].kind = VERDICT_SUSPECT;
	found[1].suppressed = true;
	fake_process(&host, 12, "python3")->result = &result;
	text = written(&host, 20);
	assert_int_equal(occurrences(text, "\npyleak_leak_growth_bytes_per_second{"), 1);
	assert_non_null(strstr(text, "signature=\"3\""));
	free(text);
}

/* Of a process that nobody has traced: its first lines, whatever there is in all. */
static void test_growth_before_a_trace(void **state)
{
	static struct host host;
	struct report_site sites[5] = {{0}};
	struct pages_report grown = {.process = {.sites = sites, .site_count = 5}};
	char *text;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		sites[i].file = "app.py";
		sites[i].function = "Cache.put";
		sites[i].line = 40 + (int)i;
		sites[i].live_bytes = 5000 - i;
	}
	sites[1].file = NULL; /* native */
	sites[1].line = 0;
	fake_measured(&host, 12, "gunicorn", 20480.5)->grown = &grown;
	text = written(&host, 20);
	assert_int_equal(occurrences(text, "\npyleak_site_grown_bytes{"), 3);
	assert_has(text, "pyleak_site_grown_bytes{" LABELS
			 ",file=\"app.py\",line=\"40\",function=\"Cache.put\"} 5000");
	assert_has(text, "pyleak_site_grown_bytes{" LABELS
			 ",file=\"\",line=\"\",function=\"Cache.put\"} 4999");
	assert_int_equal(occurrences(text, "\npyleak_site_live_bytes{"), 0);
	free(text);
}

static void test_hostile_labels(void **state)
{
	static struct host host;
	static char long_name[1200];
	struct site_figure sites[] = {
		{"a\"} 1\npyleak_evil 1", "back\\slash\ttab\033[31m", 1, 10},
		{"not utf-8 \xff\xc3", "bidi \xe2\x80\xae!", 2, 20},
		{long_name, "", 3, 30},
	};
	struct trace_result result = {.overhead_pct = NAN, .sites = sites, .site_count = 3};
	struct host_process *process;
	const char *start;
	char *text;

	(void)state;
	/* Two bytes a character: cut between characters. */
	for (size_t i = 0; i + 2 < sizeof(long_name); i += 2)
		memcpy(long_name + i, "\xc3\xb6", 2);
	process = fake_process(&host, 12, "a\"b\\c\nd\r");
	process->result = &result;
	process->cgroup = long_name;
	text = written(&host, 20);
	assert_non_null(strstr(text, "comm=\"a\\\"b\\\\c\\nd" REPLACED "\""));
	assert_non_null(strstr(text,
			       "file=\"a\\\"} 1\\npyleak_evil 1\",line=\"1\","
			       "function=\"back\\\\slash" REPLACED "tab" REPLACED "[31m\"} 10"));
	assert_non_null(strstr(text, "file=\"not utf-8 " REPLACED REPLACED "\",line=\"2\","
				     "function=\"bidi " REPLACED "!\"} 20"));
	assert_null(strstr(text, "\npyleak_evil"));
	start = strstr(text, "cgroup=\"");
	assert_int_equal(strcspn(start + 8, "\""), 254);
	for (const char *at = text; *at; at++)
		assert_true(*at == '\n' || (unsigned char)*at >= 0x20);
	free(text);
}

/* Also of rows that differ only in what is cut off. */
static void test_no_label_set_twice(void **state)
{
	static struct host host;
	static char first[400], second[400];
	struct finding found[] = {leak("1", "a.py", 1, 10), leak("1", "a.py", 1, 20),
				  leak("1", "a.py", 2, 40)};
	struct site_figure sites[] = {
		{first, "f", 1, 10}, {second, "f", 1, 20}, {"b.py", "f", 1, 40}};
	struct trace_result result = {
		.overhead_pct = NAN,
		.findings = found,
		.finding_count = 3,
		.sites = sites,
		.site_count = 3,
	};
	char *text;

	(void)state;
	memset(first, 'x', sizeof(first) - 1);
	memset(second, 'x', sizeof(second) - 1);
	second[398] = 'y';
	fake_process(&host, 12, "python3")->result = &result;
	text = written(&host, 20);
	assert_int_equal(occurrences(text, "\npyleak_site_live_bytes{"), 2);
	assert_non_null(strstr(text, "x\",line=\"1\",function=\"f\"} 30\n"));
	assert_int_equal(occurrences(text, "\npyleak_leak_growth_bytes_per_second{"), 2);
	assert_non_null(strstr(text, "file=\"a.py\",line=\"1\",function=\"Cache.put\"} 30\n"));
	assert_non_null(strstr(text, "file=\"a.py\",line=\"2\",function=\"Cache.put\"} 40\n"));
	free(text);
}

static void test_series_are_bounded(void **state)
{
	static struct host host;
	static struct finding found[100];
	static struct site_figure sites[100];
	struct trace_result result = {
		.overhead_pct = NAN,
		.findings = found,
		.finding_count = 100,
		.sites = sites,
		.site_count = 100,
	};
	char *text;

	(void)state;
	for (int i = 0; i < 100; i++) {
		found[i] = leak("1", "a.py", 1 + i, 100 - i);
		sites[i] = (struct site_figure){"a.py", "f", 1 + i, 100 - i};
	}
	fake_process(&host, 12, "python3")->result = &result;
	text = written(&host, 5);
	assert_int_equal(occurrences(text, "\npyleak_site_live_bytes{"), 5);
	assert_int_equal(occurrences(text, "\npyleak_leak_growth_bytes_per_second{"), 5);
	/* Those that matter most. */
	assert_non_null(strstr(text, "line=\"1\",function=\"f\"} 100\n"));
	assert_null(strstr(text, "line=\"6\""));
	free(text);
}

/* path: of mkstemp(). */
static void write_file(char *path, const char *text)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What Prometheus' own checker says of a host with everything hostile in it. */
static void test_promtool(void **state)
{
	static struct host host;
	struct finding found[] = {leak("1", "a\"\\\n.py", 1, 10), leak("2", "\xff", 0, 20)};
	struct site_figure sites[] = {{"{}", "# HELP", 1, 10}, {"", "", 0, 20}};
	struct trace_result result = {
		.overhead_pct = 1,
		.has_bridge = true,
		.findings = found,
		.finding_count = 2,
		.sites = sites,
		.site_count = 2,
	};
	char in[] = "/tmp/pyleak-metrics-XXXXXX", command[128], said[4096] = "";
	char *text;
	FILE *tool;
	size_t got;
	int status;

	(void)state;
	for (int i = 0; i < 50; i++) {
		fake_measured(&host, 100 + i, i % 2 ? "py\"th\\on\n3" : "", i * 1000.5);
		host.processes[i].result = i % 3 ? NULL : &result;
	}
	fake_process(&host, 1, "# TYPE");
	text = written(&host, 20);
	write_file(in, text);
	free(text);
	snprintf(command, sizeof(command), "promtool check metrics <%s 2>&1", in);
	tool = popen(command, "r");
	assert_non_null(tool);
	got = fread(said, 1, sizeof(said) - 1, tool);
	status = pclose(tool);
	unlink(in);
	if (status || got)
		fail_msg("promtool: status %d\n%s", WEXITSTATUS(status), said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_of_the_contract),
		cmocka_unit_test(test_unmeasured),
		cmocka_unit_test(test_no_leak_no_series),
		cmocka_unit_test(test_growth_before_a_trace),
		cmocka_unit_test(test_hostile_labels),
		cmocka_unit_test(test_no_label_set_twice),
		cmocka_unit_test(test_series_are_bounded),
		cmocka_unit_test(test_promtool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
