from meetfleet.sandbox.fence import fenced
from meetfleet.sandbox.needs import lacking

LAB = ["--host-resolver-rules=MAP meet.google.com:443 127.0.0.1:8443", "--ignore-certificate-errors-spki-list=abc"]


def test_every_name_but_the_replicas_leads_nowhere() -> None:
    args = fenced([], LAB)
    assert args[-2] == (
        "--host-resolver-rules=MAP meet.google.com:443 127.0.0.1:8443,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"
    )
    assert "--ignore-certificate-errors-spki-list=abc" in args
    assert "--no-proxy-server" in args


def test_the_operators_switches_stay_unless_they_could_lead_out() -> None:
    out = (
        "--host-resolver-rules=MAP * example.com",
        "--host-rules=MAP * example.com",
        "--proxy-server=http://proxy:3128",
        "--proxy-pac-url=http://proxy/pac",
        "--ignore-certificate-errors",
    )
    args = fenced([*out, "--force-dark-mode"], LAB)
    assert "--force-dark-mode" in args
    assert not set(out) & set(args)
    assert sum(arg.startswith("--host-resolver-rules=") for arg in args) == 1


def test_what_the_lab_lacks_is_named_as_it_is_installed() -> None:
    assert lacking(lambda _: True, lambda name: name == "espeak-ng") == []
    assert lacking(lambda name: name != "yaml", lambda _: False) == ["pyyaml", "flite"]
