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
#include <sys/prctl.h>
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

/* A child with the mappings that the test has made, which does nothing. */
static struct image *image_of_child(size_t cache, pid_t *pid)
{
	struct image *image;

	*pid = fork();
	if (!*pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(*pid > 0);
	assert_int_equal(image__open(*pid, cache, &image), 0);
	return image;
}

static void end_child(struct image *image, pid_t pid)
{
	image__close(image);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Addresses that a forged object may name: nothing is there, and no sum runs over. */
static void test_ends_of_the_address_space(void **state)
{
	struct process *process = *state;
	__u64 last = (__u64)0 - PAGE, first = page_of(process, 0), end;
	unsigned char bytes[64];

	assert_int_equal(image__read(process->image, UINT64_MAX, bytes, 1), -EFAULT);
	assert_int_equal(image__read(process->image, UINT64_MAX - 7, bytes, 64), -EFAULT);
	assert_int_equal(image__read(process->image, last, bytes, 64), -EFAULT);
	assert_int_equal(image__read(process->image, 0, bytes, 64), -EFAULT);
	assert_int_equal(image__read(process->image, 1ull << 63, bytes, 64), -EFAULT);
	assert_int_equal(image__word(process->image, UINT64_MAX - 3), 0);
	assert_int_equal(image__word32(process->image, UINT64_MAX), 0);
	assert_int_equal(image__resident(process->image, UINT64_MAX - 100, 1000), 0);
	assert_int_equal(image__resident(process->image, 0, UINT64_MAX), 0);
	assert_int_equal(image__resident(process->image, first, UINT64_MAX), 0);
	/* No more than the mapping, whatever is said to be there. */
	end = proc_maps__find(image__maps(process->image), first)->end;
	assert_in_range(image__resident(process->image, first, 1ull << 60), PAGE, end - first);
	assert_int_equal(image__read(process->image, first, bytes, 0), 0);
}

static void test_mapped(void **state)
{
	struct process *process = *state;
	const struct mapping *m;
	__u64 sum = 0;

	proc_maps__for_each (image__maps(process->image), m)
		sum += m->end - m->start;
	assert_true(image__mapped(process->image) == sum);
	assert_true(sum >= PAGES * PAGE);
}

/* Many more windows than the cache has room for: each read is of the right place, and the old ones come back. */
static void test_small_cache(void **state)
{
	const size_t count = 40, words = IMAGE_WINDOW / sizeof(__u64);
	__u64 *area = mmap(NULL, count * IMAGE_WINDOW, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 *copy = malloc(count * IMAGE_WINDOW), address = (__u64)(uintptr_t)area;
	static const size_t caches[] = {0, 1, IMAGE_WINDOW, 5 * IMAGE_WINDOW};

	(void)state;
	assert_true(area != MAP_FAILED && copy);
	for (size_t i = 0; i < count * words; i++)
		area[i] = i;
	for (size_t c = 0; c < sizeof(caches) / sizeof(*caches); c++) {
		pid_t pid;
		struct image *image = image_of_child(caches[c], &pid);

		for (size_t round = 0; round < 2; round++)
			for (size_t i = 0; i < count * words; i += words / 3)
				assert_int_equal(image__word(image, address + i * 8), i);
		/* In one piece, and a word that lies in two windows. */
		assert_int_equal(image__read(image, address, copy, count * IMAGE_WINDOW), 0);
		assert_memory_equal(copy, area, count * IMAGE_WINDOW);
		assert_true(image__word(image, address + IMAGE_WINDOW - 4) ==
			    ((words - 1) >> 32 | words << 32));
		end_child(image, pid);
	}
	free(copy);
	munmap(area, count * IMAGE_WINDOW);
}

/* A file that has become shorter than its mapping: reading it ourselves would be SIGBUS. */
static void test_behind_the_end_of_a_file(void **state)
{
	char name[] = "/tmp/pyleak-image-XXXXXX";
	int fd = mkstemp(name);
	unsigned char *area, bytes[3 * PAGE], page[PAGE];
	struct image *image;
	pid_t pid;

	(void)state;
	memset(page, 7, PAGE);
	assert_int_equal(write(fd, page, PAGE), PAGE);
	area = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(area != MAP_FAILED);
	image = image_of_child(1 << 20, &pid);
	assert_int_equal(image__read(image, (__u64)(uintptr_t)area, bytes, PAGE), 0);
	assert_int_equal(bytes[PAGE - 1], 7);
	assert_int_equal(image__read(image, (__u64)(uintptr_t)area + PAGE, bytes, 1), -EFAULT);
	assert_int_equal(image__read(image, (__u64)(uintptr_t)area + PAGE - 1, bytes, 2), -EFAULT);
	memset(bytes, 1, sizeof(bytes));
	assert_int_equal(image__copy(image, (__u64)(uintptr_t)area, bytes, 3 * PAGE), PAGE);
	assert_int_equal(bytes[0], 7);
	assert_int_equal(bytes[PAGE], 0);
	assert_int_equal(bytes[3 * PAGE - 1], 0);
	end_child(image, pid);
	munmap(area, 3 * PAGE);
	close(fd);
	unlink(name);
}

/* Terabytes without memory, named again and again: there is an end to looking, and a refresh begins anew. */
static void test_looks_at_so_many_pages(void **state)
{
	const __u64 terabyte = 1ull << 40;
	unsigned char *area = mmap(NULL, terabyte, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	__u64 address = (__u64)(uintptr_t)area;
	struct image *image;
	pid_t pid;

	(void)state;
	assert_true(area != MAP_FAILED);
	assert_int_equal(madvise(area, terabyte, MADV_NOHUGEPAGE), 0);
	area[0] = area[terabyte - 1] = 1;
	image = image_of_child(1 << 20, &pid);
	assert_int_equal(image__resident(image, address, 1), 1);
	assert_int_equal(image__resident(image, address + terabyte - PAGE, PAGE), PAGE);
	alarm(120);
	assert_int_equal(image__resident(image, address, terabyte), PAGE); /* the last is too far */
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(image__resident(image, address, terabyte), 0);
	alarm(0);
	assert_int_equal(image__refresh(image), 0);
	assert_int_equal(image__resident(image, address, PAGE), PAGE);
	end_child(image, pid);
	munmap(area, terabyte);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reads_pages, start, stop),
		cmocka_unit_test_setup_teardown(test_leaves_pages_alone, start, stop),
		cmocka_unit_test_setup_teardown(test_sees_what_has_changed, start, stop),
		cmocka_unit_test_setup_teardown(test_says_when_it_is_gone, start, stop),
		cmocka_unit_test_setup_teardown(test_ends_of_the_address_space, start, stop),
		cmocka_unit_test_setup_teardown(test_mapped, start, stop),
		cmocka_unit_test(test_small_cache),
		cmocka_unit_test(test_behind_the_end_of_a_file),
		cmocka_unit_test(test_looks_at_so_many_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
