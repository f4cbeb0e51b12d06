/* members.c: see members.h. */
#include "base/members.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

pr_status pri_member_set_u64(pr_json *object, const char *key, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return pr_json_set_string(object, key, text);
}

pr_status pri_member_set_real(pr_json *object, const char *key, double value)
{
    char text[40];
    if (isnan(value)) return pr_json_set_null(object, key);
    snprintf(text, sizeof text, "%.17g", value);
    return pr_json_set_string(object, key, text);
}

pr_status pri_member_int(const pri_members *m, const char *key, int64_t min, int64_t max,
                         int64_t *out)
{
    pr_status st = PR_OK;

    PR_CHECK(pri_json_as_int(pri_json_find(m->object, key), out), PR_E_INPUT,
             "%s: %s is missing or not an integer", m->path, key);
    PR_CHECK(*out >= min && *out <= max, PR_E_INPUT, "%s: %s is %lld, must be in %lld .. %lld",
             m->path, key, (long long)*out, (long long)min, (long long)max);
done:
    return st;
}

pr_status pri_member_u32(const pri_members *m, const char *key, uint32_t *out)
{
    int64_t         value = 0;
    const pr_status st    = pri_member_int(m, key, 0, UINT32_MAX, &value);

    *out = (uint32_t)value;
    return st;
}

pr_status pri_member_u64(const pri_members *m, const char *key, uint64_t *out)
{
    pr_status   st   = PR_OK;
    char       *end  = NULL;
    const char *text = pri_json_as_string(pri_json_find(m->object, key));

    errno = 0;
    if (text && text[0] >= '0' && text[0] <= '9') *out = strtoull(text, &end, 10);
    PR_CHECK(end && *end == '\0' && errno == 0, PR_E_INPUT,
             "%s: %s is '%s', must be a whole number as text", m->path, key, text ? text : "");
done:
    return st;
}

pr_status pri_member_real(const pri_members *m, const char *key, double *out)
{
    pr_status   st   = PR_OK;
    char       *end  = NULL;
    const char *text = pri_json_as_string(pri_json_find(m->object, key));

    if (text && text[0]) *out = strtod(text, &end);
    PR_CHECK(end && *end == '\0', PR_E_INPUT, "%s: %s is '%s', must be a number as text", m->path,
             key, text ? text : "");
done:
    return st;
}

pr_status pri_member_real_or_null(const pri_members *m, const char *key, double *out)
{
    const pr_json *member = pri_json_find(m->object, key);

    if (!member || !pri_json_is_null(member)) return pri_member_real(m, key, out);
    *out = (double)NAN;
    return PR_OK;
}

pr_status pri_member_text(const pri_members *m, const char *key, char *out, size_t bytes)
{
    pr_status   st   = PR_OK;
    const char *text = pri_json_as_string(pri_json_find(m->object, key));

    PR_CHECK(text, PR_E_INPUT, "%s: %s is missing or not text", m->path, key);
    PR_CHECK(strlen(text) < bytes, PR_E_INPUT, "%s: %s has %zu bytes, at most %zu allowed", m->path,
             key, strlen(text), bytes - 1);
    memset(out, 0, bytes);
    memcpy(out, text, strlen(text));
done:
    return st;
}

pr_status pri_member_object(const pri_members *m, const char *key, const pr_json **out)
{
    pr_status st = PR_OK;

    *out = pri_json_find(m->object, key);
    PR_CHECK(pri_json_is_object(*out), PR_E_INPUT, "%s: %s is missing or not an object", m->path,
             key);
done:
    return st;
}
