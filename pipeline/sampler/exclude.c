/* exclude.c: see exclude.h. Most seeds exclude one vertex or two; a hub may exclude as many as a
 * step has edges, so its list is searched by halves. */
#include "pipeline/sampler/exclude.h"

bool pri_exclude_has(const pr_exclude *exclude, uint32_t d, pr_vid v)
{
    uint32_t begin = exclude->indptr[d], end = exclude->indptr[d + 1];

    while (begin < end) {
        const uint32_t middle = begin + (end - begin) / 2;
        if (exclude->vertices[middle] == v) return true;
        if (exclude->vertices[middle] < v)
            begin = middle + 1;
        else
            end = middle;
    }
    return false;
}

uint32_t pri_exclude_row(const pr_exclude *exclude, uint32_t d, pr_vid *vertices, float *weights,
                         uint32_t num)
{
    uint32_t left = 0;

    if (exclude->indptr[d] == exclude->indptr[d + 1]) return num;
    for (uint32_t i = 0; i < num; i++) {
        if (pri_exclude_has(exclude, d, vertices[i])) continue;
        vertices[left] = vertices[i];
        if (weights) weights[left] = weights[i];
        left++;
    }
    return left;
}
