// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - which of the flows it is: a session of the tracer, or one of those that do without
 */
#include <string.h>

#include "census_mode.h"
#include "cli.h"
#include "discover/discover.h"
#include "doctor/doctor.h"
#include "fleet.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "look/look.h"
#include "session.h"
#include "who_site.h"

/* Where no probe is allowed there is still what reading alone tells: unless a mode was asked for that is more than that. */
static int trace(struct cli *cli)
{
	struct session *session;
	int err = 0;

	if (cli->mode == TRACE_AUTO && !cli->command) {
		err = requirements__check();
		if (err == -EXIT_CANNOT_TRACE) {
			log__warn("going on without probes: types, holders and layers of memory, "
				  "no lines");
			cli->mode = TRACE_CENSUS;
		}
	}
	if (cli->mode == TRACE_CENSUS)
		return census_mode__run(cli);
	session = session__new(cli);
	err = session ? session__run(session) : -EXIT_FAILED;
	session__free(session);
	return err;
}

/* Whose objects: of a type or an address, that is to be seen; of a line, which has to be traced. */
static int who(const struct cli *cli)
{
	return who_site__is_one(cli->what) ? who_site__run(cli) : who__run(cli);
}

/* Those with a flow of their own; see struct cli. */
static int (*const subcommands[])(const struct cli *) = {
	[SUBCOMMAND_DOCTOR] = doctor__run,
	[SUBCOMMAND_HEAP] = heap__run,
	[SUBCOMMAND_WHO] = who,
};

int main(int argc, char **argv)
{
	struct cli cli;
	int err;

	stop__catch();
	if (fleet__is_meant(argc, argv))
		return -fleet__run(argc, argv);
	err = cli__parse(argc, argv, &cli);
	log__set_level(cli.verbosity);
	if (!err && !cli.done)
		err = cli.subcommand ? subcommands[cli.subcommand](&cli) : trace(&cli);
	return -err;
}
