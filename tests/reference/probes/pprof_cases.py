"""pprof files, each the smallest that shows one point, written field by field with a small protobuf encoder of its own.

It shares nothing with our writer on purpose: a layout that is wrong here and there alike would cancel out.
"""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


class Strings:
    """The string table; index 0 is "". Bytes go in as they are."""

    def __init__(self):
        self.table = [b""]

    def __call__(self, text):
        raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        if raw not in self.table:
            self.table.append(raw)
        return self.table.index(raw)


def profile(types=(("time", "nanoseconds"),), samples=(((1, 2), (7,), ()),), names=("leaf", "root"), column=0, **head):
    """A profile of two functions: `samples` are (location ids leaf first, values, labels).

    A label is (key, string), (key, number, unit or None) or (key, string, number, unit).
    """
    s = Strings()
    out = b"".join(block(1, number(1, s(kind)) + number(2, s(unit))) for kind, unit in types)
    for stack, values, labels in samples:
        body = b"".join(number(1, location) for location in stack) + b"".join(number(2, value) for value in values)
        out += block(2, body + b"".join(block(3, label(s, *parts)) for parts in labels))
    for index, name in enumerate(names, 1):
        line = number(1, index) + number(2, 10 * index) + (number(3, column) if column else b"")
        out += block(4, number(1, index) + block(4, line))
        out += block(5, number(1, index) + number(2, s(name)) + number(4, s("m.py")) + number(5, index))
    out += block(13, b"".join(varint(s(comment)) for comment in head["comments"])) if "comments" in head else b""
    for field, key in ((14, "default_sample_type"), (15, "doc_url"), (7, "drop_frames"), (8, "keep_frames")):
        if key in head:
            out += number(field, s(head[key]))
    for field, key in ((9, "time_nanos"), (10, "duration_nanos"), (12, "period")):
        if key in head:
            out += number(field, head[key])
    return out + b"".join(block(6, text) for text in s.table)


def label(s, key, *value):
    out = number(1, s(key))
    if isinstance(value[0], (str, bytes)):
        out += number(2, s(value[0]))
        value = value[1:]
    if value:
        out += number(3, value[0])
        if value[1] is not None:
            out += number(4, s(value[1]))
    return out


def labelled(*labels):
    return profile(samples=(((1, 2), (7,), labels),))


TWO = (("samples", "count"), ("time", "nanoseconds"))
TWO_SAMPLES = (((1, 2), (3, 30), ()),)

CASES = {
    "plain": profile(),
    "label string": labelled(("thread", "main")),
    "label number": labelled(("pid", 42, None)),
    "label number 0": labelled(("pid", 0, None)),
    "label number 0 with unit": labelled(("pid", 0, "id")),
    "label number with unit": labelled(("size", 42, "bytes")),
    "label empty string": labelled(("thread", "")),
    "label string and number on one key": labelled(("id", "main"), ("id", 42, None)),
    "label string and number in one label": labelled(("id", "main", 42, None)),
    "label twice": labelled(("k", "a"), ("k", "b")),
    "label awkward text": labelled(("a:[b] c", "x:[y]\nz")),
    "label thread id above 2^53": labelled(("tid", 140737488355328001, None)),
    "comments": profile(comments=("first", "second\nline", "first")),
    "doc_url https": profile(doc_url="https://example.org/profile"),
    "doc_url not a web address": profile(doc_url="see the manual"),
    "column": profile(column=5),
    "default named": profile(types=TWO, samples=TWO_SAMPLES, default_sample_type="samples"),
    "default absent": profile(types=TWO, samples=TWO_SAMPLES),
    "default unknown": profile(types=TWO, samples=TWO_SAMPLES, default_sample_type="nonsense"),
    "types with one name": profile(types=(("time", "count"), ("time", "nanoseconds")), samples=TWO_SAMPLES),
    "unit microseconds": profile(types=(("time", "microseconds"),)),
    "unit μs": profile(types=(("time", "μs"),)),
    "unit empty": profile(types=(("weight", ""),)),
    "value above 2^53": profile(samples=(((1, 2), ((1 << 53) + 1,), ()),)),
    "negative value": profile(samples=(((1, 2), (-7,), ()), ((2,), (9,), ()))),
    "zero value": profile(samples=(((1, 2), (0,), ()), ((2,), (9,), ()))),
    "no samples": profile(samples=()),
    "empty stack": profile(samples=(((), (7,), ()),)),
    "recursion": profile(samples=(((1, 2, 1, 2), (7,), ()),)),
    "name not UTF-8": profile(names=(b"le\xffaf", "root")),
    "name with lone surrogate": profile(names=("le\udcffaf", "root")),
    "name with newline": profile(names=("le\naf", "root")),
    "empty name": profile(names=("", "root")),
    "one name twice": profile(names=("same", "same")),
    "drop_frames": profile(drop_frames="leaf"),
    "time and duration": profile(time_nanos=1_700_000_000_000_000_001, duration_nanos=1_500_000_001),
}
