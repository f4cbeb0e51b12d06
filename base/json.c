/* json.c: the only file that includes jansson. A pr_json is a json_t. */
#include "base/json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/outfile.h"

static json_t *raw(const pr_json *json)
{
    return (json_t *)(uintptr_t)json;
}

static pr_json *cooked(json_t *json)
{
    return (pr_json *)json;
}

pr_json *pr_json_object(void)
{
    return cooked(json_object());
}

pr_json *pr_json_array(void)
{
    return cooked(json_array());
}

void pr_json_free(pr_json *json)
{
    json_decref(raw(json));
}

static pr_status set(pr_json *object, const char *key, json_t *value)
{
    pr_status st = PR_OK;
    /* takes the value even when it fails, also for a NULL object */
    PR_CHECK(json_object_set_new(raw(object), key, value) == 0, PR_E_NOMEM,
             "cannot store JSON member %s", key);
done:
    return st;
}

/* Give a JSON string; bytes that break UTF-8 become '?'. */
static json_t *string_of(const char *text)
{
    json_t *value = json_string(text);
    if (value) return value;
    char *copy = strdup(text);
    if (!copy) return NULL;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

pr_status pr_json_set_string(pr_json *object, const char *key, const char *value)
{
    return set(object, key, value ? string_of(value) : json_null());
}

pr_status pr_json_set_int(pr_json *object, const char *key, int64_t value)
{
    return set(object, key, json_integer(value));
}

pr_status pr_json_set_real(pr_json *object, const char *key, double value)
{
    return set(object, key, isfinite(value) ? json_real(value) : json_null());
}

pr_status pr_json_set_bool(pr_json *object, const char *key, bool value)
{
    return set(object, key, json_boolean(value));
}

pr_status pr_json_set_null(pr_json *object, const char *key)
{
    return set(object, key, json_null());
}

pr_status pr_json_set(pr_json *object, const char *key, pr_json *value)
{
    return set(object, key, raw(value));
}

pr_status pr_json_append(pr_json *array, pr_json *value)
{
    pr_status st = PR_OK;
    PR_CHECK(json_array_append_new(raw(array), raw(value)) == 0, PR_E_NOMEM,
             "cannot append to a JSON array");
done:
    return st;
}

char *pr_json_text(const pr_json *json)
{
    return json_dumps(raw(json), JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
}

pr_status pr_json_write(const pr_json *json, FILE *out)
{
    pr_status st   = PR_OK;
    char     *text = pr_json_text(json);

    PR_CHECK(text, PR_E_NOMEM, "cannot print a JSON value");
    PR_CHECK(fputs(text, out) >= 0, PR_E_IO, "cannot write a JSON value");
done:
    free(text);
    return st;
}

pr_status pri_json_parse(const char *text, size_t bytes, const char *name, pr_json **out)
{
    pr_status    st = PR_OK;
    json_error_t error;

    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    *out         = NULL;
    PR_CHECK(json, PR_E_INPUT, "%s: line %d, column %d: %s", name, error.line, error.column,
             error.text);
    *out = cooked(json);
done:
    return st;
}

pr_status pri_json_read_object(const char *path, size_t max_bytes, pr_json **out)
{
    pr_status st   = PR_OK;
    char     *text = NULL;
    pr_json  *json = NULL;
    size_t    bytes;

    *out = NULL;
    PR_TRY(pri_file_read(path, max_bytes, &text, &bytes));
    PR_TRY(pri_json_parse(text, bytes, path, &json));
    PR_CHECK(pri_json_is_object(json), PR_E_INPUT, "%s: is not a JSON object", path);
    *out = json;
    json = NULL;
done:
    pr_json_free(json);
    pri_free(text);
    return st;
}

const pr_json *pri_json_find(const pr_json *object, const char *key)
{
    return cooked(json_object_get(raw(object), key));
}

bool pri_json_is_object(const pr_json *json)
{
    return json_is_object(raw(json));
}

bool pri_json_is_null(const pr_json *json)
{
    return json_is_null(raw(json));
}

bool pri_json_is_array(const pr_json *json)
{
    return json_is_array(raw(json));
}

size_t pri_json_length(const pr_json *array)
{
    return json_array_size(raw(array));
}

const pr_json *pri_json_at(const pr_json *array, size_t index)
{
    return cooked(json_array_get(raw(array), index));
}

bool pri_json_as_int(const pr_json *json, int64_t *out)
{
    if (!json_is_integer(raw(json))) return false;
    *out = json_integer_value(raw(json));
    return true;
}

bool pri_json_as_real(const pr_json *json, double *out)
{
    if (!json_is_number(raw(json))) return false;
    *out = json_number_value(raw(json));
    return true;
}

bool pri_json_as_bool(const pr_json *json, bool *out)
{
    if (!json_is_boolean(raw(json))) return false;
    *out = json_is_true(raw(json));
    return true;
}

const char *pri_json_as_string(const pr_json *json)
{
    return json_string_value(raw(json));
}

const char *pri_json_say(const pr_json *json, char out[PRI_JSON_SAY])
{
    const json_t *value = raw(json);

    if (!value)
        snprintf(out, PRI_JSON_SAY, "nothing");
    else if (json_is_integer(value))
        snprintf(out, PRI_JSON_SAY, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, PRI_JSON_SAY, "%.17g", json_real_value(value));
    else if (json_is_string(value))
        snprintf(out, PRI_JSON_SAY, "\"%.40s%s", json_string_value(value),
                 json_string_length(value) > 40 ? "...\"" : "\"");
    else if (json_is_array(value))
        snprintf(out, PRI_JSON_SAY, "an array of %zu", json_array_size(value));
    else
        snprintf(out, PRI_JSON_SAY, "%s",
                 json_is_object(value) ? "an object"
                 : json_is_true(value) ? "true"
                 : json_is_null(value) ? "null"
                                       : "false");
    return out;
}

void *pri_json_next(const pr_json *object, void *iterator)
{
    return iterator ? json_object_iter_next(raw(object), iterator) : json_object_iter(raw(object));
}

const char *pri_json_key(void *iterator)
{
    return json_object_iter_key(iterator);
}

const pr_json *pri_json_value(void *iterator)
{
    return cooked(json_object_iter_value(iterator));
}
