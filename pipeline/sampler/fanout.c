/* fanout.c: --fanout as people write it: "15,10,5", "all", "15,all", "auto". */
#include <packrat/sampler.h>

#include <string.h>

#include "base/check.h"

enum { DEFAULT_LAYERS = 2 };

/* Read one value of `length` characters; false unless it is "all" or 1 .. PR_FANOUT_MAX. */
static bool read_value(const char *text, size_t length, uint32_t *out)
{
    uint32_t value = 0;

    if (length == 3 && memcmp(text, "all", 3) == 0) {
        *out = PR_FANOUT_ALL;
        return true;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
        if (value > PR_FANOUT_MAX) return false;
    }
    *out = value;
    return value > 0;
}

/* Read the values between commas; at least one. */
static pr_status read_list(const char *text, pr_fanout *out)
{
    pr_status   st = PR_OK;
    const char *at = text;

    for (;; at++) {
        const size_t length = strcspn(at, ",");
        PR_CHECK(out->num_layers < PR_MAX_LAYERS, PR_E_ARG,
                 "--fanout %.80s names more than %u hops, the most allowed", text, PR_MAX_LAYERS);
        PR_CHECK(read_value(at, length, &out->hop[out->num_layers]), PR_E_ARG,
                 "--fanout %.80s: value %u is \"%.*s\", must be 1..%u or all (or auto alone)", text,
                 out->num_layers + 1, (int)(length < 80 ? length : 80), at, PR_FANOUT_MAX);
        out->num_layers++;
        at += length;
        if (*at == '\0') break;
    }
done:
    return st;
}

pr_status pr_fanout_parse(const char *text, uint32_t layers, pr_fanout *out)
{
    static const uint32_t automatic[] = { 15, 10, 5 };
    pr_status             st          = PR_OK;
    pr_fanout             fanout      = { 0 };

    PR_CHECK(out, PR_E_ARG, "out is NULL");
    PR_CHECK(text, PR_E_ARG, "--fanout has no value; write 15,10,5 or all or auto");
    PR_CHECK(layers <= PR_MAX_LAYERS, PR_E_ARG, "--layers is %u, must be 1..%u (0: as --fanout)",
             layers, PR_MAX_LAYERS);

    if (strcmp(text, "auto") == 0) {
        fanout.num_layers = layers ? layers : DEFAULT_LAYERS;
        for (uint32_t h = 0; h < fanout.num_layers; h++) fanout.hop[h] = automatic[h < 2 ? h : 2];
    } else {
        PR_TRY(read_list(text, &fanout));
        if (fanout.num_layers == 1) {
            fanout.num_layers = layers ? layers : DEFAULT_LAYERS;
            for (uint32_t h = 1; h < fanout.num_layers; h++) fanout.hop[h] = fanout.hop[0];
        }
        PR_CHECK(layers == 0 || layers == fanout.num_layers, PR_E_ARG,
                 "--fanout %.80s names %u hops but --layers is %u; they must agree, or --fanout "
                 "names one value for all hops",
                 text, fanout.num_layers, layers);
    }
    *out = fanout;
done:
    return st;
}

void pr_fanout_print(const pr_fanout *fanout, char *out, size_t bytes)
{
    size_t at = 0;

    if (bytes) out[0] = '\0';
    for (uint32_t h = 0; h < fanout->num_layers && at < bytes; h++)
        at += (size_t)(fanout->hop[h] == PR_FANOUT_ALL
                           ? snprintf(out + at, bytes - at, "%sall", h ? "," : "")
                           : snprintf(out + at, bytes - at, "%s%u", h ? "," : "", fanout->hop[h]));
}
