#!/usr/bin/env python3
"""Send hostile requests to `packrat serve`: malformed JSON, wrong types, numbers beyond any range, bodies cut
short and too long, bad binary tensors, bad framing, pipelined garbage. Every answer must be one that such a
request may have; never 500, never a hang. After each group the server must be healthy and answer right.

    fuzz_requests.py --url http://127.0.0.1:8080 --model sage --logits logits.npy --max-nodes 64 \\
        --max-body 65536 --requests 10000 --seed 1

Request i of a seed is always the same: --only I sends that one alone and shows it and what came. --max-nodes
and --max-body are what the server was given. Prints one JSON object; ends with status 1 on the first fault.
"""
import argparse
import json
import random
import socket
import struct
import sys
import time

import serve_client as serve

REFUSED = set(range(400, 432)) | {501, 505}
FINE = {200, 503, 504}  # 504: of requests that ask for a short deadline


class Case:
    """Bytes, and what may come of them.

    allowed   statuses of each answer in turn, a list of sets
    nodes     of each answer: nodes and outputs it must be right for, or None
    framed    the bytes are whole requests: as many answers must come; else fewer may, or none
    ending    "": wait for the answers; "half": close our side first, and wait for as long as the server does;
              "glance": wait a moment; "close", "reset": go away
    pieces    sizes of pieces to send it in"""

    def __init__(self, data, allowed, framed=True, checks=None, ending="", pieces=None):
        self.data, self.allowed, self.framed = data, allowed, framed
        self.checks = checks or [None] * len(allowed)
        self.ending, self.pieces = ending, pieces


class Fuzzer:
    def __init__(self, options, oracle):
        self.options, self.oracle, self.model = options, oracle, options.model
        self.path = f"/v2/models/{options.model}/infer"
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("make_")]

    def case(self, index):
        pick = random.Random(f"{self.options.seed} {index}")
        make = self.kinds[pick.randrange(len(self.kinds))]
        return make.__name__[5:], make(pick)

    # ---- parts ----

    @staticmethod
    def ending(pick):
        """How to leave what the server may take for the begin of more, until its deadline."""
        return "half" if pick.random() < 0.02 else pick.choice(("glance", "glance", "close", "reset"))

    def node(self, pick):
        return pick.randrange(self.oracle.num_nodes)

    def asked(self, pick):
        nodes = [self.node(pick) for _ in range(pick.randint(1, 8))]
        return {"id": "x", "inputs": [{"name": "node_ids", "shape": [len(nodes)],
                                       "datatype": "INT64", "data": nodes}],
                "outputs": [{"name": "class"}], "parameters": {"seed": 1}}

    def post(self, text, path=None, headers=()):
        if isinstance(text, str):
            text = text.encode("utf-8", "surrogatepass")
        return serve.request("POST", path or self.path, text, headers)

    def odd(self, pick):
        """Give some JSON, as text, that is seldom the right one."""
        return pick.choice((
            "null", "true", "false", "-1", "0", "1", "0.5", "-0", "1e400", "1e308", "-1e308", "1e-400",
            "99999999999999999999", "-9223372036854775808", "9223372036854775807", "4294967295",
            "4294967296", "18446744073709551615", "2147483648", "01", "+1", "1.", ".5", "NaN",
            "Infinity", "0x10", '""', '"0"', '"all"', '"node_ids"', '"INT64"', '"FP32"', '"BYTES"',
            '"\\ud800"', '"\\u0000"', '"\\u0000abc"', "[]", "{}", "[[]]", "[null]", "[{}]", "[-1]",
            "[0]", "[1,2]", "[1e3]", '["1"]', "[0,[0]]", '{"a":{"b":[]}}', "[" * 40 + "]" * 40,
            '"' + "x" * 3000 + '"', "1" * 400, "[" + ",".join("1" * 300) + "]", '{"":""}', '"\xff"',
            '{"name":"logits"}', '{"name":"logits","name":"class"}', '"1,2,3,4"', '"-1"', '"10,all"',
            '"999999999999"', "[10,10]", "[0,0]", '["all","all"]', "1000000000"))

    def good(self, pick, identity="good"):
        nodes = [self.node(pick) for _ in range(pick.randint(1, 6))]
        outputs = pick.sample(self.oracle.outputs(), 2)
        data = serve.infer(self.model, nodes, outputs, binary_in=pick.random() < 0.5,
                           binary_out=pick.random() < 0.5, identity=identity)
        return data, (nodes, outputs, identity)

    # ---- JSON ----

    def make_good(self, pick):
        data, check = self.good(pick)
        return Case(data, [FINE], checks=[check])

    def make_in_pieces(self, pick):
        data, check = self.good(pick)
        return Case(data, [FINE], checks=[check], pieces=[pick.randint(1, 80) for _ in range(6)])

    def make_mutated_json(self, pick):
        text = bytearray(json.dumps(self.asked(pick)).encode())
        for _ in range(pick.randint(1, 4)):
            at = pick.randrange(len(text))
            way = pick.randrange(6)
            if way == 0:
                text[at] = pick.randrange(256)
            elif way == 1:
                del text[at:at + pick.randint(1, 20)]
            elif way == 2:
                text[at:at] = bytes(pick.choice(b'{}[]",:0\\\x00 e-.') for _ in range(pick.randint(1, 9)))
            elif way == 3:
                text[at:at] = text[:at]
            elif way == 4:
                del text[at:]
            else:
                text[at:at] = pick.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xc0\x80", b"//", b"/*"))
            text = text or bytearray(b" ")
        return Case(self.post(bytes(text)), [FINE | REFUSED])

    def make_odd_member(self, pick):
        asked = self.asked(pick)
        where = pick.choice(("inputs", "outputs", "parameters", "id", "name", "shape", "datatype", "data",
                             "output_name", "fanout", "seed", "deadline_ms", "binary_data_output",
                             "binary_data_size", "unknown", "element", "whole", "output_parameters"))
        mark = "@odd@"
        tensor = asked["inputs"][0]
        if where in ("inputs", "outputs", "parameters", "id", "unknown"):
            asked[where] = mark
        elif where in ("name", "shape", "datatype", "data"):
            tensor[where] = mark
        elif where == "element":
            tensor["data"][pick.randrange(len(tensor["data"]))] = mark
        elif where == "output_name":
            asked["outputs"][0]["name"] = mark
        elif where == "output_parameters":
            asked["outputs"][0]["parameters"] = mark
        elif where == "binary_data_size":
            tensor["parameters"] = {where: mark}
        elif where == "whole":
            asked = mark
        else:
            asked["parameters"][where] = mark
        return Case(self.post(json.dumps(asked).replace('"@odd@"', self.odd(pick))), [FINE | REFUSED])

    def make_bad_ids(self, pick):
        asked = self.asked(pick)
        data = asked["inputs"][0]["data"]
        data[pick.randrange(len(data))] = pick.choice((
            -1, self.oracle.num_nodes, 1 << 31, 1 << 32, (1 << 32) + 1, (1 << 63) - 1, 1 << 63, 1 << 64,
            -(1 << 63), -(1 << 31), 10 ** 30, self.oracle.num_nodes + (1 << 32), 0.5, "3", None, True,
            [1], {}, pick.randint(-10 ** 12, -1), self.oracle.num_nodes + pick.randrange(10 ** 9)))
        return Case(self.post(json.dumps(asked)), [REFUSED])

    def make_wrong_shape(self, pick):
        asked = self.asked(pick)
        tensor, n = asked["inputs"][0], len(asked["inputs"][0]["data"])
        tensor["shape"] = pick.choice(([n + 1], [n - 1], [1, n + 1], [n, 2], [n, 1, 1], [], [-n], [n, 0],
                                       [1 << 40], [1 << 64], [0], [2 ** 32 + n], [-1]))
        return Case(self.post(json.dumps(asked)), [REFUSED])

    def make_no_nodes(self, pick):
        asked = self.asked(pick)
        asked["inputs"] = pick.choice(([], [asked["inputs"][0]] * 2, [dict(asked["inputs"][0], data=[], shape=[0])],
                                       [dict(asked["inputs"][0], name="features")], {}, None))
        return Case(self.post(json.dumps(asked)), [REFUSED])

    def make_too_many_nodes(self, pick):
        n = self.options.max_nodes + pick.choice((1, 2, 1000))
        return Case(serve.infer(self.model, [0] * n, binary_in=pick.random() < 0.5), [REFUSED])

    def make_as_many_as_allowed(self, pick):
        nodes = [self.node(pick) for _ in range(self.options.max_nodes)]
        data = serve.infer(self.model, nodes, ["class"], binary_in=pick.random() < 0.5)
        return Case(data, [FINE], checks=[(nodes, ["class"], None)])

    def make_bad_outputs(self, pick):
        asked = self.asked(pick)
        asked["outputs"] = [{"name": name} for name in pick.choice((
            ["logit"], ["logits", "logits"], ["class"] * 40, [""], ["embeddings", "x"], ["LOGITS"]))]
        return Case(self.post(json.dumps(asked)), [REFUSED])

    def make_parameters(self, pick):
        asked = self.asked(pick)
        asked["parameters"] = {
            "fanout": pick.choice(([2, 2], "2,2", "1", 1, [1], [1, 1, 1], "all", "0", [0, 1], -1, "x,y",
                                   [10 ** 9] * 2, "4294967295", [True], "", ",", "5,", [])),
            "seed": pick.choice((0, 7, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -1, 1.5, "7", "-7"))}
        if pick.random() < 0.5:
            asked["parameters"]["deadline_ms"] = pick.choice((1e-9, 0.001, 1, 1000, 0, -1, 1e300, "1", 1e9))
        return Case(self.post(json.dumps(asked)), [FINE | REFUSED])

    def make_deep(self, pick):
        depth = pick.choice((17, 100, 2000, 20000))
        opening, closing = pick.choice((("[", "]"), ('{"a":', "}")))
        text = opening * depth + "1" + (closing * depth if pick.random() < 0.5 else "")
        return Case(self.post(text[:self.options.max_body]), [REFUSED])

    def make_many_values(self, pick):
        text = pick.choice(("[" + "0," * 20000 + "0]", '{"inputs":[' + "{}," * 9000 + "{}]}",
                            "{" + ",".join(f'"k{i}":{i}' for i in range(4000)) + "}"))
        return Case(self.post(text[:self.options.max_body]), [REFUSED])

    def make_features(self, pick):
        text = pick.choice((
            '{"node_ids":[%d]}' % self.node(pick), '{"node_ids":%s}' % self.odd(pick), "{}", "[]",
            '{"node_ids":[-1]}', '{"node_ids":[0],"parameters":%s}' % self.odd(pick),
            '{"node_ids":[0],"parameters":{"binary_data_output":%s}}' % self.odd(pick),
            '{"node_ids":[%s]}' % self.odd(pick)))
        return Case(self.post(text, "/v1/features"), [FINE | REFUSED])

    # ---- binary tensors ----

    def make_binary(self, pick):
        n = pick.randint(1, 8)
        nodes = [self.node(pick) for _ in range(n)]
        tail = struct.pack(f"<{n}q", *nodes)
        tensor = {"name": "node_ids", "shape": [n], "datatype": "INT64",
                  "parameters": {"binary_data_size": len(tail)}}
        fault = pick.choice(("size", "short", "long", "type", "negative", "both", "none", "header"))
        if fault == "size":
            tensor["parameters"]["binary_data_size"] = pick.choice(
                (0, 1, len(tail) - 1, len(tail) + 8, -8, 1 << 32, 1 << 63, (1 << 64) - 8, 1.5, "8"))
        elif fault == "short":
            tail = tail[:pick.randrange(len(tail))]
        elif fault == "long":
            tail += bytes(pick.randint(1, 64))
        elif fault == "type":
            tensor["datatype"] = pick.choice(("INT32", "FP32", "BYTES", "BOOL", "INT128", "", "UINT8"))
        elif fault == "negative":
            tail = struct.pack("<q", pick.choice((-1, -(1 << 63), self.oracle.num_nodes, 1 << 40))) + tail[8:]
        elif fault == "both":
            tensor["data"] = nodes
        elif fault == "none":
            del tensor["parameters"]
        text = json.dumps({"inputs": [tensor]}).encode()
        size = str(len(text))
        if fault == "header":
            size = pick.choice(("0", "-1", str(len(text) + len(tail) + 1), str(len(text) - 1), "abc", "",
                                str(1 << 63), str(1 << 64), "99999999999999999999999", " 1 2", "0x20", "1e2"))
        headers = [] if fault == "header" and pick.random() < 0.2 else \
            [("Inference-Header-Content-Length", size)]
        return Case(self.post(text + tail, headers=headers), [REFUSED])

    def make_binary_noise(self, pick):
        text = json.dumps({"inputs": [{"name": "node_ids", "shape": [4], "datatype": "INT64",
                                       "parameters": {"binary_data_size": 32}}]}).encode()
        tail = bytes(pick.randrange(256) for _ in range(32))
        return Case(self.post(text + tail, headers=[("Inference-Header-Content-Length", len(text))]),
                    [REFUSED])

    # ---- HTTP ----

    def make_paths(self, pick):
        path = pick.choice((
            "/", "/v2/", "/v2/models", "/v2/models/", f"/v2/models/{self.model}/versions/0/infer",
            f"/v2/models/{self.model}/versions/18446744073709551617/infer", "/v2/models/none/infer",
            f"/v2/models/{self.model}/versions/-1", f"/v2/models/{self.model}/infer/", "/v1", "//", "/..",
            "/v2/%00", "/%2e%2e/%2e%2e/etc/passwd", "/v2/models/%ff/infer", "/%", "/%4", "/%zz",
            "/v2/models/" + "a" * 2000 + "/infer", "/v2/repository/models/none/load", "*", "/v2?x=%00",
            f"/v2/repository/models/{self.model}/unload", "/v2/health/live/x", "/metrics/../metrics",
            f"/v2/models/{self.model}%2finfer", f"/v2/models/{self.model}/versions/x/ready"))
        method = pick.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
        return Case(serve.request(method, path, b"{}" if method in ("POST", "PUT") else b""),
                    [{200} | REFUSED])

    def make_wrong_method(self, pick):
        method, path = pick.choice((
            ("GET", self.path), ("PUT", self.path), ("DELETE", "/metrics"), ("POST", "/v2/health/live"),
            ("POST", "/metrics"), ("PUT", "/v2"), ("DELETE", f"/v2/models/{self.model}"),
            ("GET", "/v1/features"), ("GET", f"/v2/repository/models/{self.model}/load"),
            ("OPTIONS", self.path)))
        return Case(serve.request(method, path), [{405}])

    def make_headers(self, pick):
        body = json.dumps(self.asked(pick)).encode()
        extra = pick.choice((
            [("X-Long", "y" * pick.choice((4000, 40000, 200000)))],
            [(f"X-{i}", "1") for i in range(pick.choice((50, 500, 3000)))],
            [("Content-Type", "\xff\xfe")], [("Content-Type", "text/" + "x" * 3000)],
            [("Authorization", "Bearer " + "z" * 3000)], [("Authorization", "Basic \x01")],
            [("Accept-Encoding", "gzip;q=NaN")], [("Connection", "upgrade"), ("Upgrade", "h2c")],
            [("Expect", "a-miracle")], [("Range", "bytes=0-,5-3")], [("Cookie", "=" * 500)],
            [("X Y", "space")], [("X\x00", "nul")], [(":", ":")], [("Host", "second")],
            [("Connection", "close, keep-alive, close")], [("Inference-Header-Content-Length", "x")]))
        return Case(self.post(body, headers=extra), [FINE | REFUSED], framed=False, ending="half")

    def make_expect_continue(self, pick):
        data, check = self.good(pick)
        head, body = data.split(b"\r\n\r\n", 1)
        return Case(head + b"\r\nExpect: 100-continue\r\n\r\n" + body, [FINE], checks=[check],
                    pieces=[len(head) + 27])

    def make_bad_length(self, pick):
        body = json.dumps(self.asked(pick)).encode()
        lines = pick.choice((
            "Content-Length: -1", "Content-Length: abc", "Content-Length: 99999999999999999999999",
            "Content-Length: 18446744073709551615", "Content-Length: 9223372036854775808",
            f"Content-Length: {len(body)}\r\nContent-Length: {len(body) + 5}", "Content-Length: 1 2",
            f"Content-Length: {len(body)}, {len(body)}", "Content-Length:", "Content-Length: +5",
            "Content-Length: 0x10", f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, gzip", "X: y"))
        head = f"POST {self.path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode()
        return Case(head + body, [FINE | REFUSED, FINE | REFUSED], framed=False,
                    ending=self.ending(pick))

    def make_chunks(self, pick):
        body = json.dumps(self.asked(pick)).encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        at = pick.randrange(1, len(body))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:at], body[at:]))
        if pick.random() < 0.4:
            return Case(head + chunks + b"0\r\n\r\n", [FINE])
        chunks = pick.choice((
            chunks, b"-1\r\n", b"fffffffffffffffff\r\n", b"ffffffffffffffff\r\nx", b"g\r\n", b"\r\n\r\n",
            b"5\r\nabc\r\n0\r\n\r\n", b"1;" + b"e" * 50000, b"0\r\n" + b"T: x\r\n" * 5000 + b"\r\n",
            b"7fffffff\r\n" + b"x" * 1000, b"00000000000000000000000001\r\nx\r\n0\r\n\r\n",
            b"".join(b"1\r\n \r\n" for _ in range(3000))))
        return Case(head + chunks, [FINE | REFUSED] * 4, framed=False,
                    ending=self.ending(pick))

    def make_oversized(self, pick):
        size = self.options.max_body + pick.choice((1, 100, 1 << 20, 1 << 40))
        head = f"POST {self.path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode()
        return Case(head + b" " * min(size, pick.choice((0, 1000, self.options.max_body + 100))),
                    [REFUSED], framed=False, ending="half")

    def make_oversized_chunks(self, pick):
        head = f"POST {self.path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
        return Case(head + chunk * (self.options.max_body // 4096 + 3) + b"0\r\n\r\n", [REFUSED],
                    framed=False, ending="half")

    def make_truncated(self, pick):
        data, _ = self.good(pick)
        return Case(data[:pick.randrange(1, len(data))], [REFUSED], framed=False,
                    ending=self.ending(pick))

    def make_vanishing(self, pick):
        data, _ = self.good(pick)
        return Case(data * pick.randint(1, 3), [FINE] * 3, framed=False,
                    ending=pick.choice(("close", "reset")))

    def make_request_lines(self, pick):
        line = pick.choice((
            b"", b" ", b"GET", b"GET /", b"GET / HTTP/9.9", b"GET / HTTP/1", b"get / http/1.1", b"G@T / HTTP/1.1",
            b"PRI * HTTP/2.0", b"GET  /  HTTP/1.1", b"GET http://a/metrics HTTP/1.1", b"CONNECT a:1 HTTP/1.1",
            b"TRACE / HTTP/1.1", b"GET /" + b"a" * pick.choice((5000, 60000, 300000)) + b" HTTP/1.1",
            b"A" * pick.choice((100, 5000, 100000)), b"GET /\x00 HTTP/1.1", b"GET /\xff\xfe HTTP/1.1",
            b"GET\t/\tHTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\rX: y",
            b"GET / HTTP/1.0", b"POST / HTTP/1.0"))
        rest = pick.choice((b"\r\n\r\n", b"\n\n", b"\r\n", b"\r\nHost: a\r\n\r\n", b"\r\nHost: a\r\n folded\r\n\r\n"))
        return Case(line + rest, [{200, 404} | REFUSED], framed=False, ending=self.ending(pick))

    def make_noise(self, pick):
        data = bytes(pick.randrange(256) for _ in range(pick.randint(1, 2000)))
        return Case(data, [REFUSED] * 8, framed=False, ending=self.ending(pick))

    # ---- pipelines ----

    def make_pipeline(self, pick):
        parts = [self.good(pick, f"p{i}") for i in range(pick.randint(2, 10))]
        return Case(b"".join(data for data, _ in parts), [FINE] * len(parts),
                    checks=[check for _, check in parts])

    def make_pipeline_with_errors(self, pick):
        data, allowed, checks = b"", [], []
        for i in range(pick.randint(2, 8)):
            if pick.random() < 0.5:
                part, check = self.good(pick, f"p{i}")
                data, allowed, checks = data + part, allowed + [FINE], checks + [check]
            else:
                data += self.post(pick.choice(("{", "[]", "{}", "x" * 100)))
                allowed, checks = allowed + [REFUSED], checks + [None]
        return Case(data, allowed, checks=checks)

    def make_pipelined_garbage(self, pick):
        parts = [self.good(pick, f"p{i}") for i in range(pick.randint(1, 4))]
        noise = bytes(pick.randrange(256) for _ in range(pick.randint(1, 300)))
        return Case(b"".join(data for data, _ in parts) + noise, [FINE] * len(parts) + [REFUSED] * 4,
                    framed=False, checks=[check for _, check in parts] + [None] * 4,
                    ending=self.ending(pick))


class Fault(Exception):
    pass


def send(connection, case):
    if not case.pieces:
        connection.send(case.data)
        return
    at = 0
    for size in case.pieces + [len(case.data)]:
        if case.data[at:at + size]:
            connection.send(case.data[at:at + size])
            time.sleep(0.001)
        at += size


def is_from_library(reply):
    """libmicrohttpd has a 500 of its own for framing that overflows its buffer, in HTML."""
    return reply.status == 500 and reply.body.startswith(b"<html>")


def check_answer(fuzzer, case, i, reply):
    if not case.framed and is_from_library(reply):
        return
    if reply.status not in case.allowed[i]:
        raise Fault(f"answer {i} has status {reply.status}: {reply.body[:300]!r}")
    if reply.status >= 400 and case.framed:
        try:
            if not isinstance(json.loads(reply.body)["error"], str):
                raise ValueError("error is no text")
        except (ValueError, KeyError, TypeError) as error:
            raise Fault(f"answer {i}, status {reply.status}, is no {{\"error\": ...}}: {error}: "
                        f"{reply.body[:300]!r}") from None
    if reply.status == 405 and case.framed and "allow" not in reply.headers:
        raise Fault(f"answer {i} of status 405 has no Allow")
    if reply.status == 200 and case.checks[i]:
        wrong = fuzzer.oracle.check(*case.checks[i][:2], reply, case.checks[i][2])
        if wrong:
            raise Fault(f"answer {i} is wrong: {wrong}")


def run_case(fuzzer, connection, case, show=False):
    """Send a case and check what comes; leaves the connection open where another may follow."""
    answers = 0
    try:
        send(connection, case)
        if case.ending in ("close", "reset"):
            connection.close(case.ending == "reset")
            return 0
        if case.ending == "glance":
            connection.socket.settimeout(0.05)
        if case.ending == "half":
            connection.socket.shutdown(socket.SHUT_WR)
        while answers < len(case.allowed):
            reply = connection.read()
            if show:
                print(f"-> {reply.status} {reply.headers} {reply.body[:400]!r}", file=sys.stderr)
            check_answer(fuzzer, case, answers, reply)
            answers += 1
            if connection.socket is None and answers < len(case.allowed):
                if case.framed:
                    raise Fault(f"closed behind answer {answers} of {len(case.allowed)}")
                break
    except socket.timeout:
        if case.ending == "glance":
            connection.close()
            return answers
        raise Fault(f"no answer {answers} in {connection.timeout} s") from None
    except serve.Garbled as error:
        raise Fault(f"answer {answers} is garbled: {error}") from None
    except (serve.Closed, OSError) as error:
        if case.framed:
            raise Fault(f"answer {answers} did not come: {error}") from None
    if not case.framed:
        connection.close()
    return answers


def check_health(fuzzer, pick):
    address = serve.address_of(fuzzer.options.url)
    if not serve.is_healthy(address):
        raise Fault("health says no")
    connection = serve.Connection(address)
    for _ in range(3):
        data, check = fuzzer.good(pick)
        wrong = fuzzer.oracle.check(check[0], check[1], connection.ask(data), check[2])
        if wrong:
            raise Fault(f"a known answer is wrong: {wrong}")
    connection.close()


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--logits", required=True)
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--group", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-nodes", type=int, default=1024)
    parser.add_argument("--max-body", type=int, default=8 << 20)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--only", type=int, help="send this request alone")
    parser.add_argument("--kind", help="send requests of this kind alone")
    return parser.parse_args()


def main():
    options = read_options()
    fuzzer = Fuzzer(options, serve.Oracle([options.logits], (), options.model))
    if options.kind:
        fuzzer.kinds = [getattr(fuzzer, f"make_{options.kind}")]
    connection = serve.Connection(serve.address_of(options.url), options.timeout)
    indices = range(options.requests) if options.only is None else [options.only]
    answers, kinds = 0, {}
    for index in indices:
        kind, case = fuzzer.case(index)
        kinds[kind] = kinds.get(kind, 0) + 1
        try:
            if options.only is not None:
                print(f"{kind}: {case.data[:2000]!r}", file=sys.stderr)
            if not case.framed:
                connection.close()
            answers += run_case(fuzzer, connection, case, options.only is not None)
            if index % options.group == options.group - 1:
                check_health(fuzzer, random.Random(index))
        except (Fault, serve.Closed, serve.Garbled, OSError) as error:
            print(f"seed {options.seed}, request {index} ({kind}): {error}\n  sent {case.data[:300]!r}",
                  file=sys.stderr)
            print(json.dumps({"requests": index, "answers": answers, "fault": str(error)[:300]}))
            return 1
    check_health(fuzzer, random.Random(0))
    print(json.dumps({"requests": len(indices), "answers": answers, "kinds": kinds, "fault": None}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
