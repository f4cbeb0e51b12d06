/* draw.c: Floyd's algorithm for one vertex; draw.h has the chapter. Chosen positions are searched
 * one by one while they are few, through a hash set of twice the room otherwise; the positions do
 * not depend on which. */
#include "pipeline/sampler/draw.h"

#include <string.h>

#include "base/check.h"
#include "pipeline/sampler/chosen.h"

pri_draw_hop pri_draw_hop_of(uint64_t stream_key, pr_draw draw, uint32_t hop)
{
    PR_ASSERT(hop < 64 && (uint32_t)draw.phase < 4);
    return (pri_draw_hop){
        .key       = pri_mix64(stream_key + (draw.step >> 32)),
        .phase_hop = (uint32_t)draw.phase << 30 | hop << 24,
        .step      = (uint32_t)draw.step,
        .epoch     = draw.epoch,
    };
}

uint32_t pri_draw_scratch(uint32_t count)
{
    return pri_chosen_scratch(count);
}

static void draw_many(pri_words *words, uint32_t degree, uint32_t count, uint32_t *set,
                      uint32_t *out)
{
    pri_chosen chosen = pri_chosen_start(count, NULL, out, set);

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t j = degree - count + i;
        const uint32_t t = pri_words_below(words, j + 1);
        /* j was never chosen before: all earlier ones are below it */
        pri_chosen_add(&chosen, pri_chosen_has(&chosen, t) ? j : t);
    }
}

void pri_draw_positions(const pri_draw_hop *hop, pr_vid v, uint32_t degree, uint32_t count,
                        uint32_t *scratch, uint32_t *out)
{
    pri_words words = pri_words_start(hop->key, v, hop->phase_hop, hop->step, hop->epoch);

    PR_ASSERT(count > 0 && count < degree && count <= PR_FANOUT_MAX);
    if (count > PRI_CHOSEN_FEW) {
        draw_many(&words, degree, count, scratch, out);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t j      = degree - count + i;
        const uint32_t t      = pri_words_below(&words, j + 1);
        uint32_t       chosen = 0;
        for (uint32_t c = 0; c < i; c++) chosen |= out[c] == t;
        out[i] = chosen ? j : t;
    }
}

void pri_draw_repeated(const pri_draw_hop *hop, pr_vid v, uint32_t degree, uint32_t count,
                       uint32_t *out)
{
    pri_words words = pri_words_start(hop->key, v, hop->phase_hop, hop->step, hop->epoch);

    for (uint32_t i = 0; i < count; i++) out[i] = pri_words_below(&words, degree);
}
