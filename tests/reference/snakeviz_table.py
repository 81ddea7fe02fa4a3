"""What snakeviz shows of a pstats dump: snakeviz_table.py FILE.

Three views of the same file: `rows` (its table, numbers already cut to four significant digits), `functions` (the JSON
behind the icicle and sunburst: exact numbers, children and callers), and `page`, the answer of its own web handler to a
browser's GET, because a dump can pass the first two and still give "500: Internal Server Error".
`functions` is what `snakeviz.stats.json_stats` keeps: a function that neither calls nor is called is thrown away as
"profiler cruft", so a profile of independent roots comes out empty.

Run by an interpreter that has snakeviz.
"""

import asyncio
import importlib.metadata
import pstats
import sys
import urllib.parse

import canon
import snakeviz.main
import snakeviz.stats
import tornado.httpclient
import tornado.httpserver
import tornado.testing

TIMEOUT = 60


def table(stats):
    """The table's rows; [calls shown, calls] and four formatted numbers, file:line(function) without and with folder."""
    names = ("self", "self_per_call", "total", "total_per_call")
    for calls, *numbers, shown, full in snakeviz.stats.table_rows(stats):
        row = {"calls_shown": calls[0], "calls": canon.number(calls[1]), "name": canon.text(full)}
        # A number becomes the bare integer 0 where snakeviz does not divide by zero (or negative) calls.
        row.update(zip(names, (value if isinstance(value, str) else str(value) for value in numbers)))
        row["name_escaped"] = canon.text(shown)
        yield row


def edges(neighbours):
    """Children or callers of one function: snakeviz passes the pstats tuple (calls, primitive calls, self, total) on."""
    rows = []
    for name, values in neighbours.items():
        row = dict(zip(("calls", "primitive_calls", "self", "total"), map(canon.number, values)))
        row["name"] = canon.text(name)
        rows.append(row)
    return sorted(rows, key=lambda row: row["name"])


def functions(stats):
    for name, entry in snakeviz.stats.json_stats(stats).items():
        row = dict(zip(("primitive_calls", "calls", "self", "total"), map(canon.number, entry["stats"])))
        row["name"] = canon.text(name)
        row["children"] = edges(entry["children"])
        row["callers"] = edges(entry["callers"])
        yield row


async def page(path):
    """GET the page from snakeviz's own handler over the loopback; its traceback goes to stderr by tornado's logger."""
    socket, port = tornado.testing.bind_unused_port()
    server = tornado.httpserver.HTTPServer(snakeviz.main.app)
    server.add_socket(socket)
    url = "http://127.0.0.1:%d/snakeviz/%s" % (port, urllib.parse.quote(path, safe=""))
    client = tornado.httpclient.AsyncHTTPClient()
    request = tornado.httpclient.HTTPRequest(url, request_timeout=TIMEOUT)
    try:
        response = await client.fetch(request, raise_error=False)
        return {"status": response.code, "bytes": len(response.body or b"")}
    finally:
        server.stop()


def main(arguments):
    if len(arguments) != 1:
        sys.exit("usage: snakeviz_table.py FILE")
    stats = pstats.Stats(arguments[0])
    by_name = {"key": lambda row: row["name"]}
    document = {
        "tool": {"name": "snakeviz", "version": importlib.metadata.version("snakeviz")},
        "rows": sorted(table(stats), **by_name),
        "functions": sorted(functions(stats), **by_name),
        "page": asyncio.run(page(arguments[0])),
    }
    canon.emit(document)
    if document["page"]["status"] != 200:
        sys.exit("snakeviz answers %d" % document["page"]["status"])


if __name__ == "__main__":
    main(sys.argv[1:])
