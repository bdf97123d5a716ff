// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz_heap.c - a stopped Python whose memory is spoilt, and everything that reads it
 *
 *	fuzz_heap [-s SEED] [-n ROUNDS] [PYTHON ...]
 *
 * Round i has the seed SEED + i, and begins and ends with the same healthy heap, so that `fuzz_heap -s SEED -n 1 PYTHON` does again what
 * one round did. The first seeds are forgeries that were thought of (mutate.c). Each round is read by a child of its own: it may not
 * die, take longer than GUARD_S of processor time, or more than MEMORY_MB.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover.h"
#include "mutate.h"
#include "readers.h"

#define GUARD_S 40 /* of processor time, under sanitizers; a healthy round takes one or less */
#define MEMORY_MB 1200
#define ROUNDS 12 /* beside the forgeries, a Python */
#define FAULT 3

static const char FIXTURE[] = "tests/fuzz/target.py";

/* AddressSanitizer asks. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "hard_rss_limit_mb=3000:quarantine_size_mb=64:malloc_context_size=8";
}

static int spawn(struct victim *victim, const char *python)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		return -errno;
	victim->pid = fork();
	if (!victim->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		unsetenv("PYTHONMALLOC");
		execl(python, python, "-B", FIXTURE, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	victim->to = fdopen(in[1], "w");
	victim->from = fdopen(out[0], "r");
	return victim->pid < 0 || !victim->to || !victim->from ? -ENOMEM : 0;
}

static void victim__stop(struct victim *victim)
{
	if (victim->pid > 0) {
		kill(victim->pid, SIGKILL);
		waitpid(victim->pid, NULL, 0);
	}
	if (victim->to)
		fclose(victim->to);
	if (victim->from)
		fclose(victim->from);
	pools__close(victim->pools);
	target__free(victim->target);
}

/* Starts the fixture, and stops it where it waits. 0, or -errno. */
static int victim__start(struct victim *victim, const char *python)
{
	unsigned long long forbidden, sparse;
	int err = spawn(victim, python);

	if (err)
		return err;
	if (fscanf(victim->from, "%llx %llx", &forbidden, &sparse) != 2)
		return -ECHILD;
	victim->forbidden = forbidden;
	victim->sparse = sparse;
	usleep(50000); /* it waits in read() by now */
	if (kill(victim->pid, SIGSTOP) || target__discover(victim->pid, &victim->target))
		return -ESRCH;
	if (pools__open(victim->target, &victim->pools))
		victim->pools = NULL;
	return 0;
}

/* In a child of its own. */
static void read_it(const struct victim *victim, __u64 seed)
{
	const struct rlimit time = {.rlim_cur = GUARD_S, .rlim_max = GUARD_S};
	const char *fault;

	setrlimit(RLIMIT_CPU, &time);
	fault = readers__run(victim, seed);
	if (fault)
		fprintf(stderr, "%s\n", fault);
	exit(fault ? FAULT : 0);
}

/* What was wrong with a round, NULL = nothing. */
static const char *judge(int status, const struct rusage *used)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL
			       ? "took too long"
			       : strsignal(WTERMSIG(status));
	if (WEXITSTATUS(status))
		return WEXITSTATUS(status) == FAULT ? "a figure is wrong" : "failed";
	return used->ru_maxrss >> 10 > MEMORY_MB ? "took too much memory" : NULL;
}

static bool fuzz_round(const struct victim *victim, struct mutator *mutator, const char *python,
		       __u64 seed, bool verbose)
{
	struct rusage used = {0};
	const char *wrong;
	int status = -1;
	pid_t pid;

	mutate__round(mutator, seed);
	fflush(NULL);
	pid = fork();
	if (!pid)
		read_it(victim, seed);
	while (pid > 0 && wait4(pid, &status, 0, &used) < 0 && errno == EINTR)
		;
	mutate__undo(mutator);
	wrong = judge(status, &used);
	if (wrong)
		printf("FAILED: fuzz_heap -s %llu -n 1 %s: %s\n", seed, python, wrong);
	else if (verbose)
		printf("seed %llu: %ld.%02ld s, %ld MB\n", seed,
		       used.ru_utime.tv_sec + used.ru_stime.tv_sec,
		       (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 10000 % 100,
		       used.ru_maxrss >> 10);
	return !wrong;
}

struct tally {
	size_t passed, failed, skipped;
};

static void fuzz(const char *python, __u64 seed, size_t rounds, bool verbose, struct tally *tally)
{
	struct victim victim = {.pid = 0};
	struct mutator *mutator = NULL;
	int err = victim__start(&victim, python);

	if (!err)
		err = mutate__open(&victim, &mutator);
	if (err) {
		printf("%s: skipped: %s\n", python, strerror(-err));
		tally->skipped++;
	}
	for (size_t i = 0; !err && i < rounds; i++)
		if (fuzz_round(&victim, mutator, python, seed + i, verbose))
			tally->passed++;
		else
			tally->failed++;
	mutate__close(mutator);
	victim__stop(&victim);
}

int main(int argc, char **argv)
{
	size_t rounds = mutate__forgeries() + ROUNDS;
	struct tally tally = {0};
	bool verbose = false;
	__u64 seed = 0;
	int option;

	while ((option = getopt(argc, argv, "s:n:v")) != -1) {
		if (option == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (option == 'n')
			rounds = strtoull(optarg, NULL, 0);
		else if (option == 'v')
			verbose = true;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (optind == argc)
		fuzz("/usr/bin/python3", seed, rounds, verbose, &tally);
	for (int i = optind; i < argc; i++)
		fuzz(argv[i], seed, rounds, verbose, &tally);
	printf("%zu passed, %zu failed, %zu skipped\n", tally.passed, tally.failed, tally.skipped);
	return tally.failed || !tally.passed;
}
