/* tune_entry.c: a tuning and its JSON. Numbers of 64 bits that stand for "never" (UINT64_MAX) are
 * null in the file, which has no other way to say it. */
#include "cache/tune_entry.h"

#include <inttypes.h>
#include <string.h>

#include "base/isa.h"

/* The entry being read, for the words of errors. */
typedef struct reader {
    const char    *path;
    size_t         index;
    const pr_json *json;
} reader;

static pr_status find(const reader *r, const char *name, const pr_json **out)
{
    pr_status st = PR_OK;

    *out = pri_json_find(r->json, name);
    PR_CHECK(*out, PR_E_INPUT, "%s: entries[%zu] has no %s", r->path, r->index, name);
done:
    return st;
}

/* Read a whole number within bounds. */
static pr_status read_int(const reader *r, const char *name, int64_t min, int64_t max, int64_t *out)
{
    pr_status      st    = PR_OK;
    const pr_json *value = NULL;

    PR_TRY(find(r, name, &value));
    PR_CHECK(pri_json_as_int(value, out), PR_E_INPUT, "%s: entries[%zu].%s is not a whole number",
             r->path, r->index, name);
    PR_CHECK(*out >= min && *out <= max, PR_E_INPUT,
             "%s: entries[%zu].%s is %" PRId64 ", allowed are %" PRId64 " .. %" PRId64, r->path,
             r->index, name, *out, min, max);
done:
    return st;
}

/* Read a number of bytes, or null for never. */
static pr_status read_bytes(const reader *r, const char *name, uint64_t *out)
{
    pr_status      st    = PR_OK;
    const pr_json *value = NULL;
    int64_t        bytes = 0;

    PR_TRY(find(r, name, &value));
    if (pri_json_is_null(value)) {
        *out = UINT64_MAX;
        goto done;
    }
    PR_TRY(read_int(r, name, 0, INT64_MAX, &bytes));
    *out = (uint64_t)bytes;
done:
    return st;
}

static pr_status read_share(const reader *r, const char *name, double *out)
{
    pr_status      st    = PR_OK;
    const pr_json *value = NULL;

    PR_TRY(find(r, name, &value));
    PR_CHECK(pri_json_as_real(value, out), PR_E_INPUT, "%s: entries[%zu].%s is not a number",
             r->path, r->index, name);
    PR_CHECK(*out >= 0 && *out <= 1, PR_E_INPUT, "%s: entries[%zu].%s is %g, allowed are 0 .. 1",
             r->path, r->index, name, *out);
done:
    return st;
}

static pr_status read_text(const reader *r, const char *name, char *out, size_t bytes)
{
    pr_status      st    = PR_OK;
    const pr_json *value = NULL;

    PR_TRY(find(r, name, &value));
    const char *text = pri_json_as_string(value);
    PR_CHECK(text, PR_E_INPUT, "%s: entries[%zu].%s is not a text", r->path, r->index, name);
    PR_CHECK(strlen(text) < bytes, PR_E_INPUT,
             "%s: entries[%zu].%s has %zu bytes, at most %zu are allowed", r->path, r->index, name,
             strlen(text), bytes - 1);
    memcpy(out, text, strlen(text) + 1);
done:
    return st;
}

static pr_status read_isa(const reader *r, int *out)
{
    pr_status st = PR_OK;
    char      name[32];

    PR_TRY(read_text(r, "isa", name, sizeof name));
    *out = 0;
    while (*out < PRI_NUM_ISAS && strcmp(name, pri_isa_name(*out)) != 0) ++*out;
    PR_CHECK(*out < PRI_NUM_ISAS, PR_E_INPUT,
             "%s: entries[%zu].isa is \"%s\", allowed are portable, avx2, avx512", r->path,
             r->index, name);
done:
    return st;
}

pr_status pri_tune_entry_read(const char *path, size_t index, const pr_json *json,
                              pri_tune_entry *out)
{
    pr_status    st = PR_OK;
    const reader r  = { path, index, json };
    int64_t      row_bytes, threads, prefetch_to, row_ahead, index_ahead;

    *out = (pri_tune_entry){ 0 };
    PR_CHECK(pri_json_is_object(json), PR_E_INPUT, "%s: entries[%zu] is not an object", path,
             index);
    PR_TRY(read_text(&r, "host", out->key.host, sizeof out->key.host));
    PR_TRY(read_text(&r, "cpu", out->key.cpu, sizeof out->key.cpu));
    PR_TRY(read_int(&r, "row_bytes", PRI_TUNE_MIN_ROW, PRI_TUNE_MAX_ROW, &row_bytes));
    PR_TRY(read_int(&r, "threads", 1, PRI_TUNE_MAX_TEAM, &threads));
    PR_TRY(read_isa(&r, &out->tuning.isa));
    PR_TRY(read_int(&r, "prefetch_to", 1, 2, &prefetch_to));
    PR_TRY(read_int(&r, "row_ahead", 1, PRI_TUNE_MAX_AHEAD, &row_ahead));
    PR_TRY(read_int(&r, "index_ahead", 1, PRI_TUNE_MAX_AHEAD, &index_ahead));
    PR_TRY(read_bytes(&r, "thread_bytes", &out->tuning.thread_bytes));
    PR_TRY(read_bytes(&r, "stream_bytes", &out->tuning.stream_bytes));
    PR_TRY(read_share(&r, "repack_share", &out->tuning.repack_share));
    PR_TRY(read_int(&r, "measured_at", 0, INT64_MAX, &out->measured_at));
    out->key.row_bytes      = (uint64_t)row_bytes;
    out->key.threads        = (uint32_t)threads;
    out->tuning.prefetch_to = (int)prefetch_to;
    out->tuning.row_ahead   = (uint32_t)row_ahead;
    out->tuning.index_ahead = (uint32_t)index_ahead;
done:
    return st;
}

static pr_status set_bytes(pr_json *json, const char *name, uint64_t bytes)
{
    if (bytes > INT64_MAX) return pr_json_set_null(json, name);
    return pr_json_set_int(json, name, (int64_t)bytes);
}

pr_status pri_tune_members(const pr_tuning *tuning, pr_json *json)
{
    pr_status st = PR_OK;

    PR_TRY(pr_json_set_string(json, "isa", pri_isa_name(tuning->isa)));
    PR_TRY(pr_json_set_int(json, "prefetch_to", tuning->prefetch_to));
    PR_TRY(pr_json_set_int(json, "row_ahead", tuning->row_ahead));
    PR_TRY(pr_json_set_int(json, "index_ahead", tuning->index_ahead));
    PR_TRY(set_bytes(json, "thread_bytes", tuning->thread_bytes));
    PR_TRY(set_bytes(json, "stream_bytes", tuning->stream_bytes));
    PR_TRY(pr_json_set_real(json, "repack_share", tuning->repack_share));
done:
    return st;
}

pr_status pri_tune_entry_write(const pri_tune_entry *entry, pr_json **out)
{
    pr_status st   = PR_OK;
    pr_json  *json = pr_json_object();

    *out = NULL;
    PR_CHECK(json, PR_E_NOMEM, "cannot create a JSON object for a tuning");
    PR_TRY(pr_json_set_string(json, "host", entry->key.host));
    PR_TRY(pr_json_set_string(json, "cpu", entry->key.cpu));
    PR_TRY(pr_json_set_int(json, "row_bytes", (int64_t)entry->key.row_bytes));
    PR_TRY(pr_json_set_int(json, "threads", entry->key.threads));
    PR_TRY(pri_tune_members(&entry->tuning, json));
    PR_TRY(pr_json_set_int(json, "measured_at", entry->measured_at));
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    return st;
}

pr_status pri_tune_check(const pr_tuning *tuning)
{
    pr_status st = PR_OK;

    PR_CHECK(tuning->isa >= 0 && tuning->isa < PRI_NUM_ISAS, PR_E_ARG,
             "isa is %d, allowed are 0 .. %d", tuning->isa, PRI_NUM_ISAS - 1);
    PR_CHECK(tuning->prefetch_to == 1 || tuning->prefetch_to == 2, PR_E_ARG,
             "prefetch_to is %d, allowed are 1 and 2", tuning->prefetch_to);
    PR_CHECK(tuning->row_ahead >= 1 && tuning->row_ahead <= PRI_TUNE_MAX_AHEAD, PR_E_ARG,
             "row_ahead is %u, allowed are 1 .. %d", tuning->row_ahead, PRI_TUNE_MAX_AHEAD);
    PR_CHECK(tuning->index_ahead >= 1 && tuning->index_ahead <= PRI_TUNE_MAX_AHEAD, PR_E_ARG,
             "index_ahead is %u, allowed are 1 .. %d", tuning->index_ahead, PRI_TUNE_MAX_AHEAD);
    PR_CHECK(tuning->repack_share >= 0 && tuning->repack_share <= 1, PR_E_ARG,
             "repack_share is %g, allowed are 0 .. 1", tuning->repack_share);
done:
    return st;
}
