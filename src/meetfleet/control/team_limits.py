"""The limits of a stored team."""

from meetfleet.domain.plans import Limits, limits_of
from meetfleet.store.tables import TeamRow

OVERRIDES = "limits"
"""Where in a team's settings its own limits stand."""


def limits_of_team(team: TeamRow) -> Limits:
    return limits_of(team.plan, team.settings.get(OVERRIDES))
