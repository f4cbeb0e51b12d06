/* address.h: from "host:port" to a socket that listens. */
#ifndef PIPELINE_SERVE_ADDRESS_H
#define PIPELINE_SERVE_ADDRESS_H

#include "base/check.h"

typedef struct pri_listener {
    int  fd;            /* who asked closes it */
    bool loopback;      /* no other machine reaches it */
    char url[128];      /* with the port that was bound */
    char authority[96]; /* the same without "http://" */
} pri_listener;

/* Listen on an address: host:port, [v6]:port, or :port for every address of the machine; port 0 is
 * any that is free. Names are looked up, the first of their addresses that can be had is taken.
 *
 * PR_E_ARG for what is no address, PR_E_IO for one that cannot be had. */
pr_status pri_listen(const char *address, pri_listener *out);

#endif
