/* ask.c: a client of `packrat serve` for guests, which have no curl: several connections at once
 * ask for one node after the other.
 *
 *   ask PORT MODEL NODES CONNECTIONS > answers
 *
 * Waits until the server listens. Prints a line for each node, "node,logit,logit,...", in any
 * order. Exit status: 0 all were answered, 1 not so. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 600, TRY_US = 100000, ROOM = 65536 };

/* Connect to the port of this machine; -1 when nobody listens. */
static int dial(unsigned port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    const int          fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) == 0) return fd;
    (void)close(fd);
    return -1;
}

/* Read one answer into `text`; false when the connection ends before it is whole. */
static int hear(int fd, char text[ROOM])
{
    size_t have = 0;

    for (;;) {
        const ssize_t n = read(fd, text + have, ROOM - 1 - have);
        if (n <= 0) return 0;
        have += (size_t)n;
        text[have]       = '\0';
        const char *body = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
        if (!body || !length || length > body) continue;
        if (have >= (size_t)(body + 4 - text) + strtoul(length + 15, NULL, 10)) return 1;
    }
}

/* Ask for one node; false when it was not answered. */
static int ask(int fd, const char *model, unsigned node)
{
    char body[256], text[ROOM];
    int  n = snprintf(body, sizeof body,
                      "{\"outputs\":[{\"name\":\"logits\"}],\"inputs\":[{\"name\":\"node_ids\","
                       "\"datatype\":\"INT64\",\"shape\":[1],\"data\":[%u]}]}",
                      node);

    n = snprintf(text, sizeof text,
                 "POST /v2/models/%s/infer HTTP/1.1\r\nHost: guest\r\nContent-Length: %d\r\n\r\n%s",
                 model, n, body);
    if (write(fd, text, (size_t)n) != n || !hear(fd, text)) return 0;
    const char *data = strstr(text, "\"data\":");
    if (!strstr(text, " 200 ") || !data) {
        fprintf(stderr, "ask: node %u: %s\n", node, text);
        return 0;
    }
    data += strcspn(data, "[") + 1;
    printf("%u,%.*s\n", node, (int)strcspn(data, "]"), data);
    return 1;
}

/* Every `step`-th node from the first on. */
static int ask_some(unsigned port, const char *model, unsigned first, unsigned step, unsigned nodes)
{
    const int fd = dial(port);
    int       ok = fd >= 0;

    for (unsigned node = first; ok && node < nodes; node += step) ok = ask(fd, model, node);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    int failed = 0, fd = -1;

    if (argc != 5) return 2;
    const unsigned port  = (unsigned)strtoul(argv[1], NULL, 10);
    const unsigned nodes = (unsigned)strtoul(argv[3], NULL, 10);
    const unsigned step  = (unsigned)strtoul(argv[4], NULL, 10);
    for (int i = 0; i < TRIES && (fd = dial(port)) < 0; i++) usleep(TRY_US);
    if (fd < 0) return 1;
    (void)close(fd);
    static char lines[1 << 16];
    for (unsigned first = 0; first < step; first++)
        if (fork() == 0) {
            (void)setvbuf(stdout, lines, _IOLBF, sizeof lines); /* whole lines: all write there */
            exit(ask_some(port, argv[2], first, step, nodes));
        }
    for (int status; wait(&status) > 0;) failed |= status;
    return failed ? 1 : 0;
}
