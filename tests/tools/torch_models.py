"""torch_models.py: packrat's models as plain PyTorch modules, an oracle that shares no code with it.

    torch_models.py make  CASES DATA     write NAME.torch.npz, random weights, for every case
    torch_models.py check CASES DATA     compare what packrat computed with what torch computes
    torch_models.py sampled CASES DATA   compare some rows of NAME.in.npy only: of graphs too large
                                         for torch, with all that these rows depend on

A line of CASES is "NAME|packrat's options of the model". Whole graphs, every neighbour, float64 sums
where it matters. `check` reads, beside CASES:

    NAME.npz       NAME.out.npy   weights that packrat trained and their logits by packrat infer
    NAME.torch.npz NAME.in.npy    weights that `make` wrote and their logits by packrat infer
    NAME.after.npz NAME.loss      weights behind one step of SGD with learning rate 1 from those of
                                  `make`, and its loss
"""
import argparse
import copy
import os
import shlex
import sys
import warnings

import numpy
import torch
from torch import nn

TOLERANCE = 1e-4  # of the largest logit or gradient: f32 in another order of summation
LOSS_TOLERANCE = 1e-5


def read_options(words):
    """Read packrat's options of a model."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--aggregator", default="mean")
    parser.add_argument("--activation", default="auto")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=8)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--out-heads", type=int, default=1)
    parser.add_argument("--layer-norm", action="store_true")
    parser.add_argument("--residual", action="store_true")
    return parser.parse_args(shlex.split(words))


class Graph:
    """Arcs by destination, features, labels and the nodes to train on."""

    def __init__(self, directory):
        def load(name):
            return numpy.load(os.path.join(directory, name), mmap_mode="r")

        begins = load("indptr.npy").astype(numpy.int64)
        self.degree = torch.from_numpy(numpy.diff(begins)).double()
        self.source = torch.from_numpy(load("indices.npy").astype(numpy.int64))
        self.target = torch.repeat_interleave(self.degree.long())
        self.features = torch.from_numpy(load("feat.npy"))
        self.labels = torch.from_numpy(load("label.npy").astype(numpy.int64))
        self.train = torch.from_numpy(load("train_idx.npy").astype(numpy.int64))
        self.num_classes = int(self.labels.max()) + 1

    def around(self, nodes, hops):
        """Give the part that outputs of these nodes depend on, which come first in it."""
        part, known = copy.copy(self), nodes
        begins = torch.cat([torch.zeros(1), self.degree.cumsum(0)]).long()
        sources, targets = [], []
        place = torch.full((len(self.degree),), -1)
        place[nodes] = torch.arange(len(nodes))
        fresh = nodes
        for _ in range(hops):
            reached = torch.cat([self.source[begins[v]:begins[v + 1]] for v in fresh])
            targets.append(place[torch.repeat_interleave(fresh, self.degree[fresh].long())])
            fresh = reached.unique()
            fresh = fresh[place[fresh] < 0]
            place[fresh] = len(known) + torch.arange(len(fresh))
            known = torch.cat([known, fresh])
            sources.append(place[reached])
        part.source, part.target = torch.cat(sources), torch.cat(targets)
        part.degree, part.features = self.degree[known], self.features[known]
        return part

    def sums(self, rows):
        """Add up a row for every arc at the arc's target."""
        out = rows.new_zeros((len(self.degree),) + rows.shape[1:])
        return out.index_add(0, self.target, rows)


class Sage(nn.Module):
    def __init__(self, graph, o, width_in, width_out, last):
        super().__init__()
        self.graph, self.largest = graph, o.aggregator == "max"
        self.lin_l = nn.Linear(width_in, width_out)
        self.lin_r = nn.Linear(width_in, width_out, bias=False)

    def forward(self, x):
        g = self.graph
        if self.largest:
            index = g.target[:, None].expand(-1, x.shape[1])
            near = torch.zeros_like(x).scatter_reduce(0, index, x[g.source], "amax",
                                                      include_self=False)
        else:
            near = g.sums(x[g.source]) / g.degree.clamp(min=1)[:, None]
        return self.lin_l(near) + self.lin_r(x)


class Gcn(nn.Module):
    def __init__(self, graph, o, width_in, width_out, last):
        super().__init__()
        self.graph = graph
        self.lin = nn.Linear(width_in, width_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(width_out))

    def forward(self, x):
        g = self.graph
        root = (g.degree + 1).rsqrt()
        z = self.lin(x) * root[:, None]
        return (g.sums(z[g.source]) + z) * root[:, None] + self.bias


class Gin(nn.Module):
    def __init__(self, graph, o, width_in, width_out, last):
        super().__init__()
        self.graph = graph
        self.eps = nn.Parameter(torch.zeros(1))
        self.nn = nn.Sequential(nn.Linear(width_in, width_out), nn.ReLU(),
                                nn.Linear(width_out, width_out))

    def forward(self, x):
        return self.nn((1 + self.eps) * x + self.graph.sums(x[self.graph.source]))


class Gat(nn.Module):
    def __init__(self, graph, o, width_in, width_out, last):
        super().__init__()
        self.graph, self.mean = graph, last
        self.heads = o.out_heads if last else o.heads
        self.columns = width_out if last else width_out // self.heads
        self.lin = nn.Linear(width_in, self.heads * self.columns, bias=False)
        self.att_src = nn.Parameter(torch.empty(1, self.heads, self.columns))
        self.att_dst = nn.Parameter(torch.empty(1, self.heads, self.columns))
        self.bias = nn.Parameter(torch.zeros(width_out))
        nn.init.normal_(self.att_src)
        nn.init.normal_(self.att_dst)

    def forward(self, x):
        g = self.graph
        num = len(g.degree)
        own = torch.arange(num)
        source, target = torch.cat([g.source, own]), torch.cat([g.target, own])
        z = self.lin(x).view(num, self.heads, self.columns)
        a = (z * self.att_src).sum(-1)[source] + (z * self.att_dst).sum(-1)[target]
        a = nn.functional.leaky_relu(a, 0.2)
        index = target[:, None].expand(-1, self.heads)
        top = a.new_zeros(num, self.heads).scatter_reduce(0, index, a.detach(), "amax",
                                                          include_self=False)
        a = (a - top[target]).exp()
        total = a.new_zeros(num, self.heads).index_add(0, target, a)
        a = a / total[target]
        y = z.new_zeros(z.shape).index_add(0, target, z[source] * a[:, :, None])
        y = y.mean(1) if self.mean else y.reshape(num, -1)
        return y + self.bias


KINDS = {"sage": Sage, "gcn": Gcn, "gin": Gin, "gat": Gat}


class Model(nn.Module):
    def __init__(self, graph, o):
        super().__init__()
        widths = [graph.features.shape[1]] + [o.hidden] * (o.layers - 1) + [graph.num_classes]
        self.residual = o.residual
        elu = o.activation == "elu" or o.activation == "auto" and o.model == "gat"
        self.act = nn.ELU() if elu else nn.ReLU()
        self.convs = nn.ModuleList(
            KINDS[o.model](graph, o, widths[l], widths[l + 1], l + 1 == o.layers)
            for l in range(o.layers))
        for l, conv in enumerate(self.convs):
            if o.residual and widths[l] != widths[l + 1]:
                conv.res = nn.Linear(widths[l], widths[l + 1], bias=False)
        if o.layer_norm:
            self.norms = nn.ModuleList(nn.LayerNorm(w) for w in widths[1:-1])

    def forward(self, x):
        for l, conv in enumerate(self.convs):
            y = conv(x)
            if self.residual:
                y = y + (conv.res(x) if hasattr(conv, "res") else x)
            if l + 1 < len(self.convs):
                if hasattr(self, "norms"):
                    y = self.norms[l](y)
                y = self.act(y)
            x = y
        return x


def read_cases(path):
    with open(path) as file:
        lines = [line.strip().split("|") for line in file if line.strip()]
    return [(name, read_options(words)) for name, words in lines]


def model_with(graph, options, path):
    """Make the model of a .npz: load_state_dict refuses names and shapes that are not torch's."""
    model = Model(graph, options)
    weights = numpy.load(path)
    model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    return model.double()


def make(cases, graph):
    torch.manual_seed(5)
    for name, options in cases:
        model = Model(graph, options)
        with torch.no_grad():
            for weight in model.parameters():  # no bias, epsilon or norm at its first value
                weight.add_(0.2 * torch.randn_like(weight))
        numpy.savez_compressed(name + ".torch.npz",
                               **{k: v.numpy() for k, v in model.state_dict().items()})


class Checks:
    failures = 0

    def close(self, what, found, wanted, tolerance=TOLERANCE):
        found, wanted = numpy.asarray(found, dtype="f8"), numpy.asarray(wanted, dtype="f8")
        if found.shape != wanted.shape:
            return self.fail(f"{what}: shape {found.shape} instead of {wanted.shape}")
        apart = abs(found - wanted).max() / max(abs(wanted).max(), 1e-30)
        if not apart <= tolerance:
            return self.fail(f"{what}: {apart:.1e} apart, {tolerance:.0e} allowed")
        print(f"ok    {what}: {apart:.1e} apart")

    def fail(self, what):
        self.failures += 1
        print(f"FAILED: {what}")


def check_logits(checks, graph, name, options, weights, logits):
    if not os.path.exists(logits):
        return
    with torch.no_grad():
        wanted = model_with(graph, options, weights)(graph.features.double())
    checks.close(f"{name}: logits of {weights}", numpy.load(logits), wanted)


def check_step(checks, graph, name, options):
    model = model_with(graph, options, name + ".torch.npz")
    after = numpy.load(name + ".after.npz")
    loss = nn.functional.cross_entropy(model(graph.features.double())[graph.train],
                                       graph.labels[graph.train])
    loss.backward()
    with open(name + ".loss") as file:
        checks.close(f"{name}: loss", float(file.read()), loss.item(), LOSS_TOLERANCE)
    wanted = {k: p.grad for k, p in model.named_parameters()}
    largest = max(g.abs().max().item() for g in wanted.values())
    for key, parameter in model.named_parameters():
        moved = parameter.detach().numpy() - after[key].astype("f8")
        apart = abs(moved - wanted[key].numpy()).max()
        # The step is rounded to a weight's last bit, so small gradients are known less well.
        allowed = TOLERANCE * wanted[key].abs().max().item() + 1e-6 * max(largest, 1)
        if moved.shape != tuple(parameter.shape) or not apart <= allowed:
            checks.fail(f"{name}: gradient of {key}: {apart:.1e} apart, {allowed:.1e} allowed")
    print(f"ok    {name}: gradients of {len(wanted)} tensors, the largest element {largest:.3g}")


def check(cases, graph):
    checks = Checks()
    for name, options in cases:
        check_logits(checks, graph, name, options, name + ".npz", name + ".out.npy")
        check_logits(checks, graph, name, options, name + ".torch.npz", name + ".in.npy")
        check_step(checks, graph, name, options)
    return 1 if checks.failures else 0


def sampled(cases, graph):
    checks = Checks()
    random = numpy.random.default_rng(9)
    nodes = random.choice(len(graph.degree), 30, replace=False)
    hubs = graph.degree.argsort()[[0, -1]]
    nodes = torch.cat([torch.from_numpy(nodes), hubs]).unique()
    for name, options in cases:
        part = graph.around(nodes, options.layers)
        with torch.no_grad():
            model = model_with(part, options, name + ".torch.npz")
            wanted = model(part.features.double())[:len(nodes)]
        found = numpy.load(name + ".in.npy", mmap_mode="r")[nodes.numpy()]
        checks.close(f"{name}: logits of {len(nodes)} nodes", found, wanted)
    return 1 if checks.failures else 0


def main():
    modes = {"make": make, "check": check, "sampled": sampled}
    if len(sys.argv) != 4 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message="scatter_reduce")  # torch 1.13 calls it beta
    cases, graph = read_cases(sys.argv[2]), Graph(sys.argv[3])
    return modes[sys.argv[1]](cases, graph)


if __name__ == "__main__":
    sys.exit(main())
