/* wants.c: see wants.h. */
#include "partition/wants.h"

#include "base/clones.h"

enum { WORD_BITS = 64 };

static pr_status open_trace(const char *path, const pr_dataset *d, pr_trace **trace)
{
    pr_status     st = PR_OK;
    pr_trace_info info;

    PR_TRY(pr_trace_open(path, trace, &info));
    PR_CHECK(info.num_nodes == d->graph.num_nodes, PR_E_MISMATCH,
             "%s: is of %llu nodes (dataset '%s'), %s has %llu", path,
             (unsigned long long)info.num_nodes, info.dataset, d->path,
             (unsigned long long)d->graph.num_nodes);
    PR_CHECK(info.fingerprint == d->fingerprint, PR_E_MISMATCH,
             "%s: is of a dataset with fingerprint %016llx ('%s'), %s has %016llx", path,
             (unsigned long long)info.fingerprint, info.dataset, d->path,
             (unsigned long long)d->fingerprint);
done:
    return st;
}

/* Mark a step's rows. */
static void enter(pri_wants *wants, uint32_t step, pr_vids rows)
{
    uint64_t *const word = wants->steps + step / WORD_BITS;
    const uint64_t  bit  = UINT64_C(1) << (step % WORD_BITS);

    for (size_t i = 0; i < rows.n; i++) word[(size_t)rows.at[i] * wants->num_words] |= bit;
}

/* Read all training steps; keep one of `stride`, or just count for 0. */
static pr_status pass(const char *path, const pr_dataset *d, const volatile int *stop,
                      uint64_t stride, pri_wants *wants)
{
    pr_status      st     = PR_OK;
    pr_trace      *trace  = NULL;
    const uint64_t before = wants->num_steps;
    pr_trace_step  step;
    bool           more;

    wants->num_steps = 0;
    PR_TRY(open_trace(path, d, &trace));
    for (;;) {
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while %s was read", path);
        PR_TRY(pr_trace_next(trace, &more, &step));
        if (!more || (stride && wants->num_steps == before)) break;
        if (step.phase != PR_PHASE_TRAIN) continue;
        if (stride && wants->num_steps % stride == 0) enter(wants, wants->num_kept++, step.wanted);
        wants->num_steps++;
    }
done:
    pr_trace_close(trace);
    return st;
}

static pr_vid count_wanted(const pri_wants *wants)
{
    pr_vid num_wanted = 0;

    for (uint64_t v = 0; v < wants->num_nodes; v++) {
        uint64_t any = 0;
        for (uint32_t w = 0; w < wants->num_words; w++)
            any |= wants->steps[v * wants->num_words + w];
        num_wanted += any != 0;
    }
    return num_wanted;
}

pr_status pri_wants_read(const char *path, const pr_dataset *d, const volatile int *stop,
                         pri_wants *out)
{
    pr_status st    = PR_OK;
    pri_wants wants = { .num_nodes = d->graph.num_nodes };

    *out = (pri_wants){ 0 };
    PR_TRY(pass(path, d, stop, 0, &wants));
    PR_CHECK(wants.num_steps > 0, PR_E_INPUT, "%s: has no whole training step", path);
    const uint64_t stride = (wants.num_steps + PRI_WANTS_STEPS - 1) / PRI_WANTS_STEPS;
    const uint64_t kept   = (wants.num_steps + stride - 1) / stride;
    wants.num_words       = (uint32_t)((kept + WORD_BITS - 1) / WORD_BITS);
    wants.bytes           = (uint64_t)wants.num_nodes * wants.num_words * sizeof *wants.steps;
    PR_NEW(wants.steps, (size_t)wants.num_nodes * wants.num_words);
    PR_TRY(pass(path, d, stop, stride, &wants));
    wants.num_wanted = count_wanted(&wants);
    *out             = wants;
    wants            = (pri_wants){ 0 };
done:
    pri_wants_clear(&wants);
    return st;
}

void pri_wants_clear(pri_wants *wants)
{
    pri_free(wants->steps);
    *wants = (pri_wants){ 0 };
}

PRI_CLONES static void together_of(const uint64_t *steps, size_t num_words, pr_vid node,
                                   const pr_vid *others, size_t n, float *together)
{
    const uint64_t *const x = steps + node * num_words;

    for (size_t i = 0; i < n; i++) {
        const uint64_t *const y    = steps + others[i] * num_words;
        int                   both = 0, either = 0;
        for (size_t w = 0; w < num_words; w++) {
            both += __builtin_popcountll(x[w] & y[w]);
            either += __builtin_popcountll(x[w] | y[w]);
        }
        together[i] = ((float)both + 0.1F) / ((float)either + 1.0F);
    }
}

void pri_wants_together(const pri_wants *wants, pr_vid node, const pr_vid *others, size_t n,
                        float *together)
{
    together_of(wants->steps, wants->num_words, node, others, n, together);
}
