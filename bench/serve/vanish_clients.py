#!/usr/bin/env python3
"""Begin requests to `packrat serve` and go away at any moment: within the head, within the body, before the
answer, within the answer; with a goodbye or a reset. Afterwards the server must be healthy, answer right, and
have no more files open than before.

    vanish_clients.py --url http://127.0.0.1:8080 --model sage --logits logits.npy --pid PID --requests 2000
"""
import argparse
import json
import random
import sys
import time

import serve_client as serve


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--logits", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--max-nodes", type=int, default=64)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def vanish(connection, data, pick):
    """Send some of a request, or all of it, perhaps read a little, and go."""
    moment = pick.choice(("head", "body", "sent", "answer"))
    try:
        if moment == "head":
            connection.send(data[:pick.randrange(1, data.index(b"\r\n\r\n"))])
        elif moment == "body":
            connection.send(data[:pick.randrange(data.index(b"\r\n\r\n") + 4, len(data))])
        else:
            connection.send(data * pick.choice((1, 1, 4)))
            if moment == "answer":
                connection.socket.recv(pick.randint(1, 2000))
        if pick.random() < 0.5:
            time.sleep(pick.random() * 0.002)
    except (serve.Closed, OSError):
        pass
    connection.close(pick.random() < 0.5)


def main():
    options = read_options()
    address = serve.address_of(options.url)
    oracle = serve.Oracle([options.logits], (), options.model)
    pick = random.Random(options.seed)
    before, wrong, held = serve.num_files(options.pid), None, []
    for i in range(options.requests):
        nodes = [pick.randrange(oracle.num_nodes) for _ in range(pick.randint(1, options.max_nodes))]
        connection = serve.Connection(address)
        data = serve.infer(options.model, nodes, ["logits", "probabilities"])
        if pick.random() < 0.1 and len(held) < 50:  # some stay a while
            connection.send(data[:pick.randrange(1, len(data))])
            held.append(connection)
        else:
            vanish(connection, data, pick)
        if held and pick.random() < 0.1:
            held.pop(pick.randrange(len(held))).close(pick.random() < 0.5)
        if i % 100 == 99:
            asker = serve.Connection(address)
            nodes = nodes[:3]
            wrong = oracle.check(nodes, ["logits"], asker.ask(serve.infer(options.model, nodes)))
            asker.close()
            if not wrong and not serve.is_healthy(address):
                wrong = "health says no"
            if wrong:
                break
    for connection in held:
        connection.close()
    ends = time.monotonic() + options.patience
    while serve.num_files(options.pid) > before and time.monotonic() < ends:
        time.sleep(0.05)
    after = serve.num_files(options.pid)
    if after > before and not wrong:
        wrong = f"{after} files are open, {before} were before"
    print(json.dumps({"requests": i + 1, "files_before": before, "files_after": after, "fault": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
