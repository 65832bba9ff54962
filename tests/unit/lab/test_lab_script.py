from dataclasses import replace
from pathlib import Path

import pytest

from meetfleet.domain.errors import InvalidRequest
from meetfleet.lab.presets import PRESETS, four_people_demo, one_person, preset, six_people
from meetfleet.lab.room import check_code, made_up_code
from meetfleet.lab.scenarios import SCENARIOS, with_scenario
from meetfleet.lab.script import AudioPath, Host, Line, Person, RoomScript, Share, Span, script_as_dict, script_from

YAML = """
name: stand-up
code: abc-defg-hij
people:
  - name: Ann
    host: true
    muted: [{start: 2, end: 4.5}]
    lines: [{text: Hello there., at: 1}]
  - {name: Bob, camera: false, joins_at: 3}
conversation:
  - {who: Bob, text: Good morning.}
shares: [{who: Ann, start: 5, slides: [Numbers]}]
host: {admits_after_s: 3, removes_after_s: 60}
network: {loss_percent: 2, drops: [{start: 10, end: 12}]}
page: {audio: neteq, join_button: Join now}
"""


def test_a_yaml_file_becomes_a_script(tmp_path: Path) -> None:
    path = tmp_path / "room.yaml"
    path.write_text(YAML)
    script = script_from(path)
    assert script.people[0] == Person("Ann", host=True, muted=(Span(2, 4.5),), lines=(Line("Hello there.", at=1),))
    assert script.page.audio is AudioPath.NETEQ
    assert script.host == Host(3, removes_after_s=60)
    assert script.shares == (Share("Ann", 5, slides=("Numbers",)),)


def test_a_script_survives_its_json_form() -> None:
    for make in PRESETS.values():
        assert script_from(script_as_dict(make())) == make()


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ({"people": [{"name": "Ann", "colour": "red"}]}, "people.0.colour"),
        ({"page": {"audio": "magic"}}, "page.audio"),
        ({"conversation": [{"who": "Nobody", "text": "Hi"}]}, "'Nobody' is not among the people"),
        ({"people": [{"name": "Ann"}, {"name": "Ann"}]}, "two people have the same name"),
        ({"host": {"admits_after_s": "soon"}}, "host.admits_after_s"),
    ],
)
def test_a_wrong_script_names_what_is_wrong(source: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidRequest, match=named) as error:
        script_from(source)
    assert error.value.code == "invalid_script"


def test_a_missing_file_and_no_mapping_are_wrong_scripts(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    for name in ("nowhere.yaml", "list.yaml"):
        with pytest.raises(InvalidRequest):
            script_from(tmp_path / name)


def test_every_scenario_makes_a_valid_script() -> None:
    for name in SCENARIOS:
        changed = with_scenario(replace(one_person(), scenario=name))
        assert (changed.page, changed.host, changed.network) != (None, None, None)
        assert changed.people == one_person().people


def test_a_scenario_changes_what_it_names_and_nothing_else() -> None:
    changed = with_scenario(replace(one_person(), scenario="host_managed_lobby", host=Host(removes_after_s=9)))
    assert changed.page.lobby == "host_managed"
    assert changed.host == Host(admits_after_s=6.0, removes_after_s=9)


def test_an_unknown_scenario_or_preset_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no scenario 'x'"):
        with_scenario(RoomScript(scenario="x"))
    with pytest.raises(InvalidRequest, match="none of one_person"):
        preset("x")
    with pytest.raises(InvalidRequest, match="colour"):
        preset("six_people", colour="red")


def test_presets_take_changes() -> None:
    assert six_people(10).duration_s == 600
    assert len(six_people().people) == 6
    assert four_people_demo(code="abc-defg-hij").code == "abc-defg-hij"
    assert preset("six_people", minutes=2).duration_s == 120


def test_page_changes_are_read_like_a_file() -> None:
    assert RoomScript().with_page(audio="e2ee").page.audio is AudioPath.E2EE


def test_codes_have_three_four_and_three_letters() -> None:
    assert check_code(made_up_code())
    for wrong in ("abc", "abc-defg-hi1", "ABC-defg-hij", "abcd-efg-hij", "äbc-defg-hij"):
        with pytest.raises(InvalidRequest):
            check_code(wrong)
