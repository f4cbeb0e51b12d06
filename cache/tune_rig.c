/* tune_rig.c: see tune_rig.h. */
#include "cache/tune_rig.h"

#include <packrat/numa.h>

#include <omp.h>
#include <stdlib.h>
#include <string.h>
enum { MIB = 1 << 20, SLOT_ALIGN = 64, LEAST_ROUNDS = 5, MAX_BITS = 26, MIN_BITS = 6 };

/* Bytes of the table: some times the last cache, but never more than a quarter of the memory that
 * is free. */
static uint64_t table_bytes(pri_effort effort)
{
    static const uint64_t times[PRI_NUM_EFFORTS] = { 0, 2, 6 };
    static const uint64_t least[PRI_NUM_EFFORTS] = { 4 * MIB, 32 * MIB, 128 * MIB };
    static const uint64_t most[PRI_NUM_EFFORTS]  = { 4 * MIB, 128 * MIB, 1024 * MIB };
    const uint64_t        room                   = pr_memory_available() / 4;
    uint64_t              bytes                  = times[effort] * pr_llc_bytes();

    if (bytes < least[effort]) bytes = least[effort];
    if (bytes > most[effort]) bytes = most[effort];
    if (room > 0 && bytes > room) bytes = room;
    return bytes;
}

/* The word of a row; rows differ, and so do the words of one. */
static uint32_t word_of(uint32_t row, uint32_t word)
{
    return (row * 2654435761u) ^ (word * 40503u + 1);
}

static void fill_table(pri_rig *rig)
{
    uint32_t      *word     = (uint32_t *)rig->memory;
    const uint32_t num_cols = rig->table.num_cols, num_rows = rig->table.num_rows;

#pragma omp parallel for num_threads((int)rig->threads)
    for (uint32_t row = 0; row < num_rows; row++)
        for (uint32_t i = 0; i < num_cols; i++) word[(size_t)row * num_cols + i] = word_of(row, i);
}

pr_status pri_rig_init(pri_rig *rig, size_t row_bytes, uint32_t threads, pri_effort effort)
{
    static const uint64_t slots_bytes[PRI_NUM_EFFORTS] = { 1 * MIB, 16 * MIB, 64 * MIB };
    pr_status             st                           = PR_OK;
    const uint64_t        wanted                       = table_bytes(effort) / row_bytes;

    *rig          = (pri_rig){ .row_bytes = row_bytes, .threads = threads, .effort = effort };
    rig->num_bits = MIN_BITS;
    while (rig->num_bits < MAX_BITS && (UINT64_C(2) << rig->num_bits) <= wanted) rig->num_bits++;
    const uint32_t num_rows = UINT32_C(1) << rig->num_bits;
    rig->memory_bytes       = num_rows * row_bytes;
    rig->memory             = pri_pages_map(rig->memory_bytes, 1);
    PR_CHECK(rig->memory, PR_E_NOMEM, "cannot map %zu bytes for the rows to measure with",
             rig->memory_bytes);
    const uint32_t num_cols = (uint32_t)(row_bytes / sizeof(float));
    rig->table              = (pr_features){ .kind     = PR_FEATURES_DENSE,
                                             .num_rows = num_rows,
                                             .num_cols = num_cols,
                                             .rows     = rig->memory,
                                             .ld       = num_cols };
    fill_table(rig);

    rig->slot_bytes     = (row_bytes + SLOT_ALIGN - 1) / SLOT_ALIGN * SLOT_ALIGN;
    const uint64_t room = slots_bytes[effort] / rig->slot_bytes;
    rig->num_slots      = room < num_rows ? (uint32_t)room : num_rows;
    if (rig->num_slots < 16) rig->num_slots = 16;
    rig->slots_bytes = rig->num_slots * rig->slot_bytes;
    rig->slots       = pri_pages_map(rig->slots_bytes, 1);
    PR_CHECK(rig->slots, PR_E_NOMEM, "cannot map %zu bytes for the slots to measure with",
             rig->slots_bytes);
    memset(rig->slots, 0, rig->slots_bytes);
    PR_NEW(rig->write, rig->num_slots);
done:
    return st;
}

void pri_rig_clear(pri_rig *rig)
{
    pri_pages_unmap(rig->memory, rig->memory_bytes);
    pri_pages_unmap(rig->slots, rig->slots_bytes);
    pri_free(rig->write);
    *rig = (pri_rig){ 0 };
}

/* Shifts to the right and products with odd numbers can both be undone, so no two places give the
 * same number. */
uint32_t pri_rig_scatter(uint32_t place, uint32_t num_bits)
{
    const uint32_t mask = (UINT32_C(1) << num_bits) - 1, half = (num_bits + 1) / 2;
    uint32_t       x = place & mask;

    for (int i = 0; i < 3; i++) {
        x ^= x >> half;
        x = (x * 0x9e3779b1u + 0x7f4a7c15u) & mask;
    }
    return x ^ x >> half;
}

uint32_t pri_rig_rows(const pri_rig *rig, uint64_t bytes)
{
    const uint64_t rows = bytes / rig->row_bytes;

    if (rows < 1) return 1;
    return rows < rig->num_slots ? (uint32_t)rows : rig->num_slots;
}

void pri_rig_draw(pri_rig *rig, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        rig->write[i] = (pri_write){ .id = pri_rig_scatter(rig->next + i, rig->num_bits), .to = i };
    rig->next += n;
}

void pri_rig_copy(const pri_rig *rig, uint32_t n, const pr_tuning *tuning, pri_stores stores,
                  uint32_t threads)
{
    const pri_copy_rows rows = pri_copy_of(tuning->isa, stores, tuning->prefetch_to);
    const pri_copy      copy = { .from       = (const char *)rig->table.rows,
                                 .from_bytes = rig->row_bytes,
                                 .to         = rig->slots,
                                 .to_bytes   = rig->slot_bytes,
                                 .row_bytes  = rig->row_bytes,
                                 .write      = rig->write,
                                 .n          = n,
                                 .ahead      = tuning->row_ahead };

    if (threads <= 1) {
        rows(&copy, 0, n);
        pri_copy_fence(stores);
        return;
    }
#pragma omp parallel num_threads((int)threads)
    {
        const size_t t = (size_t)omp_get_thread_num(), of = (size_t)omp_get_num_threads();
        rows(&copy, n * t / of, n * (t + 1) / of);
        pri_copy_fence(stores);
    }
}

pr_status pri_rig_verify(const pri_rig *rig, uint32_t n, const char *what)
{
    pr_status st = PR_OK;

    for (uint32_t i = 0; i < n; i++) {
        const char *from = (const char *)rig->memory + rig->write[i].id * rig->row_bytes;
        const char *to   = rig->slots + rig->write[i].to * rig->slot_bytes;
        PR_CHECK(!memcmp(from, to, rig->row_bytes), PR_E_BUG,
                 "%s: row %u did not arrive in slot %u", what, rig->write[i].id, rig->write[i].to);
    }
done:
    return st;
}

pr_status pri_trial_begin(pri_trial *trial, uint32_t num, int64_t budget_ns)
{
    pr_status st = PR_OK;

    *trial = (pri_trial){ .start_ns = pr_now_ns(), .budget_ns = budget_ns, .num = num };
    PR_NEW(trial->ns, (size_t)num * PRI_RIG_ROUNDS);
done:
    return st;
}

bool pri_trial_goes_on(pri_trial *trial)
{
    if (trial->num_rounds == PRI_RIG_ROUNDS) return false;
    if (trial->num_rounds >= LEAST_ROUNDS && pr_now_ns() - trial->start_ns > trial->budget_ns)
        return false;
    trial->num_rounds++;
    return true;
}

void pri_trial_note(pri_trial *trial, uint32_t rival, int64_t ns)
{
    trial->ns[(size_t)rival * PRI_RIG_ROUNDS + trial->num_rounds - 1] = ns;
}

static int ascending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int64_t pri_trial_median(pri_trial *trial, uint32_t rival)
{
    int64_t *ns = trial->ns + (size_t)rival * PRI_RIG_ROUNDS;

    qsort(ns, trial->num_rounds, sizeof *ns, ascending);
    const int64_t median = ns[trial->num_rounds / 2];
    return median > 0 ? median : 1;
}

void pri_trial_end(pri_trial *trial)
{
    pri_free(trial->ns);
    *trial = (pri_trial){ 0 };
}
