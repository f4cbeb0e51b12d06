/* test_exact_kinds.c: exact inference of every kind of model, with everything that stands behind a
 * convolution, from rows in every place, in several parts, within any memory: what networks in
 * double give. */
#include <math.h>

#include "pipeline/nn/exact.h"
#include "support/whole_net.h"

typedef struct kind_case {
    const char      *name;
    pr_model_options options;
    uint32_t         layers, cols, outputs;
} kind_case;

static const kind_case cases[] = {
    { "sage", { .kind = PR_MODEL_SAGE, .hidden = 40 }, 3, 24, 30 },
    { "max", { .kind = PR_MODEL_SAGE, .hidden = 40, .aggregator = PR_AGGREGATE_MAX }, 3, 24, 7 },
    { "gcn narrows", { .kind = PR_MODEL_GCN, .hidden = 24 }, 3, 50, 5 },
    { "gcn widens", { .kind = PR_MODEL_GCN, .hidden = 40 }, 2, 9, 70 },
    { "gin", { .kind = PR_MODEL_GIN, .hidden = 24 }, 3, 40, 30 },
    { "gat", { .kind = PR_MODEL_GAT, .hidden = 24, .heads = 4, .out_heads = 1 }, 3, 17, 20 },
    { "gat mean", { .kind = PR_MODEL_GAT, .hidden = 42, .heads = 3, .out_heads = 3 }, 2, 42, 21 },
};

enum { NODES = 700, NUM_CASES = sizeof cases / sizeof *cases, VARIANTS = 8 };

static uint32_t ends_apart, read_back;

/* A hub with more arcs than are weighed at a time, and one of its own. */
static void add_hub(whole *w)
{
    const pr_vid v     = NODES / 2;
    const pr_eid extra = 3 * (pr_eid)NODES, old = w->indptr[NODES];
    pr_vid      *to = realloc(w->indices, (old + extra) * sizeof *to);

    assert_non_null(to);
    memmove(to + w->indptr[v] + extra, to + w->indptr[v], (old - w->indptr[v]) * sizeof *to);
    for (pr_eid e = 0; e < extra; e++) to[w->indptr[v] + e] = (pr_vid)(e * 13 % NODES);
    for (pr_vid u = v + 1; u <= NODES; u++) w->indptr[u] += extra;
    w->indices = to;
    w->graph   = (pr_graph){ NODES, w->indptr[NODES], w->indptr, to, NULL };
}

static pr_status run(const pri_exact *exact)
{
    pri_nn_times times = { 0 };
    pr_status    st    = PR_OK;
    int          stop  = 1;

    for (uint32_t pass = 0; st == PR_OK && pass < pri_exact_num_passes(exact); pass++) {
        if (pri_exact_pass(exact, pass, 0, &stop, &times) != PR_E_INTERRUPTED) return PR_E_ARG;
        for (uint32_t part = 0; st == PR_OK && part < exact->num_parts; part++) {
            const uint32_t at = pass % 2 ? part : exact->num_parts - 1 - part;
            st                = pri_exact_pass(exact, pass, at, NULL, &times);
        }
    }
    return st;
}

/* Sums of some hundred products in single precision, three layers of them, the first scaled by
 * norms: 1e-4 of the largest. */
static void check(const char *what, const float *got, const double *want, size_t num)
{
    double largest = 0.0;

    for (size_t i = 0; i < num; i++) largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < num; i++)
        if (!(fabs((double)got[i] - want[i]) <= 1e-4 * largest))
            fail_msg("%s: output %zu is %g, not %g of %g", what, i, (double)got[i], want[i],
                     largest);
}

static void check_traffic(const pri_exact *exact)
{
    uint64_t traffic = 0;

    for (uint32_t p = 0; p < exact->num_parts; p++) {
        const pri_exact_io io = pri_exact_io_of(exact, p);
        traffic += io.bytes_read + io.bytes_written;
    }
    assert_int_equal(traffic, exact->plan.traffic);
    for (uint32_t l = 0; l < exact->plan.num_layers; l++) {
        ends_apart += pri_exact_ends_apart(&exact->plan, l);
        read_back += pri_exact_reads_back(&exact->plan, l) && exact->plan.layer[l].kind.whole;
    }
}

static void check_place(const char *name, const whole *w, const pr_model *model,
                        const pr_features *x, const pri_exact_span *span, const double *want,
                        uint32_t levels, const char *directory)
{
    const uint32_t end   = span ? span->end : model->shape.num_layers;
    const size_t   count = (size_t)NODES * model->shape.width[end];
    float         *got   = calloc(count, sizeof *got);
    char           what[96];

    assert_non_null(got);
    for (uint32_t m = 0; m < 4; m++) {
        if (!(levels & 1u << m)) continue;
        const uint32_t parts = 1 + m % 3;
        const int64_t  live  = pri_mem_live();
        uint64_t       most, least;
        pri_exact     *exact;
        pri_exact_measure(&model->shape, x, parts, span, 0, &most, &least, NULL);
        const pri_exact_limits limits = { least + (most - least) / 3 * m, directory };
        pri_exact_limits       little = { least - 1, directory };
        snprintf(what, sizeof what, "%s, memory %u of 3, %u parts", name, m, parts);
        memset(got, 0xff, count * sizeof *got);
        assert_int_equal(PR_E_NOMEM, pri_exact_create_within(model, &w->graph, x,
                                                             (pri_exact_output){ .logits = got },
                                                             parts, &little, span, &exact));
        assert_ok(pri_exact_create_within(model, &w->graph, x, (pri_exact_output){ .logits = got },
                                          parts, &limits, span, &exact));
        assert_true(exact->plan.bytes <= limits.memory_bytes);
        /* The stopped goes have read nothing. */
        assert_ok(run(exact));
        check_traffic(exact);
        check(what, got, want, count);
        pri_exact_free(exact);
        assert_int_equal(pri_mem_live(), live);
    }
    free(got);
}

static void check_case(const kind_case *k, uint32_t variant, const char *directory, whole *w)
{
    static const char *const place_name[] = { "rows", "csr", "file", "mapped" };
    pr_model_options         o            = k->options;
    char                     name[64];

    o.residual                        = variant & 1;
    o.layer_norm                      = variant & 2;
    o.activation                      = variant & 4 ? PR_ACTIVATION_ELU : PR_ACTIVATION_RELU;
    pr_model                *model    = whole_net_model(w, &o, k->layers, k->outputs);
    double                  *want     = whole_net_run(w, model, k->layers);
    double                  *first    = whole_net_run(w, model, 1);
    const pri_exact_span     span     = { 0, 1 };
    const pr_features *const places[] = { &w->rows, &w->csr, &w->filed, &w->mapped };
    for (size_t p = 0; p < 4; p++) {
        const uint32_t levels = variant == 3 || p == 2 ? 15 : 1u << ((variant + p) % 4);
        snprintf(name, sizeof name, "%s, variant %u, %s", k->name, variant, place_name[p]);
        check_place(name, w, model, places[p], NULL, want, levels, directory);
        if (p % 2 == 0) check_place(name, w, model, places[p], &span, first, 1u << p, directory);
    }
    free(want);
    free(first);
    pr_model_free(model);
}

static void every_kind_gives_what_double_gives_within_any_memory(void **state)
{
    (void)state;
    const char *directory = test_directory();

    for (size_t i = 0; i < NUM_CASES; i++) {
        whole *w =
            whole_create(NODES, cases[i].cols, i % 2 ? PR_ROWS_BF16 : PR_ROWS_F32, test_seed() + i);
        add_hub(w);
        for (uint32_t v = 0; v < VARIANTS; v++) check_case(&cases[i], v, directory, w);
        whole_free(w);
    }
    assert_true(ends_apart > 10 && read_back > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_gives_what_double_gives_within_any_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
