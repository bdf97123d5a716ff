// SPDX-License-Identifier: BSD-2-Clause
/*
 * governor.c - the policy
 *
 * All costs are shares: seconds of overhead for a second of the target's own CPU time, the unit of the budget.
 * A step learns what each layer costs or would cost, gives the cheaper layer what it needs, and lets the
 * other have the rest. Going down is immediate. Going up takes several quiet steps, and twice as many after
 * each time that it turned out to be wrong: a target that comes and goes in bursts is soon left in windows.
 */
#include "govern/internal.h"

#include <stdlib.h>

#define FIRST_LOOK_S 0.005
#define LOOK_S 0.002         /* later looks at a layer that is off */
#define LOOK_EVERY_MIN_S 5.0 /* apart from what they may cost */
#define LOOK_EVERY_MAX_S 600.0
#define LOOK_SHARE 0.1 /* of the layer's share, that looks may cost */

#define WINDOW_MIN_S 0.002
#define WINDOW_MAX_S 0.020
#define WINDOW_RECORDS 2000 /* a window need not be longer than this takes */
#define PERIOD_MIN_S 1.0
#define PERIOD_MAX_S 30.0
#define EDGE_MAX_S 0.25 /* a window whose edges take longer cannot be kept short */

#define MARGIN 0.7         /* of a share, to be filled when a mode is entered; all of it to stay */
#define WINDOW_MARGIN 0.85 /* windows are planned, not met by chance: less to spare */
#define CHEAPER_SHARE 0.7  /* of the budget, that the cheaper layer may take */
#define STOP_FACTOR 1.5    /* 0.1 s is a rough measure; a whole step decides at 1 */

#define HOLD_MIN 5 /* quiet steps before a layer gets more */
#define HOLD_MAX 320
#define STEADY_STEPS 120 /* without a move, after which HOLD is halved */

/* Modes by how much they see. */
enum rank { RANK_OFF, RANK_WINDOW, RANK_SAMPLED, RANK_EXACT };

static enum rank rank_of(enum layer_mode mode)
{
	static const enum rank ranks[] = {
		[LAYER_OFF] = RANK_OFF,
		[LAYER_WINDOW] = RANK_WINDOW,
		[LAYER_SAMPLED] = RANK_SAMPLED,
		[LAYER_EXACT] = RANK_EXACT,
	};

	return ranks[mode];
}

/* A look is no mode of its own: the layer is off but for it. */
static enum rank rank(const struct layer_state *layer)
{
	return layer->looking ? RANK_OFF : rank_of(layer->now.mode);
}

static void look(struct layer_state *layer, double length_s)
{
	layer->looking = true;
	layer->since_look_s = 0;
	layer->now.mode = LAYER_WINDOW;
	layer->now.window_s = length_s;
	layer->now.period_s = PERIOD_MAX_S;
	layer->now.look = true;
}

struct governor *governor__new(const struct governor_options *options, const struct prices *prices)
{
	struct governor *governor = calloc(1, sizeof(*governor));

	if (!governor)
		return NULL;
	governor->options = *options;
	governor->options.budget = sane(options->budget);
	governor->prices = *prices;
	governor->edge_s = (sane(prices->attach_s) + sane(prices->detach_s)) / 2;
	governor->own_rate = 1;
	for (size_t i = 0; i < LAYERS; i++) {
		governor->layers[i].free_ratio = 1;
		governor->layers[i].hold = HOLD_MIN;
		governor->layers[i].share = governor->options.budget / LAYERS;
		governor->layers[i].sample_bytes = SAMPLE_MIN;
	}
	return governor;
}

void governor__free(struct governor *governor)
{
	free(governor);
}

/* Whether windows fit in the layer's share: their length and period, and what they cost then. */
static bool plan_window(const struct governor *governor, const struct layer_state *layer,
			struct layer_decision *plan, double *believed)
{
	bool in_debt = governor->overhead_s > governor->options.budget * governor->own_s;
	double share = layer->window_share * WINDOW_MARGIN * (in_debt ? 0.5 : 1);
	double a_second = share * governor->own_rate;
	double length = WINDOW_RECORDS / at_least(layer->alloc_rate, 1);
	double longest = rank(layer) != RANK_OFF ? PERIOD_MAX_S : PERIOD_MAX_S * MARGIN;
	double period;

	length = clamp(length, WINDOW_MIN_S, WINDOW_MAX_S);
	period = layer->density * (length + governor->edge_s) / a_second;
	if (period > longest) {
		length = WINDOW_MIN_S;
		period = layer->density * (length + governor->edge_s) / a_second;
	}
	/* Debt is paid back by waiting; it is no reason to give up. */
	if (!(period <= (in_debt ? longest * 2 : longest)))
		return false;
	plan->mode = LAYER_WINDOW;
	plan->window_s = length;
	plan->period_s = at_least(period, PERIOD_MIN_S);
	*believed =
		layer->density * (length + governor->edge_s) / plan->period_s / governor->own_rate;
	return true;
}

/* The most that fits in a layer's share, up to limit. */
static void fit(const struct governor *governor, enum layer which, enum rank limit,
		struct layer_decision *plan, double *believed)
{
	const struct layer_state *layer = &governor->layers[which];
	double exact_share = layer->share * (rank(layer) == RANK_EXACT ? 1 : MARGIN);
	double sampled_share = layer->share * (rank(layer) == RANK_SAMPLED ? 1 : MARGIN);

	*plan = (struct layer_decision){.mode = LAYER_OFF, .sample_bytes = layer->sample_bytes};
	*believed = 0;
	if (limit >= RANK_EXACT && layer->exact <= exact_share) {
		plan->mode = LAYER_EXACT;
		*believed = layer->exact;
	} else if (limit >= RANK_SAMPLED && layer->sampled <= sampled_share) {
		plan->mode = LAYER_SAMPLED;
		*believed = layer->sampled;
	} else if (limit >= RANK_WINDOW && governor->options.can_window[which]) {
		plan_window(governor, layer, plan, believed);
	}
}

/* How far up a layer may go that wants more than it has. */
static enum rank allowed(struct layer_state *layer, enum rank before, enum rank wanted,
			 bool can_window)
{
	if (wanted <= before) {
		if (layer->fresh)
			layer->quiet = 0;
		return wanted;
	}
	if (layer->fresh && ++layer->quiet >= layer->hold)
		return wanted;
	/* Windows keep to the budget whatever happens: nothing to wait for. */
	return before == RANK_OFF && can_window ? RANK_WINDOW : before;
}

static void note_move(struct layer_state *layer, enum rank before, enum rank after)
{
	if (after == before) {
		/* One that waits to go up has not settled. */
		if (layer->quiet || ++layer->steady < STEADY_STEPS)
			return;
		if (layer->hold > HOLD_MIN)
			layer->hold /= 2;
	} else {
		layer->quiet = 0;
		if (after < before && layer->hold < HOLD_MAX)
			layer->hold *= 2;
	}
	layer->steady = 0;
}

/* Whether a layer that is off may be looked at again: looks cost, too. */
static bool look_is_due(const struct governor *governor, const struct layer_state *layer)
{
	double cost_s = layer->density * (LOOK_S + governor->edge_s);
	double a_second = layer->window_share * LOOK_SHARE * governor->own_rate;

	if (a_second <= 0)
		return false;
	return layer->since_look_s >= clamp(cost_s / a_second, LOOK_EVERY_MIN_S, LOOK_EVERY_MAX_S);
}

/* Puts a layer into the mode that its share allows. stopped: it had to be taken out meanwhile. */
static void settle(struct governor *governor, enum layer which, bool stopped)
{
	struct layer_state *layer = &governor->layers[which];
	enum rank limit = stopped ? RANK_WINDOW : RANK_EXACT;
	enum rank before = rank(layer), wanted;
	struct layer_decision plan;

	if (!layer->known)
		return;
	fit(governor, which, limit, &plan, &layer->believed);
	wanted = rank_of(plan.mode);
	if (layer->decided) {
		limit = allowed(layer, before, wanted, governor->options.can_window[which]);
		if (limit < wanted)
			fit(governor, which, limit, &plan, &layer->believed);
		note_move(layer, before, rank_of(plan.mode));
	}
	layer->decided = true;
	layer->looking = false;
	layer->now = plan;
	if (plan.mode == LAYER_OFF && look_is_due(governor, layer))
		look(layer, LOOK_S);
}

/* What to keep free for a layer. */
static double reserved(const struct governor *governor, const struct layer_state *layer)
{
	double budget = governor->options.budget;
	double margin = rank(layer) > RANK_WINDOW ? MARGIN : WINDOW_MARGIN;

	if (!layer->decided && layer->looking)
		return budget / LAYERS;
	return clamp(layer->believed / margin, 0, budget * CHEAPER_SHARE);
}

/* The layer to serve first: the one that sees more already, so that they do not swap places; the cheaper one. */
static enum layer first_served(const struct governor *governor)
{
	const struct layer_state *object = &governor->layers[LAYER_OBJECT];
	const struct layer_state *raw = &governor->layers[LAYER_RAW];

	if (object->known != raw->known)
		return object->known ? LAYER_OBJECT : LAYER_RAW;
	if ((rank(object) > RANK_WINDOW) != (rank(raw) > RANK_WINDOW))
		return rank(object) > rank(raw) ? LAYER_OBJECT : LAYER_RAW;
	return object->exact <= raw->exact ? LAYER_OBJECT : LAYER_RAW;
}

/* Divides the budget between the layers: one takes what it needs, the other may use the rest. */
static void divide(struct governor *governor, const bool stopped[LAYERS])
{
	double budget = governor->options.budget;
	enum layer one = first_served(governor);
	enum layer other = one == LAYER_OBJECT ? LAYER_RAW : LAYER_OBJECT;
	struct layer_state *first = &governor->layers[one], *second = &governor->layers[other];

	first->share = budget * CHEAPER_SHARE;
	first->window_share = budget / LAYERS;
	settle(governor, one, stopped[one]);
	second->share = second->window_share = budget - reserved(governor, first);
	settle(governor, other, stopped[other]);
	if (rank(first) == RANK_WINDOW) {
		first->window_share =
			at_least(budget - reserved(governor, second), first->window_share);
		plan_window(governor, first, &first->now, &first->believed);
	}
	first->share = at_least(budget - second->believed, first->share);
	second->share = at_least(budget - first->believed, second->share);
}

static void account(struct governor *governor, const struct governor_input *input)
{
	double elapsed_s = sane(input->elapsed_s), overhead_s = 0, own_s, share;
	bool first = governor->own_s == 0;

	for (size_t i = 0; i < LAYERS; i++)
		overhead_s += sane(input->layers[i].overhead_s);
	own_s = at_least(sane(input->cpu_s) - overhead_s, CPU_FLOOR * elapsed_s);
	governor->overhead_s += overhead_s;
	governor->own_s += own_s;
	share = overhead_s / own_s;
	if (share > governor->worst_step)
		governor->worst_step = share;
	/* At first it is taken for busy; a target that sleeps shall not pay for that. */
	governor->own_rate =
		first ? own_s / elapsed_s : (governor->own_rate + own_s / elapsed_s) / 2;
}

static void begin(struct governor *governor)
{
	for (size_t i = 0; i < LAYERS; i++)
		if (governor->edge_s <= EDGE_MAX_S)
			look(&governor->layers[i], FIRST_LOOK_S);
}

static const char *reason(const struct governor *governor, const bool stopped[LAYERS])
{
	const struct layer_state *object = &governor->layers[LAYER_OBJECT];
	const struct layer_state *raw = &governor->layers[LAYER_RAW];
	enum rank high = rank(object) > rank(raw) ? rank(object) : rank(raw);
	enum rank low = rank(object) < rank(raw) ? rank(object) : rank(raw);

	if (governor->edge_s > EDGE_MAX_S)
		return "probes come and go too slowly here to keep to any budget";
	if ((object->looking && !object->decided) || (raw->looking && !raw->decided))
		return "a short look at how often the target allocates";
	if (stopped[LAYER_OBJECT] || stopped[LAYER_RAW])
		return "allocations became too frequent for the budget";
	if (low == RANK_EXACT)
		return "every allocation and release fits in the budget";
	if (high == RANK_OFF)
		return "too busy: not even short windows fit in the budget";
	if (low == RANK_SAMPLED)
		return "every probe fits in the budget, recording every allocation does not";
	if (low == RANK_WINDOW && high == RANK_WINDOW)
		return "too busy to be traced all the time: short windows";
	if (low == RANK_WINDOW)
		return rank(object) == RANK_WINDOW
			       ? "malloc all the time, Python objects in short windows"
			       : "Python objects all the time, malloc in short windows";
	return rank(object) == RANK_OFF ? "malloc only, Python objects do not fit in the budget"
					: "Python objects only, malloc does not fit in the budget";
}

void governor__step(struct governor *governor, const struct governor_input *input,
		    struct governor_decision *decision)
{
	double elapsed_s = sane(input->elapsed_s);
	bool stopped[LAYERS] = {false};

	if (elapsed_s > 0) {
		double cpu_rate = at_least(sane(input->cpu_s) / elapsed_s, CPU_FLOOR);

		account(governor, input);
		for (size_t i = 0; i < LAYERS; i++) {
			stopped[i] = rank(&governor->layers[i]) > RANK_WINDOW &&
				     input->layers[i].stopped;
			governor->layers[i].since_look_s += elapsed_s;
			learn__step(governor, i, &input->layers[i], cpu_rate);
		}
		divide(governor, stopped);
	} else if (governor->own_s == 0) {
		begin(governor);
	}

	*decision = (struct governor_decision){.growth_only = true};
	for (size_t i = 0; i < LAYERS; i++) {
		const struct layer_state *layer = &governor->layers[i];

		decision->layers[i] = layer->now;
		decision->overhead += layer->believed;
		if (rank(layer) != RANK_OFF || (layer->looking && !layer->decided))
			decision->growth_only = false;
	}
	decision->reason = reason(governor, stopped);
}

bool governor__must_stop(const struct governor *governor, enum layer which, double allocs,
			 double frees, double elapsed_s, double cpu_s)
{
	const struct layer_state *layer = &governor->layers[which];
	double recorded = layer->now.mode == LAYER_SAMPLED ? layer->recorded : 1;
	double cost_s = cost__of(&governor->prices, which, sane(allocs), sane(frees), recorded);
	double own_s = sane(cpu_s) - cost_s;

	/* CPU time may be counted in ticks of 10 ms: what is expected counts for half, too. */
	own_s = at_least(own_s, governor->own_rate * sane(elapsed_s) / 2);
	return cost_s > STOP_FACTOR * layer->share * own_s;
}

double governor__overhead(const struct governor *governor)
{
	return governor->own_s > 0 ? governor->overhead_s / governor->own_s : 0;
}

double governor__worst_step(const struct governor *governor)
{
	return governor->worst_step;
}
