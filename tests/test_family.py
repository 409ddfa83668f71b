"""A family tree and a report: what a person sees of an evolution, dead children included."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.births import Birth, diversity_of, grouped
from opencodeinstruct.tools.lineage import Family, family_tree, read_family
from opencodeinstruct.tools.lineage_command import newest_run
from opencodeinstruct.tools.outcome import Dropped, Kept, Row
from opencodeinstruct.tools.plan import STAGES
from opencodeinstruct.tools.report import report_of, write_report
from opencodeinstruct.tools.run_folder import RunFolder, StageCounts
from tests.calling import call

MARKED = "Write `keep` and mind [bold]markup[/bold] and <b>tags</b>."


def question(name: str, *parents: str, **changes: object) -> Row:
    generation = 1 if parents else 0
    return {
        "id": name * 32,
        "input": f"Write a function for {name}.",
        "operation": "crossover" if len(parents) > 1 else "add-constraint" if parents else "seed",
        "generation": generation,
        "colony": 0,
        "domain": "generic",
        "parent_ids": [parent * 32 for parent in parents] or ["9" * 32],
        "seed_ids": ["9" * 32],
        "seed_origin": "seeds.jsonl:1",
        "spent_output_tokens": 10,
    } | changes


ROWS = [
    question("a"),
    question("b"),
    question("c", "a", "b", topic="strings", fitness=4, generator_prompt="0f0f"),
    question("d", "c", generation=2, input=MARKED),
    question("e", "c", "a", generation=2),
]
DEAD = Dropped(question("f", "c", generation=2), "paraphrases_parent", "new words: none")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose stage `evolve` is complete."""
    folder = RunFolder(tmp_path / "runs" / "small", STAGES)
    stage = folder.stage("evolve")
    stage.write_part(0, [*map(Kept, ROWS), DEAD])
    counts = StageCounts("evolve", 2, 4, 5, {"paraphrases_parent": 1}, note="enough is <alive>")
    stage.finish(1, counts, "print")
    (folder.path / "stages.json").write_text("{}")
    return folder


def printed(family: Family, name: str) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(family_tree(family, name))
    return console.export_text()


def test_a_tree_shows_ancestors_descendants_and_those_that_died(run: RunFolder) -> None:
    text = printed(read_family(run.path), "c" * 32)
    above, below = text.split("gave rise to")
    assert "crossover, generation 1, colony 0, strings, fitness 4, prompt 0f0f" in above
    assert all(f"{name * 8} seed, generation 0, seeds.jsonl:1" in above for name in "ab")
    assert all(name * 8 in below for name in "def")
    assert "ffffffff add-constraint, generation 2, colony 0 paraphrases_parent" in below
    assert MARKED in below  # what a model wrote is text and styles nothing


def test_an_ancestor_is_told_once(run: RunFolder) -> None:
    text = printed(read_family(run.path), "e" * 32)
    assert text.count("Write a function for a.") == 1
    assert "aaaaaaaa (see above)" in text
    assert "gave rise to nothing" in text


def test_of_a_dataset_the_ancestors_that_are_not_there_are_named(tmp_path: Path) -> None:
    family = Family({row["id"]: row for row in ROWS[2:]})
    assert "aaaaaaaa is not here" in printed(family, "e" * 32)


@pytest.mark.parametrize(("prefix", "found"), [("c", "c" * 32), ("CCC", "c" * 32)])
def test_an_id_is_known_by_its_beginning(run: RunFolder, prefix: str, found: str) -> None:
    assert read_family(run.path).named(prefix) == found


@pytest.mark.parametrize("prefix", ["", "0", "cd"])
def test_an_id_that_is_no_one_s_or_many_s_is_refused(run: RunFolder, prefix: str) -> None:
    with pytest.raises(Missing, match="Give more of the id"):
        read_family(run.path).named(prefix)


def test_the_commands_show_the_tree_and_write_the_report(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.path.parent.parent)
    assert newest_run() == Path("runs/small")
    tree = call("lineage", "c")
    assert (tree.code, "made from" in tree.out) == (0, True)
    report = call("report", "runs/small")
    assert report.code == 0
    assert Path(report.out.strip()).is_file()
    for wrong in (("lineage", "c", "nowhere"), ("report", "nowhere")):
        ended = call(*wrong)
        assert ended.code == 1
        assert "nowhere" in ended.error


def test_a_report_stands_by_itself(run: RunFolder) -> None:
    text = Path(write_report(run)).read_text()
    assert "enough is &lt;alive&gt;" in text
    assert "paraphrases_parent 1" in text
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/=]{500,}"', text)) == 5
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert write_report(run) and Path(write_report(run)).read_text() == text  # nothing of the clock


def test_a_run_without_any_stage_has_a_report_too() -> None:
    assert "No stage is complete yet." in report_of([], [])


def test_groups_count_what_was_born_and_what_lives() -> None:
    births = [
        Birth("one two three four", "seed", 0, None, 0),
        Birth("five six seven eight", "crossover", 1, None, 30),
        Birth("", "crossover", 1, "not_json", 10),
    ]
    first, second = grouped(births, lambda birth: str(birth.generation))
    assert (first.name, first.born, first.lived, first.share) == ("0", 1, 1, 1.0)
    assert (second.born, second.lived, second.share, second.tokens) == (2, 1, 0.5, 40)
    assert second.reasons == {"not_json": 1}


@pytest.mark.parametrize(
    ("why", "texts", "distinct", "nearest"),
    [
        ("nothing alike", ["a b c d", "e f g h"], 1.0, 0.0),
        ("all the same", ["a b c d", "a b c d"], 0.5, 1.0),
        ("the contract does not count", ["a b c\n\nSignature: `f`", "d e f\n\nSignature: `f`"],
         1.0, 0.0),
        ("one alone", ["a b c d"], 1.0, None),
        ("too short for a run", ["a", "b"], None, 0.0),
        ("none", [], None, None),
    ],
)  # fmt: skip
def test_diversity_falls_where_texts_grow_alike(
    why: str, texts: list[str], distinct: float | None, nearest: float | None
) -> None:
    found = diversity_of(texts)
    assert (found.distinct, found.nearest) == (distinct, nearest), why


def test_a_report_says_nothing_of_where_the_run_lies(run: RunFolder, tmp_path: Path) -> None:
    moved = RunFolder(tmp_path / "elsewhere", STAGES)
    before = Path(write_report(run)).read_bytes()
    run.path.rename(moved.path)
    assert Path(write_report(moved)).read_bytes() == before
