"""`cotune status`: where a study stands, also while it runs."""

from cotune.cli.console import Json, print_json, print_text
from cotune.cli.errors import one_line
from cotune.cli.options import AsJson, RunsFolder, StudyFile


def status(study: StudyFile, *, runs: RunsFolder = None, as_json: AsJson = False) -> None:
    r"""Tells where a study stands, also while it runs.

    \b
    cotune status study.yaml
    """
    from cotune.cli.opening import open_run
    from cotune.config import build_problem
    from cotune.config.pool import names_only
    from cotune.journal import read_journal
    from cotune.reporting.lines import curve
    from cotune.reporting.logged import standing_alarms, stop_rule
    from cotune.verdict.front import front, front_words

    opened = open_run(study, runs=runs)
    problem = build_problem(opened.config, names_only(opened.config.datasets))
    view = read_journal(opened.folder, examples=False)
    steps = list(curve(problem, view.records))
    reached = front(problem, [record.trial for record in view.records if record.trial])
    trained = [record for record in view.records if len(record.request.mixture)]
    facts: dict[str, Json] = {
        "folder": str(opened.folder),
        "trials": opened.config.search.trials,
        "finished": sum(record.trial is not None and record.trial.is_finished for record in trained),
        "failed": sum(record.trial is not None and not record.trial.is_finished for record in trained),
        "pending": sum(record.trial is None for record in trained),
        "best": steps[-1].best if steps else None,
        "best_mixture": steps[-1].mixture if steps else None,
        "front": [line.mixture.to_json() for line in reached.best] if reached else None,
        "hypervolume": reached.hypervolume if reached else None,
        "tokens": sum(record.trial.tokens for record in trained if record.trial),
        "seconds": sum(record.trial.seconds for record in trained if record.trial),
        "alarms": standing_alarms(view.log),
        "stopped": one_line(stop_rule(view.log)) or None,
    }
    if as_json:
        return print_json(facts)
    print_text(
        f"{facts['finished']} fine-tunings finished, {facts['failed']} failed, {facts['pending']} pending, "
        f"of at most {facts['trials']} by the last run's settings, in {opened.folder}."
    )
    if steps:
        print_text(f"Best single measurement so far: {steps[-1].best:.3f} by {steps[-1].mixture} (luck included).")
    if reached:
        print_text(front_words(reached).strip())
    for alarm in standing_alarms(view.log):
        print_text(f"! {alarm}")
    if facts["stopped"]:
        print_text(f"The last run was stopped by: {facts['stopped']}.")
    if steps or not facts["failed"]:
        print_text(f"Next: cotune report {study}, or cotune run {opened.folder} to go on.")
    return None
