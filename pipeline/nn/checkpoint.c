/* checkpoint.c: a model in a file (docs/file-format.md, "Checkpoint"):
 *
 *     16 bytes   magic, version, length of the header
 *     header     one JSON object, padded with spaces to a multiple of 64 with what is before it
 *     tensors    f32: parameters, Adam m, Adam v, each [num_parameters]
 *     8 bytes    checksum of all before it
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
#include "base/json.h"
#include "base/outfile.h"
#include "pipeline/nn/checkpoint_header.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checkpoints are little endian");

enum { FORMAT_VERSION = 1, MAX_HEADER_BYTES = 1 << 20, ALIGNMENT = 64, NUM_TENSORS = 3 };

static const char magic[8] = { 'P', 'R', 'C', 'H', 'K', 'P', 'T', '\n' };

typedef struct prefix {
    char     magic[8];
    uint32_t version, header_bytes;
} prefix;

/* ---- save ---- */

static pr_status write_tensors(pri_outfile *file, const pr_model *model, uint64_t checksum)
{
    pr_status          st                  = PR_OK;
    const size_t       bytes               = (size_t)model->shape.num_parameters * sizeof(float);
    const float *const tensor[NUM_TENSORS] = { model->parameters, model->adam_m, model->adam_v };

    for (int i = 0; i < NUM_TENSORS; i++) {
        PR_TRY(pri_outfile_write(file, tensor[i], bytes));
        checksum = pri_checksum(tensor[i], bytes, checksum);
    }
    PR_TRY(pri_outfile_write(file, &checksum, sizeof checksum));
done:
    return st;
}

/* Print prefix and header into one block, padded. */
static pr_status print_header(const pr_model *model, const pr_checkpoint_info *info, char **out,
                              size_t *bytes)
{
    pr_status st     = PR_OK;
    pr_json  *header = NULL;
    char     *text = NULL, *block = NULL;

    *out = NULL;
    PR_TRY(pri_checkpoint_describe(model, info, &header));
    text = pr_json_text(header);
    PR_CHECK(text, PR_E_NOMEM, "cannot print a checkpoint's header");
    const size_t length = strlen(text);
    *bytes              = (sizeof(prefix) + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    PR_NEW(block, *bytes);
    prefix start = { .version      = FORMAT_VERSION,
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

pr_status pr_checkpoint_save(const char *path, const pr_model *model,
                             const pr_checkpoint_info *info)
{
    pr_status   st    = PR_OK;
    pri_outfile file  = { 0 };
    char       *block = NULL;
    size_t      bytes = 0;

    PR_CHECK(path && model && info, PR_E_ARG, "path, model or info is NULL");
    PR_CHECK(memchr(info->dataset_name, 0, sizeof info->dataset_name) &&
                 memchr(info->options, 0, sizeof info->options),
             PR_E_ARG, "dataset_name or options is not ended");
    PR_CHECK(pri_checkpoint_norm_known(info->feature_norm), PR_E_ARG,
             "feature_norm is %d, must be a pr_feature_norm", info->feature_norm);
    PR_TRY(print_header(model, info, &block, &bytes));
    PR_TRY(pri_outfile_open(&file, path));
    PR_TRY(pri_outfile_write(&file, block, bytes));
    PR_TRY(write_tensors(&file, model, pri_checksum(block, bytes, 0)));
    PR_TRY(pri_outfile_commit(&file));
done:
    pri_outfile_abort(&file);
    pri_free(block);
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
static pr_status read_header(int fd, const char *path, uint64_t have, char **out, size_t *bytes)
{
    pr_status st = PR_OK;
    prefix    start;

    *out = NULL;
    PR_CHECK(have >= sizeof start, PR_E_INPUT, "%s: has %llu bytes, too short for a checkpoint",
             path, (unsigned long long)have);
    PR_TRY(read_all(fd, path, &start, sizeof start));
    PR_CHECK(!memcmp(start.magic, magic, sizeof magic), PR_E_INPUT,
             "%s: is not a packrat checkpoint", path);
    PR_CHECK(start.version == FORMAT_VERSION, PR_E_INPUT,
             "%s: has format version %u, this packrat reads version %d", path, start.version,
             FORMAT_VERSION);
    *bytes = sizeof start + start.header_bytes;
    PR_CHECK(start.header_bytes <= MAX_HEADER_BYTES && *bytes <= have, PR_E_INPUT,
             "%s: has %llu bytes, its header claims %u", path, (unsigned long long)have,
             start.header_bytes);
    PR_NEW(*out, *bytes + 1);
    memcpy(*out, &start, sizeof start);
    PR_TRY(read_all(fd, path, *out + sizeof start, start.header_bytes));
done:
    return st;
}

static pr_status read_tensors(int fd, const char *path, pr_model *model, uint64_t checksum)
{
    pr_status    st                  = PR_OK;
    const size_t bytes               = (size_t)model->shape.num_parameters * sizeof(float);
    float *const tensor[NUM_TENSORS] = { model->parameters, model->adam_m, model->adam_v };
    uint64_t     stored              = 0;

    for (int i = 0; i < NUM_TENSORS; i++) {
        PR_TRY(read_all(fd, path, tensor[i], bytes));
        checksum = pri_checksum(tensor[i], bytes, checksum);
    }
    PR_TRY(read_all(fd, path, &stored, sizeof stored));
    PR_CHECK(stored == checksum, PR_E_INPUT,
             "%s: is damaged: its checksum is %016" PRIx64 ", its contents give %016" PRIx64, path,
             stored, checksum);
done:
    return st;
}

/* Tell whether a file of `have` bytes is what its header implies. */
static bool right_size(size_t header_end, uint64_t num_parameters, uint64_t have)
{
    const uint64_t around = header_end + sizeof(uint64_t), tensor = NUM_TENSORS * sizeof(float);

    return have >= around && (have - around) / tensor == num_parameters &&
           (have - around) % tensor == 0;
}

/* Make the model that the header describes, its tensors still zero. */
static pr_status make_model(const char *path, const pri_checkpoint_model *m, pr_model **out)
{
    const pr_status st =
        pri_model_create_zero(&m->options, m->num_layers, m->num_features, m->num_classes, out);

    if (st == PR_OK) (*out)->adam_steps = m->adam_steps;
    if (st != PR_E_ARG) return st;
    pri_error_prefix("%s: ", path); /* an option out of bounds: here the file is to blame */
    return PR_E_INPUT;
}

pr_status pr_checkpoint_load(const char *path, pr_model **model, pr_checkpoint_info *info)
{
    pr_status            st     = PR_OK;
    pr_json             *header = NULL;
    pr_model            *made   = NULL;
    char                *block  = NULL;
    int                  fd     = -1;
    uint64_t             have   = 0;
    size_t               bytes  = 0;
    pr_checkpoint_info   found  = { 0 };
    pri_checkpoint_model m;

    PR_CHECK(path && model && info, PR_E_ARG, "path, model or info is NULL");
    *model = NULL;
    PR_TRY(open_file(path, &fd, &have));
    PR_TRY(read_header(fd, path, have, &block, &bytes));
    PR_TRY(pri_json_parse(block + sizeof(prefix), bytes - sizeof(prefix), path, &header));
    PR_TRY(pri_checkpoint_read(path, header, &found, &m));
    PR_CHECK(right_size(bytes, m.num_parameters, have), PR_E_INPUT,
             "%s: has %llu bytes, which does not fit its %llu parameters (is it cut short?)", path,
             (unsigned long long)have, (unsigned long long)m.num_parameters);
    PR_TRY(make_model(path, &m, &made));
    PR_TRY(read_tensors(fd, path, made, pri_checksum(block, bytes, 0)));
    *model = made;
    made   = NULL;
    *info  = found;
done:
    if (fd >= 0) (void)close(fd);
    pr_model_free(made);
    pr_json_free(header);
    pri_free(block);
    return st;
}
