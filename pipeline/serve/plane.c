/* plane.c: features or derived rows in a lane's slab. */
#include "pipeline/serve/plane.h"

struct pri_plane {
    pri_plane_setup setup;
};

pr_status pri_plane_create(const pri_plane_setup *setup, pri_plane **out)
{
    pr_status  st    = PR_OK;
    pri_plane *plane = NULL;

    *out = NULL;
    PR_NEW(plane, 1);
    plane->setup = *setup;
    *out         = plane;
done:
    return st;
}

void pri_plane_free(pri_plane *plane)
{
    pri_free(plane);
}

pr_status pri_plane_learn(pri_plane *plane, pr_vids wanted, pr_step *row, uint32_t num_dst,
                          char why[256])
{
    (void)plane, (void)wanted, (void)row, (void)num_dst;
    why[0] = '\0';
    return PR_OK;
}

bool pri_plane_is_derived(const pri_plane *plane)
{
    (void)plane;
    return false;
}

pr_status pri_plane_warm(pri_plane *plane, pr_vids ids)
{
    (void)plane, (void)ids;
    return PR_OK;
}
