import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.tables import render

TABLE = pa.table({"path": ["a01/p1/s01.txt", "b"], "activity": ["sitting", "Übung, lang"], "probability": [0.25, 1.0]})


def test_table_is_aligned() -> None:
    assert render(TABLE, "table").decode().splitlines() == [
        "path            activity     probability",
        "a01/p1/s01.txt  sitting      0.250",
        "b               Übung, lang  1.000",
    ]


def test_json_is_a_list_of_objects() -> None:
    assert json.loads(render(TABLE, "json")) == TABLE.to_pylist()


def test_csv_quotes_what_needs_it() -> None:
    lines = render(TABLE, "csv").decode().splitlines()
    assert lines[0].replace('"', "") == "path,activity,probability"
    assert lines[2] == '"b","Übung, lang",1'


def test_parquet_reads_back() -> None:
    assert pq.read_table(io.BytesIO(render(TABLE, "parquet"))).equals(TABLE)


def test_an_empty_cell_is_a_dash() -> None:
    table = pa.table({"other": pa.array([None, 3], pa.int16()), "kind": ["a", "b"]})
    assert render(table, "table").decode().splitlines() == ["other  kind", "-      a", "3      b"]
