"""What the lab's side of a peer connection says."""

from meetfleet.lab.rtc.session import with_msids

SDP = (
    "v=0\r\ns=-\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\na=msid:- old\r\na=sendonly\r\n"
)


def test_a_video_line_names_the_stream_that_the_roster_names() -> None:
    session, audio, video = with_msids(SDP, {"1": "b780a7"}).replace("m=", "|m=").split("|")
    assert session.startswith("v=0")
    assert "msid" not in audio
    assert "a=msid:b780a7 b780a7-track\r\n" in video
    assert "old" not in video
