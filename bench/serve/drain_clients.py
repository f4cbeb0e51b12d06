#!/usr/bin/env python3
"""Keep `packrat serve` busy over several connections, send it SIGTERM, and count: every request that was sent
before the signal must be answered in whole, and one sent after it answered, refused with 503, or its
connection closed without a byte of an answer.

    drain_clients.py --url http://127.0.0.1:8080 --model sage --logits logits.npy --pid PID --seconds 2

The exit status of the server is for the one who started it. Prints one JSON object.
"""
import argparse
import json
import os
import random
import signal
import sys
import threading
import time

import serve_client as serve


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--logits", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--pipelined", type=int, default=4, help="requests of a connection at a time")
    parser.add_argument("--seconds", type=float, default=2, help="before the signal")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Client(threading.Thread):
    """Sends requests, several at a time, until the connection ends and no new one can be had."""

    def __init__(self, options, oracle, told, number):
        super().__init__()
        self.options, self.oracle, self.told = options, oracle, told
        self.random = random.Random(f"{options.seed} {number}")
        self.answered = self.refused = self.closed = 0
        self.lost, self.wrong = [], []

    def run(self):
        address = serve.address_of(self.options.url)
        while not self.told.is_set():
            connection = serve.Connection(address)
            try:
                connection.open()
                while self.batch(connection):
                    pass
            except OSError as error:
                if not self.told.is_set():
                    self.wrong.append(f"cannot connect: {error}")
                    return
            connection.close()

    def batch(self, connection):
        """Send some requests and take their answers; say whether the connection goes on."""
        asked = [[self.random.randrange(self.oracle.num_nodes) for _ in range(self.random.randint(1, 8))]
                 for _ in range(self.random.randint(1, self.options.pipelined))]
        before = not self.told.is_set()
        try:
            connection.send(b"".join(serve.infer(self.options.model, nodes) for nodes in asked))
            before = before and not self.told.is_set()  # whole before the signal
        except serve.Closed:
            before = False
        for i, nodes in enumerate(asked):
            try:
                if connection.socket is None:  # closed behind the answer before
                    raise serve.Closed("Connection: close behind the answer before")
                reply = connection.read()
            except (serve.Closed, serve.Garbled, OSError) as error:
                self.end(connection, before and i == 0, len(asked) - i, error)
                return False
            if reply.status == 503 and self.told.is_set():
                self.refused += 1
                continue
            wrong = self.oracle.check(nodes, ["logits"], reply)
            if wrong:
                self.wrong.append(wrong)
                return False
            self.answered += 1
        return connection.socket is not None

    def end(self, connection, was_sent_before, num, error):
        if was_sent_before or connection.buffer:
            self.lost.append(str(error))
        else:
            self.closed += num


def main():
    options = read_options()
    oracle = serve.Oracle([options.logits], (), options.model)
    told = threading.Event()
    clients = [Client(options, oracle, told, i) for i in range(options.connections)]
    for client in clients:
        client.start()
    time.sleep(options.seconds)
    told.set()
    time.sleep(0.05)  # what was sent before is with the server now
    os.kill(options.pid, signal.SIGTERM)
    for client in clients:
        client.join()
    lost = [sentence for client in clients for sentence in client.lost]
    wrong = [sentence for client in clients for sentence in client.wrong]
    result = {name: sum(getattr(client, name) for client in clients)
              for name in ("answered", "refused", "closed")}
    result.update(lost=len(lost), wrong=len(wrong))
    for sentence in (lost + wrong)[:10]:
        print(f"fault: {sentence}", file=sys.stderr)
    print(json.dumps(result))
    return 1 if lost or wrong or not result["answered"] else 0


if __name__ == "__main__":
    sys.exit(main())
