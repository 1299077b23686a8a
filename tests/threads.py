"""Imported before anything that imports numpy or scikit-learn: one thread for each library of theirs.

Their threads wait for each other by spinning. On two cores that several processes share, tests of whole runs
burned more than twice the CPU time with two threads.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
