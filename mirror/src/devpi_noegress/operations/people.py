"""Operations about people: who has which role, who asked for what, and who decided it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from devpi_noegress.admission.choice import parse_target
from devpi_noegress.mirror import Mirror
from devpi_noegress.operations.outcome import Outcome, Tell
from devpi_noegress.people.access import Role
from devpi_noegress.people.request_book import Request, RequestState
from noegress.errors import UsageError

_LONGEST = 500  # characters of a reason


def give_access(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Give a person a role and a token."""
    try:
        role = Role(arguments["role"])
        expires = date.fromisoformat(arguments["expires"]) if arguments.get("expires") else None
    except ValueError as error:
        raise UsageError(
            f"the role or the day cannot be read: {error}", fix="see noegress mirror access add -h"
        ) from error
    token = mirror.access.add(str(arguments["name"]), role, expires=expires)
    mirror.audit.add(who=arguments["who"], action="access add", subject=arguments["name"], detail=role)
    return Outcome(lines=(token,), exit_status=0)


def take_access(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Take a person's role and token away."""
    mirror.access.remove(str(arguments["name"]))
    mirror.audit.add(who=arguments["who"], action="access remove", subject=arguments["name"])
    return Outcome(lines=(f"{arguments['name']} has no role any more",), exit_status=0)


def list_access(mirror: Mirror, _arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Who has which role."""
    lines = (
        f"{person.name}: {person.role}" + (f" until {person.expires}" if person.expires else "")
        for person in mirror.access.people
    )
    return Outcome(lines=tuple(lines) or ("nobody has a role; the folder's owner may do everything",), exit_status=0)


def request(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Ask for an admission."""
    reason = _text(arguments, "reason")
    target = str(parse_target(str(arguments["target"])))
    asked = mirror.requests.add(who=arguments["who"], target=target, reason=reason)
    mirror.audit.add(who=arguments["who"], action="request", subject=target, detail=reason)
    return Outcome(lines=(f"request {asked.id} for {target} waits for an approver",), exit_status=0)


def list_requests(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Who asked for what."""
    found = mirror.requests.latest(500) if arguments.get("all") else mirror.requests.open()
    return Outcome(lines=tuple(map(_line, found)) or ("no request waits",), exit_status=0)


def decline(mirror: Mirror, arguments: Mapping[str, Any], _tell: Tell) -> Outcome:
    """Close a request without an admission."""
    asked = mirror.requests.deciding(int(arguments["number"]), who=arguments["who"])
    note = _text(arguments, "reason")
    mirror.requests.decide(asked.id, RequestState.DECLINED, who=arguments["who"], note=note)
    mirror.audit.add(who=arguments["who"], action="decline", subject=asked.target, detail=f"request {asked.id}: {note}")
    return Outcome(lines=(f"request {asked.id} for {asked.target} was declined",), exit_status=0)


def _line(item: Request) -> str:
    decided = f" by {item.decided_by}" if item.decided_by else ""
    note = f": {item.note}" if item.note else ""
    return (
        f"{item.id} {item.at:%Y-%m-%d %H:%M} UTC {item.who} {item.target}: {item.reason} [{item.state}{decided}{note}]"
    )


def _text(arguments: Mapping[str, Any], key: str) -> str:
    text = str(arguments.get(key, "")).strip()
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise UsageError(f"the {key} is one line of 1 to {_LONGEST} characters", fix=f"give --{key} 'what it is for'")
    return text
