from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdmtheory.core.spec import Spec
from mdmtheory.sweeps.ranges import texts

# What looks like another value, or like the end of one, is likelier than chance would have it.
TRICKY = st.sampled_from(
    ["", " ", "a,b.txt", "a=b", "x:y=1,z=2", "1", "1.5", "1e3", "true", "False", "nan", " a", "a\n", '"', '"a"', '"a,b']
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False), TRICKY, WORDS, st.lists(TRICKY, max_size=3).map(",".join)
)
KEYS = st.from_regex(r"[a-z_]{1,6}", fullmatch=True)
SPECS = st.builds(
    lambda name, options: Spec(name, tuple(options.items())),
    st.sampled_from(["hmm", "remdm-cap", "my.module:Own", "_own:Thing"]),
    st.dictionaries(KEYS, VALUES, max_size=4),
)


def typed(spec: Spec) -> list[tuple[str, str, object]]:
    return [(key, type(value).__name__, value) for key, value in spec.options]


@pytest.mark.refutes("1.8")
@given(spec=SPECS)
def test_what_a_spec_is_written_as_reads_back(spec):
    found = Spec.parse(str(spec))
    assert found.name == spec.name
    assert typed(found) == typed(spec)


@pytest.mark.refutes("1.8")
@given(specs=st.lists(SPECS, min_size=1, max_size=3))
def test_a_list_of_specs_parts_at_its_own_commas(specs):
    written = list(dict.fromkeys(map(str, specs)))
    assert texts(",".join(written), "lang") == written
    assert texts(written, "lang") == written


@pytest.mark.parametrize(
    "text",
    ["hmm", "hmm:states=4,sticky=0.9", "file:path=a b/c-d.txt", "x:a=b=c,d=/e/f:g", "x:a=it's", "m:Own:pace=2,on=true"],
)
def test_what_needs_no_quotes_has_none(text):
    assert str(Spec.parse(text)) == text


def test_a_quoted_item_of_a_list_is_one_text():
    assert texts('hmm,"my,own.npz"', "lang") == ["hmm", "my,own.npz"]
    assert texts('file:path="a,b.txt",cosine', "schedule") == ['file:path="a,b.txt"', "cosine"]


def test_what_is_no_json_is_a_text_as_it_stands():
    assert Spec.parse(r'file:path="C:\quiet"').options == (("path", r'"C:\quiet"'),)
    assert Spec.parse('file:path="open').options == (("path", '"open'),)


@pytest.mark.refutes("1.8")
def test_a_schedule_of_a_path_with_a_comma_is_found_by_its_spec(tmp_path):
    import mdmtheory as mt

    path = tmp_path / "1,2.txt"
    path.write_text("1 2 1\n")
    schedule = mt.Schedule.from_file(path)
    assert mt.schedules.as_schedule(str(schedule.spec)) == schedule
    assert [each.schedule for each in mt.cells("hmm", length=4, steps=3, schedule=str(schedule.spec))] == [
        str(schedule.spec)
    ]
