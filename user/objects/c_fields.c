// SPDX-License-Identifier: BSD-2-Clause
/*
 * c_fields.c - the rows
 */
#include "objects/c_fields.h"

#include <stddef.h>
#include <string.h>

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
#define FUTURE_AND_TASK(from, to, size, task_size, future)                                         \
	FUTURE(from, to, size, future),                                                            \
	{                                                                                          \
		.type = "_asyncio.Task", .since = from, .until = to, .basicsize = task_size,       \
		.fields = {                                                                        \
			future,                                                                    \
			TASK(size)                                                                 \
		}                                                                                  \
	}

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
	ALWAYS("traceback", {16, "tb_next"}, {24, "tb_frame"}),
	ALWAYS("property", {16, "fget"}, {24, "fset"}, {32, "fdel"}, {40, "__doc__"}),
	ALWAYS("classmethod", {16, "__func__"}, {24, "__dict__"}),
	ALWAYS("staticmethod", {16, "__func__"}, {24, "__dict__"}),
	ALWAYS("functools.partial", {16, "func"}, {24, "args"}, {32, "keywords"}, {40, "__dict__"}),
	ALWAYS("collections.defaultdict", {48, "default_factory"}),
	ALWAYS("collections.OrderedDict", {96, "__dict__"}),
	ALWAYS("mappingproxy", {16, "(mapping)"}),
	ALWAYS("dict_keys", {16, "mapping"}),
	ALWAYS("dict_values", {16, "mapping"}),
	ALWAYS("dict_items", {16, "mapping"}),
	ALWAYS("dict_keyiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_valueiterator", {16, "(iterated)"}, {40, "(result)"}),
	ALWAYS("dict_itemiterator", {16, "(iterated)"}, {40, "(result)"}),
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
	ALWAYS("_asyncio.FutureIter", {16, "(future)"}),
	ALWAYS("TaskWakeupMethWrapper", {16, "(task)"}),
	ALWAYS("TaskStepMethWrapper", {16, "(task)"}, {24, "(exception)"}),
	FUTURE_AND_TASK(0x030800, 0x030800, 104, 144, FUTURE_3_8),
	FUTURE_AND_TASK(0x030900, 0x030900, 144, 184, FUTURE_3_9),
	FUTURE_AND_TASK(0x030a00, 0x030a00, 152, 192, FUTURE_3_10),
	FUTURE_AND_TASK(0x030b00, 0x030c00, 128, 176, FUTURE_3_11),
	FUTURE_AND_TASK(0x030d00, 0x030d00, 112, 144, FUTURE_3_13),
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
