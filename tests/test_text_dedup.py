"""Our clusters beside those of text-dedup, with its parameters; the differences have reasons."""

import random
from importlib.metadata import PackageNotFoundError, version

import pyarrow as pa
import pytest

from opencodeinstruct.builder.errors import Missing
from opencodeinstruct.tools.deduplicated import deduplicated
from opencodeinstruct.tools.stages.dedup import DedupSettings, dedup
from opencodeinstruct.tools.text.shingles import shingles
from opencodeinstruct.tools.text_dedup import text_dedup_clusters
from tests.driving import columns_in


def installed() -> bool:
    try:
        return version("text-dedup") == "0.4.0"
    except PackageNotFoundError:
        return False


needs_text_dedup = pytest.mark.skipif(
    not installed(), reason="text-dedup 0.4.0 is absent: pip install 'opencodeinstruct[text-dedup]'"
)


def corpus() -> list[str]:
    """120 texts of 60 plain words, each with copies in which some words are others."""
    draw = random.Random(5)
    texts = []
    for number in range(120):
        words = [f"w{draw.randrange(3000)}" for _ in range(60)]
        texts.append(" ".join(words))
        for _ in range(number % 3):
            copy = list(words)
            for _ in range(draw.randrange(1, 5)):
                copy[draw.randrange(60)] = f"new{draw.randrange(3000)}"
            texts.append(" ".join(copy))
    return texts


def jaccard(sets: list[frozenset[int]], one: int, other: int) -> float:
    return len(sets[one] & sets[other]) / len(sets[one] | sets[other])


@needs_text_dedup
def test_clusters_differ_only_where_it_does_not_measure_or_misses() -> None:
    texts = corpus()
    found = text_dedup_clusters(pa.array(texts), ngram=5, num_perm=128, threshold=0.7)
    table = pa.table({"input": texts, "near_group": pa.nulls(len(texts), pa.string())})
    columns = dedup(columns_in(table), DedupSettings()).columns
    assert columns is not None
    ours = columns["near_group"].to_pylist()
    grams = shingles(table["input"], 5)
    sets = [
        frozenset(grams.hashes[a:b].tolist())
        for a, b in zip(grams.offsets[:-1], grams.offsets[1:], strict=True)
    ]
    both = theirs_only = ours_only = 0
    for one in range(len(texts)):
        for other in range(one):
            together = ours[one] == ours[other]
            theirs = one in found and found[one] == found.get(other)
            alike = jaccard(sets, one, other)
            both += together and theirs
            theirs_only += theirs and not together
            ours_only += together and not theirs
            # what it alone joins is not alike: it measures nothing. What we join, likeness links.
            assert not (theirs and not together and alike >= 0.75)
            assert not together or alike >= 0.5
    assert both > 30
    assert theirs_only + ours_only < both


@needs_text_dedup
def test_a_recipe_can_have_text_dedup_decide() -> None:
    texts = corpus()[:30]
    table = pa.table(
        {
            "id": [f"{n:02d}" for n in range(len(texts), 0, -1)],
            "input": texts,
            "near_group": pa.nulls(len(texts), pa.string()),
        }
    )
    found = deduplicated(columns_in(table), DedupSettings(engine="text-dedup"))
    reasons = found.reasons.to_pylist()
    assert reasons.count("near_duplicate") > 3
    assert found.columns is not None
    kept = {
        group
        for group, reason in zip(found.columns["near_group"].to_pylist(), reasons, strict=True)
        if reason is None
    }
    assert len(kept) == reasons.count(None)  # one of each cluster


@pytest.mark.skipif(installed(), reason="text-dedup is installed")
def test_without_the_extra_the_error_says_how_to_get_it() -> None:
    table = pa.table({"input": ["a"]})
    with pytest.raises(Missing, match="pip install 'opencodeinstruct"):
        deduplicated(columns_in(table), DedupSettings(engine="text-dedup"))
