// SPDX-License-Identifier: BSD-2-Clause
/*
 * classify.c - objects among blocks of memory
 *
 * Most words of a heap are no types, and asking types__at() for each of them would fill its table: so what cannot be a type is left
 * out first. Type objects are larger than pymalloc's largest block, hence never inside an arena; and the word before a type is a
 * reference count, not the address of something (in a list of two classes, the first is).
 */
#include "objects/classify.h"

#include <string.h>

#include "objects/dict.h"

#define FIRST_ADDRESS 0x100000 /* no program is loaded lower */
#define ADDRESS_BITS 47
#define LARGEST_HEAD 32
#define HEAD_STEP 16
#define COUNT_NOT_ADDRESS (1u << 16)

/* PyASCIIObject.state; the same bits in all versions, as in types__text() */
#define STR_STATE 32
#define STATE_INTERNED(state) ((state)&3)
#define STATE_KIND(state) ((state) >> 2 & 7)
#define STATE_COMPACT (1u << 5)
#define STATE_ASCII (1u << 6)

/* ---- is it one ---- */

/* Whether this is a count of references; upwards of 3.14 the upper 16 bits are flags. Addresses have bits 32-47. */
static bool is_refcount(__u64 word)
{
	return (__u32)word && !(word >> 32 & 0xffff) && word >> 48 < 0x100;
}

static bool is_mapped(struct types *types, __u64 address)
{
	return proc_maps__find(image__maps(types__image(types)), address);
}

static const struct object_type *type_at(struct types *types, struct blocks *blocks, __u64 address,
					 __u64 refcount)
{
	const struct object_type *type;

	if (address & 7 || address < FIRST_ADDRESS || address >> ADDRESS_BITS)
		return NULL;
	if (types__seen(types, address, &type) ? !type
					       : blocks && blocks__in_arena(blocks, address))
		return NULL;
	/* An array of pointers to types has one of them where the count would be. */
	if (refcount > COUNT_NOT_ADDRESS && is_mapped(types, refcount))
		return NULL;
	return type ? type : types__at(types, address);
}

static __u64 word_at(const unsigned char *bytes, size_t offset)
{
	__u64 word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

/* |ob_size|, or the number of digits of an int since 3.12, which are in the tag's upper bits. */
static __u64 item_count(const struct py_objects *objects, const struct object_type *type,
			__u64 word)
{
	if (type->flags & TYPE_LONG_SUBCLASS && objects->immortal_from)
		return word >> 3;
	return (__s64)word < 0 ? -word : word;
}

/* Bytes of a str with its text, as far as it is inside; 0 = this is no str. */
static __u64 str_size(const struct py_objects *objects, const unsigned char *bytes)
{
	__u64 length = word_at(bytes, VAR_SIZE);
	__u32 state = word_at(bytes, STR_STATE), width = STATE_KIND(state);

	if (!(state & STATE_COMPACT))
		return objects->str_legacy;
	if ((width != 1 && width != 2 && width != 4) || length >> ADDRESS_BITS)
		return 0;
	return (state & STATE_ASCII ? objects->str_ascii : objects->str_compact) +
	       (length + 1) * width;
}

/* Types whose objects say at VAR_SIZE how many items follow. */
#define COUNTED (TYPE_TUPLE_SUBCLASS | TYPE_BYTES_SUBCLASS | TYPE_LONG_SUBCLASS)

/* Whether an object of this type has room in `room` bytes, of which `have` are at bytes. */
static bool fits(const struct py_objects *objects, const struct object_type *type,
		 const unsigned char *bytes, size_t have, __u64 room)
{
	__u64 items, size;

	if (type->flags & TYPE_UNICODE_SUBCLASS) {
		if (have < STR_STATE + 8)
			return false;
		size = str_size(objects, bytes);
		return size && size <= room;
	}
	if (type->flags & COUNTED && type->itemsize) {
		if (have < VAR_SIZE + 8)
			return false;
		items = item_count(objects, type, word_at(bytes, VAR_SIZE));
		return items < room && type->basicsize + items * type->itemsize <= room;
	}
	/* tp_basicsize of some that vary in size has the first item in it. */
	return type->basicsize <= room + type->itemsize;
}

/* The collector's link: 0, or the address of another head, perhaps with flags. */
static bool is_gc_link(__u64 word)
{
	word &= GC_POINTER_MASK;
	/* Heads of lists in a static interpreter may be 4-aligned only (Debian's 3.13.5). */
	return !word || (word >= FIRST_ADDRESS && !(word >> ADDRESS_BITS));
}

static __u32 saturated(const struct py_objects *objects, __u64 refcount)
{
	__u32 count = refcount;

	if (objects->immortal_from && count >= objects->immortal_from)
		return REFCOUNT_IMMORTAL;
	return count == REFCOUNT_IMMORTAL ? count - 1 : count;
}

/* Whether what is behind the head, with a count and this type, is such an object. */
static bool accept(struct types *types, const struct heap_block *block,
		   const struct object_type *type, struct block_object *object)
{
	const struct py_objects *objects = types__objects(types);
	const __u32 offset = type->head;
	const unsigned char *bytes = block->data + offset;

	if (type->flags & TYPE_HAVE_GC && !is_gc_link(word_at(bytes, 0UL - GC_HEAD_SIZE + GC_NEXT)))
		return false;
	if (!fits(objects, type, bytes, block->have - offset, block->size - offset))
		return false;
	object->type = type;
	object->address = block->address + offset;
	object->refcount = saturated(objects, word_at(bytes, OBJECT_REFCOUNT));
	return true;
}

/* Whether an object begins at this offset in the block. */
static bool try_at(struct types *types, struct blocks *blocks, const struct heap_block *block,
		   __u32 offset, struct block_object *object)
{
	const unsigned char *bytes = block->data + offset;
	__u64 refcount = word_at(bytes, OBJECT_REFCOUNT);
	const struct object_type *type;
	bool is_count = is_refcount(refcount);

	if (!is_count && refcount)
		return false;
	type = type_at(types, blocks, word_at(bytes, OBJECT_TYPE), refcount);
	if (!type || type->head != offset)
		return false;
	if (!is_count) {
		object->free_listed = true;
		return false;
	}
	return accept(types, block, type, object);
}

/*
 * PYTHONMALLOC=debug, python -X dev: in front of what the caller gets are its size, big-endian, a letter for the allocator, and seven
 * forbidden bytes; behind it eight more of these, at least (Objects/obmalloc.c, _PyMem_DebugRawAlloc(), 3.8 - 3.14). What is too large for
 * pymalloc comes from the raw allocator, which does the same once more.
 */
#define DEBUG_HEAD 16
#define DEBUG_TAIL 8
#define DEBUG_LAYERS 2
#define DEBUG_FORBIDDEN 0xfdfdfdfdfdfdfdull

static bool is_wrapped(const struct heap_block *block)
{
	return block->have >= DEBUG_HEAD + 2 * sizeof(__u64) &&
	       word_at(block->data, 8) >> 8 == DEBUG_FORBIDDEN;
}

/* The block that is inside the block. False: none. */
static bool unwrap(struct heap_block *block)
{
	__u64 size;

	if (!is_wrapped(block) || !memchr("omr", block->data[8], 3))
		return false;
	size = __builtin_bswap64(word_at(block->data, 0));
	if (size > block->size || block->size - size < DEBUG_HEAD + DEBUG_TAIL)
		return false;
	block->address += DEBUG_HEAD;
	block->data += DEBUG_HEAD;
	block->size = size;
	block->have = block->have - DEBUG_HEAD < size ? block->have - DEBUG_HEAD : size;
	return true;
}

void classify__block(struct types *types, struct blocks *blocks, const struct heap_block *block,
		     struct block_object *object)
{
	struct heap_block inner;

	if (is_wrapped(block)) {
		inner = *block;
		for (int i = 0; i < DEBUG_LAYERS && unwrap(&inner); i++)
			;
		block = &inner;
	}
	*object = (struct block_object){0};
	for (__u32 offset = 0; offset <= LARGEST_HEAD && offset + 16 <= block->have;
	     offset += HEAD_STEP)
		if (try_at(types, blocks, block, offset, object))
			break;
	if (object->type)
		object->free_listed = false;
}

bool classify__is_interned(const struct heap_block *block, const struct block_object *object)
{
	size_t offset = object->address - block->address + STR_STATE;

	return object->type && object->type->flags & TYPE_UNICODE_SUBCLASS &&
	       offset + 8 <= block->have && STATE_INTERNED(word_at(block->data, offset));
}

/* ---- how large is it ---- */

#define BODY 64 /* bytes of an object that are looked at, from its start */
#define SIZE_MAX_OWN (1ull << 40)
#define SMALL_BUFFER 4096
#define DEQUE_LEFT_BLOCK 24
#define DEQUE_LEFT_INDEX 40
#define DEQUE_RIGHT_INDEX 48
#define DEQUE_BLOCK_ITEMS 64 /* Modules/_collectionsmodule.c */
#define DEQUE_BLOCK_SIZE ((DEQUE_BLOCK_ITEMS + 2) * 8)
#define NDARRAY_ND_MAX 64
#define SPLIT_VALUES_MAX (1u << 20)
#define VALUES_IN_OBJECT 0x00ff0000u /* struct _dictvalues: capacity, size, embedded, valid */
#define EMPTY_KEYS_MAX                                                                             \
	64 /* the table that all empty dicts share has no entries; of others, five at least */

/* An object's words: from a block in hand where it is in there, else from the target. */
struct view {
	struct types *types;
	const struct object_type *type;
	__u64 address;
	const unsigned char *bytes; /* of the object; of its head in front */
	size_t have;                /* from bytes on */
};

static __u64 view__word(const struct view *view, __s32 offset)
{
	if (offset >= 0 ? offset + 8u <= view->have
			: view->have && -offset <= (__s32)view->type->head)
		return word_at(view->bytes, (long)offset);
	return image__word(types__image(view->types), view->address + offset);
}

/* A buffer of this size is believed where there is that much readable memory. */
static void set_buffer(const struct view *view, struct object_size *size, __u64 address,
		       __u64 bytes)
{
	const struct mapping *mapping;

	if (!address || !bytes || bytes >= SIZE_MAX_OWN)
		return;
	if (bytes > SMALL_BUFFER) {
		mapping = proc_maps__find(image__maps(types__image(view->types)), address);
		/* NULL: mapped since the list of mappings was read. */
		if (mapping ? bytes > mapping->end - address
			    : !image__word(types__image(view->types), address + bytes - 8) &&
				      !image__word(types__image(view->types), address))
			return;
	}
	size->buffer = bytes;
	size->buffer_address = address;
}

static void size_of_list(const struct view *view, struct object_size *size)
{
	size->length = view__word(view, VAR_SIZE);
	set_buffer(view, size, view__word(view, LIST_ITEMS),
		   8 * (view__word(view, LIST_ALLOCATED) & (SIZE_MAX_OWN - 1)));
}

/* Slots for values beside a shared table of keys: those in use, and those that are free. */
static __u64 shared_slots(struct types *types, __u64 keys)
{
	const struct py_objects *objects = types__objects(types);
	__u64 words[2]; /* dk_usable, dk_nentries */

	if (!keys || image__read(types__image(types), keys + objects->keys_nentries - 8, words,
				 sizeof(words)))
		return 0;
	return words[0] + words[1] <= SPLIT_VALUES_MAX ? words[0] + words[1] : 0;
}

static __u64 rounded(__u64 bytes, __u64 to)
{
	return (bytes + to - 1) & ~(to - 1);
}

/* >= 3.13: head, slots, and a byte a slot for the order of insertion. */
static __u64 dictvalues_size(const struct py_objects *objects, __u32 head)
{
	__u32 capacity = head & 0xff;

	return objects->values_items + 8 * capacity + rounded(capacity, 8);
}

/* Bytes of an array of values that is a block of its own. */
static __u64 values_size(struct types *types, __u64 keys, __u64 values)
{
	const struct py_objects *objects = types__objects(types);
	__u64 slots;
	__u32 head;

	if (objects->instance_kind == PY_INSTANCE_INLINE) {
		head = image__word32(types__image(types), values);
		return head & VALUES_IN_OBJECT ? 0 : dictvalues_size(objects, head);
	}
	slots = shared_slots(types, keys);
	/* 3.11, 3.12: in front of them the order of insertion, its length and its size, a byte each. */
	if (objects->instance_kind != PY_INSTANCE_DICT)
		slots += rounded(slots + 2, 8) / 8;
	return 8 * slots;
}

static void size_of_dict(const struct view *view, struct object_size *size)
{
	__u64 keys = view__word(view, DICT_KEYS), values = view__word(view, DICT_VALUES);
	__u64 bytes;

	size->length = view__word(view, DICT_USED);
	if (values) {
		set_buffer(view, size, values, values_size(view->types, keys, values));
		return;
	}
	bytes = dict__keys_size(view->types, keys);
	set_buffer(view, size, keys, bytes <= EMPTY_KEYS_MAX ? 0 : bytes);
}

static void size_of_set(const struct view *view, struct object_size *size)
{
	__u64 table = view__word(view, SET_TABLE);

	size->length = view__word(view, SET_USED);
	if (table != view->address + SET_SMALLTABLE)
		set_buffer(view, size, table,
			   SET_ENTRY_SIZE *
				   ((view__word(view, SET_MASK) + 1) & (SIZE_MAX_OWN - 1)));
}

static void size_of_str(const struct view *view, struct object_size *size)
{
	__u64 length = view__word(view, VAR_SIZE) & (SIZE_MAX_OWN - 1);
	__u32 state = view__word(view, STR_STATE);

	size->length = length;
	if (!(state & STATE_COMPACT))
		set_buffer(view, size, view__word(view, types__objects(view->types)->str_data),
			   (length + 1) * STATE_KIND(state));
}

static void size_of_bytearray(const struct view *view, struct object_size *size)
{
	size->length = view__word(view, VAR_SIZE);
	set_buffer(view, size, view__word(view, BYTEARRAY_BUFFER),
		   view__word(view, BYTEARRAY_ALLOCATED));
}

static void size_of_array(const struct view *view, struct object_size *size)
{
	__u32 itemsize =
		image__word32(types__image(view->types), view__word(view, ARRAY_DESCR) + 4);

	size->length = view__word(view, VAR_SIZE);
	if (itemsize <= 16)
		set_buffer(view, size, view__word(view, ARRAY_ITEMS),
			   itemsize * (view__word(view, ARRAY_ALLOCATED) & (SIZE_MAX_OWN - 1)));
}

/* An array that owns its data has them without gaps: the widest dimension spans them all. */
static void size_of_ndarray(const struct view *view, struct object_size *size)
{
	struct image *image = types__image(view->types);
	__u64 dimensions = view__word(view, NDARRAY_DIMENSIONS);
	__u64 strides = view__word(view, NDARRAY_STRIDES), most = 0;
	__u32 nd = view__word(view, NDARRAY_ND);

	if (!(view__word(view, NDARRAY_FLAGS) & NDARRAY_OWNS_DATA) || nd > NDARRAY_ND_MAX)
		return;
	size->length = nd ? 1 : 0;
	for (__u32 i = 0; i < nd; i++) {
		__u64 items = image__word(image, dimensions + 8 * i) & (SIZE_MAX_OWN - 1);
		__s64 stride = image__word(image, strides + 8 * i);
		__u64 span;

		if (__builtin_mul_overflow(items, stride < 0 ? 0 - (__u64)stride : (__u64)stride,
					   &span) ||
		    __builtin_mul_overflow(size->length, items, &size->length))
			return;
		most = span > most ? span : most;
	}
	set_buffer(view, size, view__word(view, NDARRAY_DATA), most);
}

static void size_of_deque(const struct view *view, struct object_size *size)
{
	__u64 length = view__word(view, VAR_SIZE) & (SIZE_MAX_OWN - 1);
	__u64 first = view__word(view, DEQUE_LEFT_INDEX) & (DEQUE_BLOCK_ITEMS - 1);
	__u64 last = view__word(view, DEQUE_RIGHT_INDEX) & (DEQUE_BLOCK_ITEMS - 1);
	__u64 blocks = length ? (first + length + DEQUE_BLOCK_ITEMS - 1) / DEQUE_BLOCK_ITEMS : 1;

	/* In the middle of a change, or no deque any more. */
	if (((first + length - 1) & (DEQUE_BLOCK_ITEMS - 1)) != last ||
	    blocks * DEQUE_BLOCK_SIZE > image__mapped(types__image(view->types)))
		return;
	size->length = length;
	size->buffer = blocks * DEQUE_BLOCK_SIZE;
	size->buffer_address = view__word(view, DEQUE_LEFT_BLOCK);
	size->block_size = DEQUE_BLOCK_SIZE;
}

static void size_of_counted(const struct view *view, struct object_size *size)
{
	size->length = view__word(view, VAR_SIZE);
}

static void (*const sizers[OBJECT_KINDS])(const struct view *view, struct object_size *size) = {
	[KIND_LIST] = size_of_list,
	[KIND_TUPLE] = size_of_counted,
	[KIND_DICT] = size_of_dict,
	[KIND_SET] = size_of_set,
	[KIND_STR] = size_of_str,
	[KIND_BYTES] = size_of_counted,
	[KIND_BYTEARRAY] = size_of_bytearray,
	[KIND_DEQUE] = size_of_deque,
	[KIND_ARRAY] = size_of_array,
	[KIND_NDARRAY] = size_of_ndarray,
};

/* 3.11, 3.12: attributes of an instance that has no dict yet, in a block beside it. */
static void add_instance_values(const struct view *view, struct object_size *size)
{
	const struct py_objects *objects = types__objects(view->types);
	enum py_instance_kind kind = objects->instance_kind;
	__u64 values, bytes;

	if (!(view->type->flags & TYPE_MANAGED_DICT) ||
	    (kind != PY_INSTANCE_VALUES && kind != PY_INSTANCE_TAGGED))
		return;
	values = view__word(view, kind == PY_INSTANCE_VALUES ? -32 : -24);
	if (kind == PY_INSTANCE_TAGGED) {
		if (!(values & 1))
			return;
		values++;
	}
	if (!values)
		return;
	bytes = values_size(view->types,
			    image__word(types__image(view->types),
					view->type->address + objects->heaptype_cached_keys),
			    values);
	size->buffer += bytes;
	if (!size->buffer_address)
		size->buffer_address = values;
}

static void size_buffer(const struct view *view, struct object_size *size)
{
	*size = (struct object_size){0};
	if (sizers[view->type->kind])
		sizers[view->type->kind](view, size);
	add_instance_values(view, size);
	if ((__s64)size->length < 0)
		size->length = 0;
}

/* Kinds whose ob_size is what tp_itemsize is of; an int has one digit at least since 3.12. */
static __u64 items_size(const struct view *view)
{
	const struct py_objects *objects = types__objects(view->types);
	const struct object_type *type = view->type;
	__u64 items;

	switch (type->kind) {
	case KIND_INT:
	case KIND_TUPLE:
	case KIND_BYTES:
	case KIND_TYPE:
	case KIND_CODE:
		items = item_count(objects, type, view__word(view, VAR_SIZE));
		if (!items && type->kind == KIND_INT && objects->immortal_from)
			items = 1;
		return items < SIZE_MAX_OWN / (type->itemsize + 1) ? items * type->itemsize : 0;
	default:
		return 0;
	}
}

static __u64 own_size(const struct view *view)
{
	const struct py_objects *objects = types__objects(view->types);
	const struct object_type *type = view->type;
	__u64 bytes;

	if (type->kind == KIND_STR && view->have >= STR_STATE + 8) {
		bytes = str_size(objects, view->bytes);
		return type->is_class ? bytes + type->basicsize - type->native_basicsize : bytes;
	}
	bytes = type->head + type->basicsize + items_size(view);
	if (type->flags & TYPE_INLINE_VALUES && objects->instance_kind == PY_INSTANCE_INLINE)
		bytes += dictvalues_size(objects, image__word32(types__image(view->types),
								view->address + type->basicsize));
	return bytes;
}

bool classify__owns_nothing(const struct types *types, const struct heap_block *block,
			    const struct block_object *object)
{
	const struct object_type *type = object->type;
	enum py_instance_kind kind = types__objects(types)->instance_kind;
	size_t offset = object->address - block->address + STR_STATE;

	if (type->flags & TYPE_MANAGED_DICT &&
	    (kind == PY_INSTANCE_VALUES || kind == PY_INSTANCE_TAGGED))
		return false;
	if (type->kind == KIND_STR)
		return offset + 8 <= block->have && word_at(block->data, offset) & STATE_COMPACT;
	return !sizers[type->kind] || sizers[type->kind] == size_of_counted;
}

void classify__size(struct types *types, __u64 address, const struct object_type *type,
		    struct object_size *size)
{
	unsigned char bytes[LARGEST_HEAD + BODY];
	struct view view = {
		.types = types, .type = type, .address = address, .bytes = bytes + type->head};

	if (type->head <= LARGEST_HEAD &&
	    !image__read(types__image(types), address - type->head, bytes, type->head + BODY))
		view.have = BODY;
	size_buffer(&view, size);
	size->own = own_size(&view);
}

void classify__block_size(struct types *types, const struct heap_block *block,
			  const struct block_object *object, struct object_size *size)
{
	size_t offset = object->address - block->address;
	struct view view = {
		.types = types,
		.type = object->type,
		.address = object->address,
		.bytes = block->data + offset,
		.have = block->have - offset,
	};

	size_buffer(&view, size);
	size->own = block->size;
}
