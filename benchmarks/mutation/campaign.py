"""The verdicts on the mutants of a project: made one by one, kept in a file, and not made again while they stand."""

from __future__ import annotations

import json
import queue
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from provenance import provenance
from tqdm import tqdm

from maxent_robot.learning.run_directory import write_json
from mutation.excuses import Excuse, excused
from mutation.mutants import Mutant
from mutation.sandbox import TIMEOUT, Outcome, Project, Sandbox, TestCase

PATIENCE, GRACE_S = 3.0, 60.0
"""A mutant hangs when its tests take so many times as long as without it, and so much longer."""

Record = dict[str, Any]


class Campaign:
    """All mutants of a project, and the verdicts that there are in its file.

    A kill stands as long as the mutated file and that of the test which made it are the same, and any other verdict as
    long as all tests are. After a change of what they use besides, remove the file of the verdicts.

    Raises:
        MutationError: an excuse fits no mutant.
    """

    def __init__(self, project: Project, path: Path, excuses: Sequence[Excuse], command: Sequence[str]) -> None:
        self._project, self._path, self._command = project, path, command
        self.mutants = project.mutants()
        self._excused = excused(self.mutants, excuses)
        self._digests = {"": project.tests_digest(), **{test: project.tests_digest(test) for test in project.tests}}
        document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"verdicts": []}
        known = {record["key"].partition("-")[0]: record for record in document["verdicts"]}
        self._records: dict[str, Record] = {
            mutant.digest: known[mutant.digest]
            for mutant in self.mutants
            if mutant.digest in known
            and known[mutant.digest]["key"] == self._key(mutant, known[mutant.digest]["killed_by"])
        }
        self._provenance = document.get("provenance")
        self._killers: dict[tuple[str, ...], str] = {}
        """The test that killed a mutant last, by what was changed, and by file and function: a likely killer again."""
        for record in document["verdicts"]:
            file = record["mutant"].partition(":")[0]
            self._remember(file, record["in"], record["change"], record["killed_by"])

    def records(self) -> list[Record]:
        """What is known, in the order of the mutants, with the excuses."""
        known = [(mutant, self._records.get(mutant.digest)) for mutant in self.mutants]
        return [self._record(mutant, record) for mutant, record in known if record is not None]

    def run(self, mutants: Sequence[Mutant], jobs: int) -> None:
        """Judge the mutants that have no verdict, `jobs` at a time.

        Raises:
            MutationError: the tests fail without a mutant.
        """
        missing = [mutant for mutant in mutants if mutant.digest not in self._records]
        if not missing:
            return
        with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
            sandboxes = [Sandbox(self._project, Path(scratch) / str(n)) for n in range(min(jobs, len(missing)))]
            tests = sorted(sandboxes[0].measure(), key=lambda test: test.seconds)
            tqdm.write(f"without a mutant all {len(tests)} tests pass", sys.stderr)
            self._provenance = provenance(self._command)
            with tqdm(total=len(missing), unit="mutant", disable=None) as progress:
                for mutant, outcome in self._outcomes(missing, sandboxes, tests):
                    self._records[mutant.digest] = {"killed_by": outcome.killed_by, "seconds": outcome.seconds}
                    self._remember(mutant.file, mutant.function, mutant.change, outcome.killed_by)
                    self.save()
                    progress.update()
                    if not outcome.killed_by and mutant.digest not in self._excused:
                        tqdm.write(f"survived: {mutant.title}", sys.stderr)

    def problems(self, mutants: Sequence[Mutant]) -> list[str]:
        """What speaks against the claim, a line each: survivors, and excuses of mutants that are killed."""
        found = []
        for mutant in mutants:
            killed_by, reason = self._records[mutant.digest]["killed_by"], self._excused.get(mutant.digest)
            if not killed_by and reason is None:
                found.append(f"survived: {mutant.title}")
            elif killed_by and reason is not None:
                found.append(f"excused, yet killed by {killed_by}: {mutant.title}")
        return found

    def _remember(self, file: str, function: str, change: str, killed_by: str) -> None:
        if "::" in killed_by:
            self._killers[file, function] = self._killers[file, function, change] = killed_by

    def _likely_killer(self, mutant: Mutant) -> str | None:
        place = mutant.file, mutant.function
        return self._killers.get((*place, mutant.change)) or self._killers.get(place)

    def _outcomes(
        self, mutants: Sequence[Mutant], sandboxes: Sequence[Sandbox], tests: Sequence[TestCase]
    ) -> Iterator[tuple[Mutant, Outcome]]:
        free: queue.Queue[Sandbox] = queue.Queue()
        for sandbox in sandboxes:
            free.put(sandbox)

        def judge(mutant: Mutant) -> Outcome:
            last = self._likely_killer(mutant)
            able = sorted((test for test in tests if test.may_kill(mutant)), key=lambda test: test.name != last)
            groups = [group for draws in (False, True) if (group := [test for test in able if test.draws is draws])]
            groups.sort(key=lambda group: group[0].name != last)
            timeout_s = PATIENCE * sum(test.seconds for test in able) + GRACE_S
            sandbox = free.get()
            try:
                return sandbox.test(mutant, [[test.name for test in group] for group in groups], timeout_s)
            finally:
                free.put(sandbox)

        with ThreadPoolExecutor(len(sandboxes)) as executor:
            futures = {executor.submit(judge, mutant): mutant for mutant in mutants}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                for sandbox in sandboxes:
                    sandbox.stop()
                raise

    def save(self) -> None:
        """Write what is known."""
        records = self.records()
        counts = Counter(record["verdict"] for record in records)
        document = {
            "mutants": len(self.mutants),
            **{verdict: counts[verdict] for verdict in ("killed", "excused", "survived")},
            "timeouts": sum(record["killed_by"] == TIMEOUT for record in records),
            "seconds": round(sum(record["seconds"] for record in records)),
            "provenance": self._provenance,
            "verdicts": records,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, document)

    def _key(self, mutant: Mutant, killed_by: str) -> str:
        """Digests of the mutant and of the tests that the verdict depends on."""
        file = killed_by.partition("::")[0]
        return f"{mutant.digest}-{self._digests.get(file, self._digests[''])}"

    def _record(self, mutant: Mutant, known: Record) -> Record:
        reason = self._excused.get(mutant.digest)
        verdict = "killed" if known["killed_by"] else "survived" if reason is None else "excused"
        return {
            "mutant": mutant.name,
            "in": mutant.function,
            "change": mutant.change,
            "verdict": verdict,
            "killed_by": known["killed_by"],
            "excuse": reason,
            "seconds": known["seconds"],
            "key": self._key(mutant, known["killed_by"]),
        }
