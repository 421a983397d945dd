"""Waivers that ran out, and those that will soon: told in time, since what they waive is refused from then on."""

from datetime import date, timedelta

from noegress.policy.model import Policy

NOTICE = timedelta(days=14)


def expiry_notices(policy: Policy, *, today: date) -> tuple[str, ...]:
    """A sentence for each waiver that no longer holds, or for a fortnight at most, in the order of the policy."""
    notices = []
    for waiver in policy.waiver:
        about = f"the waiver of {waiver.category} for {waiver.project}"
        if waiver.expires < today:
            notices.append(f"{about} ran out on {waiver.expires}: what it waived is refused")
        elif waiver.expires <= today + NOTICE:
            notices.append(f"{about} runs out on {waiver.expires}")
    return tuple(notices)
