# SPDX-License-Identifier: BSD-2-Clause
"""decimal: money-like sums, and roots and exponentials of 500 digits."""
import decimal


def setup():
    exact = decimal.Context(prec=500)
    prices = [decimal.Decimal(i * 137 % 100000) / 100 for i in range(1, 2000)]

    def work():
        for _ in range(25):
            total = decimal.Decimal(0)
            for price in prices:
                total += (price * decimal.Decimal("1.19")).quantize(decimal.Decimal("0.01"))
        for i in range(1, 30):
            total += exact.exp(exact.sqrt(decimal.Decimal(i)))
        return total

    return work
