// SPDX-License-Identifier: BSD-2-Clause
/*
 * calibrate.c - a child calls tiny functions of this file and times itself, without probes and with
 *
 * Only the child is probed (by process id), so that nothing stays behind in us. It measures in short rounds of
 * CPU time and reports their median: on a busy machine rounds are interrupted, and the least of them
 * would be a price that nobody pays.
 */
#include "trace/calibrate.h"

#include <errno.h>
#include <math.h>

#ifdef __x86_64__
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "calibrate.skel.h"
#include "lib/proc_maps.h"
#include "trace/uprobe_multi.h"

#define ROUNDS 15
#define CALLS 200         /* a round */
#define PRICED_PROBES 100 /* that attach_ms and detach_ms are for */

/*
 * What is probed. A nop that crosses a page would not be optimized, hence the alignment. The spare
 * functions, three bytes each, are never called: they are there to be attached to.
 */
__asm__(".pushsection .text.calibrate, \"ax\", @progbits\n"
	".balign 64\n"
	"calibrate_emulated: push %rbp\n pop %rbp\n ret\n"
	".balign 64\n"
	"calibrate_stepped: sub $8, %rsp\n add $8, %rsp\n ret\n"
	".balign 64\n"
	"calibrate_optimized: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n ret\n"
	".balign 64\n"
	"calibrate_returning: push %rbp\n pop %rbp\n ret\n"
	".balign 64\n"
	"calibrate_spare: .rept 100\n push %rbp\n pop %rbp\n ret\n .endr\n"
	".popsection\n");

#define SPARE_SIZE 3

void calibrate_emulated(void);
void calibrate_stepped(void);
void calibrate_optimized(void);
void calibrate_returning(void);
void calibrate_spare(void);

enum { EMULATED, STEPPED, OPTIMIZED, RETURNING, FUNCTIONS };

static void (*const functions[FUNCTIONS])(void) = {
	[EMULATED] = calibrate_emulated,
	[STEPPED] = calibrate_stepped,
	[OPTIMIZED] = calibrate_optimized,
	[RETURNING] = calibrate_returning,
};

struct bench {
	struct calibrate_bpf *bpf;
	bool multi;
	pid_t child;
	int socket;                   /* to the child: a function's number there, its price back */
	__u64 offsets[PRICED_PROBES]; /* in our file: the functions, then spares */
	int enter_fd, return_fd;      /* multi */
	struct bpf_link *links[FUNCTIONS + 1]; /* not multi */
};

static double seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec + now.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Nanoseconds that a call takes: median of the rounds. */
static double time_calls(void (*function)(void))
{
	double rounds[ROUNDS];

	for (size_t i = 0; i < ROUNDS; i++) {
		double start = seconds(CLOCK_THREAD_CPUTIME_ID);

		for (size_t call = 0; call < CALLS; call++)
			function();
		rounds[i] = (seconds(CLOCK_THREAD_CPUTIME_ID) - start) * 1e9 / CALLS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	return rounds[ROUNDS / 2];
}

/* The child: serves requests until we close the socket or die. */
static void __attribute__((noreturn)) serve(int socket, pid_t parent)
{
	__u32 which;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == parent && read(socket, &which, sizeof(which)) == sizeof(which)) {
		double price = time_calls(functions[which % FUNCTIONS]);

		if (send(socket, &price, sizeof(price), MSG_NOSIGNAL) != sizeof(price))
			break;
	}
	_exit(0);
}

static int start_child(struct bench *bench)
{
	pid_t parent = getpid();
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	bench->child = fork();
	if (!bench->child) {
		close(sockets[0]);
		serve(sockets[1], parent);
	}
	close(sockets[1]);
	bench->socket = sockets[0];
	return bench->child < 0 ? -EAGAIN : 0;
}

static void end_child(struct bench *bench)
{
	if (bench->socket >= 0)
		close(bench->socket);
	if (bench->child <= 0)
		return;
	kill(bench->child, SIGKILL);
	while (waitpid(bench->child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Nanoseconds a call in the child, or NAN. */
static double ask(const struct bench *bench, __u32 which)
{
	double price;
	ssize_t n;

	if (send(bench->socket, &which, sizeof(which), MSG_NOSIGNAL) != sizeof(which))
		return NAN;
	do {
		n = read(bench->socket, &price, sizeof(price));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(price) ? price : NAN;
}

static int find_offsets(struct bench *bench)
{
	struct proc_maps *maps;
	int err = proc_maps__read(getpid(), &maps);

	if (err)
		return err;
	for (size_t i = 0; i < PRICED_PROBES; i++) {
		__u64 address = i < FUNCTIONS ? (uintptr_t)functions[i]
					      : (uintptr_t)calibrate_spare + i * SPARE_SIZE;
		const struct mapping *mapping = proc_maps__find(maps, address);

		if (!mapping) {
			err = -ENOENT;
			break;
		}
		bench->offsets[i] = address - mapping->start + mapping->offset;
	}
	proc_maps__free(maps);
	return err;
}

static int load(struct bench *bench)
{
	enum bpf_attach_type multi = (enum bpf_attach_type)UPROBE_MULTI_ATTACH_TYPE;

	bench->bpf = calibrate_bpf__open();
	if (!bench->bpf)
		return -errno;
	bench->multi = uprobe_multi__supported();
	if (bench->multi) {
		bpf_program__set_expected_attach_type(bench->bpf->progs.calibrate_enter, multi);
		bpf_program__set_expected_attach_type(bench->bpf->progs.calibrate_return, multi);
	}
	return calibrate_bpf__load(bench->bpf);
}

/* One link with all enter probes is what is timed; the return probe has its own. */
static int attach_multi(struct bench *bench, struct probe_prices *prices)
{
	const struct calibrate_bpf *bpf = bench->bpf;
	double start = seconds(CLOCK_MONOTONIC);

	bench->enter_fd =
		uprobe_multi__attach(bpf_program__fd(bpf->progs.calibrate_enter), "/proc/self/exe",
				     bench->child, bench->offsets, NULL, PRICED_PROBES, false);
	if (bench->enter_fd < 0)
		return bench->enter_fd;
	prices->attach_ms = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
	bench->return_fd =
		uprobe_multi__attach(bpf_program__fd(bpf->progs.calibrate_return), "/proc/self/exe",
				     bench->child, &bench->offsets[RETURNING], NULL, 1, true);
	return 0;
}

static void detach_multi(struct bench *bench, struct probe_prices *prices)
{
	const int links[] = {bench->enter_fd, bench->return_fd};
	double start = seconds(CLOCK_MONOTONIC);

	uprobe_multi__detach(links, sizeof(links) / sizeof(links[0]));
	if (bench->enter_fd >= 0)
		prices->detach_ms = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
}

/* The kernel may know no return probes, or not be let: the enter probes are priced all the same. */
static int attach_each(struct bench *bench, struct probe_prices *prices)
{
	LIBBPF_OPTS(bpf_uprobe_opts, returning, .retprobe = true);
	double start = seconds(CLOCK_MONOTONIC);

	for (size_t i = 0; i < FUNCTIONS; i++) {
		bench->links[i] = bpf_program__attach_uprobe_opts(bench->bpf->progs.calibrate_enter,
								  bench->child, "/proc/self/exe",
								  bench->offsets[i], NULL);
		if (!bench->links[i])
			return -errno;
	}
	prices->attach_ms = (seconds(CLOCK_MONOTONIC) - start) * 1e3 * PRICED_PROBES / FUNCTIONS;
	bench->links[FUNCTIONS] = bpf_program__attach_uprobe_opts(
		bench->bpf->progs.calibrate_return, bench->child, "/proc/self/exe",
		bench->offsets[RETURNING], &returning);
	return 0;
}

static void detach_each(struct bench *bench, struct probe_prices *prices)
{
	double start = seconds(CLOCK_MONOTONIC);
	size_t count = 0;

	for (size_t i = 0; i <= FUNCTIONS; i++) {
		count += bench->links[i] != NULL;
		bpf_link__destroy(bench->links[i]);
	}
	if (count)
		prices->detach_ms =
			(seconds(CLOCK_MONOTONIC) - start) * 1e3 * PRICED_PROBES / count;
}

/* Price of the probes on a function, above what it takes without; NAN where they did not run at each call. */
static double price(const struct bench *bench, __u32 which, double bare)
{
	const struct calibrate_bpf *bpf = bench->bpf;
	const __u64 hits = ROUNDS * CALLS;
	__u64 enters = bpf->bss->enters, returns = bpf->bss->returns;
	double probed = ask(bench, which);

	if (__atomic_load_n(&bpf->bss->enters, __ATOMIC_ACQUIRE) - enters < hits)
		return NAN;
	if (which == RETURNING && bpf->bss->returns - returns < hits)
		return NAN;
	return probed > bare ? probed - bare : NAN;
}

static int measure(struct bench *bench, struct probe_prices *prices)
{
	double bare[FUNCTIONS];
	int err;

	for (size_t i = 0; i < FUNCTIONS; i++)
		bare[i] = ask(bench, i);
	err = bench->multi ? attach_multi(bench, prices) : attach_each(bench, prices);
	if (!err) {
		prices->emulated_ns = price(bench, EMULATED, bare[EMULATED]);
		prices->stepped_ns = price(bench, STEPPED, bare[STEPPED]);
		prices->optimized_ns = price(bench, OPTIMIZED, bare[OPTIMIZED]);
		prices->return_ns = price(bench, RETURNING, bare[RETURNING]);
	}
	if (bench->multi)
		detach_multi(bench, prices);
	else
		detach_each(bench, prices);
	return err;
}

static int calibrate(struct probe_prices *prices)
{
	struct bench bench = {.socket = -1, .enter_fd = -1, .return_fd = -1};
	int err = start_child(&bench);

	if (!err)
		err = find_offsets(&bench);
	if (!err)
		err = load(&bench);
	if (!err)
		err = measure(&bench, prices);
	end_child(&bench);
	calibrate_bpf__destroy(bench.bpf);
	return err;
}

#else

static int calibrate(struct probe_prices *prices)
{
	(void)prices;
	return -EOPNOTSUPP;
}

#endif

int tracer__calibrate(struct probe_prices *prices)
{
	*prices = (struct probe_prices){NAN, NAN, NAN, NAN, NAN, NAN};
	return calibrate(prices);
}
