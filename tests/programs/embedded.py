"""A module that a program in C imports."""


def work():
    pass


for _ in range(500):
    work()
