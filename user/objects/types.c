// SPDX-License-Identifier: BSD-2-Clause
/*
 * types.c - a table of types by address, and what they are
 *
 * Whether a class was made by Python code cannot be told by Py_TPFLAGS_HEAPTYPE, which C types have as well. But all classes that
 * Python makes share one tp_traverse, subtype_traverse (Objects/typeobject.c), and each C type has its own or its base's: so it is
 * the one that most of the heap types have that were named by Python code.
 */
#include "objects/types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/text.h"
#include "objects/c_fields.h"
#include "objects/dict.h"

#define SLOTS (1u << 18) /* a power of two, some times TYPES_MAX */
#define META_DEPTH 4
#define BASE_DEPTH 64
#define BASICSIZE_MAX (1 << 20)
#define ITEMSIZE_MAX 4096
#define ENTRIES_MAX (1ull << 24)

struct types {
	struct image *image;
	const struct py_objects *objects;
	struct object_type *list[TYPES_MAX];
	const char *names[TYPES_MAX];
	__u32 count;
	__u64 left_out;
	struct {
		__u64 address;
		struct object_type *type; /* NULL = looked at, is none */
	} slots[SLOTS];
	__u32 used; /* slots */
	struct arena *arena;
	__u64 entries_left; /* see types__spend() */
};

int types__open(struct image *image, const struct py_objects *objects, struct types **result)
{
	struct types *types = calloc(1, sizeof(*types));

	if (!types)
		return -ENOMEM;
	types->image = image;
	types->objects = objects;
	types->entries_left = ENTRIES_MAX;
	types->arena = arena__new();
	if (!types->arena) {
		free(types);
		return -ENOMEM;
	}
	*result = types;
	return 0;
}

void types__close(struct types *types)
{
	if (!types)
		return;
	arena__free(types->arena);
	free(types);
}

const struct py_objects *types__objects(const struct types *types)
{
	return types->objects;
}

struct image *types__image(const struct types *types)
{
	return types->image;
}

bool types__spend(struct types *types, __u64 entries)
{
	bool enough = entries <= types->entries_left;

	types->entries_left -= enough ? entries : types->entries_left;
	return enough;
}

__u32 types__count(const struct types *types)
{
	return types->count;
}

const struct object_type *types__get(const struct types *types, __u32 id)
{
	return id < types->count ? types->list[id] : NULL;
}

__u64 types__left_out(const struct types *types)
{
	return types->left_out;
}

static size_t slot_of(const struct types *types, __u64 address)
{
	size_t slot = (address >> 4) * 0x9e3779b97f4a7c15ull >> 46;

	while (types->slots[slot & (SLOTS - 1)].address &&
	       types->slots[slot & (SLOTS - 1)].address != address)
		slot++;
	return slot & (SLOTS - 1);
}

static __u64 word_at(const unsigned char *bytes, size_t offset)
{
	__u64 word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static bool name_is_plausible(struct types *types, __u64 name)
{
	unsigned char c;

	return !image__read(types->image, name, &c, 1) && c > ' ' && c != 0x7f;
}

/* Whether this is the content of a ready type object; which type it is of has been looked at. */
static bool is_type(struct types *types, const unsigned char *bytes)
{
	__u64 flags = word_at(bytes, TYPE_FLAGS);
	long long basicsize = word_at(bytes, TYPE_BASICSIZE),
		  itemsize = word_at(bytes, TYPE_ITEMSIZE);

	return (__s64)word_at(bytes, OBJECT_REFCOUNT) > 0 && flags & TYPE_READY &&
	       basicsize >= 16 && basicsize <= BASICSIZE_MAX && itemsize >= 0 &&
	       itemsize <= ITEMSIZE_MAX && name_is_plausible(types, word_at(bytes, TYPE_NAME));
}

/* A type whose type is a type ... whose type is itself. */
static bool is_metatype(struct types *types, __u64 address, int depth)
{
	unsigned char bytes[TYPE_SIZE];
	__u64 type;

	if (depth > META_DEPTH || image__read(types->image, address, bytes, sizeof(bytes)) ||
	    !is_type(types, bytes) || !(word_at(bytes, TYPE_FLAGS) & TYPE_TYPE_SUBCLASS))
		return false;
	type = word_at(bytes, OBJECT_TYPE);
	return type == address || is_metatype(types, type, depth + 1);
}

static struct object_type *add_type(struct types *types, __u64 address, const unsigned char *bytes)
{
	const struct py_objects *objects = types->objects;
	struct object_type *type;

	if (types->count == TYPES_MAX) {
		types->left_out++;
		return NULL;
	}
	type = arena__alloc(types->arena, 1, sizeof(*type));
	if (!type)
		return NULL;
	*type = (struct object_type){
		.address = address,
		.id = types->count,
		.flags = word_at(bytes, TYPE_FLAGS),
		.basicsize = word_at(bytes, TYPE_BASICSIZE),
		.itemsize = word_at(bytes, TYPE_ITEMSIZE),
		.weaklistoffset = word_at(bytes, TYPE_WEAKLISTOFFSET),
		.dictoffset = word_at(bytes, TYPE_DICTOFFSET),
		.base = word_at(bytes, TYPE_BASE),
		.traverse = word_at(bytes, TYPE_TRAVERSE),
	};
	type->native_basicsize = type->basicsize;
	type->head = (type->flags & TYPE_HAVE_GC ? GC_HEAD_SIZE : 0) +
		     (type->flags & objects->pre_header_flags ? 16 : 0);
	types->list[types->count++] = type;
	return type;
}

bool types__seen(const struct types *types, __u64 address, const struct object_type **type)
{
	size_t slot = slot_of(types, address);

	*type = types->slots[slot].type;
	return types->slots[slot].address == address;
}

const struct object_type *types__at(struct types *types, __u64 address)
{
	unsigned char bytes[TYPE_SIZE];
	struct object_type *type = NULL;
	__u64 meta;
	size_t slot;

	if (!address || address & 7 || address >> 47)
		return NULL;
	slot = slot_of(types, address);
	if (types->slots[slot].address == address)
		return types->slots[slot].type;
	if (types->used >= SLOTS / 2) { /* mostly of what is no type */
		types->left_out++;
		return NULL;
	}
	if (!image__read(types->image, address, bytes, sizeof(bytes)) && is_type(types, bytes)) {
		meta = word_at(bytes, OBJECT_TYPE);
		if (meta && is_metatype(types, meta, 0))
			type = add_type(types, address, bytes);
	}
	types->slots[slot].address = address;
	types->slots[slot].type = type;
	types->used++;
	return type;
}

/* ---- what they are ---- */

/* Built-in types by name: static ones have the bare name, those of extension modules "module.name". */
static const struct {
	const char *name;
	enum object_kind kind;
	bool may_be_heap;
} natives[] = {
	{"object", KIND_PLAIN, false},
	{"list", KIND_LIST, false},
	{"tuple", KIND_TUPLE, false},
	{"dict", KIND_DICT, false},
	{"set", KIND_SET, false},
	{"frozenset", KIND_SET, false},
	{"str", KIND_STR, false},
	{"bytes", KIND_BYTES, false},
	{"bytearray", KIND_BYTEARRAY, false},
	{"int", KIND_INT, false},
	{"bool", KIND_INT, false},
	{"float", KIND_FLOAT, false},
	{"function", KIND_FUNCTION, false},
	{"method", KIND_METHOD, false},
	{"builtin_function_or_method", KIND_CFUNCTION, false},
	{"builtin_method", KIND_CFUNCTION, false},
	{"cell", KIND_CELL, false},
	{"module", KIND_MODULE, false},
	{"type", KIND_TYPE, false},
	{"generator", KIND_GENERATOR, false},
	{"coroutine", KIND_GENERATOR, false},
	{"async_generator", KIND_GENERATOR, false},
	{"frame", KIND_FRAME, false},
	{"code", KIND_CODE, false},
	{"weakref", KIND_WEAKREF, false},
	{"weakref.ReferenceType", KIND_WEAKREF, false},
	{"weakproxy", KIND_WEAKREF, false},
	{"weakref.ProxyType", KIND_WEAKREF, false},
	{"weakcallableproxy", KIND_WEAKREF, false},
	{"weakref.CallableProxyType", KIND_WEAKREF, false},
	{"collections.OrderedDict", KIND_DICT, false},
	{"collections.defaultdict", KIND_DICT, true},
	{"collections.deque", KIND_DEQUE, true},
	{"array.array", KIND_ARRAY, true},
	{"numpy.ndarray", KIND_NDARRAY, true},
};

static void read_native_name(struct types *types, const struct object_type *type, char *name,
			     size_t max)
{
	__u64 address = image__word(types->image, type->address + TYPE_NAME);

	memset(name, 0, max);
	for (size_t i = 0; i < max - 1; i++)
		if (image__read(types->image, address + i, &name[i], 1) || !name[i])
			break;
}

static enum object_kind native_kind(struct types *types, const struct object_type *type)
{
	char name[48];

	read_native_name(types, type, name, sizeof(name));
	for (size_t i = 0; i < sizeof(natives) / sizeof(natives[0]); i++)
		if (!strcmp(name, natives[i].name) &&
		    (natives[i].may_be_heap || !(type->flags & TYPE_HEAPTYPE)))
			return natives[i].kind;
	return KIND_OPAQUE;
}

/* What is known of a C type beyond its kind; exceptions have what BaseException has, whatever their name is. */
static const struct c_fields *native_fields(struct types *types, const struct object_type *type)
{
	char name[48];

	if (type->flags & TYPE_BASE_EXC_SUBCLASS)
		return c_fields__find(types->objects->version, "BaseException", type->basicsize);
	read_native_name(types, type, name, sizeof(name));
	return c_fields__find(types->objects->version, name, type->basicsize);
}

#define HT_NAME 16 /* before ht_qualname, in all versions */

/*
 * Whether tp_name is the text of ht_name: type_new() has it so, PyType_FromSpec() makes a copy or keeps the C string, and static
 * types have no ht_name.
 */
static bool has_own_name(struct types *types, const struct object_type *type)
{
	const struct py_objects *objects = types->objects;
	__u64 name = image__word(types->image, type->address + TYPE_NAME);
	__u64 str = image__word(types->image, type->address + objects->heaptype_qualname - HT_NAME);

	if (!str || !name)
		return false;
	/* What is not ASCII has its UTF-8 elsewhere, the pointer behind its length. */
	return name == str + objects->str_ascii ||
	       name == image__word(types->image, str + objects->str_ascii + 8);
}

static int by_traverse(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* tp_traverse of the classes that Python code makes; 0 = not known. */
static __u64 class_traverse(struct types *types)
{
	__u64 *all = calloc(types->count + 1, sizeof(*all)), best = 0;
	__u32 n = 0, run = 0, most = 0;

	if (!all)
		return 0;
	for (__u32 i = 0; i < types->count; i++)
		if (types->list[i]->flags & TYPE_HEAPTYPE && types->list[i]->traverse &&
		    has_own_name(types, types->list[i]))
			all[n++] = types->list[i]->traverse;
	qsort(all, n, sizeof(*all), by_traverse);
	for (__u32 i = 0; i < n; i++) {
		run = i && all[i] == all[i - 1] ? run + 1 : 1;
		if (run > most) {
			most = run;
			best = all[i];
		}
	}
	free(all);
	return best;
}

/* A class that adds nothing to a base without garbage collection has none itself, and no tp_traverse. */
static bool made_by_python(struct types *types, const struct object_type *type, __u64 traverse)
{
	const struct object_type *base;

	if (!(type->flags & TYPE_HEAPTYPE))
		return false;
	if (type->traverse)
		return type->traverse == traverse;
	base = types__at(types, type->base);
	return base && base->basicsize == type->basicsize;
}

/* A C type that we do not know is, up to where its own part begins, what its base is: ctypes' metaclasses, a dict of an extension module. */
static void settle_by_base(struct types *types, struct object_type *type,
			   const struct object_type *native)
{
	for (int i = 0; i < BASE_DEPTH && native; i++) {
		enum object_kind kind = native_kind(types, native);

		if (kind == KIND_LIST || kind == KIND_DICT || kind == KIND_SET ||
		    kind == KIND_TYPE ||
		    (kind == KIND_TUPLE && native->basicsize == type->native_basicsize)) {
			type->kind = kind;
			type->added_from = native->basicsize;
			return;
		}
		native = types__at(types, native->base);
	}
}

static void settle_type(struct types *types, struct object_type *type, __u64 traverse)
{
	const struct object_type *native = type;

	type->is_class = false;
	for (int i = 0; i < BASE_DEPTH && native && made_by_python(types, native, traverse); i++) {
		type->is_class = true;
		native = types__at(types, native->base);
	}
	type->kind = KIND_OPAQUE;
	if (!native)
		return;
	type->kind = native_kind(types, native);
	type->native_basicsize = native->basicsize;
	type->native_dictoffset = native->dictoffset;
	type->fields = native_fields(types, native);
	type->added_from = type->native_basicsize;
	if (type->kind == KIND_OPAQUE && !type->fields)
		settle_by_base(types, type, native);
}

void types__settle(struct types *types)
{
	__u64 traverse;

	/* The bases count as well; they are behind those that have them and may bring more. */
	for (__u32 i = 0; i < types->count; i++)
		types__at(types, types->list[i]->base);
	traverse = class_traverse(types);
	for (__u32 i = 0; i < types->count; i++)
		settle_type(types, types->list[i], traverse);
}

/* ---- text ---- */

int types__text(struct types *types, __u64 str, char *text, size_t max)
{
	const struct py_objects *objects = types->objects;
	const struct object_type *type;
	struct {
		__u64 length, hash;
		__u32 state;
	} head;
	__u64 data;
	__u32 width;
	size_t at = 0;

	text[0] = '\0';
	type = types__at(types, image__word(types->image, str + OBJECT_TYPE));
	if (!type || !(type->flags & TYPE_UNICODE_SUBCLASS) ||
	    image__read(types->image, str + VAR_SIZE, &head, sizeof(head)))
		return -EFAULT;
	width = head.state >> 2 & 7;
	if (width != 1 && width != 2 && width != 4)
		return -EFAULT;
	data = !(head.state & 1 << 5) ? image__word(types->image, str + objects->str_data)
	       : head.state & 1 << 6  ? str + objects->str_ascii
				      : str + objects->str_compact;
	for (__u64 i = 0; i < head.length && at + 4 < max; i++) {
		__u32 c = 0;

		if (image__read(types->image, data + i * width, &c, width))
			return -EFAULT;
		at += text__encode(text + at, c);
	}
	text[at] = '\0';
	return at;
}

/* tp_name, where there is nothing better: a C string, which may have anything in it. */
static void static_name(struct types *types, const struct object_type *type, char *name, size_t max)
{
	char bytes[TYPE_NAME_MAX];
	const char *from = bytes;
	size_t at = 0;

	read_native_name(types, type, bytes, sizeof(bytes));
	if (!strncmp(from, "builtins.", 9))
		from += 9;
	while (*from && at + 4 < max)
		at += text__encode(name + at, text__next(&from));
	name[at] = '\0';
}

/* __module__ and __qualname__ of a class; its name alone where there is no module. */
static void class_name(struct types *types, const struct object_type *type, char *name, size_t max)
{
	__u64 dict = image__word(types->image, type->address + TYPE_DICT);
	__u64 qualname =
		image__word(types->image, type->address + types->objects->heaptype_qualname);
	int length = -EFAULT;
	size_t at = 0;

	if (dict)
		length = types__text(types, dict__get(types, dict, "__module__"), name, max / 2);
	if (length > 0 && strcmp(name, "builtins")) {
		at = length;
		name[at++] = '.';
	}
	if (types__text(types, qualname, name + at, max - at) <= 0)
		static_name(types, type, name, max);
}

const char *types__name(struct types *types, const struct object_type *type)
{
	char name[TYPE_NAME_MAX];

	if (types->names[type->id])
		return types->names[type->id];
	if (type->flags & TYPE_HEAPTYPE)
		class_name(types, type, name, sizeof(name));
	else
		static_name(types, type, name, sizeof(name));
	types->names[type->id] = arena__intern(types->arena, name[0] ? name : "?");
	return types->names[type->id] ? types->names[type->id] : "?";
}
