/* refuse.c: run a program for which the kernel refuses to place threads or memory, as in containers
 * with a strict seccomp profile.
 *
 *   refuse CALL,CALL... PROGRAM ARGUMENT...
 *
 * CALL: affinity (sched_setaffinity), memory (mbind, set_mempolicy), asking (move_pages). Exit
 * status 125 when this kernel does not filter calls. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const struct {
    const char *name;
    unsigned    call;
} known[] = {
    { "affinity", SYS_sched_setaffinity },
    { "memory", SYS_mbind },
    { "memory", SYS_set_mempolicy },
    { "asking", SYS_move_pages },
};
enum { NUM_KNOWN = sizeof known / sizeof *known };

/* Whether a list names a call. */
static int is_in(const char *list, const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) return 1;
    return 0;
}

/* Answer EPERM to the calls, and let all others through. */
static int filter(const char *list)
{
    struct sock_filter code[2 + 2 * NUM_KNOWN];
    unsigned short     n = 0;

    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (unsigned)offsetof(struct seccomp_data, nr));
    for (int i = 0; i < NUM_KNOWN; i++) {
        if (!is_in(list, known[i].name)) continue;
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known[i].call, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = { .len = n, .filter = code };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: refuse CALL,CALL... PROGRAM ARGUMENT...\n");
        return 2;
    }
    if (filter(argv[1])) {
        fprintf(stderr, "refuse: this kernel does not filter calls: %s\n", strerror(errno));
        return 125;
    }
    (void)execvp(argv[2], argv + 2);
    fprintf(stderr, "refuse: cannot run %s: %s\n", argv[2], strerror(errno));
    return 127;
}
