"""A wish to stop costs nothing, whether it was asked for or signalled."""

import signal
from pathlib import Path

import pytest
from gains import counted, essence, measure, problem, run, sampler

from cotune import Mixture, Request, each
from cotune.study import Event, Finished, Study, interruptible


def test_a_wish_to_stop_that_comes_before_the_run_is_kept(tmp_path: Path) -> None:
    study, (evaluate, calls) = Study(tmp_path, problem()), counted()
    study.request_stop()
    study.run(evaluate, sampler=sampler, trials=4)
    assert (study.stopped, calls) == ("interrupted", [])
    study.run(evaluate, sampler=sampler, trials=4)
    assert study.stopped == "trials"


def test_a_wish_to_stop_is_met_between_trials_and_costs_nothing(tmp_path: Path) -> None:
    study = Study(tmp_path, problem())
    evaluate, calls = counted()

    def watch(event: Event) -> None:
        if isinstance(event, Finished) and event.fine_tunings == 3:
            study.request_stop()

    study.run(evaluate, sampler=sampler, trials=12, batch=2, on_event=watch)
    assert study.stopped == "interrupted"
    assert len(calls) == 4
    study.run(evaluate, sampler=sampler, trials=12, batch=2)
    run(tmp_path / "whole", trials=12, batch=2)
    assert essence(tmp_path) == essence(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(tmp_path: Path, number: signal.Signals) -> None:
    study = Study(tmp_path, problem())

    def evaluate(request: Request) -> dict[str, float]:
        if len(study.records()) and request.mixture == Mixture.of("abcde"):
            signal.raise_signal(number)
        return measure(request)

    before = signal.getsignal(number)
    with interruptible(study.request_stop) as seen:
        study.run(each(evaluate), sampler=sampler, trials=12)
        assert (seen.signal, study.stopped) == (number, "interrupted")
        with pytest.raises(KeyboardInterrupt):
            study.run(each(evaluate), sampler=sampler, trials=12)
    assert signal.getsignal(number) == before
    assert study.stopped == "interrupted"
    pending = [record for record in study.records() if record.trial is None]
    assert pending
    run(tmp_path, trials=12)
    run(tmp_path / "whole", trials=12)
    assert essence(tmp_path) == essence(tmp_path / "whole")
