/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h - `pyleak-bpf doctor`: what is possible here, what it costs, and where the probes would be
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "cli.h"

/*
 * Tries the kernel's features out on ourselves, prices the probes, plans them for each of cli->pids, and says all that on
 * stdout or in the JSON files asked for. Changes nothing in the processes. 0; or -exit_status, with its reason
 * on stderr, of the first thing that stands in the way: this kernel or our rights (-EXIT_CANNOT_TRACE), a process. What could be
 * found out is printed all the same. Takes a second or two, nearly all of it waiting for the kernel.
 */
int doctor__run(const struct cli *cli);

#endif
