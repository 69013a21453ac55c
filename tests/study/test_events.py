"""Events tell what the journal keeps."""

from pathlib import Path

import numpy as np
import pytest
from gains import problem, run, score

from cotune.journal import read_journal
from cotune.study import Event, Finished, Proposed, Round, Stopped, Study


def test_events_and_the_log_tell_the_same_story(tmp_path: Path) -> None:
    events: list[Event] = []
    study = run(tmp_path, trials=12, batch=2, on_event=events.append)
    asked = [record for event in events if isinstance(event, Proposed) for record in event.records]
    ended = [event.record for event in events if isinstance(event, Finished)]
    assert [record.request for record in asked] == [record.request for record in study.records()]
    assert [record.number for record in ended] == [record.number for record in study.records()]
    assert isinstance(events[-1], Stopped)
    rounds = [event for event in events if isinstance(event, Round)]
    logged = read_journal(tmp_path).logged("round")
    assert [entry.payload["best"] for entry in logged] == [found.best for found in rounds]
    assert [found.fine_tunings for found in rounds] == sorted(found.fine_tunings for found in rounds)
    searched = [found for found in rounds if found.reasons == ("random",)]
    first = [record for record in study.records() if record.proposal.reason == "random"][:2]
    errors = [abs(record.proposal.mean - score(record.request)) for record in first if record.proposal.mean is not None]
    assert searched[0].predictor_error == pytest.approx(np.mean(errors))
    assert searched[0].fitted_on == 5
    assert rounds[-1].best == max(score(record.request) for record in study.records() if len(record.request.mixture))


def test_records_of_a_study_that_never_ran_are_none(tmp_path: Path) -> None:
    study = Study(tmp_path / "new", problem())
    assert (study.records(), study.stopped) == ([], None)
    assert not (tmp_path / "new").exists()
