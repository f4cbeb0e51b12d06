/* json.h: reading JSON; the writing half is public. All jansson calls of the project are in
 * base/json.c. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/check.h"

/* Parse text; `name` is the file or thing named in errors. PR_E_INPUT with line and column. */
pr_status pri_json_parse(const char *text, size_t bytes, const char *name, pr_json **out);

/* Read a file that holds one JSON object. */
pr_status pri_json_read_object(const char *path, size_t max_bytes, pr_json **out);

/* Borrow a member; NULL when absent. */
const pr_json *pri_json_find(const pr_json *object, const char *key);

bool        pri_json_is_object(const pr_json *json);
bool        pri_json_is_null(const pr_json *json);              /* a JSON null; NULL is not */
bool        pri_json_as_int(const pr_json *json, int64_t *out); /* false: not an integer */
bool        pri_json_as_real(const pr_json *json, double *out); /* integer or real */
bool        pri_json_as_bool(const pr_json *json, bool *out);
const char *pri_json_as_string(const pr_json *json); /* borrowed; NULL: not a string */

/* Give an array's length, 0 for anything else, and borrow an element below it. */
size_t         pri_json_length(const pr_json *array);
const pr_json *pri_json_at(const pr_json *array, size_t index);
bool           pri_json_is_array(const pr_json *json);

/* Walk an object's members in insertion order: start with NULL, ends with NULL. */
void          *pri_json_next(pr_json *object, void *iterator);
const char    *pri_json_key(void *iterator);
const pr_json *pri_json_value(void *iterator);

#endif
