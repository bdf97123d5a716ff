# SPDX-License-Identifier: BSD-2-Clause
from django.urls import path

from . import views

urlpatterns = [
    path("", views.page),
    path("api", views.api),
    path("bench/pid", views.pid),
    path("bench/tracemalloc/<int:frames>", views.trace_here),
]
