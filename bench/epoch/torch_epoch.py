"""What a full-batch training epoch costs in torch: CPU time of the process an epoch, in ns, one thread; a
long run less a short one. Two layers, sparse features and arcs as CSR matrices, dropout 0.5 on both
layers' inputs, Adam. Prints nothing where there is no torch, or no such model here."""
import argparse
import sys
import time
import warnings

try:
    import numpy
    import torch
except ImportError:
    sys.exit(0)

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True)
parser.add_argument("--model", required=True)
parser.add_argument("--hidden", type=int, default=16)
parser.add_argument("--epochs", type=int, default=400)
args = parser.parse_args()
if args.model not in ("gcn", "sage"):
    sys.exit(0)
warnings.filterwarnings("ignore", message="Sparse CSR")
torch.set_num_threads(1)
torch.manual_seed(1)


def load(name):
    return torch.from_numpy(numpy.load(f"{args.data}/{name}.npy"))


source, target = load("edge_index")
label, train = load("label"), load("train_idx")
nodes = len(label)
try:
    begin, column, value = load("feat_indptr"), load("feat_indices").long(), load("feat_data")
except FileNotFoundError:
    dense = load("feat")
    begin, column, value = None, None, dense
if begin is not None:
    row = torch.repeat_interleave(torch.arange(nodes), begin[1:] - begin[:-1])
    value = value / torch.zeros(nodes).index_add_(0, row, value * value).sqrt()[row]
    width = int(column.max()) + 1
else:
    width = value.shape[1]


def csr(rows, columns, values, shape):
    order = torch.argsort(rows * shape[1] + columns)
    counts = torch.bincount(rows, minlength=shape[0])
    starts = torch.cat([torch.zeros(1, dtype=torch.long), counts.cumsum(0)])
    return torch.sparse_csr_tensor(starts, columns[order], values[order], shape)


degree = torch.bincount(target, minlength=nodes).float()
own = torch.arange(nodes)
if args.model == "gcn":
    scale = (degree + 1).rsqrt()
    arcs = csr(torch.cat([target, own]), torch.cat([source, own]),
               torch.cat([scale[target] * scale[source], scale * scale]), (nodes, nodes))
else:
    arcs = csr(target, source, 1 / degree[target], (nodes, nodes))
# Symmetric for gcn; the way back of sage needs the transposed matrix.
back = arcs if args.model == "gcn" else csr(source, target, 1 / degree[target], (nodes, nodes))


class Spread(torch.autograd.Function):
    """arcs @ x, with the transposed matrix at hand."""

    @staticmethod
    def forward(context, x):
        return arcs @ x

    @staticmethod
    def backward(context, g):
        return back @ g.contiguous()


class Words(torch.autograd.Function):
    """X @ w for sparse X of these values."""

    @staticmethod
    def forward(context, w, x, turned):
        context.turned = turned
        return x @ w

    @staticmethod
    def backward(context, g):
        return context.turned @ g.contiguous(), None, None


if begin is not None:
    turn = torch.argsort(column * nodes + row)
    turned_start = torch.cat([torch.zeros(1, dtype=torch.long),
                              torch.bincount(column, minlength=width).cumsum(0)])
    turned_column = row[turn]


def inputs(w):
    """Dropped features times w."""
    if begin is None:
        return torch.nn.functional.dropout(value, 0.5) @ w
    kept = torch.nn.functional.dropout(value, 0.5)
    x = torch.sparse_csr_tensor(begin, column, kept, (nodes, width))
    turned = torch.sparse_csr_tensor(turned_start, turned_column, kept[turn], (width, nodes))
    return Words.apply(w, x, turned)


def glorot(rows, columns):
    return torch.nn.Parameter(torch.nn.init.xavier_uniform_(torch.empty(rows, columns)))


classes = int(label.max()) + 1
w1, w2 = glorot(width, args.hidden), glorot(args.hidden, classes)
s1, s2 = glorot(width, args.hidden), glorot(args.hidden, classes)
b1, b2 = (torch.nn.Parameter(torch.zeros(n)) for n in (args.hidden, classes))
optimizer = torch.optim.Adam([w1, w2, b1, b2] + ([s1, s2] if args.model == "sage" else []),
                             lr=0.01, weight_decay=5e-4)


def epoch():
    if args.model == "gcn":
        h = torch.relu(Spread.apply(inputs(w1)) + b1)
        h = torch.nn.functional.dropout(h, 0.5)
        logits = Spread.apply(h @ w2) + b2
    else:
        both = inputs(torch.cat([w1, s1], 1))
        h = torch.relu(Spread.apply(both[:, :args.hidden]) + both[:, args.hidden:] + b1)
        h = torch.nn.functional.dropout(h, 0.5)
        logits = Spread.apply(h @ w2) + h @ s2 + b2
    loss = torch.nn.functional.cross_entropy(logits[train], label[train])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss


def run(epochs):
    start = time.process_time_ns()
    for _ in range(epochs):
        loss = epoch()
    if not torch.isfinite(loss):
        sys.exit("the loss is not a number")
    return time.process_time_ns() - start


run(10)
short = run(20)
print((run(20 + args.epochs) - short) // args.epochs)
