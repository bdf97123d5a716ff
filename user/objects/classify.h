/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/classify.h - is this block an object, and of what type; how large is an object with what it owns
 *
 * A block is an object if it has, at the only place where objects of that type begin (behind the GC head and the words of managed
 * attributes that its type has), a plausible reference count and a type, and if what its type says of its size fits into the block.
 * Where the debug allocator has wrapped the block, what counts is what is inside.
 * Entries of free lists have a count of 0 (since 3.14 the link to the next one) and are none.
 */
#ifndef OBJECTS_CLASSIFY_H
#define OBJECTS_CLASSIFY_H

#include "heap/blocks.h"
#include "objects/types.h"

/* What a block is. */
struct block_object {
	const struct object_type *type; /* NULL = no object: raw memory of something else */
	__u64 address;                  /* of the object, inside the block */
	__u32 refcount;                 /* saturated; of immortal ones REFCOUNT_IMMORTAL */
	bool free_listed; /* no object any more: its type keeps it for the next one; type is NULL */
};

#define REFCOUNT_IMMORTAL (~0u)

/* Never reads more of the target than types it has not seen yet: the rest is in block->data. blocks: NULL = there are no arenas. */
void classify__block(struct types *types, struct blocks *blocks, const struct heap_block *block,
		     struct block_object *object);

/* Bytes of an object: in its own block (head included), and in memory that it alone owns elsewhere. */
struct object_size {
	__u64 own; /* tp_basicsize + items, as sys.getsizeof() has it, + head */
	__u64 buffer; /* list and dict tables, set tables, instance values, bytearray, array and numpy data */
	__u64 buffer_address; /* 0 = none */
	__u64 length;         /* items, of containers and text; 0 */
	__u64 block_size; /* the buffer is many blocks of that size, in a list; 0 = it is one block */
};

/* The type has been settled. What the object says of sizes is believed if there is that much memory. */
void classify__size(struct types *types, __u64 address, const struct object_type *type,
		    struct object_size *size);

/* The same of a block in hand: its bytes are not read again. */
void classify__block_size(struct types *types, const struct heap_block *block,
			  const struct block_object *object, struct object_size *size);

/* Whether the block is all there is of the object, whatever it says; of most. The type has been settled. */
bool classify__owns_nothing(const struct types *types, const struct heap_block *block,
			    const struct block_object *object);

/* Whether this str is in the table of interned ones; block as in the call that found the object. */
bool classify__is_interned(const struct heap_block *block, const struct block_object *object);

#endif
