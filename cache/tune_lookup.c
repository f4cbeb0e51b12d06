/* tune_lookup.c: how many ids ahead to prefetch the index, through the lookup that the cache does,
 * with prefetches to the cache level that the copies chose; the other level is shown.
 * Half of the ids are hits; the index is larger than the last cache, as that of a graph worth
 * caching is. */
#include <packrat/numa.h>

#include "cache/index.h"
#include "cache/tune_rig.h"

static const uint32_t index_aheads[] = { 16, 32, 64, 128, 256 };
enum { NUM_AHEADS = sizeof index_aheads / sizeof *index_aheads, NUM_RIVALS = 2 * NUM_AHEADS };
enum { BATCH = 1 << 16, RESIDENT = 4 * BATCH, MIN_BITS = 20, MAX_BITS = 26, SLACK = 64 };
static const int64_t budget_ns[PRI_NUM_EFFORTS] = { 0, 60000000, 1000000000 };

/* The rivals: all distances into the first cache, then all into the second. */
static int level_of(uint32_t rival)
{
    return rival < NUM_AHEADS ? 1 : 2;
}

static uint32_t ahead_of(uint32_t rival)
{
    return index_aheads[rival % NUM_AHEADS];
}

/* Everything a lookup needs. */
typedef struct bench {
    pri_index  index;
    uint32_t   num_bits;
    pr_vid    *wanted;  /* [BATCH] */
    pr_slot   *slot_of; /* [BATCH] */
    uint32_t  *missing; /* [BATCH + SLACK] */
    pri_write *write;   /* [RESIDENT] */
    uint32_t   next;
    pri_lookup look;
} bench;

/* Let the first RESIDENT ids of the order have slots. */
static void enter_rows(bench *b)
{
    for (uint32_t i = 0; i < RESIDENT; i++)
        b->write[i] = (pri_write){ .id = pri_rig_scatter(i, b->num_bits), .to = i };
    pri_index_enter(&b->index, b->write, RESIDENT, 0, RESIDENT, RESIDENT, 0);
    b->index.num_resident = RESIDENT;
}

static pr_status open_bench(bench *b, pri_effort effort)
{
    pr_status      st    = PR_OK;
    const uint64_t bytes = pr_llc_bytes() * (uint64_t)effort;

    *b = (bench){ .num_bits = MIN_BITS };
    while (b->num_bits < MAX_BITS && (UINT64_C(4) << b->num_bits) < bytes) b->num_bits++;
    PR_TRY(pri_index_init(&b->index, UINT32_C(1) << b->num_bits, RESIDENT, 1));
    PR_NEW(b->wanted, BATCH);
    PR_NEW(b->slot_of, BATCH);
    PR_NEW(b->missing, BATCH + SLACK);
    PR_NEW(b->write, RESIDENT);
    enter_rows(b);
done:
    return st;
}

static void close_bench(bench *b)
{
    pri_index_clear(&b->index);
    pri_free(b->wanted);
    pri_free(b->slot_of);
    pri_free(b->missing);
    pri_free(b->write);
    *b = (bench){ 0 };
}

/* Draw ids, every other one resident. */
static void draw(bench *b)
{
    const uint32_t num_rows = UINT32_C(1) << b->num_bits;

    for (uint32_t i = 0; i < BATCH; i++) {
        const uint32_t at   = b->next + i / 2;
        const uint32_t away = RESIDENT + at % (num_rows - RESIDENT);
        b->wanted[i]        = pri_rig_scatter(i % 2 ? away : at * 5 % RESIDENT, b->num_bits);
    }
    b->next += BATCH / 2;
    b->look = (pri_lookup){ .wanted  = { b->wanted, BATCH },
                            .slot_of = b->slot_of,
                            .missing = b->missing };
}

static pr_status verify(const bench *b)
{
    pr_status st = PR_OK;

    PR_CHECK(b->look.num_missing == BATCH / 2, PR_E_BUG,
             "the lookup found %u of %d rows missing, %d are", b->look.num_missing, BATCH,
             BATCH / 2);
    for (uint32_t i = 0; i < BATCH; i += 2)
        PR_CHECK(b->write[b->slot_of[i]].id == b->wanted[i], PR_E_BUG,
                 "the lookup gave row %u slot %u", b->wanted[i], b->slot_of[i]);
done:
    return st;
}

static pr_status report_aheads(pr_json *report, const int64_t *median)
{
    pr_status st      = PR_OK;
    pr_json  *lookups = pr_json_array(), *item = NULL;

    PR_CHECK(lookups, PR_E_NOMEM, "cannot create a JSON array for figures");
    for (uint32_t i = 0; i < NUM_RIVALS; i++) {
        item = pr_json_object();
        PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a figure");
        PR_TRY(pr_json_set_int(item, "prefetch_to", level_of(i)));
        PR_TRY(pr_json_set_int(item, "index_ahead", ahead_of(i)));
        PR_TRY(pr_json_set_real(item, "ns_per_id", (double)median[i] / BATCH));
        st   = pr_json_append(lookups, item);
        item = NULL;
        if (st != PR_OK) goto done;
    }
    st      = pr_json_set(report, "lookups", lookups);
    lookups = NULL;
done:
    pr_json_free(item);
    pr_json_free(lookups);
    return st;
}

/* Take the fastest; what tuning has unless another is 3 % faster. */
static void choose_ahead(const int64_t *median, pr_tuning *tuning)
{
    const uint32_t before = tuning->index_ahead;
    double         least  = 1e300;

    for (uint32_t i = 0; i < NUM_RIVALS; i++) {
        const double ns = (double)median[i] * (ahead_of(i) == before ? 0.97 : 1);
        if (level_of(i) != tuning->prefetch_to || ns >= least) continue;
        least               = ns;
        tuning->index_ahead = ahead_of(i);
    }
}

pr_status pri_tune_lookup(const pri_rig *rig, pr_tuning *tuning, pr_json *report)
{
    pr_status st    = PR_OK;
    pri_trial trial = { 0 };
    bench     b     = { 0 };
    int64_t   median[NUM_RIVALS];

    PR_TRY(open_bench(&b, rig->effort));
    PR_TRY(pri_trial_begin(&trial, NUM_RIVALS, budget_ns[rig->effort]));
    while (pri_trial_goes_on(&trial))
        for (uint32_t i = 0; i < NUM_RIVALS; i++) {
            b.index.ahead       = ahead_of(i);
            b.index.prefetch_to = level_of(i);
            draw(&b);
            const int64_t start = pr_now_ns();
            PR_TRY(pri_index_find(&b.index, &b.look));
            pri_trial_note(&trial, i, pr_now_ns() - start);
            if (trial.num_rounds == 1) PR_TRY(verify(&b));
            pri_index_drop(&b.index, &b.look);
        }
    for (uint32_t i = 0; i < NUM_RIVALS; i++) median[i] = pri_trial_median(&trial, i);
    choose_ahead(median, tuning);
    PR_TRY(report_aheads(report, median));
done:
    pri_trial_end(&trial);
    close_bench(&b);
    return st;
}
