/* staging.c: see staging.h. */
#include "cache/staging.h"

#include <sys/mman.h>

#include "loaders/row_format.h"

enum {
    WORD       = 64,
    LOOK_BACK  = 2,       /* plans that must have needed little before memory is given back */
    SPARE      = 1 << 20, /* bytes that are not worth a system call */
    PAGE_BYTES = 64 << 10 /* what is given back begins at a multiple: the largest page there is */
};

static size_t num_words(uint32_t num_slots)
{
    return (size_t)num_slots / WORD + 1;
}

uint64_t pri_staging_bytes(pr_vid num_rows, uint32_t num_slots, size_t row_bytes)
{
    return num_slots * (pri_row_slot_bytes(row_bytes) + sizeof(pr_vid)) +
           ((uint64_t)num_rows + 1) * sizeof(uint32_t) + num_words(num_slots) * sizeof(uint64_t);
}

static void *map(size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : pri_pages_map(bytes, 0);
}

pr_status pri_staging_init(pri_staging *s, pr_vid num_rows, uint32_t num_slots, size_t row_bytes)
{
    pr_status st = PR_OK;

    *s           = (pri_staging){ .num_rows   = num_rows,
                                  .num_slots  = num_slots,
                                  .slot_bytes = pri_row_slot_bytes(row_bytes) };
    s->rows      = map((size_t)num_slots + 1, s->slot_bytes);
    s->slot_of   = s->rows ? map((size_t)num_rows + 1, sizeof *s->slot_of) : NULL;
    s->id_of     = s->slot_of ? map((size_t)num_slots + 1, sizeof *s->id_of) : NULL;
    s->free_bits = s->id_of ? map(num_words(num_slots), sizeof *s->free_bits) : NULL;
    PR_CHECK(s->free_bits, PR_E_NOMEM, "cannot reserve staging for %u rows of %zu bytes", num_slots,
             row_bytes);
    for (uint32_t slot = 0; slot < num_slots; slot += WORD)
        s->free_bits[slot / WORD] =
            num_slots - slot < WORD ? (UINT64_C(1) << (num_slots - slot)) - 1 : UINT64_MAX;
done:
    return st;
}

void pri_staging_clear(pri_staging *s)
{
    pri_pages_unmap(s->free_bits, num_words(s->num_slots) * sizeof *s->free_bits);
    pri_pages_unmap(s->id_of, ((size_t)s->num_slots + 1) * sizeof *s->id_of);
    pri_pages_unmap(s->slot_of, ((size_t)s->num_rows + 1) * sizeof *s->slot_of);
    pri_pages_unmap(s->rows, ((size_t)s->num_slots + 1) * s->slot_bytes);
    *s = (pri_staging){ 0 };
}

pr_slot pri_staging_take(pri_staging *s, pr_vid id)
{
    PR_ASSERT(s->num_used < s->num_slots && id < s->num_rows && s->slot_of[id] == 0);
    while (s->free_bits[s->first_word] == 0) s->first_word++;
    uint64_t *const word = &s->free_bits[s->first_word];
    const pr_slot   slot = s->first_word * WORD + (uint32_t)__builtin_ctzll(*word);

    *word &= *word - 1;
    s->slot_of[id] = slot + 1;
    s->id_of[slot] = id;
    s->num_used++;
    if (slot >= s->top) s->top = slot + 1;
    if (slot >= s->touched) s->touched = slot + 1;
    return slot;
}

void pri_staging_give(pri_staging *s, pr_slot slot)
{
    const uint32_t word = slot / WORD;

    PR_ASSERT(slot < s->num_slots && !(s->free_bits[word] >> (slot % WORD) & 1));
    s->free_bits[word] |= UINT64_C(1) << (slot % WORD);
    s->slot_of[s->id_of[slot]] = 0;
    s->num_used--;
    if (word < s->first_word) s->first_word = word;
}

/* One slot more than the highest in use. */
static uint32_t end_of_use(const pri_staging *s)
{
    uint32_t end = s->top;

    while (end > 0 && s->free_bits[(end - 1) / WORD] >> ((end - 1) % WORD) & 1) end--;
    return end;
}

/* Give back the pages of slots from `end` on; none of them is in use. */
static void give_back(pri_staging *s, uint32_t end)
{
    const size_t touched = s->touched * s->slot_bytes;
    const size_t from    = (end * s->slot_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    if (touched <= from) return;
    if (madvise(s->rows + from, touched - from, MADV_DONTNEED) == 0) s->touched = end;
}

void pri_staging_rest(pri_staging *s)
{
    if (++s->rests < LOOK_BACK) return;
    const size_t needed  = s->top * s->slot_bytes;
    const size_t touched = s->touched * s->slot_bytes;

    if (touched > needed + needed / 4 + SPARE) give_back(s, s->top);
    s->rests = 0;
    s->top   = end_of_use(s);
}

void pri_staging_shrink(pri_staging *s)
{
    s->top = end_of_use(s);
    give_back(s, s->top);
    s->rests = 0;
}

void pri_staging_ranges(const pri_staging *s, pr_ranges *ranges)
{
    pr_ranges_add(ranges, "staging", s->rows, s->touched * s->slot_bytes);
    pr_ranges_add(ranges, "index", s->slot_of, ((size_t)s->num_rows + 1) * sizeof *s->slot_of);
    pr_ranges_add(ranges, "index", s->id_of, ((size_t)s->num_slots + 1) * sizeof *s->id_of);
    pr_ranges_add(ranges, "index", s->free_bits, num_words(s->num_slots) * sizeof *s->free_bits);
}
