/* cpu.c: the processor's model. */
#include "numa/cpu.h"

#include <string.h>

#include <packrat/numa.h>

/* Find the first "model name : text"; false when there is none, as on many ARM machines. */
static bool from_cpuinfo(const char *root, char *out, size_t bytes)
{
    static const char key[] = "model name";
    char              path[PR_TEXT_BYTES], line[512];
    bool              found = false;

    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    FILE *file = fopen(path, "re");
    if (!file) return false;
    while (!found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, sizeof key - 1) != 0) continue;
        const char *text = strchr(line, ':');
        if (!text) continue;
        text += 1 + strspn(text + 1, " \t");
        snprintf(out, bytes, "%.*s", (int)strcspn(text, "\n"), text);
        found = out[0] != '\0';
    }
    (void)fclose(file);
    return found;
}

void pri_cpu_model(const char *root, char *out, size_t bytes)
{
    pr_topo *topo = NULL;

    if (from_cpuinfo(root, out, bytes)) return;
    const bool known = pr_topo_discover(&topo) == PR_OK;
    snprintf(out, bytes, "%s", known ? pr_topo_cpu_model(topo) : "unknown");
    pr_topo_free(topo);
}
