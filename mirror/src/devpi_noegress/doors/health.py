"""Whether a mirror serves, and what keeps it from admitting; for load balancers and for the person who looks."""

from http import HTTPStatus

from devpi_noegress.http.answers import NO_STORE, Answer, answer
from devpi_noegress.mirror import Mirror


def health(mirror: Mirror) -> Answer:
    """200 while what was admitted is served; 503 where only a restart helps. The body names every trouble."""
    if not mirror.admissions.is_alive:
        return answer(
            HTTPStatus.SERVICE_UNAVAILABLE, b"it does not write any more; start it again\n", headers=[NO_STORE]
        )
    lines = ["serving", *(f"not admitting: {trouble}" for trouble in mirror.trouble())]
    return answer(HTTPStatus.OK, "".join(f"{line}\n" for line in lines).encode(), headers=[NO_STORE])
