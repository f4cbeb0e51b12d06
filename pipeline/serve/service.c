/* service.c: queue, batches and lanes put together. */
#include "pipeline/serve/service.h"

pr_status pri_service_create(const pri_service_setup *setup, pri_service **out)
{
    pr_status st = PR_OK;

    (void)setup;
    *out = NULL;
    PR_CHECK(false, PR_E_UNSUPPORTED, "serving");
done:
    return st;
}

pr_status pri_service_submit(pri_service *service, pri_query *query)
{
    (void)service;
    query->outcome = PRI_DRAINING;
    return PR_E_FULL;
}

pr_status pri_service_reload(pri_service *service, uint64_t *version)
{
    (void)service;
    *version = 0;
    return PR_E_UNSUPPORTED;
}

void pri_service_describe(pri_service *service, pri_service_facts *out)
{
    (void)service;
    *out = (pri_service_facts){ 0 };
}

void pri_service_drain(pri_service *service)
{
    (void)service;
}

void pri_service_free(pri_service *service)
{
    (void)service;
}
