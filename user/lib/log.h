/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - one-line messages to stderr, in the form "pyleak-bpf: text"
 *
 * Text from a target is made printable (text__print) before it gets here.
 */
#ifndef LOG_H
#define LOG_H

#include <stdarg.h>
#include <stddef.h>

/* Exit status of the program, fixed by the contract. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* failed while running */
	EXIT_USAGE = 2,
	EXIT_LEAK = 3,          /* --fail-on leak */
	EXIT_CANNOT_TRACE = 77, /* this kernel or process cannot be traced */
};

/* level: -1 quiet (errors only), 0 progress, 1 details (-v), 2 libraries' debug output (-vv). */
void log__set_level(int level);
int log__level(void);

/* An error: always printed. Returns -status, so that "return log__fail(EXIT_..., ...)" reads well. */
int log__fail(enum exit_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Until the next call this thread's lines go nowhere, but for errors: text has the last one, without prefix and newline, cut to size bytes
 * with the NUL, "" at first. For those who look at many things and for whom it is no failure that most of them are of no use. NULL ends it.
 */
void log__capture(char *text, size_t size);

/* A warning: printed unless quiet. */
void log__warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Progress, at the default level; details, from level 1. */
void log__info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log__debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For libraries that log through a callback: printed from level on, as it comes. */
void log__vprint(int level, const char *format, va_list args);

#endif
