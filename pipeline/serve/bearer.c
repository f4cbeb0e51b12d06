/* bearer.c: reading the token, and comparing without telling where the difference is. */
#include "pipeline/serve/bearer.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

pr_status pri_bearer_read(const char *path, pri_bearer *out)
{
    pr_status st   = PR_OK;
    FILE     *file = fopen(path, "re");
    /* A few bytes more than a token may have, so that a longer one is noticed. */
    char line[PRI_BEARER_BYTES + 256] = { 0 };

    *out = (pri_bearer){ 0 };
    PR_CHECK(file, PR_E_INPUT, "cannot open --token-file %s: %s", path, strerror(errno));
    const bool any = fgets(line, sizeof line, file) != NULL;
    PR_CHECK(any || !ferror(file), PR_E_INPUT, "cannot read --token-file %s: %s", path,
             strerror(errno));

    const char *from = line, *to = line + strlen(line);
    while (is_blank(*from)) from++;
    while (to > from && is_blank(to[-1])) to--;
    const size_t bytes = (size_t)(to - from);
    PR_CHECK(bytes > 0, PR_E_INPUT, "--token-file %s holds no token in its first line", path);
    PR_CHECK(bytes <= PRI_BEARER_BYTES, PR_E_INPUT,
             "the token of --token-file %s is longer than %d bytes", path, PRI_BEARER_BYTES);
    for (size_t i = 0; i < bytes; i++)
        PR_CHECK(from[i] > ' ' && from[i] < 0x7f, PR_E_INPUT,
                 "byte %zu of the token of --token-file %s is 0x%02x, must be in 0x21..0x7e", i,
                 path, (unsigned char)from[i]);
    memcpy(out->token, from, bytes);
    out->bytes = bytes;
done:
    explicit_bzero(line, sizeof line);
    if (file) fclose(file);
    return st;
}

bool pri_bearer_admits(const pri_bearer *bearer, const char *authorization)
{
    if (bearer->bytes == 0) return true;
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) return false;

    const char *given = authorization + 7;
    while (*given == ' ') given++;
    const size_t           bytes = strlen(given);
    volatile unsigned char other = bytes != bearer->bytes;
    for (size_t i = 0; i < bearer->bytes; i++)
        other = (unsigned char)(other | (given[i < bytes ? i : 0] ^ bearer->token[i]));
    return other == 0;
}
