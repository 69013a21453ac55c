"""What a search that goes wrong shows: a line when it begins, and while it stands."""

import json


def test_an_alarm_is_a_line_of_the_run_and_stands_in_status_and_report(place, cotune):
    (place / "constant.py").write_text("from cotune import each\nevaluate = each(lambda request: {'a': 0.5})\n")
    names = ", ".join("abcde")
    text = f"evaluate: constant:evaluate\ntargets: [a]\nsearch: {{sampler: random, confirm: 0}}\ndatasets: [{names}]\n"
    (place / "constant.yaml").write_text(text)
    done = cotune("run", "constant.yaml", "--in-process")
    assert done.code == 0, done.err
    (line,) = (found for found in done.err.splitlines() if found.startswith("! "))
    assert line.startswith("! Nothing to choose: all 12 mixtures scored 0.5, so the datasets make no difference")
    assert line in cotune("status", "constant.yaml").out.splitlines()
    assert json.loads(cotune("status", "constant.yaml", "--json").out)["alarms"] == [line[2:]]
    assert line[2:] in json.loads(cotune("report", "constant.yaml", "--json").out)["warnings"]
    again = cotune("run", "constant.yaml", "--in-process")
    assert "! " not in again.err
    assert line[2:] in json.loads(cotune("run", "constant.yaml", "--in-process", "--json").out)["warnings"]


def test_a_fraction_of_the_noise_is_an_option_of_a_run(place, cotune):
    done = cotune("run", "study.yaml", "--in-process", "--trials", "12", "--min-improvement-noise", "1e6")
    assert done.code == 0, done.err
    assert "Stopped: the best expected improvement is" in done.out
    assert "below 1e+06 of the noise between seeds" in done.out
