"""The scan before a publication: what it finds, and what it lets pass."""

from pathlib import Path

import pytest

from opencodeinstruct.builder.errors import RunFolderError
from opencodeinstruct.builder.schema import dataset_schema, table_of
from opencodeinstruct.builder.shards import write_shards
from opencodeinstruct.tools.hub.scan import EMAIL, SECRET, found_in, scan
from tests.rows import finished_rows

KEY = "AKIA" + "Q3EGRIPV7M2K4ZLT"  # put together here, so that no scanner takes it for a real one


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"aws_key = '{KEY}'", KEY),
        ("token = 'ghp_" + "a1B2" * 9 + "'", "ghp_" + "a1B2" * 9),
        ("login(token='hf_" + "abcdEFGH" * 4 + "')", "hf_" + "abcdEFGH" * 4),
        ("OPENAI_API_KEY=sk-proj-" + "Ab3_" * 12, "sk-proj-" + "Ab3_" * 12),
        ("xoxb-" + "8451209376-ABCDEFGHIJKL", "xoxb-" + "8451209376-ABCDEFGHIJKL"),
        (
            "AIza" + "Sy0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV",
            "AIza" + "Sy0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV",
        ),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN RSA PRIVATE KEY-----"),
        ("postgres://app:Tr0ub4dor@db.internal/x", "postgres://app:Tr0ub4dor@db.internal"),
        ("postgres://user:password@localhost/x", None),  # a form to fill in
        ("https://me:hunter22@example.com", None),
        ("sk-your-key-goes-here-xxxxxxxxxxxxxxxxxxxxxxxx", None),
        ("AKIAXXXXXXXXXXXXXXXX", None),
        ("sk-learn is a library", None),
        ("disk-" + "a" * 40, None),  # within a word
    ],
)
def test_secrets_are_known_by_their_forms(text: str, found: str | None) -> None:
    assert list(found_in(text)) == ([] if found is None else [(SECRET, found)])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("write to erika.mustermann@uni-passau.de", "erika.mustermann@uni-passau.de"),
        ("<h.simpson+x@mail.burnscorp.com>", None),  # mail.: a host of examples
        ("h.simpson@burnscorp.co.uk,", "h.simpson@burnscorp.co.uk"),
        ("someone@example.com", None),
        ("lee@sub.example.org", None),
        ("assert valid('erika.m@test.com')", None),
        ("user@gmail.com", None),  # nobody in particular
        ("user123@gmail.com", None),
        ("john.doe@company.com", None),
        ("loss = weights@grads.mean() + v@u.T", None),  # products of matrices
        ("@dataclass\nclass A: ...", None),
        ("git@github.com:owner/name.git", None),
        ("a@b.co", None),
    ],
)
def test_addresses_of_people_are_told_from_examples(text: str, found: str | None) -> None:
    assert list(found_in(text)) == ([] if found is None else [(EMAIL, found)])


def test_what_is_allowed_is_no_finding() -> None:
    text = f"{KEY} erika.m@uni-passau.de max.m@uni-passau.de"
    assert [kind for kind, _ in found_in(text)] == [SECRET, EMAIL, EMAIL]
    assert [kind for kind, _ in found_in(text, [EMAIL])] == [SECRET]
    assert list(found_in(text, [SECRET, "erika.m@uni-passau.de"])) == [
        (EMAIL, "max.m@uni-passau.de")
    ]


def test_every_text_of_every_row_is_looked_at_and_the_place_named(tmp_path: Path) -> None:
    rows = finished_rows(40)
    rows[3]["output"] += f"\n{KEY}"
    rows[7]["test_faults"] = [None, "max.m@uni-passau.de"]  # within a list, after a null
    rows[11]["seed_origin"] = "erika.m@uni-passau.de"
    shards = write_shards([table_of(rows, dataset_schema())], tmp_path)
    (tmp_path / "README.md").write_text("# A card\n\nby erika.m@uni-passau.de\n")
    found = list(scan(tmp_path, ["README.md", *(shard.path for shard in shards)]))
    places = {(one.id, one.column, one.text) for one in found}
    assert places == {
        ("", "", "erika.m@uni-passau.de"),
        (rows[3]["id"], "output", KEY),
        (rows[7]["id"], "test_faults", "max.m@uni-passau.de"),
        (rows[11]["id"], "seed_origin", "erika.m@uni-passau.de"),
    }
    assert found[0].place == "README.md, line 3"
    assert KEY not in next(one.shown for one in found if one.kind == SECRET)


def test_the_row_named_is_that_of_the_file(tmp_path: Path) -> None:
    rows = [row | {"domain": "generic", "judge_score": 5} for row in finished_rows(9_000)]
    rows = [row | {"tests_passed": 1, "tests_total": 1, "pass_rate": 1.0} for row in rows]
    rows[8_500]["input"] = KEY  # in the third row group
    write_shards([table_of(rows, dataset_schema())], tmp_path)
    (file,) = tmp_path.rglob("*.parquet")
    (found,) = scan(tmp_path, [file.relative_to(tmp_path).as_posix()])
    assert (found.row, found.id) == (8_501, rows[8_500]["id"])


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(RunFolderError, match=r"x\.parquet: cannot be read"):
        list(scan(tmp_path, ["x.parquet"]))
