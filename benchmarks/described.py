"""Questions drawn from the service's own description, right ones and wrong ones.

Schemathesis reads ``/openapi.json`` of a running service and draws requests from it.
Every answer must be as described, come soon, and be no fault of the service's own; no
error and no line of the log may repeat what was sent.
"""

import json
import time
import urllib.request
from collections import Counter
from contextlib import suppress

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.generation import GenerationMode

SLOWEST = 2.0  # seconds for one answer
FEWEST = 8  # different characters: other texts stand in any message by chance
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    REJECTED := checks.negative_data_rejection,
]


class Described:
    """What was asked and what came back: statuses, faults, texts that were sent."""

    def __init__(self, base):
        self.base = base
        with urllib.request.urlopen(f"{base}/openapi.json", timeout=30) as answer:
            self.text = answer.read().decode()
        self.statuses, self.faults = Counter(), Counter()
        self.sent: set[str] = set()
        self.slowest = 0.0
        self._session = requests.Session()

    def ask(self, times, *, again=0):
        """Send as many requests, most to the routes that read something."""
        schema = schemathesis.openapi.from_dict(json.loads(self.text))
        operations = [found.ok() for found in schema.get_all_operations()]
        reading = [o for o in operations if o.body or o.path_parameters or o.query]
        for operation in operations:
            if operation not in reading:
                self._draw(operation, GenerationMode.POSITIVE, 1, again)
        for left in range(2 * len(reading), 0, -1):
            operation = reading[(left - 1) // 2]
            mode = list(GenerationMode)[left % 2]
            most = max(1, (times - self.statuses.total()) // left)
            self._draw(operation, mode, most, again)

    def _draw(self, operation, mode, times, again):
        @seed(again)
        @settings(
            max_examples=times,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def one(case):
            self._ask_one(case)

        with suppress(Unsatisfiable):  # any text is an id: none can be wrong
            one()

    def _ask_one(self, case):
        began = time.perf_counter()
        answer = case.call(base_url=self.base, session=self._session, timeout=30)
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.statuses[answer.status_code] += 1
        texts = {t for t in texts_of(case) if len(set(t)) >= FEWEST}
        texts = {t for t in texts if t not in self.text}
        if answer.status_code >= 400 and any(t in answer.text for t in texts):
            self._fault(case, "repeats what was sent")
        if len(self.sent) < 5000:
            self.sent |= texts
        # a wrong account among right ones is refused in its place, not the request
        alone = answer.status_code == 200 and '"status":"refused"' in answer.text
        wanted = [c for c in CHECKS if not (alone and c is REJECTED)]
        try:
            case.validate_response(answer, checks=wanted)
        except FailureGroup as group:
            for failure in group.exceptions:
                self._fault(case, f"{answer.status_code} {failure.title}")
        except Failure as failure:
            self._fault(case, f"{answer.status_code} {failure.title}")

    def _fault(self, case, what):
        self.faults[f"{case.method} {case.operation.path}: {what}"] += 1


def texts_of(case):
    """Give every text that a request holds, names of fields included."""
    left, found = [case.path_parameters, case.query, case.body], []
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
    return found
