import sentry_sdk

DSN = "https://0123456789abcdef0123456789abcdef@o42.ingest.sentry.io/42"


def begin():
    sentry_sdk.init(dsn=DSN)


begin()
