/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/code_info.h - a code object, from the records that the programs sent of it
 */
#ifndef TRACE_CODE_INFO_H
#define TRACE_CODE_INFO_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot.h"

/* Bytes that a code object of this record will take, about. */
size_t code_info__size(const struct code_message *message);

/*
 * Text and line table of a code object, in place of what info had. What the record lacks is missing: NULL, or a line table that
 * ends early. A NULL where the record has something: no memory. Sizes of message must have been checked.
 */
void code_info__fill(struct code_info *info, const struct code_message *message);

/* The next part of its line table; false where it does not belong there. */
bool code_info__append(struct code_info *info, const struct code_more_message *more);

/* Bytes of a line table of this size that are kept. */
size_t code_info__kept_lines(size_t size);

/* Frees what it points to. */
void code_info__clear(struct code_info *info);

#endif
