// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_version.c - which version of CPython an ELF file holds
 *
 * Since 3.11 the file says so itself, in the constant Py_Version. Before, the name says major and
 * minor (libpython3.8.so.1.0, python3.8), and the text "3.8.18" among the constants of the file
 * says the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discover/discover_private.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One or two digits more than that are no version. -1: none at *text. */
static int take_number(const char **text, const char *end)
{
	const char *p = *text;
	int value = 0;

	while (p < end && is_digit(*p) && p - *text < 3)
		value = value * 10 + (*p++ - '0');
	if (p == *text || (p < end && is_digit(*p)))
		return -1;
	*text = p;
	return value;
}

static void print_version(struct python_version *version)
{
	if (version->major < 0)
		version->text[0] = '\0';
	else if (version->micro < 0)
		snprintf(version->text, sizeof(version->text), "%d.%d", version->major,
			 version->minor);
	else
		snprintf(version->text, sizeof(version->text), "%d.%d.%d", version->major,
			 version->minor, version->micro);
}

/* PY_VERSION_HEX, 0xMMmmppLs. Its level L is a, b, c (release candidate) or f (final). */
static bool from_symbol(const struct elf_image *image, struct python_version *version)
{
	struct elf_symbol symbol;
	__u32 hex, level;

	if (elf_image__find(image, "Py_Version", &symbol) ||
	    elf_image__read(image, symbol.address, &hex, sizeof(hex)))
		return false;
	version->major = hex >> 24;
	version->minor = hex >> 16 & 0xff;
	version->micro = hex >> 8 & 0xff;
	level = hex >> 4 & 0xf;
	version->early = level < 0xc;
	print_version(version);
	if (level != 0xf) {
		size_t used = strlen(version->text);

		snprintf(version->text + used, sizeof(version->text) - used, "%s%u",
			 level == 0xc   ? "rc"
			 : level == 0xb ? "b"
					: "a",
			 hex & 0xf);
	}
	return version->major == 2 || version->major == 3;
}

/* "libpython3.13t.so.1.0", "python3.8", "python3.7m", "python3.11-dbg". */
static bool from_name(const char *name, struct python_version *version)
{
	const char *p = name ? strstr(name, "python") : NULL, *end;
	int major, minor;

	if (!p)
		return false;
	p += strlen("python");
	end = p + strlen(p);
	major = take_number(&p, end);
	if (major < 2 || major > 3 || *p != '.')
		return false;
	p++;
	minor = take_number(&p, end);
	if (minor < 0)
		return false;
	/* ABI flags, sys.abiflags */
	for (; *p >= 'a' && *p <= 'z'; p++) {
		version->free_threaded |= *p == 't';
		version->debug |= *p == 'd';
	}
	version->debug |= !strcmp(p, "-dbg");
	version->major = major;
	version->minor = minor;
	version->micro = -1;
	return true;
}

/*
 * Takes "3.8.18" or "3.8.18+", "3.9.0rc1" off [text, end), which has no NUL. If it is the whole
 * text it is *whole; the linker may have merged it into the end of a longer string
 * ("/usr/src/Python-3.8.18").
 */
static bool parse_text(const char *text, const char *end, struct python_version *version)
{
	const char *p = text;

	version->major = take_number(&p, end);
	if (version->major < 2 || version->major > 3 || p == end || *p++ != '.')
		return false;
	version->minor = take_number(&p, end);
	if (version->minor < 0 || p == end || *p++ != '.')
		return false;
	version->micro = take_number(&p, end);
	if (version->micro < 0)
		return false;
	version->early = p < end && (*p == 'a' || *p == 'b');
	if (p < end && (*p == 'a' || *p == 'b' || (*p == 'r' && end - p > 2 && p[1] == 'c'))) {
		p += *p == 'r' ? 2 : 1;
		if (take_number(&p, end) < 0)
			return false;
	}
	if (p < end && *p == '+')
		p++;
	if (p != end || (size_t)(end - text) >= sizeof(version->text))
		return false;
	memcpy(version->text, text, end - text);
	version->text[end - text] = '\0';
	return true;
}

/*
 * What the strings of a file offer: the best match so far, and whether there is another that is as
 * good.
 */
struct text_search {
	struct python_version found;
	int quality; /* 0 = none, 1 = the end of a string, 2 = a whole string */
	bool ambiguous;
};

static void consider(struct text_search *search, const struct python_version *wanted,
		     const struct python_version *seen, int quality)
{
	/* Without a name to go by only a whole string counts. */
	if (wanted->major < 0 ? quality < 2
			      : seen->major != wanted->major || seen->minor != wanted->minor)
		return;
	if (quality < search->quality)
		return;
	if (quality == search->quality) {
		search->ambiguous |= strcmp(seen->text, search->found.text) != 0;
		return;
	}
	search->found = *seen;
	search->quality = quality;
	search->ambiguous = false;
}

static bool from_text(const struct elf_image *image, struct python_version *version)
{
	struct text_search search = {0};
	const char *text, *end;
	const void *data;
	__u64 address;
	size_t size;

	if (elf_image__section(image, ".rodata", &address, &data, &size))
		return false;
	for (text = data; size; text = end + 1) {
		const char *start;

		end = memchr(text, '\0', (const char *)data + size - text);
		if (!end)
			break;
		/* From the end back over all that a version consists of. */
		for (start = end; start > text && end - start < 16; start--) {
			char c = start[-1];

			if (!is_digit(c) && c != '.' && c != '+' && c != 'a' && c != 'b' &&
			    c != 'c' && c != 'r')
				break;
		}
		if (end - start >= 5) {
			struct python_version seen = {0};

			if (parse_text(start, end, &seen))
				consider(&search, version, &seen, start == text ? 2 : 1);
		}
		if (end + 1 >= (const char *)data + size)
			break;
	}
	if (!search.quality || search.ambiguous)
		return false;
	version->major = search.found.major;
	version->minor = search.found.minor;
	version->micro = search.found.micro;
	version->early = search.found.early;
	memcpy(version->text, search.found.text, sizeof(version->text));
	return true;
}

void python_version__tell(const struct module *module, const struct elf_image *image,
			  struct python_version *version)
{
	struct elf_symbol symbol;

	*version = (struct python_version){.major = -1, .minor = -1, .micro = -1};
	/* Names first: they also tell the ABI flags. */
	if (!from_name(elf_image__soname(image), version))
		from_name(module->name, version);
	if (!from_symbol(image, version) && !from_text(image, version))
		print_version(version);
	/*
	 * Reports a reference count below zero; only there with Py_REF_DEBUG, which Py_DEBUG turns
	 * on.
	 */
	if (!elf_image__find_exported(image, "_Py_NegativeRefcount", &symbol))
		version->debug = true;
}
