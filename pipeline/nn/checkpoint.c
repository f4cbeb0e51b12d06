/* checkpoint.c: a model, and where its training stood, in a file (docs/file-format.md,
 * "Checkpoint"):
 *
 *     16 bytes   magic, version, length of the header
 *     header     one JSON object, padded with spaces to a multiple of 64 with what is before it
 *     arrays     as the header lists them, one behind the other
 *     8 bytes    checksum of all before it
 *
 * Version 1 had no list: parameters, m and v of Adam, each f32 [num_parameters].
 *
 * Reading trusts nothing: the file's length must be what its header implies before memory is
 * taken, and the checksum must agree before the model is handed out. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/outfile.h"
#include "pipeline/nn/checkpoint_header.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checkpoints are little endian");

enum { MAX_HEADER_BYTES = 1 << 20, ALIGNMENT = 64, ELEMENT_BYTES = 4 };

static const char magic[8] = { 'P', 'R', 'C', 'H', 'K', 'P', 'T', '\n' };

typedef struct prefix {
    char     magic[8];
    uint32_t version, header_bytes;
} prefix;

/* ---- save ---- */

/* The arrays of a file; those of no elements are left out. */
typedef struct contents {
    const void *at[PRI_NUM_ARRAYS];
    uint64_t    count[PRI_NUM_ARRAYS];
} contents;

static bool is_zero(const float *at, size_t count)
{
    static const float zero[256];

    for (size_t i = 0; i < count; i += 256) {
        const size_t n = count - i < 256 ? count - i : 256;
        if (memcmp(at + i, zero, n * sizeof *zero) != 0) return false;
    }
    return true;
}

/* Decide what is written: nothing twice, and no zeros of an optimiser that keeps nothing there. */
static contents contents_of(const pri_checkpoint *c)
{
    const pr_model *latest = c->latest ? c->latest : c->model;
    const size_t    count  = (size_t)latest->shape.num_parameters;
    contents        all    = { .at    = { c->model->parameters, latest->parameters, latest->adam_m,
                                          latest->adam_v, c->recent },
                               .count = { count, count, count, count, c->num_recent } };

    if (!memcmp(c->model->parameters, latest->parameters, count * sizeof(float)))
        all.count[PRI_ARRAY_LATEST] = 0;
    if (is_zero(latest->adam_m, count)) all.count[PRI_ARRAY_MOMENT1] = 0;
    if (is_zero(latest->adam_v, count)) all.count[PRI_ARRAY_MOMENT2] = 0;
    return all;
}

static pr_status write_arrays(pri_outfile *file, const contents *all, uint64_t checksum)
{
    pr_status st = PR_OK;

    for (int i = 0; i < PRI_NUM_ARRAYS; i++) {
        const size_t bytes = (size_t)all->count[i] * ELEMENT_BYTES;
        if (bytes == 0) continue;
        PR_TRY(pri_outfile_write(file, all->at[i], bytes));
        checksum = pri_checksum(all->at[i], bytes, checksum);
    }
    PR_TRY(pri_outfile_write(file, &checksum, sizeof checksum));
done:
    return st;
}

/* Print prefix and header into one block, padded. */
static pr_status print_header(const pri_checkpoint *checkpoint, const contents *all, char **out,
                              size_t *bytes)
{
    pr_status st     = PR_OK;
    pr_json  *header = NULL;
    char     *text = NULL, *block = NULL;

    *out = NULL;
    PR_TRY(pri_checkpoint_describe(checkpoint, all->count, &header));
    text = pr_json_text(header);
    PR_CHECK(text, PR_E_NOMEM, "cannot print a checkpoint's header");
    const size_t length = strlen(text);
    *bytes              = (sizeof(prefix) + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    PR_CHECK(*bytes <= MAX_HEADER_BYTES, PR_E_FULL,
             "a checkpoint's header has %zu bytes, at most %d allowed", *bytes, MAX_HEADER_BYTES);
    PR_NEW(block, *bytes);
    prefix start = { .version      = PRI_CHECKPOINT_VERSION,
                     .header_bytes = (uint32_t)(*bytes - sizeof(prefix)) };
    memcpy(start.magic, magic, sizeof magic);
    memset(block, ' ', *bytes);
    memcpy(block, &start, sizeof start);
    memcpy(block + sizeof start, text, length);
    *out = block;
done:
    free(text);
    pr_json_free(header);
    return st;
}

static pr_status check_info(const pr_checkpoint_info *info)
{
    pr_status st = PR_OK;

    PR_CHECK(memchr(info->dataset_name, 0, sizeof info->dataset_name) &&
                 memchr(info->options, 0, sizeof info->options),
             PR_E_ARG, "dataset_name or options is not ended");
    PR_CHECK(pri_checkpoint_norm_known(info->feature_norm), PR_E_ARG,
             "feature_norm is %d, must be a pr_feature_norm", info->feature_norm);
    PR_CHECK(info->outputs >= PR_OUTPUTS_CLASSES && info->outputs <= PR_OUTPUTS_EMBEDDING, PR_E_ARG,
             "outputs is %d, must be a pr_outputs", info->outputs);
done:
    return st;
}

pr_status pri_checkpoint_save(const char *path, const pri_checkpoint *checkpoint)
{
    pr_status   st    = PR_OK;
    pri_outfile file  = { 0 };
    char       *block = NULL;
    size_t      bytes = 0;

    PR_TRY(check_info(&checkpoint->info));
    const contents all = contents_of(checkpoint);
    PR_TRY(print_header(checkpoint, &all, &block, &bytes));
    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(pri_outfile_write(&file, block, bytes));
    PR_TRY(write_arrays(&file, &all, pri_checksum(block, bytes, 0)));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    pri_free(block);
    return st;
}

pr_status pr_checkpoint_save(const char *path, const pr_model *model,
                             const pr_checkpoint_info *info)
{
    pr_status st = PR_OK;

    PR_CHECK(path && model && info, PR_E_ARG, "path, model or info is NULL");
    const pri_checkpoint checkpoint = { .info = *info, .model = (pr_model *)(uintptr_t)model };
    PR_TRY(pri_checkpoint_save(path, &checkpoint));
done:
    return st;
}

/* ---- load ---- */

/* Read exactly `bytes`. */
static pr_status read_all(int fd, const char *path, void *to, size_t bytes)
{
    pr_status st   = PR_OK;
    size_t    have = 0;

    while (have < bytes) {
        const ssize_t n = read(fd, (char *)to + have, bytes - have);
        if (n < 0 && errno == EINTR) continue;
        PR_CHECK(n >= 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
        PR_CHECK(n > 0, PR_E_INPUT, "%s: ends early (is it still being written?)", path);
        have += (size_t)n;
    }
done:
    return st;
}

/* Open a regular file and tell its size. Pipes must not block. */
static pr_status open_file(const char *path, int *fd, uint64_t *bytes)
{
    pr_status   st = PR_OK;
    struct stat info;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PR_CHECK(*fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(fstat(*fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    *bytes = (uint64_t)info.st_size;
done:
    return st;
}

/* Read prefix and header into one block [*bytes, ended by a 0 byte]. */
static pr_status read_header(int fd, const char *path, uint64_t have, char **out, size_t *bytes,
                             uint32_t *version)
{
    pr_status st = PR_OK;
    prefix    start;

    *out = NULL;
    PR_CHECK(have >= sizeof start, PR_E_INPUT, "%s: has %llu bytes, too short for a checkpoint",
             path, (unsigned long long)have);
    PR_TRY(read_all(fd, path, &start, sizeof start));
    PR_CHECK(!memcmp(start.magic, magic, sizeof magic), PR_E_INPUT,
             "%s: is not a packrat checkpoint", path);
    PR_CHECK(start.version >= 1 && start.version <= PRI_CHECKPOINT_VERSION, PR_E_INPUT,
             "%s: has format version %u, this packrat reads versions 1 .. %d", path, start.version,
             PRI_CHECKPOINT_VERSION);
    *version = start.version;
    *bytes   = sizeof start + start.header_bytes;
    PR_CHECK(start.header_bytes <= MAX_HEADER_BYTES && *bytes <= have, PR_E_INPUT,
             "%s: has %llu bytes, its header claims %u", path, (unsigned long long)have,
             start.header_bytes);
    PR_NEW(*out, *bytes + 1);
    memcpy(*out, &start, sizeof start);
    PR_TRY(read_all(fd, path, *out + sizeof start, start.header_bytes));
done:
    return st;
}

static pr_status read_arrays(int fd, const char *path, const pri_checkpoint_head *head,
                             void *const at[PRI_NUM_ARRAYS], uint64_t checksum)
{
    pr_status st     = PR_OK;
    uint64_t  stored = 0;

    for (int i = 0; i < PRI_NUM_ARRAYS; i++) {
        const size_t bytes = (size_t)head->count[i] * ELEMENT_BYTES;
        if (bytes == 0) continue;
        PR_TRY(read_all(fd, path, at[i], bytes));
        checksum = pri_checksum(at[i], bytes, checksum);
    }
    PR_TRY(read_all(fd, path, &stored, sizeof stored));
    PR_CHECK(stored == checksum, PR_E_INPUT,
             "%s: is damaged: its checksum is %016" PRIx64 ", its contents give %016" PRIx64, path,
             stored, checksum);
done:
    return st;
}

/* Tell whether a file of `have` bytes is what its header implies. Counts are below 2^58. */
static bool right_size(size_t header_end, const pri_checkpoint_head *head, uint64_t have)
{
    uint64_t left = have;

    if (left < header_end + sizeof(uint64_t)) return false;
    left -= header_end + sizeof(uint64_t);
    for (int i = 0; i < PRI_NUM_ARRAYS; i++) {
        if (left / ELEMENT_BYTES < head->count[i]) return false;
        left -= head->count[i] * ELEMENT_BYTES;
    }
    return left == 0;
}

/* Make what the header describes, the arrays still zero, and tell where they go. */
static pr_status make_room(const pri_checkpoint_head *head, pri_checkpoint *c,
                           void *at[PRI_NUM_ARRAYS])
{
    pr_status             st    = PR_OK;
    const pr_model_shape *shape = &head->shape;
    const uint32_t        L     = shape->num_layers;

    PR_TRY(pri_model_create_zero(&head->options, L, shape->width[0], shape->width[L], &c->model));
    if (head->count[PRI_ARRAY_LATEST])
        PR_TRY(
            pri_model_create_zero(&head->options, L, shape->width[0], shape->width[L], &c->latest));
    if (head->count[PRI_ARRAY_RECENT]) PR_NEW(c->recent, head->count[PRI_ARRAY_RECENT]);
    c->num_recent    = (size_t)head->count[PRI_ARRAY_RECENT];
    pr_model *latest = c->latest ? c->latest : c->model;

    latest->adam_steps    = head->updates;
    at[PRI_ARRAY_WEIGHTS] = c->model->parameters;
    at[PRI_ARRAY_LATEST]  = latest->parameters;
    at[PRI_ARRAY_MOMENT1] = latest->adam_m;
    at[PRI_ARRAY_MOMENT2] = latest->adam_v;
    at[PRI_ARRAY_RECENT]  = c->recent;
done:
    return st;
}

pr_status pri_checkpoint_load(const char *path, pri_checkpoint *out)
{
    pr_status           st     = PR_OK;
    pr_json            *header = NULL;
    char               *block  = NULL;
    int                 fd     = -1;
    uint64_t            have   = 0;
    size_t              bytes  = 0;
    pri_checkpoint      c      = { 0 };
    void               *at[PRI_NUM_ARRAYS];
    pri_checkpoint_head head;

    *out = (pri_checkpoint){ 0 };
    PR_TRY(open_file(path, &fd, &have));
    PR_TRY(read_header(fd, path, have, &block, &bytes, &c.version));
    PR_TRY(pri_json_parse(block + sizeof(prefix), bytes - sizeof(prefix), path, &header));
    PR_TRY(pri_checkpoint_read(path, header, &c, &head));
    PR_CHECK(right_size(bytes, &head, have), PR_E_INPUT,
             "%s: has %llu bytes, which does not fit its %llu parameters (is it cut short?)", path,
             (unsigned long long)have, (unsigned long long)head.shape.num_parameters);
    PR_TRY(make_room(&head, &c, at));
    PR_TRY(read_arrays(fd, path, &head, at, pri_checksum(block, bytes, 0)));
    *out = c;
    c    = (pri_checkpoint){ 0 };
done:
    if (fd >= 0) (void)close(fd);
    pri_checkpoint_clear(&c);
    pr_json_free(header);
    pri_free(block);
    return st;
}

void pri_checkpoint_clear(pri_checkpoint *checkpoint)
{
    pr_model_free(checkpoint->model);
    pr_model_free(checkpoint->latest);
    pr_json_free(checkpoint->training);
    pr_json_free(checkpoint->rounding);
    pri_free(checkpoint->recent);
    *checkpoint = (pri_checkpoint){ 0 };
}

pr_status pr_checkpoint_load(const char *path, pr_model **model, pr_checkpoint_info *info)
{
    pr_status      st = PR_OK;
    pri_checkpoint c  = { 0 };

    PR_CHECK(path && model && info, PR_E_ARG, "path, model or info is NULL");
    *model = NULL;
    PR_TRY(pri_checkpoint_load(path, &c));
    *model  = c.model;
    *info   = c.info;
    c.model = NULL;
done:
    pri_checkpoint_clear(&c);
    return st;
}
