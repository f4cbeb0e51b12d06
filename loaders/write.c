/* write.c: a dataset directory written whole or not at all: files go to "<dir>.tmp-<pid>", which
 * is renamed last. */
#include "loaders/write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/outfile.h"
#include "loaders/graph_figures.h"
#include "loaders/npy.h"
#include "loaders/row_format.h"

enum { DIR_BYTES = PR_TEXT_BYTES };

/* The directory being made. */
typedef struct target {
    char                dir[DIR_BYTES];            /* without trailing slashes */
    char                temporary[DIR_BYTES + 32]; /* where the files go first */
    void               *chunk;                     /* PRI_WRITE_BYTES for conversions */
    const volatile int *stop;
} target;

/* Every file a dataset may have, for clearing up. */
static const char *const files[] = {
    "indptr.npy",       "indices.npy",    "feat.npy",          "feat_indptr.npy",
    "feat_indices.npy", "feat_data.npy",  "label.npy",         "train_idx.npy",
    "val_idx.npy",      "test_idx.npy",   "alt_train_idx.npy", "alt_val_idx.npy",
    "alt_test_idx.npy", "ids.npy",        "node_ids.npy",      "edge_weight.npy",
    "meta.json",        "feat_scale.npy", "train_edges.npy",   "val_edges.npy",
    "test_edges.npy",
};

static bool is_empty_directory(const char *dir)
{
    DIR *list = opendir(dir);
    if (!list) return false;
    int            others = 0;
    struct dirent *entry;
    while ((entry = readdir(list)) != NULL)
        others += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(list);
    return others == 0;
}

/* Copy the name without trailing slashes; the last part must be a name of its own. */
static pr_status clean_name(const char *dir, char out[DIR_BYTES])
{
    pr_status st    = PR_OK;
    size_t    bytes = dir ? strlen(dir) : 0;

    PR_CHECK(bytes > 0, PR_E_ARG, "the output directory's name is empty");
    while (bytes > 1 && dir[bytes - 1] == '/') bytes--;
    PR_CHECK(bytes < DIR_BYTES - 64, PR_E_ARG,
             "the output directory's name has %zu bytes, at most %d are allowed", bytes,
             DIR_BYTES - 65);
    memcpy(out, dir, bytes);
    out[bytes]        = '\0';
    const char *slash = strrchr(out, '/');
    const char *last  = slash ? slash + 1 : out;
    PR_CHECK(last[0] && strcmp(last, ".") != 0 && strcmp(last, "..") != 0, PR_E_ARG,
             "%s: the output directory must be called by a name of its own", dir);
done:
    return st;
}

/* Give the directory that holds `dir`. */
static void parent_of(const char dir[DIR_BYTES], char out[DIR_BYTES])
{
    const char *slash = strrchr(dir, '/');

    if (!slash)
        snprintf(out, DIR_BYTES, ".");
    else if (slash == dir)
        snprintf(out, DIR_BYTES, "/");
    else
        snprintf(out, DIR_BYTES, "%.*s", (int)(slash - dir), dir);
}

static pr_status check_clean_target(const char dir[DIR_BYTES])
{
    pr_status   st = PR_OK;
    char        parent[DIR_BYTES];
    struct stat info;

    parent_of(dir, parent);
    PR_CHECK(stat(parent, &info) == 0, PR_E_IO, "%s: cannot be made: %s: %s", dir, parent,
             strerror(errno));
    PR_CHECK(S_ISDIR(info.st_mode), PR_E_IO, "%s: cannot be made: %s is not a directory", dir,
             parent);
    if (lstat(dir, &info) == 0) {
        PR_CHECK(S_ISDIR(info.st_mode), PR_E_ARG,
                 "%s: exists and is not a directory; the output must not exist or be empty", dir);
        PR_CHECK(is_empty_directory(dir), PR_E_ARG,
                 "%s: is not empty; the output must not exist or be an empty directory", dir);
    }
    PR_CHECK(access(parent, W_OK | X_OK) == 0, PR_E_IO, "%s: cannot be made in %s: %s", dir, parent,
             strerror(errno));
done:
    return st;
}

pr_status pri_dataset_target_check(const char *dir)
{
    pr_status st = PR_OK;
    char      clean[DIR_BYTES];

    PR_TRY(clean_name(dir, clean));
    PR_TRY(check_clean_target(clean));
done:
    return st;
}

pr_status pri_dataset_target_parent(const char *dir, char out[PR_TEXT_BYTES])
{
    pr_status st = PR_OK;
    char      clean[DIR_BYTES];

    PR_TRY(clean_name(dir, clean));
    parent_of(clean, out);
done:
    return st;
}

static void file_path(const target *t, const char *file, char out[DIR_BYTES + 64])
{
    snprintf(out, DIR_BYTES + 64, "%s/%s", t->temporary, file);
}

static pr_status check_stop(const target *t)
{
    pr_status st = PR_OK;
    PR_CHECK(!t->stop || !*t->stop, PR_E_INTERRUPTED, "%s: interrupted, nothing was made", t->dir);
done:
    return st;
}

/* A source of elements, chunk by chunk: write elements first .. first+count-1 to `to`. */
typedef pr_status (*fill_chunk)(const void *source, uint64_t first, uint64_t count, void *to);

static pr_status widen_labels(const void *source, uint64_t first, uint64_t count, void *to)
{
    for (uint64_t i = 0; i < count; i++) ((int64_t *)to)[i] = ((const int32_t *)source)[first + i];
    return PR_OK;
}

static pr_status widen_ids(const void *source, uint64_t first, uint64_t count, void *to)
{
    for (uint64_t i = 0; i < count; i++) ((int64_t *)to)[i] = ((const uint32_t *)source)[first + i];
    return PR_OK;
}

int pri_arrays_row_format(const pri_dataset_arrays *arrays)
{
    const pr_features *f = &arrays->features;

    if (arrays->fill_packed) return arrays->row_format;
    return f->file && !arrays->fill_rows ? f->file->format : PR_ROWS_F32;
}

/* Rows as their file has them. */
static pr_status copy_packed(const pr_features *f, pr_vid first, pr_vid count, void *to)
{
    pr_status          st   = PR_OK;
    const pr_row_file *file = f->file;
    const uint64_t     n    = (uint64_t)count * f->num_cols;

    PR_TRY(pri_row_file_read(file, first * (uint64_t)file->row_bytes, count * file->row_bytes, to));
    if (file->checked) return PR_OK;
    pri_row_file_forget(file, first, count);
    const uint64_t odd = pri_values_finite(file->format, to, n);
    if (odd < n)
        PR_TRY(pri_row_not_finite(file, first + odd / f->num_cols, odd % f->num_cols,
                                  (char *)to + odd * pri_row_bytes(file->format, 1)));
done:
    return st;
}

/* Packed rows, from the caller's function, a file or memory. */
static pr_status fill_dense(const void *source, uint64_t first, uint64_t count, void *to)
{
    const pri_dataset_arrays *arrays = source;
    const pr_features        *f      = &arrays->features;
    void                     *about  = arrays->fill_context;

    if (arrays->fill_packed) return arrays->fill_packed(about, (pr_vid)first, (pr_vid)count, to);
    if (arrays->fill_rows) return arrays->fill_rows(about, (pr_vid)first, (pr_vid)count, to);
    if (f->file) return copy_packed(f, (pr_vid)first, (pr_vid)count, to);
    for (uint64_t v = 0; v < count; v++)
        memcpy((float *)to + v * f->num_cols, f->rows + (first + v) * f->ld,
               f->num_cols * sizeof(float));
    return PR_OK;
}

/* Write one array of `rows` rows of `row_bytes`, made chunk by chunk, or taken from `source` as it
 * is when there is no `fill`. */
static pr_status write_array(const target *t, const char *name, pr_dtype dtype, uint32_t num_dims,
                             const uint64_t *shape, fill_chunk fill, const void *source)
{
    pr_status      st        = PR_OK;
    pri_outfile    file      = { 0 };
    const uint64_t row_bytes = pri_dtype_bytes(dtype) * (num_dims > 1 ? shape[1] : 1);
    const uint64_t most      = row_bytes < PRI_WRITE_BYTES ? PRI_WRITE_BYTES / row_bytes : 1;
    char           path[DIR_BYTES + 64];

    file_path(t, name, path);
    PR_TRY(check_stop(t));
    const bool large = row_bytes * shape[0] > pr_memory_available() / 2;
    PR_TRY(pri_npy_begin_at(&file, path, dtype, num_dims, shape,
                            num_dims == 2 ? PRI_ROWS_AT : 0)); /* of two: rows */
    for (uint64_t first = 0; first < shape[0]; first += most) {
        const uint64_t count = shape[0] - first < most ? shape[0] - first : most;
        const void    *from  = t->chunk;
        if (fill)
            PR_TRY(fill(source, first, count, t->chunk));
        else
            from = (const char *)source + first * row_bytes;
        PR_TRY(pri_outfile_write(&file, from, count * row_bytes));
        if (large) pri_outfile_settle(&file);
        PR_TRY(check_stop(t));
    }
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    return st;
}

static pr_status write_features(const target *t, const pri_dataset_arrays *arrays)
{
    pr_status          st = PR_OK;
    const pr_features *f  = &arrays->features;
    const uint64_t     N  = f->num_rows;

    if (f->kind == PR_FEATURES_DENSE) {
        const uint64_t shape[] = { N, f->num_cols };
        const int      format  = pri_arrays_row_format(arrays);
        PR_TRY(write_array(t, "feat.npy", pri_row_dtype(format), 2, shape, fill_dense, arrays));
        const float *scale = arrays->fill_packed ? arrays->row_scale
                             : f->file           ? f->file->scale
                                                 : NULL;
        if (format == PR_ROWS_INT8)
            PR_TRY(write_array(t, "feat_scale.npy", PR_F32, 1, &N, NULL, scale));
    } else {
        const uint64_t offsets = N + 1, nnz = f->indptr[N];
        PR_TRY(write_array(t, "feat_indptr.npy", PR_I64, 1, &offsets, NULL, f->indptr));
        PR_TRY(write_array(t, "feat_indices.npy", PR_I32, 1, &nnz, NULL, f->indices));
        PR_TRY(write_array(t, "feat_data.npy", PR_F32, 1, &nnz, NULL, f->data));
    }
done:
    return st;
}

static pr_status write_splits(const target *t, const pri_dataset_arrays *arrays)
{
    pr_status st = PR_OK;
    char      name[32];

    for (int s = 0; s < PR_NUM_SPLITS; s++) {
        const pr_split *split  = &arrays->split[s];
        const pr_vids   part[] = { split->train, split->val, split->test };
        const char     *word[] = { "train", "val", "test" };
        for (int p = 0; arrays->has_split[s] && p < 3; p++) {
            const uint64_t n = part[p].n;
            snprintf(name, sizeof name, "%s%s_idx.npy", s == PR_SPLIT_ALT ? "alt_" : "", word[p]);
            PR_TRY(write_array(t, name, PR_I64, 1, &n, widen_ids, part[p].at));
        }
    }
done:
    return st;
}

static pr_status widen_ends(const void *source, uint64_t first, uint64_t count, void *to)
{
    return widen_ids(source, 2 * first, 2 * count, to);
}

static pr_status write_edge_lists(const target *t, const pri_dataset_arrays *arrays)
{
    pr_status st = PR_OK;

    for (int i = 0; i < PRI_NUM_EDGE_LISTS; i++) {
        const pri_edge_list *list    = &arrays->edges[i];
        const uint64_t       shape[] = { list->n, 2 };
        if (!list->ends) continue;
        PR_TRY(write_array(t, pri_edge_list_name[i], PR_I64, 2, shape, widen_ends, list->ends));
    }
done:
    return st;
}

static pr_status write_meta(const target *t, const pri_dataset_arrays *arrays)
{
    pr_status   st   = PR_OK;
    pr_json    *json = NULL;
    pri_outfile file = { 0 };
    char        path[DIR_BYTES + 64];

    file_path(t, "meta.json", path);
    PR_TRY(pri_figures_json(arrays, &json));
    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(pr_json_write(json, file.stream));
    PR_TRY(pri_outfile_write(&file, "\n", 1));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    pr_json_free(json);
    return st;
}

static pr_status write_files(const target *t, const pri_dataset_arrays *arrays)
{
    pr_status       st = PR_OK;
    const pr_graph *g  = &arrays->graph;
    const uint64_t  N = g->num_nodes, E = g->num_edges;
    const uint64_t  offsets = N + 1;

    PR_TRY(write_array(t, "indptr.npy", PR_I64, 1, &offsets, NULL, g->indptr));
    if (!arrays->make_arcs) PR_TRY(write_array(t, "indices.npy", PR_U32, 1, &E, NULL, g->indices));
    if (g->weights) PR_TRY(write_array(t, "edge_weight.npy", PR_F32, 1, &E, NULL, g->weights));
    PR_TRY(write_features(t, arrays));
    if (arrays->labels)
        PR_TRY(write_array(t, "label.npy", PR_I64, 1, &N, widen_labels, arrays->labels));
    if (arrays->targets) {
        const uint64_t shape[] = { N, arrays->num_classes };
        PR_TRY(write_array(t, "label.npy", PR_U8, 2, shape, NULL, arrays->targets));
    }
    PR_TRY(write_splits(t, arrays));
    PR_TRY(write_edge_lists(t, arrays));
    if (arrays->original_ids)
        PR_TRY(write_array(t, "ids.npy", PR_I64, 1, &N, NULL, arrays->original_ids));
    if (arrays->node_ids)
        PR_TRY(write_array(t, "node_ids.npy", PR_I64, 1, &N, widen_ids, arrays->node_ids));
    PR_TRY(write_meta(t, arrays));
    PR_TRY(check_stop(t));
done:
    return st;
}

static void sync_directory(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)fsync(fd); /* best effort: some file systems refuse */
    (void)close(fd);
}

static void remove_temporary(const target *t)
{
    char path[DIR_BYTES + 64];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        file_path(t, files[i], path);
        (void)unlink(path);
    }
    (void)rmdir(t->temporary);
}

static void set_made(const pri_dataset_arrays *arrays, pr_made *made)
{
    const bool has = arrays->has_split[PR_SPLIT_MAIN];

    made->nodes    = arrays->graph.num_nodes;
    made->edges    = arrays->graph.num_edges;
    made->features = arrays->features.num_cols;
    made->classes  = arrays->num_classes;
    made->train    = has ? arrays->split[PR_SPLIT_MAIN].train.n : 0;
    made->val      = has ? arrays->split[PR_SPLIT_MAIN].val.n : 0;
    made->test     = has ? arrays->split[PR_SPLIT_MAIN].test.n : 0;
}

pr_status pri_dataset_write(const char *dir, const pri_dataset_arrays *arrays,
                            const volatile int *stop, pr_made *made)
{
    pr_status          st   = PR_OK;
    pri_dataset_arrays full = *arrays;
    target             t    = { .stop = stop };
    char               parent[DIR_BYTES];
    bool               begun = false;

    PR_TRY(clean_name(dir, t.dir));
    PR_TRY(check_clean_target(t.dir));
    parent_of(t.dir, parent);
    const size_t row_bytes = (size_t)arrays->features.num_cols * sizeof(float);
    t.chunk = pri_calloc(row_bytes > PRI_WRITE_BYTES ? row_bytes : PRI_WRITE_BYTES, 1);
    PR_CHECK(t.chunk, PR_E_NOMEM, "%s: cannot allocate %d bytes to write through", t.dir,
             PRI_WRITE_BYTES);
    snprintf(t.temporary, sizeof t.temporary, "%s.tmp-%ld", t.dir, (long)getpid());
    PR_CHECK(mkdir(t.temporary, 0777) == 0, PR_E_IO, "%s: cannot be made: %s", t.temporary,
             strerror(errno));
    begun = true;
    if (full.make_arcs) PR_TRY(full.make_arcs(full.arcs_context, t.temporary, &full));
    PR_TRY(write_files(&t, &full));
    sync_directory(t.temporary);
    PR_CHECK(rename(t.temporary, t.dir) == 0, PR_E_IO, "%s: cannot be renamed to %s: %s",
             t.temporary, t.dir, strerror(errno));
    begun = false;
    sync_directory(parent);
    if (made) set_made(&full, made);
done:
    if (begun) remove_temporary(&t);
    pri_free(t.chunk);
    return st;
}
