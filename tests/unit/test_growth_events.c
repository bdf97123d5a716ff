// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_growth_events.c - a process that touches pages, on the kernel that is running: what is recorded of it stands for what it did
 *
 * It is no Python: its stacks are empty, which the programs must take as well. tests/e2e/test_growth_before.py has Pythons.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/growth_events.h"

#define PAGE 4096ULL

/* What came of one process, of faults in one range. */
struct seen {
	pid_t pid;
	__u64 start, end;
	size_t records, retaken;
	double weight;
	__u32 flags;
};

/* A child that touches pages when it is told. */
struct toucher {
	pid_t pid;
	int to, from;
	unsigned char *memory; /* the same address here and there; touched there alone */
	size_t size;
};

static struct growth_events *events;

static int open_events(void **state)
{
	int err = growth_events__open(16, &events);

	(void)state;
	if (err == -EPERM || err == -ENOENT) {
		print_message("skipped because %s\n",
			      err == -EPERM ? "not root" : "no tracepoint of page faults");
		return 0;
	}
	return err;
}

static int close_events(void **state)
{
	(void)state;
	growth_events__close(events);
	events = NULL;
	return 0;
}

static void ignore_code(void *context, const struct code_message *code)
{
	(void)context;
	(void)code;
}

static void ignore_more(void *context, const struct code_more_message *more)
{
	(void)context;
	(void)more;
}

static void take(void *context, const struct growth_fault *fault)
{
	struct seen *seen = context;

	if (fault->stack.key.target != (__u32)seen->pid || fault->address < seen->start ||
	    fault->address >= seen->end)
		return;
	assert_int_equal(fault->stack.key.domain, DOMAIN_RSS);
	seen->records++;
	seen->weight += fault->weight;
	seen->flags = fault->stack.flags;
}

static void take_retaken(void *context, const struct growth_retaken *retaken)
{
	struct seen *seen = context;

	seen->retaken += retaken->pid == (__u32)seen->pid && retaken->address >= seen->start &&
			 retaken->address < seen->end;
}

static struct seen drain_range(pid_t pid, __u64 start, __u64 end)
{
	struct seen seen = {.pid = pid, .start = start, .end = end};
	const struct growth_receiver receiver = {ignore_code, ignore_more, take, take_retaken,
						 &seen};

	assert_int_equal(growth_events__read(events, &receiver), 0);
	return seen;
}

static struct seen drain(const struct toucher *toucher)
{
	return drain_range(toucher->pid, (__u64)toucher->memory,
			   (__u64)toucher->memory + toucher->size);
}

/* How to touch: a byte written by the program, or by the kernel for it. */
enum way { BY_WRITING, BY_READING_A_FILE, BY_LOOKING, BY_GIVING_BACK, BY_EXEC };

struct order {
	enum way way;
	size_t first, count; /* pages */
};

static void __attribute__((noreturn)) obey(struct toucher *toucher, int in, int out)
{
	int zero = open("/dev/zero", O_RDONLY);
	volatile unsigned char *memory = toucher->memory;
	struct order order;
	unsigned char sum = 0;

	while (read(in, &order, sizeof(order)) == sizeof(order)) {
		for (size_t i = order.first; i < order.first + order.count; i++) {
			if (order.way == BY_WRITING)
				memory[i * PAGE] = 1;
			else if (order.way == BY_GIVING_BACK)
				madvise(toucher->memory + i * PAGE, PAGE, MADV_DONTNEED);
			else if (order.way == BY_LOOKING)
				sum += memory[i * PAGE];
			else if (read(zero, toucher->memory + i * PAGE, 1) != 1)
				_exit(1);
		}
		if (order.way == BY_EXEC) {
			dup2(in, STDIN_FILENO);
			dup2(out, STDOUT_FILENO);
			execl("/bin/cat", "cat", NULL);
		}
		if (write(out, "x", 1) != 1)
			_exit(1);
	}
	_exit(sum);
}

/* is_there: the pages are there when it forks. */
static void begin_with(struct toucher *toucher, size_t pages, bool is_there)
{
	int in[2], out[2];

	if (!events)
		skip();
	toucher->size = pages * PAGE;
	toucher->memory = mmap(NULL, toucher->size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(toucher->memory != MAP_FAILED);
	madvise(toucher->memory, toucher->size, MADV_NOHUGEPAGE);
	if (is_there)
		memset(toucher->memory, 1, toucher->size);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	toucher->pid = fork();
	if (!toucher->pid) {
		close(in[1]);
		close(out[0]);
		obey(toucher, in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	toucher->to = in[1];
	toucher->from = out[0];
}

static void begin(struct toucher *toucher, size_t pages)
{
	begin_with(toucher, pages, false);
}

static void follow(const struct toucher *toucher)
{
	/* Of a Python that is not there: nothing of it can be read. */
	const struct python python = {.runtime = 8, .code_type = 8};

	assert_int_equal(growth_events__watch(events, toucher->pid, &python), 0);
}

static void touch(const struct toucher *toucher, enum way way, size_t first, size_t count)
{
	const struct order order = {way, first, count};
	char done;

	assert_int_equal(write(toucher->to, &order, sizeof(order)), sizeof(order));
	if (way == BY_EXEC)
		assert_int_equal(write(toucher->to, "x", 1), 1);
	assert_int_equal(read(toucher->from, &done, 1), 1);
}

static void end(struct toucher *toucher)
{
	growth_events__leave(events, toucher->pid);
	close(toucher->to);
	close(toucher->from);
	waitpid(toucher->pid, NULL, 0);
	munmap(toucher->memory, toucher->size);
}

static void a_few_are_all_recorded(void **state)
{
	struct toucher toucher;
	struct seen seen;

	(void)state;
	begin(&toucher, 64);
	follow(&toucher);
	touch(&toucher, BY_WRITING, 0, 10);
	touch(&toucher, BY_READING_A_FILE, 10, 10);
	seen = drain(&toucher);
	assert_int_equal(seen.records, 20);
	assert_float_equal(seen.weight, 20, 0);
	assert_true(seen.flags & STACK_NO_THREAD);
	/* They are there: nothing new. */
	touch(&toucher, BY_WRITING, 0, 20);
	assert_int_equal(drain(&toucher).records, 0);
	end(&toucher);
}

/* Of a page that was recorded it is told, also by a fault that is left out itself. */
static void what_is_taken_again_is_told(void **state)
{
	struct toucher toucher;
	struct seen seen;

	(void)state;
	begin(&toucher, 20000);
	follow(&toucher);
	touch(&toucher, BY_WRITING, 0, 20);
	assert_int_equal(drain(&toucher).records, 20);
	touch(&toucher, BY_WRITING, 100, 19900); /* now few are recorded */
	assert_int_equal(drain(&toucher).retaken, 0);
	touch(&toucher, BY_GIVING_BACK, 0, 20);
	touch(&toucher, BY_WRITING, 0, 10);
	seen = drain(&toucher);
	assert_true(seen.records < 10);
	/* But for those whose slot one of the later records has. */
	assert_in_range(seen.retaken, 6, 10);
	end(&toucher);
}

static void looking_takes_nothing(void **state)
{
	struct toucher toucher;

	(void)state;
	begin(&toucher, 64);
	follow(&toucher);
	touch(&toucher, BY_LOOKING, 0, 20);
	assert_int_equal(drain(&toucher).records, 0);
	end(&toucher);
}

/* A trickle between bursts as well: each counts for what it is, and few are recorded. */
static void many_are_estimated(void **state)
{
	const size_t burst = 20000, bursts = 8;
	struct toucher toucher;
	double weight = 0;
	size_t records = 0;

	(void)state;
	begin(&toucher, burst * bursts);
	follow(&toucher);
	for (size_t i = 0; i < bursts; i++) {
		struct seen seen;

		touch(&toucher, BY_WRITING, i * burst, burst);
		seen = drain(&toucher);
		weight += seen.weight;
		records += seen.records;
	}
	assert_true(weight > burst * bursts / 3.0 && weight < burst * bursts * 3.0);
	assert_in_range(records, GROWTH_SAVED, 600);
	end(&toucher);
}

static void others_are_left_alone(void **state)
{
	struct toucher toucher;

	(void)state;
	begin(&toucher, 64);
	touch(&toucher, BY_WRITING, 0, 10);
	assert_int_equal(drain(&toucher).records, 0);
	follow(&toucher);
	touch(&toucher, BY_WRITING, 10, 10);
	assert_int_equal(drain(&toucher).records, 10);
	growth_events__leave(events, toucher.pid);
	touch(&toucher, BY_WRITING, 20, 10);
	assert_int_equal(drain(&toucher).records, 0);
	end(&toucher);
}

/* Of a page that fork(2) left. */
static void copies_on_write_are_no_growth(void **state)
{
	struct toucher toucher;

	(void)state;
	begin_with(&toucher, 64, true);
	follow(&toucher);
	touch(&toucher, BY_WRITING, 0, 20);
	assert_int_equal(drain(&toucher).records, 0);
	end(&toucher);
}

/* It takes dozens of pages to begin, of which the kernel touches a few before it says that there is another program. */
static void another_program_is_not_followed(void **state)
{
	struct toucher toucher;

	(void)state;
	begin(&toucher, 16);
	follow(&toucher);
	touch(&toucher, BY_WRITING, 0, 1);
	assert_true(drain(&toucher).records > 0);
	touch(&toucher, BY_EXEC, 0, 0);
	assert_in_range(drain_range(toucher.pid, 0, ~0ULL).records, 0, 8);
	end(&toucher);
}

static void there_is_room_for_so_many(void **state)
{
	const struct python python = {.runtime = 8};
	int err = 0;

	(void)state;
	if (!events)
		skip();
	/* PIDs that nobody has. */
	for (pid_t pid = 1 << 23; !err && pid < (1 << 23) + 100; pid++)
		err = growth_events__watch(events, pid, &python);
	assert_int_equal(err, -E2BIG);
	for (pid_t pid = 1 << 23; pid < (1 << 23) + 100; pid++)
		growth_events__leave(events, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_few_are_all_recorded),
		cmocka_unit_test(what_is_taken_again_is_told),
		cmocka_unit_test(looking_takes_nothing),
		cmocka_unit_test(many_are_estimated),
		cmocka_unit_test(others_are_left_alone),
		cmocka_unit_test(copies_on_write_are_no_growth),
		cmocka_unit_test(another_program_is_not_followed),
		cmocka_unit_test(there_is_room_for_so_many),
	};

	return cmocka_run_group_tests(tests, open_events, close_events);
}
