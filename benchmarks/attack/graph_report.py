"""The attacks on the running graph as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attack.graph_attacks import ATTACKS, Attack

INTRODUCTION = """\
# Attacks on the running graph

Written by `python benchmarks/faults.py graph --report` from `faults_graph.json`, which has every attack with the
commands, revisions and machine.

The shipped skill `plug_insertion` inserts in `sim_arm` in real time, its actions sampled; every attack comes at a
random moment of a search, in a scenario of its own. An observer in a process of its own, which shares no code with the
supervisor, records the true joint positions, the true contact and what was published. *Detected* is from the attack to
the fault's first message by its own name; *target at rest* to the first stand of the target; *TCP at rest* to its
last speed over 1 cm/s, *all at rest* to that or to the last joint's over 0.05 rad/s. Times in ms: median / 99th
percentile / greatest. *Contact* is the greatest true contact force, mean of 10 ms. The limits are those shipped for
`sim`, but that faults which are only noted there end in `hold` here.
"""


def report(document: dict[str, Any]) -> str:
    """The page of all records in the document."""
    records = document["records"]
    lines = [
        INTRODUCTION,
        "| attack | n | by its name | detected | target at rest | TCP at rest | all at rest | contact | ends in |",
        "| --- | ---: | ---: | --- | --- | --- | --- | ---: | --- |",
    ]
    for attack in ATTACKS:
        found = [record for record in records if record["attack"] == attack.label]
        if found:
            lines.append(_row(attack, found))
    lines += ["", *_silence(records)]
    machine = document["provenance"]["machine"]
    lines += ["", f"Measured on {machine['cpu']}, {machine['cores']} cores, {document['provenance']['date'][:10]}.", ""]
    lines += [note + "\n" for note in document["provenance"].get("notes", ())]
    return "\n".join(lines)


def _silence(records: Sequence[dict[str, Any]]) -> list[str]:
    lines = [
        "Where the policy falls silent, from its last twist to the first stand of the target; its period is 50 ms:",
        "",
        "| attack | n | target at rest |",
        "| --- | ---: | --- |",
    ]
    for attack in (attack for attack in ATTACKS if attack.silent):
        found = [record["silent_s"] for record in records if record["attack"] == attack.label]
        if found:
            lines.append(f"| {attack.label} | {len(found)} | {_times(found)} |")
    return lines


def _row(attack: Attack, found: Sequence[dict[str, Any]]) -> str:
    detected = [record["detected_s"] for record in found]
    named = f"{sum(d is not None for d in detected)} of {len(found)}" if attack.fault else "-"
    states = {record["state"] for record in found}
    cells = [
        attack.label,
        str(len(found)),
        named,
        _times(detected) if attack.fault else "-",
        _times([record["target_rest_s"] for record in found]) if not attack.harmless else "-",
        _times([record["tcp_rest_s"] for record in found]) if not attack.harmless else "-",
        _times([record["rest_s"] for record in found]) if not attack.harmless else "-",
        f"{max(record['peak_contact_n'] for record in found):.1f} N",
        ", ".join(sorted(states)),
    ]
    return f"| {' | '.join(cells)} |"


def _times(seconds: Sequence[float | None]) -> str:
    known = np.array([1e3 * value for value in seconds if value is not None])
    if not len(known):
        return "never"
    missing = len(seconds) - len(known)
    shown = " / ".join(f"{value:.0f}" for value in (*np.percentile(known, [50, 99]), known.max()))
    return shown + (f" ({missing} never)" if missing else "")
