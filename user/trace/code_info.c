// SPDX-License-Identifier: BSD-2-Clause
#include "trace/code_info.h"

#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

size_t code_info__kept_lines(size_t size)
{
	return size > CODE_LINES_TOTAL_MAX ? CODE_LINES_TOTAL_MAX : size;
}

size_t code_info__size(const struct code_message *message)
{
	return sizeof(struct code_info) + message->file_bytes + message->name_bytes +
	       code_info__kept_lines(message->lines_bytes);
}

void code_info__fill(struct code_info *info, const struct code_message *message)
{
	size_t first =
		message->lines_bytes > CODE_LINES_MAX ? CODE_LINES_MAX : message->lines_bytes;

	code_info__clear(info);
	info->first_line = message->first_line;
	info->file = text__from_unicode(message->file, message->file_bytes, message->file_kind);
	info->name = text__from_unicode(message->name, message->name_bytes, message->name_kind);
	if (message->missing & CODE_MISSING_LINES)
		first = 0; /* what could not be read is no line table */
	info->lines = malloc(code_info__kept_lines(message->lines_bytes) + 1);
	info->lines_size = message->lines_bytes;
	info->lines_len = info->lines ? first : 0;
	if (info->lines)
		memcpy(info->lines, message->lines, first);
}

bool code_info__append(struct code_info *info, const struct code_more_message *more)
{
	if (!info->lines || more->bytes > CODE_LINES_MAX || more->offset != info->lines_len ||
	    more->bytes > code_info__kept_lines(info->lines_size) - info->lines_len)
		return false;
	memcpy(info->lines + info->lines_len, more->lines, more->bytes);
	info->lines_len += more->bytes;
	return true;
}

void code_info__clear(struct code_info *info)
{
	free(info->file);
	free(info->name);
	free(info->lines);
	info->file = info->name = NULL;
	info->lines = NULL;
	info->lines_len = info->lines_size = 0;
}
