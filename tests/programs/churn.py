"""Twenty threads that stay, and as many that come and go as there is time for."""

import threading
import time

end = time.time() + 2


def stays():
    while time.time() < end:
        time.sleep(0.01)


def goes():
    pass


staying = [threading.Thread(target=stays, name="stays %d" % number) for number in range(20)]
for thread in staying:
    thread.start()
while time.time() < end:
    going = [threading.Thread(target=goes) for _ in range(3)]
    for thread in going:
        thread.start()
    for thread in going:
        thread.join()
