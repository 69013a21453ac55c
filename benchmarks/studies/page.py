"""The page that shows the studies: each has a part between two markers, which its command writes."""

from benchmarks.studies.study import Found, Study


def section(name: str, study: Study, result: Found) -> str:
    """Gives what stands between the markers of a study: picture, tables, and where they come from."""
    picture = f"![{name}](pictures/{name}.svg)\n\n" if study.picture else ""
    source = (
        f"<sub>`{result['command']}` at commit {result['commit']}, {result['hardware']}, seed {result['seed']}, "
        f"{result['seconds']:.0f} s; [result](results/studies/{name}.json)</sub>"
    )
    return f"{picture}{study.text(result['found'])}\n\n{source}"


def with_section(page: str, name: str, content: str) -> str:
    """Gives the page with the part between the markers of `name` replaced.

    Raises:
        ValueError: the page lacks a marker.
    """
    begin, end = f"<!-- begin {name}: written by benchmarks/studies -->", f"<!-- end {name} -->"
    before, opened, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"The page lacks a place for the study {name!r}: put {begin} and {end} in it, a line each.")
    return f"{before}{begin}\n{content}\n{end}{after}"
