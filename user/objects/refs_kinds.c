// SPDX-License-Identifier: BSD-2-Clause
/*
 * refs_kinds.c - the spans of each kind of object
 *
 * Which references these are is what the types' tp_traverse visit in CPython 3.8 - 3.14; a strong reference that the collector is not
 * told of (the names of a type) is left out where it can only lead to text.
 */
#include "objects/dict.h"
#include "objects/refs_private.h"

/* Modules/_collectionsmodule.c: block = left link, 64 items, right link */
#define DEQUE_LEFTBLOCK 24
#define DEQUE_LEFTINDEX 40
#define DEQUE_BLOCK_ITEMS 64
#define DEQUE_BLOCK_DATA 8
#define DEQUE_BLOCK_RIGHT 520

/* PyModuleObject, PyModuleDef */
#define MODULE_DEF 24
#define MODULE_STATE 32
#define MODULE_DEF_STATE_SIZE 56
#define MODULE_DEF_TRAVERSE 80

/* PyCMethodObject: the class of a method that asks for it (METH_METHOD) */
#define CFUNCTION_DEF 16
#define CFUNCTION_DEF_FLAGS 16
#define CMETHOD_CLASS 56
#define METH_METHOD 0x200

#define SCAN_MAX 65536 /* bytes of an object of an unknown type */

/* PyArray_Descr.kind 'O': an array of objects */
#define DESCR_KIND 24
#define NDARRAY_DIMENSIONS_MAX 64

static void add_words(struct ref_iter *it, __u64 address, __u64 count, enum ref_kind kind)
{
	ref_iter__add(it, &(struct ref_span){
				  .address = address, .count = count, .stride = 8, .kind = kind});
}

/* An unknown body, scanned; offsets from the object's start. */
static void add_guesses(struct ref_iter *it, __u64 address, __u64 from, __u64 to)
{
	from = (from + 7) & ~7ull;
	if (to > from + SCAN_MAX)
		to = from + SCAN_MAX;
	if (to < from + 8)
		return;
	ref_iter__add(it, &(struct ref_span){.address = address + from,
					     .count = (to - from) / 8,
					     .first_index = from,
					     .stride = 8,
					     .kind = REF_GUESS});
}

static void add_list(struct ref_iter *it, __u64 address)
{
	__u64 size = ref_iter__word(it, address + VAR_SIZE);
	__u64 items = ref_iter__word(it, address + LIST_ITEMS);

	if (size > ref_iter__word(it, address + LIST_ALLOCATED))
		it->broken = true; /* it changes at this moment, as list.sort() does */
	else
		add_words(it, items, size, REF_ITEM);
}

static void add_tuple(struct ref_iter *it, __u64 address)
{
	add_words(it, address + types__objects(it->types)->tuple_items,
		  ref_iter__word(it, address + VAR_SIZE), REF_ITEM);
}

void ref_iter__add_values(struct ref_iter *it, __u64 keys_address, __u64 values, enum ref_kind kind)
{
	struct dict_keys keys;

	if (dict_keys__read(it->types, keys_address, &keys)) {
		it->broken = true;
		return;
	}
	ref_iter__add(
		it, &(struct ref_span){.address = values + types__objects(it->types)->values_items,
				       .count = keys.count,
				       .keys = keys.entries + keys.key_at,
				       .keys_stride = keys.stride,
				       .stride = 8,
				       .kind = kind});
}

static void add_dict(struct ref_iter *it, __u64 address)
{
	__u64 keys_address = ref_iter__word(it, address + DICT_KEYS);
	__u64 values = ref_iter__word(it, address + DICT_VALUES);
	struct dict_keys keys;

	if (values) {
		ref_iter__add_values(it, keys_address, values, REF_ATTRIBUTE);
		return;
	}
	if (dict_keys__read(it->types, keys_address, &keys)) {
		it->broken = true;
		return;
	}
	ref_iter__add(it, &(struct ref_span){.address = keys.entries,
					     .count = keys.count,
					     .stride = keys.stride,
					     .key_at = keys.key_at,
					     .value_at = keys.value_at,
					     .kind = REF_VALUE});
}

static void add_set(struct ref_iter *it, __u64 address)
{
	__u64 mask = ref_iter__word(it, address + SET_MASK);
	__u64 table = ref_iter__word(it, address + SET_TABLE);

	if (mask & (mask + 1) || mask >= REF_COUNT_MAX)
		it->broken = true;
	else
		ref_iter__add(it, &(struct ref_span){.address = table,
						     .count = mask + 1,
						     .stride = SET_ENTRY_SIZE,
						     .kind = REF_KEY});
}

static const char *function_field(const struct py_objects *objects, __u32 offset)
{
	const struct {
		__u32 offset;
		const char *name;
	} names[] = {
		{objects->function_code, "__code__"},
		{objects->function_globals, "__globals__"},
		{objects->function_defaults, "__defaults__"},
		{objects->function_closure, "__closure__"},
		{objects->function_dict, "__dict__"},
		{objects->function_qualname, "__qualname__"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].offset == offset)
			return names[i].name;
	return "(of the function)";
}

static void add_function(struct ref_iter *it, __u64 address)
{
	const struct py_objects *objects = types__objects(it->types);

	for (int i = 0; i < PY_FUNCTION_FIELDS && objects->function_fields[i]; i++)
		ref_iter__add_field(it, address + objects->function_fields[i],
				    function_field(objects, objects->function_fields[i]));
}

static void add_cfunction(struct ref_iter *it, __u64 address)
{
	__u64 def = ref_iter__word(it, address + CFUNCTION_DEF);
	__u32 flags = image__word32(types__image(it->types), def + CFUNCTION_DEF_FLAGS);

	ref_iter__add_field(it, address + CFUNCTION_SELF, "__self__");
	ref_iter__add_field(it, address + CFUNCTION_MODULE, "__module__");
	if (flags & METH_METHOD)
		ref_iter__add_field(it, address + CMETHOD_CLASS, "(defining class)");
}

/* What a module written in C keeps is in its state; only its own m_traverse knows where. */
static void add_module(struct ref_iter *it, __u64 address)
{
	struct image *image = types__image(it->types);
	__u64 def = ref_iter__word(it, address + MODULE_DEF);
	__u64 state = ref_iter__word(it, address + MODULE_STATE);

	ref_iter__add_field(it, address + MODULE_DICT, "__dict__");
	if (!def || !image__word(image, def + MODULE_DEF_TRAVERSE))
		return;
	it->exact = false;
	if (state)
		add_guesses(it, state, 0, image__word(image, def + MODULE_DEF_STATE_SIZE));
}

static void add_type(struct ref_iter *it, __u64 address)
{
	__u32 module = types__objects(it->types)->heaptype_module;

	ref_iter__add_field(it, address + TYPE_DICT, "__dict__");
	ref_iter__add_field(it, address + TYPE_CACHE, "(cache)");
	ref_iter__add_field(it, address + TYPE_MRO, "__mro__");
	ref_iter__add_field(it, address + TYPE_BASES, "__bases__");
	ref_iter__add_field(it, address + TYPE_BASE, "__base__");
	/* A static type ends before that. */
	if (module && ref_iter__word(it, address + TYPE_FLAGS) & TYPE_HEAPTYPE)
		ref_iter__add_field(it, address + module, "(module)");
}

/* Texts and tables of a code object: Include/cpython/code.h (3.8: Include/code.h). */
static const struct {
	__u32 to_310, since_311; /* offsets, 0 = not there */
	const char *field;
} code_texts[] = {
	{48, 0, "co_code"},           {88, 0, "co_cellvars"},        {80, 0, "co_freevars"},
	{120, 136, "co_linetable"}, /* up to 3.9 co_lnotab */
	{0, 40, "co_exceptiontable"}, {0, 104, "(kinds of locals)"}, {104, 112, "co_filename"},
	{112, 120, "co_name"},        {0, 128, "co_qualname"},
};

/* Not told to the collector: code objects are never in a cycle. */
static void add_code(struct ref_iter *it, __u64 address)
{
	const struct py_objects *objects = types__objects(it->types);
	bool new = objects->code_nlocalsplus;

	for (size_t i = 0; i < sizeof(code_texts) / sizeof(code_texts[0]); i++) {
		__u32 at = new ? code_texts[i].since_311 : code_texts[i].to_310;

		if (at)
			ref_iter__add_field(it, address + at, code_texts[i].field);
	}
	ref_iter__add_field(it, address + objects->code_consts, "co_consts");
	ref_iter__add_field(it, address + objects->code_names, "co_names");
	ref_iter__add_field(it, address + objects->code_localnames, "co_varnames");
	it->exact = false;
}

static void add_weakref(struct ref_iter *it, __u64 address)
{
	add_words(it, address + WEAKREF_OBJECT, 1, REF_WEAK);
	ref_iter__add_field(it, address + WEAKREF_CALLBACK, "__callback__");
}

static void add_deque(struct ref_iter *it, __u64 address)
{
	__u64 at = ref_iter__word(it, address + DEQUE_LEFTINDEX);
	__u64 left = ref_iter__word(it, address + VAR_SIZE);

	if (left > REF_COUNT_MAX || at > DEQUE_BLOCK_ITEMS) {
		it->broken = left != 0;
		return;
	}
	it->chain = ref_iter__word(it, address + DEQUE_LEFTBLOCK);
	it->chain_left = left;
	it->chain_skip = at;
}

bool ref_iter__add_chained(struct ref_iter *it)
{
	__u64 count = DEQUE_BLOCK_ITEMS - it->chain_skip, block = it->chain;

	if (it->links)
		return ref_iter__add_link(it);
	if (!it->chain_left || !block)
		return false;
	if (count > it->chain_left)
		count = it->chain_left;
	it->span_count = it->span = 0;
	ref_iter__add(it,
		      &(struct ref_span){.address = block + DEQUE_BLOCK_DATA + it->chain_skip * 8,
					 .count = count,
					 .first_index = it->chain_index,
					 .stride = 8,
					 .kind = REF_ITEM});
	it->chain_skip = 0;
	it->chain_left -= count;
	it->chain_index += count;
	it->chain = it->chain_left ? ref_iter__word(it, block + DEQUE_BLOCK_RIGHT) : 0;
	it->at = 0;
	return it->span_count > 0;
}

/* numpy has no tp_traverse: nothing here is counted, but it keeps alive. */
static void add_ndarray(struct ref_iter *it, __u64 address)
{
	struct image *image = types__image(it->types);
	__u64 descr = ref_iter__word(it, address + NDARRAY_DESCR), items = 1;
	__u32 flags = image__word32(image, address + NDARRAY_FLAGS);
	__u32 dimensions = image__word32(image, address + NDARRAY_ND);
	char kind = 0;

	it->exact = false;
	ref_iter__add_field(it, address + NDARRAY_BASE, "base");
	ref_iter__add_field(it, address + NDARRAY_DESCR, "dtype");
	if (!(flags & NDARRAY_OWNS_DATA) || image__read(image, descr + DESCR_KIND, &kind, 1) ||
	    kind != 'O' || dimensions > NDARRAY_DIMENSIONS_MAX)
		return;
	for (__u32 i = 0; i < dimensions && items && items <= REF_COUNT_MAX; i++) {
		__u64 shape = image__word(image,
					  ref_iter__word(it, address + NDARRAY_DIMENSIONS) + i * 8);

		items = shape <= REF_COUNT_MAX ? items * shape : REF_COUNT_MAX + 1;
	}
	add_words(it, ref_iter__word(it, address + NDARRAY_DATA), items, REF_ITEM);
}

static void add_opaque(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__u64 size = type->native_basicsize, items;

	if (type->fields) {
		ref_iter__add_c_fields(it, address, type);
		return;
	}
	it->exact = false;
	if (type->itemsize) {
		items = ref_iter__word(it, address + VAR_SIZE);
		size += items <= SCAN_MAX ? items * type->itemsize : 0;
	}
	add_guesses(it, address, VAR_SIZE, size);
}

static void add_kind(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	switch (type->kind) {
	case KIND_LIST:
		add_list(it, address);
		break;
	case KIND_TUPLE:
		add_tuple(it, address);
		break;
	case KIND_DICT:
		add_dict(it, address);
		if (type->fields)
			ref_iter__add_c_fields(it, address, type);
		break;
	case KIND_SET:
		add_set(it, address);
		break;
	case KIND_FUNCTION:
		add_function(it, address);
		break;
	case KIND_METHOD:
		ref_iter__add_field(it, address + METHOD_FUNCTION, "__func__");
		ref_iter__add_field(it, address + METHOD_SELF, "__self__");
		break;
	case KIND_CFUNCTION:
		add_cfunction(it, address);
		break;
	case KIND_CELL:
		ref_iter__add_field(it, address + CELL_REF, "cell_contents");
		break;
	case KIND_MODULE:
		add_module(it, address);
		break;
	case KIND_TYPE:
		add_type(it, address);
		break;
	case KIND_GENERATOR:
		ref_iter__add_generator(it, address);
		break;
	case KIND_FRAME:
		ref_iter__add_frame(it, address);
		break;
	case KIND_CODE:
		add_code(it, address);
		break;
	case KIND_WEAKREF:
		add_weakref(it, address);
		break;
	case KIND_DEQUE:
		add_deque(it, address);
		break;
	case KIND_NDARRAY:
		add_ndarray(it, address);
		break;
	case KIND_OPAQUE:
		add_opaque(it, address, type);
		break;
	case KIND_PLAIN:
	case KIND_STR:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_ARRAY:
	case OBJECT_KINDS:
		break;
	}
}

void ref_iter__add_native(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	add_kind(it, address, type);
	if (type->added_from < type->native_basicsize) {
		it->exact = false;
		add_guesses(it, address, type->added_from, type->native_basicsize);
	}
}
