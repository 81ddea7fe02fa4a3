"""speedscope files that a writer might want to produce, each the smallest that shows one point."""

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def document(*profiles, names=("a", "b", "c"), **head):
    frames = [{"name": name} for name in names]
    return dict({"$schema": SCHEMA, "shared": {"frames": frames}, "profiles": list(profiles)}, **head)


def sampled(samples, weights, unit="nanoseconds", start=0, end=None, name="p"):
    end = start + sum(weights) if end is None else end
    bounds = {"unit": unit, "startValue": start, "endValue": end}
    return dict(bounds, type="sampled", name=name, samples=samples, weights=weights)


def evented(*events, unit="nanoseconds", start=0, end=None):
    """Events are (O or C, frame, at)."""
    rows = [{"type": kind, "frame": frame, "at": at} for kind, frame, at in events]
    end = (events[-1][2] if events else start) if end is None else end
    return {"type": "evented", "name": "p", "unit": unit, "startValue": start, "endValue": end, "events": rows}


EPOCH = 1_700_000_000_000_000_000

CASES = {
    "sampled, nanoseconds": document(sampled([[0], [0, 1], [0, 1, 2], []], [1, 2, 3, 4])),
    "sampled, seconds": document(sampled([[0], [0, 1], [0, 1, 2]], [1e-09, 0.1, 0.2], unit="seconds", end=0.300000001)),
    "sampled, equal neighbours": document(sampled([[0, 1], [0, 1]], [2, 3])),
    "sampled, recursion": document(sampled([[0, 0, 0], [0, 1, 0]], [5, 2])),
    "sampled, no samples": document(sampled([], [])),
    "sampled, empty stacks": document(sampled([[], []], [1, 2])),
    "sampled, zero weights": document(sampled([[0], [0, 1]], [0, 5])),
    "sampled, negative weight": document(sampled([[0], [0, 1]], [3, -1])),
    "sampled, endValue too small": document(sampled([[0]], [5], end=3)),
    "sampled, startValue 100": document(sampled([[0]], [5], start=100)),
    "sampled, more samples than weights": document(sampled([[0], [1]], [5])),
    "sampled, frame index past the end": document(sampled([[7]], [5])),
    "sampled, weight above 2^53": document(sampled([[0]], [(1 << 53) + 1])),
    "evented, nanoseconds": document(
        evented(("O", 0, 0), ("O", 1, 1), ("C", 1, 3), ("O", 1, 3), ("C", 1, 4), ("C", 0, 10))
    ),
    "evented, seconds, at decreases by 1 ulp": document(
        evented(("O", 0, 0), ("O", 1, 0.1), ("C", 1, 0.1 + 0.2), ("C", 0, 0.3), unit="seconds")
    ),
    "evented, nanoseconds since 1970": document(evented(("O", 0, EPOCH), ("C", 0, EPOCH + 100), start=EPOCH)),
    "evented, startValue 100": document(evented(("O", 0, 100), ("C", 0, 105), start=100)),
    "evented, gap": document(evented(("O", 0, 2), ("C", 0, 3), ("O", 1, 7), ("C", 1, 9), end=12)),
    "evented, zero-length frame": document(evented(("O", 0, 0), ("O", 1, 4), ("C", 1, 4), ("C", 0, 9))),
    "evented, zero-length profile": document(evented(("O", 0, 5), ("C", 0, 5), start=5)),
    "evented, no events": document(evented(end=7)),
    "evented, not closed": document(evented(("O", 0, 0), ("O", 1, 1), ("C", 1, 3), end=10)),
    "evented, closed out of order": document(evented(("O", 0, 0), ("O", 1, 1), ("C", 0, 3), ("C", 1, 4))),
    "lone surrogate and NUL in names": document(sampled([[0], [0, 1]], [1, 2]), names=("a\udcffb", "x\0y")),
    "two frames of one name": document(sampled([[0], [1]], [5, 6]), names=("a", "a")),
    "empty profile name": document(sampled([[0]], [5], name="")),
    "no profiles": document(),
    "activeProfileIndex null": document(sampled([[0]], [5]), activeProfileIndex=None),
    "activeProfileIndex past the end": document(sampled([[0]], [5]), activeProfileIndex=5),
    "empty profile first": document(sampled([], [], name="empty"), sampled([[0]], [3], name="full")),
}
