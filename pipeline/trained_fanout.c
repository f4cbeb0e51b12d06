/* trained_fanout.c: see trained_fanout.h. */
#include "pipeline/trained_fanout.h"

#include <string.h>

#include "base/json.h"

pr_status pri_trained_fanout(const char *checkpoint, const pr_checkpoint_info *info,
                             const char *text, uint32_t layers, pr_fanout *out)
{
    pr_status st      = PR_OK;
    pr_json  *trained = NULL;

    if (!text[0]) {
        const char *options = info->options[0] ? info->options : "{}";
        PR_TRY(pri_json_parse(options, strlen(options), checkpoint, &trained));
        text = pri_json_as_string(pri_json_find(trained, "fanout"));
        if (!text) text = "auto";
    }
    PR_TRY(pr_fanout_parse(text, layers, out));
done:
    pr_json_free(trained);
    return st;
}
