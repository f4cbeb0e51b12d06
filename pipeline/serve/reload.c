/* reload.c: see reload.h. */
#include "pipeline/serve/reload.h"

pr_status pri_reloader_create(pri_service *service, pri_record *record, pri_reloader **out)
{
    pr_status st = PR_OK;

    (void)service, (void)record;
    *out = NULL;
    PR_CHECK(false, PR_E_UNSUPPORTED, "reloading");
done:
    return st;
}

void pri_reloader_ask(pri_reloader *reloader, pri_reload *reload)
{
    (void)reloader;
    reload->status = PR_E_UNSUPPORTED;
    reload->done(reload->context, reload);
}

void pri_reloader_signal(pri_reloader *reloader)
{
    (void)reloader;
}

void pri_reloader_free(pri_reloader *reloader)
{
    (void)reloader;
}
