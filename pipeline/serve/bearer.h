/* bearer.h: the token that requests must bring, where one is asked for. */
#ifndef PIPELINE_SERVE_BEARER_H
#define PIPELINE_SERVE_BEARER_H

#include "base/check.h"

enum { PRI_BEARER_BYTES = 4096 };

typedef struct pri_bearer {
    char   token[PRI_BEARER_BYTES + 1];
    size_t bytes; /* 0: none is asked for */
} pri_bearer;

/* Read the first line of a file, without the blanks around it.
 *
 * PR_E_INPUT for a file that cannot be read, holds no token, one of more than 4096 bytes, or one
 * with bytes that no header can bring. */
pr_status pri_bearer_read(const char *path, pri_bearer *out);

/* Whether the value of a header Authorization (NULL: it is not there) brings the token. Takes as
 * long for a wrong token as for the right one. */
bool pri_bearer_admits(const pri_bearer *bearer, const char *authorization);

#endif
