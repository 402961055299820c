import signal
import socket

from carcinomap.cluster.waking import interruptible


def test_what_an_interrupted_task_left_does_not_fail_the_next():
    left, other = socket.socketpair()
    left.setblocking(False)
    signal.set_wakeup_fd(left.fileno())
    left.setblocking(True)  # as another file of the same number may be
    with left, other, interruptible():
        pass
    assert signal.set_wakeup_fd(-1) == -1
