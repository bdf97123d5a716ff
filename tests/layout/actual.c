// SPDX-License-Identifier: BSD-2-Clause
/*
 * actual.c - prints what py_layout says of one CPython: actual MAJOR MINOR FILE
 *
 * FILE is the executable or library that holds it; read for 3.13 and later, which describe
 * themselves.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "discover/discover.h"
#include "lib/elf_image.h"

#define ROW(name) printf("%s %lu\n", #name, (unsigned long)layout->name)

static int from_file(const char *path, struct py_layout *layout)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = -1;
	struct elf_image *image = NULL;
	struct elf_symbol symbol;
	bool free_threaded;
	char bytes[1024];

	if (fd >= 0 && !elf_image__open(fd, &image) &&
	    !elf_image__find(image, "_PyRuntime", &symbol) &&
	    !elf_image__read(image, symbol.address, bytes, sizeof(bytes)))
		err = py_layout__from_debug_offsets(bytes, sizeof(bytes), layout, &free_threaded);
	elf_image__free(image);
	if (fd >= 0)
		close(fd);
	return err;
}

static bool inside(__u32 offset, __u32 width, __u32 start, __u32 length)
{
	return offset >= start && offset + width <= start + length;
}

static bool windows_cover(const struct py_layout *layout)
{
	__u32 frame = layout->frame_window, frame_len = layout->frame_window_len;
	__u32 code = layout->code_window, code_len = layout->code_window_len;

	return frame_len < PY_FRAME_WINDOW && code_len < PY_CODE_WINDOW &&
	       inside(layout->frame_code, 8, frame, frame_len) &&
	       inside(layout->frame_previous, 8, frame, frame_len) &&
	       inside(layout->frame_instr, layout->instr_kind == PY_INSTR_INDEX ? 4 : 8, frame,
		      frame_len) &&
	       inside(layout->frame_owner, 1, frame, frame_len) &&
	       inside(layout->code_firstlineno, 4, code, code_len) &&
	       inside(layout->code_filename, 8, code, code_len) &&
	       inside(layout->code_name, 8, code, code_len) &&
	       inside(layout->code_linetable, 8, code, code_len) &&
	       (!layout->code_version || inside(layout->code_version, 4, code, code_len));
}

static void print_layout(const struct py_layout *layout)
{
	ROW(version);
	ROW(runtime_interpreters_head);
	ROW(runtime_tss_key);
	ROW(interp_next);
	ROW(interp_threads_head);
	ROW(interp_obmalloc);
	ROW(interp_obmalloc_is_pointer);
	ROW(tstate_frame_in_cframe);
	ROW(cframe_current_frame);
	ROW(tstate_next);
	ROW(tstate_thread_id);
	ROW(tstate_native_thread_id);
	ROW(tstate_frame);
	ROW(frame_code);
	ROW(frame_previous);
	ROW(frame_instr);
	ROW(frame_owner);
	ROW(owner_skip_from);
	ROW(instr_kind);
	ROW(instr_scale);
	ROW(code_firstlineno);
	ROW(code_filename);
	ROW(code_name);
	ROW(code_version);
	ROW(code_linetable);
	ROW(code_instructions);
	ROW(line_format);
	ROW(object_type);
	ROW(bytes_size);
	ROW(bytes_data);
	ROW(str_length);
	ROW(str_state);
	ROW(str_ascii_data);
	ROW(str_compact_data);
	ROW(pool_size);
	ROW(arena_size);
	printf("windows %d\n", windows_cover(layout));
	/* What py_layout.h says of every version. */
	printf("str_kind_bits %d\nstr_compact_bit %d\nstr_ascii_bit %d\n", 7 << 2, 1 << 5, 1 << 6);
}

int main(int argc, char **argv)
{
	const struct py_layout *row;
	struct py_layout layout;
	int err;

	if (argc != 4)
		return 2;
	row = py_layout__find(atoi(argv[1]), atoi(argv[2]));
	if (row) {
		print_layout(row);
		return 0;
	}
	err = from_file(argv[3], &layout);
	if (err) {
		fprintf(stderr, "%s: no layout (%d)\n", argv[3], err);
		return 1;
	}
	print_layout(&layout);
	return 0;
}
