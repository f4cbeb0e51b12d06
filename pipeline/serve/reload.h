/* reload.h: a thread that loads checkpoints while lanes answer: one at a time, for whoever asked.
 */
#ifndef PIPELINE_SERVE_RELOAD_H
#define PIPELINE_SERVE_RELOAD_H

#include "pipeline/serve/service.h"

typedef struct pri_reloader pri_reloader;

/* Somebody who asked; zeroed but for done and context, and kept until done is called. */
typedef struct pri_reload pri_reload;
struct pri_reload {
    void (*done)(void *context, pri_reload *reload); /* on the reloader's thread */
    void       *context;
    pr_status   status;
    char        reason[PR_TEXT_BYTES];
    uint64_t    version;
    pri_reload *next; /* the reloader's */
};

pr_status pri_reloader_create(pri_service *service, pri_record *record, pri_reloader **out);

/* Ask for a load. All that ask before it begins share one. Any thread. */
void pri_reloader_ask(pri_reloader *reloader, pri_reload *reload);

/* The same for a signal: what comes of it is said. */
void pri_reloader_signal(pri_reloader *reloader);

/* Finish the load at work, load nothing any more: those that wait, and those that ask later, get
 * PR_E_INTERRUPTED. Returns when all that asked before were told. */
void pri_reloader_quiesce(pri_reloader *reloader);

/* Quiesce, end the thread. Nobody may ask any more. NULL is fine. */
void pri_reloader_free(pri_reloader *reloader);

#endif
