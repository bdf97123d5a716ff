// SPDX-License-Identifier: BSD-2-Clause
#include "plan/planner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/elf_image.h"
#include "plan/decode.h"
#include "plan/emulated.h"
#include "plan/placement.h"
#include "plan/pool_sites.h"

/* Prefixes under which allocators export the malloc family; "" is the family itself. */
static const char *const prefixes[] = {"", "je_", "mi_", "tc_"};

/* Bytes of a function that are looked at; of one whose size the symbol does not say, the second. */
#define FUNCTION_MAX 65536
#define FUNCTION_UNSIZED 512

static const __u8 argument_registers[] = {GPR_NONE, GPR_DI, GPR_SI, GPR_DX};

/* One module while its functions are looked up. */
struct planning {
	struct plan *plan;
	const struct plan_options *options;
	const struct elf_image *image;
	int module;
};

static int add_probe(struct planning *p, struct probe *probe, const struct code *code)
{
	struct plan *plan = p->plan;
	struct probe *grown;

	if (elf_image__file_offset(p->image, probe->address, &probe->offset))
		return -ENOENT;
	probe->module = p->module;
	code__format(code, probe->address, probe->instruction, sizeof(probe->instruction));
	grown = realloc(plan->probes, (plan->probe_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	plan->probes = grown;
	plan->probes[plan->probe_count++] = *probe;
	return 0;
}

/* Several names may stand for one function: memalign and aligned_alloc in glibc up to 2.37. */
static bool is_planned(const struct planning *p, __u64 address)
{
	for (size_t i = 0; i < p->plan->probe_count; i++)
		if (p->plan->probes[i].module == p->module &&
		    p->plan->probes[i].function_address == address)
			return true;
	return false;
}

static __u16 argument_bits(const struct hook *hook)
{
	const __u8 numbers[] = {hook->size_arg, hook->count_arg, hook->ptr_arg};
	__u16 bits = 0;

	for (size_t i = 0; i < sizeof(numbers); i++)
		if (numbers[i] && numbers[i] < sizeof(argument_registers))
			bits |= 1u << argument_registers[numbers[i]];
	return bits;
}

static void put(struct probe *probe, enum probe_kind kind, const struct place *place)
{
	probe->kind = kind;
	probe->address = place->address;
	probe->cost = place->cost;
	probe->sp_delta = place->sp_delta;
	probe->block_reg = kind == PROBE_EXIT ? place->result_reg : GPR_NONE;
	probe->class_reg = GPR_NONE;
	probe->why = place->why;
}

/*
 * How the result is seen: by a return probe, which shares the trap of an enter probe on the same instruction; where
 * that would be single-stepped or is not allowed, in front of each return.
 */
static int add_result(struct planning *p, const struct probe *function, const struct code *code)
{
	struct place exits[MAX_EXITS], at_return;
	struct probe probe = *function;
	bool have_exits = false;
	size_t count = 0;
	int err = 0;

	placement__return(code, p->options->kernel, &at_return);
	if (p->options->no_return_probes || at_return.cost == COST_STEPPED)
		have_exits = !placement__exits(code, p->options->kernel, exits, &count);
	if (!have_exits) {
		put(&probe, PROBE_RETURN, &at_return);
		return add_probe(p, &probe, code);
	}
	for (size_t i = 0; !err && i < count; i++) {
		put(&probe, PROBE_EXIT, &exits[i]);
		err = add_probe(p, &probe, code);
	}
	return err;
}

/* Whether the kernel takes a probe there, and executes the instruction rightly then. */
static bool is_possible(const struct planning *p, const struct code *code,
			const struct place *place)
{
	struct insn insn;

	return code__decode(code, place->address, &insn) &&
	       uprobe__possible(code->bytes + (place->address - code->address), insn.length,
				p->options->kernel);
}

/* Whether the result can be had at all. */
static bool can_see_result(const struct planning *p, const struct code *code)
{
	struct place exits[MAX_EXITS], at_return;
	size_t count;

	placement__return(code, p->options->kernel, &at_return);
	if (!p->options->no_return_probes && is_possible(p, code, &at_return))
		return true;
	return !placement__exits(code, p->options->kernel, exits, &count);
}

static int add_probes(struct planning *p, struct probe *probe, const struct hook *hook,
		      const struct code *code)
{
	bool releases = hook->role == HOOK_FREE;
	struct place place;
	int err;

	placement__enter(code, argument_bits(hook), p->options->kernel, &place);
	if (!is_possible(p, code, &place) || (!releases && !can_see_result(p, code))) {
		p->plan->no_place++;
		return 0;
	}
	put(probe, releases ? PROBE_FREE : PROBE_ENTER, &place);
	err = add_probe(p, probe, code);
	if (!err && !releases)
		err = add_result(p, probe, code);
	if (!err && hook->domain == DOMAIN_OBJECT)
		p->plan->object_functions++;
	else if (!err)
		p->plan->raw_functions++;
	return err;
}

static int add_function(struct planning *p, __u32 row, const char *symbol_name)
{
	struct probe probe = {.function = hook_table[row].function, .hook = row};
	struct elf_symbol symbol;
	struct code code = {0};
	__u8 *bytes;
	int err;

	if (elf_image__find(p->image, symbol_name, &symbol) || !symbol.function ||
	    is_planned(p, symbol.address))
		return 0;
	probe.function_address = symbol.address;
	code.address = symbol.address;
	code.size = symbol.size && symbol.size < FUNCTION_MAX ? symbol.size : FUNCTION_UNSIZED;
	bytes = malloc(code.size);
	if (!bytes)
		return -ENOMEM;
	code.bytes = bytes;
	err = elf_image__read(p->image, symbol.address, bytes, code.size);
	if (!err)
		err = add_probes(p, &probe, &hook_table[row].hook, &code);
	free(bytes);
	return err == -ENOMEM ? err : 0;
}

static int plan_group(struct planning *p, enum hook_group group)
{
	int err = 0;

	for (size_t i = 0; !err && i < hook_count; i++)
		if (hook_table[i].group == group)
			err = add_function(p, i, hook_table[i].function);
	return err;
}

static int plan_allocator(struct planning *p, bool is_libc)
{
	char name[64];
	int err;

	err = plan_group(p, HOOKS_OWN_NAMES);
	if (!err && !is_libc)
		err = plan_group(p, HOOKS_OPERATORS);
	for (size_t i = 0; !err && i < hook_count; i++) {
		if (hook_table[i].group != HOOKS_MALLOC)
			continue;
		for (size_t n = 0; !err && n < sizeof(prefixes) / sizeof(prefixes[0]); n++) {
			snprintf(name, sizeof(name), "%s%s", prefixes[n], hook_table[i].function);
			err = add_function(p, i, name);
		}
	}
	return err;
}

static int add_site(struct planning *p, const struct pool_site *site, const struct code *text)
{
	static const struct {
		enum probe_kind kind;
		const char *function, *why;
	} kinds[] = {
		[POOL_SITE_ALLOC] = {PROBE_POOL_ALLOC, "pymalloc_alloc",
				     "a block leaves its pool's free list"},
		[POOL_SITE_FRESH] = {PROBE_POOL_FRESH, "allocate_from_new_pool",
				     "a pool hands out its first block"},
		[POOL_SITE_FREE] = {PROBE_POOL_FREE, "pymalloc_free",
				    "a block goes back to its pool's free list"},
	};
	struct probe probe = {
		.kind = kinds[site->kind].kind,
		.function = kinds[site->kind].function,
		.why = kinds[site->kind].why,
		.address = site->address,
		.cost = site->cost,
		.block_reg = site->block_reg,
		.class_reg = site->class_reg,
		.hook = site->kind == POOL_SITE_FRESH ? POOL_FRESH : POOL_BLOCK,
	};

	if (site->block_reg == GPR_NONE) { /* the compiler has dropped it: by way of the pool */
		probe.hook = POOL_HEAD;
		probe.block_reg = site->class_reg;
		probe.class_reg = GPR_NONE;
	}

	return add_probe(p, &probe, text);
}

/* Pymalloc's paths, all or none: a release that is not seen makes a leak. 0 with plan->pool_sites unset: none. */
static int plan_pools(struct planning *p, const struct python *python)
{
	struct pool_sites found;
	struct code text = {0};
	const void *bytes;
	int err;

	if (!python->layout.pool_size ||
	    elf_image__section(p->image, ".text", &text.address, &bytes, &text.size))
		return 0;
	text.bytes = bytes;
	err = pool_sites__find(&text, python->layout.pool_size, p->options->kernel, &found);
	p->plan->pool_incomplete = found.incomplete;
	if (err || found.incomplete) {
		pool_sites__free(&found);
		return err == -ENOMEM ? err : 0;
	}
	for (size_t i = 0; !err && i < found.count; i++)
		err = add_site(p, &found.sites[i], &text);
	p->plan->pool_sites = !err;
	p->plan->pool_allocs = found.allocs;
	p->plan->pool_fresh = found.fresh;
	p->plan->pool_frees = found.frees;
	pool_sites__free(&found);
	return err;
}

static int plan_python(struct planning *p, const struct target *target)
{
	const struct python *python = &target->python;
	int err = 0;

	p->plan->no_pymalloc = !strncmp(python->allocator, "malloc", 6);
	if (!p->plan->raw_functions)
		err = plan_group(p, HOOKS_MEM_RAW);
	if (err || p->plan->no_pymalloc)
		return err;
	err = plan_pools(p, python);
	if (err || p->plan->pool_sites)
		return err;
	p->plan->object_count_only = python->inlined_allocator;
	return plan_group(p, HOOKS_OBJECT);
}

/* allocator: which one the module is, NULL = it is the interpreter's. */
static int plan_module(struct plan *plan, const struct target *target,
		       const struct plan_options *options, int module,
		       const struct allocator *allocator)
{
	struct planning p = {.plan = plan, .options = options, .module = module};
	struct elf_image *image;
	int err;

	if (module < 0 || target->modules[module].fd < 0)
		return 0;
	if (elf_image__open(target->modules[module].fd, &image))
		return 0;
	p.image = image;
	if (!allocator)
		err = plan_python(&p, target);
	else
		err = plan_allocator(&p, !strncmp(allocator->name, "glibc", 5) ||
						 !strncmp(allocator->name, "musl", 4));
	elf_image__free(image);
	return err;
}

/* Releases alone say nothing: where no allocation of the malloc heap can be seen, they are not looked at. */
static void drop_lone_releases(struct plan *plan)
{
	size_t kept = 0;

	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].kind == PROBE_ENTER)
			return;
	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].kind != PROBE_FREE)
			plan->probes[kept++] = plan->probes[i];
	plan->probe_count = kept;
	plan->raw_functions = plan->object_functions = 0;
}

int plan__extend(struct plan *plan, const struct target *target, const struct plan_options *options)
{
	int err = 0;

	for (size_t i = 0; !err && i < target->allocator_count; i++)
		if ((size_t)target->allocators[i].module >= plan->module_count)
			err = plan_module(plan, target, options, target->allocators[i].module,
					  &target->allocators[i]);
	plan->module_count = target->module_count;
	return err;
}

int plan__make(const struct target *target, const struct plan_options *options,
	       struct plan **result)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int err;

	if (!plan)
		return -ENOMEM;
	err = plan__extend(plan, target, options);
	if (!err)
		err = plan_module(plan, target, options, target->python.module, NULL);
	if (!err)
		drop_lone_releases(plan);
	if (!err && !plan->probe_count)
		err = -ENOENT;
	if (err) {
		plan__free(plan);
		return err;
	}
	*result = plan;
	return 0;
}

void plan__free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->probes);
	free(plan);
}
