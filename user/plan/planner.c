// SPDX-License-Identifier: BSD-2-Clause
#include "plan/planner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/elf_image.h"

/* Prefixes under which allocators export the malloc family; "" is the family itself. */
static const char *const prefixes[] = {"", "je_", "mi_", "tc_"};

static int add_probe(struct plan *plan, const struct probe *probe)
{
	struct probe *grown;

	grown = realloc(plan->probes, (plan->probe_count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	plan->probes = grown;
	plan->probes[plan->probe_count++] = *probe;
	return 0;
}

/* Several names may stand for one function: memalign and aligned_alloc in glibc up to 2.37. */
static bool is_planned(const struct plan *plan, int module, __u64 address)
{
	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].module == module && plan->probes[i].address == address)
			return true;
	return false;
}

static int add_function(struct plan *plan, const struct elf_image *image, int module, __u32 hook,
			const char *symbol_name)
{
	const struct hook_row *row = &hook_table[hook];
	struct probe probe = {.function = row->function, .hook = hook, .module = module};
	struct elf_symbol symbol;
	int err;

	if (elf_image__find(image, symbol_name, &symbol) || !symbol.function ||
	    is_planned(plan, module, symbol.address) ||
	    elf_image__file_offset(image, symbol.address, &probe.offset))
		return 0;
	probe.address = symbol.address;
	probe.kind = row->hook.role == HOOK_FREE ? PROBE_FREE : PROBE_ENTER;
	err = add_probe(plan, &probe);
	if (!err && probe.kind == PROBE_ENTER) {
		probe.kind = PROBE_RETURN;
		err = add_probe(plan, &probe);
	}
	if (row->hook.domain == DOMAIN_OBJECT)
		plan->object_functions++;
	else
		plan->raw_functions++;
	return err;
}

static int plan_python(struct plan *plan, const struct elf_image *image, int module)
{
	int err = 0;

	for (size_t i = 0; !err && i < hook_count; i++)
		if (hook_table[i].group == HOOKS_PYTHON)
			err = add_function(plan, image, module, i, hook_table[i].function);
	return err;
}

static int plan_allocator(struct plan *plan, const struct elf_image *image, int module,
			  bool is_libc)
{
	char name[64];
	int err = 0;

	for (size_t i = 0; !err && i < hook_count; i++) {
		const struct hook_row *row = &hook_table[i];

		if (row->group == HOOKS_OWN_NAMES || (row->group == HOOKS_OPERATORS && !is_libc))
			err = add_function(plan, image, module, i, row->function);
		if (row->group != HOOKS_MALLOC)
			continue;
		for (size_t p = 0; !err && p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
			snprintf(name, sizeof(name), "%s%s", prefixes[p], row->function);
			err = add_function(plan, image, module, i, name);
		}
	}
	return err;
}

static int with_image(struct plan *plan, const struct target *target, int module,
		      const struct allocator *allocator)
{
	struct elf_image *image;
	bool is_libc;
	int err;

	if (module < 0 || target->modules[module].fd < 0)
		return 0;
	if (elf_image__open(target->modules[module].fd, &image))
		return 0;
	if (!allocator) {
		err = plan_python(plan, image, module);
	} else {
		is_libc = !strncmp(allocator->name, "glibc", 5) ||
			  !strncmp(allocator->name, "musl", 4);
		err = plan_allocator(plan, image, module, is_libc);
	}
	elf_image__free(image);
	return err;
}

int plan__make(const struct target *target, struct plan **result)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	int err;

	if (!plan)
		return -ENOMEM;
	plan->object_count_only = target->python.inlined_allocator;
	err = with_image(plan, target, target->python.module, NULL);
	for (size_t i = 0; !err && i < target->allocator_count; i++)
		err = with_image(plan, target, target->allocators[i].module,
				 &target->allocators[i]);
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
