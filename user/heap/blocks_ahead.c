// SPDX-License-Identifier: BSD-2-Clause
#include "heap/blocks_ahead.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#define BUFFERS 2
#define CACHE (1u << 16) /* nothing is read through it */
#define WORTH_A_THREAD 8 /* arenas */

struct ahead {
	struct image *image;
	const struct arena_list *arenas;
	__u32 pool_size, arena_size;
	struct arena_copy copies[BUFFERS]; /* arena i is in i % BUFFERS */
	size_t next;                       /* for the caller */
	bool threaded, ending;
	pthread_t thread;
	sem_t made, free; /* copies; the one that the caller looks at is neither */
};

static void copy(struct ahead *ahead, size_t i)
{
	const struct arena_range *arena = &ahead->arenas->list[i];
	struct arena_copy *to = &ahead->copies[i % BUFFERS];

	to->size = (arena->end - arena->first) / ahead->pool_size * ahead->pool_size;
	to->got = image__copy(ahead->image, arena->first, to->bytes, to->size);
	to->resident = image__resident(ahead->image, arena->address, ahead->arena_size);
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) && errno == EINTR)
		;
}

static void *run(void *context)
{
	struct ahead *ahead = context;

	for (size_t i = 0; i < ahead->arenas->count; i++) {
		wait_for(&ahead->free);
		if (__atomic_load_n(&ahead->ending, __ATOMIC_ACQUIRE))
			break;
		copy(ahead, i);
		sem_post(&ahead->made);
	}
	return NULL;
}

int ahead__open(pid_t pid, const struct arena_list *arenas, __u32 pool_size, __u32 arena_size,
		struct ahead **result)
{
	struct ahead *ahead = calloc(1, sizeof(*ahead));
	int err;

	if (!ahead)
		return -ENOMEM;
	ahead->arenas = arenas;
	ahead->pool_size = pool_size;
	ahead->arena_size = arena_size;
	sem_init(&ahead->made, 0, 0);
	sem_init(&ahead->free, 0, BUFFERS);
	err = image__open(pid, CACHE, &ahead->image);
	for (int i = 0; !err && i < BUFFERS; i++) {
		ahead->copies[i].bytes = malloc(arena_size);
		err = ahead->copies[i].bytes ? 0 : -ENOMEM;
	}
	if (err) {
		ahead__close(ahead);
		return err;
	}
	*result = ahead;
	return 0;
}

void ahead__next(struct ahead *ahead, struct arena_copy *result)
{
	size_t i = ahead->next++;

	if (!i && ahead->arenas->count >= WORTH_A_THREAD)
		ahead->threaded = !pthread_create(&ahead->thread, NULL, run, ahead);
	if (!ahead->threaded) {
		copy(ahead, i);
	} else {
		if (i) /* the one before has been looked at */
			sem_post(&ahead->free);
		wait_for(&ahead->made);
	}
	*result = ahead->copies[i % BUFFERS];
}

void ahead__close(struct ahead *ahead)
{
	if (!ahead)
		return;
	if (ahead->threaded) {
		__atomic_store_n(&ahead->ending, true, __ATOMIC_RELEASE);
		sem_post(&ahead->free);
		pthread_join(ahead->thread, NULL);
	}
	for (int i = 0; i < BUFFERS; i++)
		free(ahead->copies[i].bytes);
	image__close(ahead->image);
	sem_destroy(&ahead->made);
	sem_destroy(&ahead->free);
	free(ahead);
}
