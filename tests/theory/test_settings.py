"""Every row of `mdmtheory bounds`: no theorem is refuted, and what is called tight is an equality."""

from __future__ import annotations

import pytest

from mdmtheory.theory import statements
from tests.theory.property import assert_stands

NUMBERS = {*range(1, 36)}


def test_every_number_of_the_list_has_a_statement():
    assert {each.number for each in statements().values()} == NUMBERS


@pytest.mark.parametrize("name", [name for name, each in statements().items() if not each.conjecture])
def test_every_setting_of_a_theorem_stands(name):
    statement = statements()[name]
    settings = list(statement.settings())
    assert settings
    for setting in settings:
        assert_stands(statement.check_setting(setting))


def test_the_conjectures_fail_where_they_are_said_to():
    failing = {
        name
        for name, each in statements().items()
        if each.conjecture and any(not each.check_setting(setting).holds for setting in each.settings())
    }
    assert failing == {"stride_decay", "refining_ser"}
