#!/usr/bin/env python3
"""Put two checkpoints in turns where `packrat serve` loads its model from, and have it loaded, by request and by
SIGHUP; between, files that are no checkpoint, which must be refused while the model that is there goes on.

    swap_models.py --url http://127.0.0.1:8080 --model sage --pid PID --path served.prc --from a.prc \\
        --from b.prc --swaps 50 --stop done

The server was started with a copy of the first. Answers are for check_answers.py to judge, beside this: version
v is file (v - 1) mod 2. The file --stop is made at the end, whatever came of it.
"""
import argparse
import json
import os
import random
import shutil
import signal
import sys
import time

import serve_client as serve


class Fault(Exception):
    pass


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", default="sage")
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--from", dest="sources", action="append", required=True)
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--stop", required=True)
    parser.add_argument("--patience", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def version(options):
    connection = serve.Connection(serve.address_of(options.url))
    said = connection.get(f"/v2/models/{options.model}").json()
    connection.close()
    return int(said["versions"][-1])


def load(options):
    """Ask for a load; give the status and what was said."""
    connection = serve.Connection(serve.address_of(options.url))
    reply = connection.ask(serve.request("POST", f"/v2/repository/models/{options.model}/load"))
    connection.close()
    return reply.status, reply.body


def put(options, source, bytes_kept=None):
    """Replace the checkpoint in one step, as a training run does."""
    beside = options.path + ".new"
    shutil.copyfile(source, beside)
    if bytes_kept is not None:
        os.truncate(beside, bytes_kept)
    os.replace(beside, options.path)


def swap(options, i, pick):
    put(options, options.sources[i % len(options.sources)])
    if i % 5 == 4:
        os.kill(options.pid, signal.SIGHUP)
        ends = time.monotonic() + options.patience
        while version(options) != i + 1:
            if time.monotonic() > ends:
                raise Fault(f"swap {i}: version {version(options)} {options.patience:g} s after SIGHUP")
            time.sleep(0.01)
    else:
        status, body = load(options)
        if status != 200:
            raise Fault(f"swap {i}: status {status}: {body[:300]!r}")
        if version(options) != i + 1:
            raise Fault(f"swap {i}: version {version(options)} instead of {i + 1}")
    if i % 7 == 3:
        refuse(options, i, pick)


def refuse(options, i, pick):
    """A checkpoint that is cut, empty or not there: said, and the model stays."""
    way = pick.choice(("cut", "empty", "none"))
    if way == "none":
        os.remove(options.path)
    else:
        size = os.path.getsize(options.path)
        put(options, options.path, 0 if way == "empty" else pick.randrange(1, size))
    status, body = load(options)
    if status < 400 or not isinstance(json.loads(body).get("error"), str):
        raise Fault(f"behind swap {i}: a checkpoint ({way}) gives status {status}: {body[:300]!r}")
    if version(options) != i + 1:
        raise Fault(f"behind swap {i}: version {version(options)} after a refused load")
    if not serve.is_healthy(serve.address_of(options.url)):
        raise Fault(f"behind swap {i}: not healthy after a refused load")


def main():
    options = read_options()
    pick = random.Random(options.seed)
    fault, done = None, 0
    try:
        for i in range(1, options.swaps + 1):
            swap(options, i, pick)
            done = i
    except (Fault, serve.Closed, serve.Garbled, OSError, ValueError, KeyError) as error:
        fault = f"{type(error).__name__}: {error}"
    open(options.stop, "w").close()
    if fault:
        print(fault, file=sys.stderr)
    print(json.dumps({"swaps": done, "fault": fault}))
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
