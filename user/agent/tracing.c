// SPDX-License-Identifier: BSD-2-Clause
#include "agent/tracing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"

#define REPORT_MOST (8u << 20)
#define COMPLAINT_MOST 4096
#define LINE_MOST 300
/* Loading, looking into a large heap at the end, taking probes out. */
#define EXTRA_S 120.0
#define CHUNK 65536
#define NICE 5

/* What comes through a pipe. */
struct stream {
	int fd; /* -1 = its end was seen */
	char *text;
	size_t size, most;
	bool too_much;
};

struct tracing {
	pid_t child; /* 0 = waited for */
	int status;
	double deadline_s, cpu_s;
	bool late;
	struct stream report, complaints;
};

static int stream__open(struct stream *stream, size_t most, int *writer)
{
	int ends[2];

	*stream = (struct stream){.fd = -1, .most = most};
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	stream->fd = ends[0];
	*writer = ends[1];
	return 0;
}

static void stream__end(struct stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

/* Beyond what there is room for, it is read and dropped: the writer shall not wait for ever. */
static void stream__append(struct stream *stream, const char *bytes, size_t size)
{
	char *text;

	if (stream->size + size > stream->most)
		stream->too_much = true;
	if (stream->too_much)
		return;
	text = realloc(stream->text, stream->size + size + 1);
	if (!text) {
		stream->too_much = true;
		return;
	}
	memcpy(text + stream->size, bytes, size);
	stream->text = text;
	stream->size += size;
	text[stream->size] = '\0';
}

static void stream__read(struct stream *stream)
{
	char bytes[CHUNK];
	ssize_t got;

	while (stream->fd >= 0) {
		got = read(stream->fd, bytes, sizeof(bytes));
		if (got > 0)
			stream__append(stream, bytes, got);
		else if (got < 0 && errno == EINTR)
			continue;
		else if (got < 0 && errno == EAGAIN)
			return;
		else
			stream__end(stream);
	}
}

/* In the child; does not return. */
static void become_tracer(const struct tracing_order *order, int report, int complaints,
			  pid_t parent)
{
	char pid[16], seconds[32], budget[32];
	char *argv[20] = {"pyleak-bpf", "--pid",    pid,        "--mode", "auto",
			  "--duration", seconds,    "--budget", budget,   "--output",
			  "-",          "--format", "json",     "--quiet"};
	size_t argc = 14;

	snprintf(pid, sizeof(pid), "%d", order->pid);
	snprintf(seconds, sizeof(seconds), "%.0fs", order->seconds);
	snprintf(budget, sizeof(budget), "%.3f", order->budget * 100);
	if (order->suppress) {
		argv[argc++] = "--suppress";
		argv[argc++] = (char *)order->suppress;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent || dup2(report, STDOUT_FILENO) < 0 ||
	    dup2(complaints, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	setpriority(PRIO_PROCESS, 0, NICE);
	execv("/proc/self/exe", argv);
	_exit(EXIT_FAILURE);
}

int tracing__start(const struct tracing_order *order, struct tracing **result)
{
	struct tracing *tracing = calloc(1, sizeof(*tracing));
	int report = -1, complaints = -1, err = 0;
	pid_t self = getpid();

	if (!tracing)
		return -ENOMEM;
	tracing->complaints.fd = -1;
	err = stream__open(&tracing->report, REPORT_MOST, &report);
	if (!err)
		err = stream__open(&tracing->complaints, COMPLAINT_MOST, &complaints);
	if (!err) {
		tracing->child = fork();
		if (!tracing->child)
			become_tracer(order, report, complaints, self);
		err = tracing->child < 0 ? -errno : 0;
	}
	if (report >= 0)
		close(report);
	if (complaints >= 0)
		close(complaints);
	if (err) {
		tracing->child = 0;
		tracing__free(tracing);
		return err;
	}
	tracing->deadline_s = clock__s() + order->seconds + EXTRA_S;
	*result = tracing;
	return 0;
}

size_t tracing__pollfds(const struct tracing *tracing, struct pollfd fds[TRACING_POLLFDS])
{
	size_t count = 0;

	if (tracing->report.fd >= 0)
		fds[count++] = (struct pollfd){.fd = tracing->report.fd, .events = POLLIN};
	if (tracing->complaints.fd >= 0)
		fds[count++] = (struct pollfd){.fd = tracing->complaints.fd, .events = POLLIN};
	return count;
}

static bool has_ended(struct tracing *tracing)
{
	struct rusage used;

	if (tracing->child && wait4(tracing->child, &tracing->status, WNOHANG, &used)) {
		tracing->child = 0;
		tracing->cpu_s = used.ru_utime.tv_sec + used.ru_stime.tv_sec +
				 1e-6 * (used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	}
	return !tracing->child;
}

bool tracing__step(struct tracing *tracing)
{
	bool ended = has_ended(tracing);

	/* In this order: what it wrote before it ended is in the pipe. */
	stream__read(&tracing->report);
	stream__read(&tracing->complaints);
	if (!ended && !tracing->late && clock__s() > tracing->deadline_s) {
		tracing->late = true;
		kill(tracing->child, SIGKILL);
	}
	return !ended;
}

void tracing__stop(struct tracing *tracing)
{
	if (tracing->child)
		kill(tracing->child, SIGTERM);
}

/* Its last line, without the program's name in front of it. */
static void last_complaint(const struct tracing *tracing, char *problem, size_t size)
{
	static const char prefix[] = "pyleak-bpf: ";
	const char *text = tracing->complaints.text, *line = text;
	size_t length;

	for (const char *c = text; c && *c; c++)
		if (*c == '\n' && c[1])
			line = c + 1;
	if (!line || !*line) {
		snprintf(problem, size, "the trace ended without a report (status %d)",
			 tracing->status);
		return;
	}
	if (!strncmp(line, prefix, sizeof(prefix) - 1))
		line += sizeof(prefix) - 1;
	length = strcspn(line, "\n");
	snprintf(problem, size, "%.*s", (int)(length < LINE_MOST ? length : LINE_MOST), line);
}

char *tracing__take(struct tracing *tracing, size_t *size, char *problem, size_t problem_size,
		    double *cpu_s)
{
	char *text = tracing->report.text;

	*cpu_s = tracing->cpu_s;
	*size = tracing->report.size;
	if (tracing->report.too_much)
		snprintf(problem, problem_size, "its report is larger than %u MiB",
			 REPORT_MOST >> 20);
	else if (tracing->late)
		snprintf(problem, problem_size, "the trace did not come to an end");
	else if (!WIFEXITED(tracing->status) || WEXITSTATUS(tracing->status) || !text)
		last_complaint(tracing, problem, problem_size);
	else {
		tracing->report.text = NULL;
		return text;
	}
	return NULL;
}

void tracing__free(struct tracing *tracing)
{
	if (!tracing)
		return;
	if (tracing->child) {
		kill(tracing->child, SIGKILL);
		waitpid(tracing->child, NULL, 0);
	}
	stream__end(&tracing->report);
	stream__end(&tracing->complaints);
	free(tracing->report.text);
	free(tracing->complaints.text);
	free(tracing);
}
