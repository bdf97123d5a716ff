/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop.h - Ctrl-C and its like, as a question
 */
#ifndef STOP_H
#define STOP_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP set a flag; SIGPIPE is ignored: files are written even if nobody reads the terminal. */
void stop__catch(void);

/* As it was before: they end the program. */
void stop__release(void);

bool stop__requested(void);

#endif
