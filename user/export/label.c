// SPDX-License-Identifier: BSD-2-Clause
/*
 * label.c - the one text that a frame, a site or a process has in every format
 */
#include <string.h>

#include "export/label.h"
#include "lib/text.h"

#define NAME_MAX_BYTES 1024
#define PLACE_MAX_BYTES 384

static char *python(const char *function, const char *file, int line, char *buffer)
{
	char name[NAME_MAX_BYTES], place[PLACE_MAX_BYTES];

	text__printable(function && *function ? function : "?", name, sizeof(name));
	text__printable(file && *file ? file : "?", place, sizeof(place));
	if (line > 0)
		snprintf(buffer, LABEL_MAX, "%s (%s:%d)", name, place, line);
	else
		snprintf(buffer, LABEL_MAX, "%s (%s)", name, place);
	return buffer;
}

static char *native(const char *function, const char *module, __u64 offset, char *buffer)
{
	char name[NAME_MAX_BYTES], place[PLACE_MAX_BYTES];

	text__printable(module && *module ? module : "?", place, sizeof(place));
	if (function && *function)
		snprintf(buffer, LABEL_MAX, "%s (%s)",
			 text__printable(function, name, sizeof(name)), place);
	else if (module && *module)
		snprintf(buffer, LABEL_MAX, "%s+0x%llx", place, (unsigned long long)offset);
	else
		snprintf(buffer, LABEL_MAX, "0x%llx", (unsigned long long)offset);
	return buffer;
}

char *label__frame(const struct named_frame *frame, char buffer[LABEL_MAX])
{
	switch (frame->kind) {
	case FRAME_PYTHON:
		return python(frame->function, frame->file, frame->line, buffer);
	case FRAME_NATIVE:
		return native(frame->function, frame->module, frame->offset, buffer);
	case FRAME_NOTE:
		break;
	}
	return text__printable(frame->function ? frame->function : "[unknown]", buffer, LABEL_MAX);
}

char *label__site(const struct report_site *site, char buffer[LABEL_MAX])
{
	if (site->file)
		return python(site->function, site->file, site->line, buffer);
	if (site->module || !site->function)
		return native(site->function, site->module, site->offset, buffer);
	return text__printable(site->function, buffer, LABEL_MAX);
}

char *label__process(const struct report_process *process, char buffer[LABEL_MAX])
{
	char name[NAME_MAX_BYTES];

	snprintf(buffer, LABEL_MAX, "%s (%d)",
		 text__printable(process->comm ? process->comm : "?", name, sizeof(name)),
		 process->pid);
	return buffer;
}

const char *label__domain(enum domain domain)
{
	static const char *const names[DOMAIN_MAX] = {
		[DOMAIN_RAW] = "raw", [DOMAIN_OBJECT] = "object", [DOMAIN_MMAP] = "mmap",
		[DOMAIN_BRK] = "brk", [DOMAIN_FILE] = "file",     [DOMAIN_RSS] = "rss",
	};

	return (unsigned)domain < DOMAIN_MAX && names[domain] ? names[domain] : "unknown";
}

enum label_layer label__layer(enum domain domain)
{
	if (label__is_heap(domain))
		return LABEL_HEAP;
	return domain == DOMAIN_RSS ? LABEL_RESIDENT : LABEL_SPACE;
}

const char *label__unit(enum label_layer layer)
{
	static const char *const units[LABEL_LAYERS] = {
		[LABEL_HEAP] = "block",
		[LABEL_RESIDENT] = "page",
		[LABEL_SPACE] = "mapping",
	};

	return units[layer];
}

bool label__is_heap(enum domain domain)
{
	return domain == DOMAIN_RAW || domain == DOMAIN_OBJECT;
}
