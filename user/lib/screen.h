/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * screen.h - what standard output can show
 */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>

/* Columns of the terminal, or as the variable COLUMNS says; 120 where neither is known. */
int screen__width(void);

/* Whether it is a terminal whose user has not said NO_COLOR (with any value). */
bool screen__colour(void);

#endif
