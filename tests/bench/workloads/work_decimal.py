# SPDX-License-Identifier: BSD-2-Clause
"""decimal: money-like sums, and roots and exponentials of 500 digits."""
import decimal

FINE = {"sums": 1, "roots": 1}


def setup(sums=25, roots=29):
    exact = decimal.Context(prec=500)
    prices = [decimal.Decimal(i * 137 % 100000) / 100 for i in range(1, 2000)]

    def work():
        for _ in range(sums):
            total = decimal.Decimal(0)
            for price in prices:
                total += (price * decimal.Decimal("1.19")).quantize(decimal.Decimal("0.01"))
        for i in range(1, roots + 1):
            total += exact.exp(exact.sqrt(decimal.Decimal(i)))
        return total

    return work
