// SPDX-License-Identifier: BSD-2-Clause
/*
 * c_fields.c - the rows
 */
#include "objects/c_fields.h"

#include <stddef.h>
#include <string.h>

#include "objects/py_objects.h"

/* Of all versions, whatever the size. */
#define ALWAYS(name, ...)                                                                          \
	{                                                                                          \
		.type = name, .fields = { __VA_ARGS__ }                                            \
	}
/* Iterators over one container: index at 16, container at 24. */
#define INDEXED(name) ALWAYS(name, {24, "(iterated)"})
/* PyDescrObject: its type; name and qualified name are text. */
#define DESCRIPTOR(name) ALWAYS(name, {16, "__objclass__"})

/* FutureObj_HEAD of Modules/_asynciomodule.c; a task has more behind it. */
#define FUTURE_3_8                                                                                 \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "_result"}, {64, "_source_traceback"},                    \
	{                                                                                          \
		88, "__dict__"                                                                     \
	}
#define FUTURE_3_9                                                                                 \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "_result"}, {64, "_source_traceback"},                    \
		{72, "_cancel_message"}, {96, "__dict__"}, {112, "(cancelled by)"},                \
		{120, "(cancelled by)"},                                                           \
	{                                                                                          \
		128, "(cancelled by)"                                                              \
	}
#define FUTURE_3_10                                                                                \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "(exception's traceback)"}, {64, "_result"},              \
		{72, "_source_traceback"}, {80, "_cancel_message"}, {104, "__dict__"},             \
		{120, "(cancelled by)"}, {128, "(cancelled by)"},                                  \
	{                                                                                          \
		136, "(cancelled by)"                                                              \
	}
#define FUTURE_3_11                                                                                \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "(exception's traceback)"}, {64, "_result"},              \
		{72, "_source_traceback"}, {80, "_cancel_message"}, {104, "__dict__"},             \
	{                                                                                          \
		120, "(cancelled by)"                                                              \
	}
#define FUTURE_3_13                                                                                \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "(exception's traceback)"}, {64, "_result"},              \
		{72, "_source_traceback"}, {80, "_cancel_message"},                                \
	{                                                                                          \
		88, "(cancelled by)"                                                               \
	}
#define FUTURE_3_14                                                                                \
	{16, "_loop"}, {24, "(callback)"}, {32, "(context)"}, {40, "_callbacks"},                  \
		{48, "_exception"}, {56, "(exception's traceback)"}, {64, "_result"},              \
		{72, "_source_traceback"}, {80, "_cancel_message"}, {88, "(cancelled by)"},        \
	{                                                                                          \
		96, "(awaited by)"                                                                 \
	}
#define TASK(at)                                                                                   \
	{at, "_fut_waiter"}, {at + 8, "_coro"}, {at + 16, "_name"},                                \
	{                                                                                          \
		at + 24, "_context"                                                                \
	}
#define FUTURE(from, to, size, ...)                                                                \
	{                                                                                          \
		.type = "_asyncio.Future", .since = from, .until = to, .basicsize = size,          \
		.fields = {                                                                        \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
/* task_at: in 3.13 a future is smaller than what a task begins with. */
#define FUTURE_AND_TASK(from, to, size, task_at, task_size, future)                                \
	FUTURE(from, to, size, future),                                                            \
	{                                                                                          \
		.type = "_asyncio.Task", .since = from, .until = to, .basicsize = task_size,       \
		.fields = {                                                                        \
			future,                                                                    \
			TASK(task_at)                                                              \
		}                                                                                  \
	}

#define LRU_CACHE "functools._lru_cache_wrapper"
/* Modules/_functoolsmodule.c: with a maxsize the cache has a list of links, which begins and ends in the object itself. */
#define LRU_CACHE_PARTS(...)                                                                       \
	.shown = "lru_cache", .length = {72, DICT_USED},                                           \
	.parts = {{C_PART_LINKS, .place = {0, 24}, .next = 24,                                     \
		   .link_fields = {{40, "(key)"}, {48, "(result)"}, __VA_ARGS__}}}

static const struct c_fields rows[] = {
	{.type = "BaseException",
	 .until = 0x030a00,
	 .fields = {{16, "__dict__"},
		    {24, "args"},
		    {32, "__traceback__"},
		    {40, "__context__"},
		    {48, "__cause__"}}},
	{.type = "BaseException",
	 .since = 0x030b00,
	 .fields = {{16, "__dict__"},
		    {24, "args"},
		    {32, "__notes__"},
		    {40, "__traceback__"},
		    {48, "__context__"},
		    {56, "__cause__"}}},
	{.type = LRU_CACHE,
	 .until = 0x030900,
	 LRU_CACHE_PARTS({0, NULL}),
	 .fields = {{72, "(cache)"}, {88, "(function)"}, {112, "(type)"}, {120, "__dict__"}}},
	{.type = LRU_CACHE,
	 .since = 0x030a00,
	 LRU_CACHE_PARTS({OBJECT_TYPE, "(type)"}),
	 .fields = {{72, "(cache)"},
		    {88, "(function)"},
		    {112, "(mark)"},
		    {120, "(type)"},
		    {128, "(type)"},
		    {136, "__dict__"}}},
	/* Its key and result are visited by the cache; links between them are borrowed. */
	{.type = "functools._lru_list_elem"},
	ALWAYS("functools.KeyWrapper", {16, "(comparison)"}, {24, "obj"}),
	ALWAYS("operator.itemgetter", {24, "(item)"}),
	ALWAYS("operator.attrgetter", {24, "(names)"}),
	{.type = "operator.methodcaller",
	 .until = 0x030d00,
	 .fields = {{16, "(name)"}, {24, "(arguments)"}, {32, "(keywords)"}}},
	{.type = "operator.methodcaller",
	 .since = 0x030e00,
	 .fields = {{16, "(name)"},
		    {24, "(arguments)"},
		    {32, "(keywords)"},
		    {40, "(arguments)"},
		    {48, "(keywords)"}}},
	ALWAYS("itertools.chain", {16, "(iterables)"}, {24, "(iterated)"}),
	ALWAYS("itertools.cycle", {16, "(iterated)"}, {24, "(saved)"}),
	ALWAYS("itertools.islice", {16, "(iterated)"}),
	ALWAYS("itertools.count", {24, "(count)"}, {32, "(step)"}),
	ALWAYS("itertools.repeat", {16, "(repeated)"}),
	ALWAYS("itertools.starmap", {16, "(function)"}, {24, "(iterated)"}),
	ALWAYS("itertools.accumulate", {16, "(total)"}, {24, "(iterated)"}, {32, "(function)"},
	       {40, "(initial)"}),
	ALWAYS("itertools.zip_longest", {32, "(iterators)"}, {40, "(result)"}, {48, "fillvalue"}),
	ALWAYS("itertools.takewhile", {16, "(function)"}, {24, "(iterated)"}),
	ALWAYS("itertools.dropwhile", {16, "(function)"}, {24, "(iterated)"}),
	ALWAYS("itertools.filterfalse", {16, "(function)"}, {24, "(iterated)"}),
	ALWAYS("itertools.product", {16, "(pools)"}, {32, "(result)"}),
	ALWAYS("itertools.permutations", {16, "(pool)"}, {40, "(result)"}),
	ALWAYS("itertools.combinations", {16, "(pool)"}, {32, "(result)"}),
	ALWAYS("itertools.combinations_with_replacement", {16, "(pool)"}, {32, "(result)"}),
	ALWAYS("itertools.compress", {16, "(data)"}, {24, "(selectors)"}),
	ALWAYS("itertools.groupby", {16, "(iterated)"}, {24, "(key function)"}, {32, "(key)"},
	       {40, "(key)"}, {48, "(value)"}),
	ALWAYS("itertools._grouper", {16, "(parent)"}, {24, "(key)"}),
	ALWAYS("itertools._tee", {16, "(data)"}),
	{.type = "itertools._tee_dataobject",
	 .fields = {{16, "(iterated)"}, {32, "(next data)"}},
	 .parts = {{C_PART_ITEMS, .place = {0, 40}, .count = {0, 24}, .count_is_int = true}}},
	{.type = "itertools.pairwise",
	 .basicsize = 32,
	 .fields = {{16, "(iterated)"}, {24, "(old)"}}},
	{.type = "itertools.pairwise",
	 .basicsize = 40,
	 .fields = {{16, "(iterated)"}, {24, "(old)"}, {32, "(result)"}}},
	ALWAYS("itertools.batched", {16, "(iterated)"}),
	ALWAYS("traceback", {16, "tb_next"}, {24, "tb_frame"}),
	ALWAYS("property", {16, "fget"}, {24, "fset"}, {32, "fdel"}, {40, "__doc__"}),
	ALWAYS("classmethod", {16, "__func__"}, {24, "__dict__"}),
	ALWAYS("staticmethod", {16, "__func__"}, {24, "__dict__"}),
	ALWAYS("functools.partial", {16, "func"}, {24, "args"}, {32, "keywords"}, {40, "__dict__"}),
	ALWAYS("collections.defaultdict", {48, "default_factory"}),
	/* Objects/odictobject.c: the order is a list of nodes, each with its key. */
	{.type = "collections.OrderedDict",
	 .fields = {{96, "__dict__"}},
	 .parts = {{C_PART_LINKS, .place = {0, 48}, .next = 16, .link_fields = {{0, "(order)"}}}}},
	ALWAYS("odict_keys", {16, "mapping"}),
	ALWAYS("odict_values", {16, "mapping"}),
	ALWAYS("odict_items", {16, "mapping"}),
	ALWAYS("odict_iterator", {24, "(iterated)"}, {48, "(current)"}, {56, "(result)"}),
	ALWAYS("_collections._deque_iterator", {32, "(iterated)"}),
	ALWAYS("_collections._deque_reverse_iterator", {32, "(iterated)"}),
	ALWAYS("collections._deque_iterator", {32, "(iterated)"}),
	ALWAYS("collections._deque_reverse_iterator", {32, "(iterated)"}),
	{.type = "_queue.SimpleQueue", .until = 0x030c00, .fields = {{32, "(queue)"}}},
	{.type = "_queue.SimpleQueue",
	 .since = 0x030d00,
	 .length = {0, 56},
	 .parts = {{C_PART_ARRAY, .place = {0, 40}, .count = {0, 48}}}},
	ALWAYS("mappingproxy", {16, "(mapping)"}),
	ALWAYS("dict_keys", {16, "mapping"}),
	ALWAYS("dict_values", {16, "mapping"}),
	ALWAYS("dict_items", {16, "mapping"}),
	ALWAYS("dict_keyiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_valueiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_itemiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_reversekeyiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_reversevalueiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_reverseitemiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("set_iterator", {16, "(iterated)"}),
	INDEXED("list_iterator"),
	INDEXED("list_reverseiterator"),
	INDEXED("tuple_iterator"),
	INDEXED("iterator"),
	INDEXED("reversed"),
	ALWAYS("callable_iterator", {16, "(callable)"}, {24, "(sentinel)"}),
	ALWAYS("enumerate", {24, "(iterator)"}, {32, "(result)"}, {40, "(index)"}),
	ALWAYS("map", {16, "(iterators)"}, {24, "(function)"}),
	ALWAYS("filter", {16, "(function)"}, {24, "(iterator)"}),
	ALWAYS("zip", {24, "(iterators)"}, {32, "(result)"}),
	ALWAYS("super", {16, "__thisclass__"}, {24, "__self__"}, {32, "__self_class__"}),
	ALWAYS("slice", {16, "start"}, {24, "stop"}, {32, "step"}),
	ALWAYS("method-wrapper", {16, "(descriptor)"}, {24, "__self__"}),
	DESCRIPTOR("method_descriptor"),
	DESCRIPTOR("classmethod_descriptor"),
	DESCRIPTOR("wrapper_descriptor"),
	DESCRIPTOR("getset_descriptor"),
	DESCRIPTOR("member_descriptor"),
	ALWAYS("types.SimpleNamespace", {16, "__dict__"}),
	ALWAYS("types.GenericAlias", {16, "__origin__"}, {24, "__args__"}, {32, "__parameters__"}),
	ALWAYS("coroutine_wrapper", {16, "(coroutine)"}),
	ALWAYS("_ast.AST", {16, "__dict__"}),
	ALWAYS("ast.AST", {16, "__dict__"}),
	ALWAYS("_abc._abc_data", {16, "(registry)"}, {24, "(cache)"}, {32, "(negative cache)"}),
	{.type = "Context", .until = 0x030900, .fields = {{16, "(previous)"}, {24, "(variables)"}}},
	ALWAYS("_contextvars.Context", {16, "(previous)"}, {24, "(variables)"}),
	ALWAYS("ContextVar", {16, "name"}, {24, "(default)"}),
	ALWAYS("_contextvars.ContextVar", {16, "name"}, {24, "(default)"}),
	ALWAYS("Token", {16, "(context)"}, {24, "var"}, {32, "old_value"}),
	ALWAYS("_contextvars.Token", {16, "(context)"}, {24, "var"}, {32, "old_value"}),
	/* Python/hamt.c: keys and values by turns; a key of 0: the value is a node. */
	ALWAYS("hamt", {16, "(root)"}),
	{.type = "hamt_bitmap_node",
	 .parts = {{C_PART_ITEMS, .place = {0, 32}, .count = {0, VAR_SIZE}}}},
	{.type = "hamt_collision_node",
	 .parts = {{C_PART_ITEMS, .place = {0, 32}, .count = {0, VAR_SIZE}}}},
	{.type = "hamt_array_node", .parts = {{C_PART_ITEMS, .place = {0, 16}, .fixed = 32}}},
	ALWAYS("memoryview", {24, "(buffer)"}),
	ALWAYS("managedbuffer", {40, "obj"}),
	ALWAYS("_io.BytesIO", {16, "(buffer)"}, {40, "__dict__"}),
	ALWAYS("_io.FileIO", {40, "__dict__"}),
	ALWAYS("_io.BufferedReader", {16, "raw"}, {136, "__dict__"}),
	ALWAYS("_io.BufferedWriter", {16, "raw"}, {136, "__dict__"}),
	ALWAYS("_io.BufferedRandom", {16, "raw"}, {136, "__dict__"}),
	ALWAYS("_csv.reader", {16, "(iterated)"}, {24, "dialect"}, {32, "(fields)"}),
	ALWAYS("re.Match", {24, "string"}, {32, "regs"}, {40, "re"}),
	ALWAYS("re.Pattern", {32, "groupindex"}, {40, "(groups)"}, {48, "pattern"}),
	{.type = "_thread._local",
	 .until = 0x030c00,
	 .fields = {{24, "(arguments)"}, {32, "(keywords)"}, {48, "(by thread)"}}},
	{.type = "_thread._local",
	 .since = 0x030d00,
	 .fields =
		 {{16, "(arguments)"}, {24, "(keywords)"}, {40, "(by thread)"}, {48, "(threads)"}}},
	/* Modules/_elementtree.c: attributes and children are in a block of their own, once there are any. */
	{.type = "xml.etree.ElementTree.Element",
	 .length = {40, 8},
	 .fields = {{16, "tag"}, {24, "text"}, {32, "tail"}},
	 .parts = {{C_PART_FIELD, .place = {40, 0}, .name = "attrib"},
		   {C_PART_ARRAY, .place = {40, 24}, .count = {40, 8}}}},
	ALWAYS("async_generator_asend", {16, "(generator)"}, {24, "(sent)"}),
	ALWAYS("async_generator_athrow", {16, "(generator)"}, {24, "(arguments)"}),
	ALWAYS("_asyncio.FutureIter", {16, "(future)"}),
	ALWAYS("TaskWakeupMethWrapper", {16, "(task)"}),
	ALWAYS("TaskStepMethWrapper", {16, "(task)"}, {24, "(exception)"}),
	FUTURE_AND_TASK(0x030800, 0x030800, 104, 104, 144, FUTURE_3_8),
	FUTURE_AND_TASK(0x030900, 0x030900, 144, 144, 184, FUTURE_3_9),
	FUTURE_AND_TASK(0x030a00, 0x030a00, 152, 152, 192, FUTURE_3_10),
	FUTURE_AND_TASK(0x030b00, 0x030c00, 128, 128, 176, FUTURE_3_11),
	FUTURE_AND_TASK(0x030d00, 0x030d00, 104, 112, 144, FUTURE_3_13),
	FUTURE_AND_TASK(0x030e00, 0x030e00, 112, 120, 168, FUTURE_3_14),
};

const struct c_fields *c_fields__find(__u32 version, const char *type, __u32 basicsize)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (version >= rows[i].since && (!rows[i].until || version <= rows[i].until) &&
		    (!rows[i].basicsize || basicsize == rows[i].basicsize) &&
		    !strcmp(rows[i].type, type))
			return &rows[i];
	return NULL;
}
