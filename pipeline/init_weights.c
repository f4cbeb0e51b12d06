/* init_weights.c: see init_weights.h. */
#include "pipeline/init_weights.h"

#include <math.h>
#include <string.h>

#include "pipeline/nn/nn.h"

static bool is_npz(const char *path)
{
    const size_t n = strlen(path);
    return n >= 4 && !strcmp(path + n - 4, ".npz");
}

/* Tell a model in words: what must be alike for its weights to mean the same. */
enum { WORDS_BYTES = 256 };
static void in_words(const pr_model_shape *s, char out[WORDS_BYTES])
{
    const pr_model_options *o   = &s->options;
    const bool              gat = o->kind == PR_MODEL_GAT, sage = o->kind == PR_MODEL_SAGE;

    const int n = snprintf(
        out, WORDS_BYTES, "%s%s of %u layers, %u features, hidden %u, %u outputs, %s",
        pr_model_kind_name(o->kind), sage && o->aggregator == PR_AGGREGATE_MAX ? " max" : "",
        s->num_layers, s->width[0], s->num_layers > 1 ? o->hidden : 0, s->width[s->num_layers],
        o->activation == PR_ACTIVATION_ELU ? "elu" : "relu");
    size_t at = (size_t)n;
    if (gat)
        at += (size_t)snprintf(out + at, WORDS_BYTES - at, ", heads %u and %u",
                               s->num_layers > 1 ? o->heads : 0, o->out_heads);
    snprintf(out + at, WORDS_BYTES - at, "%s%s", o->layer_norm ? ", layer norm" : "",
             o->residual ? ", residual" : "");
}

/* Refuse weights of a run that came to nothing: all that is trained from them is NaN as well. */
static pr_status check_finite(const char *path, pr_model *model, uint64_t num)
{
    pr_status          st = PR_OK;
    const float *const at = pri_nn_parameters(model);

    for (uint64_t i = 0; i < num; i++)
        PR_CHECK(isfinite(at[i]), PR_E_INPUT,
                 "%s: parameter %llu of %llu is %g, must be finite to start from", path,
                 (unsigned long long)i, (unsigned long long)num, (double)at[i]);
done:
    return st;
}

pr_status pri_init_weights(const char *path, pr_model *model)
{
    pr_status          st    = PR_OK;
    pr_model          *other = NULL;
    pr_model_shape     wanted, found;
    pr_checkpoint_info info;
    char               wanted_words[WORDS_BYTES], found_words[WORDS_BYTES];

    if (!path[0]) return PR_OK;
    pr_model_describe(model, &wanted);
    if (is_npz(path))
        PR_TRY(pr_weights_load(path, &wanted.options, wanted.num_layers, wanted.width[0],
                               wanted.width[wanted.num_layers], &other));
    else
        PR_TRY(pr_checkpoint_load(path, &other, &info));
    pr_model_describe(other, &found);
    in_words(&wanted, wanted_words);
    in_words(&found, found_words);
    PR_CHECK(!strcmp(wanted_words, found_words), PR_E_MISMATCH,
             "%s: has weights of another model: %s; this run's is %s", path, found_words,
             wanted_words);
    PR_CHECK(found.num_parameters == wanted.num_parameters, PR_E_MISMATCH,
             "%s: has %llu parameters, this run's model has %llu", path,
             (unsigned long long)found.num_parameters, (unsigned long long)wanted.num_parameters);
    PR_TRY(check_finite(path, other, found.num_parameters));
    memcpy(pri_nn_parameters(model), pri_nn_parameters(other),
           (size_t)found.num_parameters * sizeof(float));
done:
    pr_model_free(other);
    return st;
}
