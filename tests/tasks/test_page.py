"""The page of tasks: what it shows runs, and its task of one's own is certified."""

import re
from pathlib import Path

import mdmtheory as mt

PAGE = (Path(__file__).parents[2] / "docs" / "reasoning.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_main_job_of_the_page_runs(capsys):
    exec(compile(BLOCKS[0], "docs/reasoning.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert re.fullmatch(r"0\.\d+ \[.*\] \(estimate, .*\) 1\.\d+ \[.*\] \(upper bound, .*\)", printed[-1])


def test_the_task_of_ones_own_is_a_task_in_all_its_parts():
    space: dict = {"__name__": "page"}
    exec(compile(BLOCKS[1], "docs/reasoning.md", "exec", dont_inherit=True), space)
    report = mt.check_language(space["Double"]())
    assert report.passed, str(report)
    assert report["conditionals"].seen.startswith("within 0e+00 of the rule alone: 720 sequences enumerated in 48")
