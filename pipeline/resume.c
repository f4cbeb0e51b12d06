/* resume.c: see resume.h. Options are compared by what they decide: all of them, but for those that
 * only say where things are, how fast they go, or how long. An option that is new is compared until
 * it is listed here. */
#include "pipeline/resume.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/members.h"
#include "base/options.h"
#include "pipeline/recall.h"
#include "pipeline/rounding.h"

/* May differ, or is compared in another form: what it was resolved to. */
static const char *const not_compared[] = {
    "data",        "feature-check", "feature-norm",     "epochs",   "steps",
    "eval",        "eval-every",    "patience",         "pipeline", "log",
    "checkpoint",  "resume",        "checkpoint-every", "trace",    "sampler.threads",
    "sampler.isa", "order.file",    "layers",           "fanout",
};

static bool is_compared(const pr_option_table *table, const char *name)
{
    if (table == &pr_cache_option_table || table == &pr_machine_option_table ||
        table == &pr_placement_option_table || table == &pr_io_option_table)
        return false;
    for (size_t i = 0; i < sizeof not_compared / sizeof *not_compared; i++)
        if (!strcmp(name, not_compared[i])) return false;
    return true;
}

/* Add what some options were resolved to. */
static pr_status add_resolved(const pri_trainer *t, pr_json *json)
{
    static const char *const norms[] = {
        [PR_NORM_AUTO] = "auto", [PR_NORM_NONE] = "none", [PR_NORM_L1] = "l1", [PR_NORM_L2] = "l2"
    };
    pr_status               st    = PR_OK;
    const pr_train_options *train = &t->setup->train;
    pr_fanout               fanout;
    char                    text[16 * PR_MAX_LAYERS];

    PR_TRY(pr_fanout_parse(train->fanout, train->layers, &fanout));
    pr_fanout_print(&fanout, text, sizeof text);
    PR_TRY(pr_json_set_string(json, "fanout", text));
    PR_TRY(pr_json_set_string(json, "feature-norm", norms[t->dataset->feature_norm]));
    if (!t->weights) goto done;
    snprintf(text, sizeof text, "%016" PRIx64,
             pri_checksum(t->weights, t->dataset->num_classes * sizeof *t->weights, 0));
    PR_TRY(pr_json_set_string(json, "class-weights (checksum)", text));
done:
    return st;
}

pr_status pri_resume_options(const pri_trainer *t, pr_json **out)
{
    pr_status       st   = PR_OK;
    pr_json        *json = pr_json_object();
    pr_option_group groups[PR_TRAIN_GROUPS];
    char            text[PR_TEXT_BYTES];

    *out = NULL;
    PR_CHECK(json, PR_E_NOMEM, "cannot write the run's options down");
    pr_train_groups(t->own, groups);
    for (int g = 0; g < PR_TRAIN_GROUPS; g++) {
        const pr_option_table *table = groups[g].table;
        for (size_t i = 0; i < table->num_options; i++) {
            if (!is_compared(table, table->options[i].name)) continue;
            pri_option_text(&table->options[i], groups[g].target, text, sizeof text);
            PR_TRY(pr_json_set_string(json, table->options[i].name, text));
        }
    }
    PR_TRY(add_resolved(t, json));
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    return st;
}

/* ---- what differs ---- */

/* A list of differences, cut where it is full. */
typedef struct list {
    char   text[800];
    size_t at;
} list;

static void add(list *l, const char *name, const char *here, const char *there)
{
    if (l->at + 1 >= sizeof l->text) return;
    const int n =
        snprintf(l->text + l->at, sizeof l->text - l->at, "%s%s %.100s here, %.100s there",
                 l->at ? "; " : "", name, here[0] ? here : "(empty)", there[0] ? there : "(empty)");
    l->at += (size_t)n;
    if (l->at >= sizeof l->text) {
        l->at = sizeof l->text - 1;
        memcpy(l->text + sizeof l->text - 4, "...", 4);
    }
}

static void compare_dataset(const pri_trainer *t, list *l)
{
    const pr_checkpoint_info *info = &t->from.info;
    char                      here[128], there[128];

    if (t->dataset->fingerprint == info->dataset_fingerprint) return;
    snprintf(here, sizeof here, "%016" PRIx64 " (%.60s)", t->dataset->fingerprint,
             t->dataset->name);
    snprintf(there, sizeof there, "%016" PRIx64 " (%.60s)", info->dataset_fingerprint,
             info->dataset_name);
    add(l, "the dataset's fingerprint is", here, there);
}

/* Compare options by name. */
static void compare_options(const pr_json *mine, const pr_json *theirs, list *l)
{
    pr_json *walked = (pr_json *)(uintptr_t)mine; /* walking changes nothing */
    char     name[80];

    for (void *it = pri_json_next(walked, NULL); it; it = pri_json_next(walked, it)) {
        const char *key   = pri_json_key(it);
        const char *here  = pri_json_as_string(pri_json_value(it));
        const char *there = pri_json_as_string(pri_json_find(theirs, key));
        snprintf(name, sizeof name, "--%s is", key);
        if (!there || strcmp(here, there) != 0) add(l, name, here, there ? there : "(not known)");
    }
}

static pr_status compare(const pri_trainer *t)
{
    pr_status         st     = PR_OK;
    const char       *path   = t->setup->train.checkpoint;
    const pri_members m      = { .path = path, .object = t->from.training };
    const pr_json    *theirs = NULL;
    pr_json          *mine   = NULL;
    list              l      = { .at = 0 };

    PR_TRY(pri_member_object(&m, "options", &theirs));
    PR_TRY(pri_resume_options(t, &mine));
    compare_dataset(t, &l);
    compare_options(mine, theirs, &l);
    PR_CHECK(l.at == 0, PR_E_MISMATCH, "--resume: %s is of another run: %s", path, l.text);
done:
    pr_json_free(mine);
    return st;
}

/* ---- open ---- */

pr_status pri_resume_open(pri_trainer *t)
{
    pr_status               st    = PR_OK;
    const pr_train_options *train = &t->setup->train;
    const char             *path  = train->checkpoint;
    struct stat             file;

    if (!train->resume) goto done;
    if (stat(path, &file) != 0 && errno == ENOENT) {
        pr_diag(PR_INFO, "--resume: there is no %s yet: training starts from the beginning", path);
        goto done;
    }
    PR_TRY(pri_checkpoint_load(path, &t->from));
    PR_CHECK(
        t->from.training, PR_E_INPUT,
        "--resume: %s (format version %u) has a model and not where its training stood: it can "
        "be used, but no run can go on from it",
        path, t->from.version);
    PR_TRY(compare(t));
    const pri_members m = { .path = path, .object = t->from.training };
    PR_TRY(pri_member_u64(&m, "step", &t->first_step));
    t->resumes = true;
done:
    return st;
}

/* What is held out decides over which edges messages pass. */
static uint64_t add_held_out(const pri_link *link, uint64_t sum)
{
    for (int p = PRI_LINK_VAL; p <= PRI_LINK_TEST; p++) {
        const pri_edge_list *part = &link->edges.part[p];
        sum                       = pri_checksum(part->ends, 2 * part->n * sizeof *part->ends, sum);
    }
    return sum;
}

uint64_t pri_resume_order(const pri_trainer *t)
{
    const pr_vids        nodes    = t->order.nodes;
    const pr_clusters   *clusters = t->order.clusters;
    const pri_edge_list *edges    = t->link ? t->link->plan.edges : NULL;
    uint64_t             sum      = nodes.n;

    sum = pri_checksum(nodes.at, nodes.n * sizeof *nodes.at, sum);
    if (clusters)
        sum = pri_checksum(clusters->of_node, clusters->num_nodes * sizeof *clusters->of_node, sum);
    if (edges) sum = pri_checksum(edges->ends, 2 * edges->n * sizeof *edges->ends, sum);
    if (t->link) sum = add_held_out(t->link, sum);
    return sum;
}

pr_status pri_resume_check(const pri_trainer *t)
{
    pr_status         st   = PR_OK;
    const char       *path = t->setup->train.checkpoint;
    const pri_members m    = { .path = path, .object = t->from.training };
    uint64_t          order;

    if (!t->resumes) return PR_OK;
    PR_TRY(pri_member_u64(&m, "seed_order", &order));
    PR_CHECK(
        order == t->order_sum, PR_E_MISMATCH,
        "--resume: %s is of a run with other training nodes or edges, or in another order: their "
        "checksum is %016" PRIx64 " here, %016" PRIx64 " there",
        path, t->order_sum, order);
    PR_CHECK(t->first_step <= t->max_steps, PR_E_MISMATCH,
             "--resume: %s stands at step %" PRIu64 ", the run ends at step %" PRIu64
             ": --epochs or --steps must be more",
             path, t->first_step, t->max_steps);
done:
    return st;
}

/* Tell whether two models have the same options. */
static bool same_options(const pr_model_options *a, const pr_model_options *b)
{
    const pr_option_table *table = &pr_model_option_table;
    char                   x[64], y[64];

    for (size_t i = 0; i < table->num_options; i++) {
        pri_option_text(&table->options[i], a, x, sizeof x);
        pri_option_text(&table->options[i], b, y, sizeof y);
        if (strcmp(x, y) != 0) return false;
    }
    return true;
}

pr_status pri_resume_models(pri_trainer *t, uint32_t num_outputs, bool *taken)
{
    pr_status      st   = PR_OK;
    const char    *path = t->setup->train.checkpoint;
    pr_model_shape want, have;

    *taken = false;
    if (!t->resumes) return PR_OK;
    PR_TRY(pri_model_shape(&t->setup->model, t->fanout.num_layers, t->dataset->features.num_cols,
                           num_outputs, &want));
    pr_model_describe(t->from.model, &have);
    PR_CHECK(
        have.num_layers == want.num_layers && have.width[0] == want.width[0] &&
            have.width[have.num_layers] == num_outputs,
        PR_E_MISMATCH,
        "--resume: %s has a model of %u layers, %u features and %u outputs, the run has %u, %u "
        "and %u",
        path, have.num_layers, have.width[0], have.width[have.num_layers], want.num_layers,
        want.width[0], num_outputs);
    PR_CHECK(same_options(&want.options, &have.options), PR_E_INPUT,
             "--resume: %s has another model than its run's options say", path);
    if (!t->from.latest) { /* best and latest are the same weights */
        PR_TRY(pri_model_create_zero(&t->setup->model, want.num_layers, want.width[0], num_outputs,
                                     &t->from.latest));
        pri_model_copy(t->from.latest, t->from.model);
    }
    t->best        = t->from.model;
    t->model       = t->from.latest;
    t->from.model  = NULL;
    t->from.latest = NULL;
    *taken         = true;
done:
    return st;
}

/* ---- lanes ---- */

/* With a cache bias, what is drawn depends on what was. */
static pr_status recall(pri_trainer *t)
{
    pr_status                 st     = PR_OK;
    const pr_sampler_options *o      = &t->setup->sampler;
    const pr_json            *lanes  = pri_json_find(t->from.rounding, "lanes");
    const char               *theirs = pri_json_as_string(lanes);
    char                      mine[16];

    if (o->kind != PR_SAMPLER_LABOR || o->cache_bias < 2 || !t->setup->train.checkpoint[0])
        return PR_OK;
    PR_TRY(pri_recall_create(t->lane, t->num_lanes, o->bias_window, &t->recall));
    if (!t->resumes) return PR_OK;
    snprintf(mine, sizeof mine, "%u", t->num_lanes);
    PR_CHECK(theirs && !strcmp(mine, theirs), PR_E_MISMATCH,
             "--resume: with --cache-bias batches depend on the number of lanes, which is %s here, "
             "%s there",
             mine, theirs ? theirs : "(not known)");
    st = pri_recall_read(t->recall, t->lane, t->first_step, t->from.recent, t->from.num_recent);
    if (st != PR_OK) pri_error_prefix("%s: ", t->setup->train.checkpoint);
done:
    return st;
}

pr_status pri_resume_lanes(pri_trainer *t)
{
    pr_status   st   = PR_OK;
    const char *path = t->setup->train.checkpoint;
    pr_json    *mine = NULL;
    char        differs[900];

    PR_TRY(recall(t));
    if (!t->resumes) return PR_OK;
    PR_TRY(pri_rounding_describe(t, &mine));
    pri_rounding_compare(mine, t->from.rounding, differs, sizeof differs);
    if (differs[0])
        pr_diag(PR_WARN,
                "--resume: batches and rates are those of %s, but weights may differ in their last "
                "bits from a run that did not stop: %s",
                path, differs);
done:
    pr_json_free(mine);
    return st;
}
