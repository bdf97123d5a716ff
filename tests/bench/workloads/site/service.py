# SPDX-License-Identifier: BSD-2-Clause
"""The web workload: a small Django shop, as gunicorn's "service:application".

    /           a page: query with a join, template of 15 rows
    /api        the same rows as JSON
    /bench/pid                  the worker that answers
    /bench/tracemalloc/FRAMES   on in this worker with that many frames, 0 = off
A worker pins itself to BENCH_CPU. The database is sqlite's, in memory, each worker's own.
"""
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

HERE = os.path.dirname(os.path.abspath(__file__))

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=["shop"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        ROOT_URLCONF="shop.urls",
        SECRET_KEY="not a secret: nothing is signed",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [os.path.join(HERE, "shop", "templates")],
            }
        ],
        USE_TZ=True,
    )
    django.setup()

application = get_wsgi_application()


def start_worker():
    """In the worker, after the fork: see gunicorn.conf.py."""
    from shop import models

    cpu = int(os.environ.get("BENCH_CPU", "-1"))
    if cpu >= 0:
        os.sched_setaffinity(0, {cpu})
    models.fill()
