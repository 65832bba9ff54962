"""The demo's story: lab, server, bot, and the proof that everything promised is there."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from meetfleet.demo.client import Client
from meetfleet.demo.files import Files
from meetfleet.testing.inbox import Delivery, WebhookInbox
from meetfleet.testing.stack import Service, start_lab, start_server

CALL_TIMEOUT_S = 120


@dataclass(slots=True)
class Outcome:
    """What is missing of what was promised; empty means success."""

    missing: list[str]


def run(work_dir: Path | None = None, console: Console | None = None) -> int:
    """Plays the demo; returns a process exit code."""
    out = console or Console()
    folder = work_dir or Path(tempfile.mkdtemp(prefix="meetfleet-demo-"))
    began = time.monotonic()
    with WebhookInbox() as inbox:
        with out.status("Preparing the voices and cameras of four people (first time only) ..."):
            lab = start_lab(folder, args=["--preset", "four_people_demo"])
        with lab:
            with out.status("Starting the server (PostgreSQL included) ..."):
                server = start_server(folder, lab=lab)
            with server:
                outcome = _one_meeting(out, folder, lab, server, inbox)
    out.print(f"\n[dim]The demo took {time.monotonic() - began:.0f} s.[/dim]")
    if outcome.missing:
        for item in outcome.missing:
            out.print(f"[red]missing:[/red] {item}")
        out.print(f"Logs: {folder}/server.log, {folder}/lab.log")
        return 1
    _what_next(out, folder)
    return 0


def _one_meeting(out: Console, folder: Path, lab: Service, server: Service, inbox: WebhookInbox) -> Outcome:
    url, key = server.ready["url"], server.ready["api_key"]
    room = lab.ready["rooms"][0]
    out.print(f"[bold]Server[/bold]  {url}")
    out.print(f"[bold]Meeting[/bold] {room['meeting_url']}  [dim](the lab's replica; four people are talking)[/dim]\n")
    client = Client(url, key)
    asked = time.monotonic()
    bot_id = client.create_bot(
        bot_name="Meetfleet Notetaker",
        meeting_url=room["meeting_url"],
        recording_mode="speaker_view",
        entry_message="Hi, I am recording this call for Ann.",
        callback_enabled=True,
        callback_config={"url": inbox.url, "secret": "demo"},
        extra={"from": "script/demo"},
    )
    out.print(f"[dim]POST /v2/bots -> 201[/dim]  bot {bot_id}")
    status = _follow(out, client, bot_id, asked)
    callback = _await_callback(inbox, bot_id)
    out.print(f"[dim]callback {callback.event if callback else 'missing'} received[/dim]")
    try:
        return _report(out, client, folder, bot_id, status, callback)
    finally:
        client.close()


def _follow(out: Console, client: Client, bot_id: str, asked: float) -> str:
    """Shows each status as it comes, until the last."""
    seen = ""
    deadline = time.monotonic() + CALL_TIMEOUT_S
    with out.status("") as spinner:
        while time.monotonic() < deadline:
            status = client.status(bot_id)
            if status != seen:
                out.print(f"  {time.monotonic() - asked:6.1f} s  [cyan]{status}[/cyan]")
                seen = status
            spinner.update(f"{time.monotonic() - asked:5.1f} s  {status}")
            if status in {"completed", "failed"}:
                return status
            time.sleep(0.1)
    return seen


def _await_callback(inbox: WebhookInbox, bot_id: str) -> Delivery | None:
    try:
        return inbox.wait_for(lambda d: d.json.get("data", {}).get("bot_id") == bot_id, 20)
    except TimeoutError:
        return None


def _report(
    out: Console,
    client: Client,
    folder: Path,
    bot_id: str,
    status: str,
    callback: Delivery | None,
) -> Outcome:
    missing: list[str] = []
    if status != "completed":
        missing.append(f"a completed recording (the bot ended '{status}': {client.details(bot_id)['error_message']})")
    if callback is None or callback.event != "bot.completed":
        missing.append("the bot.completed callback")
    _download(out, client, bot_id, missing)
    files = Files(folder / "data" / "objects" / "bots" / bot_id / "artifacts")
    if not files.listed:
        missing.append("the recording's manifest")
        return Outcome(missing)
    _print_conversation(out, files, missing)
    _print_files(out, files, missing)
    _print_cost(out, folder, bot_id, missing)
    return Outcome(missing)


def _download(out: Console, client: Client, bot_id: str, missing: list[str]) -> None:
    """Every URL that the API gives must deliver; the video's streams while it renders, so this waits for the whole."""
    details = client.details(bot_id)
    for field in ("audio", "diarization", "chat_messages", "video"):
        if not details[field]:
            missing.append(f"a URL for '{field}'")
            continue
        with out.status(f"Fetching {field} from its presigned URL (a video streams while it renders) ..."):
            body = client.download(details[field])
        if not body:
            missing.append(f"content behind the URL of '{field}'")
    if not client.screenshots(bot_id):
        missing.append("screenshots")


def _print_conversation(out: Console, files: Files, missing: list[str]) -> None:
    table = Table(title="Who said what", header_style="bold")
    table.add_column("at", justify="right")
    table.add_column("who", style="cyan")
    table.add_column("said (the platform's captions)")
    turns = files.conversation()
    for turn in turns:
        table.add_row(f"{turn.start_s:5.1f} s", turn.speaker, turn.text)
    out.print(table)
    if len({turn.speaker for turn in turns}) < 4:
        missing.append("four named speakers in the diarization")


def _print_files(out: Console, files: Files, missing: list[str]) -> None:
    table = Table(title=f"Files in {files.folder}", header_style="bold", title_justify="left")
    table.add_column("file")
    for column in ("size", "duration", "sha256"):
        table.add_column(column, justify="right")
    for item in files.listed:
        duration = f"{item.duration_s:.1f} s" if item.duration_s else ""
        table.add_row(item.name, f"{item.size_bytes / 1000:,.0f} kB", duration, item.sha256[:12])
        if not files.intact(item):
            missing.append(f"{item.name} as its manifest describes it")
    out.print(table)
    for wanted in ("output.flac", "diarization.jsonl", "video.mp4", "captions.vtt", "chat_messages.json"):
        if wanted not in {item.name for item in files.listed}:
            missing.append(wanted)


def _print_cost(out: Console, folder: Path, bot_id: str, missing: list[str]) -> None:
    """What the bot reported about itself until it left."""
    command = [sys.executable, "-m", "meetfleet", "bots", "show", bot_id, "--json"]
    env = {**os.environ, "MEETFLEET_DATA": str(folder / "data")}
    answer = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    bot: dict[str, Any] = json.loads(answer.stdout) if answer.returncode == 0 else {}
    if not bot.get("cpu_s") or not bot.get("peak_memory_bytes"):
        missing.append(f"the bot's cost {answer.stderr}".strip())
        return
    recorded = bot["duration_s"] or 1
    out.print(
        f"\n[bold]Cost of the bot[/bold]  {bot['cpu_s']:.1f} CPU-seconds for {recorded:.0f} s of recording, joining "
        f"included ({bot['cpu_s'] / recorded:.2f} cores); peak memory {bot['peak_memory_bytes'] / 1e6:.0f} MB"
    )


def _what_next(out: Console, folder: Path) -> None:
    out.print(
        "\n[bold]Next[/bold]\n"
        "  script/server            the same server for real use; prints a first API key\n"
        "  docs/api-v2.md           the API; also served at /v2/openapi.json\n"
        "  meetfleet tape info DIR  look into the tape\n"
        f"  {folder}   everything this demo made (delete it when you are done)\n"
    )
