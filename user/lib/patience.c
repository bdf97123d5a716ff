// SPDX-License-Identifier: BSD-2-Clause
#include "lib/patience.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* A thread, and what it is asked. Who is left behind frees it. */
struct worker {
	struct patience *patience;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	void (*call)(void *job); /* NULL = there is nothing to do */
	void (*drop)(void *job);
	void *job;
	bool left_behind, over;
};

struct patience {
	struct worker *worker; /* NULL = there is none yet, or it was left behind */
	size_t most;
	atomic_size_t left_behind;
	atomic_bool over;
};

struct patience *patience__new(size_t most)
{
	struct patience *patience = calloc(1, sizeof(*patience));

	if (patience)
		patience->most = most;
	return patience;
}

static void free_worker(struct worker *worker)
{
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/* With the lock. False: it was left behind, nobody asks it any more. */
static bool do_job(struct worker *worker)
{
	pthread_mutex_unlock(&worker->lock);
	worker->call(worker->job);
	pthread_mutex_lock(&worker->lock);
	if (worker->left_behind)
		return false;
	worker->call = NULL;
	pthread_cond_broadcast(&worker->changed);
	return true;
}

/* The last that is left of somebody who has given up. */
static void end_behind(struct worker *worker)
{
	struct patience *patience = worker->patience;

	worker->drop(worker->job);
	free_worker(worker);
	if (atomic_fetch_sub(&patience->left_behind, 1) == 1 && atomic_load(&patience->over))
		free(patience);
}

static void *work(void *of)
{
	struct worker *worker = of;
	bool wanted = true;

	pthread_mutex_lock(&worker->lock);
	while (wanted && !worker->over) {
		if (worker->call)
			wanted = do_job(worker);
		else
			pthread_cond_wait(&worker->changed, &worker->lock);
	}
	pthread_mutex_unlock(&worker->lock);
	if (wanted)
		free_worker(worker);
	else
		end_behind(worker);
	return NULL;
}

/* Signals are for the others. 0 or -errno. */
static int begin_thread(struct worker *worker)
{
	sigset_t all, before;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		pthread_detach(thread);
	return -err;
}

static int make_worker(struct patience *patience)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t clock;
	int err;

	if (!worker)
		return -ENOMEM;
	worker->patience = patience;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->changed, &clock);
	pthread_condattr_destroy(&clock);
	err = begin_thread(worker);
	if (err)
		free_worker(worker);
	else
		patience->worker = worker;
	return err;
}

static struct timespec in(double seconds)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)seconds;
	at.tv_nsec += (seconds - (time_t)seconds) * 1e9;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* With the lock: until the job is done; false: it is not, and the time is up. */
static bool wait_for(struct worker *worker, double seconds)
{
	struct timespec until = in(seconds);

	while (worker->call)
		if (pthread_cond_timedwait(&worker->changed, &worker->lock, &until) == ETIMEDOUT)
			return !worker->call;
	return true;
}

int patience__call(struct patience *patience, void (*call)(void *job), void *job,
		   void (*drop)(void *job), double seconds)
{
	struct worker *worker;
	bool done;
	int err;

	if (atomic_load(&patience->left_behind) >= patience->most)
		return -EBUSY;
	err = patience->worker ? 0 : make_worker(patience);
	if (err)
		return err;
	worker = patience->worker;
	pthread_mutex_lock(&worker->lock);
	worker->call = call;
	worker->drop = drop;
	worker->job = job;
	pthread_cond_broadcast(&worker->changed);
	done = wait_for(worker, seconds);
	if (!done) {
		worker->left_behind = true;
		atomic_fetch_add(&patience->left_behind, 1);
		patience->worker = NULL;
	}
	pthread_mutex_unlock(&worker->lock);
	return done ? 0 : -ETIMEDOUT;
}

size_t patience__left_behind(const struct patience *patience)
{
	return atomic_load(&patience->left_behind);
}

void patience__free(struct patience *patience)
{
	struct worker *worker = patience ? patience->worker : NULL;

	if (!patience)
		return;
	if (worker) {
		pthread_mutex_lock(&worker->lock);
		worker->over = true;
		pthread_cond_broadcast(&worker->changed);
		pthread_mutex_unlock(&worker->lock);
	}
	/* The last one who is left behind frees it: with him counted in, he cannot do so before we are done. */
	atomic_fetch_add(&patience->left_behind, 1);
	atomic_store(&patience->over, true);
	if (atomic_fetch_sub(&patience->left_behind, 1) == 1)
		free(patience);
}
