/* layer_files.c: see layer_files.h. */
#include "pipeline/layer_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/members.h"
#include "loaders/npy.h"
#include "loaders/row_format.h"

enum { MANIFEST_BYTES = 1024 };

/* What a manifest says beside the key. */
typedef struct manifest {
    pri_layer_key key;
    uint32_t      layer, columns;
    uint64_t      rows; /* checksum */
} manifest;

/* ---- the manifest ---- */

/* Give the checksum of all it says. */
static uint64_t sum_of(const manifest *m)
{
    const uint64_t all[] = { m->key.model,     m->key.graph,      m->key.features,
                             m->key.num_nodes, m->key.num_layers, (uint64_t)m->key.feature_norm,
                             m->layer,         m->columns,        m->rows };

    return pri_checksum(all, sizeof all, 0);
}

static pr_status write_manifest(const pri_layer_files *files, const manifest *m)
{
    pr_status   st   = PR_OK;
    pri_outfile file = { 0 };
    pr_json    *json = pr_json_object();
    char       *text = NULL, path[sizeof files->path];

    (void)snprintf(path, sizeof path, "%s/manifest", files->directory);
    PR_CHECK(json, PR_E_NOMEM, "cannot make %s", path);
    PR_TRY(pri_member_set_u64(json, "model", m->key.model));
    PR_TRY(pri_member_set_u64(json, "graph", m->key.graph));
    PR_TRY(pri_member_set_u64(json, "features", m->key.features));
    PR_TRY(pr_json_set_int(json, "nodes", m->key.num_nodes));
    PR_TRY(pr_json_set_int(json, "layers", m->key.num_layers));
    PR_TRY(pr_json_set_int(json, "feature_norm", m->key.feature_norm));
    PR_TRY(pr_json_set_int(json, "layer", m->layer));
    PR_TRY(pr_json_set_int(json, "columns", m->columns));
    PR_TRY(pri_member_set_u64(json, "rows", m->rows));
    PR_TRY(pri_member_set_u64(json, "checksum", sum_of(m)));
    text = pr_json_text(json);
    PR_CHECK(text, PR_E_NOMEM, "cannot make %s", path);
    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(pri_outfile_write(&file, text, strlen(text)));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    free(text);
    pr_json_free(json);
    return st;
}

/* Read what write_manifest wrote; PR_E_INPUT for anything else. */
static pr_status read_manifest(const char *path, manifest *m)
{
    pr_status   st   = PR_OK;
    pri_members from = { .path = path };
    pr_json    *json = NULL;
    char       *text = NULL;
    int64_t     norm = 0;
    uint64_t    sum  = 0;
    size_t      bytes;

    *m = (manifest){ .layer = 0 };
    PR_TRY(pri_file_read(path, MANIFEST_BYTES, &text, &bytes));
    PR_TRY(pri_json_parse(text, bytes, path, &json));
    from.object = json;
    PR_TRY(pri_member_u64(&from, "model", &m->key.model));
    PR_TRY(pri_member_u64(&from, "graph", &m->key.graph));
    PR_TRY(pri_member_u64(&from, "features", &m->key.features));
    PR_TRY(pri_member_u32(&from, "nodes", &m->key.num_nodes));
    PR_TRY(pri_member_u32(&from, "layers", &m->key.num_layers));
    PR_TRY(pri_member_int(&from, "feature_norm", INT32_MIN, INT32_MAX, &norm));
    m->key.feature_norm = (int32_t)norm;
    PR_TRY(pri_member_u32(&from, "layer", &m->layer));
    PR_TRY(pri_member_u32(&from, "columns", &m->columns));
    PR_TRY(pri_member_u64(&from, "rows", &m->rows));
    PR_TRY(pri_member_u64(&from, "checksum", &sum));
    PR_CHECK(sum == sum_of(m) && m->layer >= 1 && m->layer < m->key.num_layers && m->columns >= 1 &&
                 m->columns <= 1u << 20,
             PR_E_INPUT, "%s: its checksum, layer or columns are wrong", path);
done:
    if (st == PR_E_INPUT) pri_error_prefix("%s: is damaged: ", path);
    pr_json_free(json);
    pri_free(text);
    return st;
}

/* ---- rows of a layer ---- */

static void name_rows(pri_layer_files *files, uint32_t layer)
{
    (void)snprintf(files->path, sizeof files->path, "%s/layer-%u.npy", files->directory, layer);
}

static void close_rows(pri_layer_files *files)
{
    if (files->is_open && files->file.fd >= 0) (void)close(files->file.fd);
    pr_npy_close(&files->rows);
    files->is_open = false;
}

/* Open a layer's rows as features of the next. */
static pr_status open_rows(pri_layer_files *files, uint32_t layer, uint32_t columns)
{
    pr_status      st = PR_OK;
    struct stat    info;
    const uint64_t row_bytes = columns * sizeof(float);

    name_rows(files, layer);
    PR_TRY(pr_npy_open(files->path, &files->rows));
    const int fd   = open(files->path, O_RDONLY | O_CLOEXEC);
    files->is_open = true;
    files->file    = (pr_row_file){ .path      = files->path,
                                    .fd        = fd,
                                    .format    = PR_ROWS_F32,
                                    .row_bytes = row_bytes,
                                    .mapped    = files->rows.data,
                                    .checked   = true };
    PR_CHECK(fd >= 0 && fstat(fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", files->path,
             strerror(errno));
    const pr_npy *rows = &files->rows;
    PR_CHECK(
        rows->dtype == PR_F32 && rows->num_dims == 2 && rows->shape[0] == files->key.num_nodes &&
            rows->shape[1] == columns && rows->mapping_bytes > 0,
        PR_E_INPUT, "%s: is not %u rows of %u columns", files->path, files->key.num_nodes, columns);
    files->file.file_bytes = (uint64_t)info.st_size;
    files->file.first_byte = (uint64_t)((const char *)rows->data - (const char *)rows->mapping);
    files->features        = (pr_features){ .kind     = PR_FEATURES_DENSE,
                                            .num_rows = files->key.num_nodes,
                                            .num_cols = columns,
                                            .rows     = rows->data,
                                            .ld       = columns,
                                            .file     = &files->file };
    files->layer           = layer;
done:
    if (st != PR_OK) close_rows(files);
    return st;
}

/* Compare every row with the checksum, through reads: mapped pages would stay in memory. */
static pr_status check_rows(const pri_layer_files *files, uint64_t wanted)
{
    pr_status      st   = PR_OK;
    uint64_t       sum  = 0;
    const uint32_t rows = files->key.num_nodes, most = pri_answers_block(files->file.row_bytes);
    float         *block;

    PR_NEW(block, (size_t)most * files->features.num_cols);
    for (uint32_t first = 0, n; first < rows; first += n) {
        n = rows - first < most ? rows - first : most;
        PR_TRY(pri_row_file_read(&files->file, first * (uint64_t)files->file.row_bytes,
                                 n * files->file.row_bytes, block));
        sum = pri_checksum(block, n * files->file.row_bytes, sum);
    }
    PR_CHECK(sum == wanted, PR_E_INPUT, "%s: its checksum is %016" PRIx64 ", must be %016" PRIx64,
             files->path, sum, wanted);
done:
    pri_free(block);
    return st;
}

/* ---- the directory ---- */

/* Remove what is ours and not of the layer: older layers, and temporary files of those that were
 * killed; we hold the lock. */
static void sweep(const pri_layer_files *files, bool all)
{
    DIR *listed = opendir(files->directory);
    char keep[32], path[PR_TEXT_BYTES + 300];

    (void)snprintf(keep, sizeof keep, "layer-%u.npy", all ? 0 : files->layer);
    for (struct dirent *e = listed ? readdir(listed) : NULL; e; e = readdir(listed)) {
        const bool layer = !strncmp(e->d_name, "layer-", 6) && strcmp(e->d_name, keep) != 0;
        const bool plain = !strcmp(e->d_name, "manifest") || !strcmp(e->d_name, "lock");
        const bool left  = !strncmp(e->d_name, "manifest.tmp-", 13);
        if (!layer && !left && !(all && plain)) continue;
        (void)snprintf(path, sizeof path, "%s/%s", files->directory, e->d_name);
        (void)unlink(path);
    }
    if (listed) (void)closedir(listed);
}

static pr_status take_lock(pri_layer_files *files)
{
    pr_status st = PR_OK;
    char      path[sizeof files->path];

    PR_CHECK(mkdir(files->directory, 0777) == 0 || errno == EEXIST, PR_E_IO,
             "%s: cannot be made: %s", files->directory, strerror(errno));
    (void)snprintf(path, sizeof path, "%s/lock", files->directory);
    files->lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666);
    PR_CHECK(files->lock >= 0, PR_E_IO, "%s: cannot be written: %s", path, strerror(errno));
    PR_CHECK(flock(files->lock, LOCK_EX | LOCK_NB) == 0 || errno == EOPNOTSUPP || errno == ENOLCK,
             PR_E_IO, "%s: another process works there", files->directory);
done:
    return st;
}

/* Refuse what others left. */
static pr_status compare(const pri_layer_files *files, const pri_layer_key *found)
{
    pr_status            st        = PR_OK;
    const pri_layer_key *own       = &files->key;
    static const char    another[] = "remove it, or name another --work";

    PR_CHECK(found->model == own->model && found->num_layers == own->num_layers, PR_E_MISMATCH,
             "%s: has layers of checkpoint %016" PRIx64 ", this is %016" PRIx64 "; %s",
             files->directory, found->model, own->model, another);
    PR_CHECK(found->graph == own->graph && found->num_nodes == own->num_nodes, PR_E_MISMATCH,
             "%s: has layers of graph %016" PRIx64 " with %u nodes, this is %016" PRIx64
             " with %u; %s",
             files->directory, found->graph, found->num_nodes, own->graph, own->num_nodes, another);
    PR_CHECK(found->features == own->features && found->feature_norm == own->feature_norm,
             PR_E_MISMATCH,
             "%s: has layers of features %016" PRIx64 ", these are %016" PRIx64 "; %s",
             files->directory, found->features, own->features, another);
done:
    return st;
}

/* Look for a finished layer; none is fine. */
static pr_status find_layer(pri_layer_files *files)
{
    pr_status st = PR_OK;
    manifest  m;
    char      path[sizeof files->path];

    (void)snprintf(path, sizeof path, "%s/manifest", files->directory);
    if (access(path, F_OK) != 0) return PR_OK;
    PR_TRY(read_manifest(path, &m));
    PR_TRY(compare(files, &m.key));
    PR_TRY(open_rows(files, m.layer, m.columns));
    PR_TRY(check_rows(files, m.rows));
done:
    return st;
}

pr_status pri_layer_files_open(const char *directory, const pri_layer_key *key,
                               pri_layer_files *out)
{
    pr_status st = PR_OK;

    *out = (pri_layer_files){ .lock = -1, .key = *key };
    (void)snprintf(out->directory, sizeof out->directory, "%s", directory);
    PR_TRY(take_lock(out));
    st = find_layer(out);
    if (st == PR_E_INPUT) {
        pr_diag(PR_WARN, "%s; layers are made anew", pr_error_message());
        close_rows(out);
        out->layer = 0;
        st         = PR_OK;
    }
    PR_TRY(st);
    sweep(out, false);
done:
    if (st != PR_OK) pri_layer_files_close(out);
    return st;
}

pr_status pri_layer_files_begin(const pri_layer_files *files, uint32_t layer, uint32_t columns,
                                const volatile int *stop, pri_answers **out)
{
    char                    path[sizeof files->path];
    const pri_answers_setup setup = { .path      = path,
                                      .kind      = PRI_ANSWER_LOGITS,
                                      .columns   = columns,
                                      .num_nodes = files->key.num_nodes,
                                      .n         = files->key.num_nodes,
                                      .stop      = stop };

    (void)snprintf(path, sizeof path, "%s/layer-%u.npy", files->directory, layer);
    return pri_answers_create(&setup, out);
}

pr_status pri_layer_files_end(pri_layer_files *files, uint32_t layer, pri_answers *rows)
{
    pr_status      st = PR_OK;
    const manifest m  = { .key = files->key, .layer = layer, .columns = pri_answers_columns(rows) };

    PR_TRY(pri_answers_commit(rows));
    manifest whole = m;
    whole.rows     = pri_answers_checksum(rows);
    PR_TRY(write_manifest(files, &whole));
    close_rows(files);
    PR_TRY(open_rows(files, layer, m.columns));
    sweep(files, false);
done:
    return st;
}

void pri_layer_files_close(pri_layer_files *files)
{
    close_rows(files);
    if (files->directory[0] && files->lock >= 0) (void)close(files->lock);
    *files = (pri_layer_files){ .lock = -1 };
}

void pri_layer_files_remove(pri_layer_files *files)
{
    close_rows(files);
    sweep(files, true);
    (void)rmdir(files->directory);
}

/* ---- features ---- */

static uint64_t of_csr(const pr_features *x)
{
    const uint64_t nnz = x->indptr[x->num_rows];
    uint64_t       sum = pri_checksum(x->indptr, (x->num_rows + (size_t)1) * sizeof *x->indptr, 0);

    sum = pri_checksum(x->indices, nnz * sizeof *x->indices, sum);
    return pri_checksum(x->data, nnz * sizeof *x->data, sum);
}

/* Rows of a file are read as they are in it, whatever the format; a mapped file through reads too,
 * so that its pages do not count as ours. */
pr_status pri_features_fingerprint(const pr_features *x, const volatile int *stop, uint64_t *out)
{
    pr_status      st    = PR_OK;
    const size_t   bytes = x->file ? x->file->row_bytes : x->num_cols * sizeof(float);
    const uint32_t most  = pri_answers_block(bytes ? bytes : 1);
    uint64_t       sum   = x->num_cols;
    char          *block = NULL;

    if (x->kind == PR_FEATURES_CSR) {
        *out = of_csr(x);
        return PR_OK;
    }
    if (x->file) PR_NEW(block, most * bytes);
    for (uint32_t first = 0, n; first < x->num_rows; first += n) {
        n = x->num_rows - first < most ? x->num_rows - first : most;
        PR_CHECK(!stop || !*stop, PR_E_INTERRUPTED, "interrupted while features were looked at");
        if (x->file) {
            PR_TRY(pri_row_file_read(x->file, first * (uint64_t)bytes, n * bytes, block));
            sum = pri_checksum(block, n * bytes, sum);
        } else {
            for (uint32_t i = 0; i < n; i++)
                sum = pri_checksum(x->rows + (first + i) * x->ld, bytes, sum);
        }
    }
    if (x->file && x->file->scale)
        sum = pri_checksum(x->file->scale, x->num_rows * sizeof *x->file->scale, sum);
    *out = sum;
done:
    pri_free(block);
    return st;
}
