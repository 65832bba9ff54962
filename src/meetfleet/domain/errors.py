"""The one tree of errors.

MeetfleetError
├── RequestError          the caller's fault; one HTTP status each
│   ├── InvalidRequest        400
│   ├── Unauthenticated       401
│   ├── PaymentRequired       402
│   ├── Forbidden             403
│   ├── NotFound              404
│   ├── Conflict              409
│   ├── Unprocessable         422
│   └── TooManyRequests       429
├── JoinError             ends a bot; carries the EndReason
├── MediaError            the bot goes on, degraded
├── ProviderError         an outside service failed
├── RunnerError           the machine failed, not the call
└── TapeError             a tape cannot be read or written
"""

from meetfleet.domain.end_reason import EndReason


class MeetfleetError(Exception):
    """Base of every error that this code base raises on purpose.

    Args:
        message: One sentence for a person; never holds a secret.
        code: Stable machine word; each dialect maps it to its own spelling.
        hint: What the reader can do about it.
    """

    retryable = False

    def __init__(self, message: str, *, code: str = "internal", hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint


class RequestError(MeetfleetError):
    """The caller asked for something that cannot be done as asked."""

    status = 400


class InvalidRequest(RequestError):
    """Body, query or path does not fit the contract."""

    status = 400


class Unauthenticated(RequestError):
    """No API key, or one that we do not know."""

    status = 401


class PaymentRequired(RequestError):
    """The team has too few tokens."""

    status = 402


class Forbidden(RequestError):
    """A known key without the permission for this call."""

    status = 403


class NotFound(RequestError):
    """The thing does not exist, or belongs to another team."""

    status = 404


class Conflict(RequestError):
    """The thing's present state does not allow the call."""

    status = 409


class Unprocessable(RequestError):
    """Well-formed and allowed, but the meeting does not permit it."""

    status = 422


class TooManyRequests(RequestError):
    """A rate, a cap or a concurrency limit is reached.

    Args:
        retry_after_s: Whole seconds after which another try can succeed.
    """

    status = 429
    retryable = True

    def __init__(self, message: str, *, code: str = "rate_limited", retry_after_s: int = 1) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class JoinError(MeetfleetError):
    """The bot cannot get into, or stay in, the meeting."""

    def __init__(self, reason: EndReason, message: str) -> None:
        super().__init__(message, code=reason.value)
        self.reason = reason


class MediaError(MeetfleetError):
    """A piece of media is unusable; the bot goes on without it."""


class ProviderError(MeetfleetError):
    """An outside service answered with an error or not at all.

    Args:
        retry_after_s: When it wants to be asked again, if it says so.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "provider_error",
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class RunnerError(MeetfleetError):
    """The host could not start or keep a bot: no memory, no browser, no disk."""

    retryable = True


class TapeError(MeetfleetError):
    """A tape or a segment is damaged beyond what the reader can skip."""
