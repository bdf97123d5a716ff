/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pythons.h - the Pythons of this machine that a test can run: pyenv's and /usr/bin/python3
 *
 * Included after cmocka.h.
 */
#ifndef PYTHONS_H
#define PYTHONS_H

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Whether it runs, and is of a version that we know. */
static int is_supported(const char *python)
{
	char command[4096];

	snprintf(command, sizeof(command),
		 "'%s' -c 'import sys; sys.exit(not (3, 8) <= sys.version_info < (3, 15))' "
		 "2>/dev/null",
		 python);
	return access(python, X_OK) == 0 && system(command) == 0;
}

/* Calls check for each; skips the test where there is none. */
static void each_python(void (*check)(const char *python))
{
	const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
	char pattern[4096];
	glob_t found;
	int checked = 0;

	snprintf(pattern, sizeof(pattern), "%s%s/versions/*/bin/python3",
		 root   ? root
		 : home ? home
			: "",
		 root ? "" : "/.pyenv");
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (is_supported(found.gl_pathv[i]))
			checked++, check(found.gl_pathv[i]);
	globfree(&found);
	if (is_supported("/usr/bin/python3"))
		checked++, check("/usr/bin/python3");
	if (!checked)
		skip();
}

#endif
