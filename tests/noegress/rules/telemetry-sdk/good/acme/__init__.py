import os

import sentry_sdk


def begin():
    analytics = object()
    analytics.track()
    sentry_sdk.init(dsn=os.environ.get("SENTRY_DSN"))
