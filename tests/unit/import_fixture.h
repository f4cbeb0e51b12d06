/* import_fixture.h: a small graph as files of a user, for the tests of import. */
#ifndef TESTS_IMPORT_FIXTURE_H
#define TESTS_IMPORT_FIXTURE_H

#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loaders/write.h"

static inline void init(pr_import_options *o)
{
    const pr_option_group group = { &pr_import_option_table, o };
    pr_options_init(&group, 1);
}

static inline void set(char member[PR_TEXT_BYTES], const char *text)
{
    snprintf(member, PR_TEXT_BYTES, "%s", text);
}

static inline const char *text_file(const char *directory, const char *name, const char *text)
{
    return test_file(directory, name, text, strlen(text));
}

/* Give directory/name, borrowed until the fourth next call. */
static inline const char *in(const char *directory, const char *name)
{
    static char paths[4][2 * PR_TEXT_BYTES];
    static int  next;
    char       *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static inline const pr_dataset *open_dir(const char *directory)
{
    static pr_dataset_options o;
    const pr_dataset         *d;

    set(o.data, directory);
    o.feature_norm = PR_NORM_NONE;
    assert_ok(pr_dataset_open(&o, &d));
    return d;
}

static inline int num_entries(const char *directory)
{
    DIR *list = opendir(directory);
    int  n    = 0;
    assert_non_null(list);
    while (readdir(list)) n++;
    closedir(list);
    return n - 2;
}

static inline void expect_list(pr_vids list, size_t n, const pr_vid *want)
{
    assert_int_equal(list.n, n);
    if (n > 0) assert_memory_equal(list.at, want, n * sizeof *want);
}

static inline pr_vids part(const pr_split *split, int p)
{
    return p == 0 ? split->train : p == 1 ? split->val : split->test;
}

static const char small_edges[]  = "# four nodes\n0 1\n1 0\n2 1\n2 1\n3 3\n0 3\n";
static const char small_rows[]   = "a,b\n1,2\n3,4\n5,-6e1\n7,.5\n";
static const char small_labels[] = "0\n1\n-1\n2\n";

/* An options struct for the small graph in a fresh directory, out not made yet. */
static inline const char *small(pr_import_options *o)
{
    const char *directory = test_directory();

    init(o);
    set(o->source, text_file(directory, "edges.txt", small_edges));
    set(o->features, text_file(directory, "rows.csv", small_rows));
    set(o->labels, text_file(directory, "labels.csv", small_labels));
    set(o->out, in(directory, "out"));
    return directory;
}

#endif
