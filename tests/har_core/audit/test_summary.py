import pyarrow as pa
from data_sets import POCKET_AND_WRIST

from har_core.audit.findings import FINDINGS_SCHEMA
from har_core.audit.kinds import Kind, Severity
from har_core.audit.picture import findings_png
from har_core.audit.summary import summarise_findings
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import LabelRun, Outline, RecordingKey
from har_core.spec.dataset import DatasetSpec

MAX_BYTES = 60_000
OUTLINES = {
    RecordingKey(subject, activity): Outline.of_parts((1,), 125, activity)
    for subject in range(1, 9)
    for activity in range(1, 20)
}


def finding(kind: Kind, severity: Severity, activity: int, subject: int, num_rows: int) -> dict[str, object]:
    empty = dict.fromkeys(FINDINGS_SCHEMA.names)
    place = {"activity": activity, "subject": subject, "session": activity, "segment": 1, "first_row": 0}
    return {
        **empty,
        **place,
        "last_row": num_rows - 1,
        "kind": kind,
        "channels": "all",
        "num_rows": num_rows,
        "severity": severity,
    }


def table(*rows: dict[str, object], spec: DatasetSpec = DSADS) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=FINDINGS_SCHEMA.with_metadata(spec.to_metadata()))


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
    assert zeros.places == "p1 session 5 (50), p2 session 3 (10)"


def test_many_places_are_counted_and_nothing_is_nothing() -> None:
    found = summarise_findings(table(*(finding(Kind.ZERO_RUN, Severity.ERROR, a, 1, a) for a in range(1, 11))))
    assert found[Kind.ZERO_RUN].places.endswith("p1 session 5 (5) and 4 more")
    assert summarise_findings(table()) == {}


def test_the_picture_is_small_and_shows_what_was_found() -> None:
    clean = findings_png(table(), OUTLINES)
    found = findings_png(table(finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25)), OUTLINES)
    info = findings_png(table(finding(Kind.ZERO_RUN, Severity.INFO, 5, 1, 25)), OUTLINES)
    assert len({clean, found, info}) == 3
    assert max(map(len, (clean, found, info))) < MAX_BYTES
    assert findings_png(table(finding(Kind.ZERO_RUN, Severity.ERROR, 5, 1, 25)), dict(list(OUTLINES.items())[:5:4]))


def test_the_picture_has_a_column_for_none_where_there_are_such_rows() -> None:
    def picture(*labels: LabelRun) -> bytes:
        outline = Outline(segments=(1,), lengths=(100,), labels=labels)
        found = finding(Kind.ZERO_RUN, Severity.ERROR, 2, 1, 25)
        return findings_png(table(found, spec=POCKET_AND_WRIST), {RecordingKey(1, 2): outline})

    alone, several, none = (
        picture(LabelRun(2, 100)),
        picture(LabelRun(2, 50), LabelRun(3, 50)),
        picture(LabelRun(2, 50), LabelRun(0, 50)),
    )
    assert len({alone, several, none}) == 3
