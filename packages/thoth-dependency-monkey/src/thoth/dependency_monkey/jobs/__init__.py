"""Jobs: the queue, the executors that start validators, recovery, retention."""
