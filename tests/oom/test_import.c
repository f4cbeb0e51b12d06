/* test_import.c: every allocation of import and gen fails in turn: out of memory is reported,
 * nothing leaks, nothing half-written stays. */
#include "support/support.h"

#include <dirent.h>

#include "loaders/csc.h"
#include "loaders/edges.h"
#include "loaders/table.h"

enum { PAIRS = 5000, NODES = 50, COLUMNS = 200 }; /* arrays grow several times */

static int num_entries(const char *directory)
{
    DIR *list = opendir(directory);
    int  n    = 0;
    assert_non_null(list);
    while (readdir(list)) n++;
    closedir(list);
    return n;
}

static const char *write_text(const char *directory, const char *name, int lines, int columns,
                              char separator, uint32_t below)
{
    test_rng rng   = { .key = test_seed() };
    char    *text  = malloc((size_t)lines * (size_t)columns * 12);
    size_t   bytes = 0;

    assert_non_null(text);
    for (int i = 0; i < lines; i++)
        for (int c = 0; c < columns; c++) {
            const uint32_t value = c == 0 && i < (int)below ? (uint32_t)i : test_below(&rng, below);
            bytes +=
                (size_t)sprintf(text + bytes, "%u%c", value, c + 1 < columns ? separator : '\n');
        }
    const char *path = test_file(directory, name, text, bytes);
    free(text);
    return path;
}

/* A job: its options, and the directory that it must leave as it was when it fails. */
typedef struct job {
    bool              generate;
    pr_import_options import;
    pr_gen_options    gen;
    const char       *directory;
    int               num_entries;
} job;

static pr_status run(void *context, void **out)
{
    job            *j = context;
    pr_made         made;
    const pr_status st =
        j->generate ? pr_generate(&j->gen, NULL, &made) : pr_import(&j->import, NULL, &made);

    if (st == PR_OK)
        *out = j;
    else
        assert_int_equal(num_entries(j->directory), j->num_entries);
    return st;
}

static void forget(void *context)
{
    (void)context;
}

static void import_survives_each_failed_allocation(void **state)
{
    (void)state;
    static const uint8_t sets[NODES * 3] = { 1 };
    const uint64_t       shape[]         = { NODES, 3 };

    for (int form = 0; form < 7; form++) { /* 4 and 5 read weights, 6 any number of labels */
        static job  j;
        const char *directory = test_directory();
        pr_options_init(&(pr_option_group){ &pr_import_option_table, &j.import }, 1);
        snprintf(j.import.source, PR_TEXT_BYTES, "%s",
                 write_text(directory, "edges.txt", PAIRS, form / 2 == 2 ? 3 : 2, ' ', NODES));
        snprintf(j.import.features, PR_TEXT_BYTES, "%s",
                 write_text(directory, "rows.csv", NODES, COLUMNS, ',', NODES));
        snprintf(j.import.labels, PR_TEXT_BYTES, "%s",
                 write_text(directory, "labels.csv", NODES, 2, ',', NODES));
        if (form == 6) {
            snprintf(j.import.labels, PR_TEXT_BYTES, "%s/labels.npy", directory);
            assert_ok(pr_npy_write(j.import.labels, PR_U8, 2, shape, sets));
        }
        snprintf(j.import.out, PR_TEXT_BYTES, "%s/out", directory);
        j.import.remap        = form & 1;
        j.import.undirected   = form & 2;
        j.import.edge_weights = form / 2 == 2;
        j.directory           = directory;
        j.num_entries         = num_entries(directory);
        test_oom(form & 1 ? "import, remapped" : "import", run, forget, &j);
        assert_int_equal(num_entries(directory), j.num_entries + 1);

        snprintf(j.import.source, PR_TEXT_BYTES, "%s/out", directory); /* and the directory anew */
        snprintf(j.import.out, PR_TEXT_BYTES, "%s/again", directory);
        j.import.features[0] = j.import.labels[0] = '\0';
        j.import.remap = j.import.undirected = j.import.edge_weights = false;
        j.num_entries++;
        test_oom("import of a directory", run, forget, &j);
    }
}

static void gen_survives_each_failed_allocation(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* the last: any number of labels */
        static job  j;
        const char *directory = test_directory();
        pr_options_init(&(pr_option_group){ &pr_gen_option_table, &j.gen }, 1);
        j.generate  = true;
        j.gen.kind  = kind == 1;
        j.gen.nodes = 100, j.gen.edges = 600;
        j.gen.edge_weights = kind == 1 ? 2 : 0; /* pareto */
        j.gen.multi_label  = kind == 2;
        snprintf(j.gen.out, PR_TEXT_BYTES, "%s/out", directory);
        j.directory   = directory;
        j.num_entries = num_entries(directory);
        test_oom(kind == 1 ? "gen rmat" : "gen planted", run, forget, &j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(import_survives_each_failed_allocation),
        cmocka_unit_test(gen_survives_each_failed_allocation),
    };
    pr_diag_set_level(PR_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
