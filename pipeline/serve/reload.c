/* reload.c: see reload.h.
 *
 * Those who ask wait in a list. When a load begins it takes the whole list: whoever asks later
 * wants what the file is then, and waits for the next load. */
#include "pipeline/serve/reload.h"

#include <string.h>

#include "base/thread.h"

struct pri_reloader {
    pri_service    *service;
    pri_record     *record;
    pthread_t       thread;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    pri_reload     *first, **end; /* who waits, in the order in which they came */
    bool            signalled;    /* a signal asks too */
    bool            working;      /* a list was taken, and not all of it is told yet */
    bool            quiet;        /* nothing is loaded any more */
    bool            ending;
};

/* Load once; what comes of it is said and written down. */
static void load(pri_reloader *reloader, pri_reload *result)
{
    char              text[PR_TEXT_BYTES + 64];
    pri_service_facts facts;

    result->status    = pri_service_reload(reloader->service, &result->version);
    const bool loaded = result->status == PR_OK;
    if (loaded) {
        snprintf(text, sizeof text, "the checkpoint was loaded again: model version %llu",
                 (unsigned long long)result->version);
    } else {
        snprintf(result->reason, sizeof result->reason, "%s", pr_error_message());
        snprintf(text, sizeof text, "the checkpoint could not be loaded again: %s", result->reason);
        pri_service_describe(reloader->service, &facts);
        result->version = facts.version; /* that stays */
    }
    pri_record_swap(reloader->record, loaded, text);
    pr_diag(loaded ? PR_INFO : PR_WARN, "%s", text);
}

/* Tell everybody of a list; each may be gone when its done returns. */
static void tell(pri_reload *list, const pri_reload *result)
{
    while (list) {
        pri_reload *const one = list;
        list                  = one->next;
        one->next             = NULL;
        one->status           = result->status;
        one->version          = result->version;
        memcpy(one->reason, result->reason, sizeof one->reason);
        one->done(one->context, one);
    }
}

static void *work(void *argument)
{
    pri_reloader *const own = argument;

    pthread_mutex_lock(&own->lock);
    for (;;) {
        while (!own->first && !own->signalled && !own->ending)
            pthread_cond_wait(&own->changed, &own->lock);
        if (own->ending && !own->first) break;
        pri_reload *const list   = own->first;
        pri_reload        result = { .status = PR_E_INTERRUPTED, .reason = "the server ends" };
        const bool        loads  = !own->quiet;
        own->first               = NULL;
        own->end                 = &own->first;
        own->signalled           = false;
        own->working             = true;
        pthread_mutex_unlock(&own->lock);
        if (loads) load(own, &result);
        tell(list, &result);
        pthread_mutex_lock(&own->lock);
        own->working = false;
        pthread_cond_broadcast(&own->changed);
    }
    pthread_mutex_unlock(&own->lock);
    return NULL;
}

pr_status pri_reloader_create(pri_service *service, pri_record *record, pri_reloader **out)
{
    pr_status     st       = PR_OK;
    pri_reloader *reloader = NULL;

    *out = NULL;
    PR_NEW(reloader, 1);
    reloader->service = service;
    reloader->record  = record;
    reloader->end     = &reloader->first;
    pthread_mutex_init(&reloader->lock, NULL);
    pthread_cond_init(&reloader->changed, NULL);
    PR_TRY(pri_thread_start(work, reloader, "reloading", &reloader->thread));
    *out     = reloader;
    reloader = NULL;
done:
    pri_free(reloader);
    return st;
}

void pri_reloader_ask(pri_reloader *reloader, pri_reload *reload)
{
    pthread_mutex_lock(&reloader->lock);
    reload->next   = NULL;
    *reloader->end = reload;
    reloader->end  = &reload->next;
    pthread_cond_broadcast(&reloader->changed);
    pthread_mutex_unlock(&reloader->lock);
}

void pri_reloader_signal(pri_reloader *reloader)
{
    pthread_mutex_lock(&reloader->lock);
    reloader->signalled = !reloader->quiet;
    pthread_cond_broadcast(&reloader->changed);
    pthread_mutex_unlock(&reloader->lock);
}

void pri_reloader_quiesce(pri_reloader *reloader)
{
    pthread_mutex_lock(&reloader->lock);
    reloader->quiet     = true;
    reloader->signalled = false;
    while (reloader->working || reloader->first)
        pthread_cond_wait(&reloader->changed, &reloader->lock);
    pthread_mutex_unlock(&reloader->lock);
}

void pri_reloader_free(pri_reloader *reloader)
{
    if (!reloader) return;
    pri_reloader_quiesce(reloader);
    pthread_mutex_lock(&reloader->lock);
    reloader->ending = true;
    pthread_cond_broadcast(&reloader->changed);
    pthread_mutex_unlock(&reloader->lock);
    pthread_join(reloader->thread, NULL);
    pthread_cond_destroy(&reloader->changed);
    pthread_mutex_destroy(&reloader->lock);
    pri_free(reloader);
}
