"""Each sentence of the proof is true of the figures beside it."""

from tests.serve.paged import REPORT

from churnhealth.pages.proof import proof_told


def test_figures_of_scores_are_not_told_as_those_of_accounts():
    late = [{**REPORT["lead_time"][0], "churners": 4, "false_alarm_rate": 0.2}]
    lines = proof_told({**REPORT, "lead_time": late})["lines"]
    assert (
        "20\u00a0% of the scores of who stayed were red or orange: false alarms."
        in lines
    )
    assert [line for line in lines if line.startswith("For every 100 scores of")]


def test_the_average_chance_is_not_compared_with_itself():
    same = {
        **REPORT["scorers"]["chosen"],
        "name": "constant",
        "log_loss_gain_over_constant": 0.0,
        "gain_interval": [0.0, 0.0],
    }
    scorers = {**REPORT["scorers"], "chosen": same}
    lines = proof_told({**REPORT, "scorers": scorers})["lines"]
    assert "Its chance is the average for everybody: it tells nobody apart." in lines
    assert not any("what happened" in line for line in lines)
