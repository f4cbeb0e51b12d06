/* graph.c: make and open graphs. */
#include "bench/support/graph.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL_NODES = 4000, SMALL_ARCS = 60000, ONE_SEED_IN = 10 };

/* Make every folder of a path. */
static void make_folders(const char *path)
{
    char part[PR_TEXT_BYTES];

    snprintf(part, sizeof part, "%s", path);
    for (char *c = part + 1; *c; c++)
        if (*c == '/') {
            *c = 0;
            (void)mkdir(part, 0777);
            *c = '/';
        }
    (void)mkdir(part, 0777); /* what cannot be made is said by whoever opens a file in it */
}

static void generate(const char *kind, uint64_t nodes, uint64_t arcs, const char *path)
{
    pr_gen_options       *o     = bench_new(1, sizeof *o);
    const pr_option_group group = { &pr_gen_option_table, o };
    pr_made               made;

    pr_options_init(&group, 1);
    BENCH_TRY(pr_options_set(&group, 1, "kind", kind));
    BENCH_TRY(pr_options_set(&group, 1, "out", path));
    o->nodes    = nodes;
    o->edges    = arcs;
    o->features = 1; /* rows are not read */
    fprintf(stderr, "bench: making %s\n", path);
    BENCH_TRY(pr_generate(o, NULL, &made));
    free(o);
}

/* Run the script that makes WordNet's graph; false when it fails, its reason is on stderr. */
static bool make_wordnet(const char *path)
{
    char command[2 * PR_TEXT_BYTES];

    snprintf(command, sizeof command, "'%s/scripts/datasets/wordnet' --out '%s' >&2",
             BENCH_SOURCE_DIR, path);
    return system(command) == 0;
}

static const pr_dataset *open_dataset(const char *path)
{
    pr_dataset_options   *o     = bench_new(1, sizeof *o);
    const pr_option_group group = { &pr_dataset_option_table, o };
    const pr_dataset     *dataset;

    pr_options_init(&group, 1);
    BENCH_TRY(pr_options_set(&group, 1, "data", path));
    BENCH_TRY(pr_dataset_open(o, &dataset));
    free(o);
    return dataset;
}

/* One node in ten that has arcs. */
static pr_vids choose_seeds(const pr_graph *g)
{
    pr_vid  *seeds = bench_new(g->num_nodes, sizeof *seeds);
    uint64_t state = 7;
    size_t   n     = 0;

    for (pr_vid v = 0; v < g->num_nodes; v++)
        if (bench_draw_below(&state, ONE_SEED_IN) == 0 && g->indptr[v + 1] > g->indptr[v])
            seeds[n++] = v;
    return (pr_vids){ seeds, n };
}

/* Ends are squares of uniform numbers, so that few nodes have many arcs. */
static void make_small(bench_graph *g)
{
    pr_eid  *indptr  = bench_new(SMALL_NODES + 1, sizeof *indptr);
    pr_vid  *indices = bench_new(SMALL_ARCS, sizeof *indices);
    uint64_t state   = 11;

    for (pr_vid v = 0; v <= SMALL_NODES; v++) indptr[v] = (pr_eid)v * SMALL_ARCS / SMALL_NODES;
    for (uint32_t e = 0; e < SMALL_ARCS; e++) {
        const uint64_t u = bench_draw_below(&state, SMALL_NODES);
        indices[e]       = (pr_vid)(u * u / SMALL_NODES);
    }
    g->graph    = (pr_graph){ SMALL_NODES, SMALL_ARCS, indptr, indices, NULL };
    g->owned[0] = indptr;
    g->owned[1] = indices;
}

bench_graph *bench_graph_new(const char *name, const char *folder)
{
    bench_graph *g = bench_new(1, sizeof *g);
    char         path[PR_TEXT_BYTES + 64], meta[PR_TEXT_BYTES + 128];

    if (!strcmp(name, "small")) {
        make_small(g);
        g->train = choose_seeds(&g->graph);
        return g;
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(meta, sizeof meta, "%s/meta.json", path);
    if (access(meta, R_OK) != 0) {
        make_folders(folder);
        if (!strcmp(name, "planted")) generate("planted", 1000000, BENCH_PLANTED_ARCS, path);
        if (!strcmp(name, "rmat")) generate("rmat", 1 << 20, 32000000, path);
        if (!strncmp(name, "rmat-", 5)) {
            const uint64_t nodes = (uint64_t)1 << strtoul(name + 5, NULL, 10);
            generate("rmat", nodes, 16 * nodes, path);
        }
        if (!strcmp(name, "wordnet") && !make_wordnet(path)) {
            free(g);
            return NULL;
        }
    }
    g->dataset = open_dataset(path);
    g->graph   = g->dataset->graph;
    BENCH_CHECK(
        strcmp(name, "planted") != 0 || g->graph.num_edges > BENCH_PLANTED_ARCS / 100 * 99,
        "%s has %llu arcs of %d: an older packrat made it, which dropped duplicates; remove "
        "it to have it made anew",
        path, (unsigned long long)g->graph.num_edges, BENCH_PLANTED_ARCS);
    g->train =
        !strcmp(name, "wordnet") ? g->dataset->split[PR_SPLIT_MAIN].train : choose_seeds(&g->graph);
    return g;
}

void bench_graph_free(bench_graph *g)
{
    if (!g) return;
    if (!g->dataset || g->train.at != g->dataset->split[PR_SPLIT_MAIN].train.at)
        free((pr_vid *)(uintptr_t)g->train.at);
    pr_dataset_close(g->dataset);
    for (size_t i = 0; i < sizeof g->owned / sizeof *g->owned; i++) free(g->owned[i]);
    free(g);
}
