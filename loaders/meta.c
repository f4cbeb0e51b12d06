/* meta.c: from meta.json's text to checked counts. */
#include "loaders/meta.h"

#include <string.h>

#include "base/json.h"
#include "base/outfile.h"

enum { MAX_META_BYTES = 1 << 20 };

/* Read an integer member within its bounds. */
static pr_status read_count(const pr_json *json, const char *path, const char *key, int64_t min,
                            int64_t max, int64_t *out)
{
    pr_status      st     = PR_OK;
    const pr_json *member = pri_json_find(json, key);

    PR_CHECK(member, PR_E_INPUT, "%s: has no member '%s', an integer in %lld..%lld", path, key,
             (long long)min, (long long)max);
    PR_CHECK(pri_json_as_int(member, out), PR_E_INPUT,
             "%s: '%s' is not an integer, must be one in %lld..%lld", path, key, (long long)min,
             (long long)max);
    PR_CHECK(*out >= min && *out <= max, PR_E_INPUT, "%s: '%s' is %lld, must be in %lld..%lld",
             path, key, (long long)*out, (long long)min, (long long)max);
done:
    return st;
}

static pr_status read_name(const pr_json *json, const char *path, pri_meta *meta)
{
    pr_status      st     = PR_OK;
    const pr_json *member = pri_json_find(json, "name");

    if (!member) return PR_OK;
    const char *name = pri_json_as_string(member);
    PR_CHECK(name, PR_E_INPUT, "%s: 'name' is not a string", path);
    PR_CHECK(strlen(name) < sizeof meta->name, PR_E_INPUT,
             "%s: 'name' has %zu bytes, at most %zu are allowed", path, strlen(name),
             sizeof meta->name - 1);
    memcpy(meta->name, name, strlen(name) + 1);
done:
    return st;
}

static pr_status read_feat(const pr_json *json, const char *path, pri_meta *meta)
{
    pr_status      st     = PR_OK;
    const pr_json *member = pri_json_find(json, "feat");

    meta->feat = PRI_FEAT_ANY;
    if (!member) return PR_OK;
    const char *feat = pri_json_as_string(member);
    PR_CHECK(feat, PR_E_INPUT, "%s: 'feat' is not a string, must be 'dense' or 'csr'", path);
    if (!strcmp(feat, "dense")) meta->feat = PR_FEATURES_DENSE;
    if (!strcmp(feat, "csr")) meta->feat = PR_FEATURES_CSR;
    PR_CHECK(meta->feat != PRI_FEAT_ANY, PR_E_INPUT,
             "%s: 'feat' is '%.40s', must be 'dense' or 'csr'", path, feat);
done:
    return st;
}

static pr_status read_format(const pr_json *json, const char *path, pri_meta *meta)
{
    pr_status      st     = PR_OK;
    const pr_json *member = pri_json_find(json, "feat_format");

    meta->row_format = PRI_FORMAT_ANY;
    if (!member) return PR_OK;
    const char *format = pri_json_as_string(member);
    PR_CHECK(format, PR_E_INPUT,
             "%s: 'feat_format' is not a string, must be 'f32', 'bf16', 'f16' or 'int8'", path);
    for (int f = PR_ROWS_F32; f <= PR_ROWS_INT8; f++)
        if (!strcmp(format, pr_row_format_name(f))) meta->row_format = f;
    PR_CHECK(meta->row_format != PRI_FORMAT_ANY, PR_E_INPUT,
             "%s: 'feat_format' is '%.40s', must be 'f32', 'bf16', 'f16' or 'int8'", path, format);
done:
    return st;
}

pr_status pri_meta_parse(const char *text, size_t bytes, const char *path, pri_meta *out)
{
    pr_status st   = PR_OK;
    pr_json  *json = NULL;
    int64_t   nodes, edges, feats, classes;

    *out = (pri_meta){ 0 };
    PR_TRY(pri_json_parse(text, bytes, path, &json));
    PR_CHECK(pri_json_is_object(json), PR_E_INPUT, "%s: is not a JSON object", path);
    PR_TRY(read_count(json, path, "num_nodes", 1, PR_MAX_NODES, &nodes));
    PR_TRY(read_count(json, path, "num_edges", 0, INT64_MAX, &edges));
    PR_TRY(read_count(json, path, "num_feats", 1, PRI_MAX_FEATS, &feats));
    PR_TRY(read_count(json, path, "num_classes", 0, PRI_MAX_CLASSES, &classes));
    PR_TRY(read_name(json, path, out));
    PR_TRY(read_feat(json, path, out));
    PR_TRY(read_format(json, path, out));
    out->num_nodes   = (pr_vid)nodes;
    out->num_edges   = (uint64_t)edges;
    out->num_feats   = (uint32_t)feats;
    out->num_classes = (uint32_t)classes;
done:
    pr_json_free(json);
    return st;
}

pr_status pri_meta_read(const char *dir, pri_meta *out)
{
    pr_status st   = PR_OK;
    char     *text = NULL;
    char      path[PR_TEXT_BYTES + 64];
    size_t    bytes;

    snprintf(path, sizeof path, "%s/meta.json", dir);
    PR_TRY(pri_file_read(path, MAX_META_BYTES, &text, &bytes));
    PR_TRY(pri_meta_parse(text, bytes, path, out));
done:
    pri_free(text);
    return st;
}
