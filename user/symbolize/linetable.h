/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linetable.h - the line number of an instruction, from a code object's line table
 */
#ifndef LINETABLE_H
#define LINETABLE_H

#include <linux/types.h>
#include <stddef.h>

#include "py_layout.h"

/*
 * The line of the instruction at byte offset lasti.
 *
 * table: the first len bytes of a table of size bytes (len < size: the rest did not arrive).
 *
 * Returns first_line where CPython has no line to give: for lasti < 0 (the frame has not started,
 * and CPython says co_firstlineno too) and for instructions that the compiler marked as having none
 * (a function's prologue and clean-up code, which belong to no statement but to the function).
 * Returns 0, unknown, if the table ends before the instruction, is cut or is nonsense, and for the
 * one instruction a module starts with since 3.11, which CPython puts on line 0.
 */
int linetable__line(enum py_line_format format, const __u8 *table, size_t len, size_t size,
		    int first_line, long lasti);

#endif
