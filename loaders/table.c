/* table.c: feature rows from .npy or csv. */
#include "loaders/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "loaders/lines.h"
#include "loaders/meta.h"
#include "loaders/npy.h"

enum { FIRST_VALUES = 1 << 12 };

bool pri_is_npy_name(const char *path)
{
    const size_t bytes = strlen(path);
    return bytes >= 4 && !strcmp(path + bytes - 4, ".npy");
}

/* Give the place of the first value that f32 cannot hold, or num_values. */
static uint64_t first_not_finite(const pr_npy *npy, uint64_t num_values)
{
    uint64_t first = num_values;

#pragma omp parallel for reduction(min : first)
    for (uint64_t i = 0; i < num_values; i++) {
        const float value = npy->dtype == PR_F32 ? ((const float *)npy->data)[i]
                                                 : (float)((const double *)npy->data)[i];
        if (!isfinite(value) && i < first) first = i;
    }
    return first;
}

static pr_status read_npy(const char *path, pri_feature_table *table)
{
    pr_status st  = PR_OK;
    pr_npy   *npy = &table->npy;
    char      shape[PRI_SHAPE_BYTES];

    PR_TRY(pr_npy_open(path, npy));
    pri_npy_shape_text(npy->num_dims, npy->shape, shape);
    PR_CHECK(npy->dtype == PR_F32 || npy->dtype == PR_F64, PR_E_INPUT,
             "%s: features are of type %s, must be <f4 or <f8", path, pri_dtype_name(npy->dtype));
    PR_CHECK(npy->num_dims == 2, PR_E_INPUT, "%s: features have shape %s, must be (nodes, columns)",
             path, shape);
    PR_CHECK(npy->shape[0] >= 1 && npy->shape[0] <= PR_MAX_NODES && npy->shape[1] >= 1 &&
                 npy->shape[1] <= PRI_MAX_FEATS,
             PR_E_INPUT, "%s: features have shape %s, must be 1 .. %u rows of 1 .. %d columns",
             path, shape, PR_MAX_NODES, PRI_MAX_FEATS);
    table->num_rows = npy->shape[0];
    table->num_cols = (uint32_t)npy->shape[1];

    const uint64_t num_values = npy->shape[0] * npy->shape[1];
    const uint64_t bad        = first_not_finite(npy, num_values);
    if (bad < num_values) {
        const double value = npy->dtype == PR_F32 ? (double)((const float *)npy->data)[bad]
                                                  : ((const double *)npy->data)[bad];
        PR_RAISE(PR_E_INPUT,
                 "%s: row %" PRIu64 ", column %" PRIu64 " is %g, must be finite in 32 bits", path,
                 bad / table->num_cols, bad % table->num_cols, value);
    }
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

pr_status pri_feature_table_read(const char *path, const volatile int *stop, pri_feature_table *out)
{
    pr_status         st     = PR_OK;
    pri_feature_table table  = { 0 };
    pri_lines         lines  = { 0 };
    csv_values        values = { 0 };

    *out = (pri_feature_table){ 0 };
    if (pri_is_npy_name(path)) {
        PR_TRY(read_npy(path, &table));
    } else {
        PR_TRY(pri_lines_open(&lines, path, stop));
        PR_TRY(read_csv(&lines, &table, &values));
        table.values = values.at;
        values.at    = NULL;
    }
    *out  = table;
    table = (pri_feature_table){ 0 };
done:
    pri_free(values.at);
    pri_lines_close(&lines);
    pri_feature_table_clear(&table);
    return st;
}

/* Give rows of an f64 table as f32. */
static pr_status fill_narrowed(void *context, pr_vid first, pr_vid count, float *rows)
{
    const pri_feature_table *table = context;
    const uint64_t           at    = (uint64_t)first * table->num_cols;
    const double            *from  = (const double *)table->npy.data + at;

    for (uint64_t i = 0; i < (uint64_t)count * table->num_cols; i++) rows[i] = (float)from[i];
    return PR_OK;
}

void pri_feature_table_place(const pri_feature_table *table, pri_dataset_arrays *arrays)
{
    arrays->features = (pr_features){
        .kind     = PR_FEATURES_DENSE,
        .num_rows = (pr_vid)table->num_rows,
        .num_cols = table->num_cols,
        .rows     = table->values ? table->values : table->npy.data,
        .ld       = table->num_cols,
    };
    if (table->values || table->npy.dtype == PR_F32) return;
    arrays->features.rows = NULL;
    arrays->fill_rows     = fill_narrowed;
    arrays->fill_context  = (void *)(uintptr_t)table;
}

void pri_feature_table_clear(pri_feature_table *table)
{
    pr_npy_close(&table->npy);
    pri_free(table->values);
    *table = (pri_feature_table){ 0 };
}
