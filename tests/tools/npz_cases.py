"""npz_cases.py: archives that packrat weights must read, and ones that it must refuse.

    npz_cases.py GOOD.npz DIRECTORY

Makes them of a .npz that packrat wrote of a SAGE model. Prints, a line for each, its name, "reads" or
"refuses", and a regular expression for what standard error says.
"""
import io
import os
import struct
import sys
import warnings
import zipfile

import numpy

good_path, directory = sys.argv[1:]
good = dict(numpy.load(good_path))
first = "convs.0.lin_l.weight"
bias = "convs.0.lin_l.bias"


def path(name):
    return os.path.join(directory, name + ".npz")


def reads(name):
    print(f"{name}|reads|")


def refuses(name, pattern):
    print(f"{name}|refuses|{pattern}")


def changed(name, pattern, **members):
    """The good arrays with some others; None takes one away."""
    arrays = {**good, **{k.replace("__", "."): v for k, v in members.items()}}
    numpy.savez(path(name), **{k: v for k, v in arrays.items() if v is not None})
    refuses(name, pattern) if pattern else reads(name)


def npy(array):
    file = io.BytesIO()
    numpy.save(file, array)
    return file.getvalue()


def archive(name, pattern, replace=None, add=(), method=zipfile.ZIP_STORED):
    """The good arrays as raw members, some replaced, some added."""
    with zipfile.ZipFile(path(name), "w", method) as out:
        for key, array in good.items():
            out.writestr(key + ".npy", (replace or {}).get(key, npy(array)))
        for key, data in add:
            out.writestr(key, data)
    refuses(name, pattern) if pattern else reads(name)


def patched(name, pattern, change):
    """The good archive with some bytes changed."""
    with open(good_path, "rb") as file:
        data = change(bytearray(file.read()))
    with open(path(name), "wb") as file:
        file.write(data)
    refuses(name, pattern)


def all_as(convert):
    return {k.replace(".", "__"): convert(v) for k, v in good.items()}


# What numpy writes, in all its ways.
changed("stored", "")
numpy.savez_compressed(path("deflated"), **good)
reads("deflated")
changed("fortran", "", **all_as(numpy.asfortranarray))
changed("transposed_view", "", **all_as(lambda v: numpy.ascontiguousarray(v.T).T))
changed("f64", "", **all_as(lambda v: v.astype("f8")))
changed("f16", "", **all_as(lambda v: v.astype("f2")))
numpy.savez(path("other_order"), **dict(reversed(good.items())))
reads("other_order")
limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 10
archive("zip64", "")
zipfile.ZIP64_LIMIT = limit

# Members that do not fit.
changed("missing", rf"lacks the member {first}.npy of shape \(8, 16\)", **{first: None})
changed("extra", r"has the member convs.2.lin.weight.npy, which a sage model of 2 layers",
        convs__2__lin__weight=numpy.zeros(3, "f4"))
changed("shape", rf"member {first}.npy: has shape \(16, 8\), must have \(8, 16\)",
        **{first: good[first].T.copy()})
changed("flat", rf"member {first}.npy: has shape \(128,\), must have \(8, 16\)",
        **{first: good[first].ravel()})
changed("cube", rf"member {bias}.npy: has shape \(1, 1, 8\), must have \(8,\)",
        **{bias: good[bias].reshape(1, 1, 8)})
changed("four", rf"member {bias}.npy: .*more than 3 dimensions",
        **{bias: good[bias].reshape(1, 1, 1, 8)})
changed("scalar", rf"member {bias}.npy: has shape \(\), must have \(8,\)",
        **{bias: numpy.float32(1)})
changed("whole", rf"member {bias}.npy: .*type <i4; <f4, <f8 and <f2 are read",
        **{bias: good[bias].astype("i4")})
changed("complex", rf"member {bias}.npy: .*type '<c8'", **{bias: good[bias].astype("c8")})
changed("big_endian", rf"member {bias}.npy: .*big endian", **{bias: good[bias].astype(">f4")})
changed("object", rf"member {bias}.npy: .*type '\|O'", **{bias: good[bias].astype("O")})
for value, shown in ((numpy.nan, "-?nan"), (numpy.inf, "inf"), (-numpy.inf, "-inf")):
    array = good[first].copy()
    array[1, 2] = value
    changed("value_" + str(value), rf"member {first}.npy: element 18 .* is {shown} as f32",
            **{first: array})
wide = good[bias].astype("f8")
wide[3] = 1e39
changed("too_large", rf"member {bias}.npy: element 3 .* is inf as f32", **{bias: wide})

# Archives that lie, or are damaged.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    archive("twice", rf"has the member {bias}.npy twice", add=[(bias + ".npy", npy(good[bias]))])
archive("no_npy", "has the member 'README'", add=[("README", b"hello")])
archive("escapes", r"has the member '\?\[31m", add=[("\x1b[31mred", b"hello")])
archive("up", r"has the member \.\./\.\./up.npy, which", add=[("../../up.npy", npy(good[bias]))])
archive("long_name", "name of 300 bytes", add=[("x" * 296 + ".npy", b"")])
archive("bzip2", "packed by method 12; 0 .stored. and 8", method=zipfile.ZIP_BZIP2)
archive("lzma", "packed by method 14; 0 .stored. and 8", method=zipfile.ZIP_LZMA)
archive("no_array", rf"member {bias}.npy: is not a .npy file", replace={bias: b"not an array" * 9})
archive("nothing", rf"member {bias}.npy: has 0 bytes", replace={bias: b""})
archive("short", rf"member {bias}.npy: has 1(56|57|58|59) bytes, its header wants 160",
        replace={bias: npy(good[bias])[:-4]})
archive("long", rf"member {bias}.npy: has 164 bytes, its header wants 160",
        replace={bias: npy(good[bias]) + b"more"})
archive("bomb", rf"member {bias}.npy: has [0-9]+ bytes, its header wants 160",
        replace={bias: npy(good[bias]) + bytes(200_000_000)}, method=zipfile.ZIP_DEFLATED)
archive("bomb_of_shape", rf"member {bias}.npy: has shape \(50000000,\), must have \(8,\)",
        replace={bias: npy(numpy.zeros(50_000_000, "f4"))}, method=zipfile.ZIP_DEFLATED)
archive("header_bomb", rf"member {bias}.npy: its .npy header has [0-9]+ bytes, at most 65536",
        replace={bias: b"\x93NUMPY\x02\x00" + struct.pack("<I", 100_000_000) + b" " * 100_000_000},
        method=zipfile.ZIP_DEFLATED)
archive("many", "has 1506 members, at most 1024", add=[(f"{i}.npy", b"") for i in range(1500)])
with zipfile.ZipFile(path("empty"), "w"):
    pass
refuses("empty", "lacks the member convs.0.lin_")


def flip_last_element(data):
    at = data.index(good[first].tobytes())
    data[at] ^= 1
    return data


def declare_less(data):
    """The list says that the first member, which is stored, is shorter than its array."""
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<II", data, at + 20, *(n - 4 for n in struct.unpack_from("<II", data, at + 20)))
    return data


def declared(name, pattern, data):
    """The list says that a deflated member has the right size, but it has another."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for key, array in good.items():
            out.writestr(key + ".npy", data if key == bias else npy(array))
    packed = bytearray(file.getvalue())
    at = packed.rindex(b"PK\x01\x02", 0, packed.rindex((bias + ".npy").encode()))
    struct.pack_into("<I", packed, at + 24, 160)
    with open(path(name), "wb") as out:
        out.write(packed)
    refuses(name, pattern)


def encrypt(data):
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 8] |= 1
    return data


patched("checksum", rf"member {first}.npy: is damaged: CRC", flip_last_element)
patched("declared", r"member convs.0.lin_r.weight.npy: ", declare_less)
declared("lies_less", rf"member {bias}.npy: (is damaged|goes on)", npy(good[bias]) + bytes(50_000_000))
declared("lies_more", rf"member {bias}.npy: (is damaged|ends before)", npy(good[bias])[:-8])
patched("encrypted", "is encrypted; only plain ones are read", encrypt)
patched("half", "is no .npz that can be read", lambda data: data[:len(data) // 2])
patched("cut", "is no .npz that can be read|damaged", lambda data: data[:-30])
patched("no_zip", "is no .npz that can be read: Not a zip archive", lambda data: b"\x93NUMPY" * 50)
patched("no_bytes", "is no .npz that can be read|lacks", lambda data: b"")
