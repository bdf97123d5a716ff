// SPDX-License-Identifier: BSD-2-Clause
#include "fleet.h"

#include <string.h>

#include "lib/log.h"

bool fleet__is_meant(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "agent"))
		return true;
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--all"))
			return true;
	return false;
}

int fleet__run(int argc, char **argv)
{
	struct fleet_options options;
	int err = fleet_options__parse(argc, argv, &options);

	if (err || options.done)
		return err;
	log__set_level(options.verbosity);
	err = options.agent ? agent_mode__run(&options) : all_mode__run(&options);
	fleet_options__clear(&options);
	return err;
}
