/* table.c: feature rows from .npy or csv. */
#include "loaders/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/outfile.h"
#include "loaders/lines.h"
#include "loaders/meta.h"
#include "loaders/npy.h"
#include "loaders/row_format.h"

enum { FIRST_VALUES = 1 << 12, HEADER_BYTES = 68 << 10 };

bool pri_is_npy_name(const char *path)
{
    const size_t bytes = strlen(path);
    return bytes >= 4 && !strcmp(path + bytes - 4, ".npy");
}

/* Open the file and read its header; the rows stay where they are. */
static pr_status open_npy(const char *path, pri_feature_table *table, pri_npy_header *header)
{
    pr_status   st = PR_OK;
    struct stat info;
    pr_row_file file = { .path = path, .fd = -1 };

    file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hang us */
    PR_CHECK(file.fd >= 0, pri_input_status(errno), "%s: cannot be read: %s", path,
             strerror(errno));
    table->file = file;
    PR_CHECK(fstat(file.fd, &info) == 0, PR_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    PR_CHECK(S_ISREG(info.st_mode), PR_E_INPUT, "%s: is not a regular file", path);
    file.file_bytes     = (uint64_t)info.st_size;
    const size_t to_see = file.file_bytes < HEADER_BYTES ? (size_t)file.file_bytes : HEADER_BYTES;
    table->chunk        = pri_calloc(PRI_TABLE_CHUNK_BYTES, 1);
    PR_CHECK(table->chunk, PR_E_NOMEM, "%s: cannot allocate %d bytes to read through", path,
             PRI_TABLE_CHUNK_BYTES);
    PR_TRY(pri_row_file_read(&file, 0, to_see, table->chunk));
    PR_TRY(pri_npy_parse_header(table->chunk, to_see, path, header));
    PR_CHECK(header->data_at + header->data_bytes <= file.file_bytes, PR_E_INPUT,
             "%s: has %" PRIu64 " bytes, its header wants %" PRIu64, path, file.file_bytes,
             header->data_at + header->data_bytes);
    file.first_byte = header->data_at;
    file.row_bytes  = (size_t)header->shape[1] * pri_dtype_bytes(header->dtype);
    table->file     = file;
done:
    return st;
}

/* Give the place of the first value that f32 cannot hold, or n; and the value. */
static uint64_t first_not_finite(const void *values, bool wide, uint64_t n, double *value)
{
    for (uint64_t i = 0; i < n; i++) {
        *value = wide ? ((const double *)values)[i] : (double)((const float *)values)[i];
        if (!isfinite((float)*value)) return i;
    }
    return n;
}

static pr_status check_values(pri_feature_table *table, pri_teller *teller)
{
    pr_status      st    = PR_OK;
    const uint64_t size  = table->wide ? sizeof(double) : sizeof(float);
    const uint64_t total = table->num_rows * table->num_cols, most = PRI_TABLE_CHUNK_BYTES / size;
    double         value;

    for (uint64_t first = 0; first < total; first += most) {
        const uint64_t n = total - first < most ? total - first : most;
        PR_CHECK(!pri_watch_stopped(teller->watch), PR_E_INTERRUPTED,
                 "%s: interrupted while reading", table->file.path);
        PR_TRY(pri_row_file_read(&table->file, first * size, n * size, table->chunk));
        const uint64_t bad = first_not_finite(table->chunk, table->wide, n, &value);
        PR_CHECK(bad == n, PR_E_INPUT,
                 "%s: row %" PRIu64 ", column %" PRIu64 " is %g, must be finite in 32 bits",
                 table->file.path, (first + bad) / table->num_cols, (first + bad) % table->num_cols,
                 value);
        pri_tell(teller, "check features", (first + n) * size, total * size);
    }
done:
    return st;
}

static pr_status read_npy(const char *path, pri_feature_table *table, pri_teller *teller)
{
    pr_status      st = PR_OK;
    pri_npy_header npy;
    char           shape[PRI_SHAPE_BYTES];

    PR_TRY(open_npy(path, table, &npy));
    pri_npy_shape_text(npy.num_dims, npy.shape, shape);
    PR_CHECK(npy.dtype == PR_F32 || npy.dtype == PR_F64, PR_E_INPUT,
             "%s: features are of type %s, must be <f4 or <f8", path, pri_dtype_name(npy.dtype));
    PR_CHECK(npy.num_dims == 2, PR_E_INPUT, "%s: features have shape %s, must be (nodes, columns)",
             path, shape);
    PR_CHECK(npy.shape[0] >= 1 && npy.shape[0] <= PR_MAX_NODES && npy.shape[1] >= 1 &&
                 npy.shape[1] <= PRI_MAX_FEATS,
             PR_E_INPUT, "%s: features have shape %s, must be 1 .. %u rows of 1 .. %d columns",
             path, shape, PR_MAX_NODES, PRI_MAX_FEATS);
    table->num_rows = npy.shape[0];
    table->num_cols = (uint32_t)npy.shape[1];
    table->wide     = npy.dtype == PR_F64;
    PR_TRY(check_values(table, teller));
done:
    return st;
}

/* The growing array of a csv file. */
typedef struct csv_values {
    float   *at;
    uint64_t n, capacity;
} csv_values;

static pr_status append(csv_values *values, float value, const char *path)
{
    pr_status st = PR_OK;

    if (values->n == values->capacity) {
        const uint64_t wanted =
            values->capacity ? values->capacity + values->capacity / 2 : FIRST_VALUES;
        float *grown = pri_realloc(values->at, wanted, sizeof *grown);
        PR_CHECK(grown, PR_E_NOMEM, "%s: cannot allocate %" PRIu64 " values of 4 bytes", path,
                 wanted);
        values->at       = grown;
        values->capacity = wanted;
    }
    values->at[values->n++] = value;
done:
    return st;
}

static char *skip_blanks(char *at)
{
    while (*at == ' ' || *at == '\t') at++;
    return at;
}

/* Name the cell that is not what it must be. */
static pr_status bad_cell(const pri_lines *lines, const char *at, uint64_t column, const char *must)
{
    pr_status st = PR_OK;
    char      excerpt[PRI_EXCERPT_BYTES];

    pri_lines_excerpt(at, strcspn(at, ", \t"), excerpt);
    PR_RAISE(PR_E_INPUT, "%s: line %" PRIu64 ", column %" PRIu64 ": found '%s', must be %s",
             lines->path, lines->number, column + 1, excerpt, must);
done:
    return st;
}

/* Read one line of numbers; `end` is its end. Sets *num_cols and appends the numbers. */
static pr_status read_row(const pri_lines *lines, char *text, const char *end, csv_values *values,
                          uint64_t *num_cols)
{
    pr_status st = PR_OK;
    uint64_t  n  = 0;
    char     *at = skip_blanks(text);

    for (bool more = true; more; n++) {
        char        *next;
        const double value = strtod(at, &next);
        const char  *after = skip_blanks(next);
        if (next == at || !(*next == ',' || after > next || next == end))
            PR_TRY(bad_cell(lines, at, n, "a number"));
        if (!isfinite((float)value)) PR_TRY(bad_cell(lines, at, n, "finite in 32 bits"));
        PR_CHECK(n < PRI_MAX_FEATS, PR_E_INPUT, "%s: line %" PRIu64 " has more than %d columns",
                 lines->path, lines->number, PRI_MAX_FEATS);
        PR_TRY(append(values, (float)value, lines->path));
        at   = skip_blanks(next);
        more = at < end;
        if (*at == ',') at = skip_blanks(at + 1);
    }
    *num_cols = n;
done:
    return st;
}

/* Say whether a line begins with a word instead of a number: a heading. */
static bool is_heading(char *text)
{
    char *end;
    text = skip_blanks(text);
    (void)strtod(text, &end);
    return end == text && (*text == '"' || *text == '_' || (*text >= 'A' && *text <= 'Z') ||
                           (*text >= 'a' && *text <= 'z'));
}

static pr_status read_csv(pri_lines *lines, pri_feature_table *table, csv_values *values)
{
    pr_status st    = PR_OK;
    bool      first = true;
    char     *text;
    size_t    bytes;

    for (;;) {
        uint64_t num_cols = 0;
        PR_TRY(pri_lines_next(lines, &text, &bytes));
        if (!text) break;
        if (pri_lines_is_empty(text, bytes)) continue;
        const bool heading = first && is_heading(text);
        first              = false;
        if (heading) continue;
        PR_TRY(read_row(lines, text, text + bytes, values, &num_cols));
        PR_CHECK(table->num_rows == 0 || num_cols == table->num_cols, PR_E_INPUT,
                 "%s: line %" PRIu64 " has %" PRIu64 " columns, the rows before it have %u",
                 lines->path, lines->number, num_cols, table->num_cols);
        PR_CHECK(table->num_rows < PR_MAX_NODES, PR_E_INPUT, "%s: has more than %u rows",
                 lines->path, PR_MAX_NODES);
        table->num_cols = (uint32_t)num_cols;
        table->num_rows++;
    }
    PR_CHECK(table->num_rows > 0, PR_E_INPUT, "%s: holds no feature row", lines->path);
done:
    return st;
}

pr_status pri_feature_table_read(const char *path, pri_teller *teller, pri_feature_table *out)
{
    pr_status         st     = PR_OK;
    pri_feature_table table  = { .file = { .fd = -1 } };
    pri_lines         lines  = { 0 };
    csv_values        values = { 0 };

    *out = (pri_feature_table){ .file = { .fd = -1 } };
    if (pri_is_npy_name(path)) {
        PR_TRY(read_npy(path, &table, teller));
    } else {
        PR_TRY(pri_lines_open(&lines, path, PRI_MAX_LINE_BYTES, pri_watch_stop(teller->watch)));
        PR_TRY(read_csv(&lines, &table, &values));
        table.read_bytes = pri_lines_bytes(&lines);
        table.values     = values.at;
        values.at        = NULL;
    }
    *out  = table;
    table = (pri_feature_table){ .file = { .fd = -1 } };
done:
    pri_free(values.at);
    pri_lines_close(&lines);
    pri_feature_table_clear(&table);
    return st;
}

/* Read rows of a .npy as f32. */
static pr_status fill_from_file(void *context, pr_vid first, pr_vid count, float *rows)
{
    pr_status                st    = PR_OK;
    const pri_feature_table *table = context;
    const uint64_t           total = (uint64_t)count * table->num_cols;
    const uint64_t           at    = first * (uint64_t)table->file.row_bytes;
    const uint64_t           most  = PRI_TABLE_CHUNK_BYTES / sizeof(double);

    if (!table->wide) return pri_row_file_read(&table->file, at, total * sizeof *rows, rows);
    for (uint64_t done = 0; done < total; done += most) {
        const uint64_t n    = total - done < most ? total - done : most;
        const double  *from = table->chunk;
        PR_TRY(pri_row_file_read(&table->file, at + done * sizeof *from, n * sizeof *from,
                                 table->chunk));
        for (uint64_t i = 0; i < n; i++) rows[done + i] = (float)from[i];
    }
done:
    return st;
}

void pri_feature_table_place(pri_feature_table *table, pri_dataset_arrays *arrays)
{
    arrays->features = (pr_features){
        .kind     = PR_FEATURES_DENSE,
        .num_rows = (pr_vid)table->num_rows,
        .num_cols = table->num_cols,
        .rows     = table->values,
        .ld       = table->num_cols,
    };
    if (table->values) return;
    arrays->fill_rows    = fill_from_file;
    arrays->fill_context = table;
}

void pri_feature_table_clear(pri_feature_table *table)
{
    if (table->file.path && table->file.fd >= 0) (void)close(table->file.fd);
    pri_free(table->chunk);
    pri_free(table->values);
    *table = (pri_feature_table){ .file = { .fd = -1 } };
}
