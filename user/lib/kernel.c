// SPDX-License-Identifier: BSD-2-Clause
#include "lib/kernel.h"

#include <stdio.h>

__u32 kernel__version(const char *release)
{
	unsigned int major = 0, minor = 0, patch = 0;

	if (sscanf(release, "%u.%u.%u", &major, &minor, &patch) < 2 || major > 255 || minor > 255)
		return 0;
	return major << 16 | minor << 8 | (patch < 255 ? patch : 255);
}
