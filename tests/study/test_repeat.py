"""Given requests run once each, fail twice at most, and go on where they were stopped."""

from gains import POOL, measure, problem

from cotune import Mixture, Request, TaskResult, Trial, each
from cotune.journal import read_journal
from cotune.study import Study
from cotune.study.events import Finished, Stopped
from cotune.trial import Proposal

WANTED = [Proposal(Request(Mixture.of("ab"), seed), "balancer: dwa") for seed in (101, 102, 103)]


def test_what_was_given_is_run_once_and_nothing_else(tmp_path):
    told, calls = [], []

    def evaluate(request):
        calls.append(request)
        return measure(request)

    study = Study(tmp_path, problem())
    study.repeat(each(evaluate), WANTED, batch=2, on_event=told.append)
    assert calls == [proposal.request for proposal in WANTED]
    assert [record.proposal for record in study.records()] == WANTED
    assert [event.fine_tunings for event in told if isinstance(event, Finished)] == [1, 2, 3]
    assert isinstance(told[-1], Stopped)
    study.repeat(each(evaluate), WANTED)
    assert len(calls) == 3
    more = [*WANTED, Proposal(Request(Mixture.of("ab"), 104), "balancer: dwa")]
    study.repeat(each(evaluate), more)
    assert len(calls) == 4
    told.clear()
    study.repeat(each(evaluate), [Proposal(Request(Mixture.of("ab"), 105), "balancer: dwa")], on_event=told.append)
    assert [(event.fine_tunings, event.trials) for event in told if isinstance(event, Finished)] == [(1, 1)]


def test_a_stopped_repeat_goes_on(tmp_path):
    study = Study(tmp_path, problem())
    told = []

    def stopping(request):
        study.request_stop()
        return measure(request)

    study.repeat(each(stopping), WANTED, on_event=told.append)
    assert told[-1].rule == "interrupted"
    assert [record.trial is None for record in study.records()] == [False, True, True]
    study.repeat(each(measure), WANTED, on_event=told.append)
    assert told[-1].rule == "exhausted"
    assert all(record.trial.is_finished for record in study.records())


def test_a_failure_is_tried_once_more_and_kept(tmp_path):
    def failing(request):
        if request.seed == 102:
            return Trial(request, error="no luck")
        return Trial(request, {task.name: TaskResult(0.5) for task in POOL})

    Study(tmp_path, problem()).repeat(each(failing), WANTED)
    records = read_journal(tmp_path).records
    assert [(record.trial.is_finished, record.attempts) for record in records] == [(True, 1), (False, 2), (True, 1)]
