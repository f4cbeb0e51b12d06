/* explain.c: `packrat explain`: a run is opened as far as its forecast, and closed. */
#include <packrat/pipeline.h>

#include "pipeline/forecast.h"

pr_status pr_explain(const pr_train_setup *setup, const pr_hooks *hooks, pr_forecast *out)
{
    pr_status   st      = PR_OK;
    pri_trainer trainer = { 0 };

    PR_CHECK(setup && out, PR_E_ARG, "%s is NULL", setup ? "out" : "setup");
    *out = (pr_forecast){ .limit = "compute" };
    PR_TRY(pri_trainer_prepare(&trainer, setup, hooks ? hooks->stop : NULL, true));
    *out = trainer.forecast->said;
done:
    pri_trainer_close(&trainer);
    return st;
}
