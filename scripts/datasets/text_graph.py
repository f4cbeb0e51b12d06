"""text_graph: what the dataset scripts share: hashed bag-of-words features, a clean undirected
graph, splits by name, and the directory layout of docs/file-format.md."""
import json
import math
import os
import re
import shutil
import sys
import zlib

try:
    import numpy as np
except ImportError:
    print("python3-numpy is missing: apt-get install python3-numpy", file=sys.stderr)
    sys.exit(2)

WORD = re.compile(r"[a-z]+")
COMMON = 0.2  # words in a larger share of the texts say nothing


def word_counts(text):
    counts = {}
    for word in WORD.findall(text.lower()):
        counts[word] = counts.get(word, 0) + 1
    return counts


def hashed_features(texts, columns):
    """Rows of length 1: signed feature hashing of words weighted (1 + log count) * idf."""
    bags = [word_counts(text) for text in texts]
    appears = {}
    for bag in bags:
        for word in bag:
            appears[word] = appears.get(word, 0) + 1
    place = {}
    for word, count in appears.items():
        if count <= COMMON * len(bags):
            code = zlib.crc32(word.encode())
            sign = 1.0 if code & 1 else -1.0
            place[word] = ((code >> 1) % columns, sign * math.log(len(bags) / count))
    rows = np.zeros((len(bags), columns), np.float32)
    for row, bag in zip(rows, bags):
        for word, count in bag.items():
            if word in place:
                column, weight = place[word]
                row[column] += weight * (1.0 + math.log(count))
    length = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
    length[length == 0] = 1
    return rows / length


def undirected_csc(pairs, num_nodes):
    """Both directions of every pair, without duplicates and self loops, by destination."""
    ends = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    ends = ends[ends[:, 0] != ends[:, 1]]
    keys = np.concatenate([ends[:, 1] * num_nodes + ends[:, 0],
                           ends[:, 0] * num_nodes + ends[:, 1]])
    keys = np.unique(keys)
    indptr = np.zeros(num_nodes + 1, np.int64)
    np.cumsum(np.bincount(keys // num_nodes, minlength=num_nodes), out=indptr[1:])
    return indptr, (keys % num_nodes).astype(np.uint32)


def splits_by_name(names, labels):
    """60 % train, 20 % val, 20 % test by CRC-32 of the name: a node keeps its side when the
    source changes a little."""
    part = np.array([zlib.crc32(name.encode()) % 100 for name in names])
    known = labels >= 0
    return {"train": np.flatnonzero(known & (part < 60)),
            "val": np.flatnonzero(known & (part >= 60) & (part < 80)),
            "test": np.flatnonzero(known & (part >= 80))}


def write_dataset(out, name, names, texts, labels, classes, pairs, columns, extra):
    """Write the whole directory under a temporary name, then rename it."""
    labels = np.asarray(labels, np.int64)
    indptr, indices = undirected_csc(pairs, len(names))
    splits = splits_by_name(names, labels)
    degree = np.diff(indptr)
    destination = np.repeat(np.arange(len(names)), degree)
    ends = np.stack([labels[indices], labels[destination]])
    both = (ends >= 0).all(axis=0)
    ranked = np.sort(degree)[::-1]
    meta = {
        "name": name, "num_nodes": len(names), "num_edges": int(indptr[-1]),
        "num_feats": columns, "num_classes": len(classes), "feat": "dense",
        "undirected": True, "self_loops": False, "unlabelled": int((labels < 0).sum()),
        "train": len(splits["train"]), "val": len(splits["val"]), "test": len(splits["test"]),
        "deg_mean": round(float(degree.mean()), 2), "deg_median": float(np.median(degree)),
        "deg_max": int(degree.max()), "isolated": int((degree == 0).sum()),
        "top1pct_edge_share":
            round(float(ranked[:max(1, len(names) // 100)].sum() / max(1, degree.sum())), 4),
        "edge_homophily": round(float((ends[0] == ends[1])[both].mean()), 4),
        **extra, "classes": classes,
    }
    arrays = {"indptr": indptr, "indices": indices, "label": labels,
              "feat": hashed_features(texts, columns)}
    arrays.update({part + "_idx": ids.astype(np.int64) for part, ids in splits.items()})
    temporary = f"{out.rstrip('/')}.tmp-{os.getpid()}"
    os.makedirs(temporary)
    try:
        for field, array in arrays.items():
            np.save(os.path.join(temporary, field + ".npy"), array)
        with open(os.path.join(temporary, "meta.json"), "w", encoding="utf-8") as file:
            json.dump(meta, file, indent=1)
            file.write("\n")
        os.rename(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    print(f"{out}: {meta['num_nodes']} nodes, {meta['num_edges']} arcs, {columns} features, "
          f"{len(classes)} classes, train/val/test {meta['train']}/{meta['val']}/{meta['test']}")


def refuse_existing(out):
    if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
        raise SystemExit(f"{out}: exists already and is not an empty folder")
    if os.path.isdir(out):
        os.rmdir(out)
