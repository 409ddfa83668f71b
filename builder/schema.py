"""Every column, once: its name, Arrow type and meaning.

The first nine are those of the published `nvidia/OpenCodeInstruct`, in its order and with its
meaning, so that code written for that release reads ours unchanged. The others are typed copies
and provenance to filter and join on. A run keeps `WORKING` columns beside them between its stages;
they never reach a dataset.
"""

from dataclasses import dataclass

import pyarrow as pa

from opencodeinstruct.builder.errors import RowError

CRITERIA = ("requirement_conformance", "logical_correctness", "edge_case_consideration")
"""The judge's three criteria, in the published order; each is scored 1..5."""

VERDICTS = ("pass", "fail", "error", "timeout", "crash", "memory", "refused")
"""What one test of one solution can come to; the published release folds all but pass to fail."""

TRUST = ("split", "object_eq", "shared")
"""How far a passed test is out of the solution's reach, strongest first.

`split`: tests and solution ran in two processes, and plain data was compared. `object_eq`:
likewise, but the solution's own object decided, by its `==` say. `shared`: in one process only.
"""

FAULTS = (
    "does_not_parse",
    "does_not_call",
    "unknown_name",
    "unknown_module",
    "asserts_nothing",
)
"""Why a test says nothing about the solution, whatever its verdict.

`does_not_parse`: it is no Python. `does_not_call`: it never names the entry point. `unknown_name`
and `unknown_module`: it stopped at a name, or an import, of its own that is not there.
`asserts_nothing`: it passed, as it would have whatever the solution returned, or was refused.
"""

CONTRACTS = ("call", "stdio")
"""What a question asks for. `call`: a function, named with its arguments by `signature`.

`stdio`: a program that reads standard input and writes standard output.
"""

OPERATIONS = (
    "seed",
    "oss-instruct",
    "crossover",
    "add-constraint",
    "rare-requirement",
    "more-reasoning",
    "misleading-code",
    "tighter-complexity",
)
"""How a question came to be; the last five are Evol-Instruct's mutations for code."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `meaning` is a sentence for the card, with the unit where there is one."""

    name: str
    type: pa.DataType
    meaning: str


_OVERLAP = (
    ("benchmark", pa.string()),
    ("item", pa.string()),
    ("part", pa.string()),
    ("column", pa.string()),
    ("score", pa.float64()),
    ("span", pa.string()),
)

OVERLAP = pa.list_(pa.struct(_OVERLAP))
"""What a row shares with benchmarks, as one detector sees it.

`part` of the item: `prompt`, `description`, `solution` or `tests`; `column` of the row. `score`
0..1: how much of the part; `span`: the row's text from the first to the last word that agrees.
"""

CONTAMINATION = pa.list_(pa.struct([*_OVERLAP, ("detector", pa.string())]))
"""The same by whichever detector says most."""

SAME_TASK = pa.list_(
    pa.struct(
        [
            ("benchmark", pa.string()),
            ("item", pa.string()),
            ("cosine", pa.float64()),
            ("difference", pa.string()),
            ("same_task", pa.bool_()),
            ("judge_model", pa.string()),
            ("embedding_model", pa.string()),
        ]
    )
)
"""What a judge said of problems whose vectors lie near to that of the question.

`cosine` of the two vectors by `embedding_model`; `difference` and `same_task`: what `judge_model`
says differs, and whether both are one task under other words.
"""

PUBLISHED = (
    Column("id", pa.string(), "32 hex digits: BLAKE2b-128 of the question's text."),
    Column("input", pa.string(), "The question, self-contained."),
    Column("output", pa.string(), "The solver's whole answer, with its code in a fenced block."),
    Column("domain", pa.string(), "`generic` (from code) or `algorithmic` (from problems)."),
    Column(
        "generation_algorithm",
        pa.string(),
        "`self-instruct` (crossover), `evol-instruct` (mutation) or `oss-instruct` (from a seed).",
    ),
    Column(
        "llm_judgement",
        pa.string(),
        'JSON: for each of the three criteria {"score": 1..5, "justification": text}.',
    ),
    Column("unit_tests", pa.string(), "JSON list of single-line assert statements."),
    Column(
        "tests_execution_status",
        pa.string(),
        "JSON list of `pass` or `fail`, one for each test, in the same order.",
    ),
    Column("average_test_score", pa.float64(), "Share of tests that pass, 0..1; as `pass_rate`."),
)

METADATA = (
    Column("requirement_conformance", pa.int8(), "Judge's score 1..5: does it do what is asked."),
    Column("logical_correctness", pa.int8(), "Judge's score 1..5: is the logic right."),
    Column("edge_case_consideration", pa.int8(), "Judge's score 1..5: are edge cases handled."),
    Column("judge_score", pa.int8(), "The least of the three scores, 1..5."),
    Column("tests_passed", pa.int16(), "Number of tests that pass."),
    Column("tests_total", pa.int16(), "Number of tests."),
    Column("pass_rate", pa.float64(), "`tests_passed / tests_total`, 0..1."),
    Column(
        "test_verdicts",
        pa.list_(pa.string()),
        "For each test `pass`, `fail`, `error`, `timeout`, `crash`, `memory` or `refused`.",
    ),
    Column(
        "test_trust",
        pa.string(),
        "Weakest trust of the tests that pass: `split` (run apart from the solution), `object_eq` "
        "(likewise, but an object of the solution decided) or `shared` (in one process; also where "
        "none passes).",
    ),
    Column("flaky", pa.bool_(), "Whether equal runs of the tests came to different verdicts."),
    Column(
        "test_faults",
        pa.list_(pa.string()),
        "For each test null, or why it says nothing about the solution: `does_not_parse`, "
        "`does_not_call`, `unknown_name`, `unknown_module` or `asserts_nothing`.",
    ),
    Column(
        "contract",
        pa.string(),
        "What the question asks for: `call` (a function) or `stdio` (a program that reads standard "
        "input and writes standard output).",
    ),
    Column(
        "entry_point",
        pa.string(),
        "Name of the function that the question asks for; null for a program.",
    ),
    Column(
        "signature",
        pa.string(),
        "Its signature as the question gives it, on one line; null for a program.",
    ),
    Column("solution", pa.string(), "The code of `output` that was executed."),
    Column(
        "reasoning",
        pa.string(),
        "What the solver thought before it answered; null where it does not think aloud.",
    ),
    Column(
        "topic",
        pa.string(),
        "What the question is about, by the generator: one of the recipe's topics, or null.",
    ),
    Column("operation", pa.string(), "How the question was made: one of the operations."),
    Column("generation", pa.int16(), "Generation of the question; 0 comes straight from a seed."),
    Column("colony", pa.int16(), "Colony in which the question evolved, from 0."),
    Column("seed_ids", pa.list_(pa.string()), "Ids of all seeds among its ancestors, sorted."),
    Column("parent_ids", pa.list_(pa.string()), "Ids of the questions it was made from."),
    Column(
        "fitness",
        pa.int8(),
        "Judge's least score 1..5 when the question was born, by which parents may be chosen; null "
        "where it was not judged then.",
    ),
    Column("seed_origin", pa.string(), "Where the first seed comes from: source and path or row."),
    Column("license", pa.string(), "SPDX licence expression of all its seeds together."),
    Column("generator_model", pa.string(), "Model that wrote the question; null for a seed's own."),
    Column(
        "generator_prompt",
        pa.string(),
        "Hash of the text of the prompt that the question was written by, 12 hex; null for a "
        "seed's own.",
    ),
    Column("solver_model", pa.string(), "Model that wrote the solution."),
    Column("tester_model", pa.string(), "Model that wrote the tests."),
    Column("judge_model", pa.string(), "Model that judged."),
    Column("prompt_version", pa.string(), "Hash of the texts of all prompts of the run, 12 hex."),
    Column("recipe_hash", pa.string(), "Hash of the recipe's settings, 12 hex digits."),
    Column(
        "contamination",
        CONTAMINATION,
        "For each benchmark kept out, the closest item by any detector, its score 0..1 and the "
        "row's text that agrees, if any.",
    ),
    Column(
        "shared_ngrams",
        OVERLAP,
        "For each benchmark of which the row holds long runs of words: the item with most, 0..1.",
    ),
    Column(
        "contained_text",
        OVERLAP,
        "For each benchmark of which the row holds words in their order: the item with most, 0..1.",
    ),
    Column(
        "same_code",
        OVERLAP,
        "For each benchmark of which the row holds a solution's code, whatever its names: the item "
        "with most, 0..1.",
    ),
    Column(
        "same_task",
        SAME_TASK,
        "The problems of benchmarks that lie near by meaning, the nearest first, each with its "
        "cosine and the judge's verdict; null where meaning was not compared.",
    ),
    Column(
        "exact_group",
        pa.string(),
        "Id of the first of the questions that are equal but for case and white space.",
    ),
    Column(
        "near_group",
        pa.string(),
        "Id of the first of all questions linked by likeness; split train and test by it.",
    ),
    Column(
        "code_group",
        pa.string(),
        "Hash of the solution without its own names and literals, equal for code of one form; "
        "null if it is short.",
    ),
    Column("output_tokens", pa.int32(), "Tokens of `output`, as the solver's endpoint counted."),
    Column("spent_prompt_tokens", pa.int32(), "Prompt tokens spent on this row in all stages."),
    Column("spent_output_tokens", pa.int32(), "Tokens that models wrote for this row, all stages."),
)

WORKING = (Column("seed_text", pa.string(), "The seed itself: code or problem statement."),)

COLUMNS = PUBLISHED + METADATA
"""The columns of a dataset, in order."""


def dataset_schema() -> pa.Schema:
    """The Arrow schema of a dataset's shards; it carries no schema metadata."""
    return pa.schema([(column.name, column.type) for column in COLUMNS])


def working_schema() -> pa.Schema:
    """The Arrow schema of the parts between stages: a dataset's columns, then the working ones."""
    return pa.schema([(column.name, column.type) for column in COLUMNS + WORKING])


def table_of(rows: list[dict[str, object]], schema: pa.Schema) -> pa.Table:
    """`rows` as a table of `schema`; columns absent from a row are null.

    A key that is no column, or a value that does not fit its column, is a `RowError`.
    """
    names = set(schema.names)
    for number, row in enumerate(rows, start=1):
        unknown = sorted(set(row) - names)
        if unknown:
            raise RowError("row", number, f"no column is called {unknown[0]!r}")
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise RowError("rows", 1, f"a value does not fit its column ({error})") from error
