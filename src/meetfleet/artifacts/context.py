"""What a build is told from outside."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What the tape cannot know. Empty fields are filled from the tape.

    Attributes:
        bot_name: Shown in the manifest; the bot's own media is recognised by the roster.
        with_user_ids: Whether diarization and chat number people; some platforms' contracts do not.
    """

    bot_id: str = ""
    platform: str = ""
    bot_name: str = ""
    with_user_ids: bool = True


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build.

    Attributes:
        speaker_audio: Whether to make one file for each person.
    """

    speaker_audio: bool = True
