/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/census_take.h - counts all objects by type; see include/census.h
 */
#ifndef OBJECTS_CENSUS_TAKE_H
#define OBJECTS_CENSUS_TAKE_H

#include "census.h"
#include "heap/blocks.h"
#include "objects/types.h"

/*
 * Sweeps blocks to their end. largest: how many single objects to keep. The caller frees the census, also after an error.
 * Types of the same name are one. 0, or -ESRCH, -EPERM, -ENOMEM.
 */
int census__take(struct types *types, struct blocks *blocks, size_t largest, struct census *census);

/* Rows of one name become one, largest first. Names: of one arena__intern(). Returns how many there are then. */
size_t census_types__sort(struct census_type *types, size_t count);

#endif
