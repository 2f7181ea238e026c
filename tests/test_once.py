from __future__ import annotations

import pytest

from tests.once import made_once


def test_what_was_made_is_not_made_again_and_what_failed_is(tmp_path_factory):
    calls = []

    def make(folder):
        calls.append(folder)
        (folder / "half").touch()
        if len(calls) == 1:
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        made_once(tmp_path_factory, "of_this_test", make)
    one, again = (made_once(tmp_path_factory, "of_this_test", make) for _ in range(2))
    assert one == again
    assert [each.name for each in one.iterdir()] == ["half"]
    assert len(calls) == 2
