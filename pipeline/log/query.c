/* query.c: which runs, and the tables of each. */
#include "pipeline/log/query.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pipeline/log/db.h"
#include "pipeline/log/figures.h"

enum { MAX_RUNS = 10000 }; /* of one report */

static size_t width_of(const pri_table *table)
{
    return table->spec->num_columns;
}

const pri_cell *pri_table_cell(const pri_table *table, size_t row, size_t column)
{
    PR_ASSERT(row < table->num_rows && column < width_of(table));
    return &table->cells[row * width_of(table) + column];
}

static pr_status set_text(pri_cell *cell, const char *text, size_t bytes)
{
    pr_status st = PR_OK;

    PR_NEW(cell->text, bytes + 1);
    memcpy(cell->text, text, bytes);
    cell->kind = PRI_CELL_TEXT;
done:
    return st;
}

/* Copy one column of the statement's present row; the cell is zero before. */
static pr_status read_cell(sqlite3_stmt *statement, int column, pri_cell *cell)
{
    pr_status st = PR_OK;

    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        cell->kind    = PRI_CELL_INT;
        cell->integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        cell->kind = PRI_CELL_REAL;
        cell->real = sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        PR_TRY(set_text(cell, text ? text : "", text ? strlen(text) : 0));
        break;
    }
    default: break;
    }
done:
    return st;
}

/* Make room for one more row and give its cells, zeroed. */
static pr_status add_row(pri_table *table, pri_cell **row)
{
    pr_status    st    = PR_OK;
    const size_t width = width_of(table);

    if (table->num_rows == table->max_rows) {
        const size_t rows  = table->max_rows ? 2 * table->max_rows : 16;
        pri_cell    *cells = pri_realloc(table->cells, rows * width, sizeof *cells);
        PR_CHECK(cells, PR_E_NOMEM, "cannot allocate %zu rows for the report's table of %s", rows,
                 table->spec->key);
        table->cells    = cells;
        table->max_rows = rows;
    }
    *row = table->cells + table->num_rows * width;
    memset(*row, 0, width * sizeof **row);
    table->num_rows++;
done:
    return st;
}

/* Append what the table's SELECT gives. */
static pr_status read_table(sqlite3 *db, const char *path, int64_t run, uint32_t limit,
                            pri_table *table)
{
    pr_status     st        = PR_OK;
    sqlite3_stmt *statement = NULL;
    pri_cell     *row       = NULL;
    int           rc;

    PR_TRY(pri_db_prepare(db, path, table->spec->sql, &statement));
    PR_ASSERT(sqlite3_column_count(statement) == (int)width_of(table));
    const int known = sqlite3_bind_parameter_count(statement);
    PR_SQL(db, path, sqlite3_bind_int64(statement, 1, run));
    if (known >= 2) PR_SQL(db, path, sqlite3_bind_int64(statement, 2, limit));
    if (known >= 3) PR_SQL(db, path, sqlite3_bind_text(statement, 3, path, -1, SQLITE_STATIC));
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        PR_TRY(add_row(table, &row));
        for (size_t i = 0; i < width_of(table); i++) PR_TRY(read_cell(statement, (int)i, &row[i]));
    }
    if (rc != SQLITE_DONE) PR_SQL(db, path, rc);
done:
    (void)sqlite3_finalize(statement);
    return st;
}

static void clear_table(pri_table *table)
{
    if (!table->spec) return;
    for (size_t i = 0; i < table->num_rows * width_of(table); i++) pri_free(table->cells[i].text);
    pri_free(table->cells);
    *table = (pri_table){ 0 };
}

static pr_status add_run(pri_report *report, sqlite3 *db, const char *path, int64_t id,
                         uint32_t slowest)
{
    pr_status st = PR_OK;

    if (report->num_runs == report->max_runs) {
        const size_t    max  = report->max_runs ? 2 * report->max_runs : 8;
        pri_report_run *runs = pri_realloc(report->runs, max, sizeof *runs);
        PR_CHECK(runs, PR_E_NOMEM, "cannot allocate %zu runs for the report", max);
        report->runs     = runs;
        report->max_runs = max;
    }
    pri_report_run *run = &report->runs[report->num_runs++];
    *run                = (pri_report_run){ .path = path, .run = id };
    for (size_t i = 0; i < PRI_NUM_REPORT_TABLES; i++) {
        run->tables[i].spec = &pri_report_tables[i];
        PR_TRY(read_table(db, path, id, slowest, &run->tables[i]));
    }
done:
    return st;
}

/* The wanted runs: 0 the last one, -1 all of them, else the id. */
static pr_status parse_wanted(const char *wanted, int64_t *out)
{
    pr_status st  = PR_OK;
    char     *end = NULL;

    if (!strcmp(wanted, "last")) {
        *out = 0;
    } else if (!strcmp(wanted, "all")) {
        *out = -1;
    } else {
        errno = 0;
        *out  = strtoimax(wanted, &end, 10);
        PR_CHECK(wanted[0] >= '0' && wanted[0] <= '9' && *end == '\0' && errno == 0 && *out > 0,
                 PR_E_ARG, "--run is \"%.64s\", allowed are last, all or a run's number from 1",
                 wanted);
    }
done:
    return st;
}

static pr_status collect_log(pri_report *report, const char *path, int64_t wanted, uint32_t slowest)
{
    pr_status     st        = PR_OK;
    sqlite3      *db        = NULL;
    sqlite3_stmt *statement = NULL;
    int64_t       first = 0, last = 0, n = 0;
    int           rc;

    PR_TRY(pri_db_read(path, &db));
    PR_TRY(pri_db_int(db, path, "SELECT count(*) FROM run", &n));
    PR_TRY(pri_db_int(db, path, "SELECT min(id) FROM run", &first));
    PR_TRY(pri_db_int(db, path, "SELECT max(id) FROM run", &last));
    PR_CHECK(n > 0, PR_E_INPUT, "%s: holds no run yet", path);
    PR_CHECK(wanted != -1 || n <= MAX_RUNS, PR_E_INPUT,
             "%s: holds %" PRId64 " runs, one report shows at most %d; name one with --run", path,
             n, MAX_RUNS);
    PR_TRY(pri_db_prepare(db, path,
                          "SELECT id FROM run WHERE ?1 = -1 OR id = ?1"
                          " OR (?1 = 0 AND id = (SELECT max(id) FROM run)) ORDER BY id",
                          &statement));
    PR_SQL(db, path, sqlite3_bind_int64(statement, 1, wanted));
    const size_t before = report->num_runs;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW)
        PR_TRY(add_run(report, db, path, sqlite3_column_int64(statement, 0), slowest));
    if (rc != SQLITE_DONE) PR_SQL(db, path, rc);
    PR_CHECK(report->num_runs > before, PR_E_INPUT,
             "%s: holds no run %" PRId64 "; its %" PRId64 " runs are %" PRId64 " .. %" PRId64, path,
             wanted, n, first, last);
    if (report->num_paths > 1 || report->num_runs - before > 1)
        for (size_t i = before; i < report->num_runs; i++) {
            const int64_t id = wanted == -1 ? 0 : report->runs[i].run;
            PR_TRY(read_table(db, path, id, slowest, &report->comparison));
            if (id == 0) break; /* all runs came at once */
        }
done:
    (void)sqlite3_finalize(statement);
    pri_db_rollback(db);
    pri_db_close(db);
    return st;
}

static size_t column_named(const pri_table *table, const char *key)
{
    size_t column = 0;
    while (strcmp(table->spec->columns[column].key, key) != 0) column++;
    return column;
}

static bool same_cell(const pri_cell *a, const pri_cell *b)
{
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case PRI_CELL_NULL: return true;
    case PRI_CELL_INT: return a->integer == b->integer;
    case PRI_CELL_REAL: return a->real <= b->real && a->real >= b->real;
    case PRI_CELL_TEXT: return !strcmp(a->text, b->text);
    }
    return false;
}

/* Fill "same batches as": the first earlier row with the same phase, steps and batch fold, over all
 * logs; v_compare knows its own only. Without a fold there are no batches to compare. */
static pr_status find_same_batches(pri_table *table)
{
    static const char *const keys[] = { "phase", "steps", "batch_fold" };
    pr_status                st     = PR_OK;
    char                     name[PR_TEXT_BYTES + 32];
    size_t                   at[3];

    for (int k = 0; k < 3; k++) at[k] = column_named(table, keys[k]);
    const size_t log = column_named(table, "log"), run = column_named(table, "run");
    const size_t same = column_named(table, "same_batches_as");

    for (size_t i = 1; i < table->num_rows; i++) {
        if (pri_table_cell(table, i, at[2])->kind == PRI_CELL_NULL) continue;
        for (size_t j = 0; j < i; j++) {
            bool equal = true;
            for (int k = 0; k < 3; k++)
                equal &=
                    same_cell(pri_table_cell(table, i, at[k]), pri_table_cell(table, j, at[k]));
            if (!equal) continue;
            const bool here =
                same_cell(pri_table_cell(table, i, log), pri_table_cell(table, j, log));
            snprintf(name, sizeof name, "%s%srun %" PRId64,
                     here ? "" : pri_table_cell(table, j, log)->text, here ? "" : " ",
                     pri_table_cell(table, j, run)->integer);
            PR_TRY(set_text(&table->cells[i * width_of(table) + same], name, strlen(name)));
            break;
        }
    }
done:
    return st;
}

pr_status pri_report_collect(const char *wanted, uint32_t slowest, const char *const *paths,
                             size_t num_paths, pri_report *out)
{
    pr_status st = PR_OK;
    int64_t   id = 0;

    *out = (pri_report){ .num_paths = num_paths, .comparison = { .spec = &pri_comparison_table } };
    PR_TRY(parse_wanted(wanted, &id));
    for (size_t i = 0; i < num_paths; i++) PR_TRY(collect_log(out, paths[i], id, slowest));
    PR_TRY(find_same_batches(&out->comparison));
done:
    return st;
}

void pri_report_clear(pri_report *report)
{
    for (size_t i = 0; i < report->num_runs; i++)
        for (size_t t = 0; t < PRI_NUM_REPORT_TABLES; t++) clear_table(&report->runs[i].tables[t]);
    pri_free(report->runs);
    clear_table(&report->comparison);
    *report = (pri_report){ 0 };
}

bool pri_report_shows(const pri_report_run *run, size_t table)
{
    const pri_table *header = &run->tables[PRI_REPORT_HEADER];
    const pri_table *wanted = &run->tables[table];

    if (wanted->num_rows == 0) return false;
    if (!wanted->spec->several || run->tables[PRI_REPORT_LANES].num_rows > 1) return true;
    return header->num_rows > 0 &&
           pri_table_cell(header, 0, column_named(header, "numa_nodes"))->integer > 1;
}

size_t pri_table_sentence(const pri_table *table)
{
    size_t column = 0;
    while (table->spec->columns[column].show != PRI_SHOW_ALWAYS) column++;
    return column;
}

bool pri_table_shows(const pri_table *table, size_t column)
{
    const pri_show show = table->spec->columns[column].show;

    if (show == PRI_SHOW_ALWAYS || show == PRI_SHOW_NEVER) return show == PRI_SHOW_ALWAYS;
    for (size_t row = 0; row < table->num_rows; row++) {
        const pri_cell *cell = pri_table_cell(table, row, column);
        if (show == PRI_SHOW_KNOWN && cell->kind != PRI_CELL_NULL) return true;
        if (show == PRI_SHOW_VARIED && !same_cell(cell, pri_table_cell(table, 0, column)))
            return true;
    }
    return false;
}

bool pri_table_has_text(const pri_table *table, size_t column)
{
    for (size_t row = 0; row < table->num_rows; row++)
        if (pri_table_cell(table, row, column)->kind == PRI_CELL_TEXT) return true;
    return false;
}

void pri_cell_print(const pri_cell *cell, int digits, char *out, size_t bytes)
{
    switch (cell->kind) {
    case PRI_CELL_INT: snprintf(out, bytes, "%" PRId64, cell->integer); break;
    case PRI_CELL_REAL: {
        const double size = cell->real < 0 ? -cell->real : cell->real;
        snprintf(out, bytes, size < 1e15 ? "%.*f" : "%.*g", digits, cell->real);
        break;
    }
    case PRI_CELL_TEXT: snprintf(out, bytes, "%s", cell->text); break;
    case PRI_CELL_NULL: snprintf(out, bytes, "-"); break;
    }
}

/* How many bytes the lead byte asks for; 0: not a lead byte. */
static size_t sequence_bytes(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead < 0xe0) return 2;
    if (lead >= 0xe0 && lead < 0xf0) return 3;
    if (lead >= 0xf0 && lead < 0xf5) return 4;
    return 0;
}

size_t pri_text_next(const char *text, uint32_t *code_point)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t          n       = sequence_bytes((unsigned char)text[0]);
    uint32_t              c       = (unsigned char)text[0];

    *code_point = '?';
    if (n == 0) return 1;
    if (n > 1) c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i]; /* the end, 0, stops here */
        if ((byte & 0xc0) != 0x80) return 1;
        c = c << 6 | (byte & 0x3f);
    }
    const bool control = c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
                         (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029;
    if (!control && c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff)) *code_point = c;
    return n;
}
