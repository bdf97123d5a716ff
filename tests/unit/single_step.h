/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * single_step.h - what a processor says of the places that placement chose
 *
 * A child is single-stepped through work that calls the functions. Each call must come by its enter place
 * once with its arguments in their registers, by its return place once with the return address on top of
 * the stack, by its exits once with what it then returns; at the depth that was said.
 *
 * Included after cmocka.h.
 */
#ifndef SINGLE_STEP_H
#define SINGLE_STEP_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/elf_image.h"
#include "plan/placement.h"

#define MAX_STEPS 20000000
#define MAX_CALLS 64 /* inside one another */
#define UNTRACED 77  /* exit status of a child that could not be traced */

struct stepped {
	const char *name;
	__u16 arguments;
	/* filled in by stepped__plan(): */
	__u64 entry; /* in this process, and so in the child */
	__u64 bias;  /* of it and the addresses of the places */
	struct place enter, back, exits[MAX_EXITS];
	size_t exit_count;
	unsigned long calls; /* that returned, in the child */
};

struct stepped_call {
	struct stepped *function;
	struct user_regs_struct at_entry;
	__u64 return_address;
	int enters, backs, exits;
	__u64 result; /* as it was at the exit */
};

static int plan_in_image(struct stepped *function, const struct elf_image *image, __u32 kernel)
{
	struct elf_symbol symbol;
	struct code code;
	__u8 *bytes;
	int err = elf_image__find(image, function->name, &symbol);

	if (err)
		return err;
	bytes = malloc(symbol.size);
	assert_int_equal(elf_image__read(image, symbol.address, bytes, symbol.size), 0);
	code = (struct code){bytes, symbol.size, symbol.address};
	placement__enter(&code, function->arguments, kernel, &function->enter);
	placement__return(&code, kernel, &function->back);
	if (placement__exits(&code, kernel, function->exits, &function->exit_count))
		assert_int_equal(function->exit_count, 0);
	function->entry = symbol.address;
	free(bytes);
	return 0;
}

/* Plans for functions of a file mapped at bias, exported or only in its .symtab: number found. */
static size_t stepped__plan(struct stepped *functions, size_t count, const char *path, __u64 bias,
			    __u32 kernel)
{
	struct elf_image *image;
	size_t found = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(elf_image__open(fd, &image), 0);
	close(fd);
	for (size_t i = 0; i < count; i++) {
		struct stepped function = functions[i];

		if (plan_in_image(&function, image, kernel))
			continue;
		function.bias = bias;
		function.entry += bias;
		functions[found++] = function;
	}
	elf_image__free(image);
	return found;
}

/* The same for a loaded library. */
static size_t stepped__plan_library(struct stepped *functions, size_t count, void *library,
				    __u32 kernel)
{
	struct link_map *map;

	assert_int_equal(dlinfo(library, RTLD_DI_LINKMAP, &map), 0);
	return stepped__plan(functions, count, map->l_name, map->l_addr, kernel);
}

static __u64 register_of(const struct user_regs_struct *regs, __u8 reg)
{
	const unsigned long long values[] = {
		regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp,
		regs->rsi, regs->rdi, regs->r8,  regs->r9,  regs->r10, regs->r11,
		regs->r12, regs->r13, regs->r14, regs->r15,
	};

	return values[reg];
}

static const char *at_places(struct stepped_call *call, const struct user_regs_struct *regs,
			     pid_t pid)
{
	struct stepped *function = call->function;
	__u64 address = regs->rip - function->bias;
	__u64 depth = call->at_entry.rsp - regs->rsp;

	if (address == function->enter.address) {
		call->enters++;
		if (depth != function->enter.sp_delta)
			return "enter: not as deep as it should be";
		for (__u8 reg = 0; reg <= GPR_R15; reg++)
			if (function->arguments & 1u << reg &&
			    register_of(regs, reg) != register_of(&call->at_entry, reg))
				return "enter: the argument is gone";
	}
	if (address == function->back.address) {
		call->backs++;
		if (depth ||
		    (__u64)ptrace(PTRACE_PEEKDATA, pid, regs->rsp, 0) != call->return_address)
			return "return: the return address is not on top";
	}
	for (size_t i = 0; i < function->exit_count; i++) {
		if (address != function->exits[i].address)
			continue;
		call->exits++;
		call->result = register_of(regs, function->exits[i].result_reg);
		if (depth != function->exits[i].sp_delta)
			return "exit: not as deep as it should be";
	}
	return NULL;
}

static const char *at_return(struct stepped_call *call, const struct user_regs_struct *regs)
{
	call->function->calls++;
	if (call->enters != 1)
		return "a call did not come by its enter place once";
	if (call->backs != 1)
		return "a call did not come by its return place once";
	if (call->function->exit_count && call->exits != 1)
		return "a call did not come by one of its exits once";
	if (call->function->exit_count && call->result != regs->rax)
		return "a call had another result at its exit";
	return NULL;
}

struct stepping {
	pid_t pid;
	struct stepped *functions;
	size_t count;
	struct stepped_call calls[MAX_CALLS];
	size_t depth;
	const struct stepped *wrong;
};

static const char *one_step(struct stepping *stepping)
{
	struct user_regs_struct regs;
	const char *error = NULL;

	if (ptrace(PTRACE_GETREGS, stepping->pid, 0, &regs))
		return "no registers";
	while (stepping->depth && !error) {
		struct stepped_call *top = &stepping->calls[stepping->depth - 1];

		if (regs.rip != top->return_address || regs.rsp != top->at_entry.rsp + 8)
			break;
		stepping->wrong = top->function;
		error = at_return(top, &regs);
		stepping->depth--;
	}
	for (size_t i = 0; i < stepping->count && !error; i++) {
		if (regs.rip != stepping->functions[i].entry)
			continue;
		if (stepping->depth == MAX_CALLS)
			return "too many calls inside one another";
		stepping->calls[stepping->depth++] = (struct stepped_call){
			.function = &stepping->functions[i],
			.at_entry = regs,
			.return_address = ptrace(PTRACE_PEEKDATA, stepping->pid, regs.rsp, 0),
		};
	}
	if (stepping->depth && !error) {
		stepping->wrong = stepping->calls[stepping->depth - 1].function;
		error = at_places(&stepping->calls[stepping->depth - 1], &regs, stepping->pid);
	}
	return error;
}

/* From a stop of the child on: until it exits or so many steps are done. NULL, or what is wrong. */
static const char *step_on(struct stepping *stepping, long steps, int *status)
{
	const char *error = NULL;

	for (long step = 0; step < steps && WIFSTOPPED(*status); step++) {
		if (WSTOPSIG(*status) != SIGTRAP && WSTOPSIG(*status) != SIGSTOP)
			return "a signal";
		error = one_step(stepping);
		if (error)
			return error;
		if (ptrace(PTRACE_SINGLESTEP, stepping->pid, 0, 0) ||
		    waitpid(stepping->pid, status, 0) != stepping->pid)
			return "no step";
	}
	return NULL;
}

static void end_stepping(struct stepping *stepping, const char *error, int *status)
{
	if (WIFSTOPPED(*status)) {
		kill(stepping->pid, SIGKILL);
		waitpid(stepping->pid, status, 0);
	}
	if (error)
		fail_msg("%s: %s", stepping->wrong ? stepping->wrong->name : "?", error);
}

static void skip_untraced(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRACED) {
		print_message("ptrace is not allowed here\n");
		skip();
	}
}

/* Forks, prepares, and then steps through all of work. Fails the test where a place is wrong. */
static void stepped__run(struct stepped *functions, size_t count, void (*prepare)(void),
			 void (*work)(void))
{
	struct stepping stepping = {.functions = functions, .count = count};
	const char *error;
	int status;

	fflush(NULL);
	stepping.pid = fork();
	if (!stepping.pid) {
		if (prepare)
			prepare();
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(UNTRACED);
		raise(SIGSTOP);
		work();
		_exit(0);
	}
	waitpid(stepping.pid, &status, 0);
	skip_untraced(status);
	error = step_on(&stepping, MAX_STEPS, &status);
	end_stepping(&stepping, error, &status);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/*
 * The same with a program that stops itself before the work: so many steps of it, of functions at the
 * addresses that the file says, plus bias of the first mapping of it where it is position independent.
 */
static void stepped__execute(struct stepped *functions, size_t count, char *const argv[], bool pic,
			     long steps)
{
	struct stepping stepping = {.functions = functions, .count = count};
	unsigned long start = 0;
	const char *error;
	char path[64];
	FILE *maps;
	int status;

	fflush(NULL);
	stepping.pid = fork();
	if (!stepping.pid) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(UNTRACED);
		execv(argv[0], argv);
		_exit(1);
	}
	/* the first stop is the exec */
	waitpid(stepping.pid, &status, 0);
	skip_untraced(status);
	while (WIFSTOPPED(status) && WSTOPSIG(status) != SIGSTOP) {
		assert_int_equal(ptrace(PTRACE_CONT, stepping.pid, 0, 0), 0);
		waitpid(stepping.pid, &status, 0);
	}
	assert_true(WIFSTOPPED(status));
	snprintf(path, sizeof(path), "/proc/%d/maps", stepping.pid);
	maps = fopen(path, "r");
	assert_non_null(maps);
	assert_int_equal(fscanf(maps, "%lx", &start), 1);
	fclose(maps);
	for (size_t i = 0; pic && i < count; i++) {
		functions[i].bias += start;
		functions[i].entry += start;
	}
	error = step_on(&stepping, steps, &status);
	end_stepping(&stepping, error, &status);
}

#endif
