/* run_notes.c: see run_notes.h. */
#include "pipeline/run_notes.h"

#include <stdarg.h>

static void note(const pri_trainer *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(const pri_trainer *t, const char *format, ...)
{
    char    text[1024];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pr_steplog_note(t->log, text);
}

void pri_run_notes(const pri_trainer *t)
{
    const pr_sampler_options *sampling = &t->setup->sampler;

    if (!t->log) return;
    if (t->plan.why[0])
        note(t, "%u thread%s in %u lane%s: %s", t->plan.num_threads,
             t->plan.num_threads == 1 ? "" : "s", t->num_lanes, t->num_lanes == 1 ? "" : "s",
             t->plan.why);
    if (!t->plan.can_bind)
        note(t, "nothing is bound: the kernel does not let this process choose its CPUs");
    if (t->num_lanes > 1 && sampling->kind == PR_SAMPLER_LABOR && sampling->cache_bias > 1)
        note(t,
             "--cache-bias %u: each lane prefers rows of its own recent batches, so batches are "
             "not those of another number of lanes",
             sampling->cache_bias);
}
