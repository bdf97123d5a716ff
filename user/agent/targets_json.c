// SPDX-License-Identifier: BSD-2-Clause
#include "agent/targets_json.h"

#include "lib/json_build.h"

static struct json_object *labels_of(struct builder *b, const struct host_process *process)
{
	struct json_object *labels = json_object_new_object();
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", process->pid);
	build__text(b, labels, "__param_pid", pid);
	build__text(b, labels, "pid", pid);
	build__text(b, labels, "comm", process->comm);
	build__text(b, labels, "python", process->python);
	build__text(b, labels, "cgroup", process->cgroup ? process->cgroup : "");
	return labels;
}

static struct json_object *target_of(struct builder *b, const struct host_process *process,
				     unsigned int port)
{
	struct json_object *target = json_object_new_object(), *list = json_object_new_array();
	char address[32];

	snprintf(address, sizeof(address), "localhost:%u", port);
	build__append(b, list, json_object_new_string(address));
	build__put(b, target, "targets", list);
	build__put(b, target, "labels", labels_of(b, process));
	return target;
}

int targets_json__write(const struct host *host, unsigned int port, FILE *out)
{
	struct json_object *all = json_object_new_array();
	struct builder b = {false};

	for (size_t i = 0; i < host__count(host); i++) {
		const struct host_process *process = host__at(host, i);

		if (process->result && process->result->json)
			build__append(&b, all, target_of(&b, process, port));
	}
	return build__write(&b, all, false, out);
}
