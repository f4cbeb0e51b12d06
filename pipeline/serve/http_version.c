/* http_version.c: which libmicrohttpd this is. */
#include "pipeline/serve/http_version.h"

#include <microhttpd.h>

const char *pri_http_version(void)
{
    return MHD_get_version();
}
