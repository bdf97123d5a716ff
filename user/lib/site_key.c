// SPDX-License-Identifier: BSD-2-Clause
/*
 * site_key.c - FNV-1a, 64 bits
 */
#include "lib/site_key.h"

#include <string.h>

static __u64 mix(__u64 hash, const void *bytes, size_t size)
{
	for (const unsigned char *at = bytes; size; size--, at++)
		hash = (hash ^ *at) * 0x100000001b3ull;
	return hash;
}

static __u64 mix_text(__u64 hash, const char *text)
{
	return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\xff", 1);
}

__u64 site_key__of(const struct report_site *site)
{
	__u64 hash = 0xcbf29ce484222325ull;
	__u32 domain = site->domain;

	hash = mix(hash, &domain, sizeof(domain));
	hash = mix(hash, &site->line, sizeof(site->line));
	hash = mix(hash, &site->offset, sizeof(site->offset));
	hash = mix_text(hash, site->path);
	hash = mix_text(hash, site->module);
	return mix_text(hash, site->function);
}
