"""Damaged input: counted, shown, and above a share a reason to stop (design.md section 4, guarantee 3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
from schemas.utterance_files import REPLACED, UTTERANCE_FILES
from spark_jobs.decide import Count
from spark_jobs.errors import GateError
from spark_jobs.ingest import OTHER_LANGUAGE
from spark_jobs.inputs import InputFile
from spark_jobs.plan import Plan
from spark_jobs.warehouse import read_table

BLANK = "empty"
"""A record without text is no damage; it is in quarantine to be accounted for."""


def ingest_ledger(
    files: Sequence[InputFile], documents: Mapping[tuple[str, str], Count], rejected: pa.Table
) -> list[dict[str, Any]]:
    """Ledger lines (without run, time and version) of the files just read: one group a file and language."""
    lost: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in rejected.select(["snapshot", "lang", "reason", "rows"]).to_pylist():
        lost[row["snapshot"], row["lang"]][row["reason"]] += row["rows"]
    lines = []
    for file in files:
        langs = {lang for snapshot, lang in [*documents, *lost] if snapshot == file.snapshot} or {
            file.lang or ""
        }
        for lang in sorted(langs):
            kept = documents.get((file.snapshot, lang), Count())
            reasons = lost.get((file.snapshot, lang), Counter())
            common = {
                "run_id": file.snapshot,
                "step": "ingest",
                "lang": lang,
                "source": file.source,
                "rows_in": kept.rows + reasons.total(),
                "rows_out": kept.rows,
            }
            lines.append(common | {"reason": "kept", "rows": kept.rows, "words": kept.words})
            lines += [common | {"reason": r, "rows": n, "words": 0} for r, n in sorted(reasons.items())]
    return lines


def check_damage(plan: Plan) -> None:
    """Raise GateError where more than `quarantine.max_share` of the records are damaged, or of the bytes
    unread."""
    by_reason = _documents(plan) + _utterances(plan)
    records = by_reason.total()
    damaged = sum(n for reason, n in by_reason.items() if reason not in ("kept", BLANK, OTHER_LANGUAGE))
    if not damaged:
        return
    quarantine = read_table(plan.warehouse, QUARANTINE)
    quarantine = quarantine.filter(_of(quarantine["snapshot"], plan.inputs))
    unread = pc.sum(quarantine["lost_bytes"]).as_py() or 0
    stored = sum(file.size for file in plan.inputs)
    limit = plan.recipe.quarantine.max_share
    shares = {"records damaged": (damaged, records), "bytes unread behind damage": (unread, stored)}
    for what, (bad, all_) in shares.items():
        if bad > limit * all_:
            raise GateError(
                f"{bad:,} of {all_:,} {what} ({bad / all_:.2%}), accepted: {limit:.2%}",
                where=_worst(quarantine),
                why="so much damage is seldom chance: a cut download, a wrong format or encoding",
                do=f"corpus status {plan.warehouse}; then mend the files or raise quarantine.max_share",
            )


def _documents(plan: Plan) -> Counter[str]:
    """Records of the plan's files by reason."""
    ledger = read_table(plan.warehouse, LEDGER, filters=[("step", "=", "ingest")])
    return _sums(ledger.filter(_of(ledger["run_id"], plan.files)), "rows")


def _utterances(plan: Plan) -> Counter[str]:
    """Records of the plan's utterance files by reason."""
    rows = read_table(plan.warehouse, UTTERANCE_FILES)
    return _sums(rows.filter(_of(rows["snapshot"], plan.utterance_files)), "records")


def _of(snapshots: pa.ChunkedArray, files: Sequence[InputFile]) -> pa.ChunkedArray:
    return pc.is_in(snapshots, value_set=pa.array([file.snapshot for file in files], pa.string()))


def _sums(rows: pa.Table, column: str) -> Counter[str]:
    groups = rows.group_by("reason").aggregate([(column, "sum")]).to_pydict()
    found = dict(zip(groups["reason"], groups[f"{column}_sum"], strict=True))
    return Counter({reason: n for reason, n in found.items() if not reason.startswith(REPLACED)})


def _worst(quarantine: pa.Table) -> str:
    damaged = quarantine.filter(pc.not_equal(quarantine["reason"], BLANK)).select(
        ["origin", "reason", "ordinal"]
    )
    groups = Counter((row["origin"], row["reason"]) for row in damaged.to_pylist())
    first = {(row["origin"], row["reason"]): row["ordinal"] for row in reversed(damaged.to_pylist())}
    shown = [f"{o}: {n} {r} (first at {first[o, r]})" for (o, r), n in groups.most_common(3)]
    more = len(groups) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
