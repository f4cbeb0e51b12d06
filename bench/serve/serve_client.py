"""What the tools around `packrat serve` share: a connection that keeps to the bytes of HTTP/1.1, requests
of the Open Inference Protocol in JSON and binary, and answers compared with those of `packrat infer`.
Nothing but Python's standard library.
"""
import array
import ast
import json
import math
import os
import socket
import struct
import sys
import urllib.parse

TOLERANCE = 1e-5  # of a row's largest logit: f32, summed in another order in another batch


class Npy:
    """A .npy file of one or two dimensions, f32 or i64, in memory."""

    def __init__(self, path):
        with open(path, "rb") as file:
            raw = file.read()
        if raw[:6] != b"\x93NUMPY":
            sys.exit(f"{path}: not a .npy file")
        long = raw[6] > 1
        (size,) = struct.unpack_from("<I" if long else "<H", raw, 8)
        begin = (12 if long else 10) + size
        head = ast.literal_eval(raw[12 if long else 10:begin].decode("latin1"))
        kinds = {"<f4": "f", "<i8": "q", "|u1": "B"}
        if head["descr"] not in kinds or head["fortran_order"]:
            sys.exit(f"{path}: holds {head['descr']}, must be <f4, <i8 or |u1 in C order")
        self.rows = head["shape"][0]
        self.cols = head["shape"][1] if len(head["shape"]) > 1 else 1
        self.values = array.array(kinds[head["descr"]])
        self.values.frombytes(raw[begin:])

    def row(self, i):
        return self.values[i * self.cols:(i + 1) * self.cols]


class Closed(Exception):
    """The server closed the connection before a whole answer had come."""


class Garbled(Exception):
    """What came is no HTTP/1.1 answer."""


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        size = int(self.headers.get("inference-header-content-length", len(self.body)))
        return json.loads(self.body[:size])

    def closes(self):
        return self.headers.get("connection", "").lower() == "close"


class Connection:
    """One connection. Nothing is sent again unasked: what the server does is what is looked at."""

    def __init__(self, address, timeout=60):
        self.address, self.timeout = address, timeout
        self.socket, self.buffer = None, b""

    def open(self):
        if self.socket is None:
            self.socket = socket.create_connection(self.address, self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.buffer = b""

    def close(self, abruptly=False):
        if self.socket is not None:
            if abruptly:  # a reset instead of a goodbye
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
            self.socket = None

    def send(self, data):
        self.open()
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed(f"while sending: {error}") from None

    def more(self):
        try:
            got = self.socket.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Closed(str(error)) from None
        if not got:
            raise Closed(f"with {len(self.buffer)} bytes of an answer")
        self.buffer += got

    def read(self, method="POST"):
        """Read one answer; 100 Continue is passed over."""
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self.more()
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin1").split("\r\n")
            words = lines[0].split(" ", 2)
            if words[0] not in ("HTTP/1.1", "HTTP/1.0") or len(words) < 2 or not words[1].isdigit():
                raise Garbled(f"status line {lines[0]!r}")
            if words[1] != "100":
                break
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise Garbled(f"header {line!r}")
            headers[name.strip().lower()] = value.strip()
        body = b""
        if method != "HEAD" and words[1] not in ("204", "304"):
            body = self.body(headers)
        reply = Reply(int(words[1]), headers, body)
        if reply.closes():
            self.close()
        return reply

    def body(self, headers):
        if headers.get("transfer-encoding", "").lower() == "chunked":
            parts = []
            while True:
                size = int(self.line(), 16)
                while len(self.buffer) < size + 2:
                    self.more()
                parts.append(self.buffer[:size])
                self.buffer = self.buffer[size + 2:]
                if size == 0:
                    return b"".join(parts)
        if "content-length" not in headers:
            raise Garbled("neither Content-Length nor chunks")
        size = int(headers["content-length"])
        while len(self.buffer) < size:
            self.more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return body

    def line(self):
        while b"\r\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def ask(self, data, method="POST"):
        self.send(data)
        return self.read(method)

    def get(self, path):
        """GET with a connection of its own where the last answer ended this one."""
        return self.ask(request("GET", path), "GET")


def address_of(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port or 80


def request(method, path, body=b"", headers=()):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin1") + body


def infer(model, nodes, outputs=("logits",), binary_in=False, binary_out=False, parameters=None,
          identity=None):
    """Give the bytes of an inference request."""
    tensor = {"name": "node_ids", "shape": [len(nodes)], "datatype": "INT64"}
    tail, headers = b"", []
    if binary_in:
        tail = struct.pack(f"<{len(nodes)}q", *nodes)
        tensor["parameters"] = {"binary_data_size": len(tail)}
    else:
        tensor["data"] = list(nodes)
    asked = {"inputs": [tensor]}
    if outputs:
        asked["outputs"] = [{"name": name} for name in outputs]
        if binary_out:
            for output in asked["outputs"]:
                output["parameters"] = {"binary_data": True}
    if parameters:
        asked["parameters"] = parameters
    if identity is not None:
        asked["id"] = identity
    text = json.dumps(asked).encode()
    if tail:
        headers.append(("Inference-Header-Content-Length", len(text)))
    return request("POST", f"/v2/models/{model}/infer", text + tail, headers)


def tensors(reply):
    """Give an answer's tensors, name -> (shape, flat values)."""
    said = reply.json()
    at = int(reply.headers.get("inference-header-content-length", len(reply.body)))
    kinds = {"FP32": "f", "INT64": "q", "UINT8": "B"}
    out = {}
    for tensor in said["outputs"]:
        values = array.array(kinds[tensor["datatype"]])
        if "data" in tensor:
            values.extend(tensor["data"])
        else:
            size = tensor["parameters"]["binary_data_size"]
            values.frombytes(reply.body[at:at + size])
            at += size
        if len(values) != math.prod(tensor["shape"]):
            raise Garbled(f"{tensor['name']} has {len(values)} values, its shape is {tensor['shape']}")
        out[tensor["name"]] = (tensor["shape"], values)
    if at != len(reply.body):
        raise Garbled(f"{len(reply.body) - at} bytes follow the last tensor")
    return out


class Oracle:
    """What `packrat infer` wrote: one file of logits for each version, in turns.

    Version v of the model is file (v - 1) mod number of files."""

    def __init__(self, logits, embeddings=(), model="sage"):
        self.logits = [Npy(path) for path in logits]
        self.embeddings = [Npy(path) for path in embeddings]
        self.model = model
        self.num_nodes = self.logits[0].rows
        self.worst = 0.0  # farthest from the file, of the row's largest

    def outputs(self):
        return ["logits", "probabilities", "class"] + (["embeddings"] if self.embeddings else [])

    def check(self, nodes, outputs, reply, identity=None):
        """Say what is wrong with an answer; None: nothing."""
        if reply.status != 200:
            return f"status {reply.status}: {reply.body[:300]!r}"
        said = reply.json()
        if said.get("model_name") != self.model:
            return f"model_name is {said.get('model_name')!r}"
        if said.get("id") != identity:
            return f"id is {said.get('id')!r} instead of {identity!r}"
        version = int(said["model_version"])
        found = tensors(reply)
        names = [tensor["name"] for tensor in said["outputs"]]
        if outputs and names != list(outputs):
            return f"outputs are {names} instead of {list(outputs)}"
        for name, (shape, values) in found.items():
            if shape[0] != len(nodes):
                return f"{name} has {shape[0]} rows instead of {len(nodes)}"
            wrong = self.compare(name, values, nodes, version)
            if wrong:
                return f"{name}, version {version}, {wrong}"
        return None

    def compare(self, name, values, nodes, version):
        cols = len(values) // len(nodes)
        files = self.embeddings if name == "embeddings" else self.logits
        if not files:
            return None
        file = files[(version - 1) % len(files)]
        for i, node in enumerate(nodes):
            wanted, got = file.row(node), values[i * cols:(i + 1) * cols]
            if name == "class":
                wrong = self.compare_class(wanted, got[0])
            elif name == "probabilities":  # what a logit is off moves its logarithm by as much
                allowed = 2 * TOLERANCE * max(1.0, *map(abs, wanted))
                wrong = compare_row(softmax(wanted), got, allowed)[1]
            else:
                apart, wrong = compare_row(wanted, got, TOLERANCE)
                self.worst = max(self.worst, apart)
            if wrong:
                return f"row {i}, node {node}: {wrong}"
        return None

    @staticmethod
    def compare_class(wanted, got):
        if not 0 <= got < len(wanted):
            return f"class {got} of {len(wanted)}"
        largest = max(wanted)
        if largest - wanted[got] > 2 * TOLERANCE * max(map(abs, wanted)):
            return f"class {got} instead of {list(wanted).index(largest)}"
        return None


def compare_row(wanted, got, allowed):
    """Give how far a row is from the wanted one, of its largest element, and what is wrong with it."""
    if len(wanted) != len(got):
        return 0.0, f"{len(got)} columns instead of {len(wanted)}"
    largest = max(map(abs, wanted)) or 1.0
    apart = max(abs(a - b) for a, b in zip(wanted, got)) / largest
    if apart <= allowed:
        return apart, None
    return apart, f"{apart:.2e} of the largest apart: {list(got)[:4]} ..., not {list(wanted)[:4]} ..."


def softmax(row):
    largest = max(row)
    powers = [math.exp(x - largest) for x in row]
    total = sum(powers)
    return [x / total for x in powers]


def metric(address, name):
    """Give the sum of a metric over its labels; None where there is none."""
    connection = Connection(address)
    text = connection.get("/metrics").body.decode()
    connection.close()
    found = None
    for line in text.splitlines():
        if line.startswith(name) and line[len(name):len(name) + 1] in ("{", " "):
            found = (found or 0.0) + float(line.rsplit(" ", 1)[1])
    return found


def is_healthy(address):
    """Say whether a fresh connection is told that the server lives and is ready."""
    for path in ("/v2/health/live", "/v2/health/ready"):
        connection = Connection(address)
        try:
            if connection.get(path).status != 200:
                return False
        finally:
            connection.close()
    return True


def rss_bytes(pid):
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def num_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))
