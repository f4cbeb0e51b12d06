/* traces.c: see traces.h. */
#include "support/traces.h"

#include "support/policy_reference.h"

static uint32_t draw_id(const trace *t, trace_shape shape, uint32_t l, uint32_t i, test_rng *rng)
{
    const double u = test_below(rng, 1u << 20) / (double)(1u << 20);

    switch (shape) {
    case TRACE_SKEWED:
    case TRACE_UNEVEN: return (uint32_t)(u * u * u * t->n);
    case TRACE_LOOP: return (l * (t->m / 2 + 1) + i) % t->n;
    case TRACE_STICKY:
        if (l > 0 && test_below(rng, 10) < 8) return t->list[l - 1].at[i];
        return test_below(rng, t->n);
    default: return test_below(rng, t->n);
    }
}

void trace_open(trace *t, trace_shape shape, uint32_t num_lists, uint32_t n, uint32_t m,
                test_rng *rng)
{
    bool *drawn = test_room(n, sizeof *drawn);

    *t      = (trace){ .num_lists = num_lists, .n = n, .m = m };
    t->ids  = test_room((size_t)num_lists * n, sizeof *t->ids);
    t->list = test_room(num_lists, sizeof *t->list);
    for (uint32_t l = 0; l < num_lists; l++) {
        pr_vid  *ids    = t->ids + (size_t)l * n;
        uint32_t length = m;
        if (shape == TRACE_UNEVEN) {
            const uint32_t kind = test_below(rng, 8);
            length              = kind == 0 ? 0 : kind == 1 ? n : test_below(rng, 2 * m + 1);
            if (length > n) length = n;
        }
        memset(drawn, 0, n * sizeof *drawn);
        for (uint32_t i = 0; i < length; i++) {
            uint32_t id = draw_id(t, shape, l, i, rng);
            while (drawn[id]) id = (id + 1) % n;
            drawn[id] = true;
            ids[i]    = id;
        }
        t->list[l] = (pr_vids){ ids, length };
    }
    free(drawn);
}

void trace_close(trace *t)
{
    free(t->ids), free(t->list);
}
