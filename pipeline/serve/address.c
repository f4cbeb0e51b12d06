/* address.c: reading an address, binding it, and saying what came of it. */
#include "pipeline/serve/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

/* Cut "host:port" in two; an empty host stands for every address. */
static pr_status split(const char *address, char host[256], char port[8])
{
    pr_status   st    = PR_OK;
    const char *colon = strrchr(address, ':'), *from = address;
    size_t      length = 0;

    PR_CHECK(colon, PR_E_ARG, "--listen is \"%s\", must be host:port, [v6]:port or :port", address);
    length = (size_t)(colon - address);
    if (length >= 2 && address[0] == '[' && colon[-1] == ']') {
        from++;
        length -= 2;
    } else {
        PR_CHECK(!memchr(address, ':', length), PR_E_ARG,
                 "--listen is \"%s\", an IPv6 address belongs in brackets: [::1]:8080", address);
    }
    PR_CHECK(length < 256, PR_E_ARG,
             "the host of --listen has %zu characters, at most 255 are read", length);
    memcpy(host, from, length);
    host[length] = '\0';

    const size_t digits = strlen(colon + 1);
    PR_CHECK(digits > 0 && digits <= 5 && strspn(colon + 1, "0123456789") == digits &&
                 strtoul(colon + 1, NULL, 10) <= 65535,
             PR_E_ARG, "the port of --listen is \"%s\", must be in 0..65535", colon + 1);
    memcpy(port, colon + 1, digits + 1);
done:
    return st;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* Give a socket that listens, or -1 with errno. */
static int open_one(const struct addrinfo *at, bool every)
{
    const int fd =
        socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd < 0) return -1;

    const int on = 1, v6_only = !every;
    /* A server that ended leaves connections behind that the kernel remembers for a minute. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;

    const int why = errno;
    close(fd);
    errno = why;
    return -1;
}

/* Say what was bound. */
static pr_status describe(pri_listener *listener)
{
    pr_status               st    = PR_OK;
    struct sockaddr_storage bound = { 0 };
    socklen_t               bytes = sizeof bound;
    char                    text[INET6_ADDRSTRLEN];
    struct sockaddr        *address = (struct sockaddr *)(void *)&bound;

    PR_CHECK(getsockname(listener->fd, address, &bytes) == 0, PR_E_IO,
             "cannot read the address that was bound: %s", strerror(errno));
    const bool     v6   = address->sa_family == AF_INET6;
    const void    *from = v6 ? (const void *)&((struct sockaddr_in6 *)(void *)&bound)->sin6_addr
                             : (const void *)&((struct sockaddr_in *)(void *)&bound)->sin_addr;
    const unsigned port = ntohs(v6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                                   : ((struct sockaddr_in *)(void *)&bound)->sin_port);
    PR_CHECK(inet_ntop(address->sa_family, from, text, sizeof text), PR_E_IO,
             "cannot print the address that was bound: %s", strerror(errno));
    snprintf(listener->authority, sizeof listener->authority, v6 ? "[%s]:%u" : "%s:%u", text, port);
    snprintf(listener->url, sizeof listener->url, "http://%s", listener->authority);
    listener->loopback = is_loopback(address);
done:
    return st;
}

pr_status pri_listen(const char *address, pri_listener *out)
{
    pr_status        st    = PR_OK;
    struct addrinfo *found = NULL;
    char             host[256], port[8];
    int              why = 0;

    *out = (pri_listener){ .fd = -1 };
    PR_TRY(split(address, host, port));

    const bool            every = host[0] == '\0';
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                                    .ai_flags    = AI_PASSIVE | AI_NUMERICSERV };
    const int             none  = getaddrinfo(every ? NULL : host, port, &hints, &found);
    PR_CHECK(none == 0, PR_E_ARG,
             "--listen is \"%s\", and \"%s\" is no address of this machine: %s", address, host,
             none == EAI_SYSTEM ? strerror(errno) : gai_strerror(none));

    /* Of every address IPv6 first: its socket takes IPv4 as well. */
    for (int round = every ? 0 : 1; round < 2 && out->fd < 0; round++)
        for (const struct addrinfo *at = found; at && out->fd < 0; at = at->ai_next) {
            if (round == 0 && at->ai_family != AF_INET6) continue;
            out->fd = open_one(at, every);
            if (out->fd < 0 && why != EADDRINUSE) why = errno;
        }
    PR_CHECK(out->fd >= 0, PR_E_IO, "cannot listen on %s: %s%s", address, strerror(why),
             why == EADDRINUSE ? "; another server has it, --listen names one that is free" : "");
    PR_TRY(describe(out));
done:
    if (st != PR_OK && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    if (found) freeaddrinfo(found);
    return st;
}
