"""Damaged input: counted, shown, and above a share a reason to stop (design.md section 4, guarantee 3)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.ledger import LEDGER
from schemas.quarantine import QUARANTINE
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
    ids = pa.array([file.snapshot for file in plan.files], pa.string())
    ledger = read_table(plan.warehouse, LEDGER, filters=[("step", "=", "ingest")])
    mine = ledger.filter(pc.is_in(ledger["run_id"], value_set=ids))
    rows = mine.group_by("reason").aggregate([("rows", "sum")]).to_pydict()
    by_reason = dict(zip(rows["reason"], rows["rows_sum"], strict=True))
    records = sum(by_reason.values())
    damaged = sum(n for reason, n in by_reason.items() if reason not in ("kept", BLANK, OTHER_LANGUAGE))
    if not damaged:
        return
    quarantine = read_table(plan.warehouse, QUARANTINE)
    quarantine = quarantine.filter(pc.is_in(quarantine["snapshot"], value_set=ids))
    unread = pc.sum(quarantine["lost_bytes"]).as_py() or 0
    stored = sum(file.size for file in plan.files)
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


def _worst(quarantine: pa.Table) -> str:
    damaged = quarantine.filter(pc.not_equal(quarantine["reason"], BLANK)).select(
        ["origin", "reason", "ordinal"]
    )
    groups = Counter((row["origin"], row["reason"]) for row in damaged.to_pylist())
    first = {(row["origin"], row["reason"]): row["ordinal"] for row in reversed(damaged.to_pylist())}
    shown = [f"{o}: {n} {r} (first at {first[o, r]})" for (o, r), n in groups.most_common(3)]
    more = len(groups) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
