#!/usr/bin/env python3
"""Send requests of all kinds to `packrat serve`, right ones and wrong ones, and watch what memory it keeps.

    soak.py --url http://127.0.0.1:8080 --model sage --nodes N --pid PID --requests 200000

Resident bytes are read from /proc all the while; the first quarter warms up. The median of the last quarter
may be --allow bytes above that of the second. Prints one JSON object; status 1 when memory grew or a status
was not the one that a request has to have.
"""
import argparse
import json
import random
import statistics
import sys
import threading

import serve_client as serve


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--requests", type=int, default=200000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--allow", type=int, default=4 << 20)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def make_requests(options, num=4000):
    """Give requests, each with the statuses that it may have."""
    pick, out = random.Random(options.seed), []
    path = f"/v2/models/{options.model}/infer"
    fine = {200, 503}
    for _ in range(num):
        nodes = [pick.randrange(options.nodes) for _ in range(pick.choice((1, 1, 1, 2, 30)))]
        way = pick.random()
        if way < 0.6:
            out.append((serve.infer(options.model, nodes, [pick.choice(("logits", "class"))],
                                    binary_in=pick.random() < 0.3, binary_out=pick.random() < 0.3,
                                    identity="soak"), fine))
        elif way < 0.7:
            parameters = pick.choice(({"seed": pick.randrange(1000)}, {"deadline_ms": 0.001},
                                      {"fanout": [1, 1]}, {"deadline_ms": 5000}))
            out.append((serve.infer(options.model, nodes, ["class"], parameters=parameters),
                        fine | {400, 504}))
        elif way < 0.8:
            body = json.dumps({"node_ids": nodes,
                               "parameters": {"binary_data_output": pick.random() < 0.7}}).encode()
            out.append((serve.request("POST", "/v1/features", body), fine))
        elif way < 0.95:
            body = pick.choice((b"{", b"[]", b"", b'{"inputs":[]}', b"\xff\xfe", b"[" * 100))
            out.append((serve.request("POST", path, body), {400}))
        else:
            out.append(pick.choice((
                (serve.request("GET", "/metrics"), {200}), (serve.request("GET", "/none"), {404}),
                (serve.request("GET", "/v2"), {200}), (serve.request("PUT", path), {405}),
                (serve.request("GET", f"/v2/models/{options.model}"), {200}))))
    return out


class Client(threading.Thread):
    """Sends requests, eight at a time; now and then over a new connection."""

    def __init__(self, options, requests, number):
        super().__init__()
        self.options, self.requests = options, requests
        self.random = random.Random(f"{options.seed} {number}")
        self.done, self.fault = 0, None

    def run(self):
        connection = serve.Connection(serve.address_of(self.options.url))
        while not self.fault and self.done < self.options.requests // self.options.connections:
            batch = self.random.choices(self.requests, k=8)
            try:
                connection.send(b"".join(data for data, _ in batch))
                for data, statuses in batch:
                    reply = connection.read()
                    if reply.status not in statuses:
                        self.fault = f"status {reply.status}, {reply.body[:200]!r}, for {data[:300]!r}"
            except (serve.Closed, serve.Garbled, OSError) as error:
                self.fault = f"{type(error).__name__}: {error}"
            self.done += len(batch)
            if self.random.random() < 0.01:
                connection.close(self.random.random() < 0.5)
        connection.close()


def watch(options, clients):
    """Read resident bytes until all is sent: [(requests, bytes)]."""
    seen = []
    while any(client.is_alive() for client in clients):
        clients[0].join(0.1)
        seen.append((sum(client.done for client in clients), serve.rss_bytes(options.pid)))
    return seen


def main():
    options = read_options()
    requests = make_requests(options)
    clients = [Client(options, requests, i) for i in range(options.connections)]
    for client in clients:
        client.start()
    seen = watch(options, clients)
    total = sum(client.done for client in clients)
    faults = [client.fault for client in clients if client.fault]

    def median(begin, end):
        return statistics.median([size for done, size in seen if begin <= done / total <= end] or [0])

    early, late = median(0.25, 0.5), median(0.75, 1)
    if not faults and late - early > options.allow:
        faults.append(f"memory grew by {late - early:.0f} bytes, {options.allow} are allowed")
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(json.dumps({"requests": total, "rss_first": seen[0][1], "rss_early": early, "rss_late": late,
                      "rss_max": max(size for _, size in seen), "faults": len(faults)}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
