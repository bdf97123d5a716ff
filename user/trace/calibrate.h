/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/calibrate.h - what a probe costs on this machine, measured in a child process of our own
 */
#ifndef TRACE_CALIBRATE_H
#define TRACE_CALIBRATE_H

/*
 * Nanoseconds of CPU time a hit of a program that only counts, above the unprobed function, and milliseconds for
 * attaching. NAN = could not be measured.
 */
struct probe_prices {
	double emulated_ns;  /* enter probe on a push */
	double stepped_ns;   /* on an instruction that the kernel single-steps */
	double optimized_ns; /* on a 5-byte nop */
	double return_ns; /* enter and return probe on one emulated instruction, both programs run */
	double attach_ms,
		detach_ms; /* of 100 probes, in the way that tracer__add() attaches them */
};

/*
 * Takes about 0.2 s with uprobe_multi (a third of it to find out whether that can be used), half a second
 * more without: nearly all of it waiting. The child is gone when this returns. 0, or -errno where no
 * probe could be attached at all: -EOPNOTSUPP on other machines than x86-64.
 */
int tracer__calibrate(struct probe_prices *prices);

#endif
