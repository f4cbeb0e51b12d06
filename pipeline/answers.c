/* answers.c: see answers.h. */
#include "pipeline/answers.h"

#include <inttypes.h>
#include <string.h>

#include "base/checksum.h"
#include "loaders/npy.h"
#include "pipeline/metrics.h"

enum { BLOCK_BYTES = 1 << 20 };

static const uint32_t NONE = UINT32_MAX;

struct pri_answers {
    pri_answers_setup setup;
    char              path[PR_TEXT_BYTES + 64];
    bool              csv;
    size_t            row_bytes; /* of an answer as it is kept */
    uint32_t *kept_at; /* [num_nodes] where a vertex's answer is kept, NONE; NULL: nothing is */
    size_t    num_kept;
    unsigned char *kept;  /* [num_kept] answers */
    unsigned char *block; /* [block_rows] answers on their way to the file */
    uint32_t       block_rows, in_block;
    size_t         num_written; /* answers that were given to the block */
    uint64_t       checksum;
    pri_outfile    file;
    pri_error      failed; /* code PR_OK: nothing has */
    volatile int   stop;
};

/* ---- what an answer is ---- */

static bool is_class(const pri_answers *a)
{
    return a->setup.kind == PRI_ANSWER_CLASS && !a->setup.labels;
}

static bool is_labels(const pri_answers *a)
{
    return a->setup.kind == PRI_ANSWER_CLASS && a->setup.labels;
}

static size_t row_bytes(const pri_answers *a)
{
    if (is_class(a)) return sizeof(uint32_t);
    return a->setup.columns * (is_labels(a) ? sizeof(uint8_t) : sizeof(float));
}

uint32_t pri_answers_columns(const pri_answers *a)
{
    return is_class(a) ? 1 : a->setup.columns;
}

/* Turn a row of outputs into an answer. */
static void answer(const pri_answers *a, const float *row, unsigned char *to)
{
    const uint32_t columns = a->setup.columns;

    if (is_class(a)) {
        const uint32_t class_of = pri_argmax_row(row, columns);
        memcpy(to, &class_of, sizeof class_of);
    } else if (is_labels(a)) {
        pri_labels_row(row, columns, to);
    } else {
        float *reals = (float *)(void *)to; /* rows are whole floats, and blocks are aligned */
        memcpy(reals, row, columns * sizeof *reals);
        if (a->setup.kind != PRI_ANSWER_PROBABILITIES) return;
        if (!a->setup.labels)
            pri_softmax_row(reals, columns);
        else
            pri_sigmoid_row(reals, columns);
    }
}

/* ---- the file ---- */

static pr_dtype type_of(const pri_answers *a)
{
    return is_class(a) ? PR_I64 : is_labels(a) ? PR_U8 : PR_F32;
}

static pr_status begin_csv(pri_answers *a)
{
    static const char *const name[] = { "label", "logit", "probability", "embedding" };
    pr_status                st     = PR_OK;

    PR_TRY(pri_outfile_open(&a->file, a->setup.path));
    fprintf(a->file.stream, "node");
    if (is_class(a))
        fprintf(a->file.stream, ",class");
    else
        for (uint32_t c = 0; c < a->setup.columns; c++)
            fprintf(a->file.stream, ",%s_%u", name[a->setup.kind], c);
    fputc('\n', a->file.stream);
done:
    return st;
}

/* Open the file and write what stands before the rows. */
static pr_status begin(pri_answers *a)
{
    const uint64_t shape[2] = { a->setup.n, a->setup.columns };

    if (a->csv) return begin_csv(a);
    return pri_npy_begin(&a->file, a->setup.path, type_of(a), is_class(a) ? 1 : 2, shape);
}

static pr_vid node_at(const pri_answers *a, size_t i)
{
    return a->setup.ids ? a->setup.ids[i] : (pr_vid)i;
}

static void write_csv_row(const pri_answers *a, pr_vid node, const unsigned char *from)
{
    FILE *const stream = a->file.stream;

    fprintf(stream, "%u", node);
    if (is_class(a)) {
        uint32_t class_of;
        memcpy(&class_of, from, sizeof class_of);
        fprintf(stream, ",%u", class_of);
    } else if (is_labels(a)) {
        for (uint32_t c = 0; c < a->setup.columns; c++) fprintf(stream, ",%u", from[c]);
    } else {
        const float *reals = (const float *)(const void *)from;
        for (uint32_t c = 0; c < a->setup.columns; c++) fprintf(stream, ",%.9g", (double)reals[c]);
    }
    fputc('\n', stream);
}

/* Write classes as wide as they are in files. */
static pr_status write_classes(pri_answers *a)
{
    pr_status st = PR_OK;
    int64_t   wide[512];
    uint32_t  narrow;

    for (uint32_t at = 0; at < a->in_block;) {
        uint32_t n = 0;
        for (; n < 512 && at < a->in_block; n++, at++) {
            memcpy(&narrow, a->block + at * sizeof narrow, sizeof narrow);
            wide[n] = narrow;
        }
        PR_TRY(pri_outfile_write(&a->file, wide, n * sizeof *wide));
    }
done:
    return st;
}

/* Write the block; a large file does not fill the kernel's cache. */
static pr_status flush(pri_answers *a)
{
    pr_status    st    = PR_OK;
    const size_t first = a->num_written - a->in_block;

    a->checksum = pri_checksum(a->block, a->in_block * a->row_bytes, a->checksum);
    if (a->csv) {
        for (uint32_t i = 0; i < a->in_block; i++)
            write_csv_row(a, node_at(a, first + i), a->block + i * a->row_bytes);
        PR_CHECK(!ferror(a->file.stream), PR_E_IO, "%s: cannot be written", a->setup.path);
    } else if (is_class(a)) {
        PR_TRY(write_classes(a));
    } else {
        PR_TRY(pri_outfile_write(&a->file, a->block, a->in_block * a->row_bytes));
    }
    a->in_block = 0;
    pri_outfile_settle(&a->file);
done:
    return st;
}

/* Keep the first failure for who commits, on whichever thread. */
static void fail(pri_answers *a, pr_status st)
{
    if (a->failed.code == PR_OK) pri_error_save(&a->failed, st);
    a->stop = 1;
}

/* ---- taking rows ---- */

/* Turn a range into answers, block by block. */
static pr_status stream(pri_answers *a, uint32_t num, const float *rows, size_t ld)
{
    pr_status st = PR_OK;

    for (uint32_t done = 0; done < num;) {
        const uint32_t free_rows = a->block_rows - a->in_block;
        const uint32_t n         = num - done < free_rows ? num - done : free_rows;
#pragma omp parallel for schedule(static)
        for (uint32_t i = 0; i < n; i++)
            answer(a, rows + (done + i) * ld, a->block + (a->in_block + i) * a->row_bytes);
        a->in_block += n;
        a->num_written += n;
        done += n;
        if (a->in_block == a->block_rows) PR_TRY(flush(a));
    }
done:
    return st;
}

void pri_answers_take(pri_answers *a, pr_vid first, uint32_t num, const float *rows, size_t ld)
{
    if (a->setup.stop && *a->setup.stop) a->stop = 1;
    if (a->stop) return;
    if (!a->kept_at) {
        PR_ASSERT(first == a->num_written);
        const pr_status st = stream(a, num, rows, ld);
        if (st != PR_OK) fail(a, st);
        return;
    }
#pragma omp parallel for schedule(static)
    for (uint32_t i = 0; i < num; i++) {
        const uint32_t at = a->kept_at[first + i];
        if (at != NONE) answer(a, rows + i * ld, a->kept + (size_t)at * a->row_bytes);
    }
}

/* Write answers that were kept, in the order in which they were asked for. */
static pr_status write_kept(pri_answers *a)
{
    pr_status st = PR_OK;

    PR_TRY(begin(a));
    for (size_t i = 0; i < a->setup.n; i++) {
        const size_t at = a->kept_at[a->setup.ids[i]];
        memcpy(a->block + a->in_block++ * a->row_bytes, a->kept + at * a->row_bytes, a->row_bytes);
        a->num_written++;
        if (a->in_block == a->block_rows) PR_TRY(flush(a));
    }
done:
    return st;
}

pr_status pri_answers_commit(pri_answers *a)
{
    pr_status st = PR_OK;

    if (a->failed.code != PR_OK) return pri_error_restore(&a->failed);
    PR_CHECK(!a->stop, PR_E_INTERRUPTED, "interrupted while %s was written", a->setup.path);
    if (a->kept_at) PR_TRY(write_kept(a));
    PR_ASSERT(a->num_written == a->setup.n);
    if (a->in_block) PR_TRY(flush(a));
    PR_TRY(pri_outfile_commit(&a->file));
done:
    return st;
}

/* ---- life ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && !strcmp(text + n - k, end);
}

uint32_t pri_answers_block(size_t bytes)
{
    return bytes < BLOCK_BYTES ? (uint32_t)(BLOCK_BYTES / bytes) : 1;
}

/* Make room for answers, in the order in which their vertices are first asked for. */
static pr_status keep(pri_answers *a)
{
    pr_status           st  = PR_OK;
    const pr_vid *const ids = a->setup.ids;

    PR_NEW(a->kept_at, a->setup.num_nodes);
    for (size_t v = 0; v < a->setup.num_nodes; v++) a->kept_at[v] = NONE;
    for (size_t i = 0; i < a->setup.n; i++)
        if (a->kept_at[ids[i]] == NONE) a->kept_at[ids[i]] = (uint32_t)a->num_kept++;
    PR_NEW(a->kept, a->num_kept * a->row_bytes);
done:
    return st;
}

pr_status pri_answers_create(const pri_answers_setup *setup, pri_answers **out)
{
    pr_status    st = PR_OK;
    pri_answers *a  = NULL;

    *out = NULL;
    PR_ASSERT(setup->columns > 0 && (setup->ids || setup->n == setup->num_nodes));
    PR_NEW(a, 1);
    a->setup = *setup;
    PR_CHECK(strlen(setup->path) < sizeof a->path, PR_E_ARG, "%s: the name is too long",
             setup->path);
    memcpy(a->path, setup->path, strlen(setup->path) + 1);
    a->setup.path = a->path;
    a->csv        = ends_with(setup->path, ".csv");
    PR_CHECK(a->csv || ends_with(setup->path, ".npy"), PR_E_ARG,
             "--out is '%s', must end in .npy or .csv", setup->path);
    a->row_bytes  = row_bytes(a);
    a->block_rows = pri_answers_block(a->row_bytes);
    PR_NEW(a->block, a->block_rows * a->row_bytes);
    if (setup->ids) {
        PR_TRY(pri_outfile_probe(setup->path));
        PR_TRY(keep(a));
    } else {
        PR_TRY(begin(a));
    }
    *out = a;
    a    = NULL;
done:
    pri_answers_free(a);
    return st;
}

void pri_answers_free(pri_answers *a)
{
    if (!a) return;
    pri_outfile_abort(&a->file);
    pri_free(a->kept_at);
    pri_free(a->kept);
    pri_free(a->block);
    pri_free(a);
}

const volatile int *pri_answers_stop(const pri_answers *a)
{
    return &a->stop;
}

uint64_t pri_answers_kept_bytes(const pri_answers *a)
{
    return a->num_kept * a->row_bytes;
}

uint64_t pri_answers_file_bytes(const pri_answers *a)
{
    const uint64_t each = a->csv        ? 2 * (1 + pri_answers_columns(a))
                          : is_class(a) ? sizeof(int64_t)
                                        : a->row_bytes;
    return a->setup.n * each;
}

uint64_t pri_answers_checksum(const pri_answers *a)
{
    return a->checksum;
}
