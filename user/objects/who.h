/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/who.h - who holds objects: shortest paths from the roots, grouped by shape
 *
 * Roots: the modules of sys.modules, the threads' frames and their locals, builtins, the attributes of built-in types, and what is
 * referred to by C code alone ("unknown native root": an object with more references than the graph has, reached from nowhere else).
 * One search over the graph, breadth first from all roots at once; a path is read backwards from a sample object. Paths of many samples that
 * go through the same containers and attributes are one shape; indices and keys that differ become "[…]".
 */
#ifndef OBJECTS_WHO_H
#define OBJECTS_WHO_H

#include "objects/graph.h"
#include "target.h"

#define WHO_PATH_MAX 64

enum who_root {
	ROOT_MODULE,
	ROOT_THREAD,      /* a frame of a running thread */
	ROOT_BUILTIN,     /* builtins, sys, attributes of static types */
	ROOT_INTERPRETER, /* what the interpreter itself keeps */
	ROOT_NATIVE,      /* unknown native root */
};

/*
 * All text is printable: see text__printable().
 */
struct who_step {
	const char *
		text; /* "module app", "app.CACHE (dict, 1,204,551 entries)", "['key'] (Session)", ".items (list)" */
	const char *label; /* "module app", "app.CACHE", "[…]", ".items" */
	const char *type;  /* NULL: of a root that is no object (a thread, a native root) */
	__u64 address; /* of the object the step leads to, in most of the samples that share one; 0 = none */
	__u64 length;   /* entries of it, of a container */
	long long grew; /* entries between two looks, where has_grew */
	__u64 shared;   /* samples whose path goes through just this object */
	bool container, has_grew;
	bool guessed; /* the reference was found in a C object that is not known: a word that looks like one */
	bool repeated; /* this and perhaps the steps before it come several times: a chain, a tree */
};

struct who_shape {
	enum who_root root;
	struct who_step *steps; /* from the root to the object */
	size_t step_count;
	__u64 samples; /* that have this shape */
	__u64 example; /* address of one of them */
	size_t dominating; /* index of the step that is the container with the most entries; step_count = none */
};

struct who {
	const char *what; /* the type's name, or the object's */
	__u64 found;      /* objects that match */
	__u64 sampled;    /* of them, without those that were gone before their path was found */
	__u64 unreachable; /* of the samples: no root reaches them (garbage that was not collected) */
	struct who_shape *shapes; /* most samples first */
	size_t shape_count;
	__u64 nodes, edges;
	bool has_grew;
	double grew_over_s; /* between the two looks */
	double took_s;
	double looked_s; /* when, monotonic */
	void *arena;
};

/* What to look for. */
struct who_query {
	const char *type; /* qualified name, or its last component; NULL */
	__u64 *addresses; /* of blocks or objects; used where type is NULL; sorted by the call */
	size_t address_count;
	const char *name; /* what these are called; NULL = by the type of the first */
	size_t samples;   /* at most that many objects; spread over all that match */
};

/* 0, -ENOENT: nothing matches, or -ENOMEM, -ESRCH, -EPERM. The caller frees who, also after an error. */
int who__holds(struct graph *graph, const struct target *target, const struct who_query *query,
	       struct who *who);

/* Reads the lengths of the containers again: fills in grew. types: of the graph; its image is refreshed. 0, or -ESRCH, -EPERM, -ENOMEM. */
int who__look_again(struct who *who, struct types *types);
void who__free(struct who *who);

/* "module", "thread", "builtin", "interpreter", "native". */
const char *who_root__name(enum who_root root);

/*
 * For a query that found nothing: names of types in the process that look like it, most objects first. At most max; returns how many.
 */
size_t who__similar(const struct graph *graph, const char *type, const char **names, size_t max);

#endif
