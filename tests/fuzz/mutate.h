/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutate.h - spoils the memory of a stopped Python, and puts it right again
 *
 *	mutate__open(victim, &mutator);		what there is to spoil, by a look at the healthy heap
 *	mutate__round(mutator, seed);		some words, or one word of all objects of a kind
 *	mutate__undo(mutator);
 *	mutate__close(mutator);
 */
#ifndef FUZZ_MUTATE_H
#define FUZZ_MUTATE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "heap/pools.h"
#include "target.h"

struct victim {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
	struct pools *pools;
	/* A terabyte of addresses each; 0 = none. The second can be read: zeros, and what mutate__open() writes. */
	__u64 forbidden, sparse;
};

struct mutator;

/* 0 or -errno. */
int mutate__open(const struct victim *victim, struct mutator **mutator);
void mutate__round(struct mutator *mutator, __u64 seed);
void mutate__undo(struct mutator *mutator);
void mutate__close(struct mutator *mutator);

/* How many seeds, from 0 on, are forgeries that were thought of, not rolled. */
size_t mutate__forgeries(void);

#endif
