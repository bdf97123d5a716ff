/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * who_private.h - what the parts of who.c share, in the order in which they work
 */
#ifndef WHO_PRIVATE_H
#define WHO_PRIVATE_H

#include "lib/arena.h"
#include "objects/refs.h"
#include "objects/who.h"

#define WHO_LABEL_MAX 256
#define WHO_SAMPLES_MAX 4096

/* ---- what is asked for ---- */

/* Objects to find the paths of. */
struct samples {
	__u32 *nodes;
	size_t count;
};

/* Fills samples, and what and found of who. 0, -ENOENT or -ENOMEM. */
int samples__choose(const struct graph *graph, const struct who_query *query, struct who *who,
		    struct samples *samples);
void samples__free(struct samples *samples);

/* Text of the target's, made printable; of who. */
const char *who__printable(struct who *who, const char *text);

/* ---- roots ---- */

/* Where a root's name comes from; it is made for the few that are shown. */
enum root_source {
	FROM_MODULES, /* name: key in sys.modules */
	FROM_LOCAL,   /* name: code object, thread: its state, index: which local variable */
	FROM_FRAME,   /* the same; the frame's function, code, dict of locals */
	FROM_VALUE,   /* the same; a value on its evaluation stack */
	FROM_STATE, /* thread: what its state has beside the frames: the current context, an exception ... */
	FROM_TYPE, /* name: a static type */
	FROM_INTERPRETER,
};

struct root {
	__u32 node;
	enum who_root kind;
	enum root_source source;
	__u32 index;
	__u64 name, thread;
	const char *field; /* FROM_TYPE, FROM_INTERPRETER: static */
};

struct roots {
	struct root *list; /* in the order of preference */
	size_t count, room;
	size_t late; /* those from here on are asked for what the others do not reach: a module's dict is its frame's too */
	bool no_memory;
};

/* What finding and naming roots takes. */
struct root_reader {
	const struct graph *graph;
	const struct target *target;
	struct types *types;
	struct image *image;
	const struct py_objects *objects;
	struct roots *roots;
	__u64 work; /* words of frames that may still be looked at: forged ones have no end */
};

#define WHO_WORK (1ull << 26)

/* 0 or -ENOMEM. What cannot be read is left out. */
int roots__find(struct root_reader *reader);
void roots__free(struct roots *roots);

/* Adds the object at address, unless it is no node. */
void roots__add(struct root_reader *reader, __u64 address, const struct root *root);

/* The address of each interpreter's state; bounded. Returns how many. */
#define WHO_INTERPRETERS_MAX 64
size_t interpreters__list(struct root_reader *reader, __u64 list[WHO_INTERPRETERS_MAX]);

/* Threads' frames, in two parts: local variables, and what else frames have. */
void roots__add_locals(struct root_reader *reader, __u64 interpreter);
void roots__add_frames(struct root_reader *reader, __u64 interpreter);
/* Objects that the threads' states refer to. */
void roots__add_states(struct root_reader *reader, __u64 interpreter);
/* Whether the object at address is a value that a running call is using; fills root. */
bool root__of_value(struct root_reader *reader, __u64 address, struct root *root);

/* "module app", "thread worker-1, function run (app.py)"; without the thread where the threads differ. */
void root__text(struct root_reader *reader, const struct root *root, bool with_thread, char *text,
		size_t max);
/* "local x" for the object of a root that is a local variable, what else it is; "" where the root is the object. */
void root__object_text(struct root_reader *reader, const struct root *root, char *text, size_t max);
void thread__text(struct root_reader *reader, __u64 thread, char *text, size_t max);

#define LOCALS_MAX 4096
bool code__is_one(struct root_reader *reader, __u64 address);
/* Words of locals, cells and free variables that its frames have. */
__u32 code__locals(struct root_reader *reader, __u64 code);
void code__local_name(struct root_reader *reader, __u64 code, __u32 index, char *text, size_t max);
/* The name of the variable that entry `index` of a closure of `count` cells is. */
void code__free_name(struct root_reader *reader, __u64 code, __u32 index, __u32 count, char *text,
		     size_t max);
/* "run (app.py)" */
void code__text(struct root_reader *reader, __u64 code, char *text, size_t max);

/* ---- search ---- */

/* Of a node: the node before it on a shortest path, or one of these. */
#define PARENT_ROOT 0x80000000u   /* | index in the list of roots */
#define PARENT_NATIVE 0xfffffffeu /* an unknown native root */

/* A reference between two nodes of some trail. */
struct trail_edge {
	__u32 from, to;
	struct ref ref; /* kind is REF_GUESS where it was not found again */
};

struct trail_edges {
	struct trail_edge *list; /* by from and to */
	size_t count;
};

struct search {
	const struct graph *graph;
	__u32 *parent; /* NO_NODE = not reached */
	__u32 *queue;  /* nodes in the order in which they were reached */
	__u32 reached;
	struct trail_edges
		more; /* those that no object of the graph has as it is: search__reach_by() */
};

/* 0 or -ENOMEM. */
int search__run(struct search *search, const struct graph *graph, const struct roots *roots);
/* Whether all samples have been reached. */
bool search__has_all(const struct search *search, const struct samples *samples);
/*
 * Looks for references that the graph missed because the target went on while it was read: at roots, and at what was reached, until all
 * samples are reached or there is no more to read. The image is refreshed. 0, or -ENOMEM, -ESRCH, -EPERM.
 */
int search__mend(struct search *search, struct root_reader *reader, const struct samples *samples);
/*
 * Looks for what was not reached in the memory that reached objects of unknown C types have: what they point to, and what that does.
 * 0 or -ENOMEM.
 */
int search__through_memory(struct search *search, struct root_reader *reader);
/* References that the graph has to each node that was not reached; the caller frees them. NULL: no memory. */
__u32 *search__count_references(const struct search *search);
/* Goes on from what has more references than the graph, and was not reached. 0 or -ENOMEM. */
int search__run_native(struct search *search);
void search__end(struct search *search);

/* Parts of the above: roots from number `from` on; a node with the one before it, and all behind those reached last. */
void search__add_roots(struct search *search, const struct roots *roots, size_t from);
void search__reach(struct search *search, __u32 node, __u32 parent);
void search__spread(struct search *search, __u32 from);
/* The same with what the reference is called: the parent does not refer to the node itself. */
void search__reach_by(struct search *search, __u32 node, __u32 parent, const struct ref *ref);
/* What such a reference is called; NULL: it is none. */
const struct ref *search__name_of(const struct search *search, __u32 node, __u32 parent);

/* Objects that were made after the graph was read. NULL: no memory. */
struct late *late__new(struct search *search, struct types *types);
void late__free(struct late *late);
/* Follows a reference of a node that leads out of the graph, until objects behind it lead back. */
void late__follow(struct late *late, __u32 from, const struct ref *by);
/* Whether some reference of `from` leads to a node so; by is that one then. */
bool late__leads_to(struct late *late, __u32 from, __u32 to, struct ref *by);

/* A path, root first. */
struct trail {
	__u32 nodes[WHO_PATH_MAX];
	__u32 count; /* 0 = not reached */
	__u32 root;  /* parent of the first: PARENT_ROOT | index, PARENT_NATIVE */
	__u32 gap; /* nodes[gap] does not follow nodes[gap - 1]: the middle of a long path is left out; 0 = none */
};

void search__trail(const struct search *search, __u32 node, struct trail *trail);

/* Whether there still is an object of the node's type, in the image as it is. */
bool node__is_alive(struct root_reader *reader, __u32 node);

/* ---- edges ---- */

/* Those of all trails of the search; each object is read once. 0 or -ENOMEM. */
int edges__find(struct search *search, struct types *types, const struct trail *trails,
		size_t count, struct trail_edges *edges);
const struct trail_edge *edges__get(const struct trail_edges *edges, __u32 from, __u32 to);
/* Whether each reference of this trail, one of those that were given, was found again. */
bool edges__have_all(const struct trail_edges *edges, const struct trail *trail);
void edges__free(struct trail_edges *edges);

/* How a reference of an object of this type is written: "[3]", "['alice']", ".items", "local x". */
void ref__text(struct root_reader *reader, const struct object_type *type, const struct ref *ref,
	       char *text, size_t max);

/* ---- paths: trails as a person reads them ---- */

struct path_step {
	__u32 node;        /* NO_NODE: of a root that is no object, of a gap */
	const char *label; /* of this sample; interned */
	const char *shape; /* what samples of one shape have in common; interned */
	bool guessed, repeated;
};

struct path {
	enum who_root root;
	struct path_step steps[WHO_PATH_MAX + 1];
	size_t count; /* 0 = unreachable */
};

/* Fills path from a trail. 0 or -ENOMEM. */
int path__make(struct root_reader *reader, const struct trail_edges *edges,
	       const struct trail *trail, struct arena *arena, struct path *path);

/* Adds a step, unless it repeats those before it: then the repeated ones are marked and path ends with its node. */
void path__add(struct path *path, const struct graph *graph, const struct path_step *step);

/* ---- shapes ---- */

/*
 * Groups paths; fills who's shapes, without texts and lengths. 0 or -ENOMEM.
 */
int shapes__make(const struct path *paths, size_t count, const struct graph *graph,
		 struct who *who);

/* Which step of a shape is the dominating container; lengths are there. */
void shape__dominate(struct who_shape *shape);

#endif
