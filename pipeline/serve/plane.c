/* plane.c: features or derived rows in a lane's slab, and when to change.
 *
 *     steady --decided--> making --16 batches--> warming --lists used up--> steady
 *
 * Every 64 batches their costs with either kind of rows are estimated. What the rows that are not
 * there would have saved is added up, never below zero; once that has come to what bringing them in
 * costs, and the last batches alone were 20 % dearer than they need be, they are brought: whatever
 * requests do next, no more than twice the cost of knowing it beforehand is paid (as one rents skis
 * until renting has come to their price).
 *
 * The lane never waits for long. What is made, and freed, is by a thread beside it, for which a
 * fixed number of batches is waited, so that changes do not depend on timing; rows come in a few at
 * a time, behind a batch each. */
#include "pipeline/serve/plane.h"

#include "pipeline/serve/plane_cost.h"
#include "pipeline/serve/stock.h"

enum {
    WINDOW     = 64, /* batches between two decisions */
    MAKING     = 16, /* batches that making the other rows may take */
    CHUNK_MOST = 1024,
    CHUNK_SIM  = 8192,   /* ids that a simulation learns of behind a batch */
    WARM_MOST  = 1 << 22 /* rows that are brought, at most; others come as they are wanted */
};

#define CLEARLY  1.2   /* times dearer */
#define CHUNK_NS 0.5e6 /* rows that are brought behind a batch take about so long */

typedef enum phase { STEADY, MAKING_OTHER, WARMING } phase;

/* Rows to be brought in, from `at` on. */
typedef struct warm_list {
    pr_vid  *ids;
    uint64_t num, at;
} warm_list;

struct pri_plane {
    pri_plane_setup setup;
    pri_plane_rows  rows;
    uint32_t        num_layers;
    bool            decides;
    pri_stock       now;   /* its cache is the lane's */
    pr_cache       *known; /* the lane's, when we last looked */

    pri_plane_load load; /* of the window */
    double         regret;
    uint64_t       pause; /* batches before the next decision: making the other rows failed */

    phase       phase;
    pri_worker *worker;
    bool        posted; /* to be waited for */
    uint32_t    left;   /* batches until what is made is taken */
    pri_stock   next, gone;
    warm_list   warm, warm_simulated;
    char        decision[256];
};

/* ---- the thread beside the lane ---- */

static pr_status attend(void *argument)
{
    const pri_plane *plane = argument;

    pri_team_attend(plane->setup.lane->team, 1);
    return PR_OK;
}

static pr_status make_next(void *argument)
{
    pri_plane *plane = argument;

    return pri_stock_make(&plane->setup, !plane->now.derived, true, true, &plane->next);
}

static pr_status clear_gone(void *argument)
{
    pri_plane *plane = argument;

    pri_stock_clear(&plane->gone);
    return PR_OK;
}

static pr_status collect(pri_plane *plane)
{
    if (!plane->posted) return PR_OK;
    plane->posted      = false;
    const pr_status st = pri_worker_wait(plane->worker);
    return st == PR_OK ? PR_OK : pri_error_restore(pri_worker_error(plane->worker));
}

static pr_status post(pri_plane *plane, pri_job job)
{
    const pr_status st = collect(plane);

    pri_worker_post(plane->worker, job, plane);
    plane->posted = true;
    return st;
}

/* ---- bringing rows in ---- */

static void drop_list(warm_list *list)
{
    pri_free(list->ids);
    *list = (warm_list){ 0 };
}

/* List the rows of a cache; none of a packed one, whose rows are those of one batch. */
static pr_status list_rows(const pri_plane *plane, const pr_cache *cache, warm_list *out)
{
    pr_status      st       = PR_OK;
    const bool     packed   = plane->setup.cache.mode == PR_CACHE_PACKED;
    const uint64_t resident = packed ? 0 : pr_cache_resident_rows(cache);

    drop_list(out);
    const uint64_t most = resident < WARM_MOST ? resident : WARM_MOST;
    PR_NEW(out->ids, most);
    out->num = pr_cache_residents(cache, out->ids, most);
done:
    return st;
}

/* Bring the next rows of a list, as long as there are free slots: none gives one up for them. */
static pr_status bring_some(const pri_plane *plane, pr_cache *cache, warm_list *list, uint64_t most)
{
    pr_status      st   = PR_OK;
    const uint64_t room = pr_cache_capacity_rows(cache) - pr_cache_resident_rows(cache);
    uint64_t       n    = list->num - list->at;

    if (n > most) n = most;
    if (n > plane->setup.max_wanted) n = plane->setup.max_wanted;
    if (n > room) n = room;
    if (n > 0) PR_TRY(pri_stock_bring(cache, (pr_vids){ list->ids + list->at, n }));
    list->at += n;
    if (n > 0 && list->at < list->num) goto done;
    drop_list(list);
done:
    if (st != PR_OK) drop_list(list);
    return st;
}

static uint64_t chunk_of(const pri_plane *plane)
{
    const double row = pri_plane_row_ns(&plane->rows, plane->now.derived);

    if (!(row * CHUNK_MOST > CHUNK_NS)) return CHUNK_MOST;
    return row > CHUNK_NS / 2 ? 2 : (uint64_t)(CHUNK_NS / row);
}

static pr_status warm_some(pri_plane *plane)
{
    pr_status st = PR_OK;

    if (plane->warm.ids)
        PR_TRY(bring_some(plane, plane->setup.lane->cache, &plane->warm, chunk_of(plane)));
    if (plane->warm_simulated.ids)
        PR_TRY(bring_some(plane, plane->now.simulated, &plane->warm_simulated, CHUNK_SIM));
done:
    if (plane->warm.ids || plane->warm_simulated.ids) return st;
    plane->phase = STEADY;
    plane->load  = (pri_plane_load){ 0 };
    return st;
}

/* ---- changing ---- */

static void say(pri_plane *plane, double now_ns, double other_ns)
{
    const pri_plane_load *l       = &plane->load;
    const bool            derived = plane->now.derived;
    const double          n       = l->batches;

    snprintf(plane->decision, sizeof plane->decision,
             "%s in the slab: a batch has %.0f destinations, and would miss %.1f derived rows, or "
             "%.1f features; an estimated %.3g ms rather than %.3g",
             derived ? "features" : "derived rows", l->dst / n, l->misses_derived / n,
             l->misses / n, other_ns / n / 1e6, now_ns / n / 1e6);
}

/* Give what bringing the other rows costs: those that are simulated, or there. */
static double warm_ns(const pri_plane *plane)
{
    const pr_cache *like = plane->now.simulated ? plane->now.simulated : plane->setup.lane->cache;

    return (double)pr_cache_resident_rows(like) *
           pri_plane_row_ns(&plane->rows, !plane->now.derived);
}

/* Decide by a window of batches. */
static void decide(pri_plane *plane)
{
    const bool   derived = plane->now.derived;
    const double costs[] = { pri_plane_features_ns(&plane->rows, &plane->load),
                             pri_plane_derived_ns(&plane->rows, &plane->load) };
    const double now = costs[derived], other = costs[!derived];

    plane->regret = plane->regret + now - other > 0 ? plane->regret + now - other : 0;
    if (now > other * CLEARLY && plane->regret > warm_ns(plane)) {
        say(plane, now, other);
        plane->phase = MAKING_OTHER;
        plane->left  = MAKING;
        (void)post(plane, make_next); /* what was freed before did not fail */
    }
    plane->load = (pri_plane_load){ 0 };
}

/* Put the rows that were made in the lane's slab. */
static pr_status change(pri_plane *plane)
{
    pr_status st   = PR_OK;
    pri_lane *lane = plane->setup.lane;
    pr_cache *old  = NULL;

    plane->phase  = STEADY;
    plane->regret = 0;
    PR_TRY(collect(plane));
    PR_TRY(
        list_rows(plane, plane->now.simulated ? plane->now.simulated : lane->cache, &plane->warm));
    if (plane->next.simulated) PR_TRY(list_rows(plane, lane->cache, &plane->warm_simulated));
    PR_TRY(pri_lane_swap_cache(lane, plane->next.cache, &old));
    plane->gone       = plane->now;
    plane->gone.cache = old;
    plane->now        = plane->next;
    plane->now.cache  = NULL;
    plane->known      = lane->cache;
    plane->next       = (pri_stock){ 0 };
    plane->phase      = WARMING;
    PR_TRY(post(plane, clear_gone));
done:
    if (st != PR_OK) {
        drop_list(&plane->warm);
        drop_list(&plane->warm_simulated);
        pri_stock_clear(&plane->next);
        plane->pause = WINDOW * WINDOW;
    }
    plane->load = (pri_plane_load){ 0 };
    return st;
}

/* ---- learning ---- */

/* The lane has a cache of a generation before: rows that are there would be in the other, too. */
static pr_status notice(pri_plane *plane)
{
    pr_status st = PR_OK;

    if (plane->known == plane->setup.lane->cache) goto done;
    plane->known = plane->setup.lane->cache;
    if (plane->phase != STEADY || !plane->now.simulated) goto done;
    PR_TRY(list_rows(plane, plane->known, &plane->warm_simulated));
    plane->phase = WARMING;
done:
    return st;
}

static pr_status count(pri_plane *plane, pr_vids wanted, const pr_step *row, uint32_t num_dst)
{
    pr_status       st    = PR_OK;
    pri_plane_load *load  = &plane->load;
    const uint64_t  found = row->rows_added + row->rows_bypassed;
    size_t          other = found;

    if (plane->now.simulated) {
        PR_TRY(pri_stock_bring(plane->now.simulated, wanted));
        (void)pri_phantom_fetched(plane->now.phantom, &other);
    }
    load->batches++;
    load->inputs += (double)row->num_inputs;
    load->dst += num_dst;
    load->edges += pri_plane_first_edges(plane->num_layers, (double)row->num_seeds, num_dst,
                                         (double)row->num_edges);
    load->misses += (double)(plane->now.derived ? other : found);
    load->misses_derived += (double)(plane->now.derived ? found : other);
    if (!plane->rows.moves) load->misses = 0;
done:
    return st;
}

pr_status pri_plane_learn(pri_plane *plane, pr_vids wanted, pr_step *row, uint32_t num_dst,
                          char why[256])
{
    pr_status st = PR_OK;

    why[0] = '\0';
    if (plane->now.derived) row->mode = "derived";
    if (!plane->decides) goto done;
    PR_TRY(notice(plane));
    PR_TRY(count(plane, wanted, row, num_dst));
    if (plane->pause > 0) {
        plane->pause--;
        plane->load = (pri_plane_load){ 0 };
    } else if (plane->phase == WARMING) {
        PR_TRY(warm_some(plane));
    } else if (plane->phase == MAKING_OTHER && --plane->left == 0) {
        PR_TRY(change(plane));
        snprintf(why, 256, "%s", plane->decision);
    } else if (plane->phase == STEADY && plane->load.batches >= WINDOW) {
        decide(plane);
    }
done:
    return st;
}

bool pri_plane_is_derived(const pri_plane *plane)
{
    return plane->now.derived;
}

pr_status pri_plane_warm(pri_plane *plane, pr_vids ids)
{
    pr_status st    = PR_OK;
    pr_cache *cache = plane->setup.lane->cache;

    if (!plane->now.derived && !plane->rows.moves) return PR_OK;
    if (plane->setup.cache.mode == PR_CACHE_PACKED) return PR_OK; /* of one batch */
    for (size_t at = 0, n; at < ids.n; at += n) {
        const uint64_t room = pr_cache_capacity_rows(cache) - pr_cache_resident_rows(cache);
        n                   = ids.n - at;
        if (n > CHUNK_MOST) n = CHUNK_MOST;
        if (n > plane->setup.max_wanted) n = plane->setup.max_wanted;
        if (n > room) n = (size_t)room;
        if (n == 0) break;
        PR_TRY(pri_stock_bring(cache, (pr_vids){ ids.at + at, n }));
    }
done:
    return st;
}

/* ---- making and freeing ---- */

/* Whether there is something to decide: derived rows may be had, and features are not wanted. */
static bool decides(const pri_plane *plane)
{
    return plane->setup.derived == PR_DERIVED_AUTO && plane->rows.derived > 0;
}

/* Begin with derived rows. The features that the lane was equipped with go. */
static pr_status begin_derived(pri_plane *plane)
{
    pr_status st  = PR_OK;
    pr_cache *old = NULL;

    PR_TRY(pri_stock_make(&plane->setup, true, true, plane->decides, &plane->now));
    PR_TRY(pri_lane_swap_cache(plane->setup.lane, plane->now.cache, &old));
    plane->now.cache = NULL;
    pr_cache_free(old);
done:
    if (st != PR_OK) pri_stock_clear(&plane->now);
    return st;
}

pr_status pri_plane_create(const pri_plane_setup *setup, pri_plane **out)
{
    pr_status      st    = PR_OK;
    pri_plane     *plane = NULL;
    pr_model_shape shape;

    *out = NULL;
    PR_NEW(plane, 1);
    pr_model_describe(setup->model, &shape);
    plane->num_layers = shape.num_layers;
    plane->setup      = *setup;
    plane->rows       = pri_plane_rows_of(setup->model, setup->features, pri_stock_moves(setup),
                                          pr_cache_io(setup->lane->cache)[0] != '\0');
    plane->decides    = decides(plane);
    if (plane->decides) {
        PR_TRY(pri_worker_start("a slab's other rows", &plane->worker));
        pri_worker_post(plane->worker, attend, plane);
        PR_TRY(pri_worker_wait(plane->worker));
    }
    if (setup->derived == PR_DERIVED_ON || (plane->decides && setup->begins_derived))
        PR_TRY(begin_derived(plane));
    else
        PR_TRY(pri_stock_make(setup, false, false, plane->decides, &plane->now));
    plane->known = setup->lane->cache;
    *out         = plane;
    plane        = NULL;
done:
    pri_plane_free(plane);
    return st;
}

void pri_plane_free(pri_plane *plane)
{
    if (!plane) return;
    (void)collect(plane);
    pri_worker_free(plane->worker);
    pri_stock_clear(&plane->next);
    pri_stock_clear(&plane->gone);
    if (plane->now.derived) { /* the rows go with what derives them */
        pr_cache_free(plane->setup.lane->cache);
        plane->setup.lane->cache = NULL;
    }
    pri_stock_clear(&plane->now);
    drop_list(&plane->warm);
    drop_list(&plane->warm_simulated);
    pri_free(plane);
}
