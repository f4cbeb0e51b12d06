#!/usr/bin/python3
"""The obvious alternative to `packrat serve`, as well as one would write it in Python: aiohttp, torch and a
vectorised numpy sampler, with the same micro-batches. scripts/load-test compares the two.

    torch_server.py --data DIR --weights model.npz [--port 8081] [options]

Model: GraphSAGE with mean aggregation, any number of layers, from `packrat weights --out model.npz`. Data:
a dataset directory with indptr, indices and feat (docs/file-format.md). Protocol: the part of the Open
Inference Protocol that the load test uses: JSON, input node_ids, outputs logits and class.

What is done for speed:
  uvloop and ujson where they are installed (Debian: python3-uvloop, python3-ujson)
  aiohttp's low-level server, without routing table, middleware or access log
  one batch for all requests that wait: until --batch-max-nodes, --batch-max-delay-us, or until every
  open connection waits
  a node that several requests want is computed once (a table of marks, no sorting)
  embedding_bag reads and averages feature rows in one pass; nothing is gathered first
  products by the faster of torch's BLAS and its oneDNN, tried at the start (Debian's torch calls the
  reference BLAS unless libopenblas0-openmp or its like is installed, at a thirtieth of the speed)
  --derived multiplies all feature rows by the first layer's weights when the server starts
  --workers N processes share the port (SO_REUSEPORT), each with batches of its own
  threads of torch by --threads; --executor computes beside the event loop
"""
import argparse
import asyncio
import concurrent.futures
import json
import os
import signal
import sys
import time

import numpy
import torch
from aiohttp import web
from torch.nn import functional

try:
    import ujson

    def loads(text):
        return ujson.loads(text)

    def dumps(value):
        return ujson.dumps(value, escape_forward_slashes=False).encode()
except ImportError:
    ujson = None
    loads = json.loads

    def dumps(value):
        return json.dumps(value, separators=(",", ":")).encode()


def best_linear(weights):
    """Give y = x W^T + b for each (W, b), by whichever of BLAS and oneDNN is faster here."""
    def by_blas(weight, bias):
        return lambda x: functional.linear(x, weight, bias)

    def by_onednn(weight, bias):
        zero = torch.zeros(weight.shape[0]) if bias is None else bias
        weight, zero = weight.to_mkldnn(), zero.to_mkldnn()
        return lambda x: torch._C._nn.mkldnn_linear(x.to_mkldnn(), weight, zero).to_dense()

    def cost(products):
        x = torch.rand(64, weights[0][0].shape[1])
        for _ in range(5):
            products[0](x)
        started = time.perf_counter()
        for _ in range(20):
            products[0](x)
        return time.perf_counter() - started

    ways = [[by_blas(weight, bias) for weight, bias in weights]]
    if torch.backends.mkldnn.is_available():
        ways.append([by_onednn(weight, bias) for weight, bias in weights])
    costs = [cost(way) for way in ways]
    best = costs.index(min(costs))
    print(f"products by {('BLAS', 'oneDNN')[best]}", flush=True)
    return ways[best]


class Sampler:
    """Neighbours of nodes, at most a fanout of them, none twice."""

    def __init__(self, data, seed):
        self.begins = numpy.load(os.path.join(data, "indptr.npy")).astype(numpy.int64)
        self.sources = numpy.load(os.path.join(data, "indices.npy")).astype(numpy.int64)
        self.num_nodes = len(self.begins) - 1
        self.random = numpy.random.Generator(numpy.random.SFC64(seed))
        self.place = numpy.zeros(self.num_nodes, numpy.int64)

    def distinct(self, nodes):
        """Give the distinct nodes and where each of `nodes` is among them; the first ones stay first."""
        count = numpy.arange(len(nodes) - 1, -1, -1)
        self.place[nodes[::-1]] = count  # the last write stays: the first of equals
        first = self.place[nodes] == numpy.arange(len(nodes))
        kept = nodes[first]
        self.place[kept] = numpy.arange(len(kept))
        return kept, self.place[nodes]

    def neighbours(self, nodes, fanout):
        """Give sources of drawn arcs, node after node, and where each node's begin."""
        begin = self.begins[nodes]
        degree = self.begins[nodes + 1] - begin
        taken = degree if fanout is None else numpy.minimum(degree, fanout)
        ends = taken.cumsum()
        starts = ends - taken
        total = int(ends[-1]) if len(ends) else 0
        arcs = numpy.repeat(begin - starts, taken) + numpy.arange(total)
        if fanout is not None:
            large = numpy.flatnonzero(degree > fanout)
            if len(large):
                self.draw(arcs, starts[large], begin[large], degree[large], fanout)
        return self.sources[arcs], starts

    def draw(self, arcs, starts, begin, degree, fanout):
        """Put `fanout` arcs of each node in place of its first ones: those with the least keys."""
        ends = degree.cumsum()
        owner = numpy.repeat(numpy.arange(len(degree)), degree)
        order = (self.random.random(int(ends[-1])) + owner).argsort()
        offset = numpy.arange(fanout)
        chosen = order[(ends - degree)[:, None] + offset] - (ends - degree)[:, None]
        arcs[starts[:, None] + offset] = begin[:, None] + chosen


class Model:
    """GraphSAGE, mean: y = lin_l(mean of neighbours) + lin_r(x), relu between layers."""

    def __init__(self, data, weights, fanout, seed, derived):
        arrays = numpy.load(weights)
        matrices = []
        while f"convs.{len(matrices) // 2}.lin_l.weight" in arrays.files:
            left, bias, right = (
                torch.from_numpy(arrays[f"convs.{len(matrices) // 2}.{part}"])
                for part in ("lin_l.weight", "lin_l.bias", "lin_r.weight"))
            matrices += [(left, None), (right, bias)]  # a node without neighbours keeps it
        if not matrices:
            sys.exit(f"{weights}: no GraphSAGE weights: {', '.join(arrays.files)}")
        with torch.inference_mode():
            products = best_linear(matrices)
        self.layers = list(zip(products[::2], products[1::2]))
        self.features = torch.from_numpy(
            numpy.ascontiguousarray(numpy.load(os.path.join(data, "feat.npy")), dtype=numpy.float32))
        self.sampler = Sampler(data, seed)
        self.fanout = [None if word == "all" else int(word) for word in fanout.split(",")]
        if len(self.fanout) == 1:
            self.fanout *= len(self.layers)
        if len(self.fanout) != len(self.layers):
            sys.exit(f"--fanout has {len(self.fanout)} hops, the model {len(self.layers)} layers")
        self.derived = None
        if derived:
            with torch.inference_mode():
                self.derived = [torch.cat([product(part) for part in self.features.split(4096)])
                                for product in self.layers[0]]

    @torch.inference_mode()
    def logits(self, nodes):
        """Give the logits of nodes, [n, C]."""
        rows, back = self.sampler.distinct(nodes)
        hops = []  # from the outputs inwards: arcs' sources among the rows of the next hop
        for fanout in self.fanout[:-1]:
            sources, starts = self.sampler.neighbours(rows, fanout)
            num_dst = len(rows)
            rows, place = self.sampler.distinct(numpy.concatenate((rows, sources)))
            hops.append((num_dst, torch.from_numpy(place[num_dst:]), torch.from_numpy(starts)))
        sources, starts = self.sampler.neighbours(rows, self.fanout[-1])
        x = self.first(torch.from_numpy(rows), torch.from_numpy(sources), torch.from_numpy(starts))
        for (num_dst, place, starts), (left, right) in zip(reversed(hops), self.layers[1:]):
            x = functional.relu(x)
            x = left(functional.embedding_bag(place, x, starts, mode="mean")) + right(x[:num_dst])
        return x.numpy()[back]

    def first(self, rows, sources, starts):
        """Give the first layer's outputs, from feature rows or from their products."""
        left, right = self.layers[0]
        if self.derived:
            near, own = self.derived
            return functional.embedding_bag(sources, near, starts, mode="mean").add_(own[rows])
        near = functional.embedding_bag(sources, self.features, starts, mode="mean")
        return left(near) + right(self.features[rows])


class Batcher:
    """Requests that wait, until they are enough or one has waited long enough."""

    def __init__(self, model, options):
        self.model, self.options = model, options
        self.waiting, self.num_nodes, self.timer, self.server = [], 0, None, None
        self.pool = concurrent.futures.ThreadPoolExecutor(1) if options.executor else None

    async def answer(self, nodes):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.waiting.append((nodes, future))
        self.num_nodes += len(nodes)
        if self.num_nodes >= self.options.batch_max_nodes or \
                len(self.waiting) >= len(self.server.connections):
            self.begin()
        elif self.timer is None:
            self.timer = loop.call_later(self.options.batch_max_delay_us * 1e-6, self.begin)
        return await future

    def begin(self):
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        batch, self.waiting, self.num_nodes = self.waiting, [], 0
        if not batch:
            return
        nodes = [node for wanted, _ in batch for node in wanted]
        nodes = numpy.array(nodes, numpy.int64)
        if self.pool is None:
            self.give(batch, self.model.logits(nodes))
        else:
            done = asyncio.get_running_loop().run_in_executor(self.pool, self.model.logits, nodes)
            done.add_done_callback(lambda future: self.give(batch, future.result()))

    @staticmethod
    def give(batch, logits):
        at = 0
        for wanted, future in batch:
            if not future.done():
                future.set_result(logits[at:at + len(wanted)])
            at += len(wanted)


class BadRequest(Exception):
    pass


class Server:
    def __init__(self, model, options):
        self.model, self.options = model, options
        self.batcher = Batcher(model, options)
        self.infer_path = f"/v2/models/{options.name}/infer"

    def read(self, body):
        """Give node ids and names of outputs of a request's body."""
        try:
            asked = loads(body)
            wanted = asked["inputs"][0]
            nodes = wanted["data"]
            outputs = [output["name"] for output in asked.get("outputs") or ()]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise BadRequest(f"the body is no inference request: {error}")
        if wanted.get("name") != "node_ids" or not isinstance(nodes, list) or not nodes:
            raise BadRequest("input node_ids is missing or empty")
        if len(nodes) > self.options.batch_max_nodes:
            raise BadRequest(f"{len(nodes)} nodes, at most {self.options.batch_max_nodes} are allowed")
        last = self.model.sampler.num_nodes
        for node in nodes:
            if type(node) is not int or not 0 <= node < last:
                raise BadRequest(f"node id {node!r} is not in 0..{last - 1}")
        for name in outputs:
            if name not in ("logits", "class"):
                raise BadRequest(f"output {name!r} is not one of logits, class")
        return nodes, outputs or ["logits", "class"], asked.get("id")

    def write(self, outputs, logits, identity):
        tensors = []
        for name in outputs:
            if name == "logits":
                tensors.append({"name": name, "datatype": "FP32", "shape": list(logits.shape),
                                "data": logits.ravel().tolist()})
            else:
                tensors.append({"name": name, "datatype": "INT64", "shape": [len(logits)],
                                "data": logits.argmax(1).tolist()})
        reply = {"model_name": self.options.name, "model_version": "1", "outputs": tensors}
        if identity is not None:
            reply["id"] = identity
        return dumps(reply)

    async def handle(self, request):
        if request.path == self.infer_path and request.method == "POST":
            try:
                nodes, outputs, identity = self.read(await request.read())
            except BadRequest as error:
                return self.error(400, str(error))
            logits = await self.batcher.answer(nodes)
            return web.Response(body=self.write(outputs, logits, identity),
                                content_type="application/json")
        if request.path in ("/v2/health/live", "/v2/health/ready"):
            return web.Response()
        return self.error(404, f"nothing is at {request.method} {request.path}")

    @staticmethod
    def error(status, sentence):
        return web.Response(status=status, body=dumps({"error": sentence}),
                            content_type="application/json")

    async def run(self, children):
        server = web.Server(self.handle, access_log=None)
        self.batcher.server = server
        runner = web.ServerRunner(server)
        await runner.setup()
        await web.TCPSite(runner, self.options.host, self.options.port, backlog=1024,
                          reuse_port=self.options.workers > 1 or None).start()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        print(f"serving {self.options.name} at http://{self.options.host}:{self.options.port}",
              flush=True)
        await stop.wait()
        for child in children:
            os.kill(child, signal.SIGTERM)
        await runner.cleanup()


def read_options():
    parser = argparse.ArgumentParser(description="GraphSAGE over HTTP with aiohttp and torch")
    parser.add_argument("--data", required=True)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--name", default="sage")
    parser.add_argument("--fanout", default="10,10")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-max-nodes", type=int, default=1024)
    parser.add_argument("--batch-max-delay-us", type=float, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--derived", action="store_true")
    parser.add_argument("--executor", action="store_true")
    parser.add_argument("--logits", metavar="FILE", help="write logits of all nodes to FILE.npy and end")
    return parser.parse_args()


def main():
    options = read_options()
    torch.set_num_threads(options.threads)
    model = Model(options.data, options.weights, options.fanout, options.seed, options.derived)
    if options.logits:
        parts = [model.logits(part) for part in
                 numpy.array_split(numpy.arange(model.sampler.num_nodes),
                                   1 + model.sampler.num_nodes // 1024)]
        numpy.save(options.logits, numpy.concatenate(parts))
        return
    model.logits(numpy.arange(min(16, model.sampler.num_nodes)))  # what torch sets up on first use
    children = []
    for number in range(1, options.workers):
        child = os.fork()
        if child == 0:
            model.sampler.random = numpy.random.Generator(
                numpy.random.SFC64([options.seed, number]))
            children = []
            break
        children.append(child)
    try:
        import uvloop
        uvloop.install()
    except ImportError:
        pass
    asyncio.run(Server(model, options).run(children))


if __name__ == "__main__":
    main()
