// SPDX-License-Identifier: BSD-2-Clause
#include "lib/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t requested;

static void request(int signal_number)
{
	(void)signal_number;
	requested = 1;
}

static void handle(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

void stop__catch(void)
{
	handle(request);
	signal(SIGPIPE, SIG_IGN);
}

void stop__release(void)
{
	handle(SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
}

bool stop__requested(void)
{
	return requested;
}
