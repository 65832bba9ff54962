import re
from pathlib import Path

import pytest

from meetfleet.settings import Settings, SettingsError, VideoMode, bot_environ, documented, unknown_variables

DOCS = Path(__file__).parents[3] / "docs" / "settings.md"


def test_without_any_variable_everything_has_its_default():
    settings = Settings.from_environ({})
    assert settings == Settings()
    assert (settings.base_url, settings.local_url) == ("http://127.0.0.1:8080", "http://127.0.0.1:8080")
    assert settings.postgres_dir == Path(".meetfleet/postgres")


def test_variables_are_read_and_empty_ones_count_as_not_set():
    settings = Settings.from_environ(
        {
            "MEETFLEET_PORT": "0",
            "MEETFLEET_HOST": "0.0.0.0",
            "MEETFLEET_URL": "https://bots.example.com/",
            "MEETFLEET_BROWSER_ARGS": '["--a=b c", "--d"]',
            "MEETFLEET_VIDEO": "on-demand",
            "MEETFLEET_ALLOW_PRIVATE_WEBHOOKS": "yes",
            "MEETFLEET_WARM_SPARES": "0",
            "MEETFLEET_DATABASE_URL": "",
        }
    )
    assert settings.browser_args == ("--a=b c", "--d")
    assert (settings.video, settings.allow_private_webhooks) == (VideoMode.ON_DEMAND, True)
    assert (settings.port, settings.warm_spares, settings.database_url) == (0, 0, None)
    assert (settings.base_url, settings.local_url) == ("https://bots.example.com", "http://127.0.0.1:0")
    assert Settings.from_environ({"MEETFLEET_BROWSER_ARGS": "--a='b c' --d"}).browser_args == ("--a=b c", "--d")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WARM_SPARES", "-1"),
        ("VIDEO", "sometimes"),
        ("ALLOW_PRIVATE_WEBHOOKS", "maybe"),
        ("CAPACITY_CORES", "nan"),
        ("BROWSER_ARGS", "[1]"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(variable: str, value: str):
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({f"MEETFLEET_{variable}": value})
    assert f"MEETFLEET_{variable} '{value}'" in caught.value.message


def test_secrets_show_neither_in_errors_nor_in_the_settings_themselves():
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ({"MEETFLEET_SECRET_KEY": "too-short"})
    assert "too-short" not in caught.value.message
    settings = Settings(api_key="k" * 20, secret_key="s" * 40, database_url="postgresql://u:pw@h/d")
    assert not {"k" * 20, "s" * 40, "pw@"} & set(re.findall(r"k{20}|s{40}|pw@", repr(settings)))


def test_misspelt_variables_are_found():
    environ = {"MEETFLEET_PROT": "1", "MEETFLEET_PORT": "1", "PATH": "/bin"}
    assert unknown_variables(environ) == ["MEETFLEET_PROT"]


def test_bots_see_no_settings_and_no_credentials():
    environ = {"MEETFLEET_API_KEY": "x", "AWS_SECRET_ACCESS_KEY": "x", "PGPASSWORD": "x", "PATH": "/bin", "LANG": "C"}
    assert bot_environ(environ) == {"PATH": "/bin", "LANG": "C"}


def test_the_documented_table_is_the_one_that_is_read():
    rows = [f"| `{row.variable}` | {row.default} | {row.about} |" for row in documented()]
    table = [line for line in DOCS.read_text().splitlines() if line.startswith("| `MEETFLEET_")]
    assert table == rows
