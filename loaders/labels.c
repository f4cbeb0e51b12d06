/* labels.c: a user's labels, from .npy or from csv of one or two columns. */
#include <inttypes.h>
#include <string.h>

#include "loaders/label_sets.h"
#include "loaders/lines.h"
#include "loaders/meta.h"
#include "loaders/npy.h"
#include "loaders/table.h"

enum { NOT_GIVEN = -2 };

/* Where a labels file has got to. */
typedef struct label_reader {
    const char            *path;
    const pri_label_owner *owner;
    int32_t               *labels;    /* [num_nodes], NOT_GIVEN until a line says */
    uint8_t               *targets;   /* instead: [num_nodes, largest + 1] */
    uint64_t               num_lines; /* that held labels */
    int64_t                largest;
} label_reader;

static pr_status allocate(label_reader *reader)
{
    pr_status st = PR_OK;
    PR_NEW(reader->labels, reader->owner->num_nodes);
    for (uint64_t v = 0; v < reader->owner->num_nodes; v++) reader->labels[v] = NOT_GIVEN;
done:
    return st;
}

/* Give the node that a labels file calls `id`, or num_nodes. */
static uint64_t node_of(const pri_label_owner *owner, int64_t id)
{
    const uint64_t N   = owner->num_nodes;
    uint64_t       low = 0, high = N;

    if (!owner->ids) return id >= 0 && (uint64_t)id < N ? (uint64_t)id : N;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (owner->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < N && owner->ids[low] == id ? low : N;
}

static int64_t element(const pr_npy *npy, uint64_t i)
{
    switch (npy->dtype) {
    case PR_I32: return ((const int32_t *)npy->data)[i];
    case PR_U32: return ((const uint32_t *)npy->data)[i];
    case PR_I64: return ((const int64_t *)npy->data)[i];
    case PR_U8: return ((const uint8_t *)npy->data)[i];
    default: break;
    }
    const uint64_t n = ((const uint64_t *)npy->data)[i];
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Read any number of labels a node. */
static pr_status read_sets(label_reader *reader, const pr_npy *npy)
{
    pr_status      st   = PR_OK;
    const char    *path = reader->path;
    const uint64_t C    = npy->shape[1];
    char           found[PRI_ELEMENT_BYTES];

    PR_CHECK(PRI_TYPES_SET & PRI_TYPE(npy->dtype), PR_E_INPUT,
             "%s: labels of two dimensions are of type %s, must be |b1 |u1 <i4 <i8 or <f4", path,
             pri_dtype_name(npy->dtype));
    PR_CHECK(npy->shape[0] == reader->owner->num_nodes, PR_E_MISMATCH,
             "%s: has labels of %" PRIu64 " nodes, must have a row for each of %s", path,
             npy->shape[0], reader->owner->from);
    PR_CHECK(C >= 1 && C <= PRI_MAX_CLASSES, PR_E_INPUT,
             "%s: has %" PRIu64 " labels a node, must be in 1 .. %d", path, C, PRI_MAX_CLASSES);
    PR_NEW(reader->targets, npy->shape[0] * C);
    const uint64_t bad = pri_label_sets_convert(npy, reader->targets);
    if (bad < npy->shape[0] * C) {
        const pri_array array = { .npy = *npy };
        pri_array_element_text(&array, bad, found);
        PR_RAISE(PR_E_INPUT,
                 "%s: element [%" PRIu64 ", %" PRIu64 "] is %s, must be 0 or 1 in two dimensions",
                 path, bad / C, bad % C, found);
    }
    reader->largest = (int64_t)C - 1;
done:
    return st;
}

static pr_status read_npy(label_reader *reader, uint64_t *read_bytes)
{
    pr_status   st   = PR_OK;
    const char *path = reader->path;
    pr_npy      npy  = { 0 };
    char        shape[PRI_SHAPE_BYTES];

    PR_TRY(pr_npy_open(path, &npy));
    *read_bytes = npy.mapping_bytes;
    pri_npy_shape_text(npy.num_dims, npy.shape, shape);
    if (pri_label_sets_are(&npy)) {
        st = read_sets(reader, &npy);
        goto done;
    }
    PR_CHECK(npy.dtype != PR_F32 && npy.dtype != PR_F64, PR_E_INPUT,
             "%s: labels are of type %s, must be whole numbers such as <i8", path,
             pri_dtype_name(npy.dtype));
    PR_CHECK(npy.num_dims == 1 || (npy.num_dims == 2 && npy.shape[1] == 1), PR_E_INPUT,
             "%s: labels have shape %s, must be (nodes,) or (nodes, labels)", path, shape);
    PR_CHECK(npy.shape[0] == reader->owner->num_nodes, PR_E_MISMATCH,
             "%s: has %" PRIu64 " labels, must have one for each of %s", path, npy.shape[0],
             reader->owner->from);
    PR_TRY(allocate(reader));
    for (uint64_t v = 0; v < npy.shape[0]; v++) {
        const int64_t label = element(&npy, v);
        PR_CHECK(label >= -1 && label < PRI_MAX_CLASSES, PR_E_INPUT,
                 "%s: element %" PRIu64 " is %" PRId64 ", must be in -1 .. %d", path, v, label,
                 PRI_MAX_CLASSES - 1);
        reader->labels[v] = (int32_t)label;
        if (label > reader->largest) reader->largest = label;
    }
done:
    pr_npy_close(&npy);
    return st;
}

/* Read a whole number with an optional minus; gives the place behind it or NULL. */
static const char *read_int(const char *at, int64_t *out)
{
    const bool  minus = *at == '-';
    const char *first = at += minus;
    int64_t     n     = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *at - '0', &n))
            return NULL;
    *out = minus ? -n : n;
    return at > first ? at : NULL;
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t') at++;
    return at;
}

/* Read one or two whole numbers; gives how many, 0 when the line is anything else. */
static int read_line(const char *at, const char *end, int64_t value[2])
{
    at = read_int(skip_blanks(at), &value[0]);
    if (!at) return 0;
    const char *next = skip_blanks(at);
    if (next == end) return 1;
    if (*next == ',')
        next = skip_blanks(next + 1);
    else if (next == at)
        return 0;
    next = read_int(next, &value[1]);
    return next && skip_blanks(next) == end ? 2 : 0;
}

/* Take the label of one line; `columns` is what read_line gave. */
static pr_status take(label_reader *reader, const pri_lines *lines, int columns,
                      const int64_t value[2])
{
    pr_status              st    = PR_OK;
    const pri_label_owner *owner = reader->owner;
    const int64_t          label = value[columns - 1];
    const uint64_t         v     = columns == 1 ? reader->num_lines : node_of(owner, value[0]);

    PR_CHECK(label >= -1 && label < PRI_MAX_CLASSES, PR_E_INPUT,
             "%s: line %" PRIu64 ": label %" PRId64 ", must be in -1 .. %d", reader->path,
             lines->number, label, PRI_MAX_CLASSES - 1);
    PR_CHECK(columns == 2 || v < owner->num_nodes, PR_E_MISMATCH,
             "%s: line %" PRIu64 ": has more labels than there are nodes: %s", reader->path,
             lines->number, owner->from);
    PR_CHECK(v < owner->num_nodes, PR_E_MISMATCH,
             "%s: line %" PRIu64 ": node id %" PRId64 " is not one of %s", reader->path,
             lines->number, value[0], owner->from);
    PR_CHECK(reader->labels[v] == NOT_GIVEN, PR_E_INPUT,
             "%s: line %" PRIu64 ": node id %" PRId64 " has a label already", reader->path,
             lines->number, value[0]);
    reader->labels[v] = (int32_t)label;
    reader->num_lines++;
    if (label > reader->largest) reader->largest = label;
done:
    return st;
}

/* Say whether a line begins with a word instead of a number: a heading. */
static bool is_heading(const char *text)
{
    const char c = *skip_blanks(text);
    return c == '"' || c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Name the line that is not a label. */
static pr_status malformed(const pri_lines *lines, const char *text, size_t bytes)
{
    pr_status st = PR_OK;
    char      excerpt[PRI_EXCERPT_BYTES];

    pri_lines_excerpt(text, bytes, excerpt);
    PR_RAISE(PR_E_INPUT, "%s: line %" PRIu64 ": found '%s', must be a label or 'node id,label'",
             lines->path, lines->number, excerpt);
done:
    return st;
}

static pr_status read_csv(label_reader *reader, pri_lines *lines)
{
    pr_status st      = PR_OK;
    int       columns = 0; /* of the lines so far */
    bool      first   = true;
    char     *text;
    size_t    bytes;

    PR_TRY(allocate(reader));
    for (;;) {
        int64_t value[2];
        PR_TRY(pri_lines_next(lines, &text, &bytes));
        if (!text) break;
        if (pri_lines_is_empty(text, bytes)) continue;
        const int  found   = read_line(text, text + bytes, value);
        const bool heading = first && !found && is_heading(text);
        first              = false;
        if (heading) continue;
        if (!found) PR_TRY(malformed(lines, text, bytes));
        PR_CHECK(columns == 0 || found == columns, PR_E_INPUT,
                 "%s: line %" PRIu64 " has %d columns, the lines before it have %d", reader->path,
                 lines->number, found, columns);
        columns = found;
        PR_TRY(take(reader, lines, columns, value));
    }
    PR_CHECK(columns == 2 || reader->num_lines == reader->owner->num_nodes, PR_E_MISMATCH,
             "%s: has %" PRIu64 " labels, must have one for each of %s", reader->path,
             reader->num_lines, reader->owner->from);
done:
    return st;
}

pr_status pri_labels_read(const char *path, const pri_label_owner *owner, const volatile int *stop,
                          pri_label_table *out)
{
    pr_status    st     = PR_OK;
    pri_lines    lines  = { 0 };
    label_reader reader = { .path = path, .owner = owner, .largest = -1 };

    *out = (pri_label_table){ 0 };
    if (pri_is_npy_name(path)) {
        PR_TRY(read_npy(&reader, &out->read_bytes));
    } else {
        PR_TRY(pri_lines_open(&lines, path, PRI_MAX_SHORT_LINE_BYTES, stop));
        PR_TRY(read_csv(&reader, &lines));
        out->read_bytes = pri_lines_bytes(&lines);
    }
    PR_CHECK(reader.largest >= 0, PR_E_INPUT, "%s: gives no node a label", path);
    for (uint64_t v = 0; reader.labels && v < owner->num_nodes; v++)
        if (reader.labels[v] == NOT_GIVEN) reader.labels[v] = -1;
    out->labels      = reader.labels;
    out->targets     = reader.targets;
    out->num_classes = (uint32_t)reader.largest + 1;
    reader.labels    = NULL;
    reader.targets   = NULL;
done:
    pri_lines_close(&lines);
    pri_free(reader.labels);
    pri_free(reader.targets);
    return st;
}

void pri_label_table_clear(pri_label_table *table)
{
    pri_free(table->labels);
    pri_free(table->targets);
    *table = (pri_label_table){ 0 };
}

uint64_t pri_label_bytes(const char *path)
{
    pr_npy   npy   = { 0 };
    uint64_t bytes = sizeof(int32_t);

    if (!pri_is_npy_name(path) || pr_npy_open(path, &npy) != PR_OK) return bytes;
    if (pri_label_sets_are(&npy) && npy.shape[1] <= PRI_MAX_CLASSES) bytes = npy.shape[1];
    pr_npy_close(&npy);
    return bytes;
}
