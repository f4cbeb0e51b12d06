/* tune_copy.c: which instruction set copies rows fastest, how many rows ahead to prefetch and into
 * which cache, and from which size on all threads are faster than one.
 *
 * Both kinds of prefetched stores are in use (the reader decides which), so the choice is the one
 * that is fastest over the two. Plain copies are measured to show what prefetching is worth. */
#include "cache/tune_rig.h"

#include <math.h>

static const uint32_t row_aheads[] = { 1, 2, 4, 8, 16, 32 };
enum { NUM_AHEADS = sizeof row_aheads / sizeof *row_aheads };

/* One way to copy. */
typedef struct variant {
    pri_stores stores;
    pr_tuning  tuning; /* isa, prefetch_to and row_ahead count */
} variant;

enum { MAX_VARIANTS = PRI_NUM_ISAS * (1 + 2 * 2 * NUM_AHEADS) };
static const int64_t  budget_ns[PRI_NUM_EFFORTS]  = { 0, 300000000, 4000000000 };
static const uint64_t copy_bytes[PRI_NUM_EFFORTS] = { 64 << 10, 1 << 20, 8 << 20 };

static uint32_t list_variants(variant *list)
{
    const int best = pri_isa_at_most(PR_ISA_AVX512);
    uint32_t  num  = 0;

    for (int isa = 0; isa <= best; isa++)
        for (int stores = 0; stores < PRI_NUM_STORES; stores++)
            for (int a = 0; a < 2 * NUM_AHEADS; a++) {
                if (stores == PRI_STORES_PLAIN && a > 0) break; /* it prefetches nothing */
                list[num].stores             = (pri_stores)stores;
                list[num].tuning.isa         = isa;
                list[num].tuning.prefetch_to = 1 + a / NUM_AHEADS;
                list[num].tuning.row_ahead   = row_aheads[a % NUM_AHEADS];
                num++;
            }
    return num;
}

static pr_status report_variant(pr_json *copies, const variant *v, uint32_t rows, size_t row_bytes,
                                int64_t ns)
{
    pr_status st   = PR_OK;
    pr_json  *item = pr_json_object();

    PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a figure");
    PR_TRY(pr_json_set_string(item, "isa", pri_isa_name(v->tuning.isa)));
    PR_TRY(pr_json_set_string(item, "stores", pri_stores_name(v->stores)));
    if (v->stores == PRI_STORES_PLAIN) {
        PR_TRY(pr_json_set_null(item, "prefetch_to"));
        PR_TRY(pr_json_set_null(item, "row_ahead"));
    } else {
        PR_TRY(pr_json_set_int(item, "prefetch_to", v->tuning.prefetch_to));
        PR_TRY(pr_json_set_int(item, "row_ahead", v->tuning.row_ahead));
    }
    PR_TRY(pr_json_set_real(item, "gb_per_s", (double)rows * (double)row_bytes / (double)ns));
    PR_TRY(pr_json_set_real(item, "ns_per_row", (double)ns / rows));
    st   = pr_json_append(copies, item);
    item = NULL;
done:
    pr_json_free(item);
    return st;
}

static bool same_choice(const pr_tuning *x, const pr_tuning *y)
{
    return x->isa == y->isa && x->prefetch_to == y->prefetch_to && x->row_ahead == y->row_ahead;
}

/* Take the isa, cache and distance whose cached and streamed copies together are fastest; those
 * that tuning has unless others are 3 % faster, so that noise does not decide. */
static void choose_variant(const variant *list, uint32_t num, const int64_t *median,
                           pr_tuning *tuning)
{
    const pr_tuning before = *tuning;
    double          least  = 1e300;

    for (uint32_t i = 0; i < num; i++)
        for (uint32_t j = 0; j < num && list[i].stores == PRI_STORES_CACHED; j++) {
            const pr_tuning *x = &list[i].tuning, *y = &list[j].tuning;
            if (list[j].stores != PRI_STORES_STREAMED || !same_choice(x, y)) continue;
            const double part = same_choice(x, &before) ? 0.97 : 1;
            const double ns   = (double)(median[i] + median[j]) * part;
            if (ns >= least) continue;
            least               = ns;
            tuning->isa         = x->isa;
            tuning->prefetch_to = x->prefetch_to;
            tuning->row_ahead   = x->row_ahead;
        }
}

pr_status pri_tune_copies(pri_rig *rig, pr_tuning *tuning, pr_json *report)
{
    pr_status      st     = PR_OK;
    pri_trial      trial  = { 0 };
    variant       *list   = NULL;
    int64_t       *median = NULL;
    pr_json       *copies = pr_json_array();
    const uint32_t most   = pri_rig_rows(rig, copy_bytes[rig->effort]);
    const uint32_t rows   = most < 8 ? 8 : most;

    PR_CHECK(copies, PR_E_NOMEM, "cannot create a JSON array for figures");
    PR_NEW(list, MAX_VARIANTS);
    PR_NEW(median, MAX_VARIANTS);
    const uint32_t num = list_variants(list);
    for (uint32_t i = 0; i < num; i++) {
        pri_rig_draw(rig, rows);
        pri_rig_copy(rig, rows, &list[i].tuning, list[i].stores, 1);
        PR_TRY(pri_rig_verify(rig, rows, pri_stores_name(list[i].stores)));
    }
    PR_TRY(pri_trial_begin(&trial, num, budget_ns[rig->effort]));
    while (pri_trial_goes_on(&trial))
        for (uint32_t i = 0; i < num; i++) {
            pri_rig_draw(rig, rows);
            const int64_t start = pr_now_ns();
            pri_rig_copy(rig, rows, &list[i].tuning, list[i].stores, 1);
            pri_trial_note(&trial, i, pr_now_ns() - start);
        }
    for (uint32_t i = 0; i < num; i++) {
        median[i] = pri_trial_median(&trial, i);
        PR_TRY(report_variant(copies, &list[i], rows, rig->row_bytes, median[i]));
    }
    choose_variant(list, num, median, tuning);
    PR_TRY(pr_json_set_int(report, "copy_rounds", trial.num_rounds));
    st     = pr_json_set(report, "copies", copies);
    copies = NULL;
done:
    pri_trial_end(&trial);
    pr_json_free(copies);
    pri_free(median);
    pri_free(list);
    return st;
}

static pr_status report_size(pr_json *sizes, uint64_t bytes, int64_t one, int64_t all)
{
    pr_status st   = PR_OK;
    pr_json  *item = pr_json_object();

    PR_CHECK(item, PR_E_NOMEM, "cannot create a JSON object for a figure");
    PR_TRY(pr_json_set_int(item, "bytes", (int64_t)bytes));
    PR_TRY(pr_json_set_int(item, "one_thread_ns", one));
    PR_TRY(pr_json_set_int(item, "all_threads_ns", all));
    PR_TRY(pr_json_set_real(item, "one_thread_gb_per_s", (double)bytes / (double)one));
    PR_TRY(pr_json_set_real(item, "all_threads_gb_per_s", (double)bytes / (double)all));
    st   = pr_json_append(sizes, item);
    item = NULL;
done:
    pr_json_free(item);
    return st;
}

enum { FIRST_BYTES = 64 << 10, NUM_SIZES = 11 }; /* 64 KiB .. 64 MiB */

/* Choose the size from which on all threads copy: the one that loses least over all sizes, counting
 * the logarithms of the times and no size as more than a factor of 2, so that one disturbed size
 * does not decide. Threads must be worth 5 %. Gives num when one thread is best everywhere. */
static uint32_t choose_size(const int64_t *one, const int64_t *all, uint32_t num)
{
    uint32_t best = num;
    double   gain = 0, most = 0; /* of all threads from size i on */

    for (uint32_t i = num; i-- > 0;) {
        const double here = log((double)one[i] / (double)all[i] / 1.05);
        gain += here > log(2) ? log(2) : here < -log(2) ? -log(2) : here;
        if (gain <= most) continue;
        most = gain;
        best = i;
    }
    return best;
}

pr_status pri_tune_team(pri_rig *rig, pr_tuning *tuning, pr_json *report)
{
    pr_status st    = PR_OK;
    pri_trial trial = { 0 };
    pr_json  *sizes = pr_json_array();
    uint32_t  rows[NUM_SIZES], num = 0;
    int64_t   one[NUM_SIZES], all[NUM_SIZES];

    tuning->thread_bytes = UINT64_MAX;
    PR_CHECK(sizes, PR_E_NOMEM, "cannot create a JSON array for figures");
    for (uint64_t bytes = FIRST_BYTES; num < NUM_SIZES && rig->threads > 1; bytes *= 2, num++) {
        rows[num] = pri_rig_rows(rig, bytes);
        if (num > 0 && rows[num] == rows[num - 1] && rows[num] == rig->num_slots) break;
    }
    PR_TRY(pri_trial_begin(&trial, 2 * num, budget_ns[rig->effort] / 2));
    while (num > 0 && pri_trial_goes_on(&trial))
        for (uint32_t i = 0; i < 2 * num; i++) {
            pri_rig_draw(rig, rows[i / 2]);
            const int64_t start = pr_now_ns();
            pri_rig_copy(rig, rows[i / 2], tuning, PRI_STORES_CACHED, i % 2 ? rig->threads : 1);
            pri_trial_note(&trial, i, pr_now_ns() - start);
        }
    for (uint32_t i = 0; i < num; i++) {
        one[i] = pri_trial_median(&trial, 2 * i);
        all[i] = pri_trial_median(&trial, 2 * i + 1);
        PR_TRY(report_size(sizes, rows[i] * (uint64_t)rig->row_bytes, one[i], all[i]));
    }
    const uint32_t from = choose_size(one, all, num);
    if (from < num) tuning->thread_bytes = rows[from] * (uint64_t)rig->row_bytes;
    st    = pr_json_set(report, "threads_against_one", sizes);
    sizes = NULL;
done:
    pri_trial_end(&trial);
    pr_json_free(sizes);
    return st;
}
