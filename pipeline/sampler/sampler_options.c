/* sampler_options.c: the options of `packrat train` that say how neighbours are drawn. */
#include <packrat/sampler.h>

#define COUNT(array)    (sizeof(array) / sizeof *(array))
#define SAMPLER(member) offsetof(pr_sampler_options, member)

static const char kinds[] = "uniform|replace|weighted|labor|walk";

static const pr_option options[] = {
    { "sampler", "",
      "which neighbours are kept: uniform (distinct), replace (with replacement), weighted "
      "(distinct, "
      "by edge weight), labor (destinations share neighbours), walk (visited most by random walks)",
      "labor", PR_OPT_CHOICE, SAMPLER(kind), 0, 0, kinds },
    { "kappa", "batches", "labor: batches over which the choice stays correlated; 1: drawn anew",
      "8", PR_OPT_U32, SAMPLER(kappa), 1, 1 << 20, NULL },
    { "kappa-form", "",
      "labor: how: staggered (a kappa-th of the vertices is drawn anew each batch), drift (all of "
      "them move a little, as published)",
      "staggered", PR_OPT_CHOICE, SAMPLER(kappa_form), 0, 0, "staggered|drift" },
    { "cache-bias", "factor",
      "labor: prefer rows of recent batches so many times; 1: no bias. Moves fewer rows and costs "
      "accuracy; see docs/stickiness.md",
      "1", PR_OPT_U32, SAMPLER(cache_bias), 1, 1024, NULL },
    { "cache-bias-window", "batches", "labor: batches whose rows are preferred", "8", PR_OPT_U32,
      SAMPLER(bias_window), 1, PR_MAX_BIAS_WINDOW, NULL },
    { "walk.count", "walks", "walk: random walks from each destination", "10", PR_OPT_U32,
      SAMPLER(walks), 1, 4096, NULL },
    { "walk.length", "arcs", "walk: most arcs of one walk", "3", PR_OPT_U32, SAMPLER(walk_length),
      1, 64, NULL },
    { "walk.restart", "probability", "walk: chance that a walk ends behind an arc", "0.5",
      PR_OPT_REAL, SAMPLER(walk_restart), 0, 1, NULL },
    { "sampler.isa", "", "best instruction set the sampler may use; batches do not depend on it",
      "avx512", PR_OPT_CHOICE, SAMPLER(isa), 0, 0, "portable|avx2|avx512" },
};
const pr_option_table pr_sampler_option_table = { "Sampling", options, COUNT(options) };

void pr_sampler_default(pr_sampler_options *out)
{
    const pr_option_group group = { &pr_sampler_option_table, out };
    pr_options_init(&group, 1);
}

const char *pr_sampler_kind_name(int kind)
{
    static const char *const names[] = { "uniform", "replace", "weighted", "labor", "walk" };
    return kind >= 0 && (size_t)kind < COUNT(names) ? names[kind] : "unknown";
}
