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

/* Say what a value is, for errors: 5, "text" (its first 40 bytes), true, null, an array of 3, an
 * object, nothing (NULL). Gives `out`. */
#define PRI_JSON_SAY 64
const char *pri_json_say(const pr_json *json, char out[PRI_JSON_SAY]);

/* What a text holds, before it is parsed: parsing takes up to some 100 bytes for one that is read,
 * and calls itself for each level. Outside of strings; of text that is not JSON it means little. */
typedef struct pri_json_size {
    size_t values;     /* commas + brackets: as many as there are, at least */
    size_t containers; /* arrays and objects */
    size_t depth;      /* of them in one another */
} pri_json_size;
pri_json_size pri_json_survey(const char *text, size_t bytes); /* cannot fail */

/* Walk an object's members in insertion order: start with NULL, ends with NULL. */
void          *pri_json_next(const pr_json *object, void *iterator);
const char    *pri_json_key(void *iterator);
const pr_json *pri_json_value(void *iterator);

#endif
