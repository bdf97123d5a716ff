# SPDX-License-Identifier: BSD-2-Clause
from django.db import connection, models


class Maker(models.Model):
    name = models.CharField(max_length=80)
    country = models.CharField(max_length=40)


class Item(models.Model):
    maker = models.ForeignKey(Maker, on_delete=models.CASCADE)
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    added = models.DateTimeField()


def fill():
    from datetime import datetime, timedelta, timezone

    with connection.schema_editor() as editor:
        editor.create_model(Maker)
        editor.create_model(Item)
    makers = Maker.objects.bulk_create(
        Maker(id=i + 1, name="Maker %d" % i, country="Country %d" % (i % 7)) for i in range(20)
    )
    day = datetime(2026, 1, 1, tzinfo=timezone.utc)
    Item.objects.bulk_create(
        Item(maker=makers[i % 20], name="Item %d" % i, price="%d.99" % i, added=day + timedelta(i))
        for i in range(400)
    )
