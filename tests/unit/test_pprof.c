// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_pprof.c - the pprof profile, uncompressed and decoded again: what the report says, and nothing that points nowhere
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "capture/report_read.h"
#include "export/export.h"
#include "export/profile.pb-c.h"
#include "lib/text.h"
#include "sample_report.h"

#define MANY 30000
#define DEEP 30

static unsigned char *render(const struct report *report, size_t *size)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, size);

	assert_non_null(out);
	assert_int_equal(pprof__write(report, out), 0);
	fclose(out);
	return (unsigned char *)bytes;
}

/* One gzip member and nothing behind it. */
static unsigned char *uncompress_all(unsigned char *bytes, size_t size, size_t *length)
{
	z_stream stream = {.next_in = bytes, .avail_in = size};
	size_t room = 64 << 20;
	unsigned char *plain = malloc(room);

	assert_non_null(plain);
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	stream.next_out = plain;
	stream.avail_out = room;
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	*length = stream.total_out;
	inflateEnd(&stream);
	return plain;
}

static const char *text(const Pprof__Profile *profile, int64_t index)
{
	assert_in_range(index, 0, profile->n_string_table - 1);
	return profile->string_table[index];
}

/* Ids are 1, 2, 3 ...; what is named exists; texts are there once each and can be shown. */
static void check_valid(const Pprof__Profile *profile)
{
	assert_string_equal(text(profile, 0), "");
	for (size_t i = 0; i < profile->n_string_table; i++) {
		const char *at = profile->string_table[i];

		for (unsigned code; (code = text__next(&at));)
			assert_false(text__is_control(code));
	}
	for (size_t i = 0; i < profile->n_mapping; i++) {
		assert_int_equal(profile->mapping[i]->id, i + 1);
		assert_true(*text(profile, profile->mapping[i]->filename));
		text(profile, profile->mapping[i]->build_id);
	}
	for (size_t i = 0; i < profile->n_function; i++) {
		assert_int_equal(profile->function[i]->id, i + 1);
		assert_true(*text(profile, profile->function[i]->name));
		text(profile, profile->function[i]->system_name);
		text(profile, profile->function[i]->filename);
	}
	for (size_t i = 0; i < profile->n_location; i++) {
		const Pprof__Location *location = profile->location[i];

		assert_int_equal(location->id, i + 1);
		assert_in_range(location->mapping_id, 0, profile->n_mapping);
		assert_int_equal(location->n_line, 1);
		assert_in_range(location->line[0]->function_id, 1, profile->n_function);
	}
	for (size_t i = 0; i < profile->n_sample; i++) {
		const Pprof__Sample *sample = profile->sample[i];

		assert_int_equal(sample->n_value, profile->n_sample_type);
		assert_true(sample->n_location_id > 0);
		for (size_t j = 0; j < sample->n_location_id; j++)
			assert_in_range(sample->location_id[j], 1, profile->n_location);
		for (size_t j = 0; j < sample->n_label; j++) {
			text(profile, sample->label[j]->str);
			assert_true(*text(profile, sample->label[j]->key));
		}
	}
}

static Pprof__Profile *decode(const struct report *report)
{
	size_t size, length;
	unsigned char *bytes = render(report, &size), *plain = uncompress_all(bytes, size, &length);
	Pprof__Profile *profile = pprof__profile__unpack(NULL, length, plain);

	assert_non_null(profile);
	check_valid(profile);
	free(plain);
	free(bytes);
	return profile;
}

static void release(Pprof__Profile *profile)
{
	pprof__profile__free_unpacked(profile, NULL);
}

static const Pprof__Label *label_of(const Pprof__Profile *profile, const Pprof__Sample *sample,
				    const char *key)
{
	for (size_t i = 0; i < sample->n_label; i++) {
		if (!strcmp(text(profile, sample->label[i]->key), key))
			return sample->label[i];
	}
	return NULL;
}

static int64_t total(const Pprof__Profile *profile, size_t value, int pid)
{
	int64_t sum = 0;

	for (size_t i = 0; i < profile->n_sample; i++) {
		if (label_of(profile, profile->sample[i], "pid")->num == pid)
			sum += profile->sample[i]->value[value];
	}
	return sum;
}

static void check_totals(const Pprof__Profile *profile, const struct report_process *process)
{
	__u64 sums[4] = {0};

	for (size_t i = 0; i < process->profile.stack_count; i++) {
		const struct profile_stack *stack = &process->profile.stacks[i];

		if (stack->domain != DOMAIN_RAW && stack->domain != DOMAIN_OBJECT)
			continue;
		sums[0] += stack->alloc_count;
		sums[1] += stack->alloc_bytes;
		sums[2] += stack->live_count;
		sums[3] += stack->live_bytes;
	}
	for (size_t i = 0; i < 4; i++) {
		assert_true(sums[i] > 0);
		assert_int_equal(total(profile, i, process->pid), sums[i]);
	}
}

static void test_totals(void **state)
{
	static const char *const types[][2] = {
		{"alloc_objects", "count"},
		{"alloc_space", "bytes"},
		{"inuse_objects", "count"},
		{"inuse_space", "bytes"},
	};
	const struct report *report = sample_report();
	Pprof__Profile *profile = decode(report);

	(void)state;
	assert_int_equal(profile->n_sample_type, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(text(profile, profile->sample_type[i]->type), types[i][0]);
		assert_string_equal(text(profile, profile->sample_type[i]->unit), types[i][1]);
	}
	assert_string_equal(text(profile, profile->default_sample_type), "inuse_space");
	assert_string_equal(text(profile, profile->period_type->type), "space");
	assert_string_equal(text(profile, profile->period_type->unit), "bytes");
	assert_int_equal(profile->time_nanos, 1709294400000000000LL);
	assert_int_equal(profile->duration_nanos, 30000000000LL);
	check_totals(profile, &report->processes[0]);
	check_totals(profile, &report->processes[1]);
	release(profile);
}

static const Pprof__Sample *sample_with(const Pprof__Profile *profile, int64_t live_bytes)
{
	for (size_t i = 0; i < profile->n_sample; i++) {
		if (profile->sample[i]->value[3] == live_bytes)
			return profile->sample[i];
	}
	fail_msg("no sample of %lld bytes", (long long)live_bytes);
	return NULL;
}

static void assert_frame(const Pprof__Profile *profile, uint64_t id, const char *name,
			 const char *file, int line, const char *mapping, uint64_t address)
{
	const Pprof__Location *location = profile->location[id - 1];
	const Pprof__Function *function = profile->function[location->line[0]->function_id - 1];

	assert_string_equal(text(profile, function->name), name);
	assert_string_equal(text(profile, function->filename), file);
	assert_int_equal(location->line[0]->line, line);
	assert_true(location->address == address);
	if (mapping)
		assert_string_equal(
			text(profile, profile->mapping[location->mapping_id - 1]->filename),
			mapping);
	else
		assert_int_equal(location->mapping_id, 0);
}

static void assert_text_label(const Pprof__Profile *profile, const Pprof__Sample *sample,
			      const char *key, const char *value)
{
	const Pprof__Label *label = label_of(profile, sample, key);

	assert_non_null(label);
	assert_string_equal(text(profile, label->str), value);
	assert_int_equal(label->num, 0);
}

static void test_samples(void **state)
{
	Pprof__Profile *profile = decode(sample_report());
	const Pprof__Sample *put = sample_with(profile, 64 * MIB), *worker, *numpy;
	const Pprof__Mapping *program = profile->mapping[0];

	(void)state;
	/* The program is the first, whatever the stacks lead through. */
	assert_string_equal(text(profile, program->filename), "/usr/bin/python3.11");
	assert_string_equal(text(profile, program->build_id),
			    "00112233445566778899aabbccddeeff00112233");
	assert_true(program->memory_start == 0x400000 && program->memory_limit == 0x500000);
	assert_true(program->has_functions && program->has_filenames && program->has_line_numbers);

	assert_int_equal(put->n_location_id, 5);
	assert_frame(profile, put->location_id[0], "PyByteArray_Resize", "libpython3.11.so.1.0", 0,
		     "/usr/lib/libpython3.11.so.1.0", 0);
	assert_frame(profile, put->location_id[1], "Cache.put", "/srv/shop/cache.py", 42, NULL, 0);
	assert_frame(profile, put->location_id[4], "<module>", "/srv/shop/app.py", 12, NULL, 0);
	assert_text_label(profile, put, "comm", "python3.11");
	assert_text_label(profile, put, "python", "3.11.7");
	assert_text_label(profile, put, "cgroup", "/system.slice/shop.service");
	assert_text_label(profile, put, "domain", "raw");
	assert_int_equal(label_of(profile, put, "pid")->str, 0);

	/* Without a symbol it is an address in the module. */
	numpy = sample_with(profile, 9 * MIB + 512);
	assert_int_equal(profile->location[numpy->location_id[1] - 1]->address,
			 0x7f0001000000 + 0x1a2b);
	assert_text_label(profile, sample_with(profile, 56), "domain", "object");

	/* The second process: no Python, no modules listed; an address in none. */
	worker = sample_with(profile, 5 * MIB);
	assert_int_equal(label_of(profile, worker, "pid")->num, 1240);
	assert_null(label_of(profile, worker, "python"));
	assert_null(label_of(profile, worker, "cgroup"));
	assert_text_label(profile, worker, "comm", "work\\x1b[2Jer");
	assert_frame(profile, worker->location_id[0], "g_malloc", "libglib-2.0.so.0", 0,
		     "libglib-2.0.so.0", 0);
	assert_frame(profile, worker->location_id[1], "0x7f00dead", "", 0, NULL, 0x7f00dead);
	release(profile);
}

/* Equal system names have readers take "<module>" for C++ with template arguments. */
static void test_python_names_stay(void **state)
{
	Pprof__Profile *profile = decode(sample_report());
	size_t python = 0;

	(void)state;
	for (size_t i = 0; i < profile->n_function; i++) {
		const char *name = text(profile, profile->function[i]->name);

		if (!strpbrk(name, "<>[]"))
			continue;
		python++;
		assert_string_not_equal(name, text(profile, profile->function[i]->system_name));
	}
	assert_true(python > 3);
	release(profile);
}

/* What is the same is there once. */
static void test_shared(void **state)
{
	struct named_frame one[] = {PY("f", "x.py", 1), PY("g", "x.py", 9)};
	struct named_frame two[] = {PY("f", "x.py", 2), PY("g", "x.py", 9)};
	struct profile_stack stacks[] = {
		STACK(DOMAIN_RAW, one, 10, 1, 1),
		STACK(DOMAIN_OBJECT, two, 5, 1, 1),
		STACK(DOMAIN_OBJECT, one, 0, 0, 1),
		STACK(DOMAIN_MMAP, two, 4096, 1, 1),
	};
	struct report_process processes[] = {
		{.pid = 1, .comm = "p", .profile = {stacks, 4, NULL}},
		{.pid = 2, .comm = "p", .profile = {stacks, 4, NULL}},
	};
	struct report report = {.processes = processes, .process_count = 2};
	Pprof__Profile *profile = decode(&report);

	(void)state;
	assert_int_equal(profile->n_sample, 4);
	assert_int_equal(profile->n_function, 2);
	assert_int_equal(profile->n_location, 3);
	assert_int_equal(profile->n_mapping, 0);
	assert_int_equal(total(profile, 3, 2), 15);
	release(profile);

	/* Only where there is no heap is the address space shown. */
	processes[0].profile = (struct profile){&stacks[3], 1, NULL};
	report.process_count = 1;
	profile = decode(&report);
	assert_int_equal(total(profile, 3, 1), 4096);
	assert_text_label(profile, profile->sample[0], "domain", "mmap");
	release(profile);
}

/* Nothing lives any more, but something was allocated; a figure too large for the format; no frame. */
static void test_figures(void **state)
{
	struct profile_stack stack = {
		.domain = DOMAIN_OBJECT, .alloc_bytes = UINT64_MAX, .alloc_count = 3};
	struct report_process process = {.pid = 1, .comm = "p", .profile = {&stack, 1, NULL}};
	struct report report = {
		.processes = &process, .process_count = 1, .duration_s = NAN, .started = "now"};
	Pprof__Profile *profile = decode(&report);

	(void)state;
	assert_int_equal(profile->n_sample, 1);
	assert_int_equal(profile->sample[0]->value[0], 3);
	assert_true(profile->sample[0]->value[1] == INT64_MAX);
	assert_int_equal(profile->sample[0]->value[3], 0);
	assert_string_equal(text(profile, profile->function[0]->name), "[no stack]");
	assert_int_equal(profile->time_nanos, 0);
	assert_int_equal(profile->duration_nanos, 0);
	release(profile);
}

/* More than any buffer on the way holds. */
static void test_many(void **state)
{
	struct profile_stack *stacks = calloc(MANY, sizeof(*stacks));
	struct named_frame *frames = calloc(MANY, DEEP * sizeof(*frames));
	struct report_process process = {.pid = 1, .comm = "p", .profile = {stacks, MANY, NULL}};
	struct report report = {.processes = &process, .process_count = 1};
	Pprof__Profile *profile;

	(void)state;
	assert_non_null(stacks);
	assert_non_null(frames);
	for (size_t i = 0; i < MANY; i++) {
		for (size_t j = 0; j < DEEP; j++)
			frames[i * DEEP + j] = (struct named_frame)NATIVE(
				j % 2 ? NULL : "f", "lib.so", i * (j + 1) % 10007);
		stacks[i] = (struct profile_stack){.domain = DOMAIN_RAW,
						   .frames = &frames[i * DEEP],
						   .frame_count = DEEP,
						   .live_bytes = i,
						   .live_count = 1};
	}
	profile = decode(&report);
	assert_int_equal(total(profile, 2, 1), MANY);
	assert_int_equal(total(profile, 3, 1), (int64_t)MANY * (MANY - 1) / 2);
	/* "f", and every offset that there is. */
	assert_int_equal(profile->n_location, 10007 + 1);
	assert_int_equal(profile->sample[7]->n_location_id, DEEP);
	release(profile);
	free(frames);
	free(stacks);
}

/* From the JSON comes the same profile, byte by byte. */
static void test_from_json(void **state)
{
	struct report *read;
	char *json = NULL;
	unsigned char *direct, *from_json;
	size_t size, direct_size, json_size;
	FILE *out = open_memstream(&json, &size);

	(void)state;
	assert_non_null(out);
	assert_int_equal(json__write(sample_report(), out), 0);
	fclose(out);
	assert_int_equal(report_read__json(json, size, &read), 0);
	direct = render(sample_report(), &direct_size);
	from_json = render(read, &json_size);
	assert_int_equal(direct_size, json_size);
	assert_memory_equal(direct, from_json, direct_size);
	report_read__free(read);
	free(from_json);
	free(direct);
	free(json);
}

static void test_full_disk(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	assert_int_equal(pprof__write(sample_report(), full), -ENOSPC);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_totals),    cmocka_unit_test(test_samples),
		cmocka_unit_test(test_shared),    cmocka_unit_test(test_python_names_stay),
		cmocka_unit_test(test_figures),   cmocka_unit_test(test_many),
		cmocka_unit_test(test_from_json), cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
