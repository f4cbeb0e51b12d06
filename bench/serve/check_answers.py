#!/usr/bin/env python3
"""Ask `packrat serve` for nodes over several connections and compare every answer with offline inference.

    packrat infer --data DIR --checkpoint model.prc --mode sampled --sampler uniform --seed S \\
        --fanout F --batch-size 1024 --output logits --out logits.npy
    check_answers.py --url http://127.0.0.1:8080 --model sage --logits logits.npy --seconds 10

Requests have 1 to 32 nodes, some of them twice, any outputs, JSON or binary either way, with and without
an id. With several files of --logits version v of the model is that of file (v - 1) mod their number.
Prints one JSON object; ends with status 1 when an answer was wrong or none was compared. Allowed are 1e-5
of a row's largest logit.
"""
import argparse
import json
import random
import sys
import threading
import time

import serve_client as serve


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--logits", action="append", required=True)
    parser.add_argument("--embeddings", action="append", default=[])
    parser.add_argument("--outputs", default="", help="a,b: these only; all that there are")
    parser.add_argument("--json-only", action="store_true", help="no binary tensors")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--max-nodes", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=0, help="at least; 0: by --requests")
    parser.add_argument("--requests", type=int, default=0, help="of each connection, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--until", default="", help="go on until this file is there")
    parser.add_argument("--busy-is-fine", action="store_true", help="503 is not counted as wrong")
    return parser.parse_args()


class Asker(threading.Thread):
    def __init__(self, options, oracle, number):
        super().__init__()
        self.options, self.oracle = options, oracle
        self.random = random.Random(f"{options.seed} {number}")
        self.requests = self.nodes = self.busy = 0
        self.versions = set()
        self.wrong = []

    def next_request(self):
        pick = self.random
        most = self.options.max_nodes
        size = min(most, pick.choice((1, 1, 2, 3, pick.randint(1, most))))
        nodes = [pick.randrange(self.oracle.num_nodes) for _ in range(size)]
        for i in range(size):
            if pick.random() < 0.1:
                nodes[i] = nodes[pick.randrange(size)]
        names = self.options.outputs.split(",") if self.options.outputs else self.oracle.outputs()
        outputs = pick.sample(names, pick.randint(1, len(names))) if pick.random() < 0.9 else ()
        identity = f"r{pick.randrange(1 << 30)}" if pick.random() < 0.5 else None
        return nodes, outputs, identity, serve.infer(
            self.options.model, nodes, outputs,
            binary_in=not self.options.json_only and pick.random() < 0.3,
            binary_out=not self.options.json_only and pick.random() < 0.3, identity=identity)

    def run(self):
        connection = serve.Connection(serve.address_of(self.options.url))
        while not self.is_done() and len(self.wrong) < 10:
            nodes, outputs, identity, data = self.next_request()
            try:
                reply = connection.ask(data)
                if reply.status == 503 and self.options.busy_is_fine:
                    self.busy += 1
                    continue
                wrong = self.oracle.check(nodes, outputs, reply, identity)
                self.versions.add(reply.json().get("model_version"))
            except (serve.Closed, serve.Garbled, ValueError, KeyError, OSError) as error:
                wrong = f"{type(error).__name__}: {error}"
                connection.close()
            if wrong:
                self.wrong.append(wrong)
            self.requests += 1
            self.nodes += len(nodes)
        connection.close()

    def is_done(self):
        options = self.options
        if options.until:
            try:
                open(options.until).close()
            except FileNotFoundError:
                return False
        return time.monotonic() >= options.ends and self.requests >= options.requests


def main():
    options = read_options()
    options.ends = time.monotonic() + options.seconds
    oracle = serve.Oracle(options.logits, options.embeddings, options.model)
    askers = [Asker(options, oracle, i) for i in range(options.connections)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    wrong = [sentence for asker in askers for sentence in asker.wrong]
    versions = set().union(*(asker.versions for asker in askers))
    result = {"requests": sum(a.requests for a in askers), "nodes": sum(a.nodes for a in askers),
              "wrong": len(wrong), "busy": sum(a.busy for a in askers), "worst": oracle.worst,
              "versions": len(versions - {None})}
    for sentence in wrong[:10]:
        print(f"wrong: {sentence}", file=sys.stderr)
    print(json.dumps(result))
    return 1 if wrong or not result["requests"] else 0


if __name__ == "__main__":
    sys.exit(main())
