"""Work that is begun and waited for later."""

from __future__ import annotations

import threading

import pytest

from gitml.background import begin


def test_the_result_is_that_of_the_work_which_ran_meanwhile() -> None:
    gate = threading.Event()
    result = begin(lambda: gate.wait(10))
    gate.set()
    assert result() is True
    assert result() is True


def test_what_the_work_raises_is_raised_where_the_result_is_asked_for() -> None:
    result = begin(lambda: {}["missing"])
    with pytest.raises(KeyError):
        result()
