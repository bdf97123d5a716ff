/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - text that comes from a target, on its way to a terminal or a file; figures for people
 */
#ifndef TEXT_H
#define TEXT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

/*
 * Copy of size bytes of (perhaps broken) UTF-8 that is valid UTF-8 without NUL: each offending byte
 * becomes U+FFFD. Caller frees. NULL: no memory.
 */
char *text__utf8(const char *bytes, size_t size);

/*
 * Writes one code point as UTF-8; returns the bytes written, at most 4. NUL and what is no character become U+FFFD; so
 * does a lone surrogate, which stands for a byte that Python could not decode.
 */
size_t text__encode(char *out, unsigned code);

/*
 * CPython's compact string data, kind = 1 (Latin-1 or ASCII), 2 or 4 bytes a code point, to UTF-8.
 * Caller frees.
 */
char *text__from_unicode(const void *data, size_t bytes, unsigned kind);

/*
 * Writes text with everything that could move a terminal's cursor (C0, DEL, C1, bidi controls) as
 * \xNN or \uNNNN.
 */
void text__print(FILE *out, const char *utf8);

/* Writes text as content of XML or HTML, or as a value between double quotes there. Nothing is made printable. */
void text__markup(FILE *out, const char *text);

/* The same as text__print() into a buffer, cut at a character boundary; returns buffer. */
char *text__printable(const char *utf8, char *buffer, size_t size);

/*
 * The code point that *utf8 begins with, and steps over it; U+FFFD for a broken byte. 0 = end, not
 * stepped over.
 */
unsigned text__next(const char **utf8);

/*
 * Whether a code point can move a cursor, hide or reorder text: C0, DEL, C1, bidi, invisible, not a
 * character.
 */
bool text__is_control(unsigned code);

/* Columns that printable text takes on a terminal: wide characters count 2, combining marks 0. */
size_t text__columns(const char *utf8);

/* "1.4 GiB", "-512 B"; at most 15 characters. Returns buffer. */
char *text__bytes(double bytes, char *buffer, size_t size);

/* RFC 3339, UTC: "2026-11-21T23:06:04Z", 20 characters; "" for what is no date. Returns buffer. */
char *text__time(time_t at, char *buffer, size_t size);

/* "3.2 s", "14 min", "2.5 h". Returns buffer. */
char *text__seconds(double seconds, char *buffer, size_t size);

/* "81,920"; at most 26 characters. Returns buffer. */
char *text__count(__u64 number, char *buffer, size_t size);

#endif
