"""A plugin for pytest: a line of JSON for each phase of each test, in the file that CONFORMANCE_RESULTS names."""

import json
import os


def pytest_runtest_logreport(report):
    # Subtests report with a context of their own; the test itself reports as well.
    if getattr(report, "context", None) is not None:
        outcome = "failed" if report.failed else "passed"
        when = "subtest"
    else:
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        when = report.when
    with open(os.environ["CONFORMANCE_RESULTS"], "a", encoding="utf-8") as file:
        line = {"name": report.nodeid, "when": when, "outcome": outcome, "seconds": report.duration}
        file.write(json.dumps(line) + "\n")
