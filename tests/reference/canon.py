"""The one JSON dialect that every reference reader prints.

A document is one line of ASCII JSON with sorted keys. JSON parsers other than Python's refuse lone surrogates, and a
Python 2 name need not be UTF-8 at all, so a string that is not valid Unicode is printed as `bytes:` + the hex of its
bytes (surrogates as three bytes, Python's "surrogatepass"), and a key that is no string as `object:<type> <name>`. A
real name that begins with one of the two prefixes is printed in hex as well, so decoding is never ambiguous.
Non-finite floats are the strings "NaN", "Infinity" and "-Infinity"; finite ones have Python's shortest exact form.

Runs unchanged under CPython 2.7 and 3.6 to 3.15.
"""

from __future__ import print_function

import binascii
import json
import math
import re
import sys

PREFIXES = ("bytes:", "object:")
# Spelled so that a formatter cannot drop a `u` that Python 2 needs: its `unicode` beside its `str`.
STRING_TYPES = (bytes, type(b"".decode()))
INTEGER_TYPES = (int,) if sys.version_info[0] > 2 else (int, long)  # noqa: F821
# In valid UTF-8 the byte ED is never followed by A0..BF. Python 2's own decoder lets such surrogates through.
SURROGATE = re.compile(b"\xed[\xa0-\xbf]")


def text(value):
    """The canonical form of a function, file or label name (see the head of this file)."""
    if not isinstance(value, STRING_TYPES):
        name = getattr(value, "co_name", None)
        return "object:" + type(value).__name__ + ("" if name is None else " " + text(name))
    raw = value
    if not isinstance(raw, bytes):
        raw = raw.encode("utf-8") if sys.version_info[0] == 2 else raw.encode("utf-8", "surrogatepass")
    try:
        decoded = raw.decode("utf-8")
    except UnicodeDecodeError:
        decoded = None
    if decoded is None or decoded.startswith(PREFIXES) or SURROGATE.search(raw):
        return "bytes:" + binascii.hexlify(raw).decode("ascii")
    return decoded


def number(value):
    """A JSON number of the same type and value; JSON has no NaN and no infinity, so those become strings."""
    if isinstance(value, bool) or isinstance(value, INTEGER_TYPES):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    raise TypeError("not a number: %r" % (value,))


def location(key):
    """A pstats key as {file, line, name}; a key of another shape (Python 3.15's sampler has one) as {key: its repr}."""
    if not (isinstance(key, tuple) and len(key) == 3):
        return {"key": text(repr(key))}
    return {"file": text(key[0]), "line": number(key[1]), "name": text(key[2])}


def order(row):
    """Sort key of rows that carry `location`'s fields."""
    return (row.get("file", ""), row.get("line", 0), row.get("name", ""), row.get("key", ""))


def emit(document):
    """Print the document on stdout."""
    sys.stdout.write(json.dumps(document, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":")))
    sys.stdout.write("\n")
    sys.stdout.flush()
