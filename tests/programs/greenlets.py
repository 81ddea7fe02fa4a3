"""Two greenlets that switch, under each other's feet."""

import greenlet


def leaf():
    pass


def work(count):
    for _ in range(count):
        leaf()
        main.switch()


def drive():
    first, second = greenlet.greenlet(work), greenlet.greenlet(work)
    for number in range(4):
        first.switch(*[5] * (number == 0))
        second.switch(*[7] * (number == 0))
    # These two never end.


main = greenlet.getcurrent()
drive()
