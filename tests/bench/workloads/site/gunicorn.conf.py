# SPDX-License-Identifier: BSD-2-Clause
# gunicorn reads this from its working directory.
workers = 1
worker_class = "sync"
timeout = 600  # a round under tracemalloc is slow, not hung
accesslog = None
loglevel = "warning"


def post_worker_init(worker):
    import service

    service.start_worker()
