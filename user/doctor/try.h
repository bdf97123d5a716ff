/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_try.h - experiments: does the kernel do this, for us, now?
 *
 * Each does the thing to this process alone and takes it back. 1: it works. 0: the kernel knows no such thing, or it
 * did not do what it should. -errno: it could not be tried, or was refused (-EPERM, -EACCES: rights).
 */
#ifndef DOCTOR_TRY_H
#define DOCTOR_TRY_H

#include <linux/types.h>
#include <stdbool.h>

/* A program of the kind that probes run is accepted. *jitted: it became machine code. */
int try__bpf(bool *jitted);

/* The verifier knows the helper (BPF_FUNC_...) in programs of probes. */
int try__helper(__u32 helper);

/* A ring buffer can be made. */
int try__ring_buffer(void);

/* Hash tables can be read many entries a call. */
int try__batch(void);

/* A uprobe on a function of ours counts its calls. */
int try__uprobe(void);

/* A program at a uprobe runs, and gets the cookie that it was attached with. */
int try__cookie(void);

/* Links with many probes: 1 whole processes are seen, 0 no such links; -EREMOTE: only the main thread is. */
int try__uprobe_multi(void);

/* A probed 5-byte nop becomes a call once it has been hit. 0 also on machines that have no such thing. */
int try__optimized(void);

/* A program at a tracepoint runs once we trigger() it. -ENOENT: there is none of that name; -ENODEV: no tracefs. */
int try__tracepoint(const char *category, const char *name, void (*trigger)(void));

/* A program on a raw tracepoint runs. */
int try__raw_tracepoint(const char *name, void (*trigger)(void));

/* Among try_*.c: perf events of this thread, enabled; a descriptor or -errno. */
int try__open_uprobe(void (*function)(void));
int try__open_tracepoint(const char *category, const char *name);

/* The function that is probed. */
void try__probed(void);

#endif
