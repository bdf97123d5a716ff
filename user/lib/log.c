// SPDX-License-Identifier: BSD-2-Clause
#include "log.h"

#include <stdio.h>

static int current_level;

/* See log__capture(). */
static __thread char *captured;
static __thread size_t captured_size;

void log__set_level(int level)
{
	current_level = level;
}

int log__level(void)
{
	return current_level;
}

void log__capture(char *text, size_t size)
{
	captured = size ? text : NULL;
	captured_size = size;
	if (captured)
		captured[0] = '\0';
}

static void print_line(const char *prefix, const char *format, va_list args)
{
	flockfile(stderr);
	fputs("pyleak-bpf: ", stderr);
	fputs(prefix, stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

int log__fail(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (captured)
		vsnprintf(captured, captured_size, format, args);
	else
		print_line("", format, args);
	va_end(args);
	return -(int)status;
}

void log__warn(const char *format, ...)
{
	va_list args;

	if (current_level < 0 || captured)
		return;
	va_start(args, format);
	print_line("warning: ", format, args);
	va_end(args);
}

void log__info(const char *format, ...)
{
	va_list args;

	if (current_level < 0 || captured)
		return;
	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log__debug(const char *format, ...)
{
	va_list args;

	if (current_level < 1 || captured)
		return;
	va_start(args, format);
	print_line("", format, args);
	va_end(args);
}

void log__vprint(int level, const char *format, va_list args)
{
	if (current_level >= level && !captured)
		vfprintf(stderr, format, args);
}
