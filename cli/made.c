/* made.c: what import and gen say of the dataset they made. */
#include "cli/made.h"

#include <stdio.h>

#include "cli/results.h"

static int print_json(const command_call *call, const char *out, const pr_made *made, bool dry_run)
{
    results r = results_begin(call);

    results_text(&r, "out", dry_run ? NULL : out);
    results_count(&r, "nodes", made->nodes);
    results_count(&r, "edges", made->edges);
    results_count(&r, "features", made->features);
    results_count(&r, "classes", made->classes);
    results_count(&r, "train", made->train);
    results_count(&r, "val", made->val);
    results_count(&r, "test", made->test);
    results_count(&r, "self_loops_dropped", made->self_loops_dropped);
    results_count(&r, "duplicates_dropped", made->duplicates_dropped);
    results_count(&r, "peak_bytes", made->peak_bytes);
    if (made->least_bytes) results_count(&r, "least_bytes", made->least_bytes);
    if (made->num_passes) results_count(&r, "passes", made->num_passes);
    return results_end(&r, call, EXIT_DONE);
}

int print_made(const command_call *call, const char *out, const pr_made *made, bool dry_run)
{
    if (call->common.json) return print_json(call, out, made, dry_run);

    if (dry_run)
        printf("would make:\n");
    else
        printf("%s:\n", out);
    printf("  graph     %llu nodes, %llu arcs\n", (unsigned long long)made->nodes,
           (unsigned long long)made->edges);
    printf("  dropped   %llu self loops, %llu duplicates\n",
           (unsigned long long)made->self_loops_dropped,
           (unsigned long long)made->duplicates_dropped);
    printf("  features  %llu\n", (unsigned long long)made->features);
    printf("  classes   %llu; %llu nodes train, %llu validate, %llu test\n",
           (unsigned long long)made->classes, (unsigned long long)made->train,
           (unsigned long long)made->val, (unsigned long long)made->test);
    printf("  memory    %.1f MiB at the peak", (double)made->peak_bytes / 0x1p20);
    if (made->num_passes)
        printf(", in %llu %s; --memory can be %llu at the least",
               (unsigned long long)made->num_passes, made->num_passes == 1 ? "pass" : "passes",
               (unsigned long long)made->least_bytes);
    printf("\n");
    return EXIT_DONE;
}
