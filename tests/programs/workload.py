"""Work of many kinds in one thread, each step of which is the same in every run."""

import functools
import json
import re
import string


class Base:
    def __init__(self, value):
        self.value = value

    def total(self):
        return self.value

    @property
    def double(self):
        return self.value * 2

    @staticmethod
    def still(value):
        return value

    @classmethod
    def make(cls, value):
        return cls(value)


class Derived(Base):
    def __init__(self, value):
        super().__init__(value)
        self.parts = [part for part in range(value % 5)]

    def total(self):
        return super().total() + len(self.parts) + self.double

    def __len__(self):
        return len(self.parts)

    def __getattr__(self, name):
        if name == "lazy":
            return 1
        raise AttributeError(name)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


def fails(depth):
    if depth == 0:
        raise KeyError(depth)
    try:
        fails(depth - 1)
    finally:
        len("x")


def caught():
    for depth in range(20):
        try:
            fails(depth)
        except KeyError:
            pass
    try:
        [].pop()
    except IndexError:
        pass
    try:
        int("x")
    except ValueError:
        pass


@functools.lru_cache(maxsize=None)
def cached(n):
    return n if n < 2 else cached(n - 1) + cached(n - 2)


def decorate(function):
    @functools.wraps(function)
    def wrapper(*arguments, **keywords):
        return function(*arguments, **keywords)

    return wrapper


@decorate
def decorated(value, other=2):
    return max(value, other)


def default(value):
    return sorted(value)


def main():
    fib(15)
    even(40)
    caught()
    cached(50)
    things = [Derived.make(index) for index in range(200)]
    sum(map(lambda thing: thing.total(), things))
    sorted(things, key=lambda thing: (len(thing), thing.lazy))
    functools.reduce(lambda left, right: left + right.still(1), things, 0)
    for index in range(100):
        decorated(index, other=index + 1)
    text = json.dumps({"sets": [{3, 1, 2}] * 10, "more": [{"a": index} for index in range(50)]}, default=default)
    json.loads(text, object_hook=dict)
    re.sub("[aeiou]", lambda match: match.group().upper(), string.ascii_letters * 5)
    "".join(str(index) for index in range(30))
    exec("def made(): return 1\nfor _ in range(7): made()", {})


main()
