/* wire_text.h: a body as it is written: JSON, and bytes behind it. What cannot grow is remembered,
 * and told at the end. */
#ifndef PIPELINE_SERVE_WIRE_TEXT_H
#define PIPELINE_SERVE_WIRE_TEXT_H

#include "pipeline/serve/wire.h"

typedef struct pri_text {
    char  *at; /* of pri_malloc_away */
    size_t used, room;
    bool   failed; /* out of memory: nothing more is written */
} pri_text;

/* Make room for `bytes` more; false when that failed, now or before. */
bool pri_text_room(pri_text *text, size_t bytes);

void pri_text_put(pri_text *text, const void *bytes, size_t n);
void pri_text_add(pri_text *text, const char *words);
void pri_text_unsigned(pri_text *text, uint64_t number);
void pri_text_float(pri_text *text, float number);

/* Write a JSON string with its quotes. Bytes that break UTF-8 become '?'. */
void pri_text_string(pri_text *text, const char *words);

/* Write a seed: a number, or as text beyond 2^63 - 1, where readers of JSON lose digits or give up.
 */
void pri_text_seed(pri_text *text, uint64_t seed);

/* Write a fanout as "10,all", with its quotes. */
void pri_text_fanout(pri_text *text, const pr_fanout *fanout);

/* Hand it over, or PR_E_NOMEM; the text is empty again.
 *
 *   json_bytes   of its beginning */
pr_status pri_text_end(pri_text *text, size_t json_bytes, pri_wire_body *out);

#endif
