// SPDX-License-Identifier: BSD-2-Clause
#include "export/hot_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool hot_files__has(const struct report_site *site, enum label_layer layer)
{
	return site->path && site->line > 0 && label__layer(site->domain) == layer;
}

enum label_layer hot_files__layer(const struct report_process *process)
{
	bool lives[LABEL_LAYERS] = {0};

	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];
		enum label_layer layer = label__layer(site->domain);

		lives[layer] |= site->live_bytes && hot_files__has(site, layer);
	}
	for (int layer = 0; layer < LABEL_LAYERS; layer++) {
		if (lives[layer])
			return layer;
	}
	return LABEL_HEAP;
}

static int by_path(const void *a, const void *b)
{
	const struct hot_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int by_bytes(const void *a, const void *b)
{
	const struct hot_file *x = a, *y = b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	return strcmp(x->path, y->path);
}

/* Those of one path become one; returns how many are left. */
static size_t merge(struct hot_file *all, size_t count)
{
	size_t end = 0;

	qsort(all, count, sizeof(*all), by_path);
	for (size_t i = 0; i < count; i++) {
		if (end && !strcmp(all[end - 1].path, all[i].path))
			all[end - 1].live_bytes += all[i].live_bytes;
		else
			all[end++] = all[i];
	}
	return end;
}

int hot_files__rank(const struct report_process *process, enum label_layer layer,
		    struct hot_file files[HOT_FILES_MAX])
{
	struct hot_file *all = calloc(process->site_count + 1, sizeof(*all));
	size_t count = 0;

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (site->live_bytes && hot_files__has(site, layer))
			all[count++] = (struct hot_file){site->path, site->live_bytes};
	}
	count = merge(all, count);
	qsort(all, count, sizeof(*all), by_bytes);
	if (count > HOT_FILES_MAX)
		count = HOT_FILES_MAX;
	memcpy(files, all, count * sizeof(*all));
	free(all);
	return count;
}
