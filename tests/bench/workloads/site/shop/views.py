# SPDX-License-Identifier: BSD-2-Clause
import os

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render

from .models import Item


def newest():
    return Item.objects.select_related("maker").filter(price__gt=20).order_by("-added")[:15]


def page(request):
    return render(request, "page.html", {"items": newest(), "path": request.path})


def api(request):
    return JsonResponse(
        {
            "items": [
                {
                    "name": item.name,
                    "maker": item.maker.name,
                    "price": item.price,
                    "added": item.added,
                }
                for item in newest()
            ]
        }
    )


def pid(request):
    return HttpResponse(str(os.getpid()))


def trace_here(request, frames):
    import tracemalloc

    tracemalloc.stop()
    if frames:
        tracemalloc.start(frames)
    return HttpResponse("ok")
