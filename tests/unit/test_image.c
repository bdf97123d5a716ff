// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_image.c - reading a process that has pages of every sort, and leaving it as it is
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "heap/image.h"

#define PAGE 4096ul
#define PAGES 600ul /* more than a window of pagemap */

struct process {
	pid_t pid;
	int to;   /* a byte: do the next thing */
	int from; /* a byte: done */
	unsigned char *
		area; /* PAGES pages: even ones written, odd ones never touched, the last 100 not accessible */
	struct image *image;
};

static void fill_page(unsigned char *page, unsigned char value)
{
	memset(page, value, PAGE);
	memcpy(page, &page, sizeof(page));
}

static void child(unsigned char *area, int in, int out)
{
	char byte = 0;

	for (size_t i = 0; i < PAGES - 100; i += 2)
		fill_page(area + i * PAGE, (unsigned char)i);
	while (write(out, &byte, 1) == 1 && read(in, &byte, 1) == 1) {
		mprotect(area + (PAGES - 100) * PAGE, 50 * PAGE, PROT_READ | PROT_WRITE);
		fill_page(area + (PAGES - 100) * PAGE, 77);
		fill_page(area, 99);
	}
	_exit(0);
}

static int start(void **state)
{
	struct process *process = calloc(1, sizeof(*process));
	int in[2], out[2];
	char byte;

	if (!process || pipe(in) || pipe(out))
		return -1;
	process->area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (process->area == MAP_FAILED || madvise(process->area, PAGES * PAGE, MADV_NOHUGEPAGE) ||
	    mprotect(process->area + (PAGES - 100) * PAGE, 100 * PAGE, PROT_NONE))
		return -1;
	process->pid = fork();
	if (!process->pid)
		child(process->area, in[0], out[1]);
	process->to = in[1];
	process->from = out[0];
	*state = process;
	return read(process->from, &byte, 1) == 1
		       ? image__open(process->pid, 1 << 20, &process->image)
		       : -1;
}

static int stop(void **state)
{
	struct process *process = *state;

	image__close(process->image);
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	munmap(process->area, PAGES * PAGE);
	close(process->to);
	close(process->from);
	free(process);
	return 0;
}

static void go_on(struct process *process)
{
	char byte = 0;

	assert_int_equal(write(process->to, &byte, 1), 1);
	assert_int_equal(read(process->from, &byte, 1), 1);
}

static __u64 page_of(const struct process *process, size_t page)
{
	return (__u64)(uintptr_t)process->area + page * PAGE;
}

static void test_reads_pages(void **state)
{
	struct process *process = *state;
	unsigned char bytes[3 * PAGE];

	assert_int_equal(image__word(process->image, page_of(process, 4)), page_of(process, 4));
	/* Over windows and pages, the middle one never written. */
	assert_int_equal(image__read(process->image, page_of(process, 2) + 8, bytes, 2 * PAGE), 0);
	assert_int_equal(bytes[0], 2);
	assert_int_equal(bytes[PAGE], 0);
	assert_int_equal(bytes[2 * PAGE - 1], 0); /* an address' upper byte */
	assert_int_equal(image__word32(process->image, page_of(process, 4) + 8), 0x04040404);
	assert_int_equal(image__read(process->image, 4096, bytes, 8), -EFAULT);
	assert_int_equal(
		image__read(process->image, page_of(process, PAGES - 101), bytes, 2 * PAGE),
		-EFAULT);
	assert_int_equal(image__word(process->image, 4096), 0);
}

static void test_leaves_pages_alone(void **state)
{
	struct process *process = *state;
	unsigned char *copy = malloc(PAGES * PAGE);
	__u64 written = (PAGES - 100) / 2 * PAGE;

	assert_non_null(copy);
	assert_int_equal(image__resident(process->image, page_of(process, 0), (PAGES - 100) * PAGE),
			 written);
	assert_int_equal(
		image__copy(process->image, page_of(process, 0), copy, (PAGES - 100) * PAGE),
		(PAGES - 100) * PAGE);
	for (size_t i = 0; i < PAGES - 100; i++) {
		assert_int_equal(copy[i * PAGE + PAGE - 1], i % 2 ? 0 : (unsigned char)i);
		assert_int_equal(image__word(process->image, page_of(process, i)),
				 i % 2 ? 0 : page_of(process, i));
	}
	image__look_again(process->image);
	assert_int_equal(image__resident(process->image, page_of(process, 0), (PAGES - 100) * PAGE),
			 written);
	/* Parts of pages. */
	assert_int_equal(image__resident(process->image, page_of(process, 0) + 100, 50), 50);
	assert_int_equal(image__resident(process->image, page_of(process, 0) + 100, 2 * PAGE),
			 PAGE);
	/* The rest cannot be read, and is zeros. */
	memset(copy, 1, PAGES * PAGE);
	assert_int_equal(image__copy(process->image, page_of(process, PAGES - 102), copy, 4 * PAGE),
			 2 * PAGE);
	assert_int_equal(copy[3 * PAGE], 0);
	free(copy);
}

static void test_sees_what_has_changed(void **state)
{
	struct process *process = *state;
	__u64 first = page_of(process, 0) + 8, grown = page_of(process, PAGES - 100) + 8;
	unsigned char page[PAGE];

	assert_int_equal(image__word32(process->image, first), 0);
	go_on(process);
	/* The cache has what was; a copy is of now, and of memory that has become accessible since the list of mappings was read. */
	assert_int_equal(image__word32(process->image, first), 0);
	image__look_again(process->image);
	assert_int_equal(image__copy(process->image, grown - 8, page, PAGE), PAGE);
	assert_int_equal(page[PAGE - 1], 77);
	assert_int_equal(image__refresh(process->image), 0);
	assert_int_equal(image__word32(process->image, first), 0x63636363);
	assert_int_equal(image__word32(process->image, grown), 0x4d4d4d4d);
}

static void test_says_when_it_is_gone(void **state)
{
	struct process *process = *state;
	unsigned char page[PAGE];
	long got;

	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	got = image__copy(process->image, page_of(process, 0), page, PAGE);
	assert_true(got == -ESRCH || got == 0);
	assert_int_equal(image__refresh(process->image), -ESRCH);
	assert_int_equal(image__word(process->image, page_of(process, 0)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads_pages, start, stop),
		cmocka_unit_test_setup_teardown(test_leaves_pages_alone, start, stop),
		cmocka_unit_test_setup_teardown(test_sees_what_has_changed, start, stop),
		cmocka_unit_test_setup_teardown(test_says_when_it_is_gone, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
