import pyarrow as pa

from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.audit.kinds import Kind, Severity
from har_core.audit.picture import findings_png
from har_core.audit.summary import summarise_findings
from har_core.datasets.dsads.layout import RecordingKey

MAX_BYTES = 60_000
KEYS = [RecordingKey(subject, activity) for subject in range(1, 9) for activity in range(1, 20)]


def finding(kind: Kind, severity: Severity, activity: int, subject: int, num_rows: int) -> dict[str, object]:
    empty = dict.fromkeys(FINDINGS_SCHEMA.names)
    place = {"activity": activity, "subject": subject, "segment": 1, "first_row": 0, "last_row": num_rows - 1}
    return {**empty, **place, "kind": kind, "channels": "all", "num_rows": num_rows, "severity": severity}


def table(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=FINDINGS_SCHEMA)


def test_kinds_come_worst_first_with_their_rows_and_places() -> None:
    found = summarise_findings(
        table(
            finding(Kind.DISCONTINUOUS_JOIN, Severity.INFO, 5, 1, 2),
            finding(Kind.ZERO_RUN, Severity.WARNING, 3, 2, 10),
            finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25),
            finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25),
        )
    )
    assert list(found) == [Kind.ZERO_RUN, Kind.DISCONTINUOUS_JOIN]
    zeros = found[Kind.ZERO_RUN]
    assert (zeros.severity, zeros.num_findings, zeros.num_rows) == (Severity.ERROR, 3, 60)
    assert zeros.places == "a05/p1 (50), a03/p2 (10)"


def test_many_places_are_counted_and_nothing_is_nothing() -> None:
    found = summarise_findings(table(*(finding(Kind.ZERO_RUN, Severity.ERROR, a, 1, a) for a in range(1, 11))))
    assert found[Kind.ZERO_RUN].places.endswith("a05/p1 (5) and 4 more")
    assert summarise_findings(table()) == {}


def test_the_picture_is_small_and_shows_what_was_found() -> None:
    clean = findings_png(table(), KEYS)
    found = findings_png(table(finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25)), KEYS)
    info = findings_png(table(finding(Kind.ZERO_RUN, Severity.INFO, 5, 1, 25)), KEYS)
    assert len({clean, found, info}) == 3
    assert max(map(len, (clean, found, info))) < MAX_BYTES
    assert findings_png(table(finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25)), KEYS[:1] + KEYS[4:5])
