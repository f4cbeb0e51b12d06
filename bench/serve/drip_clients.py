#!/usr/bin/env python3
"""Hold connections of `packrat serve` that send a byte at a time, or read one at a time, and see that
everybody else is served and that the server closes them when its deadline has passed.

    drip_clients.py --url http://127.0.0.1:8080 --model sage --logits logits.npy --connections 200

A third each drips its head, its body, and takes its answers in drips: it asks again and again, until the kernel
keeps no more of them. None would end by itself, and each is active all the time, so a timeout of inactivity never
ends them. Meanwhile health and answers are checked. Ends when all are
closed; with status 1 when something was wrong, or a connection is open after --patience seconds.
"""
import argparse
import json
import random
import socket
import sys
import time

import serve_client as serve


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--logits", required=True)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--max-nodes", type=int, default=1024)
    parser.add_argument("--interval", type=float, default=0.05, help="seconds between bytes")
    parser.add_argument("--patience", type=float, default=120, help="seconds until all must be closed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Dripper:
    """A client that is slow, for ever."""

    def __init__(self, address, kind, oracle, options, pick):
        self.kind, self.sent, self.taken = kind, 0, 0
        self.socket = socket.socket()
        if kind == "answer":  # so little is kept that the answer stays with the server
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.socket.setblocking(False)
        nodes = [pick.randrange(oracle.num_nodes) for _ in range(
            options.max_nodes if kind == "answer" else 20)]
        body = serve.infer(options.model, nodes, ["logits", "probabilities"])
        if kind == "head":
            self.data = b"GET /v2 HTTP/1.1\r\nHost: a\r\nX-Drip: " + b"a" * (1 << 20)
        elif kind == "body":
            head, text = body.split(b"\r\n\r\n", 1)
            self.data = head + b"\r\n\r\n" + text[:-1]
            self.sent = len(head)  # drips from there
        else:
            self.data = body * 64  # pipelined: answers pile up

    def begin(self):
        if self.kind == "body":
            self.socket.send(self.data[:self.sent])

    def is_ended(self):
        """Whether the server ended it, though bytes that came before are not read yet."""
        state = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state != 1  # TCP_ESTABLISHED

    def drip(self):
        """Go on by a byte; say whether the connection is still open."""
        if self.is_ended():
            return False
        try:
            if self.kind == "answer":
                try:
                    self.sent += self.socket.send(self.data[self.sent:])
                    self.sent %= len(self.data)
                except BlockingIOError:
                    pass
                try:
                    got = self.socket.recv(1)
                    self.taken += len(got)
                    return bool(got)
                except BlockingIOError:
                    return True
            if self.sent < len(self.data):
                self.sent += self.socket.send(self.data[self.sent:self.sent + 1])
            try:
                return bool(self.socket.recv(4096)) and self.kind != "head"
            except BlockingIOError:
                return True
        except BlockingIOError:
            return True
        except OSError:
            return False


def main():
    options = read_options()
    address = serve.address_of(options.url)
    oracle = serve.Oracle([options.logits], (), options.model)
    pick = random.Random(options.seed)
    kinds = ("head", "body", "answer")
    drippers = [Dripper(address, kinds[i % 3], oracle, options, pick)
                for i in range(options.connections)]
    for dripper in drippers:
        dripper.begin()
    began, answers, rounds, wrong = time.monotonic(), 0, 0, None
    connection = serve.Connection(address)
    while drippers and not wrong and time.monotonic() - began < options.patience:
        still = []
        for dripper in drippers:
            if dripper.drip():
                still.append(dripper)
            else:
                dripper.socket.close()
        drippers = still
        if rounds % 10 == 0 and not serve.is_healthy(address):
            wrong = "health says no"
        nodes = [pick.randrange(oracle.num_nodes) for _ in range(3)]
        reply = connection.ask(serve.infer(options.model, nodes, ["logits"]))
        wrong = wrong or oracle.check(nodes, ["logits"], reply)
        answers += 1
        rounds += 1
        time.sleep(options.interval)
    left = {kind: sum(d.kind == kind for d in drippers) for kind in kinds}
    if drippers and not wrong:
        wrong = f"{len(drippers)} connections are open after {options.patience:g} s: {left}"
    print(json.dumps({"connections": options.connections, "answers": answers, "left": len(drippers),
                      "seconds": time.monotonic() - began, "fault": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
