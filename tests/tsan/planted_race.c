/* planted_race.c: two OpenMP threads write one place. The suite runs it to see that the sanitizer
 * sees what OpenMP threads do; it must be reported, or the other reports mean nothing. */
#include <stdio.h>

#include <omp.h>

int main(void)
{
    static int shared[2];
    int        threads = 0;

#pragma omp parallel num_threads(2)
    {
        for (int i = 0; i < 1000; i++) shared[i % 2] += i;
#pragma omp atomic
        threads++;
    }
    printf("%d threads, sum %d\n", threads, shared[0] + shared[1]);
    return 0;
}
