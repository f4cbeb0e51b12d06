/* connections.h: who is connected, what each waits for since when, and an end to waiting.
 *
 *     opened -> asking -> whole -> leaving -> idle -> asking ...
 *
 *   opened    connected, or bytes of a next request came; its first line is not there yet
 *   asking    the first line is there, the request is not whole
 *   whole     being answered: as long as that takes
 *   leaving   the answer is on its way
 *   idle      between two requests
 *
 * The HTTP library knows only inactivity, so a client that sends, or takes, a byte now and then
 * would stay for ever. A thread looks at all of them a few times a second and cuts those whose time
 * is over: it shuts the socket down, and the library, which alone closes sockets, finds it so.
 * Phase and since when are one word: who cuts a connection and whose request comes whole at that
 * very time cannot both succeed. */
#ifndef PIPELINE_SERVE_CONNECTIONS_H
#define PIPELINE_SERVE_CONNECTIONS_H

#include "base/check.h"

typedef enum pri_phase {
    PRI_OPENED,
    PRI_ASKING,
    PRI_WHOLE,
    PRI_LEAVING,
    PRI_IDLE,
    PRI_CUT /* it ends, whatever comes */
} pri_phase;

typedef struct pri_connections pri_connections;
typedef struct pri_connection  pri_connection;

typedef struct pri_connections_options {
    uint32_t most;                 /* more make room by cutting who waited longest */
    uint32_t deadline_ms, idle_ms; /* of opened, asking and leaving; of idle */
    /* One was cut: "deadline" or "connections"; status of what it was told. May be NULL. */
    void (*refused)(void *context, const char *why, uint32_t status);
    void *context;
} pri_connections_options;

/* Start the thread that watches. */
pr_status pri_connections_create(const pri_connections_options *options, pri_connections **out);
void      pri_connections_free(pri_connections *all); /* none may be left; NULL is fine */

/* A socket was accepted; NULL when out of memory. Where there are too many, the one that waits
 * longest for its client is cut; where all of them are being answered, this one is `surplus`. */
pri_connection *pri_connections_add(pri_connections *all, int fd);
/* Before its socket is closed. NULL is fine. */
void pri_connections_remove(pri_connections *all, pri_connection *connection);

/* Take the next phase; false: it was cut meanwhile. The thread that serves the connection. */
bool pri_connection_move(pri_connection *connection, pri_phase phase);

/* Whether there was no room for it: it gets an excuse. */
bool pri_connection_is_surplus(const pri_connection *connection);

/* Tell the client an error, around the library, of a request that no answer was begun for; and that
 * no more is read. Never blocks. */
void pri_connection_excuse(pri_connection *connection, uint32_t status, const char *message);

uint32_t pri_connections_count(const pri_connections *all); /* any thread */

/* How many have a request, or had one during the last fraction of a second. Any thread. */
uint32_t pri_connections_lively(const pri_connections *all);

/* Cut all that are idle, and those that began to ask longer than so ago; give how many are left. */
uint32_t pri_connections_clear(pri_connections *all, int64_t asking_ns);

#endif
