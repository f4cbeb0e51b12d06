/* serve.c: dataset, service, routes and HTTP put together; read pr_serve first. */
#include <packrat/serve.h>

#include "base/check.h"

pr_status pr_serve(const pr_serve_setup *setup, const pr_serve_hooks *hooks,
                   pr_serve_result *result)
{
    pr_status st = PR_OK;

    (void)setup, (void)hooks, (void)result;
    PR_CHECK(false, PR_E_UNSUPPORTED, "serving");
done:
    return st;
}
