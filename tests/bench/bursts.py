# SPDX-License-Identifier: BSD-2-Clause
"""
Slowdown by a tool that works in bursts, from a series of small units of work, to some tenths of a
per cent on a machine whose noise is larger than that.

The noise of a virtual machine comes from its neighbours: it multiplies, it only ever slows, for
milliseconds or for minutes, and no clock tells it from work. A ratio of means over phases of
seconds keeps all of it. Hence three parts, each measured where the noise is least:

bursts    busy is when the tool has more file descriptors open than at rest (probes are such),
          with a margin. Cost: time of the units then, beyond the median of the units around them
          that were not busy, which follows slow noise and is blind to bursts however dense. What
          noise adds to a mean over its median (skew) is known from the units at rest, and taken
          off.
look      the same for the attachment and the first seconds, all of which are busy.
constant  a low quantile of the units at rest by that of the units without the tool, on both sides
          of each switch, for slow noise is nearly the same there; the median over the switches
          across which the spins (below) stayed the same.

Between units there is a spin that allocates nothing, so that only noise can slow it. Units beside
which the spin was slow both before and after are left out; slow noise that the spins show is
divided out, as far as work feels it. What remains unseen is a cost at rest that is not constant:
"beside" is how much longer than their median the units at rest are, against those without the
tool. It carries the noise in full.
"""
import bisect
import collections
import random
import statistics

from measure import percentile

Unit = collections.namedtuple("Unit", "end wall cpu spin")  # s; spin: 0 = none
# Tracing begins within begin..looked, ends at end; detached at gone. busy: [(from, to)].
On = collections.namedtuple("On", "begin looked end gone busy")

NEAR = 80  # units, each side
SLOW_SPIN = 1.05
LOW = 0.1
ALIKE = 0.03
SPIN_FELT = 0.4  # of what slows the spin: json and objects feel about so much of it
BLOCK_S = 2.0  # blocks are resampled: longer than noise and than most periods of bursts
SWITCH_S = 4.0  # each side of a switch
RESAMPLES = 1000


class Running:
    """Of units with these times and values: a quantile of those nearest to a time, by number."""

    def __init__(self, times, values, share=0.5):
        self.times, self.quantiles = times, []
        window, last = [], 0
        for i in range(len(values)):
            while last < min(len(values), i + NEAR + 1):
                bisect.insort(window, values[last])
                last += 1
            if i > NEAR:
                del window[bisect.bisect_left(window, values[i - NEAR - 1])]
            self.quantiles.append(window[int(len(window) * share)])

    def at(self, time):
        return self.quantiles[min(bisect.bisect_left(self.times, time), len(self.quantiles) - 1)]


def calm(units):
    """For each unit whether noise did not slow the spins beside it."""
    if not units or not units[0].spin:
        return [True] * len(units)
    usual = Running([u.end for u in units], [u.spin for u in units])
    return [unit.spin <= SLOW_SPIN * usual.at(unit.end) for unit in units]


def without_noise(units, key):
    """The quantity of each unit, less the slow noise that the spins show."""
    values = [getattr(unit, key) for unit in units]
    if not units or not units[0].spin:
        return values
    usual = statistics.median(unit.spin for unit in units)
    spin = Running([unit.end for unit in units], [unit.spin for unit in units], LOW)
    return [v / (spin.at(u.end) / usual) ** SPIN_FELT for u, v in zip(units, values)]


def label(unit, segments):
    """off, look, busy, rest, or None while the tool goes."""
    begin = unit.end - unit.wall
    for on in segments:
        if unit.end < on.begin:
            return "off"
        if begin < on.looked:
            return "look"
        if unit.end < on.end:
            return "busy" if any(a < unit.end and begin < b for a, b in on.busy) else "rest"
        if begin < on.gone:
            return None
    return "off"


class Sums:
    """Units added up: all of them in units of their baseline, the calm ones as they were too."""

    def __init__(self):
        self.all, self.calm, self.taken = 0.0, 0.0, 0.0

    def add(self, value, base, is_calm):
        self.all += base
        if is_calm:
            self.calm += base
            self.taken += value

    def __iadd__(self, other):
        self.all += other.all
        self.calm += other.calm
        self.taken += other.taken
        return self

    def ratio(self):
        return self.taken / self.calm if self.calm else 1.0


def added(sums):
    total = Sums()
    for one in sums:
        total += one
    return total


class Series:
    """The units of a cell, of one quantity, in order of time."""

    def __init__(self, units, segments, key):
        self.segments = segments
        ends, kinds = [u.end for u in units], [label(u, segments) for u in units]
        self.spins = list(zip(ends, (u.spin for u in units)))
        rows = list(zip(ends, without_noise(units, key), calm(units), kinds))
        still = [row for row in rows if row[2] and row[3] in ("off", "rest")]
        base = Running([row[0] for row in still], [row[1] for row in still])
        self.rows = [(end, v, base.at(end), is_calm, kind) for end, v, is_calm, kind in rows]
        self.blocks = self._blocks()
        self.look = added(block["look"] for block in self.blocks)

    def _blocks(self):
        blocks = collections.defaultdict(lambda: collections.defaultdict(Sums))
        for end, value, base, is_calm, kind in self.rows:
            phase = sum(end >= on.begin for on in self.segments), kind == "off"
            blocks[(phase, int(end / BLOCK_S))][kind].add(value, base, is_calm)
        return list(blocks.values())

    def low(self, begin, end, kind):
        values = sorted(
            row[1] for row in self.rows if begin <= row[0] < end and row[3] and row[4] == kind
        )
        return percentile(values, LOW) if len(values) >= NEAR else None

    def noise_changed(self, one, other):
        """By how much the spins in the SWITCH_S from one differ from those from other."""
        quantiles = []
        for begin in (one, other):
            spins = sorted(spin for end, spin in self.spins if begin <= end < begin + SWITCH_S)
            quantiles.append(percentile(spins, LOW))
        return abs(quantiles[0] / quantiles[1] - 1) if quantiles[1] else 0.0

    def switches(self):
        """
        Of each switch on and off: low quantile with the tool by that without it. Those are left
        out across which the noise was not the same, by the spins, but not more than all but two.
        """
        found = sorted(self._switches())
        return [ratio for i, (changed, ratio) in enumerate(found) if i < 2 or changed < ALIKE]

    def unrest(self):
        """What a ratio like that of a switch is off by where nothing was switched."""
        ratios, begin, last = [], self.rows[0][0], self.rows[-1][0]
        while begin + 2 * SWITCH_S <= last:
            for kind in ("off", "rest"):
                one = self.low(begin, begin + SWITCH_S, kind)
                other = self.low(begin + SWITCH_S, begin + 2 * SWITCH_S, kind)
                if one and other:
                    ratios.append(other / one - 1)
            begin += SWITCH_S / 2
        return statistics.fmean(r * r for r in ratios) ** 0.5 if ratios else 0.0

    def _switches(self):
        for i, on in enumerate(self.segments):
            before = self.segments[i - 1].gone if i else 0.0
            sides = (
                (on.looked, max(before, on.begin - SWITCH_S), on.begin),
                (on.end - SWITCH_S, on.gone, on.gone + SWITCH_S),
            )
            for rest, begin, end in sides:
                with_tool = self.low(rest, rest + SWITCH_S, "rest")
                without = self.low(begin, end, "off")
                if with_tool and without:
                    yield self.noise_changed(rest, begin), with_tool / without


def burst_parts(steady, look, level=1.0):
    """(share of the steady part, share of the whole, seconds of the look, skew at rest)"""
    skew = added(block["rest"] for block in steady).ratio()
    busy = added(block["busy"] for block in steady)
    all_steady = busy.all + sum(block["rest"].all for block in steady)
    cost = (busy.ratio() / skew - 1) * busy.all
    look_cost = (look.ratio() / skew / level - 1) * look.all
    return cost / all_steady, (cost + look_cost) / (all_steady + look.all), look_cost, skew


def between(values):
    values = sorted(values)
    return [percentile(values, 0.025), percentile(values, 0.975)]


def figures(units, segments, key):
    """slowdown and its parts, each [value, low, high]; look_s: a look's mean cost in seconds."""
    series, chance = Series(units, segments, key), random.Random(1)
    steady = [block for block in series.blocks if block["rest"].all + block["busy"].all]
    without = [block for block in series.blocks if block["off"].all]
    switches = series.switches()
    if not steady or not without or len(switches) < 2:
        raise ValueError("too few units at rest")
    constant = statistics.median(switches)
    # How wrong the baseline of a look may be: it is as far from units at rest as a switch is long.
    error = statistics.stdev(switches) / (2 * len(segments)) ** 0.5
    # Few switches may agree by chance.
    unrest = series.unrest() / len(switches) ** 0.5
    error = max(error, unrest)
    off_skew = added(block["off"] for block in without).ratio()

    def one(steady_, constant_, off_skew_, level=1.0):
        share, whole, look, skew = burst_parts(steady_, series.look, level)
        return {
            "slowdown": constant_ * (1 + whole),
            "constant": constant_,
            "bursts": 1 + share,
            "look_s": look / len(segments),
            "beside": skew / off_skew_,
        }

    drawn = [
        one(
            chance.choices(steady, k=len(steady)),
            statistics.median(chance.choices(switches, k=len(switches))) * chance.gauss(1, unrest),
            added(block["off"] for block in chance.choices(without, k=len(without))).ratio(),
            chance.gauss(1, error),
        )
        for _ in range(RESAMPLES)
    ]
    values = one(steady, constant, off_skew)
    result = {name: [value, *between(d[name] for d in drawn)] for name, value in values.items()}
    busy = sum(block["busy"].all for block in steady)
    result["busy_share"] = busy / (busy + sum(block["rest"].all for block in steady))
    result["unit_s"] = statistics.median(row[1] for row in series.rows if row[4] == "off")
    result["switches"] = switches
    return result


def made_up(seed, period, constant=1.004, factor=4.0, window=0.03, look=(0.8, 1.4)):
    """
    (units, segments, true slowdown): slow noise, of which the spins do not show all; bursts of
    noise; bursts of a tool.
    """
    chance, now, noise, loud_until, loud = random.Random(seed), 0.0, 0.0, 0.0, 1.0
    segments = []
    for begin in (8.0, 38.0):
        busy = [(begin + 2.2 + i * period,) * 2 for i in range(int(19 / period))]
        busy = [(a - 0.05, b + window + 0.05) for a, b in busy]
        segments.append(On(begin, begin + 2, begin + 21, begin + 22, busy))
    units, pure, taken = [], 0.0, 0.0

    def cost(at):
        for on in segments:
            if on.begin <= at < on.looked:
                return look[1] if at < on.begin + look[0] else constant
            if on.looked <= at < on.end:
                return factor if any(a + 0.05 <= at < b - 0.05 for a, b in on.busy) else constant
        return 1.0

    while now < 68:
        noise = 0.9995 * noise + chance.gauss(0, 0.0005)
        if now > loud_until and chance.random() < 0.005:
            loud_until, loud = now + chance.uniform(0.005, 0.1), chance.uniform(1.1, 1.9)
        level = (1 + abs(noise)) * (loud if now < loud_until else 1.0)
        work, begin = 0.003 * (1 + chance.gauss(0, 0.02)), now
        for _ in range(4):
            piece = work / 4 * level
            slow = piece * cost(now)
            now += slow
            if any(on.begin <= now < on.end for on in segments):
                pure, taken = pure + piece, taken + slow
        spin = 50e-6 * level * (1 + abs(noise)) ** 0.6 * (1 + abs(chance.gauss(0, 0.01)))
        units.append(Unit(now, now - begin, now - begin, spin))
    return units, segments, taken / pure


def selfcheck():
    """Made-up series, sparse bursts and dense ones: how often the interval covered the truth."""
    covered = runs = 0
    for period, factor in ((2.0, 5.0), (0.7, 1.5), (0.15, 1.2)):
        errors = []
        for seed in range(8):
            units, segments, truth = made_up(seed, period, factor=factor)
            slowdown, low, high = figures(units, segments, "cpu")["slowdown"]
            errors.append(slowdown - truth)
            covered += low <= truth <= high
            runs += 1
        bias = statistics.fmean(errors)
        assert abs(bias) < 0.002 and statistics.pstdev(errors) < 0.005, (period, errors)
    assert covered >= 0.85 * runs, (covered, runs)
    return covered, runs
