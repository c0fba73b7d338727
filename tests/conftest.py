"""Hypothesis profiles: the same examples in every run, so that a failure is a failure for everybody.

`HYPOTHESIS_PROFILE=search python -m pytest` looks for new ones, and takes longer.
"""

import os

from hypothesis import HealthCheck, settings

from tinygraph.derivatives import table

table.read_all()  # tests of every entry list the entries before any of them is asked for

settings.register_profile(
    "suite",
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.register_profile("search", settings.get_profile("suite"), max_examples=300, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
