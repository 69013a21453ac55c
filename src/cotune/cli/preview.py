"""`cotune run --dry-run`: what would be trained next."""

import numpy as np

from cotune.cli.console import Json, print_json, print_text
from cotune.cli.errors import OK
from cotune.cli.searching import Search
from cotune.config import build_sampler
from cotune.study import Plan
from cotune.study.phases import opening, spent, unfinished
from cotune.trial import Proposal, Record


def preview(search: Search, *, as_json: bool) -> int:
    """Prints the requests that a run would begin with; trains and writes nothing."""
    records = search.study.records()
    limit = search.opened.config.search.trials
    following = next_proposals(search, records)
    if as_json:
        steps: list[Json] = [
            {"mixture": proposal.request.mixture.to_json(), "seed": proposal.request.seed, "reason": proposal.reason}
            for proposal in following
        ]
        print_json({"folder": str(search.opened.folder), "used": spent(records), "trials": limit, "next": steps})
        return OK
    print_text(f"{spent(records)} of {limit} fine-tunings are used in {search.opened.folder}. A run would begin with:")
    for proposal in following:
        print_text(f"  {proposal.request.mixture}  ({proposal.reason}, seed {proposal.request.seed})")
    print_text("Nothing was trained. Cost: see cotune check.")
    return OK


def next_proposals(search: Search, records: list[Record]) -> list[Proposal]:
    """Gives what a run begins with: what is pending, else base and anchors, else what the sampler proposes."""
    config = search.opened.config.search
    waiting = [record.proposal for record in unfinished(search.problem, records)]
    first = waiting or opening(search.problem, records, Plan(trials=config.trials))
    if first:
        return first
    trials = [record.trial for record in records if record.trial is not None]
    rng = np.random.default_rng([config.seed, len(records)])
    sampler = build_sampler(search.opened.config, search.opened.base)
    return sampler(search.problem, trials, [], rng, config.batch)
