"""Meeting BaaS v2: which error has which code. docs/errors.md is made from this table. Source: contract.md 1.10."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WireError:
    """One code that callers can get.

    Attributes:
        status: HTTP status.
        when: In words, for the documentation.
        error: Our own code of the error; None for whatever else has this status.
    """

    status: int
    code: str
    when: str
    error: str | None = None


VALIDATION_CODE = "FST_ERR_VALIDATION"
INTERNAL_CODE = "FST_ERR_INTERNAL"

ERRORS = (
    WireError(400, VALIDATION_CODE, "body, query, path or cursor does not fit; `message` says where"),
    WireError(
        400,
        "FST_ERR_INVALID_MEETING_PLATFORM",
        "the URL is not Google Meet, Teams or Zoom",
        "invalid_meeting_platform",
    ),
    WireError(
        400,
        "FST_ERR_BYOK_TRANSCRIPTION_NOT_ENABLED_ON_PLAN",
        "the bot brings a transcription key, and the team's plan takes none",
        "byok_transcription_not_enabled_on_plan",
    ),
    # C1: the one attested code for a bad key.
    WireError(401, "FST_ERR_FORBIDDEN", "no key, or an unknown one"),
    WireError(
        402,
        "FST_ERR_INSUFFICIENT_TOKENS",
        "the team is billed and has less than half a token",
        "insufficient_tokens",
    ),
    WireError(
        403,
        "FST_ERR_FORBIDDEN",
        "a sending key where full access is needed; a file link that has expired or was changed",
    ),
    WireError(404, "FST_ERR_BOT_NOT_FOUND_BY_ID", "no such bot, or another team's", "bot_not_found"),
    WireError(
        404,
        "FST_ERR_ZOOM_CREDENTIAL_NOT_FOUND_BY_ID",
        "no such Zoom credential, or another team's, or a deleted one",
        "zoom_credential_not_found",
    ),
    WireError(404, "FST_ERR_WORKSPACE_NOT_FOUND_BY_ID", "likewise for workspaces", "workspace_not_found"),
    WireError(404, "FST_ERR_LOGIN_NOT_FOUND_BY_ID", "likewise for logins", "login_not_found"),
    WireError(
        404,
        "FST_ERR_STORAGE_CONFIG_NOT_FOUND",
        "no storage of the team's own was ever configured",
        "storage_config_not_found",
    ),
    WireError(404, "FST_ERR_NOT_FOUND", "no such route, file or setting"),
    WireError(405, "FST_ERR_METHOD_NOT_ALLOWED", "the route has no such method"),
    WireError(
        409,
        "FST_ERR_BOT_ALREADY_EXISTS",
        "`allow_multiple_bots: false`, and one was sent within five minutes",
        "bot_already_exists",
    ),
    WireError(409, "FST_ERR_BOT_STATUS", "the bot's present status does not allow it", "bot_status"),
    WireError(
        409,
        "FST_ERR_JOIN_TIME_TOO_CLOSE",
        "a scheduled bot is, or would be, due within four minutes",
        "join_time_too_close",
    ),
    WireError(
        409,
        "FST_ERR_SANDBOX_UNAVAILABLE",
        "a `mb_test_` key, and this server cannot run the lab; `details` says what to install",
        "sandbox_unavailable",
    ),
    WireError(409, "FST_ERR_CALLBACK_NOT_CONFIGURED", "there is no callback to retry", "callback_not_configured"),
    WireError(409, "FST_ERR_CONFLICT", "the request contradicts what is there"),
    WireError(413, "FST_ERR_CTP_BODY_TOO_LARGE", "the body is larger than 2 MB"),
    WireError(416, "FST_ERR_RANGE_NOT_SATISFIABLE", "a range behind the end of a file"),
    WireError(422, "FST_ERR_CHAT_DISABLED", "the meeting does not let the bot write", "chat_disabled"),
    WireError(
        429,
        "FST_ERR_TOO_MANY_REQUESTS",
        "more calls in this second than the plan allows; `retryAfter` says how long to wait",
    ),
    WireError(
        429,
        "FST_ERR_DAILY_BOT_CAP_REACHED",
        "more bots within 24 hours than the plan allows; `retryAfter` says how long to wait",
        "daily_bot_cap_reached",
    ),
    WireError(
        500,
        "FST_ERR_SEND_CHAT_MESSAGE_FAILED",
        "the bot could not write, or did not answer within 15 s",
        "send_chat_message_failed",
    ),
    WireError(500, INTERNAL_CODE, "our mistake; the log has it under the answer's `x-request-id`"),
)

BY_ERROR = {one.error: one.code for one in ERRORS if one.error is not None}
BY_STATUS = {one.status: one.code for one in ERRORS if one.error is None}
