/* asking.h: requests that somebody else answers: infer and features by the service's lanes, load by
 * the reloader. What a request needs on its way is used again for the next one.
 *
 * All calls but create and free may come from any of HTTP's threads. */
#ifndef PIPELINE_SERVE_ASKING_H
#define PIPELINE_SERVE_ASKING_H

#include "pipeline/serve/http.h"
#include "pipeline/serve/reload.h"
#include "pipeline/serve/routes.h"
#include "pipeline/serve/wire.h"

typedef struct pri_asking pri_asking; /* all of them */

pr_status pri_asking_create(const pri_routes_setup *setup, pri_asking **out);
void      pri_asking_free(pri_asking *asking); /* NULL is fine */

/* Begin: answer what is wrong with the request, or keep the exchange, whose own is set.
 *
 *   version   of the model that is to answer; 0: any */
void pri_asking_query(pri_asking *asking, pri_exchange *exchange, pri_query_kind kind,
                      uint64_t version);
void pri_asking_load(pri_asking *asking, pri_exchange *exchange);

/* Answer one that woke. */
void pri_asking_finish(pri_asking *asking, pri_exchange *exchange);

/* Count and log one that was begun; `sent` as of pri_http_handlers.end. Nothing for others. */
void pri_asking_end(pri_asking *asking, pri_exchange *exchange, bool sent);

/* Answers that others give, too. */
void pri_answer_body(pri_exchange *exchange, uint32_t status, const pri_wire_body *body);
void pri_answer_error(pri_exchange *exchange, uint32_t status, const char *message);

#endif
