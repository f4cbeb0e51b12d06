/* company.h: a batch of queries, from nodes to rows. */
#ifndef PIPELINE_SERVE_COMPANY_H
#define PIPELINE_SERVE_COMPANY_H

#include "pipeline/serve/generation.h"

/* Answer a company that the clerk has taken, and finish it. On the clerk's thread. What fails fails
 * its queries, and nothing else. */
void pri_company_answer(pri_clerk *clerk, pri_company *company);

#endif
