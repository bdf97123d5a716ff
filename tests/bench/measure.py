# SPDX-License-Identifier: BSD-2-Clause
"""Statistics of a cell: a tool on a workload, from rounds without and with it in turn."""
import random
import statistics

RESAMPLES = 400
CONFIDENCE = 0.95


def percentile(values, share):
    """Of a sorted list, between its members; share 0..1."""
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


class Pair:
    """The rounds of one phase with the tool, and those of the two phases without it around it."""

    def __init__(self, before, with_tool, after=()):
        self.without = list(before) + list(after)
        self.with_tool = list(with_tool)


def ratio(pairs, centre):
    without = [value for pair in pairs for value in pair.without]
    with_tool = [value for pair in pairs for value in pair.with_tool]
    return centre(with_tool) / centre(without)


def resampled(pairs, chance):
    """Pairs drawn anew, and rounds within them: rounds of one phase are not independent."""
    for pair in chance.choices(pairs, k=len(pairs)):
        yield Pair(
            chance.choices(pair.without, k=len(pair.without)),
            chance.choices(pair.with_tool, k=len(pair.with_tool)),
        )


def interval(pairs, centre):
    """Bootstrap interval of the ratio. From few pairs too narrow: hence "pairs" in every row."""
    chance = random.Random(1)
    ratios = sorted(ratio(list(resampled(pairs, chance)), centre) for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return [percentile(ratios, tail), percentile(ratios, 1 - tail)]


def summary(pairs):
    """
    Figures of one quantity (wall time, CPU time) over a cell's pairs:
        median  slowdown as the ratio of medians: what most rounds feel, blind to rare dear ones
        mean    as the ratio of means: what all rounds cost together
    (tools whose cost comes in bursts: see bursts.py)
    each with its interval, and the time of a round, without and with, in the unit given.
    """
    without = [value for pair in pairs for value in pair.without]
    with_tool = [value for pair in pairs for value in pair.with_tool]
    return {
        "median": ratio(pairs, statistics.median),
        "median_interval": interval(pairs, statistics.median),
        "mean": ratio(pairs, statistics.fmean),
        "mean_interval": interval(pairs, statistics.fmean),
        "without": statistics.median(without),
        "with": statistics.median(with_tool),
        "without_mean": statistics.fmean(without),
        "with_mean": statistics.fmean(with_tool),
        "pairs": len(pairs),
        "rounds_without": len(without),
        "rounds_with": len(with_tool),
    }


def selfcheck():
    """Known data, known answers."""

    def near(is_, should, within):
        assert abs(is_ - should) <= within, "%r is not %r +- %r" % (is_, should, within)

    near(percentile([1, 2, 3, 4, 5], 0.5), 3, 0)
    near(percentile([1, 2], 0.25), 1.25, 1e-12)
    near(percentile([7], 0.99), 7, 0)
    # twice as slow, no noise
    exact = summary([Pair([100] * 5, [200] * 5, [100] * 5)] * 3)
    near(exact["median"], 2, 0)
    assert exact["median_interval"] == [2, 2] and exact["pairs"] == 3, exact
    # a burst in every tenth round: the median does not see it, the mean does
    burst = summary([Pair([100] * 10, [100] * 9 + [300])] * 4)
    near(burst["median"], 1, 0)
    near(burst["mean"], 1.2, 1e-9)
    # drift: every phase is 10 % slower than the one before; phases around each other cancel it
    level = [100 * 1.1**i for i in range(9)]
    drift = [Pair([level[i]] * 4, [level[i + 1]] * 4, [level[i + 2]] * 4) for i in range(0, 8, 2)]
    near(ratio(drift, statistics.fmean), 1, 0.01)
    # the interval covers the truth about as often as it says, and is not useless
    chance = random.Random(7)
    covered, width = 0, 0.0
    for _ in range(60):
        noise = lambda: [chance.gauss(100, 5) for _ in range(8)]  # noqa: E731
        pairs = [Pair(noise(), [1.3 * value for value in noise()], noise()) for _ in range(6)]
        low, high = interval(pairs, statistics.fmean)
        covered += low <= 1.3 <= high
        width += (high - low) / 60
    assert covered >= 50 and width < 0.1, (covered, width)
    return covered
