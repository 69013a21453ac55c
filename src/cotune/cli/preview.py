"""`cotune run --dry-run`: what would be trained next."""

from cotune.cli.console import Json, batches, print_json, print_text
from cotune.cli.errors import OK
from cotune.cli.progress import predicted
from cotune.cli.searching import Search
from cotune.study import Stopped
from cotune.study.phases import spent


def preview(search: Search, *, as_json: bool) -> int:
    """Prints the requests that a run would begin with, or why it would make none; trains and writes nothing.

    Raises:
        ValueError: a run would be refused.
    """
    search.check()
    plan = search.sized_plan
    used, limit = spent(search.study.records()), plan.trials
    step = search.study.upcoming(plan, sampler=search.sampler)
    ended, following = (step, []) if isinstance(step, Stopped) else (None, step)
    if as_json:
        steps: list[Json] = [
            {
                "mixture": proposal.request.mixture.to_json(),
                "seed": proposal.request.seed,
                "reason": proposal.reason,
                "mean": proposal.mean,
                "sd": proposal.sd,
            }
            for proposal in following
        ]
        facts: dict[str, Json] = {"folder": str(search.opened.folder), "used": used, "trials": limit}
        facts["batch"] = plan.at_once
        print_json(facts | {"next": steps, "stopped": None if ended is None else ended.to_json()})
        return OK
    counted = f"{used} of at most {limit} fine-tunings are used in {search.opened.folder}."
    if ended is not None:
        print_text(f"{counted} A run would train nothing: {ended.message}.")
        return OK
    print_text(f"{counted} A run, {batches(plan.at_once)}, would begin with:")
    for proposal in following:
        reasons = filter(None, [proposal.reason, predicted(proposal), f"seed {proposal.request.seed}"])
        print_text(f"  {proposal.request.mixture}  ({', '.join(reasons)})")
    print_text("Nothing was trained. Cost: see cotune check.")
    return OK
