/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/placement.h - where in a function a probe costs least and still sees what it must
 *
 * Pure: bytes in, places out. What the bytes say is believed only as far as it can be decoded; where a
 * rule cannot be proved, the place is the function's first instruction.
 */
#ifndef PLAN_PLACEMENT_H
#define PLAN_PLACEMENT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "plan.h"
#include "plan/decode.h"

/* One instruction for a probe. */
struct place {
	__u64 address;
	enum probe_cost cost;
	__u16 sp_delta;  /* bytes that the stack pointer is below its value at function entry */
	__u8 result_reg; /* exits: register that holds the result */
	const char *why; /* static */
};

#define MAX_EXITS 16

/*
 * For an enter or free probe: the first instruction, on the straight path from the entry, that is cheapest under
 * this kernel and at which the argument registers (bits in `arguments`, GPR_DI ... as the ABI passes them) still
 * hold what they held at the entry, and that no jump in the function leads to (from elsewhere; a jump table or an
 * indirect jump in front of it ends the search). function: its bytes, from entry to end (end unknown: at most what is
 * decodable from the entry; size says). Falls back to the entry. Always fills *place.
 */
void placement__enter(const struct code *function, __u16 arguments, __u32 kernel,
		      struct place *place);

/*
 * For a return probe: as above, and the stack pointer is still what it was at the entry, for the kernel
 * takes the return address from the top of the stack. Falls back to the entry.
 */
void placement__return(const struct code *function, __u32 kernel, struct place *place);

/*
 * Emulated instructions, of which every path from the entry to a ret (or to a tail jump out of the function: then
 * -ENOENT, the result is not final there) crosses exactly one, exactly once, after the result is in result_reg for
 * good. 0 and *count places by address, or -ENOENT where there is no such set: also where the function has
 * a jump table, or a path to a ret without an emulated instruction after the result is known.
 *
 * A call is taken to return, unless it is the function's last instruction: a callee that does not return
 * costs places, and never makes wrong ones. function must end where the function ends.
 */
int placement__exits(const struct code *function, __u32 kernel, struct place exits[MAX_EXITS],
		     size_t *count);

#endif
